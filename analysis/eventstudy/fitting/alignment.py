"""Where each event lies: its security, its calendar, its day 0, its factors.

Between the analyst's labelled frames and the numbered arrays of `panel`. An event without a
day 0 is skipped with its reason; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.panel import BalancedPanel, Calendars, EventIndex, Panel, near_events
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.models.linear import Model, required_factors


@dataclass(frozen=True)
class EventAlignment:
    """The events that have a day 0, by numbers, and the reasons of those that have none.

    Attributes
    ----------
    rows : (N,) int
        Rows of the events table.
    places : EventIndex
        Their places; securities are numbered as the columns of ``returns``.
    dates : pandas.DatetimeIndex
        The union of all calendars.
    calendars : Calendars
    returns : (D, S) float
        As given, not copied.
    securities : pandas.Index
        Names of its columns.
    source : (U,) int
        Row of `returns` for each day of the union, -1 where there is none.
    factors : (F, U+1) float
        All factors on the union, the last column missing.
    risk_free : (U+1,) float or None
        What to subtract from every return.
    skipped : dict of int to str
        Row of the events table -> reason.
    """

    rows: Ints
    places: EventIndex
    dates: pd.DatetimeIndex
    calendars: Calendars
    returns: Floats
    securities: pd.Index
    source: Ints
    factors: Floats
    risk_free: Floats | None
    skipped: dict[int, str]

    @cached_property
    def ordered(self) -> EventIndex:
        """All placed events, ascending by security and then by position."""
        return self.places.take(np.lexsort((self.places.position, self.places.security)))

    def key(self, places: EventIndex) -> Ints:
        """One number for a security and a position, ascending like `ordered`."""
        keys: Ints = places.security * (self.calendars.size + 1) + places.position
        return keys

    @cached_property
    def ordered_keys(self) -> Ints:
        """Keys of `ordered`: made once, a study of many chunks asks for them in each."""
        return self.key(self.ordered)

    @cached_property
    def straight(self) -> BalancedPanel | None:
        """The whole panel without a copy, where every day is a session of every security."""
        days = self.calendars.size
        one = len(self.calendars.lengths) == 1 and self.calendars.lengths[0] == days > 0
        if not one or self.source[0] < 0 or (np.diff(self.source) != 1).any():
            return None
        rows = slice(int(self.source[0]), int(self.source[0]) + days)
        free = None if self.risk_free is None else self.risk_free[:-1]
        return BalancedPanel(self.returns[rows].T, self.factors[:, :-1], free)

    def panel(self, securities: Ints, offsets: Ints) -> Panel:
        """Build the panel of some securities, numbered anew in the order given.

        Parameters
        ----------
        securities : (S',) int
            Ascending columns of ``returns``.
        offsets : (W,) int
            The event window, to mark the rows near any event of a security.
        """
        days = self.calendars.size
        slab = np.full((len(securities), days + 1), np.nan)
        chosen = self.returns[:, securities]
        if np.array_equal(self.source, np.arange(len(chosen))):
            slab[:, :-1] = chosen.T
        else:
            present = np.flatnonzero(self.source >= 0)
            slab[:, present] = chosen[self.source[present]].T
        if self.risk_free is not None:
            slab -= self.risk_free
        first = np.searchsorted(self.ordered.security, securities)
        last = np.searchsorted(self.ordered.security, securities, side="right")
        own = [np.arange(start, stop) for start, stop in zip(first, last, strict=True)]
        theirs = self.ordered.take(np.concatenate([np.empty(0, np.int64), *own]))
        numbered = renumber(theirs, securities)
        marks = near_events(self.calendars, numbered, offsets, len(securities))
        return Panel(self.calendars, slab, self.factors, marks)


def renumber(places: EventIndex, securities: Ints) -> EventIndex:
    """Number securities by their position in an ascending choice of them."""
    position = np.searchsorted(securities, places.security)
    return EventIndex(position, places.calendar, places.position, places.factors)


def align_events(
    events: pd.DataFrame,
    returns: pd.DataFrame,
    factors: pd.DataFrame | None,
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None,
    model: Model,
) -> EventAlignment:
    """Place every event that can be placed.

    Parameters
    ----------
    events : pandas.DataFrame
        From `frames.check_events`.
    returns, factors : pandas.DataFrame
        From `frames.check_table`.
    calendars : mapping, optional
        Security -> its sessions; without it every row of ``returns`` is one of all.
    model : Model

    Returns
    -------
    EventAlignment
    """
    codes, securities = pd.factorize(events["security"])
    column = returns.columns.get_indexer(securities)
    # Plain objects: walking through an Arrow-backed index costs more than all the rest.
    names: list[Hashable] = securities.tolist()
    needs = required_factors(model, names)
    calendar_of, dates, stacked = number_calendars(names, column >= 0, returns.index, calendars)
    reasons = _unusable(names, column, calendar_of, needs)
    lost = np.isin(codes, list(reasons))
    skipped = {int(row): reasons[codes[row]] for row in np.flatnonzero(lost)}
    rows = np.flatnonzero(~lost)
    codes = codes[rows]
    position, exact = _day0(events["date"].iloc[rows], dates, stacked, calendar_of[codes])
    for number in np.flatnonzero(~exact):
        row, code = rows[number], codes[number]
        sessions = _sessions(dates, stacked, int(calendar_of[code]))
        skipped[int(row)] = _no_day0(events["date"].iloc[row], sessions, names[int(code)])
    wanted = _factor_rows(needs, factors)
    places = EventIndex(column[codes], calendar_of[codes], position, wanted[codes])
    on_union = _on_union(factors, dates)
    return EventAlignment(
        rows=rows[exact],
        places=places.take(exact),
        dates=dates,
        calendars=stacked,
        returns=returns.to_numpy(),
        securities=returns.columns,
        source=_positions(returns.index, dates),
        factors=on_union,
        risk_free=_risk_free(model, factors, on_union),
        skipped=skipped,
    )


def number_calendars(
    securities: Sequence[Hashable],
    known: Bools,
    index: pd.Index,
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None,
) -> tuple[Ints, pd.DatetimeIndex, Calendars]:
    """Number the distinct calendars of the known securities, and unite their days."""
    if calendars is None:
        dates = _nanoseconds(index)
        every = np.arange(len(dates), dtype=np.int64)
        return np.zeros(len(securities), np.int64), dates, Calendars.of(len(dates), [every])
    numbers = np.full(len(securities), -1, dtype=np.int64)
    distinct: dict[bytes, int] = {}
    by_object: dict[int, int] = {}
    sessions: list[Ints] = []
    for code in np.flatnonzero(known):
        security = securities[int(code)]
        if security not in calendars or calendars[security].empty:
            continue
        given = calendars[security]
        if id(given) not in by_object:
            stamps = _nanoseconds(given).asi8
            number = distinct.setdefault(stamps.tobytes(), len(sessions))
            if number == len(sessions):
                sessions.append(stamps)
            by_object[id(given)] = number
        numbers[code] = by_object[id(given)]
    union = np.unique(np.concatenate(sessions)) if sessions else np.empty(0, np.int64)
    positions = [np.searchsorted(union, stamps) for stamps in sessions]
    stacked = Calendars.of(len(union), positions or [np.empty(0, np.int64)])
    return numbers, pd.DatetimeIndex(union), stacked


def _unusable(
    securities: Sequence[Hashable],
    column: Ints,
    calendar_of: Ints,
    needs: Sequence[tuple[str, ...] | None],
) -> dict[int, str]:
    """Say which securities cannot take part, and why."""
    reasons: dict[int, str] = {}
    lost = (column < 0) | (calendar_of < 0) | np.array([one is None for one in needs], dtype=bool)
    for code in np.flatnonzero(lost).tolist():
        security = securities[code]
        if column[code] < 0:
            reasons[code] = f"no returns for {security}"
        elif calendar_of[code] < 0:
            reasons[code] = f"no calendar for {security}"
        else:
            reasons[code] = f"no benchmark for {security}"
    return reasons


def _day0(
    dates0: pd.Series, dates: pd.DatetimeIndex, stacked: Calendars, calendar: Ints
) -> tuple[Ints, Bools]:
    """Find day 0 among the sessions of each event's calendar."""
    stamps = pd.DatetimeIndex(dates0)
    day = dates.get_indexer(stamps)
    position, exact = stacked.locate(calendar, np.maximum(day, 0))
    return position, exact & (day >= 0)


def _no_day0(date: object, sessions: pd.DatetimeIndex, security: Hashable) -> str:
    if not isinstance(date, pd.Timestamp):
        return "no day 0: the date is blank"
    if date < sessions[0]:
        return f"day 0 {day(date)} is before the first session {day(sessions[0])} of {security}"
    if date > sessions[-1]:
        return f"day 0 {day(date)} is after the last session {day(sessions[-1])} of {security}"
    return f"day 0 {day(date)} is not a session of {security}"


def _sessions(dates: pd.DatetimeIndex, stacked: Calendars, calendar: int) -> pd.DatetimeIndex:
    start = stacked.starts[calendar]
    return dates[stacked.sessions[start : start + stacked.lengths[calendar]]]


def _factor_rows(needs: Sequence[tuple[str, ...] | None], factors: pd.DataFrame | None) -> Ints:
    """Rows of the factors that each security needs, (securities, f)."""
    width = max((len(one) for one in set(needs) if one is not None), default=0)
    rows = np.zeros((len(needs), width), dtype=np.int64)
    if factors is not None and width:
        number = {column: row for row, column in enumerate(factors.columns)}
        # Most securities need the same columns: each choice is looked up once.
        chosen = {one: [number[column] for column in one] for one in set(needs) if one is not None}
        if len(chosen) == 1 and None not in needs:
            rows[:] = next(iter(chosen.values())) or [0] * width
        else:
            rows[:] = [chosen.get(one, [0] * width) if one else [0] * width for one in needs]
    return rows


def _on_union(factors: pd.DataFrame | None, dates: pd.DatetimeIndex) -> Floats:
    """Lay the factors out on the union of days, (F, U+1), the last column missing."""
    if factors is None:
        return np.full((0, len(dates) + 1), np.nan)
    laid = np.full((len(factors.columns), len(dates) + 1), np.nan)
    source = _positions(factors.index, dates)
    present = np.flatnonzero(source >= 0)
    laid[:, present] = factors.to_numpy().T[:, source[present]]
    return laid


def _risk_free(model: Model, factors: pd.DataFrame | None, laid: Floats) -> Floats | None:
    if model.rf is None or factors is None:
        return None
    row: Floats = laid[factors.columns.get_indexer(pd.Index([model.rf]))[0]]
    return row


def _positions(index: pd.Index, dates: pd.DatetimeIndex) -> Ints:
    """Where each date stands in an index, -1 where it does not."""
    own = _nanoseconds(index)
    # Returns and factors of the same days are the usual case.
    return np.arange(len(dates)) if own.equals(dates) else own.get_indexer(dates)


def _nanoseconds(index: pd.Index) -> pd.DatetimeIndex:
    if isinstance(index, pd.DatetimeIndex) and index.unit == "ns":
        return index
    return pd.DatetimeIndex(index).as_unit("ns")
