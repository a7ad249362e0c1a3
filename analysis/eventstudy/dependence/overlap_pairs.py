"""The overlap-weighted sum of correlations where few events overlap: pair by pair, in arrays.

A thousand events on as many days have few neighbours each. Sums of unit vectors by day 0, which
`overlap` collects, would then be as many as the events, in as many versions as there are
distances; the correlations of the pairs themselves are less work.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Floats, Ints, Rows
from analysis.eventstudy.dependence.overlap import Overlap

# Pairs for each sum up to which they cost less than the sums do. The values of all events are
# then few beside the sums as well: N events on Z days have N²/(2Z) pairs at least.
FEW_PAIRS = 4
# Values (events × days) of the pairs that are multiplied at a time.
CELLS = 1 << 18


class OverlapPairs(Overlap):
    """Collects the values of all events, and correlates those that overlap.

    It answers as `overlap.OverlapSums`; the parameters are those of `overlap.Overlap`.
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
