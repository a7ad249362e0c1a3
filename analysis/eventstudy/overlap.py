"""The mean correlation of events on one calendar, weighted by how far their windows overlap.

Where every day is a session of everybody, the rows of two events differ by the distance d of
their days 0 alone. Events with a day 0 in common are a group; two groups d days apart share
the last E−d rows of the earlier and the first E−d of the later, so the sum of the correlations
of all their pairs is the product of two sums of unit vectors. There is no pair to go through,
and d runs over less than the length of a window. Events with missing rows go through masked
products with the events near them, in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from analysis.eventstudy.crowds import LEAST_COMMON_DATES, Crowd, correlations, crowd, standardised
from analysis.eventstudy.fitted import Floats, Ints, Rows
from analysis.eventstudy.outcome import ROUNDING
from analysis.eventstudy.windows import Bools

# Values that are sorted by day 0 at a time, and events of one block of masked products.
BUFFER = 1 << 23
MASKED = 48
# A mean beyond so many standard deviations costs digits when squares are summed.
LARGE_MEAN = 0.1


class OverlapSums:
    """Collects what the overlap-weighted sum of correlations of a study needs.

    Parameters
    ----------
    day0 : (N,) int
        Day of each event on the one calendar.
    whole : (N,) bool
        Whether an event has every estimation row.
    width : int
        Estimation days, E.
    length : int
        Days of the window, L.
    """

    def __init__(self, day0: Ints, whole: Bools, width: int, length: int) -> None:
        self.day0, self.whole, self.length = day0, whole, length
        self.zeros = np.unique(day0[whole])
        # Distances that no two days 0 have cost nothing.
        near = range(1, min(length, width - LEAST_COMMON_DATES + 1))
        met = [lag for lag in near if np.isin(self.zeros + lag, self.zeros).any()]
        self.lags = np.array([0, *met])
        versions = 2 * len(self.lags) - 1
        self.sums = np.zeros((len(self.zeros), versions, width))
        self.means = np.zeros((len(self.zeros), versions))
        self.varying = 0
        self.buffer = np.empty((min(len(day0), max(BUFFER // width, 1)), width))
        self.waiting = np.empty(len(self.buffer), dtype=np.int64)
        self.filled = 0

    def add(self, rows: Rows, values: Floats) -> None:
        """Take in the values of some events, (n, E); those with missing rows are left alone."""
        whole = self.whole[rows]
        day0 = self.day0[rows]
        if not whole.all():
            day0, values = day0[whole], values[whole]
        start = 0
        while start < len(day0):
            room = min(len(day0) - start, len(self.buffer) - self.filled)
            to = slice(self.filled, self.filled + room)
            self.buffer[to] = values[start : start + room]
            self.waiting[to] = day0[start : start + room]
            self.filled, start = self.filled + room, start + room
            if self.filled == len(self.buffer):
                self._flush()

    def total(self) -> float:
        """Sum over ordered pairs of events without missing rows, i ≠ j."""
        self._flush()
        width, count = self.sums.shape[2], len(self.lags)
        same = self.sums[:, 0] - self.means[:, 0, None]
        total = float(np.vecdot(same, same).sum()) - self.varying
        for number, lag in enumerate(self.lags[1:].tolist(), start=1):
            later = np.searchsorted(self.zeros, self.zeros + lag)
            met = later < len(self.zeros)
            met[met] = self.zeros[later[met]] == self.zeros[met] + lag
            later = later[met]
            front = count + number - 1
            ours = self.sums[met, number, lag:] - self.means[met, number, None]
            theirs = self.sums[later, front, : width - lag] - self.means[later, front, None]
            share = 1.0 - lag / self.length
            total += 2.0 * share * float(np.vecdot(ours, theirs).sum())
        return total

    def _flush(self) -> None:
        """Add the sums of unit vectors of every group that waits."""
        values, day0 = self.buffer[: self.filled], self.waiting[: self.filled]
        self.filled = 0
        if not len(values):
            return
        weights, means = self._weights(values)
        if (weights[:, 0] * np.abs(means[:, 0]) > LARGE_MEAN / math.sqrt(values.shape[1])).any():
            # Squares of values far from zero lose digits: take the means off first.
            values -= means[:, :1]
            weights, means = self._weights(values)
        self.varying += int((weights[:, 0] > 0).sum())
        order = np.argsort(day0, kind="stable")
        group = np.searchsorted(self.zeros, day0[order])
        values, means, weights = values[order], (weights * means)[order], weights[order].T
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        numbers = group[starts]
        self.means[numbers] += np.add.reduceat(means, starts, axis=0)
        ends = [*starts[1:].tolist(), len(group)]
        for number, start, end in zip(numbers.tolist(), starts.tolist(), ends, strict=True):
            self.sums[number] += weights[:, start:end] @ values[start:end]

    def _weights(self, values: Floats) -> tuple[Floats, Floats]:
        """One over the length of each centred row, and its mean, on the rows of every lag.

        (n, versions): all rows, then without the first 1, 2, ... and then without the last
        1, 2, ...; the weight is 0 where the rows do not vary. Sums over fewer rows are built
        up from the middle, never by subtraction.
        """
        width, edge = values.shape[1], int(self.lags[-1])
        if width < 2 * edge:
            firsts, seconds = self._plain_moments(values)
        else:
            middle = values[:, edge : width - edge]
            columns = np.concatenate([self.lags, edge + self.lags[1:]])
            firsts = _moments(values, middle.sum(axis=1), edge, squared=False)[:, columns]
            squares = np.vecdot(middle, middle)
            seconds = _moments(values, squares, edge, squared=True)[:, columns]
        lags = np.concatenate([self.lags, self.lags[1:]])
        means = firsts / (width - lags)
        squares = seconds - firsts * means
        varies = squares > ROUNDING * seconds
        weights = np.where(varies, 1.0 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)
        return weights, means

    def _plain_moments(self, values: Floats) -> tuple[Floats, Floats]:
        """Sums of rows and of their squares where the lags leave no common middle."""
        width = values.shape[1]
        parts = [values[:, lag:] for lag in self.lags]
        parts += [values[:, : width - lag] for lag in self.lags[1:]]
        firsts = np.stack([part.sum(axis=1) for part in parts], axis=1)
        return firsts, np.stack([np.vecdot(part, part) for part in parts], axis=1)


def _moments(values: Floats, middle: Floats, edge: int, *, squared: bool) -> Floats:
    """Sums over the rows of every lag, (n, 2·edge + 1), from the sum over the middle."""
    left, right = values[:, :edge], values[:, values.shape[1] - edge :]
    if squared:
        left, right = left**2, right**2
    # Column d: the rows from d to the middle, and from the middle to the d-th from the end.
    zero = np.zeros((len(values), 1))
    lefts = np.hstack([np.cumsum(left[:, ::-1], axis=1)[:, ::-1], zero])
    rights = np.hstack([np.cumsum(right, axis=1)[:, ::-1], zero])
    without_first = middle[:, None] + rights[:, :1] + lefts
    without_last = middle[:, None] + lefts[:, :1] + rights[:, 1:]
    return np.hstack([without_first, without_last])


def masked_total(
    fetch: Callable[[Ints], Floats], day0: Ints, whole: Bools, offsets: Ints, window: Ints
) -> float:
    """Sum the weighted correlations of the ordered pairs with a missing row on either side.

    Parameters
    ----------
    fetch : callable
        Positions of events, (n,) -> their values, (n, E), NaN where missing.
    day0 : (N,) int
    whole : (N,) bool
        Events without missing rows: pairs of two of them are left out.
    offsets, window : (E,), (L,) int
        Relative days.
    """
    if whole.all():
        return 0.0
    order = np.argsort(day0, kind="stable")
    near: list[tuple[bool, Crowd]] = []
    total = 0.0
    for start in range(0, len(order), 32 * MASKED):
        slab = order[start : start + 32 * MASKED]
        values, first = fetch(slab), int(day0[slab[0]] + window[0])
        near = [(mine, one) for mine, one in near if _last_day(one) >= first]
        for complete in (False, True):
            rows = np.flatnonzero(whole[slab] == complete)
            for at in range(0, len(rows), MASKED):
                part = rows[at : at + MASKED]
                zero, used = day0[slab[part], None], np.isfinite(values[part])
                left = crowd(
                    standardised(values[part], used),
                    zero + offsets,
                    used,
                    zero + window,
                    alike=False,
                )
                if not complete:
                    total += correlations(left, left)
                near_left = near if not complete else [one for one in near if not one[0]]
                total += 2.0 * sum(correlations(left, right) for _, right in near_left)
                near.append((complete, left))
    return total


def _last_day(one: Crowd) -> int:
    inside = 0 if one.inside is None else one.inside.shape[1]
    return one.window_start + inside - 1
