"""Residual variance that moves with time: EWMA and GARCH(1,1) over any normal-return model.

The normal return is that of a base model. Its estimation residuals then say how the variance
moved, and the abnormal returns of the event window are measured against the variance
forecast from the last estimation row, not against the average of a year.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from analysis.errors import InputError
from analysis.eventstudy.models.least_squares import (
    NOT_CONVERGED,
    NOT_STATIONARY,
    Fit,
    with_residuals,
)
from analysis.eventstudy.models.on_base import OnBase

if TYPE_CHECKING:
    from typing import Any, Self

    import pandas as pd

    from analysis.eventstudy.core.arrays import Floats, Ints
    from analysis.eventstudy.core.panel import Block

# Where alpha + beta come nearer to 1 than this, there is no long-run variance to return to.
UNIT_ROOT = 1e-6
# A second start for the likelihood, where the first one ended nowhere: omega, alpha, beta.
SECOND_START = (0.05, 0.05, 0.9)


@dataclass(frozen=True)
class _MovingVariance(OnBase):
    """A base model without a moving variance for the normal return, and a variance of its own."""

    residual_variance: ClassVar[str] = "forecast from the last estimation session"

    def __post_init__(self) -> None:
        if isinstance(self.base, _MovingVariance):
            raise InputError(
                f"The base of {type(self).__name__} has a moving variance itself: "
                f"{self.base.name}; give it a model such as MarketModel()."
            )
        super().__post_init__()


@dataclass(frozen=True)
class Ewma(_MovingVariance):
    """A base model's normal return; residual variance an exponentially weighted average.

    v_{t+1} = λ·v_t + (1−λ)·e_t² over the usable estimation rows, e the residual less its
    mean, v_1 = s². A missing row leaves v as it is. The forecast for every day of the event
    window is the v that follows the last estimation row, flat as an EWMA has it:
    Var(AR_t) = v + s²·x_t'(X'X)⁻¹x_t, Var(CAR) = L·v + s²·g'(X'X)⁻¹g. ``sigma`` stays the
    base model's s, and t keeps its T−k degrees of freedom.

    Parameters
    ----------
    base : Model
        The normal return: any model of the engine without a moving variance.
    decay : float
        λ, between 0 and 1 (not included); RiskMetrics takes 0.94 for daily returns.

    Raises
    ------
    InputError
        A decay outside (0, 1), or a base that is no model or has a moving variance itself.

    Source: RiskMetrics (1996, section 5.2), the technical document.
    """

    decay: float = 0.94

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.decay < 1:
            raise InputError(
                f"decay must lie between 0 and 1, for instance 0.94, not {self.decay}."
            )

    @property
    def name(self) -> str:
        """Name the base and the variance."""
        return f"{self.base.name} with EWMA variance"

    def fit(self, block: Block) -> Fit:
        """Fit the base, then run the average over every event's residuals at once."""
        fit = self.base.fit(with_residuals(block))
        # As shares of s².
        shares = _centred(fit) ** 2
        moving = np.ones(len(shares))
        path = np.empty_like(shares.T)
        for row, share in enumerate(np.ascontiguousarray(shares.T)):
            path[row] = moving
            moving = np.where(
                np.isfinite(share), self.decay * moving + (1 - self.decay) * share, moving
            )
        ahead = np.repeat(moving[:, None], len(fit.fitted.offsets), axis=1)
        return _with_variance(fit, path.T, ahead)


