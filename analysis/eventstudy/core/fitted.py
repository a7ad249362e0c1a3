"""Fitted events: what the models hand to the tests.

`panel` cuts the rows, a model fits them into a `Fitted`, and every test is a small function
of a `WindowSample`: the events that are whole in one window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Floats, Ints, Rows

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy.core.exchange_order import ExchangeOrder

# Events whose estimation rows are looked at together, and those whose event rows are. Blocks
# much smaller have threads wait for each other between steps, much larger leave the cache.
BLOCK = 1024
SLICE = 8192


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
    order : ExchangeOrder or None
        Which securities react a session after the others; None where none does.
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
    order: ExchangeOrder | None = None

    def __len__(self) -> int:
        return int(self.ar.shape[0])

    @cached_property
    def ar_frame(self) -> pd.DataFrame:
        """Abnormal returns as a frame over their own memory, to be copied shallowly.

        As long as it lives, which is as long as the array is used here, whoever writes into such
        a copy gets memory of their own (pandas' copy on write).
        """
        import pandas as pd

        return pd.DataFrame(self.ar, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle needs no frame beside the array.
        return {name: held for name, held in self.__dict__.items() if name != "ar_frame"}

    def take(self, rows: Bools | Ints) -> Fitted:
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
            None if self.order is None else self.order.take(rows),
        )

    def ordered(self, order: ExchangeOrder | None) -> Fitted:
        """The same events, with the order in which their securities react.

        A day 0 that holds m days, those since the exchange's last session, has m times the
        disturbance variance of one.
        """
        if order is None:
            return self
        return replace(self, order=order, relative_sd=self.holding(order))

    def holding(self, order: ExchangeOrder) -> Floats | None:
        """`relative_sd` where day 0 holds the days on which an exchange was closed."""
        if (order.holds == 1).all():
            return self.relative_sd
        usual = np.ones(self.ar.shape) if self.relative_sd is None else self.relative_sd
        held = np.where(self.offsets == 0, order.holds[:, None], 1)
        scaled: Floats = usual * np.sqrt(held)
        return scaled

    def regressors(self, rows: Rows) -> Floats:
        """Regressors of the event-window rows of some events, see `x`."""
        return self.x[rows]

    @property
    def block_size(self) -> int:
        """Events whose estimation rows are looked at together."""
        return BLOCK

    def block_rows(self) -> Iterator[Rows]:
        """Name the events in blocks whose residuals stay in cache, for `residuals_of`."""
        for start in range(0, len(self), self.block_size):
            yield slice(start, min(start + self.block_size, len(self)))

    def residuals_of(self, rows: Rows) -> Floats:
        """Residuals of some events, (n, E); not to be written to."""
        return self.residuals[rows]

    def residual_blocks(self) -> Iterator[tuple[Rows, Floats]]:
        """Go through the residuals in blocks: which events, and theirs (not to be written to)."""
        for rows in self.block_rows():
            yield rows, self.residuals_of(rows)

    def day_sums(self) -> tuple[Floats, Ints] | None:
        """Sums of all residuals by estimation day and how many, where known beforehand."""
        return None

    def slim(self) -> Fitted:
        """Leave out residuals and days, which can be made again."""
        return replace(
            self,
            days=self.days[:, :0],
            residuals=self.residuals[:, :0],
            residual_days=self.residual_days[:, :0],
        )

    def straight(self) -> Ints | None:
        """Day 0 of every event where all count the same unbroken days, else None.

        Then the rows of an event are the days around its day 0 without a gap, and those of
        two events differ by the distance of their days 0 alone.
        """
        return None

    def ar_variance(self) -> Floats:
        """Forecast variance of each abnormal return, shape (N, W).

        s²(1 + x_t'(X'X)⁻¹x_t): Patell (1976); MacKinlay (1997, eq. 8). Where the variance
        moves with time the 1 is the day's share of s².
        """
        variance = np.empty_like(self.ar)
        for rows in row_slices(len(self)):
            variance[rows] = self._relative_variance(rows) * self.sigma[rows, None] ** 2
        return variance

    def sar(self, rows: Rows, *, sigma: bool = True) -> Floats:
        """Standardised abnormal returns of some events, AR/√Var(AR), (n, W).

        Without `sigma` in the units of the residuals: SAR × s.
        """
        deviation = np.sqrt(self._relative_variance(rows))
        if sigma:
            deviation *= self.sigma[rows, None]
        return np.divide(self.ar[rows], deviation, out=deviation)

    def _relative_variance(self, rows: Rows) -> Floats:
        variance = self.leverage(rows)
        variance += 1.0 if self.relative_sd is None else self.relative_sd[rows] ** 2
        return variance

    def leverage(self, rows: Rows) -> Floats:
        """x_t'(X'X)⁻¹x_t of each event-window row of some events, (n, W)."""
        x, inverse = self.regressors(rows), self.xtx_inv[rows]
        leverage = np.zeros(x.shape[:2])
        for i in range(x.shape[2]):
            for j in range(x.shape[2]):
                leverage += x[:, :, i] * x[:, :, j] * inverse[:, i, j, None]
        return leverage

    def totals(self, rows: Rows, columns: slice) -> Floats:
        """Sum of the regressors of some events over some days of the event window, (n, k)."""
        total: Floats = self.regressors(rows)[:, columns].sum(axis=1)
        return total

    def car_variance(self, columns: Ints) -> Floats:
        """Forecast variance of the sum of some abnormal returns, (N,): see `window_sample`."""
        variance = np.empty(len(self))
        for rows in row_slices(len(self)):
            total = self.totals(rows, slice(columns[0], columns[-1] + 1))
            variance[rows] = float(len(columns))
            if self.relative_sd is not None:
                variance[rows] = (self.relative_sd[rows][:, columns] ** 2).sum(axis=1)
            for i in range(total.shape[1]):
                for j in range(total.shape[1]):
                    variance[rows] += total[:, i] * total[:, j] * self.xtx_inv[rows, i, j]
        variance *= self.sigma**2
        return variance


@dataclass(frozen=True)
class WindowSample:
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


def window_sample(fitted: Fitted, window: tuple[int, int]) -> tuple[WindowSample, Bools]:
    """Cumulate abnormal returns over a window.

    Var(CAR) = s²(L + g'(X'X)⁻¹g) with g the sum of the window's regressor rows: the full
    forecast covariance, Campbell, Lo & MacKinlay (1997, ch. 4); Mikkelson & Partch (1988). L
    counts the days on which an exchange was closed before day 0, see `Fitted.ordered`.

    Parameters
    ----------
    fitted : Fitted
        All events.
    window : (int, int)
        Relative days, both ends included, inside ``fitted.offsets``.

    Returns
    -------
    WindowSample
        Of the events without a hole in the window.
    ndarray of bool, shape (N,)
        Which events were kept.
    """
    first, last = window
    columns = np.flatnonzero((fitted.offsets >= first) & (fitted.offsets <= last))
    # Columns of a window lie side by side: a view, and no copy.
    car = fitted.ar[:, columns[0] : columns[-1] + 1].sum(axis=1)
    kept = np.isfinite(car) & (fitted.sigma > 0)
    if kept.all():
        part = fitted
    else:
        part, car = fitted.take(kept), car[kept]
    se = np.sqrt(part.car_variance(columns))
    return WindowSample(part, window, columns, car, se, car / se), kept


def row_slices(size: int) -> Iterator[slice]:
    """Cut many events into slices whose regressors stay in cache."""
    return (slice(start, start + SLICE) for start in range(0, size, SLICE))
