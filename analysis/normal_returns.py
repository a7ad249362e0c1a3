"""From a model's name to the engine's model and the factor columns that it reads.

The desk, the notebook and the command share these names; the engine knows only columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.errors import InputError, unknown

if TYPE_CHECKING:
    from analysis.eventstudy.models import Model

MODELS: dict[str, str] = {
    "market": "market model: the return on a constant and the benchmark",
    "market_adjusted": "the return less the benchmark's",
    "mean_adjusted": "the return less its mean in the estimation window",
    "ff3": "Fama-French three factors (US)",
    "ff5": "Fama-French five factors (US)",
    "carhart": "Fama-French three factors and momentum (US)",
}

READS_BENCHMARK = ("market", "market_adjusted")

_FACTORS: dict[str, list[str]] = {
    # The three-factor model has a size factor of its own; the five-factor one differs from it.
    "ff3": ["mkt_rf", "smb_ff3", "hml"],
    "ff5": ["mkt_rf", "smb", "hml", "rmw", "cma"],
    "carhart": ["mkt_rf", "smb_ff3", "hml", "mom"],
}


READS_US_FACTORS = tuple(_FACTORS)


@dataclass(frozen=True)
class ModelChoice:
    """A named model, ready for the engine.

    Attributes
    ----------
    name : str
        One of `MODELS`.
    model : Model
        The engine's object.
    needs_benchmark : bool
        Whether a security without a benchmark must be skipped.
    factors : tuple of str
        Columns of the ``factors`` table that the model reads.
    markets : tuple of str
        Tickers that a model given as an object names as its market.
    """

    name: str
    model: Model
    needs_benchmark: bool
    factors: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()


def choose_model(name: str | Model, benchmarks: Mapping[str, str]) -> ModelChoice:
    """Build the engine's model for a name.

    Parameters
    ----------
    name : str or Model
        One of `MODELS`, or a model of the engine, which is taken as it is: its markets are
        tickers, its factors columns of the ``factors`` table.
    benchmarks : mapping of str to str
        Security to the ticker of its benchmark.

    Raises
    ------
    InputError
        For an unknown name; the message lists the valid ones.
    """
    from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted

    if not isinstance(name, str):
        return _as_given(name)
    market: dict[Hashable, str | None] = dict(benchmarks.items())
    if name == "market":
        return ModelChoice(name, MarketModel(market=market), needs_benchmark=True)
    if name == "market_adjusted":
        return ModelChoice(name, MarketAdjusted(market=market), needs_benchmark=True)
    if name == "mean_adjusted":
        return ModelChoice(name, MeanAdjusted(), needs_benchmark=False)
    if name in _FACTORS:
        columns = _FACTORS[name]
        model = FactorModel(columns, rf="rf")
        return ModelChoice(name, model, needs_benchmark=False, factors=(*columns, "rf"))
    raise unknown("model", name, MODELS)


def _as_given(model: object) -> ModelChoice:
    from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted

    if isinstance(model, FactorModel):
        read = (*model.columns, *([model.rf] if model.rf else []))
        return ModelChoice(model.name, model, needs_benchmark=False, factors=tuple(read))
    if isinstance(model, MarketModel | MarketAdjusted):
        market = model.market
        named = [market] if isinstance(market, str) else [item for item in market.values() if item]
        return ModelChoice(model.name, model, needs_benchmark=True, markets=tuple(named))
    if isinstance(model, MeanAdjusted):
        return ModelChoice(model.name, model, needs_benchmark=False)
    raise InputError(
        f"model {model!r} is neither a name ({', '.join(MODELS)}) nor a model of the engine."
    )
