"""Event studies of events whose date is not known for sure.

An `UncertainStudy` takes candidate days with weights instead of one day 0 per event; its
`UncertainResults` answer twice, by the largest statistic over the candidates, with a
permutation p-value that pays for the search, and by the likelihood of Ball & Torous (1988).
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields

import pandas as pd

from analysis.errors import FaultlineWarning
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.linear import MarketModel, Model
from analysis.eventstudy.study import EventStudy
from analysis.eventstudy.uncertain_dates.alignment import CandidateAlignment, align_candidates
from analysis.eventstudy.uncertain_dates.candidates import Candidates, check_candidates
from analysis.eventstudy.uncertain_dates.results import UncertainResults

_SHARED = {one.name for one in fields(EventStudy)} - {"events", "window"}


@dataclass(frozen=True, eq=False)
class UncertainStudy:
    """An event study of events whose day 0 is one of several candidate days.

    Parameters
    ----------
    returns : pandas.DataFrame
        Dates × securities, simple decimal returns, NaN where missing.
    candidates : pandas.DataFrame
        event_id, security, date: one row per event, security and candidate day, a session
        of the security. Optionally:

        - weight: how likely the day was held before looking at returns. The weights of an
          event are divided by their sum where it is not one (`UncertainResults.notes` says
          so); blank weights are equal ones. They count in the likelihood; the maximum is
          taken over all candidates alike.
        - candidate: a name of the choice. All securities of an event share its unknown
          date, so candidates are choices of the event: rows of one event and name belong
          together, also where exchanges differ in their sessions. Without the column the
          date is the name.
        - fixed: True for the day that a study of fixed dates would take; without it the
          heaviest, among equals the middle one (the earlier of two).
        - group.

        `candidates.candidates_around` and `Desk.candidates` make such a frame.
    model, factors, estimation, window, min_observations, calendars, exclude_own_events
        As for `EventStudy`. The model of an event and security is estimated once,
        ``estimation`` counting from its first candidate; ``window`` is the event window
        around every candidate.
    rbar, seed, units
        As for `EventStudy`.

    Raises
    ------
    InputError
        As `EventStudy`; and candidates that cannot be used, see
        `candidates.check_candidates`.

    Examples
    --------
    >>> days = candidates_around(events, returns.index, sessions=1)  # doctest: +SKIP
    >>> results = UncertainStudy(returns, days, factors=market).fit()  # doctest: +SKIP
    >>> results.tests([(0, 0), (-1, 1)])  # doctest: +SKIP
    """

    returns: pd.DataFrame
    candidates: pd.DataFrame
    model: Model = field(default_factory=MarketModel)
    factors: pd.DataFrame | None = None
    estimation: Window = (-250, -31)
    window: Window = (-5, 5)
    min_observations: int = 100
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None = None
    exclude_own_events: bool = True
    rbar: str = "overlap"
    seed: int = 0
    units: str = "decimal"
    checked: Candidates = field(init=False, repr=False)
    fixed: EventStudy = field(init=False, repr=False)
    alignment: CandidateAlignment = field(init=False, repr=False)
    lost: pd.DataFrame = field(init=False, repr=False)
    anchored: EventStudy = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked = check_candidates(self.candidates)
        object.__setattr__(self, "checked", checked)
        object.__setattr__(self, "candidates", checked.table)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fixed = self._study(checked.fixed_events(), self.window)
        alignment, lost = align_candidates(checked, fixed)
        window = (fixed.window[0], fixed.window[1] + alignment.reach)
        # A study needs an event: where no pair is left it is one that skips all.
        events = alignment.anchors() if len(alignment.pairs) else fixed.events
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FaultlineWarning)  # those of the fixed dates
            # It reads more than the fixed dates do, so it may refuse a figure that they do not.
            anchored = self._study(events, window)
        for one in said:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        found = {"fixed": fixed, "alignment": alignment, "lost": lost, "anchored": anchored}
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def fit(self, executor: Executor | None = None) -> UncertainResults:
        """Fit every event that can be fitted.

        Parameters
        ----------
        executor : concurrent.futures.Executor, optional
            As for `EventStudy.fit`; the placebos are fitted in this process.
        """
        with warnings.catch_warnings():
            # What is to be said of the returns was said when this study was made.
            warnings.simplefilter("ignore", FaultlineWarning)
            anchored = self.anchored.fit(executor)
        return UncertainResults(self.checked, self.fixed, self.alignment, anchored, self.lost)

    def _study(self, events: pd.DataFrame, window: Window) -> EventStudy:
        shared = {one.name: getattr(self, one.name) for one in fields(self) if one.name in _SHARED}
        return EventStudy(events=events, window=window, **shared)
