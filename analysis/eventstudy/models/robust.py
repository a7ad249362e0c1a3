"""Normal returns that outliers in the estimation window do not bend: quantiles and M-estimates.

Both take the regressors of a base model and put other coefficients in the place of least
squares. They are the estimators of statsmodels' QuantReg and RLM, over all events of a block
at once: a permutation test refits every event on hundreds of dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.models.least_squares import (
    Fit,
    assemble,
    centre,
    complete_cases,
    least_squares,
)
from analysis.eventstudy.models.linear import (
    CAPM,
    FactorModel,
    MarketModel,
    MeanAdjusted,
    with_factors,
)
from analysis.eventstudy.models.m_estimation import NORMS, m_estimate
from analysis.eventstudy.models.on_base import OnBase
from analysis.eventstudy.models.quantile_regression import quantile_fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.eventstudy.core.arrays import Bools, Floats
    from analysis.eventstudy.core.panel import Block

# What least squares fit, and nothing else does: a constant and the factors of a block.
Base = MeanAdjusted | MarketModel | CAPM | FactorModel


@dataclass(frozen=True)
class _Regression(OnBase):
    """Other coefficients on the regressors of a base model."""

    base: Base = field(default_factory=MarketModel)

    def __post_init__(self) -> None:
        given: object = self.base
        if not isinstance(given, Base):
            names = ", ".join(f"{one.__name__}()" for one in get_args(Base))
            raise InputError(
                f"The base of {type(self).__name__} must be one of {names}, not {given!r}."
            )

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on the base model's factors."""
        block = with_factors(block, self.k - 1)
        usable = complete_cases(block)
        least = least_squares(block)
        y, x, units = _standardised(block, usable, least)
        sound = np.flatnonzero(least.flaws == 0)
        events, k = x.shape[0], x.shape[2]
        coefficients, covariance = np.zeros((events, k)), np.zeros((events, k, k))
        flaws = least.flaws.copy()
        if len(sound):
            coefficients[sound], covariance[sound], flaws[sound] = self._solve(
                y[sound], x[sound], usable[sound]
            )
        return _assembled(block, usable, units, coefficients, covariance, flaws)

    def _solve(
        self, y: Floats, x: Floats, usable: Bools
    ) -> tuple[Floats, Floats, NDArray[np.int8]]:
        """Coefficients (N, k), their covariance (N, k, k) and flaws; all in units of s."""
        raise NotImplementedError


@dataclass(frozen=True)
class QuantileModel(_Regression):
    """Normal return: the q-quantile of the return given the base model's factors.

    The coefficients minimise Σ ρ_q(y − x'b), ρ_q(u) = u·(q − 1[u<0]): Koenker & Bassett
    (1978); the median regression (q = ½) is least absolute deviations. They are exact, not
    reweighted least squares: see `quantile_regression.quantile_fit`.

    AR_t = R_t − x_t'b. Var(AR_t) = s² + x_t'V x_t, s² = Σ(e − ē)²/(T−k) the variance of the
    residuals about their mean (the spread of a return to come, not that of the estimate),
    V the covariance of b as statsmodels' ``QuantReg.fit(vcov="robust")`` takes it: kernel
    sandwich with Epanechnikov kernel and the bandwidth of Hall & Sheather (1988), Koenker
    (2005, ch. 3.4); Greene (2008, p. 407). With another q than ½ the abnormal return is a
    distance from that quantile and has no mean of zero: read it, do not test it.

    Parameters
    ----------
    base : MeanAdjusted, MarketModel, CAPM or FactorModel
        The regressors.
    q : float
        Between 0 and 1, not included.

    Raises
    ------
    InputError
        Another base, or a q outside (0, 1).
    """

    q: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.q < 1:
            raise InputError(f"q must lie between 0 and 1, for instance 0.5, not {self.q}.")

    @property
    def name(self) -> str:
        """Name the base and the quantile."""
        return f"{self.base.name} at the {'median' if self.q == 0.5 else f'{self.q:g} quantile'}"

    def _solve(
        self, y: Floats, x: Floats, usable: Bools
    ) -> tuple[Floats, Floats, NDArray[np.int8]]:
        return quantile_fit(y, x, usable, self.q)


