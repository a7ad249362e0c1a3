"""The pairs of events across exchanges, one pair after the other.

An event is (event_id, security, its own sessions as a list of days, day 0). Nothing here is
shared with the engine.
"""

from __future__ import annotations

import math
import statistics


def reactions(events):
    """ "early", "late" or "closed" by the first reaction to the event_id; None: it tells nothing.

    Late is who traded on the day of the first reaction and reacts on its next session, closed
    who could not trade on that day.
    """
    found = []
    for event_id, _, sessions, day0 in events:
        first = min(one[3] for one in events if one[0] == event_id)
        after = {
            sum(1 for day in theirs if first < day <= zero)
            for name, _, theirs, zero in events
            if name == event_id
        }
        own = sum(1 for day in sessions if first < day <= day0)
        word = "early" if own == 0 else "late" if first in sessions else "closed"
        found.append(word if max(after) == 1 else None)
    return found


def levels(events):
    """Place of each event in the order of reactions, 0 for the first."""
    own = reactions(events)
    level = _of_securities(events, own)
    ordered = {one[0] for one, word in zip(events, own, strict=True) if word == "late"}
    shown = {
        one[1]
        for one, word in zip(events, own, strict=True)
        if word in ("early", "late") and one[0] in ordered
    }
    placed = [level[one[1]] for one in events]
    # Nobody knows where a closed one belongs that no event_id shows: behind the early ones.
    unknown = [
        word == "closed" and one[1] not in shown for one, word in zip(events, own, strict=True)
    ]
    early = [word == "early" for word in own]
    for at, one in enumerate(events):
        if unknown[at]:
            placed[at] = _behind(one, events, placed, early)
    ahead = [first or second for first, second in zip(early, unknown, strict=True)]
    return [
        max(place, _behind(one, events, placed, ahead)) if word == "late" else place
        for one, place, word in zip(events, placed, own, strict=True)
    ]


def _of_securities(events, own):
    level = dict.fromkeys((security for _, security, *_ in events), 0)
    for _ in range(8):
        before = dict(level)
        for late, word in zip(events, own, strict=True):
            for early, other in zip(events, own, strict=True):
                if late[0] == early[0] and word == "late" and other == "early":
                    level[late[1]] = max(level[late[1]], before[early[1]] + 1)
        if level == before:
            return level
    return dict.fromkeys(level, 0)


def _behind(one, events, placed, which):
    """One place behind all those of the same event_id."""
    return 1 + max(
        place
        for other, place, wanted in zip(events, placed, which, strict=True)
        if wanted and other[0] == one[0]
    )


def missed_days(events):
    """Days before day 0 on which others traded, since the security's own last session."""
    traded = {day for _, _, sessions, _ in events for day in sessions}
    found = []
    for (_, _, sessions, day0), word in zip(events, reactions(events), strict=True):
        last = max((day for day in sessions if day < day0), default=day0)
        found.append({day for day in traded if last < day < day0} if word else set())
    return found


def closed_days(windows, events):
    """Those of them that belong to the windows, day 0 among them."""
    missed = missed_days(events)
    return [
        days if day0 in window else set()
        for window, (*_, day0), days in zip(windows, events, missed, strict=True)
    ]


def across_exchanges(values, days, windows, events):
    """Sum over ordered pairs of events on different levels of the weighted correlation."""
    own, level, closed = reactions(events), levels(events), closed_days(windows, events)
    missed = missed_days(events)
    total = []
    for i, early in enumerate(events):
        for j, late in enumerate(events):
            if level[i] < level[j]:
                before = {day: at for at, day in zip(late[2], late[2][1:], strict=False)}
                theirs = {before.get(day, -1) for day in windows[j]} - {-1} | closed[j]
                sizes = [len(windows[at]) + len(closed[at]) for at in (i, j)]
                weight = len(theirs & (set(windows[i]) | closed[i])) / math.sqrt(math.prod(sizes))
                one = early[0] == late[0] and own[i] == "early" and own[j] == "late"
                if one and not missed[i] and not missed[j]:
                    weight = 1.0
                moved = [before.get(int(day), -1) for day in days[j]]
                pair = correlation(_by_day(values[i], days[i]), _by_day(values[j], moved))
                total += [weight * pair] * 2
    return math.fsum(total)


def correlation(left, right):
    """Correlation of two rows {day: value} on the days of both; 0 on fewer than 3."""
    common = sorted(set(left) & set(right))
    if len(common) < 3:
        return 0.0
    x, y = [left[d] for d in common], [right[d] for d in common]
    if len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    return statistics.correlation(x, y)


def _by_day(values, days):
    pairs = zip(values, days, strict=True)
    return {int(day): float(value) for value, day in pairs if day >= 0 and not math.isnan(value)}
