"""Which securities react a session after the others to the same instant.

New York reacts on day d and Asia on d+1 when news breaks between their closes. Residuals on one
calendar date then miss the dependence of the two, and so do windows counted in calendar time.
`fitting.exchange_order` finds the order in the days 0 of each event_id; the mean correlation
and the clusters of events use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Ints, Rows
from analysis.eventstudy.core.panel import Calendars


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
    holds : (N,) int
        Days of the union since the security's session before day 0, day 0 included, which the
        return of day 0 holds: more than 1 after days on which its exchange was closed. 1 where
        ``instant`` is -1.
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
    holds: Ints
    level: Ints
    first: Ints

    def take(self, rows: Rows) -> ExchangeOrder:
        """Keep some of the events, by mask or by position."""
        names = ("calendar", "position", "instant", "late", "holds", "level", "first")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def earlier(self, offsets: Ints) -> Ints:
        """Day of the session before each relative day, on its own calendar, (N, days).

        This is where the relative days of a late security meet those of an early one: its
        session k lies where its session k−1 is. -1 where there is none.
        """
        return self.calendars.days(self.calendar, self.position - 1, offsets)

    def held(self, days: Ints, offsets: Ints) -> Ints:
        """The days of windows, and those before day 0 that its return holds as well.

        Parameters
        ----------
        days : (N, L) int
        offsets : (L,) int
            Without day 0 among them the windows hold no other days.

        Returns
        -------
        (N, L or more) int
            Where an event has fewer than another, its first day again.
        """
        most = int(self.holds.max(initial=1))
        if most == 1 or not (offsets == 0).any():
            return days
        day0 = self.calendars.days(self.calendar, self.position, np.zeros(1, dtype=np.int64))
        back = np.arange(1, most)
        return np.hstack([days, np.where(back < self.holds[:, None], day0 - back, days[:, :1])])

    def lengths(self, offsets: Ints) -> Ints:
        """Number of days of each window, those that day 0 holds included, (N,)."""
        return len(offsets) + (self.holds - 1) * int((offsets == 0).any())
