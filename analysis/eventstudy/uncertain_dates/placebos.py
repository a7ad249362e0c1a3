"""Sets of candidate days moved along the calendar: what the search finds where nothing happened.

A maximum over several days is larger than one day's statistic by chance alone. The placebos
pay for that: the whole set of candidates of every event moves by the same number of days,
so a placebo searches as many days, as far apart, and shares as many of them between its
events. The conventions are those of the `permutation` test in `resampling`; with a single
candidate the two are the same test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.core.panel import Block, offsets_of
from analysis.eventstudy.inference.permutation import CELLS, MOST_PLACEBOS
from analysis.eventstudy.inputs.frames import StudyInputs, Window
from analysis.eventstudy.models.linear import Model
from analysis.eventstudy.uncertain_dates.alignment import CandidateAlignment

# Placebo events that are fitted at a time.
AT_A_TIME = 1024


@dataclass(frozen=True, eq=False)
class CandidatePlacebos:
    """The candidate sets of a study on all the dates to which they could be moved together.

    Parameters
    ----------
    located : CandidateAlignment
        The P fitted pairs.
    taken : CandidateAlignment
        All pairs of the study: no placebo window may meet one of theirs.
    study : StudyInputs
        With its event window as wide as all candidates and its dates the first of them.
    """

    located: CandidateAlignment
    taken: CandidateAlignment
    study: StudyInputs

    def draws(self, window: Window, members: Ints) -> Iterator[tuple[Floats, Floats]]:
        """Give the CARs of some pairs at every candidate of every placebo, part by part.

        A placebo moves all candidates by the same s ≠ 0 days of the union of calendars (to
        the security's next session, where that day is none of its own) and refits the
        models before the first of them. It is admissible when every pair keeps
        ``min_observations`` and a whole window around every candidate, none of which meets
        the real event window of any pair (from its first candidate to its last); rows of a
        security's own real event windows are cut from its placebo estimation windows. All
        admissible s are used if they are at most 999, else 999 seeded draws among them.

        Parameters
        ----------
        window : (int, int)
        members : (n,) int
            Rows of `located`.

        Yields
        ------
        car, se : (B', n, K) float
            NaN where the event has fewer candidates.
        """
        shifts = self._shifts(window, members)
        if len(shifts) > MOST_PLACEBOS:
            # A key per shift, as in `resampling`: one seed draws the same shifts for all.
            days = len(self.located.dates)
            keys = np.random.default_rng(self.study.seed).random(2 * days + 1)
            order = np.argsort(keys[shifts + days], kind="stable")
            shifts = np.sort(shifts[order[:MOST_PLACEBOS]])
        exists = self.located.exists[members]
        own = self._own[members]
        car, se = self._tables(window)
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
        own, first = self._own[members], self.located.anchor[members]
        self._fit(window, own, first[None])
        offset = self.located.offset[members]
        cell = own[:, None], first[:, None], np.maximum(offset, 0)
        car, se = (np.where(offset >= 0, one[cell], np.nan) for one in self._tables(window))
        return car, se

    @property
    def _refitted(self) -> Model:
        return cast("Model", getattr(self.study.model, "stand_in", self.study.model))

    def _shifts(self, window: Window, members: Ints) -> Ints:
        """Every admissible number of days, ascending."""
        day = self._day[members]
        there = self.located.exists[members]
        every = np.arange(-day[there].min(), len(self.located.dates) - day[there].max())
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
        there = self.located.exists[members]
        day = np.where(there, self._day[members], 0) + shifts[:, None, None]
        calendar = self.located.calendar[members][:, None]
        # A day beyond the last session is met by none: the column that is never allowed.
        position = self._next[calendar, np.clip(day, 0, len(self.located.dates))]
        return position, np.where(there, position, position.max()).min(axis=2)

    def _slices(self, shifts: Ints, members: Ints) -> list[Ints]:
        width = max(len(members), 1) * self.located.position.shape[1]
        step = max(1, CELLS // width)
        return [shifts[start : start + step] for start in range(0, len(shifts), step)]

    def _fit(self, window: Window, own: Ints, first: Ints) -> None:
        """Fit the placebo events that were not fitted before, into the tables."""
        car, se = self._tables(window)
        done = self._done[window]
        wanted = np.zeros_like(done)
        wanted[np.broadcast_to(own, first.shape), first] = True
        security, session = np.nonzero(wanted & ~done)
        done[security, session] = True
        for start in range(0, len(security), AT_A_TIME):
            rows = security[start : start + AT_A_TIME], session[start : start + AT_A_TIME]
            fit = self._refitted.fit(self._block(*rows))
            good = np.flatnonzero(fit.flaws == 0)
            fitted = fit.fitted.take(good)
            for step in range(self.located.reach + 1):
                sample, kept = window_sample(fitted, (window[0] + step, window[1] + step))
                cell = rows[0][good[kept]], rows[1][good[kept]], step
                car[cell], se[cell] = sample.car, sample.se

    def _block(self, security: Ints, session: Ints) -> Block:
        """Aligned rows of placebo events, as the models take them."""
        before, during = offsets_of(self.study.estimation), offsets_of(self.study.window)
        estimation, rows = session[:, None] + before, session[:, None] + during
        most = self._sessions.shape[1] - 1
        # The last column stands for every session that there is not.
        estimation = np.where((estimation < 0) | (estimation > most), most, estimation)
        rows = np.where((rows < 0) | (rows > most), most, rows)
        own = security[:, None]
        before_returns = self._returns[own, estimation]
        before_returns[self._near_own[own, estimation]] = np.nan
        factor = np.arange(self._factors.shape[1])[:, None]
        return Block(
            during,
            before,
            self._sessions[own, rows],
            self._sessions[own, estimation],
            self._returns[own, rows],
            before_returns,
            self._factors[security[:, None, None], factor, rows[:, None, :]],
            self._factors[security[:, None, None], factor, estimation[:, None, :]],
        )

    @cached_property
    def _securities(self) -> list[object]:
        return list(dict.fromkeys(self.located.pairs["security"]))

    @cached_property
    def _own(self) -> Ints:
        """Row of the tables of each pair, (P,)."""
        return pd.Index(self._securities).get_indexer(pd.Index(self.located.pairs["security"]))

    @cached_property
    def _day(self) -> Ints:
        """Day of the union of each candidate, (P, K)."""
        return self.located.days(self.located.position)

    @cached_property
    def _sessions(self) -> Ints:
        """Days of every session of every security, (S, L+1), −1 behind the last."""
        first = np.unique(self._own, return_index=True)[1]
        most = max(len(one) for one in self.located.calendars)
        every = np.broadcast_to(np.arange(most + 1), (len(self._securities), most + 1))
        return self.located.take(first).days(every)

    @cached_property
    def _next(self) -> Ints:
        """First session on or after each day of the union, (C, U+1); L where none follows."""
        most = self._sessions.shape[1] - 1
        days = np.arange(len(self.located.dates) + 1)
        rows = [np.searchsorted(one, days) for one in self.located.calendars]
        return np.array(
            [np.where(row < len(one), row, most) for row, one in
             zip(rows, self.located.calendars, strict=True)]
        )  # fmt: skip

    def _laid_out(self, table: pd.DataFrame, columns: list[object]) -> Floats:
        """Series of a frame of dates × series on the union, (columns, U+1), the last missing."""
        laid = np.full((len(columns), len(self.located.dates) + 1), np.nan)
        source = pd.DatetimeIndex(table.index).as_unit("ns").get_indexer(self.located.dates)
        present = np.flatnonzero(source >= 0)
        chosen = table.columns.get_indexer(pd.Index(columns, dtype=object))
        laid[:, present] = table.to_numpy()[source[present]][:, chosen].T
        return laid

    @cached_property
    def _returns(self) -> Floats:
        """Returns by security and session, less the risk-free rate, (S, L+1)."""
        laid = self._laid_out(self.study.returns, self._securities)
        rf = self.study.model.rf
        if rf is not None and self.study.factors is not None:
            laid -= self._laid_out(self.study.factors, [rf])
        return np.take_along_axis(laid, self._sessions, axis=1)

    @cached_property
    def _factors(self) -> Floats:
        """Factors by security and session, (S, f, L+1)."""
        needs = [self.study.model.needs(security) or () for security in self._securities]
        distinct = list(dict.fromkeys(column for one in needs for column in one))
        if self.study.factors is None or not distinct:
            return np.empty((len(needs), 0, self._sessions.shape[1]))
        laid = self._laid_out(self.study.factors, list(distinct))
        number = {column: row for row, column in enumerate(distinct)}
        rows = np.array([[number[column] for column in one] for one in needs])
        found: Floats = laid[rows[:, :, None], self._sessions[:, None, :]]
        return found

    @cached_property
    def _near_own(self) -> Bools:
        """Sessions in the event window of any event of the security itself, (S, L+1)."""
        marks = np.zeros_like(self._sessions, dtype=np.bool_)
        own = pd.Index(self._securities).get_indexer(pd.Index(self.taken.pairs["security"]))
        for step in offsets_of(self.study.window):
            column = self.taken.anchor + step
            inside = (own >= 0) & (column >= 0) & (column < marks.shape[1] - 1)
            marks[own[inside], column[inside]] = True
        return marks

    @cached_property
    def _near_any(self) -> Bools:
        """Days in the event window of any event of the study, (U+1,)."""
        marks = np.zeros(len(self.located.dates) + 1, dtype=np.bool_)
        rows = self.taken.anchor[:, None] + offsets_of(self.study.window)
        marks[self.taken.days(rows).ravel()] = True
        marks[-1] = False
        return marks

    @cached_property
    def _complete(self) -> Bools:
        """Sessions with a return and every factor, (S, L+1)."""
        found: Bools = np.isfinite(self._returns) & np.isfinite(self._factors).all(axis=1)
        return found

    @cached_property
    def _enough(self) -> Bools:
        """Whether the estimation window before a session keeps its observations, (S, L+1)."""
        free = self._complete & ~self._near_own
        return np.greater_equal(_count(free, self.study.estimation), self.study.min_observations)

    def _fine(self, window: Window) -> Bools:
        """Whether the window around a session is whole and meets no real one, (S, L+1)."""
        whole = np.equal(_count(self._complete, window), window[1] - window[0] + 1)
        free = np.equal(_count(self._near_any[self._sessions], window), 0)
        # Beyond the last session there is none, whatever the window.
        return whole & free & np.greater_equal(self._sessions, 0)

    @cached_property
    def _store(self) -> dict[Window, tuple[Floats, Floats]]:
        return {}

    @cached_property
    def _done(self) -> dict[Window, Bools]:
        return {}

    def _tables(self, window: Window) -> tuple[Floats, Floats]:
        """CAR and standard error by security, session of the first candidate, and offset."""
        if window not in self._store:
            shape = (*self._sessions.shape, self.located.reach + 1)
            self._store[window] = np.full(shape, np.nan), np.full(shape, np.nan)
            self._done[window] = np.zeros(self._sessions.shape, dtype=np.bool_)
        return self._store[window]


def _count(flags: Bools, window: Window) -> Ints:
    """Count the flags in a window around every column, those outside the table as none."""
    total = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int64)
    np.cumsum(flags, axis=1, out=total[:, 1:])
    column = np.arange(flags.shape[1])
    first = np.clip(column + window[0], 0, flags.shape[1])
    last = np.clip(column + window[1] + 1, 0, flags.shape[1])
    counted: Ints = total[:, last] - total[:, first]
    return counted
