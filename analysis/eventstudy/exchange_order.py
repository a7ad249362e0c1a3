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

from analysis.eventstudy.fitted import Ints, Rows

if TYPE_CHECKING:
    from analysis.eventstudy.placing import Placing
    from analysis.eventstudy.windows import Calendars, Places

EARLY, NEITHER, LATE = -1, 0, 1


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
    side : (N,) int
        `EARLY`, `LATE`, or `NEITHER` where no event_id tells.
    first : (N,) int
        Day of the first reaction to the event_id, on the union of calendars; the event's own
        day 0 where ``instant`` is -1.
    """

    calendars: Calendars
    calendar: Ints
    position: Ints
    instant: Ints
    side: Ints
    first: Ints

    def take(self, rows: Rows) -> ExchangeOrder:
        """Keep some of the events, by mask or by position."""
        return ExchangeOrder(
            self.calendars,
            self.calendar[rows],
            self.position[rows],
            self.instant[rows],
            self.side[rows],
            self.first[rows],
        )

    def earlier(self, offsets: Ints) -> Ints:
        """Day of the session before each relative day, on its own calendar, (N, days).

        This is where the relative days of a late security meet those of an early one: its
        session k lies where its session k−1 is. -1 where there is none.
        """
        return self.calendars.days(self.calendar, self.position - 1, offsets)


def exchange_order(event_ids: pd.Series, placing: Placing) -> ExchangeOrder | None:
    """Find out which securities react one session after others.

    An event_id is one instant on several exchanges where no day 0 is more than one session of
    the security's own calendar after the first day 0 of the event_id, closed days in between
    not counted, and at least one is. An event_id whose days 0 lie further apart labels many
    dates and says nothing. A security that is late whenever an event_id tells is late in the
    whole study, and so for early ones; one that is now early and now late takes the side that
    it has in each event_id.

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
    return ExchangeOrder(
        calendars,
        places.calendar,
        places.position,
        np.where(tells, number, -1),
        _sides(places, lag == 1, tells),
        np.where(tells, first[number], day0),
    )


def _sides(places: Places, late: Ints, tells: Ints) -> Ints:
    """Side of each event, from all event_ids that tell about its security."""
    own = np.where(late, LATE, EARLY)
    securities = int(places.security.max()) + 1
    ever = {}
    for side in (EARLY, LATE):
        ever[side] = np.zeros(securities, dtype=np.bool_)
        ever[side][places.security[tells & (own == side)]] = True
    was_early, was_late = ever[EARLY][places.security], ever[LATE][places.security]
    known = np.where(was_late, LATE, np.where(was_early, EARLY, NEITHER))
    sides: Ints = np.where(was_early & was_late, np.where(tells, own, NEITHER), known)
    return sides
