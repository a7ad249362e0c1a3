"""Candidate days on the sessions of their securities.

Between the checked frame of `candidates` and the arrays of `moved` and `uncertain`. The
first candidate of an event and security is its anchor: the model is estimated before it,
once, and every candidate is some sessions after it. A pair that lacks a session for one of
its candidates is left out with its reason: the maximum over the candidates must be taken
over the same securities throughout.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.uncertain_dates.candidates import Candidates

if TYPE_CHECKING:
    from analysis.eventstudy.study import EventStudy


@dataclass(frozen=True, eq=False)
class CandidateAlignment:
    """P pairs of event and security with all their candidates on sessions.

    Attributes
    ----------
    pairs : pandas.DataFrame
        event_id, security, group, one row per pair, pairs of one event together.
    event : (P,) int
        Row of `weight` of each pair, ascending.
    calendar : (P,) int
        Which of `calendars`.
    position : (P, K) int
        Session of each candidate within the calendar; −1 where the event has fewer.
    weight : (E, K) float
        Prior weights; 0 where the event has fewer candidates.
    names : (E, K) object
        What the candidates are called.
    fixed : (E, K) bool
        The candidate that a study of fixed dates takes.
    dates : pandas.DatetimeIndex
        The union of all calendars, U days.
    calendars : list of (sessions,) int
        Distinct calendars as ascending positions on the union.
    reach : int
        Most days of the union from the first candidate of a pair to its last.
    """

    pairs: pd.DataFrame
    event: Ints
    calendar: Ints
    position: Ints
    weight: Floats
    names: np.ndarray
    fixed: Bools
    dates: pd.DatetimeIndex
    calendars: list[Ints]
    reach: int

    @property
    def exists(self) -> Bools:
        """Which candidates there are, (P, K)."""
        return np.greater_equal(self.position, 0)

    @property
    def anchor(self) -> Ints:
        """Session of the first candidate, (P,)."""
        far = np.iinfo(np.int64).max
        first: Ints = np.where(self.exists, self.position, far).min(axis=1)
        return first

    @property
    def offset(self) -> Ints:
        """Sessions from the anchor to each candidate, (P, K); −1 where there is none."""
        return np.where(self.exists, self.position - self.anchor[:, None], -1)

    def days(self, position: Ints) -> Ints:
        """Days of the union of sessions (P, ...) of each pair; −1 where there is none."""
        found = np.full(position.shape, -1, dtype=np.int64)
        for number, sessions in enumerate(self.calendars):
            own = self.calendar == number
            asked = position[own]
            within = (asked >= 0) & (asked < len(sessions))
            found[own] = np.where(within, sessions[np.where(within, asked, 0)], -1)
        return found

    def anchors(self) -> pd.DataFrame:
        """The pairs as events on their first candidate."""
        stamps = self.dates[self.days(self.anchor)] if len(self.pairs) else self.dates[:0]
        return self.pairs.assign(date=stamps)[["event_id", "security", "date", "group"]]

    def take(self, rows: Ints) -> CandidateAlignment:
        """Keep some pairs; events keep their rows of `weight`."""
        return CandidateAlignment(
            self.pairs.iloc[rows].reset_index(drop=True),
            self.event[rows],
            self.calendar[rows],
            self.position[rows],
            self.weight,
            self.names,
            self.fixed,
            self.dates,
            self.calendars,
            self.reach,
        )


def align_candidates(
    candidates: Candidates, study: EventStudy
) -> tuple[CandidateAlignment, pd.DataFrame]:
    """Put candidates on the sessions of their securities.

    Parameters
    ----------
    candidates : Candidates
    study : EventStudy
        The same question with fixed dates: its returns and calendars as checked.

    Returns
    -------
    CandidateAlignment
        The pairs whose candidates are all sessions.
    pandas.DataFrame
        event_id, security, reason of the others.
    """
    table = candidates.table
    event, _ = pd.factorize(table["event_id"])
    choice = _choices(table, event)
    security, securities = pd.factorize(table["security"])
    calendar_of, dates, calendars = _calendars(securities, study)
    pair, rows = _pairs(event, security)
    shape = (len(rows), choice.max() + 1)
    position = np.full(shape, -1, dtype=np.int64)
    found = _positions(table["date"], security, calendar_of, dates, calendars)
    position[pair, choice] = found
    reasons = _reasons(table, pair, found, calendar_of[security] >= 0)
    cells = (event, choice)
    size = (event.max() + 1, shape[1])
    weight, fixed = np.zeros(size), np.zeros(size, dtype=np.bool_)
    names = np.full(size, None, dtype=object)
    weight[cells], fixed[cells], names[cells] = table["weight"], table["fixed"], table["candidate"]
    pairs = table.iloc[rows][["event_id", "security", "group"]].reset_index(drop=True)
    whole = CandidateAlignment(
        pairs, event[rows], calendar_of[security[rows]], position, weight, names, fixed,
        dates, calendars, 0,
    )  # fmt: skip
    kept = np.array([one for one in range(len(rows)) if one not in reasons], dtype=np.int64)
    lost = pairs.loc[list(reasons), ["event_id", "security"]].assign(reason=list(reasons.values()))
    located = whole.take(kept)
    return _with_reach(located), lost.reset_index(drop=True)


def _with_reach(located: CandidateAlignment) -> CandidateAlignment:
    reach = 0
    if len(located.pairs):
        span = located.days(located.position)
        first = np.where(span >= 0, span, span.max()).min(axis=1)
        reach = int((span.max(axis=1) - first).max())
    return CandidateAlignment(**{**vars(located), "reach": reach})


def _choices(table: pd.DataFrame, event: Ints) -> Ints:
    """Number the candidates of every event by their first date, (rows,)."""
    first = table.groupby(["event_id", "candidate"], sort=False)["date"].transform("min")
    keys = pd.DataFrame(
        {"event": event, "date": first, "name": pd.factorize(table["candidate"])[0]}
    )
    distinct = keys.drop_duplicates(["event", "name"]).sort_values(["event", "date"], kind="stable")
    distinct["number"] = distinct.groupby("event").cumcount()
    numbers = keys.merge(distinct[["event", "name", "number"]], on=["event", "name"], how="left")
    return numbers["number"].to_numpy(dtype=np.int64)


def _pairs(event: Ints, security: Ints) -> tuple[Ints, Ints]:
    """Number the pairs, those of one event together; also the first row of each."""
    order: dict[tuple[int, int], int] = {}
    for key in sorted(dict.fromkeys(zip(event.tolist(), security.tolist(), strict=True)),
                      key=lambda key: key[0]):  # fmt: skip
        order[key] = len(order)
    pair = np.array([order[key] for key in zip(event.tolist(), security.tolist(), strict=True)])
    return pair, np.unique(pair, return_index=True)[1]


def _calendars(
    securities: pd.Index, study: EventStudy
) -> tuple[Ints, pd.DatetimeIndex, list[Ints]]:
    """Calendar of every security (−1: none), the union of days, the distinct calendars."""
    if study.calendars is None:
        dates = pd.DatetimeIndex(study.returns.index).as_unit("ns")
        return np.zeros(len(securities), np.int64), dates, [np.arange(len(dates))]
    numbers = np.full(len(securities), -1, dtype=np.int64)
    distinct: dict[bytes, int] = {}
    stamps: list[np.ndarray] = []
    for code, security in enumerate(securities):
        # The union is that of the engine: a security without returns has no say in it.
        if security in study.calendars and security in study.returns.columns:
            own = pd.DatetimeIndex(study.calendars[security]).as_unit("ns").asi8
            if len(own):
                numbers[code] = distinct.setdefault(own.tobytes(), len(stamps))
                if numbers[code] == len(stamps):
                    stamps.append(own)
    union = np.unique(np.concatenate(stamps)) if stamps else np.empty(0, np.int64)
    return numbers, pd.DatetimeIndex(union), [np.searchsorted(union, own) for own in stamps]


def _positions(
    dates0: pd.Series,
    security: Ints,
    calendar_of: Ints,
    dates: pd.DatetimeIndex,
    calendars: list[Ints],
) -> Ints:
    """Session of every candidate within its own calendar, −1 where it is none."""
    at = dates.get_indexer(pd.DatetimeIndex(dates0))
    found = np.full(len(at), -1, dtype=np.int64)
    for number, sessions in enumerate(calendars):
        own = np.flatnonzero((calendar_of[security] == number) & (at >= 0))
        place = np.minimum(np.searchsorted(sessions, at[own]), len(sessions) - 1)
        found[own] = np.where(sessions[place] == at[own], place, -1)
    return found


def _reasons(table: pd.DataFrame, pair: Ints, found: Ints, calendar: Bools) -> dict[int, str]:
    """Say which pairs cannot be used, by their first candidate that is no session."""
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(found < 0):
        one = table.iloc[row]
        security: Hashable = one["security"]
        if not calendar[row]:
            reason = f"no returns or no calendar for {security}"
        elif pd.isna(one["date"]):
            reason = f"candidate {_name(one['candidate'])} has no session of {security}"
        else:
            reason = f"candidate {day(one['date'])} is not a session of {security}"
        reasons.setdefault(int(pair[row]), reason)
    return dict(sorted(reasons.items()))


def _name(candidate: object) -> str:
    return day(candidate) if isinstance(candidate, pd.Timestamp) else str(candidate)
