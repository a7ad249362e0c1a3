"""Normal-return models: a block of rows in, abnormal returns and their variances out.

Each model is a small frozen value that says which factors a security needs and how a
`Block` becomes a `Fit`. `study` calls them, in chunks, possibly in other processes, so a
model must pickle.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from analysis.errors import InputError
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.models.lagged_factors import (
    event_securities,
    excess,
    excess_name,
    join_factors,
    names,
)
from analysis.eventstudy.models.least_squares import Fit, least_squares, market_adjusted
from analysis.eventstudy.models.peers import EqualWeight, Reads

if TYPE_CHECKING:
    import pandas as pd

# A column of factors, security -> column for several benchmarks, or the mean of the peers.
Market = str | Mapping[Hashable, str | None] | EqualWeight

# Ken French's library: the three-factor model's size factor is not that of five factors.
FAMA_FRENCH_3 = ("mkt_rf", "smb_ff3", "hml")
FAMA_FRENCH_5 = ("mkt_rf", "smb", "hml", "rmw", "cma")
CARHART = (*FAMA_FRENCH_3, "mom")


class Model(Protocol):
    """What the engine asks of a normal-return model."""

    @property
    def name(self) -> str:
        """Name in a sentence: ``"market model"``."""

    @property
    def k(self) -> int:
        """Estimated parameters, the constant included."""

    @property
    def rf(self) -> str | None:
        """Factor to subtract from every return, the risk-free rate."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Columns of the estimates."""

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """Columns of factors that a security needs; None where it has no benchmark."""

    def fit(self, block: Block) -> Fit:
        """Fit every event of a block."""


@runtime_checkable
class PreparedModel(Protocol):
    """A model that makes columns of factors of its own before the study begins."""

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Model, pd.DataFrame | None]:
        """Return the model to fit, and the factors with the columns that it needs.

        The frames are those that `inputs` checked; the model keeps its name.
        """


@runtime_checkable
class Readable(Model, Protocol):
    """A model that can be studied by tickers and names of factors: all of the engine's."""

    def reads(self) -> Reads:
        """Name the series that the model reads."""


@dataclass(frozen=True)
class MeanAdjusted:
    """Normal return: the security's mean in the estimation window.

    AR = R − R̄, s² = Σ(R − R̄)²/(T−1), Var(AR) = s²(1 + 1/T). Source: MacKinlay (1997,
    eq. 2), the constant mean return model.
    """

    name: ClassVar[str] = "mean-adjusted returns"
    k: ClassVar[int] = 1
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "sigma", "n", "r2")

    def reads(self) -> Reads:
        """Read nothing else."""
        return Reads()

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need no factor."""
        return ()

    def fit(self, block: Block) -> Fit:
        """Take the mean of every event's estimation window."""
        return least_squares(block)


@dataclass(frozen=True)
class BenchmarkModel:
    """What the models on one benchmark per security share.

    Parameters
    ----------
    market : str, mapping or EqualWeight
        Column of ``factors``; security -> column for several benchmarks; or the mean of the
        peers, see `peers.EqualWeight`.
    """

    name: ClassVar[str] = "model on a benchmark"

    market: Market = "market"

    def reads(self) -> Reads:
        """Read the benchmarks, or the mean of the peers."""
        if isinstance(self.market, EqualWeight):
            return Reads(peers=self.market)
        named = [self.market] if isinstance(self.market, str) else self.market.values()
        return Reads(benchmarks=tuple(dict.fromkeys(one for one in named if one)))

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """Name the security's benchmark."""
        column = benchmark(self.market, security)
        return None if column is None else (column,)

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame | None]:
        """Average the peers, where they are the benchmark."""
        if not isinstance(self.market, EqualWeight):
            return self, factors
        columns, made = self.market.columns(returns, events)
        return replace(self, market=columns), join_factors(factors, made)


