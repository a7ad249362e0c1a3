"""Ranks along rows: of values among themselves, and together with a few more values.

`estimation_pass` asks where the abnormal returns and the standardised CAR of an event lie among its
residuals: one sort of all of them answers for every rank test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.eventstudy.core.arrays import Floats, Ints

# From this number on `_ordered_keys` writes what is missing.
MISSING = np.int64(0x7FF8_0000_0000_0000)


class JointRanks:
    """Rows of values, ranked together with one group of further values at a time.

    Every value is written as a whole number of the same order, its own column in the lowest
    bits; one sort of each row then says where all of them stand. The ranks of the values
    together with each group are counted in one running sum, because they share the bits of
    one number: a value counts for every group, a value of a group for its own. Equal values,
    which returns seldom have, are found beside each other, and are ranked by
    `midranks`; so do rows too long for their counts to share one number.

    Parameters
    ----------
    values : (n, E) float
        NaN where missing.
    groups : sequence of (n, W) float
        What to rank the values with, NaN where missing.
    whole : bool, optional
        Whether none of the values is missing, where that is known already.
    """

    def __init__(
        self, values: Floats, groups: Sequence[Floats], *, whole: bool | None = None
    ) -> None:
        self.values, self.groups = values, groups
        self.starts = np.cumsum([values.shape[1], *(group.shape[1] for group in groups)])
        whole = _is_whole(values) if whole is None else whole
        self.whole = whole and all(_is_whole(group) for group in groups)
        self._fields = _Fields.of(len(values), [values.shape[1] + one.shape[1] for one in groups])
        self._packed = None if self._fields is None else self._count(self._fields)

    def rank_sums(self, group: int) -> tuple[Floats, Ints]:
        """Rank the values of each row together with a group, and add U up over the rows.

        U = K/(M+1) − ½ with mid-ranks K and M the values of the row, missing ones left out.

        Returns
        -------
        sums : (E + W,) float
            Sum of U over the rows, for each value and then for each of the group.
        counts : (E + W,) int
            Rows that have it.
        """
        rows, width = self.values.shape
        columns = self._columns(group)
        if self._packed is None:
            return _sums_of(self._with_ties(group))
        if not self.whole:
            return _sums_of(self._ranked(group, columns))
        # Whole numbers until the last step.
        scale = 1.0 / (width + self.groups[group].shape[1] + 1.0)
        sums: Floats = self._sums[group, columns] * scale - 0.5 * rows
        return sums, np.full(len(columns), rows)

    def of_group(self, group: int) -> Floats:
        """U of a group's own values, each group ranked with the values, (n, W)."""
        width = self.values.shape[1]
        if self._packed is None:
            return self._with_ties(group)[:, width:]
        return self._ranked(group, self._columns(group)[width:])

    def of_values(self, group: int) -> Floats:
        """U of the values, ranked together with a group; NaN where missing, (n, E)."""
        width = self.values.shape[1]
        if self._packed is None:
            return self._with_ties(group)[:, :width]
        return self._ranked(group, self._columns(group)[:width])

    @cached_property
    def _sums(self) -> Ints:
        """Ranks of each column with each group, added up over the rows: (groups, E + all W)."""
        assert self._fields is not None
        assert self._packed is not None
        return self._fields.sums(self._packed)

    def _columns(self, group: int) -> Ints:
        own = np.arange(self.starts[group], self.starts[group + 1])
        return np.concatenate([np.arange(self.values.shape[1]), own])

    def _ranked(self, group: int, columns: Ints) -> Floats:
        """U of some columns; NaN where missing."""
        assert self._fields is not None
        assert self._packed is not None
        # Columns lie one behind the other, but for a gap before a later group.
        if len(columns) and columns[-1] - columns[0] == len(columns) - 1:
            packed = self._packed[:, columns[0] : columns[-1] + 1]
        else:
            packed = self._packed[:, columns]
        found = self._fields.part(packed, group)
        if self.whole:
            u: Floats = found * (1.0 / (self.values.shape[1] + self.groups[group].shape[1] + 1.0))
            u -= 0.5
            return u
        both = np.isfinite(np.hstack([self.values, self.groups[group]]))
        u = found / (both.sum(axis=1, keepdims=True) + 1.0)
        u -= 0.5
        missing = ~np.isfinite(np.hstack([self.values, *self.groups])[:, columns])
        u[missing] = np.nan
        return u

    def _with_ties(self, group: int) -> Floats:
        return centred_ranks(np.hstack([self.values, self.groups[group]]))

    def _count(self, fields: _Fields) -> Ints | None:
        """Ranks of each column of each row with every group; None if values are equal."""
        rows, width = len(self.values), int(self.starts[-1])
        bits = max(width - 1, 1).bit_length()
        # Three arrays of this size and no more: the next step finds them in cache.
        keys, spare = _ordered_keys([self.values, *self.groups], whole=self.whole)
        keys &= -1 << bits
        keys |= np.arange(width)
        keys.sort(axis=1)
        column = keys & ((1 << bits) - 1)
        kind = np.repeat(np.arange(len(self.starts)), np.diff(self.starts, prepend=0))
        if _equal(keys, bits, kind, column, spare):
            return None
        one = np.append(np.bitwise_or.reduce(1 << fields.shifts), 1 << fields.shifts)
        # Every column is one, and nothing is clipped: but checking would take a copy.
        counts = one[kind].take(column, out=keys, mode="clip")
        np.cumsum(counts, axis=1, out=counts)
        column += (np.arange(rows) * width)[:, None]
        packed = spare.reshape(-1)
        packed[column.reshape(-1)] = counts.reshape(-1)
        return spare


