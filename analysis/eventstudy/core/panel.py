"""From events to blocks of aligned rows: each security on its own calendar.

Offsets count sessions of the security's calendar. All calendars are positions on one
union of days, so that a row of any event names the same day by the same number; the
matrices of a `Panel` have one column more than there are days, always missing, so that the
position -1 (no session) reads as missing without a branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.eventstudy.core.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Calendars:
    """The distinct calendars of a study as positions on the union of their days.

    Attributes
    ----------
    size : int
        Days of the union, U.
    sessions : (sum of lengths,) int
        Positions of the sessions, one calendar after the other, each ascending.
    starts, lengths : (C,) int
        Where each calendar begins in `sessions`, and its number of sessions.
    """

    size: int
    sessions: Ints
    starts: Ints
    lengths: Ints

    @classmethod
    def of(cls, size: int, sessions: Sequence[Ints]) -> Calendars:
        """Stack calendars that are given as ascending positions on the union."""
        lengths = np.array([len(one) for one in sessions], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return cls(size, np.concatenate(sessions).astype(np.int64), starts, lengths)

    def locate(self, calendar: Ints, day: Ints) -> tuple[Ints, Bools]:
        """Find the first session on or after a day.

        Parameters
        ----------
        calendar : (...) int
            Which calendar.
        day : (...) int
            Position on the union, 0 to U.

        Returns
        -------
        position : (...) int
            Number of the session within its calendar; its length where none follows.
        exact : (...) bool
            Whether the day itself is that session.
        """
        # One sorted key for all calendars: a single binary search serves every event.
        stride = self.size + 1
        owner = np.repeat(np.arange(len(self.lengths)), self.lengths)
        keys = owner * stride + self.sessions
        wanted = calendar * stride + day
        found = np.searchsorted(keys, wanted)
        exact = (found < len(keys)) & (keys[np.minimum(found, len(keys) - 1)] == wanted)
        return (found - self.starts[calendar]).astype(np.int64), exact

    def days(self, calendar: Ints, position: Ints, offsets: Ints) -> Ints:
        """Days of the sessions around a session, shape (N, len(offsets)); -1 where none."""
        rows = position[:, None] + offsets
        within = (rows >= 0) & (rows < self.lengths[calendar][:, None])
        rows += self.starts[calendar][:, None]
        if not within.all():
            rows[~within] = 0
        found: Ints = self.sessions[rows] if rows.size else rows
        return found if within.all() else np.where(within, found, -1)

    def day0(self, events: EventIndex) -> Ints:
        """Day 0 of each event on the union, (N,)."""
        days: Ints = self.sessions[self.starts[events.calendar] + events.position]
        return days


@dataclass(frozen=True)
class Panel:
    """Returns and factors on the union of days, one row a series, the last column missing.

    Attributes
    ----------
    calendars : Calendars
    returns : (S, U+1) float
        Decimal returns of the securities.
    factors : (F, U+1) float
    near_events : (S, U+1) bool
        Days that lie in the event window of any event of that security.
    """

    calendars: Calendars
    returns: Floats
    factors: Floats
    near_events: Bools


@dataclass(frozen=True)
class BalancedPanel:
    """A panel in which every day is a session of everybody: windows are slices of it.

    Attributes
    ----------
    returns : (S, U) float
        Decimal returns, a row a security; a view of what the analyst gave, in any layout.
    factors : (F, U) float
    risk_free : (U,) float or None
        What to subtract from every return.
    """

    returns: Floats
    factors: Floats
    risk_free: Floats | None

    def returns_from(self, series: Ints, start: Ints, length: int) -> Floats:
        """Excess returns of some securities on the days from `start` on, (n, length)."""
        rows: Floats = self._slices(self.returns, length)[series, start]
        if self.risk_free is not None:
            rows -= self._slices(self.risk_free[None, :], length)[0, start]
        return rows

    def factors_from(self, series: Ints, start: Ints, length: int) -> Floats:
        """Factors on the days from `start` on, (n, f) and (n,) -> (n, f, length)."""
        rows: Floats = self._slices(self.factors, length)[series, start[:, None]]
        return rows

    def _slices(self, values: Floats, length: int) -> Floats:
        """Every run of so many days of every series, as a view."""
        return sliding_window_view(values, length, axis=1)


@dataclass(frozen=True)
class EventIndex:
    """N events by the numbers of what they need.

    Attributes
    ----------
    security : (N,) int
        Row of `Panel.returns`.
    calendar : (N,) int
    position : (N,) int
        Session of day 0 within the calendar.
    factors : (N, f) int
        Rows of `Panel.factors`.
    """

    security: Ints
    calendar: Ints
    position: Ints
    factors: Ints

    def __len__(self) -> int:
        return len(self.security)

    def take(self, rows: Ints | Bools) -> EventIndex:
        """Keep some of the events, by mask or by position."""
        return EventIndex(
            self.security[rows], self.calendar[rows], self.position[rows], self.factors[rows]
        )


@dataclass(frozen=True)
class Block:
    """Aligned rows of N events: what a model fits.

    Attributes
    ----------
    offsets, estimation_offsets : (W,), (E,) int
        Relative days of the two windows.
    days, estimation_days : (N, W), (N, E) int
        Position of each row on the union of days, -1 where there is no session.
    returns, estimation_returns : (N, W), (N, E) float
        NaN where missing, and in the estimation window where a row was cut.
    factors, estimation_factors : (N, f, W), (N, f, E) float
    """

    offsets: Ints
    estimation_offsets: Ints
    days: Ints
    estimation_days: Ints
    returns: Floats
    estimation_returns: Floats
    factors: Floats
    estimation_factors: Floats


def cut_balanced(
    panel: BalancedPanel,
    places: EventIndex,
    estimation_offsets: Ints,
    offsets: Ints,
    taken: tuple[Ints, Bools] | None,
    *,
    lean: bool = False,
) -> Block:
    """Cut the rows of events whose windows lie inside a straight panel.

    Positions of the N events are days of the panel; the relative days, (E,) and (W,), have no
    gap and lie inside it. `taken` names events with rows near other events of their security,
    (h,), and these rows, (h, E), which are left out of the estimation window. For `lean` see
    `BalancedBlock`.
    """
    around = places.position + offsets[0]
    estimation_returns, estimation_factors = cut_balanced_estimation(
        panel, places, estimation_offsets, taken
    )
    return BalancedBlock(
        offsets,
        estimation_offsets,
        None,
        None,
        panel.returns_from(places.security, around, len(offsets)),
        estimation_returns,
        panel.factors_from(places.factors, around, len(offsets)),
        estimation_factors,
        day0=places.position,
        lean=lean,
    )


def cut_balanced_estimation(
    panel: BalancedPanel, places: EventIndex, offsets: Ints, taken: tuple[Ints, Bools] | None
) -> tuple[Floats, Floats]:
    """Cut the estimation rows alone, see `cut_balanced`: returns (N, E) and factors (N, f, E)."""
    before = places.position + offsets[0]
    returns = panel.returns_from(places.security, before, len(offsets))
    if taken is not None and len(taken[0]):
        returns[taken[0]] = np.where(taken[1], np.nan, returns[taken[0]])
    return returns, panel.factors_from(places.factors, before, len(offsets))


class BalancedBlock(Block):
    """Rows cut out of a straight panel: their days follow from day 0, and few ask for them.

    With `lean` nobody wants the residuals one by one, but their sums by day: a model that can
    do without them may leave them out.
    """

    def __init__(
        self,
        offsets: Ints,
        estimation_offsets: Ints,
        days: Ints | None,
        estimation_days: Ints | None,  # noqa: ARG002 - a field of blocks, see `days`
        returns: Floats,
        estimation_returns: Floats,
        factors: Floats,
        estimation_factors: Floats,
        *,
        day0: Ints | None = None,
        lean: bool = False,
    ) -> None:
        # `dataclasses.replace` knows the fields of a block alone.
        if day0 is None and days is not None:
            day0 = days[:, 0] - offsets[0]
        self.__dict__.update(
            lean=lean,
            day0=day0,
            offsets=offsets,
            estimation_offsets=estimation_offsets,
            returns=returns,
            estimation_returns=estimation_returns,
            factors=factors,
            estimation_factors=estimation_factors,
        )

    day0: Ints
    lean: bool

    def full(self) -> BalancedBlock:
        """The same rows, the residuals wanted one by one."""
        whole = object.__new__(BalancedBlock)
        whole.__dict__.update(self.__dict__, lean=False)
        return whole

    @property
    def days(self) -> Ints:
        """Days of the event window, see `Block`."""
        return self.day0[:, None] + self.offsets

    @property
    def estimation_days(self) -> Ints:
        """Days of the estimation window, see `Block`."""
        return self.day0[:, None] + self.estimation_offsets


def offsets_of(window: tuple[int, int]) -> Ints:
    """Relative days of a window, both ends included."""
    return np.arange(window[0], window[1] + 1, dtype=np.int64)


def near_events(calendars: Calendars, places: EventIndex, offsets: Ints, securities: int) -> Bools:
    """Mark the days that lie in the event window of any event of a security, (S, U+1)."""
    marks = np.zeros((securities, calendars.size + 1), dtype=np.bool_)
    days = calendars.days(places.calendar, places.position, offsets)
    marks[places.security[:, None], days] = True
    # Day -1 is no day; its column stays missing and unmarked.
    marks[:, -1] = False
    return marks


def cut_block(
    panel: Panel, places: EventIndex, estimation_offsets: Ints, offsets: Ints, *, spare: bool
) -> Block:
    """Cut the rows of the events out of a panel.

    Estimation and event days are relative, (E,) and (W,). With `spare` rows near an event of
    the same security are left out of the estimation window: it ends before the own event
    window begins, so these are rows of the security's other events.
    """
    estimation_days = panel.calendars.days(places.calendar, places.position, estimation_offsets)
    days = panel.calendars.days(places.calendar, places.position, offsets)
    own = places.security[:, None]
    estimation_returns = panel.returns[own, estimation_days]
    if spare:
        taken = panel.near_events[own, estimation_days]
        if taken.any():
            estimation_returns[taken] = np.nan
    wanted = places.factors[:, :, None]
    return Block(
        offsets,
        estimation_offsets,
        days,
        estimation_days,
        panel.returns[own, days],
        estimation_returns,
        panel.factors[wanted, days[:, None, :]],
        panel.factors[wanted, estimation_days[:, None, :]],
    )
