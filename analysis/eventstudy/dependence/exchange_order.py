"""Which securities react a session after the others to the same instant.

New York reacts on day d and Asia on d+1 when news breaks between their closes. Residuals on one
calendar date then miss the dependence of the two, and so do windows counted in calendar time.
`study` finds the order of the exchanges in the days 0 of each event_id; `dependence` and
`clusters` use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.fitted import Ints, Rows
from analysis.eventstudy.core.panel import Bools, Calendars

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.alignment import Placing

# Exchanges that react one after the other: more than the world has, whatever the closing hours.
MOST_LEVELS = 8


@dataclass(frozen=True, eq=False)
class ExchangeOrder:
    """The order in which N events' securities react to one instant.

    Attributes
    ----------
    calendars : Calendars
    calendar, position : (N,) int
        Calendar of each event, and the session of day 0 within it.
    instant : (N,) int
        Number of the event_id where its securities react on two successive sessions, else -1.
    late : (N,) bool
        Whether the event is on the second of the two though its exchange traded on the day of
        the first reaction.
    closed : (N,) bool
        Whether it is because its exchange was closed on that day. The return of its day 0 then
        holds the closed days as well.
    level : (N,) int
        Place in the order, from 0: of two securities on different levels the higher may be
        reached a session later.
    first : (N,) int
        Day of the first reaction to the event_id, on the union of calendars; the event's own
        day 0 where ``instant`` is -1.
    """

    calendars: Calendars
    calendar: Ints
    position: Ints
    instant: Ints
    late: Bools
    closed: Bools
    level: Ints
    first: Ints

    def take(self, rows: Rows) -> ExchangeOrder:
        """Keep some of the events, by mask or by position."""
        return ExchangeOrder(
            self.calendars,
            self.calendar[rows],
            self.position[rows],
            self.instant[rows],
            self.late[rows],
            self.closed[rows],
            self.level[rows],
            self.first[rows],
        )

    def earlier(self, offsets: Ints) -> Ints:
        """Day of the session before each relative day, on its own calendar, (N, days).

        This is where the relative days of a late security meet those of an early one: its
        session k lies where its session k−1 is. -1 where there is none.
        """
        return self.calendars.days(self.calendar, self.position - 1, offsets)

    def held(self, days: Ints, offsets: Ints) -> Ints:
        """The days of windows, and those before day 0 on which an exchange was closed.

        Parameters
        ----------
        days : (N, L) int
        offsets : (L,) int
            Without day 0 among them no closed day belongs to the windows.

        Returns
        -------
        (N, L or more) int
            Where an event has fewer than another, its first day again.
        """
        if not self.closed.any() or not (offsets == 0).any():
            return days
        last, day0 = self.calendars.days(self.calendar, self.position, np.arange(-1, 1)).T
        most = int((day0 - last)[self.closed].max())
        between = last[:, None] + np.arange(1, most)
        missed = self.closed[:, None] & (between < day0[:, None])
        return np.hstack([days, np.where(missed, between, days[:, :1])])


def exchange_order(event_ids: pd.Series, placing: Placing) -> ExchangeOrder | None:
    """Find out which securities react one session after others.

    An event_id is one instant on several exchanges where no day 0 is more than one session of
    the security's own calendar after the first day 0 of the event_id, closed days in between
    not counted, and at least one is. An event_id whose days 0 lie further apart labels many
    dates and says nothing.

    A security that traded on the day of the first reaction and still reacts a session later is
    behind those that reacted, in the whole study: Seoul behind Hong Kong behind New York. Where
    event_ids contradict each other, the order holds within the event_id alone.

    A security whose exchange was closed that day shows no order: it keeps the place that other
    event_ids give it. Where none does it stands between those that reacted and those that react
    a session later, so that both pairings count: the sum over the days that its first session
    holds is right wherever it belongs.

    Parameters
    ----------
    event_ids : (events,) pandas.Series
    placing : Placing
        The N events that have a day 0.

    Returns
    -------
    ExchangeOrder or None
        None where no event_id tells: then events meet on calendar dates.
    """
    places, calendars = placing.places, placing.calendars
    if len(places) < 2 or event_ids.is_unique:
        return None
    day0 = calendars.days(places.calendar, places.position, np.zeros(1, dtype=np.int64))[:, 0]
    number = pd.factorize(event_ids.take(placing.rows))[0]
    events = int(number.max()) + 1
    first = np.full(events, calendars.size)
    np.minimum.at(first, number, day0)
    # Sessions of its own calendar after the first reaction, day 0 among them.
    after = calendars.locate(places.calendar, first[number] + 1)[0]
    lag = places.position + 1 - after
    furthest = np.zeros(events, dtype=np.int64)
    np.maximum.at(furthest, number, lag)
    tells = furthest[number] == 1
    if not tells.any():
        return None
    traded = calendars.locate(places.calendar, first[number])[1]
    late, closed = tells & (lag == 1) & traded, tells & (lag == 1) & ~traded
    # An order shows where some react late, on those who were not closed on the first day.
    telling = np.isin(number, number[late]) & ~closed
    level = _levels(places.security[telling], number[telling], late[telling])
    shown = np.isin(places.security, places.security[telling])
    own = np.append(level, 0)[np.minimum(places.security, len(level))]
    reacted, unknown = tells & ~late & ~closed, closed & ~shown
    own[unknown] = _top(number[reacted], own[reacted], events)[number[unknown]] + 1
    ahead = reacted | unknown
    behind = _top(number[ahead], own[ahead], events)[number] + 1
    return ExchangeOrder(
        calendars,
        places.calendar,
        places.position,
        np.where(tells, number, -1),
        late,
        closed,
        np.where(late, np.maximum(own, behind), own),
        np.where(tells, first[number], day0),
    )


def _levels(security: Ints, number: Ints, late: Bools) -> Ints:
    """Level of each security: above all that reacted before it to any event_id."""
    level = np.zeros(int(security.max(initial=-1)) + 1, dtype=np.int64)
    for _ in range(MOST_LEVELS):
        top = _top(number[~late], level[security[~late]], int(number.max(initial=-1)) + 1)
        higher = level.copy()
        np.maximum.at(higher, security[late], top[number[late]] + 1)
        if np.array_equal(higher, level):
            return level
        level = higher
    # Each is behind the other in one event_id: no order of securities.
    return np.zeros_like(level)


def _top(number: Ints, level: Ints, events: int) -> Ints:
    """Highest level of each event_id, -1 where it has none."""
    top = np.full(events, -1)
    np.maximum.at(top, number, level)
    return top
