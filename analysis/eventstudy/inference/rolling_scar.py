"""The standardised CAR that every session of a security would have as day 0, by running sums.

The permutation test moves its events to every date there is. Estimation windows of dates side
by side share all rows but two, so the sums that least squares needs are differences of running
sums: one pass over a series instead of one fit per date. `permutation` asks for it where a
model is plain least squares, and fits the sessions that are in doubt one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.linear import (
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    Model,
)

# More factors than this would need more tables than fits are slow.
MOST_FACTORS = 8
# A sum of squares below this share of the whole series' is left to a fit of its own: running
# sums carry the rounding of the whole, so at this share nine digits of it are still right.
DOUBT = 1e-6
# Below this share of a series' largest value its variation may be rounding.
STILL = 1e-7
# Cells of one slice of series × sessions.
CELLS = 1 << 17


@dataclass(frozen=True, eq=False)
class Series:
    """Returns and factors of some securities on their own sessions.

    Attributes
    ----------
    returns : (S, P) float
        Decimal.
    factors : (S, f, P) float
    complete : (S, P) bool
        Sessions with a return and every factor.
    free : (S, P) bool
        Those among them that an estimation window may hold.
    """

    returns: Floats
    factors: Floats
    complete: Bools
    free: Bools

    def take(self, rows: slice) -> Series:
        """Keep some of the securities."""
        return Series(self.returns[rows], self.factors[rows], self.complete[rows], self.free[rows])


def runs(model: Model, factors: int) -> bool:
    """Whether a model is least squares, or plain differences, with few enough factors."""
    plain = (MeanAdjusted, MarketAdjusted, MarketModel, FactorModel)
    return type(model) in plain and factors <= MOST_FACTORS


def rolling_scars(
    series: Series, estimation: Window, windows: Sequence[Window], *, adjusted: bool
) -> tuple[list[Floats], Bools]:
    """Standardise the CAR around every session.

    Parameters
    ----------
    series : Series
        S securities, P sessions.
    estimation : (int, int)
    windows : sequence of (int, int)
    adjusted : bool
        Subtract the one factor and estimate nothing (market-adjusted returns).

    Returns
    -------
    list of (S, P) float
        SCAR by session of day 0, a table per window. It means something where the window is
        whole and the estimation window has more rows than coefficients, and where the
        session is not in doubt.
    doubtful : (S, P) bool
        Sessions whose residual or factor variance is too small beside the whole series' for
        running sums to tell.

    Notes
    -----
    With S_ab the sums of products about the means of the usable estimation rows,
    RSS = S_yy − S_yx S_xx⁻¹ S_xy, CAR = Σ_w(y − ȳ) − d'S_xx⁻¹S_xy and
    Var(CAR) = RSS/(T−k)·(L + L²/T + d'S_xx⁻¹d), d = Σ_w(x − x̄): the same figures as
    `models.least_squares` and `fitted.window_sample`.
    """
    count, width = series.returns.shape
    scars = [np.empty((count, width)) for _ in windows]
    doubtful = np.empty((count, width), dtype=np.bool_)
    step = max(1, CELLS // max(width, 1))
    for start in range(0, count, step):
        part = slice(start, start + step)
        found, doubtful[part] = _slice(series.take(part), estimation, windows, adjusted=adjusted)
        for table, values in zip(scars, found, strict=True):
            table[part] = values
    return scars, doubtful


def _slice(
    series: Series, estimation: Window, windows: Sequence[Window], *, adjusted: bool
) -> tuple[list[Floats], Bools]:
    y, columns, largest = _centred(series, adjusted=adjusted)
    f = len(columns)
    before = _summing(series.free, estimation)
    n = before(series.free)
    safe = np.maximum(n, 1.0)
    mean = before(y) / safe
    means = [before(x) / safe for x in columns]
    yy = before(y * y) - safe * mean**2
    doubtful = np.zeros(yy.shape, dtype=np.bool_)
    # Forward elimination of S_xx beside S_xy and each window's d leaves the quadratic forms.
    cross = [[before(columns[a] * columns[b]) for b in range(a, f)] for a in range(f)]
    for a in range(f):
        for b in range(a, f):
            cross[a][b - a] -= safe * means[a] * means[b]
    total = [_total(x, series.free) for x in columns]
    moment = [before(x * y) - safe * m * mean for x, m in zip(columns, means, strict=True)]
    reach = [_reach(columns, means, series.complete, window) for window in windows]
    pivots = []
    for a in range(f):
        pivot = cross[a][0]
        weak = pivot <= DOUBT * total[a]
        doubtful |= weak
        pivots.append(np.where(weak, 1.0, pivot))
        for b in range(a + 1, f):
            share = cross[a][b - a] / pivots[a]
            for c in range(b, f):
                cross[b][c - b] = cross[b][c - b] - share * cross[a][c - a]
            moment[b] = moment[b] - share * moment[a]
            for d in reach:
                d[b] = d[b] - share * d[a]
    # Never the square of a sum of squares: it would leave the range of floats.
    rss = yy - sum((m * (m / p) for m, p in zip(moment, pivots, strict=True)), np.zeros_like(yy))
    doubtful |= rss <= np.maximum(DOUBT * _total(y, series.free), safe * (STILL * largest) ** 2)
    dof = np.maximum(n - f - 1, 1.0)
    s2 = np.where(doubtful, 1.0, rss) / dof
    scars = []
    for d, window in zip(reach, windows, strict=True):
        length = window[1] - window[0] + 1
        car = _summing(series.complete, window)(y)
        spread = np.full_like(yy, float(length))
        if not adjusted:
            car = car - length * mean
            spread += length**2 / safe
        else:
            car = car + length * _mean(series)
        for a in range(f):
            car = car - d[a] * (moment[a] / pivots[a])
            spread += d[a] ** 2 / pivots[a]
        scars.append(car / np.sqrt(s2 * spread))
    return scars, doubtful


def _centred(series: Series, *, adjusted: bool) -> tuple[Floats, list[Floats], Floats]:
    """Returns and factors about each series' own mean, 0 where incomplete; largest return.

    Centring first leaves the running sums no mean to lose digits to.
    """
    y = np.where(series.complete, series.returns, 0.0)
    columns = [np.where(series.complete, x, 0.0) for x in np.moveaxis(series.factors, 1, 0)]
    largest = np.abs(y).max(axis=1, keepdims=True, initial=0.0)
    if adjusted:
        largest = np.maximum(largest, np.abs(columns[0]).max(axis=1, keepdims=True, initial=0.0))
        y, columns = y - columns[0], []
    present = np.maximum(series.complete.sum(axis=1, keepdims=True), 1)
    centred = [
        np.where(series.complete, values - values.sum(axis=1, keepdims=True) / present, 0.0)
        for values in [y, *columns]
    ]
    return centred[0], centred[1:], largest


def _mean(series: Series) -> Floats:
    """Mean difference from the one factor, which `_centred` took away, (S, 1)."""
    difference = np.where(series.complete, series.returns - series.factors[:, 0], 0.0)
    present = np.maximum(series.complete.sum(axis=1, keepdims=True), 1)
    mean: Floats = difference.sum(axis=1, keepdims=True) / present
    return mean


def _total(values: Floats, free: Bools) -> Floats:
    squares: Floats = (values * values * free).sum(axis=1, keepdims=True)
    return squares


def _reach(
    columns: Sequence[Floats], means: Sequence[Floats], complete: Bools, window: Window
) -> list[Floats]:
    """Sum over a window of each factor less its estimation mean."""
    inside, length = _summing(complete, window), window[1] - window[0] + 1
    return [inside(x) - length * mean for x, mean in zip(columns, means, strict=True)]


def _summing(flags: Bools, window: Window) -> Callable[[Floats | Bools], Floats]:
    """Make the sum of flagged values in a window around every column, none outside."""
    first, last = edges(flags.shape[1], window)

    def add(values: Floats | Bools) -> Floats:
        running = np.zeros((flags.shape[0], flags.shape[1] + 1))
        np.cumsum(values * flags, axis=1, out=running[:, 1:])
        found: Floats = running[:, last] - running[:, first]
        return found

    return add


def stretched(window: Window, held: int) -> Window:
    """The sessions of a placebo window in which day 0 is the last ``held`` sessions together."""
    first, last = window
    return first - (held - 1) * (first <= 0), last - (held - 1) * (last < 0)


def tally(flags: Bools, window: Window) -> NDArray[np.int32]:
    """Count the flags in a window around every column, those outside the table as none."""
    total = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=1, out=total[:, 1:], dtype=np.int32)
    first, last = edges(flags.shape[1], window)
    counted: NDArray[np.int32] = total[:, last] - total[:, first]
    return counted


def edges(width: int, window: Window) -> tuple[Ints, Ints]:
    """First column in, and first column behind, a window around every column."""
    column = np.arange(width)
    first = np.clip(column + window[0], 0, width)
    return first, np.clip(column + window[1] + 1, 0, width)