def required_factors(model: Model, securities: Sequence[Hashable]) -> list[tuple[str, ...] | None]:
    """Columns of factors that each of some securities needs, see `Model.needs`."""
    market, asks = getattr(model, "market", None), getattr(type(model), "needs", None)
    if asks is BenchmarkModel.needs and isinstance(market, str):
        # One column for everybody: a quarter of a million securities need not be asked.
        return [(market,)] * len(securities)
    return [model.needs(security) for security in securities]


@dataclass(frozen=True)
class MarketAdjusted(BenchmarkModel):
    """Normal return: the market's return on the same day, nothing estimated.

    AR = R − R_m, not demeaned; s² is the variance of the differences about their mean with
    T−1 degrees of freedom, Var(AR) = s² without leverage. The table of parameters shows
    the imposed alpha 0 and beta 1, and the r2 that they reach, which can be negative.
    Source: MacKinlay (1997, section 4), the restricted market model.

    Parameters
    ----------
    market : str, mapping or EqualWeight
        See `BenchmarkModel`.
    """

    name: ClassVar[str] = "market-adjusted returns"
    k: ClassVar[int] = 0
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def fit(self, block: Block) -> Fit:
        """Subtract the market and measure the variance of the differences."""
        return market_adjusted(with_factors(block, 1))


