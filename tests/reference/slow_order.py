"""The pairs of events across exchanges, one pair after the other.

An event is (event_id, security, its own sessions as a list of days, day 0). Nothing here is
shared with the engine.
"""

from __future__ import annotations

import math
import statistics


def lags(events):
    """0 or 1 session after the first reaction to the event_id; None where it tells nothing."""
    found = []
    for event_id, _, sessions, day0 in events:
        own = _after_first(events, event_id, sessions, day0)
        together = [_after_first(events, *one[::2], one[3]) for one in events if one[0] == event_id]
        found.append(own if max(together) == 1 else None)
    return found


def levels(events):
    """Place of each event in the order of reactions, 0 for the first."""
    own = lags(events)
    level = dict.fromkeys((security for _, security, *_ in events), 0)
    for _ in range(8):
        before = dict(level)
        for late, lag in zip(events, own, strict=True):
            first = min(one[3] for one in events if one[0] == late[0])
            if lag == 1 and first in late[2]:
                for early, other in zip(events, own, strict=True):
                    if early[0] == late[0] and other == 0:
                        level[late[1]] = max(level[late[1]], before[early[1]] + 1)
        if level == before:
            break
    else:
        level = dict.fromkeys(level, 0)
    found = []
    for (event_id, security, *_), lag in zip(events, own, strict=True):
        ahead = [
            level[one[1]] + 1
            for one, other in zip(events, own, strict=True)
            if lag == 1 and one[0] == event_id and other == 0
        ]
        found.append(max([level[security], *ahead]))
    return found


def across_exchanges(values, days, windows, events):
    """Sum over ordered pairs of events on different levels of the weighted correlation."""
    own, level = lags(events), levels(events)
    total = []
    for i, early in enumerate(events):
        for j, late in enumerate(events):
            if level[i] < level[j]:
                before = {day: at for at, day in zip(late[2], late[2][1:], strict=False)}
                shared = {before.get(day, -1) for day in windows[j]} & set(windows[i])
                weight = len(shared - {-1}) / len(windows[i])
                if early[0] == late[0] and own[i] == 0 and own[j] == 1:
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


def _after_first(events, event_id, sessions, day0):
    first = min(one[3] for one in events if one[0] == event_id)
    return sum(1 for day in sessions if first < day <= day0)


def _by_day(values, days):
    pairs = zip(values, days, strict=True)
    return {int(day): float(value) for value, day in pairs if day >= 0 and not math.isnan(value)}
