"""From a model's name to the engine's model and the factor columns that it reads.

The desk, the notebook and the command share these names; the engine knows only columns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    from analysis.eventstudy.models.linear import Model, OnMarket

MODELS: dict[str, str] = {
    "market": "market model: the return on a constant and the benchmark",
    "market_adjusted": "the return less the benchmark's",
    "mean_adjusted": "the return less its mean in the estimation window",
    "capm": "CAPM: excess returns on the US market factor",
    "ff3": "Fama-French three factors (US)",
    "ff5": "Fama-French five factors (US)",
    "carhart": "Fama-French three factors and momentum (US)",
    "scholes_williams": "market model with the beta of Scholes and Williams, for thin trading",
    "dimson": "market model with a lag and a lead of the benchmark, for thin trading",
    "lagged": "market model on the benchmark's last session before, for Asia on a US benchmark",
    "ewma": "market model with an exponentially weighted residual variance",
    "garch": "market model with a GARCH(1,1) residual variance",
    "quantile": "market model by median regression",
    "robust": "market model by Huber's robust regression",
    "equal_weight": "market model on the mean of the other securities of the same trading hours",
    "unshocked": "market model on the mean of the securities that the study leaves out",
}

READS_US_FACTORS = ("capm", "ff3", "ff5", "carhart")
READS_PEERS = ("equal_weight", "unshocked")
MOVING_VARIANCE = ("ewma", "garch")
READS_BENCHMARK = (
    "market",
    "market_adjusted",
    "scholes_williams",
    "dimson",
    "lagged",
    "quantile",
    "robust",
    *MOVING_VARIANCE,
)

_LEAST_PEERS = 5


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
    peers : tuple of str
        Tickers whose returns the model reads beside those of the study.
    """

    name: str
    model: Model
    needs_benchmark: bool
    factors: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


def choose_model(
    name: str | Model,
    benchmarks: Mapping[str, str],
    peers: Mapping[str, Sequence[str]] | None = None,
) -> ModelChoice:
    """Build the engine's model for a name.

    Parameters
    ----------
    name : str or Model
        One of `MODELS`, or a model of the engine, which is taken as it is: its markets are
        tickers, its factors columns of the ``factors`` table.
    benchmarks : mapping of str to str
        Security to the ticker of its benchmark.
    peers : mapping of str to sequence of str, optional
        Security to those it may be compared with, itself among them.

    Raises
    ------
    InputError
        For an unknown name; the message lists the valid ones. For a model on peers of whom
        there are too few.
    """
    if not isinstance(name, str):
        return _as_given(name, peers or {})
    if name in READS_BENCHMARK:
        market: dict[Hashable, str | None] = dict(benchmarks.items())
        return ModelChoice(name, _on_benchmark(name, market), needs_benchmark=True)
    if name in READS_PEERS:
        return _on_peers(name, peers or {})
    if name in MODELS:
        return replace(_as_given(_plain(name), {}), name=name)
    raise unknown_name("model", name, MODELS)


def _on_benchmark(name: str, market: dict[Hashable, str | None]) -> Model:
    """Models on one benchmark per security."""
    from analysis.eventstudy import (
        Dimson,
        Ewma,
        Garch,
        MarketAdjusted,
        MarketModel,
        QuantileModel,
        RobustModel,
        ScholesWilliams,
    )

    made: dict[str, Callable[[], Model]] = {
        "market": lambda: MarketModel(market),
        "market_adjusted": lambda: MarketAdjusted(market),
        "scholes_williams": lambda: ScholesWilliams(market),
        "dimson": lambda: Dimson(market),
        "lagged": lambda: Dimson(market, lags=1, leads=0, contemporaneous=False),
        "ewma": lambda: Ewma(MarketModel(market)),
        "garch": lambda: Garch(MarketModel(market)),
        "quantile": lambda: QuantileModel(MarketModel(market)),
        "robust": lambda: RobustModel(MarketModel(market)),
    }
    return made[name]()


def _plain(name: str) -> Model:
    """Models that read no benchmark of the securities."""
    from analysis.eventstudy import CAPM, FactorModel, MeanAdjusted

    made: dict[str, Callable[[], Model]] = {
        "mean_adjusted": MeanAdjusted,
        "capm": CAPM,
        "ff3": FactorModel.ff3,
        "ff5": FactorModel.ff5,
        "carhart": FactorModel.carhart,
    }
    return made[name]()


def _on_peers(name: str, peers: Mapping[str, Sequence[str]]) -> ModelChoice:
    from analysis.eventstudy import EqualWeight, MarketModel

    gone = set(peers) if name == "unshocked" else set()
    left = {security: set(theirs) - gone - {security} for security, theirs in peers.items()}
    if not any(len(theirs) >= _LEAST_PEERS for theirs in left.values()):
        raise InputError(
            f"The model {name!r} finds fewer than {_LEAST_PEERS} securities to compare with "
            "outside the study: choose fewer securities, with tickers or a group."
        )
    benchmark = EqualWeight(
        dict(peers.items()), "shocked" if name == "unshocked" else "itself", _LEAST_PEERS
    )
    return replace(_as_given(MarketModel(benchmark), peers), name=name)


def _as_given(model: object, peers: Mapping[str, Sequence[str]]) -> ModelChoice:
    """What a model of the engine reads; a model on another reads what that one does."""
    from analysis.eventstudy import (
        CAPM,
        Ewma,
        FactorModel,
        Garch,
        MeanAdjusted,
        QuantileModel,
        RobustModel,
    )
    from analysis.eventstudy.models.linear import OnMarket

    if isinstance(model, Ewma | Garch | QuantileModel | RobustModel):
        return replace(_as_given(model.base, peers), name=model.name, model=model)
    if isinstance(model, FactorModel):
        read = (*model.columns, *([model.rf] if model.rf else []))
        return ModelChoice(model.name, model, needs_benchmark=False, factors=tuple(read))
    if isinstance(model, CAPM) and model.excess:
        read = (*_named(model), model.rf)
        return ModelChoice(model.name, model, needs_benchmark=False, factors=read)
    if isinstance(model, OnMarket):
        markets = _named(model)
        return ModelChoice(
            model.name,
            cast("Model", model),
            needs_benchmark=bool(markets),
            factors=(model.rf,) if isinstance(model, CAPM) else (),
            markets=markets,
            peers=_compared(model, peers),
        )
    if isinstance(model, MeanAdjusted):
        return ModelChoice(model.name, model, needs_benchmark=False)
    raise InputError(
        f"model {model!r} is neither a name ({', '.join(MODELS)}) nor a model of the engine."
    )


def _named(model: OnMarket) -> tuple[str, ...]:
    """Columns that a model names as its market, each once."""
    from analysis.eventstudy import EqualWeight

    if isinstance(model.market, EqualWeight):
        return ()
    if isinstance(model.market, str):
        return (model.market,)
    return tuple(dict.fromkeys(item for item in model.market.values() if item))


def _compared(model: OnMarket, peers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Tickers that a mean of peers reads: those listed, else all that may be compared with."""
    from analysis.eventstudy import EqualWeight

    if not isinstance(model.market, EqualWeight):
        return ()
    given = model.market.securities
    if given is not None and not isinstance(given, Mapping):
        return tuple(str(item) for item in given)
    listed = peers if given is None else given
    return tuple(dict.fromkeys(str(item) for theirs in listed.values() for item in theirs))
