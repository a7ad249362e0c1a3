"""Find the order in which exchanges react to an instant, see `core.exchange_order`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Ints
from analysis.eventstudy.core.exchange_order import ExchangeOrder
from analysis.eventstudy.fitting.alignment import EventAlignment


def exchange_order(
    event_ids: pd.Series, placing: EventAlignment, *, calendars_given: bool = False
) -> ExchangeOrder | None:
    """Find out which securities react one session after others.

    An event_id is one instant on several exchanges where no day 0 is more than one session of
    the security's own calendar after the first day 0 of the event_id, closed days in between
    not counted, and at least one is. An event_id whose days 0 lie further apart labels many
    dates and says nothing.

    A security that traded on the day of the first reaction and still reacts a session later is
    behind those that reacted, in the whole study: Seoul behind Hong Kong behind New York. Where
    event_ids contradict each other, the order of these securities holds within the event_id
    alone; that of all others stays.

    A security whose exchange was closed that day shows no order: it keeps the place that other
    event_ids give it. Where none does it stands between those that reacted and those that react
    a session later, so that both pairings count: the sum over the days that its first session
    holds is right wherever it belongs. So is it for one that is late and whose exchange was
    closed on the day after the first reaction.

    Parameters
    ----------
    event_ids : (events,) pandas.Series
    placing : EventAlignment
        The N events that have a day 0.
    calendars_given : bool
        Whether the calendars are those of the exchanges: then no two securities of one calendar
        react to an instant a session apart.

    Returns
    -------
    ExchangeOrder or None
        None where no event_id tells: then events meet on calendar dates.
    """
    places, calendars = placing.places, placing.calendars
    if len(places) < 2 or event_ids.is_unique:
        return None
    day0 = calendars.day0(places)
    number = pd.factorize(event_ids.take(placing.rows))[0]
    events = int(number.max()) + 1
    first = np.full(events, calendars.size)
    np.minimum.at(first, number, day0)
    # Sessions of its own calendar after the first reaction, day 0 among them.
    after = calendars.locate(places.calendar, first[number] + 1)[0]
    lag = places.position + 1 - after
    if calendars_given:
        kind = number * len(calendars.lengths) + places.calendar
        lag[(lag == 1) & np.isin(kind, kind[lag <= 0])] = 0
    furthest = np.zeros(events, dtype=np.int64)
    np.maximum.at(furthest, number, lag)
    tells = furthest[number] == 1
    if not tells.any():
        return None
    last = calendars.days(places.calendar, places.position, np.full(1, -1))[:, 0]
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
        np.where(tells & (last >= 0), day0 - last, 1),
        np.where(late, np.maximum(own, behind), own),
        np.where(tells, first[number], day0),
    )


def _levels(security: Ints, number: Ints, late: Bools) -> Ints:
    """Level of each security: above all that reacted before it to any event_id.

    Securities and event_ids are the two sides of a graph, with an edge from each that reacted to
    its event_id and one from there to each that is late. Securities of one cycle are behind each
    other: they share a level, and the edges inside of it count for nothing.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    securities = int(security.max(initial=-1)) + 1
    size = securities + int(number.max(initial=-1)) + 1
    start = np.where(late, securities + number, security)
    end = np.where(late, security, securities + number)
    edges = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(size, size))
    _, part = connected_components(edges, connection="strong")
    start, end = part[start], part[end]
    start, end = start[start != end], end[start != end]
    height = np.zeros(size, dtype=np.int64)
    while len(lower := np.flatnonzero(height[end] <= height[start])):
        np.maximum.at(height, end[lower], height[start[lower]] + 1)
    return np.unique(height[part[:securities]], return_inverse=True)[1].astype(np.int64)


def _top(number: Ints, level: Ints, events: int) -> Ints:
    """Highest level of each event_id, -1 where it has none."""
    top = np.full(events, -1)
    np.maximum.at(top, number, level)
    return top
