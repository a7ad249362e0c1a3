"""Sets of candidate days moved along the calendar: what the search finds where nothing happened.

A maximum over several days is larger than one day's statistic by chance alone. The placebos
pay for that: the whole set of candidates of every event moves by the same number of days,
so a placebo searches as many days, as far apart, and shares as many of them between its
events. The conventions are those of the test `permutation`; with a single candidate the two are
the same test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.core.panel import EventIndex, Panel, near_events, offsets_of
from analysis.eventstudy.fitting.alignment import EventAlignment, align_events
from analysis.eventstudy.fitting.chunks import CHUNK, Chunk, fit_chunk
from analysis.eventstudy.inference.permutation import CELLS, MOST_PLACEBOS
from analysis.eventstudy.inference.rolling_scar import tally
from analysis.eventstudy.inputs.frames import StudyInputs, Window
from analysis.eventstudy.models.linear import Model
from analysis.eventstudy.uncertain_dates.alignment import CandidateAlignment


@dataclass(frozen=True, eq=False)
class CandidatePlacebos:
    """The candidate sets of a study on all the dates to which they could be moved together.

    Parameters
    ----------
    alignment : CandidateAlignment
        The P fitted pairs.
    taken : CandidateAlignment
        All pairs of the study: no placebo window may meet one of theirs.
    study : StudyInputs
        With its event window as wide as all candidates and its dates the first of them.
    events : pandas.DataFrame
        A row for each security that has candidates, on a session where it can be.
    """

    alignment: CandidateAlignment
    taken: CandidateAlignment
    study: StudyInputs
    events: pd.DataFrame

    def draws(self, window: Window, members: Ints) -> Iterator[tuple[Floats, Floats]]:
        """Give the CARs of some pairs at every candidate of every placebo, part by part.

        A placebo moves all candidates by the same s ≠ 0 days of the union of calendars (to
        the security's next session, where that day is none of its own) and refits the
        models before the first of them. It is admissible when every pair keeps
        ``min_observations`` and a whole window around every candidate, none of which meets
        the real event window of any pair (from its first candidate to its last); rows of a
        security's own real event windows are cut from its placebo estimation windows. All
        admissible s are used if they are at most 999, else 999 seeded draws among them.

        ``members`` (n,) are rows of `alignment`. CARs and standard errors are (B', n, K), NaN
        where the event has fewer candidates.
        """
        shifts = self._shifts(window, members)
        if len(shifts) > MOST_PLACEBOS:
            # A key per shift, as in `permutation`: one seed draws the same shifts for all.
            days = len(self.alignment.dates)
            keys = np.random.default_rng(self.study.seed).random(2 * days + 1)
            order = np.argsort(keys[shifts + days], kind="stable")
            shifts = np.sort(shifts[order[:MOST_PLACEBOS]])
        exists = self.alignment.exists[members]
        own = self._own[members]
        car, se, _ = self._tables(window)
        for part in self._slices(shifts, members):
            position, first = self._moved(part, members)
            self._fit(window, own, first)
            cell = own[:, None], first[:, :, None], np.where(exists, position - first[..., None], 0)
            found = np.where(exists, car[cell], np.nan), np.where(exists, se[cell], np.nan)
            # A placebo window without residual variance has no SCAR, and is none.
            whole = (np.isfinite(found[0]) | ~exists).all(axis=(1, 2))
            yield found[0][whole], found[1][whole]

    def real(self, window: Window, members: Ints) -> tuple[Floats, Floats] | None:
        """CARs on the real dates, (n, K), of the model that is fitted on the placebo dates.

        None where that is the study's own model: a model may name a ``stand_in`` that is
        quicker to fit and never fails, and like must be compared with like.
        """
        if self._refitted is self.study.model:
            return None
        own, first = self._own[members], self.alignment.anchor[members]
        self._fit(window, own, first[None])
        offset = self.alignment.offset[members]
        cell = own[:, None], first[:, None], np.maximum(offset, 0)
        car, se = (np.where(offset >= 0, one[cell], np.nan) for one in self._tables(window)[:2])
        return car, se

    @property
    def _refitted(self) -> Model:
        return cast("Model", getattr(self.study.model, "stand_in", self.study.model))

    def _shifts(self, window: Window, members: Ints) -> Ints:
        """Every admissible number of days, ascending."""
        day = self._day[members]
        there = self.alignment.exists[members]
        every = np.arange(-day[there].min(), len(self.alignment.dates) - day[there].max())
        every = every[every != 0]
        fine = self._fine(window)
        own = self._own[members]
        found = [np.empty(0, dtype=np.int64)]
        for part in self._slices(every, members):
            position, first = self._moved(part, members)
            good = fine[own[:, None], position] | ~there
            good &= self._enough[own, first][:, :, None]
            found.append(part[good.all(axis=(1, 2))])
        return np.concatenate(found)

    def _moved(self, shifts: Ints, members: Ints) -> tuple[Ints, Ints]:
        """Session of every moved candidate (shifts, n, K), and of the first of them."""
        there = self.alignment.exists[members]
        day = np.where(there, self._day[members], 0) + shifts[:, None, None]
        calendar = self.alignment.calendar[members][:, None]
        # A day beyond the last session is met by none: the column that is never allowed.
        position = self._next[calendar, np.clip(day, 0, len(self.alignment.dates))]
        return position, np.where(there, position, position.max()).min(axis=2)

    def _slices(self, shifts: Ints, members: Ints) -> list[Ints]:
        width = max(len(members), 1) * self.alignment.position.shape[1]
        step = max(1, CELLS // width)
        return [shifts[start : start + step] for start in range(0, len(shifts), step)]

    def _fit(self, window: Window, own: Ints, first: Ints) -> None:
        """Fit the placebo events that were not fitted before, into the tables."""
        car, se, done = self._tables(window)
        wanted = np.zeros_like(done)
        wanted[np.broadcast_to(own, first.shape), first] = True
        security, session = np.nonzero(wanted & ~done)
        done[security, session] = True
        before, during = offsets_of(self.study.estimation), offsets_of(self.study.window)
        for start in range(0, len(security), CHUNK):
            rows = security[start : start + CHUNK], session[start : start + CHUNK]
            one = self._one_each.take(rows[0])
            places = EventIndex(one.security, one.calendar, rows[1], one.factors)
            fit = fit_chunk(Chunk(self._panel, places, before, during, self._refitted, spare=True))
            good = np.flatnonzero(fit.flaws == 0)
            fitted = fit.fitted.take(good)
            for step in range(self.alignment.reach + 1):
                sample, kept = window_sample(fitted, (window[0] + step, window[1] + step))
                cell = rows[0][good[kept]], rows[1][good[kept]], step
                car[cell], se[cell] = sample.car, sample.se

    @cached_property
    def _securities(self) -> Ints:
        """Columns of the returns of the fitted securities, ascending."""
        return np.unique(self._column(self.alignment))

    @cached_property
    def _own(self) -> Ints:
        """Row of the tables of each pair, (P,)."""
        return np.searchsorted(self._securities, self._column(self.alignment))

    @cached_property
    def _day(self) -> Ints:
        """Day of the union of each candidate, (P, K)."""
        return self.alignment.days(self.alignment.position)

    @cached_property
    def _next(self) -> Ints:
        """First session on or after each day of the union, (C, U+1); behind the last, if none."""
        calendars = self.alignment.calendars
        which = np.arange(len(calendars.lengths))[:, None]
        return calendars.locate(which, np.arange(calendars.size + 1))[0]

    def _column(self, pairs: CandidateAlignment) -> Ints:
        return self.study.returns.columns.get_indexer(pd.Index(pairs.pairs["security"]))

    @cached_property
    def _alignment(self) -> EventAlignment:
        """The study's figures on the union of the calendars of all candidates."""
        study = self.study
        whole = align_events(
            self.events, study.returns, study.factors, study.calendars, study.model
        )
        columns = self._column(self.taken)
        factors = np.zeros((len(study.returns.columns), whole.places.factors.shape[1]), np.int64)
        factors[whole.places.security] = whole.places.factors
        taken = EventIndex(columns, self.taken.calendar, self.taken.anchor, factors[columns])
        return replace(whole, places=taken, calendars=self.alignment.calendars)

    @cached_property
    def _panel(self) -> Panel:
        return self._alignment.panel(self._securities, offsets_of(self.study.window))

    @cached_property
    def _one_each(self) -> EventIndex:
        """An event of each security, which is numbered as the rows of the tables."""
        places = self._alignment.places
        securities, rows = np.unique(places.security, return_index=True)
        one = places.take(rows[np.searchsorted(securities, self._securities)])
        return EventIndex(np.arange(len(one)), one.calendar, one.position, one.factors)

    @cached_property
    def _sessions(self) -> Ints:
        """Days of every session of every security, (S, L+1), −1 behind the last."""
        one = self._one_each
        every = np.arange(self.alignment.calendars.lengths[one.calendar].max() + 1)
        return self.alignment.calendars.days(one.calendar, np.zeros_like(one.calendar), every)

    @cached_property
    def _complete(self) -> Bools:
        """Sessions with a return and every factor, (S, L+1)."""
        own, sessions = np.arange(len(self._sessions))[:, None], self._sessions
        factors = self._panel.factors[self._one_each.factors[:, :, None], sessions[:, None, :]]
        found: Bools = np.isfinite(self._panel.returns[own, sessions])
        return found & np.isfinite(factors).all(axis=1)

    @cached_property
    def _enough(self) -> Bools:
        """Whether the estimation window before a session keeps its observations, (S, L+1)."""
        own = np.arange(len(self._sessions))[:, None]
        free = self._complete & ~self._panel.near_events[own, self._sessions]
        return np.greater_equal(tally(free, self.study.estimation), self.study.min_observations)

    @cached_property
    def _near_any(self) -> Bools:
        """Days in the event window of any event of the study, (U+1,)."""
        places = self._alignment.places
        of_one = replace(places, security=np.zeros_like(places.security))
        marks: Bools = near_events(
            self.alignment.calendars, of_one, offsets_of(self.study.window), 1
        )[0]
        return marks

    def _fine(self, window: Window) -> Bools:
        """Whether the window around a session is whole and meets no real one, (S, L+1)."""
        whole = np.equal(tally(self._complete, window), window[1] - window[0] + 1)
        free = np.equal(tally(self._near_any[self._sessions], window), 0)
        # Beyond the last session there is none, whatever the window.
        return whole & free & np.greater_equal(self._sessions, 0)

    @cached_property
    def _store(self) -> dict[Window, tuple[Floats, Floats, Bools]]:
        return {}

    def _tables(self, window: Window) -> tuple[Floats, Floats, Bools]:
        """CAR and error by security, first candidate's session and offset; which are fitted."""
        if window not in self._store:
            shape = (*self._sessions.shape, self.alignment.reach + 1)
            done = np.zeros(self._sessions.shape, np.bool_)
            self._store[window] = np.full(shape, np.nan), np.full(shape, np.nan), done
        return self._store[window]
