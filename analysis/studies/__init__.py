"""From event ids and tickers to a fitted study: day 0, returns, the model, the engine."""
