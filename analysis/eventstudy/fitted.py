"""Fitted events: what the models hand to the tests.

`windows` cuts the rows, `models` fits them into a `Fitted`, and every test is a small
function of a `Sample`, that is of the events which are whole in one window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """N events with their normal-return model, aligned in event time.

    Attributes
    ----------
    offsets : (W,) int
        Relative days of the whole event window, for instance -5..5.
    estimation_offsets : (E,) int
        Relative days of the estimation window, for instance -250..-31.
    ar : (N, W) float
        Abnormal returns in the event window (decimal), NaN where missing.
    days : (N, W) int
        Position of each row on the union of all calendars; -1 where there is no session.
    residuals : (N, E) float
        Abnormal returns in the estimation window, NaN where the row was not used. For
        market-adjusted returns the raw differences.
    residual_days : (N, E) int
        Position of each estimation row on the union of all calendars, -1 where none.
    x : (N, W, k) float
        Regressors of the event-window rows: the constant, then the factors less their
        estimation means (the forecast covariance is the same as with raw ones); NaN where
        missing; k = 0 where no parameter is estimated (market-adjusted returns).
    xtx_inv : (N, k, k) float
        Inverse of X'X over the usable estimation rows, factors centred as in `x`.
    sigma : (N,) float
        Residual standard deviation s, see the conventions of each model.
    dof : (N,) float
        Its degrees of freedom (T-k; T-1 for mean- and market-adjusted returns).
    n : (N,) int
        Usable estimation rows T.
    relative_sd : (N, W) float or None
        Forecast standard deviation of each abnormal return's disturbance over `sigma`, for
        models whose variance moves with time; None where it is 1 throughout.
    residual_relative_sd : (N, E) float or None
        The same for the estimation rows, NaN where missing.
    """

    offsets: Ints
    estimation_offsets: Ints
    ar: Floats
    days: Ints
    residuals: Floats
    residual_days: Ints
    x: Floats
    xtx_inv: Floats
    sigma: Floats
    dof: Floats
    n: Ints
    relative_sd: Floats | None = None
    residual_relative_sd: Floats | None = None

    def __len__(self) -> int:
        return int(self.ar.shape[0])

    def take(self, rows: NDArray[np.bool_] | Ints) -> Fitted:
        """Keep some of the events, by mask or by position."""
        return Fitted(
            self.offsets,
            self.estimation_offsets,
            self.ar[rows],
            self.days[rows],
            self.residuals[rows],
            self.residual_days[rows],
            self.x[rows],
            self.xtx_inv[rows],
            self.sigma[rows],
            self.dof[rows],
            self.n[rows],
            None if self.relative_sd is None else self.relative_sd[rows],
            None if self.residual_relative_sd is None else self.residual_relative_sd[rows],
        )

    def ar_variance(self) -> Floats:
        """Forecast variance of each abnormal return, shape (N, W).

        s²(1 + x_t'(X'X)⁻¹x_t): Patell (1976); MacKinlay (1997, eq. 8). Where the variance
        moves with time the 1 is the day's share of s².
        """
        leverage = np.einsum("nwi,nij,nwj->nw", self.x, self.xtx_inv, self.x)
        own: Floats | float = 1.0 if self.relative_sd is None else self.relative_sd**2
        variance: Floats = self.sigma[:, None] ** 2 * (own + leverage)
        return variance


@dataclass(frozen=True)
class Sample:
    """The events that are whole in one window, with their cumulative abnormal returns.

    Attributes
    ----------
    fitted : Fitted
        Only the events kept, n of them.
    window : (int, int)
        First and last relative day, both included.
    columns : (L,) int
        Columns of `Fitted.ar` that belong to the window.
    car, se, scar : (n,) float
        Cumulative abnormal return, its standard error, their ratio.
    """

    fitted: Fitted
    window: tuple[int, int]
    columns: Ints
    car: Floats
    se: Floats
    scar: Floats

    @property
    def length(self) -> int:
        """Days in the window, L."""
        return len(self.columns)

    @property
    def size(self) -> int:
        """Events in the sample, N."""
        return len(self.car)


def cumulate(fitted: Fitted, window: tuple[int, int]) -> tuple[Sample, NDArray[np.bool_]]:
    """Cumulate abnormal returns over a window.

    Var(CAR) = s²(L + g'(X'X)⁻¹g) with g the sum of the window's regressor rows: the full
    forecast covariance, Campbell, Lo & MacKinlay (1997, ch. 4); Mikkelson & Partch (1988).

    Parameters
    ----------
    fitted : Fitted
        All events.
    window : (int, int)
        Relative days, both ends included, inside ``fitted.offsets``.

    Returns
    -------
    Sample
        Of the events without a hole in the window.
    ndarray of bool, shape (N,)
        Which events were kept.
    """
    first, last = window
    columns = np.flatnonzero((fitted.offsets >= first) & (fitted.offsets <= last))
    kept = np.isfinite(fitted.ar[:, columns]).all(axis=1) & (fitted.sigma > 0)
    part = fitted if kept.all() else fitted.take(kept)
    total = part.x[:, columns, :].sum(axis=1)
    leverage = np.einsum("ni,nij,nj->n", total, part.xtx_inv, total)
    car = part.ar[:, columns].sum(axis=1)
    own: Floats | float = float(len(columns))
    if part.relative_sd is not None:
        own = (part.relative_sd[:, columns] ** 2).sum(axis=1)
    se = part.sigma * np.sqrt(own + leverage)
    return Sample(part, window, columns, car, se, car / se), kept