@dataclass(frozen=True)
class MarketModel(BenchmarkModel):
    """Normal return: α + β·R_m, by least squares on the estimation window.

    Var(AR_t) = s²(1 + x_t'(X'X)⁻¹x_t), s² = RSS/(T−2). Source: MacKinlay (1997, eqs. 3, 7
    and 8).

    Parameters
    ----------
    market : str, mapping or EqualWeight
        See `BenchmarkModel`.
    """

    name: ClassVar[str] = "market model"
    k: ClassVar[int] = 2
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on its benchmark."""
        return least_squares(with_factors(block, 1))


@dataclass(frozen=True)
class CAPM(BenchmarkModel):
    """Normal return: R_f + α + β·(R_m − R_f), by least squares on the estimation window.

    The market model in excess of the risk-free rate: Sharpe (1964); Lintner (1965). α is
    estimated as Jensen (1968) does, not set to 0, and Var(AR) is the market model's.

    Parameters
    ----------
    market : str, mapping or EqualWeight
        See `BenchmarkModel`; by default the market of Ken French's library.
    rf : str
        Column of ``factors``: the risk-free rate, decimal daily. It is subtracted from every
        return of a security.
    excess : bool
        Whether the market's figures are in excess of the rate already, as Ken French's
        Mkt−RF is. False for an index or for peers: the rate is then subtracted from them.

    Raises
    ------
    InputError
        A mean of peers that is said to be in excess of the rate: returns are not.
    """

    market: Market = "mkt_rf"
    rf: str = "rf"
    excess: bool = True

    name: ClassVar[str] = "CAPM"
    k: ClassVar[int] = 2
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def __post_init__(self) -> None:
        if self.excess and isinstance(self.market, EqualWeight):
            raise InputError(
                "The mean of peers is not an excess return: use CAPM(..., excess=False)."
            )

    def reads(self) -> Reads:
        """Read the rate too; a market in excess of it is a factor like any other."""
        found = super().reads()
        if self.excess:
            return Reads(factors=(*found.benchmarks, self.rf))
        return replace(found, factors=(self.rf,))

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[CAPM, pd.DataFrame | None]:
        """Average the peers and subtract the rate from the market, where either is asked."""
        if self.excess:
            return self, factors
        model, factors = super().prepare(returns, events, factors)
        column_of = {one: benchmark(model.market, one) for one in event_securities(events)}
        columns = names([(column,) if column else None for column in column_of.values()])
        if not columns:
            return replace(model, market=column_of, excess=True), factors
        market = {one: col and excess_name(col, self.rf) for one, col in column_of.items()}
        made = excess(factors, columns, self.rf, self.name)
        return replace(model, market=market, excess=True), made

    def fit(self, block: Block) -> Fit:
        """Regress every event's excess returns on its benchmark's."""
        return least_squares(with_factors(block, 1))


@dataclass(frozen=True)
class FactorModel:
    """Normal return: α + Σβ_j·f_j, by least squares on the estimation window.

    Var(AR_t) = s²(1 + x_t'(X'X)⁻¹x_t), s² = RSS/(T−k): Campbell, Lo & MacKinlay (1997,
    section 4.4.2). `ff3`, `ff5` and `carhart` name the usual columns.

    Parameters
    ----------
    columns : sequence of str
        Columns of ``factors``, for instance ``("mkt_rf", "smb", "hml")``.
    rf : str, optional
        Column to subtract from every return first: the risk-free rate, decimal daily.

    Raises
    ------
    InputError
        No column, or one named twice.
    """

    columns: Sequence[str]
    rf: str | None = None

    name: ClassVar[str] = "factor model"

    def __post_init__(self) -> None:
        names = (self.columns,) if isinstance(self.columns, str) else tuple(self.columns)
        if not names:
            raise InputError("FactorModel needs at least one column of factors.")
        if len(set(names)) < len(names):
            raise InputError(f"FactorModel names a column twice: {', '.join(map(str, names))}.")
        object.__setattr__(self, "columns", names)

    @classmethod
    def ff3(cls, rf: str | None = "rf") -> FactorModel:
        """Market, size and value: Fama & French (1993).

        R − R_f = α + b·(R_m − R_f) + s·SMB + h·HML.
        Columns mkt_rf, smb_ff3 and hml of ``factors``, returns in excess of ``rf``; with
        other names write ``FactorModel(columns, rf=...)``.
        """
        return cls(FAMA_FRENCH_3, rf)

    @classmethod
    def ff5(cls, rf: str | None = "rf") -> FactorModel:
        """Market, size, value, profitability and investment: Fama & French (2015).

        R − R_f = α + b·(R_m − R_f) + s·SMB + h·HML + r·RMW + c·CMA.
        Columns mkt_rf, smb, hml, rmw and cma; smb is the five-factor library's own.
        """
        return cls(FAMA_FRENCH_5, rf)

    @classmethod
    def carhart(cls, rf: str | None = "rf") -> FactorModel:
        """Market, size, value and momentum: Carhart (1997).

        R − R_f = α + b·(R_m − R_f) + s·SMB + h·HML + p·MOM.
        Columns mkt_rf, smb_ff3, hml and mom.
        """
        return cls(CARHART, rf)

    @property
    def k(self) -> int:
        """One coefficient per factor and the constant."""
        return len(self.columns) + 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the betas by their factors; a single one is plain ``beta``."""
        many = len(self.columns) > 1
        betas = (f"beta_{name}" if many else "beta" for name in self.columns)
        return ("alpha", *betas, "sigma", "n", "r2")

    def reads(self) -> Reads:
        """Read the columns and the rate."""
        return Reads(factors=(*self.columns, *([self.rf] if self.rf else [])))

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need the same factors for every security."""
        return tuple(self.columns)

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on the factors."""
        return least_squares(block)


def benchmark(market: Market, security: Hashable) -> str | None:
    """Name a security's benchmark; None where it has none.

    Raises
    ------
    InputError
        Peers that were not averaged yet: an `EventStudy` does that when it is made.
    """
    if isinstance(market, str):
        return market
    if isinstance(market, EqualWeight):
        raise InputError("EqualWeight becomes a benchmark only in an EventStudy: give it one.")
    column = market.get(security)
    # A blank or missing cell of a table of instruments is no benchmark.
    return column if isinstance(column, str) and column else None


def with_factors(block: Block, count: int) -> Block:
    """The block; one without events, which has no factors either, with as many as are read."""
    if block.factors.shape[1] == count or len(block.returns):
        return block
    return replace(
        block,
        factors=np.empty((0, count, len(block.offsets))),
        estimation_factors=np.empty((0, count, len(block.estimation_offsets))),
    )
