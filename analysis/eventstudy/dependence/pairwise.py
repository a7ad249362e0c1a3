"""Correlations of every event of one block with every event of another, as matrix products.

A block is some events spread out on one time line, zero where a day is missing. The moments of
each pair on its own common days are products of matrices of values, squares and presence;
blocks whose events share every day need column sums only. `mean_correlation` and `overlap`
cut the events into blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.tolerances import ROUNDING

LEAST_COMMON_DATES = 3


@dataclass(frozen=True)
class EventBlock:
    """Some events spread out on the time line, from `start` on.

    Attributes
    ----------
    values, present : (n, D) float
        Standardised values, 0 where missing, and 1 where there is one.
    inside : (n, V) float or None
        1 where the day, counted from `window_start`, is in the event's window.
    lengths : (n,) int
        Days of each event's window, L_i.
    alike : bool
        All events have the same days and the same window.
    instant : (n,) int or None
        Number of the instant of each event, -1 where there is none. Windows of one instant in
        two blocks are counted by relative day: they have all days in common.
    """

    start: int
    values: Floats
    present: Floats
    window_start: int
    inside: Floats | None
    lengths: Ints
    alike: bool
    instant: Ints | None = None


def standardised(values: Floats, used: Bools) -> Floats:
    """Centre and scale each row, so that sums of squares lose no digits later."""
    count = np.maximum(used.sum(axis=1, keepdims=True), 1)
    known = np.where(used, values, 0.0)
    centred = np.where(used, known - known.sum(axis=1, keepdims=True) / count, 0.0)
    scale = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    standardised: Floats = centred / np.where(scale > 0, scale, 1.0)
    return standardised


def make_block(
    values: Floats,
    days: Ints,
    used: Bools,
    windows: Ints | None,
    *,
    lengths: Ints | None = None,
    alike: bool,
    instant: Ints | None = None,
) -> EventBlock:
    """Spread the values out on the time line; windows have ``lengths`` days, or one a column."""
    row, column = np.nonzero(used)
    day = days[row, column]
    start = int(day.min())
    width = int(day.max()) - start + 1
    spread_out = np.zeros((len(values), width))
    present = np.zeros((len(values), width))
    spread_out[row, day - start] = values[row, column]
    present[row, day - start] = 1.0
    if windows is None:
        return EventBlock(start, spread_out, present, 0, None, np.empty(0, np.int64), alike)
    window_start = int(windows.min())
    inside = np.zeros((len(values), int(windows.max()) - window_start + 1))
    np.put_along_axis(inside, windows - window_start, (windows >= 0).astype(float), axis=1)
    if lengths is None:
        lengths = np.full(len(values), windows.shape[1])
    return EventBlock(start, spread_out, present, window_start, inside, lengths, alike, instant)


def correlations(left: EventBlock, right: EventBlock) -> float:
    """Sum of the weighted correlations of every event on the left with every one on the right.

    A block with itself leaves each event's correlation with itself out.
    """
    low = max(left.start, right.start)
    high = min(left.start + left.values.shape[1], right.start + right.values.shape[1])
    if high - low < LEAST_COMMON_DATES:
        return 0.0
    weight = _window_shares(left, right)
    if weight is not None and not weight.any():
        return 0.0
    ours = slice(low - left.start, high - left.start)
    theirs = slice(low - right.start, high - right.start)
    if left.alike and right.alike:
        share = 1.0 if weight is None else float(weight[0, 0])
        return share * _sum_of_alike(left, right, ours, theirs)
    pairs = _pairs(left, right, ours, theirs)
    if weight is not None:
        pairs *= weight
    if left is right:
        np.fill_diagonal(pairs, 0.0)
    return float(pairs.sum())


def _window_shares(left: EventBlock, right: EventBlock) -> Floats | None:
    """Share of the window that each pair has in common, (n, m), or (1, 1) if all are alike."""
    if left.inside is None or right.inside is None:
        return None
    ours, theirs = left.inside, right.inside
    same = _same_instant(left, right)
    if left.alike and right.alike:
        ours, theirs = ours[:1], theirs[:1]
        same = None if same is None else same[:1, :1]
    low = max(left.window_start, right.window_start)
    high = min(left.window_start + ours.shape[1], right.window_start + theirs.shape[1])
    if high <= low:
        return np.zeros((1, 1)) if same is None else same.astype(np.float64)
    shares: Floats = (
        ours[:, low - left.window_start : high - left.window_start]
        @ theirs[:, low - right.window_start : high - right.window_start].T
    ) / np.sqrt(np.outer(left.lengths[: len(ours)], right.lengths[: len(theirs)]))
    if same is not None:
        shares[same] = 1.0
    return shares


def _same_instant(left: EventBlock, right: EventBlock) -> Bools | None:
    """Which pairs react to one instant, (n, m); None where no pair does."""
    if left.instant is None or right.instant is None:
        return None
    same: Bools = (left.instant[:, None] == right.instant) & (right.instant >= 0)
    return same if same.any() else None


def _sum_of_alike(left: EventBlock, right: EventBlock, ours: slice, theirs: slice) -> float:
    """Sum of correlations where all pairs have the same common days.

    Each correlation is the product of two rows of unit length, so their sum is the product
    of the two sums of rows.
    """
    common = (left.present[0, ours] > 0) & (right.present[0, theirs] > 0)
    if common.sum() < LEAST_COMMON_DATES:
        return 0.0
    mine, varying = _unit_sum(left.values[:, ours][:, common])
    if left is right:
        return float(mine @ mine) - varying
    return float(mine @ _unit_sum(right.values[:, theirs][:, common])[0])


def _unit_sum(values: Floats) -> tuple[Floats, int]:
    """Sum of the rows, each centred and scaled to unit length, and how many had variance."""
    centred = values - values.mean(axis=1, keepdims=True)
    square = (centred**2).sum(axis=1)
    varies = square > ROUNDING * (values**2).sum(axis=1)
    unit_sum: Floats = (1.0 / np.sqrt(square[varies])) @ centred[varies]
    return unit_sum, int(varies.sum())


def _pairs(left: EventBlock, right: EventBlock, ours: slice, theirs: slice) -> Floats:
    """Correlation of each pair on its own common days, shape (n, m)."""
    x, on_x = left.values[:, ours], left.present[:, ours]
    y, on_y = right.values[:, theirs], right.present[:, theirs]
    count = on_x @ on_y.T
    enough = count >= LEAST_COMMON_DATES
    per = 1.0 / np.where(enough, count, 1.0)
    sum_x, sum_y = x @ on_y.T, on_x @ y.T
    square_x, square_y = (x**2) @ on_y.T, on_x @ (y**2).T
    var_x, var_y = square_x - sum_x**2 * per, square_y - sum_y**2 * per
    good = enough & (var_x > ROUNDING * square_x) & (var_y > ROUNDING * square_y)
    covariance = x @ y.T - sum_x * sum_y * per
    scale = np.sqrt(np.where(good, var_x * var_y, 1.0))
    correlation: Floats = np.where(good, covariance / scale, 0.0)
    return correlation
