"""Names of normal-return models, and what each reads.

The desk, the notebook and the command share these names; the engine knows only columns. A
model is one class and one line of `MODELS`; one of another package is added by
`register_model`, or by an entry point of the group ``faultline.models`` whose object is a
`ModelSpec`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal

from analysis import eventstudy as engine
from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    from analysis.eventstudy.models.linear import Market, Model, Readable
    from analysis.eventstudy.models.peers import EqualWeight

ENTRY_POINTS = "faultline.models"
MIN_PEERS = 5


@dataclass(frozen=True)
class ModelSpec:
    """A model under a name.

    Attributes
    ----------
    description : str
        What it is, in a few words after a colon.
    build : callable
        Each security's benchmark in (a ticker, a mapping, or the mean of its peers), the
        engine's model out. What that reads says its method `reads`.
    peers : {"itself", "shocked"}, optional
        The model takes the mean of a security's peers for its benchmark, and these are no
        peers, see `EqualWeight`.
    """

    description: str
    build: Callable[[Market], Readable]
    peers: Literal["itself", "shocked"] | None = None

    @cached_property
    def _sample(self) -> Readable:
        return self.build(engine.EqualWeight() if self.peers else "benchmark")

    @cached_property
    def reads(self) -> Literal["benchmark", "peers", "factors", "nothing"]:
        """What the model explains a return with, beside a constant."""
        found = self._sample.reads()
        if found.peers:
            return "peers"
        return "benchmark" if found.benchmarks else "factors" if found.factors else "nothing"

    @property
    def residual_variance(self) -> str:
        """How the residual variance is estimated, in a table."""
        return getattr(self._sample, "residual_variance", "RSS/(T \u2212 k)")


# The engine imports a class when it is used: this table costs no import.
MODELS: dict[str, ModelSpec] = {
    "market": ModelSpec(
        "market model: the return on a constant and the benchmark",
        lambda on: engine.MarketModel(on),
    ),
    "market_adjusted": ModelSpec(
        "the return less the benchmark's", lambda on: engine.MarketAdjusted(on)
    ),
    "mean_adjusted": ModelSpec(
        "the return less its mean in the estimation window", lambda _: engine.MeanAdjusted()
    ),
    "capm": ModelSpec("CAPM: excess returns on the US market factor", lambda _: engine.CAPM()),
    "ff3": ModelSpec("Fama-French three factors (US)", lambda _: engine.FactorModel.ff3()),
    "ff5": ModelSpec("Fama-French five factors (US)", lambda _: engine.FactorModel.ff5()),
    "carhart": ModelSpec(
        "Fama-French three factors and momentum (US)", lambda _: engine.FactorModel.carhart()
    ),
    "scholes_williams": ModelSpec(
        "market model with the beta of Scholes and Williams, for thin trading",
        lambda on: engine.ScholesWilliams(on),
    ),
    "dimson": ModelSpec(
        "market model with a lag and a lead of the benchmark, for thin trading",
        lambda on: engine.Dimson(on),
    ),
    "lagged": ModelSpec(
        "market model on the benchmark's last session before, for Asia on a US benchmark",
        lambda on: engine.Dimson(on, lags=1, leads=0, contemporaneous=False),
    ),
    "ewma": ModelSpec(
        "market model with an exponentially weighted residual variance",
        lambda on: engine.Ewma(engine.MarketModel(on)),
    ),
    "garch": ModelSpec(
        "market model with a GARCH(1,1) residual variance",
        lambda on: engine.Garch(engine.MarketModel(on)),
    ),
    "quantile": ModelSpec(
        "market model by median regression", lambda on: engine.QuantileModel(engine.MarketModel(on))
    ),
    "robust": ModelSpec(
        "market model by Huber's robust regression",
        lambda on: engine.RobustModel(engine.MarketModel(on)),
    ),
    "equal_weight": ModelSpec(
        "market model on the mean of the other securities of the same trading hours",
        lambda on: engine.MarketModel(on),
        peers="itself",
    ),
    "unshocked": ModelSpec(
        "market model on the mean of the securities that the study leaves out",
        lambda on: engine.MarketModel(on),
        peers="shocked",
    ),
}


def register_model(name: str, spec: ModelSpec) -> None:
    """Give a model a name that no other has, for `Desk.study` and ``faultline study --model``."""
    if MODELS.setdefault(name, spec) is not spec:
        raise InputError(
            f"There is a model {name!r} already; register this one under another name."
        )


def model_names() -> tuple[str, ...]:
    """Names of all models, those of installed packages included."""
    return tuple(dict.fromkeys([*MODELS, *sorted(entry_points(group=ENTRY_POINTS).names)]))


def model_spec(name: str) -> ModelSpec:
    """Look up a model by its name; for an unknown one the `InputError` lists the valid ones."""
    for point in entry_points(group=ENTRY_POINTS, name=name) if name not in MODELS else ():
        MODELS.setdefault(name, point.load())
    if name not in MODELS:
        raise unknown_name("model", name, model_names())
    return MODELS[name]


@dataclass(frozen=True)
class ModelChoice:
    """A model, ready for the engine, by its name in `MODELS` or the engine's name of it.

    Attributes
    ----------
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
        An unknown name, or a model on peers of whom there are too few.
    """
    from analysis.eventstudy.models.linear import Readable

    peers = peers or {}
    if isinstance(name, str):
        spec, homes = model_spec(name), dict[Hashable, str | None](benchmarks.items())
        model = spec.build(_peers(name, spec.peers, peers) if spec.peers else homes)
        found, own = model.reads(), spec.reads == "benchmark"
    elif isinstance(name, Readable) and not isinstance(name, type):
        model, found, own = name, name.reads(), False
        name = model.name
    else:
        raise InputError(
            f"model {name!r} is neither a name ({', '.join(model_names())}) nor a model of the "
            "engine."
        )
    return ModelChoice(
        name,
        model,
        needs_benchmark=own or bool(found.benchmarks),
        factors=found.factors,
        markets=() if own else found.benchmarks,
        peers=_compared(found.peers, peers) if found.peers else (),
    )


def _peers(
    name: str, without: Literal["itself", "shocked"], peers: Mapping[str, Sequence[str]]
) -> EqualWeight:
    """The mean of each security's peers; an `InputError` where no security has enough of them."""
    gone = set(peers) if without == "shocked" else set()
    left = {security: set(theirs) - gone - {security} for security, theirs in peers.items()}
    if not any(len(theirs) >= MIN_PEERS for theirs in left.values()):
        raise InputError(
            f"The model {name!r} finds fewer than {MIN_PEERS} securities to compare with "
            "outside the study: choose fewer securities, with tickers or a group."
        )
    return engine.EqualWeight(dict(peers.items()), without, MIN_PEERS)


def _compared(mean: EqualWeight, peers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Tickers that a mean of peers reads: those listed, else all that may be compared with."""
    given = mean.securities
    if given is not None and not isinstance(given, Mapping):
        return tuple(str(item) for item in given)
    listed = peers if given is None else given
    return tuple(dict.fromkeys(str(item) for theirs in listed.values() for item in theirs))
