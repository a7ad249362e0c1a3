"""Candidate days on the sessions of their securities.

The first candidate of an event and security is its anchor: the model is estimated before it,
once, and every candidate is some sessions after it. A pair that lacks a session for one of
its candidates is left out with its reason: the maximum over the candidates must be taken
over the same securities throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.panel import Calendars
from analysis.eventstudy.fitting.alignment import number_calendars
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
    calendars : Calendars
    """

    pairs: pd.DataFrame
    event: Ints
    calendar: Ints
    position: Ints
    weight: Floats
    names: np.ndarray
    fixed: Bools
    dates: pd.DatetimeIndex
    calendars: Calendars

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

    @property
    def reach(self) -> int:
        """Most days of the union from the first candidate of a pair to its last."""
        days = self.days(self.position)
        first = np.where(days >= 0, days, days.max(initial=0)).min(axis=1, initial=len(self.dates))
        return int((days.max(axis=1, initial=0) - first).max(initial=0))

    def days(self, position: Ints) -> Ints:
        """Days of the union of sessions (P, ...) of each pair; −1 where there is none."""
        return self.calendars.days(self.calendar, np.zeros_like(self.calendar), position)

    def anchors(self) -> pd.DataFrame:
        """The pairs as events on their first candidate."""
        dates = self.dates[self.days(self.anchor[:, None])[:, 0]]
        return self.pairs.assign(date=dates)[["event_id", "security", "date", "group"]]

    def take(self, rows: Ints) -> CandidateAlignment:
        """Keep some pairs; events keep their rows of `weight`."""
        return replace(
            self,
            pairs=self.pairs.iloc[rows].reset_index(drop=True),
            event=self.event[rows],
            calendar=self.calendar[rows],
            position=self.position[rows],
        )


def align_candidates(
    candidates: Candidates, study: EventStudy
) -> tuple[CandidateAlignment, pd.DataFrame]:
    """Put candidates on the sessions of their securities.

    ``study`` is the same question with fixed dates: its returns and calendars as checked. Gives
    the pairs whose candidates are all sessions, and event_id, security, reason of the others.
    """
    table = candidates.table
    event, _ = pd.factorize(table["event_id"])
    choice = _choices(table, event)
    security, securities = pd.factorize(table["security"])
    known = study.returns.columns.get_indexer(securities) >= 0
    calendar, dates, calendars = number_calendars(
        securities.tolist(), known, study.returns.index, study.calendars
    )
    calendar = calendar[security]
    pair, rows = _pairs(event, security)
    found = _positions(dates.get_indexer(pd.DatetimeIndex(table["date"])), calendar, calendars)
    position = np.full((len(rows), choice.max() + 1), -1, dtype=np.int64)
    position[pair, choice] = found
    cells, size = (event, choice), (event.max() + 1, choice.max() + 1)
    weight, fixed = np.zeros(size), np.zeros(size, dtype=np.bool_)
    names = np.full(size, None, dtype=object)
    weight[cells], fixed[cells], names[cells] = table["weight"], table["fixed"], table["candidate"]
    pairs = table.iloc[rows][["event_id", "security", "group"]].reset_index(drop=True)
    whole = CandidateAlignment(
        pairs, event[rows], calendar[rows], position, weight, names, fixed, dates, calendars
    )
    reasons = _reasons(table, pair, found, calendar)
    lost = pairs.loc[list(reasons), ["event_id", "security"]].assign(reason=list(reasons.values()))
    kept = np.setdiff1d(np.arange(len(rows)), list(reasons))
    return whole.take(kept), lost.reset_index(drop=True)


def _choices(table: pd.DataFrame, event: Ints) -> Ints:
    """Number the candidates of every event by their first date, (rows,)."""
    choices = table.groupby(["event_id", "candidate"], sort=False)
    code = choices.ngroup()
    first = pd.DataFrame({"event": event, "date": choices["date"].transform("min")})
    ordered = first[~code.duplicated()].sort_values(["event", "date"], kind="stable")
    numbers = ordered.groupby("event").cumcount().sort_index().to_numpy(dtype=np.int64)
    return np.asarray(numbers[code.to_numpy()])


def _pairs(event: Ints, security: Ints) -> tuple[Ints, Ints]:
    """Number the pairs, those of one event together; also the first row of each."""
    key = event * (security.max() + 1) + security
    _, first, pair = np.unique(key, return_index=True, return_inverse=True)
    order = np.lexsort((first, event[first]))
    return np.argsort(order)[pair], first[order]


def _positions(day: Ints, calendar: Ints, calendars: Calendars) -> Ints:
    """Session of every candidate within its own calendar, −1 where it is none."""
    found = np.full(len(day), -1, dtype=np.int64)
    known = np.flatnonzero((calendar >= 0) & (day >= 0))
    position, exact = calendars.locate(calendar[known], day[known])
    found[known] = np.where(exact, position, -1)
    return found


def _reasons(table: pd.DataFrame, pair: Ints, found: Ints, calendar: Ints) -> dict[int, str]:
    """Say which pairs cannot be used, by their first candidate that is no session."""
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(found < 0):
        one = table.iloc[row]
        if calendar[row] < 0:
            reason = f"no returns or no calendar for {one['security']}"
        elif pd.isna(one["date"]):
            reason = f"candidate {_name(one['candidate'])} has no session of {one['security']}"
        else:
            reason = f"candidate {day(one['date'])} is not a session of {one['security']}"
        reasons.setdefault(int(pair[row]), reason)
    return dict(sorted(reasons.items()))


def _name(candidate: object) -> str:
    return day(candidate) if isinstance(candidate, pd.Timestamp) else str(candidate)
