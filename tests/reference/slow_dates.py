"""The two tests that need more than a sample, with plain loops over dates.

`calendar_time_t` holds a portfolio day by day, `permutation` moves the events to every other
date and fits them again. Both read the analyst's frames, nothing of the engine.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from scipy import stats


def sessions_of(index, securities, calendars=None):
    """Each security's own days as positions on the union of days."""
    every = list(range(len(index)))
    if calendars is None:
        return dict.fromkeys(securities, every)
    return {name: [index.get_loc(date) for date in calendars[name]] for name in securities}


def rows(sessions, zero, window):
    """Days of the sessions around a session, those that exist."""
    inside = range(zero + window[0], zero + window[1] + 1)
    return [sessions[at] for at in inside if 0 <= at < len(sessions)]


def calendar_time_t(returns, factors, needs, places, window, sessions, *, adjusted=False, rf=None):
    """Portfolio of the securities inside the window, regressed by weighted least squares.

    `places` are (security, day 0 on the union); `needs` maps a security to its columns of
    factors. Returns (statistic, degrees of freedom, p-value), or the number of days where
    they are too few.
    """
    y, x, weights = [], [], []
    for day in range(len(returns)):
        inside = set()
        for name, zero in places:
            if day in rows(sessions[name], sessions[name].index(zero), window):
                inside.add(name)
        if not inside:
            continue
        free = 0.0 if rf is None else float(factors[rf].iloc[day])
        held = [float(returns[name].iloc[day]) - free for name in sorted(inside)]
        width = len(needs[sorted(inside)[0]])
        averages = [
            math.fsum(float(factors[needs[name][f]].iloc[day]) for name in inside) / len(inside)
            for f in range(width)
        ]
        mean = math.fsum(held) / len(held)
        y.append(mean - averages[0] if adjusted else mean)
        x.append([1.0] if adjusted else [1.0, *averages])
        weights.append(float(len(inside)))
    days, k = len(y), len(x[0])
    if days < k + 10:
        return days
    cross = np.zeros((k, k))
    moment = np.zeros(k)
    for t in range(days):
        cross += weights[t] * np.outer(x[t], x[t])
        moment += weights[t] * np.array(x[t]) * y[t]
    bread = np.linalg.inv(cross)
    b = bread @ moment
    score = [weights[t] * (y[t] - float(np.dot(x[t], b))) * np.array(x[t]) for t in range(days)]
    length = window[1] - window[0] + 1
    meat = np.zeros((k, k))
    for t in range(days):
        for other in range(days):
            if abs(t - other) < length:
                meat += (1 - abs(t - other) / length) * np.outer(score[t], score[other])
    statistic = b[0] / math.sqrt((bread @ meat @ bread)[0, 0])
    return statistic, days - k, 2 * stats.t.sf(abs(statistic), days - k)


def permutation(
    returns,
    factors,
    columns,
    asked,
    window,
    calendars=None,
    *,
    estimation,
    event_window,
    least,
    adjusted=False,
    everyone=None,
    plain=False,
    holds=MappingProxyType({}),
):
    """Mean SCAR over its standard error on the real dates and on every admissible placebo date.

    With `plain`, and of one event, the mean SCAR itself; dates without spread are left out.
    `holds` maps a security to the number of days that its day 0 holds: on placebo dates that
    many sessions together are its day 0.

    With `adjusted` the one column is subtracted and nothing but a variance estimated; the
    events of the study, whose windows no placebo may meet, are `everyone` where `asked` are
    only some of them.
    """
    union = list(returns.index)
    y = {name: returns[name].to_numpy() for name in returns}
    x = np.column_stack([np.ones(len(union)), factors[columns]])
    own = sessions_of(returns.index, list(returns), calendars)
    places = [
        (name, union.index(date))
        for name, date in zip(asked["security"], asked["date"], strict=True)
    ]
    real = asked if everyone is None else everyone
    taken = {name: set() for name in real["security"]}
    for name, date in zip(real["security"], real["date"], strict=True):
        day = union.index(date)
        taken[name] |= set(rows(own[name], own[name].index(day), event_window))
    anywhere = set().union(*taken.values())

    def scar(name, zero, cut, more):
        # Days that the real day 0 holds beside its own, or sessions of a placebo's day 0.
        first, last = window
        placebo = cut is taken[name]
        extra = more * (first <= 0 <= last) * (not placebo)
        first, last = (
            first - more * placebo * (first <= 0),
            last - more * placebo * (last < 0),
        )
        inside = rows(own[name], zero, (first, last))
        before = [day for day in rows(own[name], zero, estimation) if day not in cut]
        before = [day for day in before if np.isfinite([y[name][day], *x[day]]).all()]
        if len(inside) < last - first + 1 or len(before) < least:
            return None
        found = _scar(y[name], x, inside, before, adjusted, extra)
        return None if found is None else (found, set(inside))

    def mean(shift):
        scars = []
        for name, day in places:
            later = [at for at, session in enumerate(own[name]) if session >= day + shift]
            if day + shift < 0 or not later:
                return None
            here = set(rows(own[name], later[0], event_window))
            cut = taken[name] if shift else taken[name] - here
            placed = scar(name, later[0], cut, holds.get(name, 1) - 1)
            if placed is None or (shift and placed[1] & anywhere):
                return None
            scars.append(placed[0])
        if plain or len(scars) == 1:
            return np.mean(scars)
        spread = np.std(scars, ddof=1)
        if spread <= 1e-8 * np.abs(scars).max():
            return None
        return np.mean(scars) / (spread / np.sqrt(len(scars)))

    placed = [mean(shift) for shift in range(-len(union), len(union)) if shift]
    return mean(0), np.array([one for one in placed if one is not None])


def _scar(y, x, inside, before, adjusted, extra=0):
    """One standardised CAR by least squares; None with a hole or without variance."""
    if not (np.isfinite(y[inside]).all() and np.isfinite(x[inside]).all()):
        return None
    if adjusted:
        difference = y - x[:, 1]
        error = np.std(difference[before], ddof=1) * np.sqrt(len(inside))
        return difference[inside].sum() / error
    b, *_ = np.linalg.lstsq(x[before], y[before], rcond=None)
    s2 = ((y[before] - x[before] @ b) ** 2).sum() / (len(before) - x.shape[1])
    if s2 < 1e-25:
        return None
    g = x[inside].sum(axis=0)
    variance = s2 * (len(inside) + extra + g @ np.linalg.inv(x[before].T @ x[before]) @ g)
    return (y[inside] - x[inside] @ b).sum() / np.sqrt(variance)
