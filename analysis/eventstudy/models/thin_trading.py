"""Betas under thin or asynchronous trading: Scholes–Williams and Dimson.

A security that trades seldom, or in other hours than its benchmark, answers to yesterday's
or tomorrow's market as well, and the plain market model's beta is too small. Both models
here read lags and leads of the market, made once by `lagged_factors.with_steps`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from analysis.errors import InputError
from analysis.eventstudy.models.lagged_factors import (
    event_securities,
    lead_lag_name,
    names,
    with_steps,
)
from analysis.eventstudy.models.least_squares import (
    CONSTANT_FACTOR,
    NO_VARIANCE,
    NO_VARIATION,
    WEAK_INSTRUMENT,
    Fit,
    assemble,
    centre,
    complete_cases,
    is_rounding,
    least_squares,
)
from analysis.eventstudy.models.linear import BenchmarkModel, benchmark, with_factors

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd

    from analysis.eventstudy.core.panel import Block


@dataclass(frozen=True)
class _LeadLagModel(BenchmarkModel):
    """A model on a benchmark and its neighbours in time."""

    @property
    def steps(self) -> tuple[int, ...]:
        """Sessions by which the benchmark is moved, ascending; −1 is the first lag."""
        raise NotImplementedError

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """Name the security's benchmark, lags first, leads last."""
        column = benchmark(self.market, security)
        return None if column is None else tuple(lead_lag_name(column, step) for step in self.steps)

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame | None]:
        """Make the lags and leads of every benchmark, along the benchmark's own sessions."""
        model, factors = super().prepare(returns, events, factors)
        own = [benchmark(model.market, security) for security in event_securities(events)]
        columns = names([(column,) if column else None for column in own])
        if not columns:
            return model, factors
        return model, with_steps(factors, columns, self.steps, returns.index, self.name)


