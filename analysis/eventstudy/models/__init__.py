"""Normal-return models, and the regressions behind them."""
