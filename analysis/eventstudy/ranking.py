"""Ranks along rows: of values among themselves, and of a few more values placed among them.

`history` sorts the residuals of a block once and asks where the abnormal returns and the
standardised CAR of the event lie among them; nothing is sorted a second time. Ties, which
returns seldom have, take the slower way that ranks everything together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.eventstudy.fitted import Floats, Ints
from analysis.eventstudy.windows import Bools


@dataclass(frozen=True)
class SortedRows:
    """Rows of values in ascending order, the missing ones last.

    Attributes
    ----------
    values : (n, E) float
        NaN where missing.
    counts : (n,) int
        Values of each row that are not missing.
    ordered : (n·E,) float
        Every row in ascending order, one row behind the other.
    place : (n·E,) int
        Where each value stands in `ordered`.
    """

    values: Floats
    counts: Ints
    ordered: Floats
    place: Ints

    @classmethod
    def of(cls, values: Floats, counts: Ints) -> SortedRows:
        """Sort each row."""
        # Flat positions: taking and putting along one axis costs a fraction of along two.
        order = np.argsort(values, axis=1)
        order += (np.arange(len(values)) * values.shape[1])[:, None]
        flat = order.ravel()
        place = np.empty(len(flat), dtype=np.int64)
        place[flat] = np.arange(len(flat))
        return cls(values, counts, values.ravel().take(flat), place)

    @cached_property
    def present(self) -> Bools | None:
        """Which values there are; None for all of them."""
        return None if (self.counts == self.values.shape[1]).all() else np.isfinite(self.values)

    @cached_property
    def tied(self) -> bool:
        """Whether any row has a value twice."""
        rows = self.ordered.reshape(self.values.shape)
        return bool((rows[:, 1:] == rows[:, :-1]).any())

    @cached_property
    def ranks(self) -> Ints:
        """Rank of each value in its row, from 1 upwards, (n, E); beyond the count if missing."""
        rows, width = self.values.shape
        before = np.arange(rows)[:, None] * width - 1
        ranks: Ints = self.place.reshape(rows, width) - before
        return ranks

    def with_days(self, more: Floats) -> tuple[Floats, Ints]:
        """Rank the values of each row together with some more, and add U up over the rows.

        U = K/(M+1) − ½ with mid-ranks K and M the values of the row, missing ones left out.

        Parameters
        ----------
        more : (n, W) float
            NaN where missing.

        Returns
        -------
        sums : (E + W,) float
            Sum of U over the rows, for each value and then for each of the others.
        counts : (E + W,) int
            Rows that have it.
        """
        found, tied = self._found(more)
        if tied:
            return _added(centred_ranks(np.hstack([self.values, more])))
        rows, width = self.values.shape
        known = np.isfinite(more)
        # How many of the others stand before each place: a running count of where they went.
        at = (found + np.arange(rows)[:, None] * (width + 1))[known]
        passed = np.bincount(at, minlength=rows * (width + 1)).reshape(rows, width + 1)
        passed = np.cumsum(passed, axis=1)[:, :width].ravel().take(self.place)
        total = self.counts + np.count_nonzero(known, axis=1)
        scale = 1.0 / (total + 1.0)
        sums, counts = self._added(passed.reshape(rows, width), scale)
        own = found + few_ranks(more)
        own_sums, own_counts = _added(own * scale[:, None] - 0.5)
        return np.concatenate([sums, own_sums]), np.concatenate([counts, own_counts])

    def with_one(self, one: Floats) -> tuple[Floats, Ints, Floats]:
        """Rank the values of each row together with one more, and add U up over the rows.

        Parameters
        ----------
        one : (n,) float
            Not missing.

        Returns
        -------
        sums, counts : (E,)
            As in `with_days`, for each value.
        (n,) float
            U of the one.
        """
        found, tied = self._found(one[:, None])
        if tied:
            ranks = centred_ranks(np.hstack([self.values, one[:, None]]))
            return *_added(ranks[:, :-1]), ranks[:, -1]
        scale = np.reciprocal(self.counts + 2.0)
        own = (found[:, 0] + 1.0) * scale - 0.5
        return *self._added(self.values > one[:, None], scale), own

    def around_one(self, one: Floats) -> Floats:
        """U of the values of each row, ranked together with one more; NaN where missing, (n, E)."""
        above = self.values > one[:, None]
        # Values above and values below are all there are, unless one of them is equal.
        if self.tied or above.sum() + (self.values < one[:, None]).sum() < self.counts.sum():
            return centred_ranks(np.hstack([self.values, one[:, None]]))[:, :-1]
        ranks = np.add(self.ranks, above, dtype=np.float64)
        ranks *= (1.0 / (self.counts + 2.0))[:, None]
        ranks -= 0.5
        if self.present is not None:
            ranks[~self.present] = np.nan
        return ranks

    def _added(self, passed: Ints | Bools, scale: Floats) -> tuple[Floats, Ints]:
        """Sum U over the rows, given how many of the others each value has passed."""
        rows, width = self.values.shape
        if self.present is None and np.ptp(scale) == 0:
            # Whole numbers until the last step.
            total = passed.sum(axis=0, dtype=np.int64) + self._rank_sums
            return total * scale[0] - 0.5 * rows, np.full(width, rows)
        ranks = np.add(self.ranks, passed, dtype=np.float64)
        if self.present is None:
            return scale @ ranks - 0.5 * rows, np.full(width, rows)
        counts = self.present.sum(axis=0)
        ranks *= self.present
        return scale @ ranks - 0.5 * counts, counts

    @cached_property
    def _rank_sums(self) -> Ints:
        sums: Ints = self.ranks.sum(axis=0)
        return sums

    def _found(self, more: Floats) -> tuple[Ints, bool]:
        """How many values of the row are smaller than each of the others, by bisection.

        Also whether any of them, or of the values, are equal.
        """
        rows, width = self.values.shape
        if not width:
            return np.zeros(more.shape, dtype=np.int64), False
        before = (np.arange(rows) * width - 1)[:, None]
        found = np.zeros(more.shape, dtype=np.int64)
        step = 1 << (width.bit_length() - 1)
        while step:
            ahead = found + step
            smaller = self.ordered.take(before + np.minimum(ahead, width)) < more
            smaller &= ahead <= width
            found += step * smaller
            step >>= 1
        next_one = self.ordered.take(before + 1 + np.minimum(found, width - 1))
        return found, self.tied or bool((next_one == more).any())


def _added(ranks: Floats) -> tuple[Floats, Ints]:
    present = np.isfinite(ranks)
    return np.where(present, ranks, 0.0).sum(axis=0), present.sum(axis=0)


def few_ranks(values: Floats) -> Floats:
    """Rank the values of each row, of which there are few, like `midranks`."""
    rows, width = values.shape
    order = np.argsort(values, axis=1)
    order += (np.arange(rows) * width)[:, None]
    ordered = values.ravel().take(order)
    # Missing values stand last; they and ties are for the careful way.
    if not (np.isfinite(ordered[:, -1:]).all() and (ordered[:, 1:] > ordered[:, :-1]).all()):
        return midranks(values)
    ranks = np.empty(rows * width)
    ranks[order.ravel()] = np.broadcast_to(np.arange(1.0, width + 1.0), (rows, width)).ravel()
    return ranks.reshape(rows, width)


def midranks(values: Floats) -> Floats:
    """Rank each row from 1 upwards, ties at their mean rank, NaN left out and kept NaN.

    Parameters
    ----------
    values : (N, M) float

    Returns
    -------
    (N, M) float
    """
    rows, columns = values.shape
    if columns == 0:
        return np.empty((rows, 0))
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(columns, dtype=np.int64)
    new = np.ones((rows, columns), dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    ends = np.ones((rows, columns), dtype=bool)
    ends[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(ends, place, columns)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty((rows, columns))
    np.put_along_axis(ranks, order, (first + last) / 2.0 + 1.0, axis=1)
    ranks[np.isnan(values)] = np.nan
    return ranks


def centred_ranks(values: Floats) -> Floats:
    """U = K/(M+1) − ½ with mid-ranks K along each row and M its non-missing count, (N, M)."""
    count = np.isfinite(values).sum(axis=1, keepdims=True)
    centred: Floats = midranks(values) / (count + 1.0) - 0.5
    return centred