@dataclass(frozen=True)
class ScholesWilliams(_LeadLagModel):
    """Normal return: α + β·R_m with β = (β₋₁ + β₀ + β₊₁)/(1 + 2ρ), α = R̄ − β·R̄_m.

    β_j are the slopes of the return on the market's figure j sessions on, ρ is the market's
    first autocorrelation: Scholes & Williams (1977). With moments taken over one
    set of rows, those with the market's figure and its lag and lead, this is the instrumental
    variables estimator with z_t = R_m,t−1 + R_mt + R_m,t+1 for R_mt, since cov(z, R_m) =
    var(R_m)(1 + 2ρ): Scholes & Williams (1977); Fowler, Rorke & Jog (1989). So

        Cov(α̂, β̂)/σ² = (Z'X)⁻¹ Z'Z (X'Z)⁻¹,  s² = RSS/(T−2) of the IV residuals,

    and Var(AR), Var(CAR) take that matrix where least squares have (X'X)⁻¹. Abnormal returns
    read the market of the day alone.

    Lags and leads go along the market's own sessions, see `lagged_factors.with_steps`; a row where
    the market, its lag or its lead is missing is not used, and counts not in T.

    Parameters
    ----------
    market : str, mapping or EqualWeight
        See `linear.BenchmarkModel`.
    """

    name: ClassVar[str] = "Scholes–Williams market model"
    k: ClassVar[int] = 2
    rf: ClassVar[str | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    @property
    def steps(self) -> tuple[int, ...]:
        """Lag, day, lead."""
        return (-1, 0, 1)

    def fit(self, block: Block) -> Fit:
        """Estimate every event by its instrument; r2 can be negative, as always with IV."""
        block = with_factors(block, len(self.steps))
        usable = complete_cases(block)
        n = usable.sum(axis=1)
        y, y_mean, y_largest = centre(block.estimation_returns, usable, n)
        x, x_mean, x_largest = centre(block.estimation_factors[:, 1, :], usable, n)
        z, _, _ = centre(block.estimation_factors.sum(axis=1), usable, n)
        zx, zz, xx = np.vecdot(z, x), np.vecdot(z, z), np.vecdot(x, x)
        # Roots, not squares: the product of two sums of squares leaves the range of floats.
        weak = np.abs(zx) <= np.sqrt(NO_VARIATION) * np.sqrt(zz) * np.sqrt(xx)
        flaws = np.where(weak, WEAK_INSTRUMENT, 0)
        flaws[is_rounding(xx, x_largest, n)] = CONSTANT_FACTOR
        safe = np.where(flaws > 0, 1.0, zx)
        beta = np.vecdot(z, y) / safe
        residuals = y - beta[:, None] * x
        rss = np.vecdot(residuals, residuals)
        still = (flaws == 0) & is_rounding(rss, y_largest, n)
        distance = block.factors[:, 1, :] - x_mean[:, None]
        covariance = np.zeros((len(n), 2, 2))
        covariance[:, 0, 0] = 1.0 / np.maximum(n, 1)
        covariance[:, 1, 1] = zz / safe / safe
        fitted = assemble(
            block,
            ar=block.returns - y_mean[:, None] - beta[:, None] * distance,
            residuals=np.where(usable, residuals, np.nan),
            x=np.stack([np.ones_like(distance), distance], axis=2),
            xtx_inv=covariance,
            sigma=np.sqrt(rss / np.maximum(n - 2, 1)),
            dof=n - 2,
            n=n,
        )
        tss = np.vecdot(y, y)
        r2 = 1.0 - rss / np.where(tss > 0, tss, np.nan)
        alpha = y_mean - beta * x_mean
        estimates = np.column_stack([alpha, beta, fitted.sigma, n, r2])
        return Fit(fitted, estimates, np.where(still, NO_VARIANCE, flaws).astype(np.int8))


@dataclass(frozen=True)
class Dimson(_LeadLagModel):
    """Normal return: α + Σ_j β_j·R_m,t+j over lags, the day and leads, by least squares.

    The beta reported is the sum of the β_j, all from one multiple regression: Dimson (1979).
    Abnormal returns and the variance of a CAR come from the full regression,
    s²(L + g'(X'X)⁻¹g) with X holding every lag and lead: Campbell, Lo & MacKinlay (1997,
    section 4.4.3).

    Lags and leads go along the market's own sessions: lag 1 on a date is the market's last
    figure strictly before it, lead 1 the next strictly after, also on a date on which the
    market has no figure itself. On such a date (a holiday of the benchmark's exchange) the
    row lacks the day's own column and is not used, unless the model is purely lagged.

    An Asian security on a US benchmark: New York closes after Asia on the same date, so
    ``Dimson("sp500", lags=1, leads=0, contemporaneous=False)`` has it answer to New York's
    last close before its own session. With ``leads`` the normal return of a day reads the
    market of later sessions, which may hold the reaction itself; then a lead takes part of
    the reaction out.

    Parameters
    ----------
    market : str, mapping or EqualWeight
        See `linear.BenchmarkModel`.
    lags, leads : int
        How many of each, from 0 on.
    contemporaneous : bool
        Whether the market of the day is among the regressors.

    Raises
    ------
    InputError
        Lags or leads that are not whole numbers of at least 0, or no regressor at all.
    """

    lags: int = 1
    leads: int = 1
    contemporaneous: bool = True

    name: ClassVar[str] = "Dimson market model"
    rf: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        for side, number in (("lags", self.lags), ("leads", self.leads)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise InputError(f"{side} must be a whole number of at least 0, not {number!r}.")
        if not self.steps:
            raise InputError(
                "Dimson needs a regressor: lags, leads, or the market of the day "
                "(contemporaneous=True)."
            )

    @property
    def steps(self) -> tuple[int, ...]:
        """From the furthest lag to the furthest lead."""
        every = range(-self.lags, self.leads + 1)
        return tuple(step for step in every if step or self.contemporaneous)

    @property
    def k(self) -> int:
        """One coefficient per lag and lead, and the constant."""
        return len(self.steps) + 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """The sum of the betas first, then each of them."""
        return ("alpha", "beta", *(_beta(step) for step in self.steps), "sigma", "n", "r2")

    def fit(self, block: Block) -> Fit:
        """Regress every event's returns on the moved columns."""
        fit = least_squares(with_factors(block, len(self.steps)))
        total = fit.estimates[:, 1:-3].sum(axis=1)
        return Fit(fit.fitted, np.insert(fit.estimates, 1, total, axis=1), fit.flaws)


def _beta(step: int) -> str:
    if step == 0:
        return "beta_day"
    return f"beta_{'lag' if step < 0 else 'lead'}{abs(step)}"