@dataclass(frozen=True)
class RobustModel(_Regression):
    """Normal return: the base model's regression by M-estimation, outliers weighted down.

    The coefficients solve Σ ψ((y − x'b)/σ̂)·x = 0 with Huber's ψ (c = 1.345): Huber (1964;
    1981, ch. 7), or Tukey's bisquare (c = 4.685): Beaton & Tukey (1974); both 95 % efficient
    under a normal distribution. σ̂ = median|e|/0.6745, brought up to date in each step of
    reweighted least squares, as statsmodels' RLM does.

    AR_t = R_t − x_t'b. Var(AR_t) = s² + x_t'V x_t, s² = Σ(e − ē)²/(T−k) the variance of all
    residuals about their mean, not the robust σ̂: a return to come may be an outlier too.
    V is Huber's covariance, ``RLM.fit(cov="H1")``: Huber (1973; 1981, section 7.6).

    Parameters
    ----------
    base : MeanAdjusted, MarketModel, CAPM or FactorModel
        The regressors.
    norm : {"huber", "bisquare"}

    Raises
    ------
    InputError
        Another base, or an unknown norm.
    """

    norm: str = "huber"

    shown: ClassVar[dict[str, str]] = {"huber": "Huber's", "bisquare": "the bisquare"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in NORMS:
            raise unknown_name("norm", self.norm, NORMS)

    @property
    def name(self) -> str:
        """Name the base and the norm."""
        return f"{self.base.name} under {self.shown[self.norm]} norm"

    def _solve(
        self, y: Floats, x: Floats, usable: Bools
    ) -> tuple[Floats, Floats, NDArray[np.int8]]:
        return m_estimate(y, x, usable, self.norm)


@dataclass(frozen=True)
class _Units:
    """What a block was centred by and scaled with."""

    y_mean: Floats
    y_scale: Floats
    x_mean: Floats
    x_scale: Floats


def _standardised(block: Block, usable: Bools, least: Fit) -> tuple[Floats, Floats, _Units]:
    """Returns less their mean over s, and the constant with factors in units of their spread.

    Iterations and tolerances then know nothing of the unit of returns. Rows that are not
    used are 0 throughout.
    """
    n = usable.sum(axis=1)
    y, y_mean, _ = centre(block.estimation_returns, usable, n)
    factors, x_mean, _ = centre(block.estimation_factors, usable[:, None, :], n[:, None])
    squares = np.einsum("nfe,nfe->nf", factors, factors)
    spread = np.sqrt(squares / np.maximum(n, 1)[:, None])
    sound = least.flaws == 0
    units = _Units(
        y_mean,
        np.where(sound & (least.fitted.sigma > 0), least.fitted.sigma, 1.0),
        x_mean,
        np.where(sound[:, None] & (spread > 0), spread, 1.0),
    )
    y /= units.y_scale[:, None]
    scaled = (factors / units.x_scale[:, :, None]).transpose(0, 2, 1)
    x = np.concatenate([usable[:, :, None].astype(np.float64), scaled], axis=2)
    return y, np.ascontiguousarray(x), units


def _assembled(
    block: Block,
    usable: Bools,
    units: _Units,
    coefficients: Floats,
    covariance: Floats,
    flaws: NDArray[np.int8],
) -> Fit:
    """Bring coefficients back into the units of returns, and forecast the event window."""
    level = units.y_mean + units.y_scale * coefficients[:, 0]
    beta = units.y_scale[:, None] * coefficients[:, 1:] / units.x_scale

    def abnormal(returns: Floats, factors: Floats) -> Floats:
        predicted = (beta[:, None, :] @ (factors - units.x_mean[:, :, None]))[:, 0, :]
        return returns - level[:, None] - predicted

    residuals = abnormal(block.estimation_returns, block.estimation_factors)
    residuals = np.where(usable, residuals, np.nan)
    # A quantile goes through k of the rows: what rounding leaves there has no sign and no rank.
    largest = np.abs(np.where(usable, block.estimation_returns, 0.0)).max(axis=1, initial=0.0)
    residuals[np.abs(residuals) <= ROUNDING * largest[:, None]] = 0.0
    n = usable.sum(axis=1)
    dof = n - coefficients.shape[1]
    known = np.where(usable, residuals, 0.0)
    spread, _, _ = centre(residuals, usable, n)
    sigma = np.sqrt(np.einsum("ne,ne->n", spread, spread) / np.maximum(dof, 1))
    distance = (block.factors - units.x_mean[:, :, None]) / units.x_scale[:, :, None]
    ones = np.ones((len(n), 1, distance.shape[2]))
    share = (units.y_scale / np.where(sigma > 0, sigma, 1.0)) ** 2
    fitted = assemble(
        block,
        ar=abnormal(block.returns, block.factors),
        residuals=residuals,
        x=np.concatenate([ones, distance], axis=1).transpose(0, 2, 1),
        xtx_inv=covariance * share[:, None, None],
        sigma=sigma,
        dof=dof,
        n=n,
    )
    y, _, _ = centre(block.estimation_returns, usable, n)
    tss = np.einsum("ne,ne->n", y, y)
    r2 = 1.0 - np.einsum("ne,ne->n", known, known) / np.where(tss > 0, tss, np.nan)
    alpha = level - np.einsum("nf,nf->n", beta, units.x_mean)
    return Fit(fitted, np.column_stack([alpha, beta, sigma, n, r2]), flaws)
