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
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Floats, Ints, Rows, as_slice
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.dependence.pairwise import (
    LEAST_COMMON_DATES,
    EventBlock,
    correlations,
    make_block,
    standardised,
)

# Events of one block of masked products.
MASKED = 48
# Pairs for each sum up to which they cost less than the sums do. The values of all events are
# then few beside the sums as well: N events on Z days have N²/(2Z) pairs at least.
FEW_PAIRS = 4
# Values (events × days) of the pairs that are multiplied at a time.
CELLS = 1 << 18
# A mean beyond so many standard deviations costs digits when squares are summed.
LARGE_MEAN = 0.1


@dataclass(frozen=True)
class PartialSums:
    """What some events add to `OverlapSums`.

    Attributes
    ----------
    groups : (g,) int
        Numbers of the days 0 that they have, one after the other.
    sums : (g, versions, E) float
        Sums of their values, each over its length on the rows of a version.
    means : (g, versions) float
        Sums of their means over the same lengths.
    varying : int
        Events whose values vary.
    """

    groups: Ints
    sums: Floats
    means: Floats
    varying: int


class Overlap(ABC):
    """Events on one calendar, and the distances at which windows of theirs overlap.

    Blocks of events are looked at in any thread (`part`), and taken in one after the other
    (`add`).

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
        self.day0, self.whole, self.length, self.width = day0, whole, length, width
        self.zeros, self.counts = np.unique(day0[whole], return_counts=True)
        # Distances that no two days 0 have cost nothing.
        near = range(1, min(length, width - LEAST_COMMON_DATES + 1))
        met = [lag for lag in near if np.isin(self.zeros + lag, self.zeros).any()]
        self.lags = np.array([0, *met])
        self._middle, self._others, self._inside = _versions(self.lags, width)

    @abstractmethod
    def part(self, rows: Rows, values: Floats) -> Any:
        """What some events add; those with missing rows are left alone.

        Parameters
        ----------
        rows : (n,) int
            Ascending by day 0, as `blocks` names them.
        values : (n, E) float
        """

    @abstractmethod
    def add(self, part: Any) -> None:
        """Take in what some events add."""

    @abstractmethod
    def total(self) -> float:
        """Sum over ordered pairs of events without missing rows, i ≠ j."""

    def blocks(self, size: int) -> Iterator[Ints]:
        """Name all events in blocks, in the order of their days 0."""
        order = np.argsort(self.day0, kind="stable")
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def met(self, lag: int) -> tuple[Ints, Ints]:
        """Groups that have another one so many days later, and which these are."""
        later = np.searchsorted(self.zeros, self.zeros + lag)
        found = later < len(self.zeros)
        found[found] = self.zeros[later[found]] == self.zeros[found] + lag
        return np.flatnonzero(found), later[found]

    def weights(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """One over the length of each centred row, and its mean, on the rows of every version.

        Parameters
        ----------
        values : (n, E) float

        Returns
        -------
        weights, means : (n, versions) float
            All rows, then without the first 1, 2, ... and then without the last 1, 2, ...;
            the weight is 0 where the rows do not vary. Sums over fewer rows are added up from
            the rows that all versions have and those that some have, never by subtraction.
        values : (n, E) float
            The values; less their means where these are large.
        """
        weights, means = self._weights(values)
        if (weights[:, 0] * np.abs(means[:, 0]) > LARGE_MEAN / math.sqrt(self.width)).any():
            # Squares of values far from zero lose digits: take the means off first.
            values = values - means[:, :1]
            weights, means = self._weights(values)
        return weights, means, values

    def _weights(self, values: Floats) -> tuple[Floats, Floats]:
        middle, others = values[:, self._middle], values[:, self._others]
        firsts = middle.sum(axis=1)[:, None] + others @ self._inside
        seconds = np.vecdot(middle, middle)[:, None] + others**2 @ self._inside
        lags = np.concatenate([self.lags, self.lags[1:]])
        means = firsts / (self.width - lags)
        squares = seconds - firsts * means
        varies = squares > ROUNDING * seconds
        weights = np.where(varies, 1.0 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)
        return weights, means


class OverlapSums(Overlap):
    """Collects the sums of unit vectors by day 0, from which every pair's correlation follows."""

    def __init__(self, day0: Ints, whole: Bools, width: int, length: int) -> None:
        super().__init__(day0, whole, width, length)
        versions = 2 * len(self.lags) - 1
        self.sums = np.zeros((versions, len(self.zeros), width))
        self.means = np.zeros((versions, len(self.zeros)))
        self.varying = 0

    def part(self, rows: Rows, values: Floats) -> PartialSums:
        """Sums of unit vectors by day 0, see `Overlap.part`."""
        day0, whole = self.day0[rows], self.whole[rows]
        if not whole.all():
            day0, values = day0[whole], values[whole]
        weights, means, values = self.weights(values)
        group = np.searchsorted(self.zeros, day0)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        edges = [*starts.tolist(), len(group)]
        sums = np.empty((len(starts), weights.shape[1], self.width))
        for number, (start, end) in enumerate(pairwise(edges)):
            np.matmul(weights[start:end].T, values[start:end], out=sums[number])
        weighed = np.zeros((0, weights.shape[1]))
        if len(starts):
            weighed = np.add.reduceat(weights * means, starts, axis=0)
        return PartialSums(group[starts], sums, weighed, int((weights[:, 0] > 0).sum()))

    def add(self, part: PartialSums) -> None:
        """Add the sums of some events."""
        if len(part.groups):
            # In the order of days 0 no group is left out: a slice, and nothing is copied.
            groups = slice(int(part.groups[0]), int(part.groups[-1]) + 1)
            self.sums[:, groups] += part.sums.transpose(1, 0, 2)
            self.means[:, groups] += part.means.T
        self.varying += part.varying

    def total(self) -> float:
        """Sum over ordered pairs of events without missing rows, i ≠ j.

        A product of two sums of centred rows: that of the sums, less the number of rows times
        that of their means.
        """
        total = self._products(0, slice(None), 0, slice(None), 0) - self.varying
        for number, lag in enumerate(self.lags[1:].tolist(), start=1):
            ours, theirs = map(as_slice, self.met(lag))
            front = len(self.lags) + number - 1
            share = 1.0 - lag / self.length
            total += 2.0 * share * self._products(number, ours, front, theirs, lag)
        return total

    def _products(self, one: int, ours: Rows, other: int, theirs: Rows, lag: int) -> float:
        """Products of the sums of a version's groups and another's on the rows both have."""
        rows = self.width - lag
        products = np.vecdot(self.sums[one, ours, lag:], self.sums[other, theirs, :rows])
        means = self.means[one, ours] @ self.means[other, theirs]
        return float(products.sum() - rows * means)


