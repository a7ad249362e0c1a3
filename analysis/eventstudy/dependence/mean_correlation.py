"""How much the events of a sample move together: r̄, the mean residual correlation.

Every firm hit on the same day is the usual case, and then tests that take the events for
independent reject far too often; `parametric` and `ranks` correct for it with r̄. There is no
loop over pairs: events come in blocks, and the correlations of two blocks on the common dates
of each pair are a handful of matrix products. Blocks whose events share day 0 and every usable
row need column sums only. Where one instant reaches some exchanges a session after others, the
pairs across them come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from analysis.errors import unknown_name
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.core.threads import map_ordered
from analysis.eventstudy.dependence.overlap import (
    Overlap,
    OverlapPairs,
    OverlapSums,
    masked_total,
)
from analysis.eventstudy.dependence.pairwise import (
    LEAST_COMMON_DATES,
    EventBlock,
    correlations,
    make_block,
    standardised,
)

RBAR_MODES = ("overlap", "calendar", "event")

# From about this size on, column sums beat matrix products.
LEAST_ALIKE = 32
# Cells of a block (events × days): two of them and their products stay in cache.
CELLS = 1 << 17
# Most events of a block.
BLOCK = 512


def rbar(sample: WindowSample, mode: str = "overlap") -> float:
    """Mean correlation r̄ of the events' estimation residuals.

    r̄ = Σ_{i≠j} τ_ij·r_ij / (N(N−1)), r_ij the correlation of the estimation residuals of
    events i and j on common dates, two events of one security included, and τ_ij a weight.
    Fewer than 3 common dates, or no variance on them, contributes 0.

    Parameters
    ----------
    sample : WindowSample
        Events kept for one window.
    mode : {"overlap", "calendar", "event"}
        ``"overlap"`` pairs the residuals by calendar date; τ_ij is the share of the window
        that both events have in common in calendar time (0 when disjoint): Kolari, Pape &
        Pynnönen (2018). Two securities of which one reacts a session later
        (`exchange_order`) add τ'_ij·r'_ij: the same with the later one's residuals and window
        one session of its own earlier, so that New York's day t meets Asia's day t+1; τ' is 1
        where both react to one instant. The pairing by instant is ours. Where an exchange was
        closed on the days before day 0, the window holds these days as well, see Notes.
        ``"calendar"`` pairs by calendar date alone, τ = 1; ``"event"`` pairs by relative
        day, τ = 1, as Kolari & Pynnönen (2010, p. 4003) do for events on one date.

    Returns
    -------
    float
        NaN with fewer than 2 events.

    Raises
    ------
    InputError
        Unknown mode.

    Notes
    -----
    The covariance of two CARs is the sum over pairs of days of what moves together. Across
    exchanges that is the same date and the session after, each as often as the two windows
    hold such a pair of days. The first session after a closure shows the change of all the m
    days since the last one, so that a window of L sessions holds L_i = L + m − 1 days: the
    covariance over the root of both variances is τ_ij = (days in common)/√(L_i·L_j).

    Source: Kolari & Pynnönen (2010, p. 4003); Kolari, Pape & Pynnönen (2018) for the weight.
    """
    check_mode(mode)
    fitted = sample.fitted
    if mode == "overlap" and (sums := overlap_sums(sample)) is not None:
        blocks = sums.blocks(fitted.block_size)
        for part in map_ordered(lambda rows: sums.part(rows, fitted.residuals_of(rows)), blocks):
            sums.add(part)
        return mean_overlap(sample, sums, fitted.residuals_of)
    return mean_paired(sample, fitted.residuals, mode)


def mean_paired(sample: WindowSample, values: Floats, mode: str) -> float:
    """Mean correlation of values of the estimation days, paired and weighted by a mode.

    Of values (N, E), NaN where missing; see `rbar` for the modes.
    """
    fitted, n = sample.fitted, sample.size
    if mode == "event":
        columns = np.arange(values.shape[1], dtype=np.int64)
        return mean_correlation(values, np.broadcast_to(columns, values.shape))
    if mode == "calendar":
        return mean_correlation(values, fitted.residual_days)
    windows, offsets = fitted.days[:, sample.columns], fitted.offsets[sample.columns]
    order = fitted.order
    if order is None or n < 2:
        return mean_correlation(values, fitted.residual_days, windows)
    held = order.held(windows, offsets), order.lengths(offsets)
    mean = mean_correlation(values, fitted.residual_days, *held)
    return mean + across_exchanges(sample, values) / (n * (n - 1))


def overlap_sums(sample: WindowSample) -> Overlap | None:
    """Sums to fill for `mean_overlap`; None where the events do not count the same days."""
    day0, width = sample.fitted.straight(), len(sample.fitted.estimation_offsets)
    if day0 is None or sample.size < 2 or width < LEAST_COMMON_DATES:
        return None
    asked = day0, sample.fitted.n == width, width, sample.length
    pairs = OverlapPairs(*asked)
    return pairs if pairs.few else OverlapSums(*asked)


def mean_overlap(sample: WindowSample, sums: Overlap, fetch: Callable[[Ints], Floats]) -> float:
    """Overlap-weighted mean correlation of events that count the same days.

    `sums` is filled with the values of every event; `fetch` gives the values of some events by
    position, (n,) -> (n, E), NaN where missing. See `rbar`.
    """
    fitted, n = sample.fitted, sample.size
    total = sums.total() + masked_total(
        fetch, sums.day0, sums.whole, fitted.estimation_offsets, fitted.offsets[sample.columns]
    )
    if fitted.order is not None:
        total += across_exchanges(sample, fetch(np.arange(n)))
    return total / (n * (n - 1))


def across_exchanges(sample: WindowSample, values: Floats) -> float:
    """Sum over ordered pairs of securities that react one after the other, a session apart.

    Σ τ'_ij·r'_ij of `rbar` over values of the estimation days, (N, E), NaN where missing; 0
    where all securities react on the same session.
    """
    fitted, order = sample.fitted, sample.fitted.order
    if order is None:
        return 0.0
    offsets = fitted.offsets[sample.columns]
    lengths = order.lengths(offsets)
    windows = order.held(fitted.days[:, sample.columns], offsets)
    moved = order.earlier(fitted.estimation_offsets)
    moved_windows = order.held(order.earlier(offsets), offsets)
    # Windows that hold days of a closure are counted by dates.
    plain = order.holds == 1
    first, second = (np.where(plain & one, order.instant, -1) for one in (~order.late, order.late))
    total = 0.0
    for level in range(1, int(order.level.max(initial=0)) + 1):
        ahead, behind = order.level < level, order.level == level
        early = _some(ahead, values, fitted.residual_days, windows, lengths, first)
        late = _some(behind, values, moved, moved_windows, lengths, second)
        total += 2.0 * sum(correlations(left, right) for left in early for right in late)
    return total


def _some(
    chosen: Bools, values: Floats, days: Ints, windows: Ints, lengths: Ints, instant: Ints
) -> list[EventBlock]:
    """Cut some of the events into blocks."""
    used = np.isfinite(values) & (days >= 0)
    rows = np.flatnonzero(chosen & (used.sum(axis=1) >= LEAST_COMMON_DATES))
    if not len(rows):
        return []
    used, scaled = used[rows], standardised(values[rows], used[rows])
    return list(
        _blocks(scaled, days[rows], used, windows[rows], lengths[rows], BLOCK, instant[rows])
    )


def check_mode(mode: str) -> None:
    """Raise `InputError` for an unknown way to pair the events."""
    if mode not in RBAR_MODES:
        raise unknown_name("r̄ mode", mode, RBAR_MODES)


def mean_correlation(
    values: Floats,
    days: Ints,
    windows: Ints | None = None,
    lengths: Ints | None = None,
    *,
    block: int = BLOCK,
) -> float:
    """Mean over ordered pairs of rows of their correlation on common days.

    Parameters
    ----------
    values : (N, E) float
        One event a row, NaN where missing.
    days : (N, E) int
        Day of each value on one time line shared by all rows, -1 where there is none; a
        row has no day twice.
    windows : (N, L or more) int, optional
        Days of each event's window on a shared time line, one more than once where it has
        fewer than others; each pair is then multiplied by the days that the two have in
        common, over √(L_i·L_j).
    lengths : (N,) int, optional
        L_i; the number of columns of ``windows`` by default.
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
            standardised(values[enough], used[enough]),
            days[enough],
            used[enough],
            None if windows is None else windows[enough],
            None if lengths is None else lengths[enough],
            block,
        )
    )
    total = 0.0
    for position, left in enumerate(blocks):
        total += correlations(left, left)
        total += 2.0 * sum(correlations(left, right) for right in blocks[position + 1 :])
    return total / (size * (size - 1))


def _blocks(
    values: Floats,
    days: Ints,
    used: Bools,
    windows: Ints | None,
    lengths: Ints | None,
    most: int,
    instant: Ints | None = None,
) -> Iterator[EventBlock]:
    """Cut the events into blocks that are near in time, those that are alike by themselves."""
    rows = np.where(used, days, -1)
    more = [windows, None if instant is None else instant[:, None]]
    group, count = _groups(np.hstack([rows, *(one for one in more if one is not None)]))
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
            yield make_block(
                values[part],
                days[part],
                used[part],
                None if windows is None else windows[part],
                lengths=None if lengths is None else lengths[part],
                alike=bool(alike[part[0]]),
                instant=None if instant is None else instant[part],
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