@dataclass(frozen=True)
class _Fields:
    """Several counts in the bits of one whole number.

    Attributes
    ----------
    shifts, masks : (f,) int
        Lowest bit of each count, and its bits once it is shifted down.
    rows : int
        So many numbers can be added before a count runs into the next.
    """

    shifts: Ints
    masks: Ints
    rows: int

    @classmethod
    def of(cls, rows: int, largest: list[int]) -> _Fields | None:
        """Make room for counts up to the largest, and for their sums over as many rows as fit.

        None where there is no room even for the counts.
        """
        widths = np.array([max(most, 1).bit_length() for most in largest])
        spare = (62 - int(widths.sum())) // len(widths)
        if spare < 0:
            return None
        spare = min(spare, max(rows, 1).bit_length())
        shifts = np.concatenate([[0], np.cumsum(widths + spare)[:-1]])
        return cls(shifts, (1 << (widths + spare)) - 1, 1 << spare)

    def part(self, packed: Ints, number: int) -> Ints:
        """One of the counts."""
        found: Ints = packed >> self.shifts[number]
        if number < len(self.shifts) - 1:
            found &= self.masks[number]
        return found

    def sums(self, packed: Ints) -> Ints:
        """Every count added up over the rows, (f, columns)."""
        # Not reduceat, which lets no other thread work.
        starts = range(0, len(packed), self.rows)
        some = np.array([packed[start : start + self.rows].sum(axis=0) for start in starts])
        parts = [self.part(some, number).sum(axis=0) for number in range(len(self.shifts))]
        return np.array(parts)


def _is_whole(values: Floats) -> bool:
    # A sum over a missing value is missing.
    return bool(np.isfinite(values.sum()))


def _ordered_keys(parts: Sequence[Floats], *, whole: bool) -> tuple[Ints, Ints]:
    """Whole numbers in the order of the values, missing ones last; side by side, (n, all).

    Also an array of that shape that nobody needs any more.
    """
    # Parts that lie column by column would be put together so, and a flat view be a copy.
    values = np.ascontiguousarray(np.hstack(parts))
    # There is one zero only, and one way to be missing.
    values += 0.0
    if not whole:
        values[np.isnan(values)] = np.nan
    keys = values.view(np.int64)
    # The bits of a negative number grow with its size.
    turned = keys >> 63
    turned &= np.int64(0x7FFF_FFFF_FFFF_FFFF)
    keys ^= turned
    return keys, turned


def _equal(keys: Ints, bits: int, kind: Ints, column: Ints, spare: Ints) -> bool:
    """Whether any row may hold a value twice among those that are ranked together.

    Values that differ in the last `bits` bits alone count as equal: `midranks` finds out.
    `spare` is an array of the shape of `keys` to write into.
    """
    if keys.size < 2:
        return False
    limit, flat = np.uint64(1 << bits), keys.reshape(-1).view(np.uint64)
    # From the end of a row to the start of the next it goes down, which is far here.
    apart = spare.reshape(-1).view(np.uint64)
    np.subtract(flat[1:], flat[:-1], out=apart[1:])
    apart[0] = limit
    if apart.min() >= limit:
        return False
    near = apart.reshape(keys.shape)[:, 1:] < limit
    row, place = np.nonzero(near & (keys[:, 1:] < MISSING))
    first, second = kind[column[row, place]], kind[column[row, place + 1]]
    # A value of one group and one of another are never ranked together.
    return bool(((first == second) | (first == 0) | (second == 0)).any())


def _sums_of(ranks: Floats) -> tuple[Floats, Ints]:
    present = np.isfinite(ranks)
    return np.where(present, ranks, 0.0).sum(axis=0), present.sum(axis=0)


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
