"""Candidate days of events whose date is not known for sure, as given and as checked.

Each event has a few days on which it may have become known, with a weight each. All securities
of an event share the unknown date, so a candidate is a choice of the event, with a session for
every security (exchanges differ in theirs).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Bools
from analysis.eventstudy.inputs.dates import day, event_dates
from analysis.eventstudy.inputs.frames import (
    check_dates,
    check_event_columns,
    check_events,
    group_names,
)

COLUMNS = ["event_id", "security", "candidate", "date", "weight", "fixed", "group"]
# Weights that are off one by less than this were meant to sum to one.
NEARLY_ONE = 1e-6


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate days as checked.

    Attributes
    ----------
    table : pandas.DataFrame
        event_id, security, candidate (the name of the choice), date, weight (prior, sums to
        one over the choices of an event), fixed (the day that a study of fixed dates would
        take), group. In the order given; within an event and security by date.
    notes : tuple of str
        What was done to the weights, in sentences.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]

    def fixed_events(self) -> pd.DataFrame:
        """The events on their fixed dates, as `EventStudy` takes them."""
        rows = self.table.loc[self.table["fixed"], ["event_id", "security", "date", "group"]]
        return rows.reset_index(drop=True)


def candidates_around(
    events: pd.DataFrame,
    calendars: pd.DatetimeIndex | Mapping[Hashable, pd.DatetimeIndex],
    sessions: int | tuple[int, int] = 1,
    weights: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Make candidates of events whose day 0 may be some sessions off.

    Parameters
    ----------
    events : pandas.DataFrame
        event_id, security, date (day 0) and optionally group, as for `EventStudy`.
    calendars : pandas.DatetimeIndex or mapping
        Sessions of all securities (for instance ``returns.index``), or security -> its own.
    sessions : int or (int, int)
        How far day 0 may be off, to either side; or how far before and how far after, as in
        (0, 4).
    weights : sequence of float, optional
        Of the candidates from the earliest to the latest; equal by default.

    Returns
    -------
    pandas.DataFrame
        event_id, security, candidate (sessions after day 0), date, weight, fixed (True for
        candidate 0), group. A candidate beyond the security's calendar, or of a day 0 that
        is no session, has a blank date: `UncertainStudy` skips such a security with its
        reason.

    Raises
    ------
    InputError
        Events or calendars that cannot be used, a number of sessions below 0, or weights of
        another length.
    """
    asked = check_events(events)
    before, after = _reach(sessions)
    steps = np.arange(-before, after + 1)
    share = _shares(weights, len(steps))
    dates = np.full((len(asked), len(steps)), np.datetime64("NaT"), dtype="datetime64[ns]")
    for security, rows in asked.groupby("security", sort=False).indices.items():
        own = _calendar_of(calendars, security)
        at = own.get_indexer(pd.DatetimeIndex(asked["date"].iloc[rows]))
        position = at[:, None] + steps
        exists = (at[:, None] >= 0) & (position >= 0) & (position < len(own))
        if len(own):
            found = own.to_numpy()[np.where(exists, position, 0)]
            dates[rows] = np.where(exists, found, np.datetime64("NaT"))
    # Day 0 stays as it was given, so that what was skipped can say what is wrong with it.
    dates[:, before] = asked["date"].to_numpy()
    table = asked.loc[asked.index.repeat(len(steps))].reset_index(drop=True)
    return table.assign(
        candidate=np.tile(steps, len(asked)),
        date=dates.ravel(),
        weight=np.tile(share, len(asked)),
        fixed=np.tile(steps == 0, len(asked)),
    )[COLUMNS]


def check_candidates(candidates: object) -> Candidates:
    """Check candidate days, see `study.UncertainStudy`, and bring them into one shape.

    Raises
    ------
    InputError
        A missing column, a day twice, securities of one event that do not share its
        choices, weights that are negative, infinite or differ between securities, two fixed
        candidates.
    """
    table = _columns(candidates)
    _check_choices(table)
    notes = _weigh(table)
    _fix(table)
    return Candidates(table[COLUMNS].reset_index(drop=True), notes)


def _columns(given: object) -> pd.DataFrame:
    candidates = check_event_columns(given, "candidates")
    dates = event_dates(candidates["date"], "candidates")
    named = "candidate" in candidates.columns
    table = pd.DataFrame(
        {
            "event_id": candidates["event_id"].to_numpy(),
            "security": candidates["security"].to_numpy(),
            "candidate": candidates["candidate"].to_numpy() if named else dates,
            "date": dates,
            "weight": _weights(candidates),
            "fixed": _flags(candidates),
            "group": group_names(candidates),
        }
    )
    unnamed = table["candidate"].isna().to_numpy()
    if unnamed.any():
        row = int(np.flatnonzero(unnamed)[0])
        what = "a blank candidate" if named else "a blank date"
        raise InputError(f"candidates has {what} in row {row}; drop the row or fill it in.")
    return table