class OverlapPairs(Overlap):
    """Collects the values of all events, and correlates those that overlap, pair by pair.

    A thousand events on as many days have few neighbours each: then the correlations of the
    pairs are less work than sums by day 0, in as many versions as there are distances.
    """

    def __init__(self, day0: Ints, whole: Bools, width: int, length: int) -> None:
        super().__init__(day0, whole, width, length)
        self._parts: list[tuple[Ints, Floats, Floats, Floats]] = []

    def part(self, rows: Rows, values: Floats) -> tuple[Ints, Floats, Floats, Floats]:
        """Days 0, weights, means and values of events without a hole, see `Overlap.part`."""
        whole = self.whole[rows]
        weights, means, kept = self.weights(values[whole])
        return self.day0[rows][whole], weights, means, kept

    def add(self, part: tuple[Ints, Floats, Floats, Floats]) -> None:
        """Keep the values of some events."""
        self._parts.append(part)

    @property
    def few(self) -> bool:
        """Whether so few events overlap that their pairs cost less than sums by day 0."""
        pairs = int((self.counts * (self.counts - 1) // 2).sum())
        for lag in self.lags[1:].tolist():
            ours, theirs = self.met(lag)
            pairs += int((self.counts[ours] * self.counts[theirs]).sum())
        return pairs <= FEW_PAIRS * (2 * len(self.lags) - 1) * len(self.zeros)

    def total(self) -> float:
        """Sum over ordered pairs of events without missing rows, i ≠ j."""
        if not self._parts:
            return 0.0
        day0, weights, means, values = (
            np.concatenate(one) for one in zip(*self._parts, strict=True)
        )
        total = 0.0
        for number, lag in enumerate(self.lags.tolist()):
            front, rows = number + (len(self.lags) - 1 if lag else 0), self.width - lag
            for ours, theirs in _pairs(day0, lag, max(1, CELLS // self.width)):
                products = np.vecdot(values[ours, lag:], values[theirs, :rows])
                products -= rows * means[ours, number] * means[theirs, front]
                products *= weights[ours, number] * weights[theirs, front]
                total += 2.0 * (1.0 - lag / self.length) * float(products.sum())
        return total


def _versions(lags: Ints, width: int) -> tuple[slice, Ints, Floats]:
    """Rows that every version has, the others, and which version has which of the others.

    The last is (others, versions), 1 where the version has the row.
    """
    edge = int(lags[-1])
    # Where the ends meet, no row is for all.
    middle = slice(edge, max(width - edge, edge))
    others = np.delete(np.arange(width), middle)
    row = others[:, None]
    return middle, others, np.hstack([row >= lags, row < width - lags[1:]]).astype(np.float64)


def _pairs(day0: Ints, lag: int, most: int) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of events so many days apart, the earlier first, not many more than `most` at a time.

    Each pair once, also where both have the same day 0.
    """
    first = np.searchsorted(day0, day0 + lag)
    last = np.searchsorted(day0, day0 + lag, side="right")
    if lag == 0:
        first = np.arange(1, len(day0) + 1)
    counts = last - first
    ends = np.cumsum(counts)
    start = 0
    while start < len(day0):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + most, side="right")))
        some = counts[start:stop]
        ours = np.repeat(np.arange(start, stop), some)
        ramp = np.arange(len(ours)) - np.repeat(np.cumsum(some) - some, some)
        yield ours, np.repeat(first[start:stop], some) + ramp
        start = stop


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
    near: list[tuple[bool, EventBlock]] = []
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
                left = make_block(
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


def _last_day(one: EventBlock) -> int:
    inside = 0 if one.inside is None else one.inside.shape[1]
    return one.window_start + inside - 1
