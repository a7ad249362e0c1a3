"""Normal-return models: a block of rows in, abnormal returns and their variances out.

Each model is a small frozen value that says which factors a security needs and how a
`Block` becomes a `Fit`. `study` calls them, in chunks, possibly in other processes, so a
model must pickle.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from analysis.errors import InputError
from analysis.eventstudy.fits import Fit, differences, least_squares
from analysis.eventstudy.windows import Block

if TYPE_CHECKING:
    import pandas as pd


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
class Prepared(Protocol):
    """A model that makes columns of factors of its own before the study begins."""

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Model, pd.DataFrame | None]:
        """Make what the model needs out of checked frames.

        Parameters
        ----------
        returns, events, factors : pandas.DataFrame
            As `inputs` checked them.

        Returns
        -------
        Model
            The model to fit; it answers to the same name.
        pandas.DataFrame or None
            Dates × factors, with the columns that this model needs.
        """


@dataclass(frozen=True)
class MeanAdjusted:
    """Normal return: the security's mean in the estimation window.

    AR = R − R̄, s² = Σ(R − R̄)²/(T−1), Var(AR) = s²(1 + 1/T): MacKinlay (1997).
    """

    name: ClassVar[str] = "mean-adjusted returns"
    k: ClassVar[int] = 1
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "sigma", "n", "r2")

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need no factor."""
        return ()

    def fit(self, block: Block) -> Fit:
        """Take the mean of every event's estimation window."""
        return least_squares(block)


@dataclass(frozen=True)
class MarketAdjusted:
    """Normal return: the market's return on the same day, nothing estimated.

    AR = R − R_m, not demeaned; s² is the variance of the differences about their mean with
    T−1 degrees of freedom, Var(AR) = s² without leverage: MacKinlay (1997). The table of
    parameters shows the imposed alpha 0 and beta 1, and the r2 that they reach, which can
    be negative.

    Parameters
    ----------
    market : str or mapping
        Column of ``factors``, or security -> column for several benchmarks.
    """

    market: str | Mapping[Hashable, str | None] = "market"

    name: ClassVar[str] = "market-adjusted returns"
    k: ClassVar[int] = 0
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """Name the security's benchmark."""
        return _benchmark(self.market, security)

    def fit(self, block: Block) -> Fit:
        """Subtract the market and measure the variance of the differences."""
        return differences(block)


@dataclass(frozen=True)
class MarketModel:
    """Normal return: α + β·R_m, by least squares on the estimation window.

    Var(AR_t) = s²(1 + x_t'(X'X)⁻¹x_t), s² = RSS/(T−2): MacKinlay (1997, eq. 8).

    Parameters
    ----------
    market : str or mapping
        Column of ``factors``, or security -> column for several benchmarks.
    """

    market: str | Mapping[Hashable, str | None] = "market"

    name: ClassVar[str] = "market model"
    k: ClassVar[int] = 2
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """Name the security's benchmark."""
        return _benchmark(self.market, security)

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on its benchmark."""
        return least_squares(block)


@dataclass(frozen=True)
class FactorModel:
    """Normal return: α + Σβ_j·f_j, by least squares on the estimation window.

    Var(AR_t) = s²(1 + x_t'(X'X)⁻¹x_t), s² = RSS/(T−k): Campbell, Lo & MacKinlay (1997,
    ch. 4). With one column and its risk-free rate it is the CAPM.

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

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need the same factors for every security."""
        return tuple(self.columns)

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on the factors."""
        return least_squares(block)


def _benchmark(
    market: str | Mapping[Hashable, str | None], security: Hashable
) -> tuple[str, ...] | None:
    if isinstance(market, str):
        return (market,)
    column = market.get(security)
    # A blank or missing cell of a table of instruments is no benchmark.
    return (column,) if isinstance(column, str) and column else None