def _weights(candidates: pd.DataFrame) -> np.ndarray:
    if "weight" not in candidates.columns:
        return np.full(len(candidates), np.nan)
    try:
        weights = candidates["weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError("The weights of candidates are not numbers; give floats.") from None
    wrong = np.flatnonzero((weights < 0) | np.isinf(weights))
    if len(wrong):
        raise InputError(
            f"candidates has the weight {weights[wrong[0]]:g} in row {wrong[0]}; weights are "
            "finite and not negative."
        )
    return weights


def _flags(candidates: pd.DataFrame) -> Bools:
    if "fixed" not in candidates.columns:
        return np.zeros(len(candidates), dtype=np.bool_)
    flags = candidates["fixed"]
    if flags.isna().any() or not flags.isin([True, False]).all():
        raise InputError("The column fixed of candidates must hold True or False only.")
    return flags.to_numpy(dtype=np.bool_)


def _check_choices(table: pd.DataFrame) -> None:
    """Check that all securities of an event have the same choices, each once."""
    twice = table.duplicated(["event_id", "security", "candidate"])
    if twice.any():
        first = table.loc[twice].iloc[0]
        raise InputError(
            f"candidates holds {first['event_id']!r} with {first['security']!r} on "
            f"{_name(first['candidate'])} twice; keep one row."
        )
    choices = table.groupby("event_id", sort=False)["candidate"].transform("nunique")
    own = table.groupby(["event_id", "security"], sort=False)["candidate"].transform("size")
    short = np.flatnonzero((own < choices).to_numpy())
    if len(short):
        first = table.iloc[short[0]]
        raise InputError(
            f"The securities of event {first['event_id']!r} do not share its candidates: "
            f"{first['security']!r} has {own.iloc[short[0]]} of {choices.iloc[short[0]]}. Give "
            "every security a row for each; a column candidate names what belongs together "
            "where exchanges differ in their sessions."
        )


def _weigh(table: pd.DataFrame) -> tuple[str, ...]:
    """Make the weights of every event sum to one; say where they did not."""
    notes = []
    whole = []
    for event, rows in table.groupby("event_id", sort=False).indices.items():
        given = table.iloc[rows]
        # Every security of an event repeats the weight of a choice; once is enough.
        spread = given.groupby("candidate", sort=False)["weight"].agg(["min", "max", "count"])
        if (spread["max"] > spread["min"]).any():
            raise InputError(
                f"The weights of event {event!r} differ between its securities; a candidate "
                "has one weight, for all of them share the date."
            )
        weights = spread["max"].to_numpy()
        blank = np.isnan(weights)
        if blank.all():
            weights = np.ones(len(weights))
        elif blank.any() or (spread["count"] < len(given) / len(spread)).any():
            raise InputError(
                f"Event {event!r} has weights for some of its candidates only; fill in all, or "
                "leave all blank for equal ones."
            )
        total = float(weights.sum())
        if not 0.0 < total < math.inf:
            raise InputError(
                f"The weights of event {event!r} sum to {total:g}; one must be positive."
            )
        if not blank.all() and abs(total - 1.0) > NEARLY_ONE:
            notes.append(
                f"The weights of event {event!r} sum to {total:g}; they were divided by it."
            )
        share = dict(zip(spread.index, weights / total, strict=True))
        whole.append(pd.Series([share[one] for one in given["candidate"]], index=rows))
    table["weight"] = pd.concat(whole).sort_index().to_numpy()
    return tuple(notes)


def _fix(table: pd.DataFrame) -> None:
    """Mark the fixed candidate of every event: as given, else the heaviest, the middle one."""
    flags = table["fixed"].to_numpy(dtype=np.bool_).copy()
    for event, rows in table.groupby("event_id", sort=False).indices.items():
        given = table.iloc[rows]
        marked = given.groupby("candidate", sort=False)["fixed"].agg(["any", "all"])
        if (marked["any"] != marked["all"]).any() or marked["any"].sum() > 1:
            raise InputError(
                f"Event {event!r} has more than one fixed candidate; mark one, for all its "
                "securities."
            )
        if marked["any"].any():
            continue
        first = given.drop_duplicates("candidate").sort_values("date", kind="stable")
        heaviest = first.loc[first["weight"] >= first["weight"].max() * (1 - NEARLY_ONE)]
        chosen = heaviest["candidate"].iloc[(len(heaviest) - 1) // 2]
        flags[rows] = (given["candidate"] == chosen).to_numpy()
    table["fixed"] = flags


def _reach(sessions: object) -> tuple[int, int]:
    ends = sessions if isinstance(sessions, tuple) else (sessions, sessions)
    try:
        before, after = (operator.index(end) for end in ends)
    except (TypeError, ValueError):
        before = after = -1
    if min(before, after) < 0:
        raise InputError(
            "sessions must be a whole number of at least 0, or two such as (0, 4), not "
            f"{sessions!r}."
        )
    return before, after


def _calendar_of(
    calendars: pd.DatetimeIndex | Mapping[Hashable, pd.DatetimeIndex], security: Hashable
) -> pd.DatetimeIndex:
    own: object = calendars
    if isinstance(calendars, Mapping):
        own = calendars.get(security, pd.DatetimeIndex([]))
    check_dates(own, f"The calendar of {security!r}")
    return pd.DatetimeIndex(own).as_unit("ns")  # type: ignore[arg-type]


def _shares(weights: Sequence[float] | None, count: int) -> np.ndarray:
    if weights is None:
        return np.full(count, 1.0 / count)
    try:
        share = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"weights must be {count} numbers, not {weights!r}.") from None
    if share.shape != (count,):
        raise InputError(
            f"weights must be {count} numbers, one for each candidate from the earliest to the "
            f"latest, not {share.size}."
        )
    return share


def _name(candidate: object) -> str:
    return day(candidate) if isinstance(candidate, pd.Timestamp) else repr(candidate)