@dataclass(frozen=True)
class Garch(_MovingVariance):
    """A base model's normal return; residual variance GARCH(1,1).

    v_t = ω + α·e²_{t−1} + β·v_{t−1} over the usable estimation rows one after the other, e
    the residual less its mean; ω, α and β by Gaussian quasi-maximum likelihood (the package
    ``arch``), after the regression, as in two-step estimation. The variance of a day of the
    event window is the forecast from the last usable estimation row over all the sessions
    between, v_{T+h} = v̄ + (α+β)^{h−1}(v_{T+1} − v̄), v̄ = ω/(1−α−β): Bollerslev (1986,
    section 3); forecasts: Baillie & Bollerslev (1992). Var(CAR) = Σ v_t +
    s²·g'(X'X)⁻¹g; ``sigma`` stays the base model's s, and t keeps its T−k degrees of freedom.

    An event whose likelihood has no maximum that the optimizer finds, or whose α+β reaches
    1, goes into the ledger. Fitting takes some milliseconds per event and fails for some; the
    permutation test fits every event on hundreds of dates and needs all of them, so it takes
    the SCAR under `Ewma` instead, on the real dates as on the placebos.

    Parameters
    ----------
    base : Model
        The normal return: any model of the engine without a moving variance.

    Raises
    ------
    InputError
        The package ``arch`` is missing, or a base that is no model or has a moving variance
        itself.

    Notes
    -----
    The table of parameters shows ω in squared returns, α and β beside those of the
    regression as garch_omega, garch_alpha and garch_beta.
    """

    @property
    def name(self) -> str:
        """Name the base and the variance."""
        return f"{self.base.name} with GARCH(1,1) variance"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the base, then of the variance."""
        return (*self.base.parameters, "garch_omega", "garch_alpha", "garch_beta")

    @property
    def stand_in(self) -> Ewma:
        """The model that the permutation test fits on real and placebo dates alike."""
        return Ewma(self.base)

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame | None]:
        """Look for the package before anything is fitted; let the base make its columns."""
        arch_classes("Garch")
        return super().prepare(returns, events, factors)

    def fit(self, block: Block) -> Fit:
        """Fit the base, then the variance event by event."""
        fit = self.base.fit(with_residuals(block))
        centred, flaws = _centred(fit), fit.flaws.copy()
        shares, steps = centred**2, fit.fitted.offsets
        path, ahead = np.full_like(shares, np.nan), np.ones((len(shares), len(steps)))
        found = np.full((len(shares), 3), np.nan)
        for at in np.flatnonzero(flaws == 0):
            rows = np.flatnonzero(np.isfinite(centred[at]))
            flaws[at], found[at], moved = _likelihood(centred[at, rows])
            if flaws[at] == 0:
                path[at, rows] = moved
                last = fit.fitted.estimation_offsets[rows[-1]]
                ahead[at] = _forecast(found[at], moved[-1], shares[at, rows[-1]], steps - last)
        found[:, 0] *= fit.fitted.sigma**2
        moving = _with_variance(fit, path, ahead)
        return Fit(moving.fitted, np.column_stack([fit.estimates, found]), flaws)


def _likelihood(e: Floats) -> tuple[int, Floats, Floats]:
    """Fit a GARCH(1,1) to residuals in units of their s.

    Returns 0 or a key of `FIT_FAILURES`; omega, alpha and beta; and the variance of every row.
    """
    zero_mean, garch = arch_classes("Garch")
    model = zero_mean(e, volatility=garch(1, 0, 1), rescale=False)
    for start in (None, np.array(SECOND_START)):
        result = model.fit(disp="off", show_warning=False, starting_values=start)
        found = np.asarray(result.params, dtype=np.float64)
        path = np.asarray(result.conditional_volatility, dtype=np.float64) ** 2
        if result.convergence_flag == 0 and np.isfinite(found).all() and (path > 0).all():
            flaw = NOT_STATIONARY if found[1] + found[2] > 1 - UNIT_ROOT else 0
            return flaw, found, path
    return NOT_CONVERGED, found, path


def _forecast(found: Floats, variance: float, share: float, ahead: Ints) -> Floats:
    """Variance some sessions after a row of that variance and squared residual."""
    omega, alpha, beta = found
    first = omega + alpha * share + beta * variance
    level = omega / (1 - alpha - beta)
    return np.asarray(level + (alpha + beta) ** (ahead - 1.0) * (first - level))


def _centred(fit: Fit) -> Floats:
    """Estimation residuals less their mean, in units of s, (N, E), NaN where not used."""
    residuals = fit.fitted.residuals
    known = np.isfinite(residuals)
    mean = np.where(known, residuals, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    # What has a flaw means nothing; it only must not divide by zero.
    sigma = np.where((fit.flaws == 0) & (fit.fitted.sigma > 0), fit.fitted.sigma, 1.0)
    return np.asarray((residuals - mean[:, None]) / sigma[:, None])


def _with_variance(fit: Fit, path: Floats, ahead: Floats) -> Fit:
    """The same fit with variances, in shares of s², of the estimation rows and the window."""
    known = np.isfinite(fit.fitted.residuals)
    fitted = replace(
        fit.fitted,
        relative_sd=np.sqrt(ahead),
        residual_relative_sd=np.where(known, np.sqrt(path), np.nan),
    )
    return Fit(fitted, fit.estimates, fit.flaws)


def arch_classes(caller: str) -> tuple[Any, Any]:
    """The classes ZeroMean and GARCH of the package arch (InputError where it is missing)."""
    try:
        from arch.univariate import GARCH, ZeroMean
    except ImportError:
        raise InputError(
            f'{caller} needs the package arch, which is not installed: pip install "arch>=8,<9"'
        ) from None
    return ZeroMean, GARCH
