"""How much the events of a sample move together: r̄, the mean residual correlation.

Every firm hit on the same day is the usual case, and then tests that take the events for
independent reject far too often. `parametric` and `ranks` correct for it with the r̄ that
is computed here. There is no loop over pairs: events come in blocks, and the correlations
of two blocks on the common dates of each pair are a handful of matrix products. Blocks
whose events share day 0 and every usable row need column sums only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import unknown
from analysis.eventstudy.fitted import Floats, Ints, Sample
from analysis.eventstudy.outcome import ROUNDING

RBAR_MODES = ("overlap", "calendar", "event")

LEAST_COMMON_DATES = 3
# From about this size on, column sums beat matrix products.
LEAST_ALIKE = 32
# Cells of a block (events × days): two of them and their products stay in cache.
CELLS = 1 << 17


def rbar(sample: Sample, mode: str = "overlap") -> float:
    """Mean correlation r̄ of the events' estimation residuals.

    The mean over ordered pairs i ≠ j, two events of one security included, of the
    correlation of their estimation residuals on common dates. Fewer than 3 common dates,
    or no variance on them, contributes 0.

    Parameters
    ----------
    sample : Sample
        Events kept for one window.
    mode : {"overlap", "calendar", "event"}
        ``"overlap"`` pairs the residuals by calendar date and multiplies each correlation
        by the share of the window that both events have in common in calendar time (0
        when disjoint): Kolari, Pape & Pynnönen (2018). ``"calendar"`` leaves the weight
        out; ``"event"`` also pairs by relative day, as Kolari & Pynnönen (2010) do for
        events on one date.

    Returns
    -------
    float
        NaN with fewer than 2 events.

    Raises
    ------
    InputError
        Unknown mode.
    """
    check_mode(mode)
    fitted = sample.fitted
    if mode == "event":
        columns = np.arange(fitted.residuals.shape[1], dtype=np.int64)
        return mean_correlation(fitted.residuals, np.broadcast_to(columns, fitted.residuals.shape))
    windows = fitted.days[:, sample.columns] if mode == "overlap" else None
    return mean_correlation(fitted.residuals, fitted.residual_days, windows)


def check_mode(mode: str) -> None:
    """Refuse an unknown way to pair the events.

    Raises
    ------
    InputError
        Unknown mode.
    """
    if mode not in RBAR_MODES:
        raise unknown("r̄ mode", mode, RBAR_MODES)


def mean_correlation(
    values: Floats, days: Ints, windows: Ints | None = None, *, block: int = 512
) -> float:
    """Mean over ordered pairs of rows of their correlation on common days.

    Parameters
    ----------
    values : (N, E) float
        One event a row, NaN where missing.
    days : (N, E) int
        Day of each value on one time line shared by all rows, -1 where there is none; a
        row has no day twice.
    windows : (N, L) int, optional
        Days of each event's window on a shared time line; each pair is then multiplied by
        the share of L that the two have in common.
    block : int
        Most events in a block. It bounds the memory and leaves the result as it is.

    Returns
    -------
    float
        NaN with fewer than 2 rows.
    """
    size = len(values)
    if size < 2:
        return math.nan
    used = np.isfinite(values) & (days >= 0)
    enough = used.sum(axis=1) >= LEAST_COMMON_DATES
    if not enough.any():
        return 0.0
    blocks = list(
        _blocks(
            _standardised(values[enough], used[enough]),
            days[enough],
            used[enough],
            None if windows is None else windows[enough],
            block,
        )
    )
    total = 0.0
    for position, left in enumerate(blocks):
        total += _correlations(left, left)
        total += 2.0 * sum(_correlations(left, right) for right in blocks[position + 1 :])
    return total / (size * (size - 1))


@dataclass(frozen=True)
class _Block:
    """Some events spread out on the time line, from `start` on.

    Attributes
    ----------
    values, present : (n, D) float
        Standardised values, 0 where missing, and 1 where there is one.
    inside : (n, V) float or None
        1 where the day, counted from `window_start`, is in the event's window.
    length : int
        Days of a window, L.
    alike : bool
        All events have the same days and the same window.
    """

    start: int
    values: Floats
    present: Floats
    window_start: int
    inside: Floats | None
    length: int
    alike: bool


def _standardised(values: Floats, used: NDArray[np.bool_]) -> Floats:
    """Centre and scale each row, so that sums of squares lose no digits later."""
    count = np.maximum(used.sum(axis=1, keepdims=True), 1)
    known = np.where(used, values, 0.0)
    centred = np.where(used, known - known.sum(axis=1, keepdims=True) / count, 0.0)
    scale = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    standardised: Floats = centred / np.where(scale > 0, scale, 1.0)
    return standardised


def _blocks(
    values: Floats,
    days: Ints,
    used: NDArray[np.bool_],
    windows: Ints | None,
    most: int,
) -> Iterator[_Block]:
    """Cut the events into blocks that are near in time, those that are alike by themselves."""
    rows = np.where(used, days, -1)
    group, count = _groups(rows if windows is None else np.hstack([rows, windows]))
    alike = count[group] >= LEAST_ALIKE
    last = rows.max(axis=1, initial=-1)
    first = np.where(used, days, last[:, None]).min(axis=1, initial=np.iinfo(np.int64).max)
    anchor = first if windows is None else windows.min(axis=1)
    order = np.lexsort((group, anchor, np.where(alike, group, -1)))
    labels = np.where(alike, group, -1)[order]
    for run in np.split(order, np.flatnonzero(np.diff(labels)) + 1):
        while len(run):
            size = _affordable(first[run[:most]], last[run[:most]])
            part, run = run[:size], run[size:]
            yield _block(
                values[part],
                days[part],
                used[part],
                None if windows is None else windows[part],
                alike=bool(alike[part[0]]),
            )


def _groups(rows: Ints) -> tuple[Ints, Ints]:
    """Number the distinct rows: the number of each row, and how often each occurs."""
    packed = np.ascontiguousarray(rows, dtype=np.int64)
    keys = packed.view(np.dtype((np.void, packed.itemsize * packed.shape[1]))).ravel()
    _, number, count = np.unique(keys, return_inverse=True, return_counts=True)
    return number.astype(np.int64), count.astype(np.int64)


def _affordable(first: Ints, last: Ints) -> int:
    """How many of these events, in order, one block can hold."""
    span = np.maximum.accumulate(last) - np.minimum.accumulate(first) + 1
    too_much = np.arange(1, len(span) + 1) * span > CELLS
    return max(int(np.argmax(too_much)), 1) if too_much.any() else len(span)


def _block(
    values: Floats,
    days: Ints,
    used: NDArray[np.bool_],
    windows: Ints | None,
    *,
    alike: bool,
) -> _Block:
    """Spread the values out on the time line."""
    row, column = np.nonzero(used)
    day = days[row, column]
    start = int(day.min())
    width = int(day.max()) - start + 1
    spread_out = np.zeros((len(values), width))
    present = np.zeros((len(values), width))
    spread_out[row, day - start] = values[row, column]
    present[row, day - start] = 1.0
    if windows is None:
        return _Block(start, spread_out, present, 0, None, 1, alike)
    window_start = int(windows.min())
    inside = np.zeros((len(values), int(windows.max()) - window_start + 1))
    np.put_along_axis(inside, windows - window_start, (windows >= 0).astype(float), axis=1)
    return _Block(start, spread_out, present, window_start, inside, windows.shape[1], alike)


def _correlations(left: _Block, right: _Block) -> float:
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


def _window_shares(left: _Block, right: _Block) -> Floats | None:
    """Share of the window that each pair has in common, (n, m), or (1, 1) if all are alike."""
    if left.inside is None or right.inside is None:
        return None
    ours, theirs = left.inside, right.inside
    if left.alike and right.alike:
        ours, theirs = ours[:1], theirs[:1]
    low = max(left.window_start, right.window_start)
    high = min(left.window_start + ours.shape[1], right.window_start + theirs.shape[1])
    if high <= low:
        return np.zeros((1, 1))
    shares: Floats = (
        ours[:, low - left.window_start : high - left.window_start]
        @ theirs[:, low - right.window_start : high - right.window_start].T
    ) / left.length
    return shares


def _sum_of_alike(left: _Block, right: _Block, ours: slice, theirs: slice) -> float:
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


def _pairs(left: _Block, right: _Block, ours: slice, theirs: slice) -> Floats:
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
