"""The permutation test: the same events on dates when nothing is known of.

A placebo moves all events by the same number of sessions, so what the events share by
falling on one day, or on days that overlap, they share on every placebo date too. That is
why it keeps its size where tests that take the events for independent do not. Each date is
judged by its own spread (`placebo_statistics`), so a variance that rises at the event does
not read as an effect either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.exchange_order import ExchangeOrder
from analysis.eventstudy.core.fitted import Fitted, WindowSample, window_sample
from analysis.eventstudy.core.panel import EventIndex, Panel, offsets_of
from analysis.eventstudy.fitting.alignment import EventAlignment, renumber
from analysis.eventstudy.fitting.chunks import CHUNK, Chunk, fit_chunk
from analysis.eventstudy.inference.parametric import SAME_SCAR
from analysis.eventstudy.inference.placebo_statistics import SAME, STATISTICS, TEST
from analysis.eventstudy.inference.rolling_scar import Series, rolling_scars, runs, stretched, tally
from analysis.eventstudy.inference.test_result import Outcome, too_few, undefined
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.linear import Model

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

# The most that are used; with fewer than the least, 5 % two-sided would be out of reach.
MOST_PLACEBOS, LEAST_PLACEBOS = 999, 39
# Cells of one slice of shifts × events.
CELLS = 1 << 21


@dataclass(frozen=True)
class PermutationResult:
    """A permutation test, the number B of placebo dates that it used, and how many there are."""

    outcome: Outcome
    placebos: int
    admissible: int

    @property
    def exact(self) -> bool:
        """Whether every admissible date was used, so that the p-value is no estimate."""
        return self.admissible <= MOST_PLACEBOS


@dataclass(frozen=True, eq=False)
class Placebos:
    """The events of a study on all the dates to which they could be moved together.

    What the events would be on a placebo date is kept, per security and session, for all
    windows and groups of a call: by plain least squares from running sums over each series
    (`rolling_scar`), else from a fit per date.

    Parameters
    ----------
    placing : EventAlignment
        All events of the study: none of their windows may be met.
    places : EventIndex
        The N fitted events.
    model : Model
    estimation, window : (int, int)
    min_observations : int
    windows : tuple of (int, int)
        The windows that will be tested.
    seed : int
        Of the draw, where there are more placebos than are used.
    order : ExchangeOrder or None
        Of the fitted events, see `Fitted`.
    """

    placing: EventAlignment
    places: EventIndex
    model: Model
    estimation: Window
    window: Window
    min_observations: int
    windows: tuple[Window, ...]
    seed: int
    order: ExchangeOrder | None = None

    @classmethod
    def of(cls, results: FittedStudy, windows: tuple[Window, ...]) -> Placebos:
        """Move the fitted events of a study."""
        study = results.study
        return cls(
            results.placing,
            results.placing.places.take(results.numbers),
            study.model,
            study.estimation,
            study.window,
            study.min_observations,
            windows,
            study.seed,
            results.fitted.order,
        )

    def test(self, sample: WindowSample, members: Ints, test: str = TEST) -> Outcome:
        """Compare the studentised mean SCAR of some events with that on their placebo dates.

        A placebo moves day 0 of every event by the same s ≠ 0 days of the union of calendars
        (to the security's next session, where that day is none of its own) and refits the
        model. It is admissible when every event keeps ``min_observations`` and a whole
        window, and no placebo window meets an event window of the study; a security's own
        event windows are cut from its placebo estimation windows. An event whose day 0 holds m
        days, because its exchange was closed, has as day 0 of a placebo the last m sessions
        together. Up to 999 s are all used, and p is exact; of more, 999 seeded draws, none
        twice. S_s = mean_i(SCAR_i,s)/(sd_s/√n), sd_s the spread of the SCARs of that date (ddof
        1), and p = (1 + #{|S_s| ≥ |S_0|})/(1 + B), of a model's quicker ``stand_in`` if it has
        one. A date without spread is no placebo. One event has no spread: S_s is its SCAR, and
        a variance that rises at the event reads as an effect.

        With dates that all placebos share the factor of Kolari & Pynnönen is the same for
        all, so their t in place of S gives the same p. No test of one date can tell a
        *common* shock that is larger on the day from an effect on all events: each rejects
        the more often the larger that shock.

        Source: Boehmer, Musumeci & Poulsen (1991) for S; Janssen (1997), Chung & Romano (2013)
        for permuting a studentised statistic; Phipson & Smyth (2010), Davison & Hinkley (1997,
        section 4.2) for p; the dates are Faultline's own.

        Parameters
        ----------
        sample : WindowSample
            n events whole in one of `windows`.
        members : (n,) int
            Their rows among `places`.
        test : {"permutation", "permutation_mean"}
            The latter takes S_s = mean_i(SCAR_i,s): more powerful with few events, and
            rejects 15 to 18 % of true nulls at 5 % where the event doubles the variance.

        Returns
        -------
        Outcome
            The statistic is S_0; NaN with a reason where B < 39, or where the SCARs of the
            real dates do not differ.
        """
        return self.answer(sample, members, test).outcome

    def answer(self, sample: WindowSample, members: Ints, test: str = TEST) -> PermutationResult:
        """As `test`, and say how many dates were used."""
        if sample.size < 1:
            return PermutationResult(too_few(test, sample.size, 1), 0, 0)
        statistic = STATISTICS[test]
        observed = float(statistic(self._observed(sample, members)))
        shifts = self.shifts(sample.window, members)
        placed = self._statistics(sample.window, members, self._drawn(shifts), statistic)
        count = len(placed)
        if not np.isfinite(observed):
            return PermutationResult(undefined(test, sample.size, SAME_SCAR), count, len(shifts))
        if count < LEAST_PLACEBOS:
            reason = f"{count} admissible placebo dates, at least {LEAST_PLACEBOS} are needed"
            return PermutationResult(undefined(test, sample.size, reason), count, len(shifts))
        reached = int((np.abs(placed) >= abs(observed) * (1 - SAME)).sum())
        p_value = (1 + reached) / (1 + count)
        return PermutationResult(
            Outcome(test, observed, np.nan, p_value, sample.size), count, len(shifts)
        )

    @property
    def _refitted(self) -> Model:
        return cast("Model", getattr(self.model, "stand_in", self.model))

    def _observed(self, sample: WindowSample, members: Ints) -> Floats:
        """SCARs on the real dates, (n,), of the model that is fitted on the others."""
        if self._refitted is self.model:
            return sample.scar
        real = self._own.security[members], self._own.position[members]
        self._fit(*real)
        scar: Floats = self._scars[self._every.index(sample.window)][real]
        if self.order is not None:
            held = np.flatnonzero(self._holds[members] > 1)
            for rows, fitted in self._refits(self._own.take(members[held])):
                ordered = fitted.ordered(self.order.take(members[held[rows]]))
                part, kept = window_sample(ordered, sample.window)
                scar[held[rows[kept]]] = part.scar
        return scar

    def _drawn(self, shifts: Ints) -> Ints:
        """All shifts, or as many as are used where there are more."""
        if len(shifts) <= MOST_PLACEBOS:
            return shifts
        # A key per shift, not per call: windows that share shifts share their fits.
        keys = np.random.default_rng(self.seed).random(2 * self._days + 1)
        order = np.argsort(keys[shifts + self._days], kind="stable")
        return np.sort(shifts[order[:MOST_PLACEBOS]])

    def _statistics(
        self,
        window: Window,
        members: Ints,
        shifts: Ints,
        statistic: Callable[[Floats], Floats] = STATISTICS[TEST],
    ) -> Floats:
        """Statistic of each placebo, (B,)."""
        found = [np.empty(0)]
        for part in self._slices(shifts, len(members)):
            position = self._moved(part, members)
            own = np.broadcast_to(self._own.security[members], position.shape)
            self._fit(own, position)
            found.append(statistic(self._look_up(self._scars, window, members, position)))
        placed = np.concatenate(found)
        # Without residual variance there is no SCAR, without spread nothing to divide by.
        return placed[np.isfinite(placed)]

    def shifts(self, window: Window, members: Ints) -> Ints:
        """Every admissible number of days, ascending."""
        found = [np.empty(0, dtype=np.int64)]
        for part in self._slices(self._clear(window, members), len(members)):
            position = self._moved(part, members)
            fine = self._look_up(self._allowed, window, members, position)
            found.append(part[fine.all(axis=1)])
        return np.concatenate(found)

    def _look_up(
        self, tables: list[NDArray[Any]], window: Window, members: Ints, position: Ints
    ) -> NDArray[Any]:
        """Cells of each member's own table of a window, (shifts, n)."""
        own, holds = self._own.security[members], self._holds[members]
        found = np.empty(position.shape, dtype=tables[0].dtype)
        for held in np.unique(holds):
            some = holds == held
            table = tables[self._every.index(stretched(window, int(held)))]
            found[:, some] = table[own[some], position[:, some]]
        return found

    def _clear(self, window: Window, members: Ints) -> Ints:
        """Shifts with a whole window on the calendar for each event, and no event in any."""
        calendar, day0, which = self._starts(members)
        every = np.arange(-day0.min(), self._days - day0.max())
        every = every[every != 0]
        holds = np.ones_like(day0)
        np.maximum.at(holds, which, self._holds[members])
        windows = np.array([stretched(window, int(held)) for held in holds])
        offsets, calendars = offsets_of((windows[:, 0].min(), window[1])), self.placing.calendars
        outside = (offsets < windows[:, :1]) | (offsets > windows[:, 1:])
        found = [np.empty(0, dtype=np.int64)]
        for part in self._slices(every, len(day0) * len(offsets)):
            kind = np.broadcast_to(calendar, (len(part), len(day0)))
            position, _ = calendars.locate(kind, day0 + part[:, None])
            days = calendars.days(kind.ravel(), position.ravel(), offsets)
            fine = (days >= 0) & ~self._near_any_event[days]
            fine = (fine.reshape(*kind.shape, -1) | outside).all(axis=2).ravel()
            fine &= position.ravel() < calendars.lengths[kind.ravel()]
            found.append(part[fine.reshape(kind.shape).all(axis=1)])
        return np.concatenate(found)

    def _moved(self, shifts: Ints, members: Ints) -> Ints:
        """Session of every moved day 0, (shifts, n)."""
        calendar, day0, which = self._starts(members)
        kind = np.broadcast_to(calendar, (len(shifts), len(day0)))
        position, _ = self.placing.calendars.locate(kind, day0 + shifts[:, None])
        return position[:, which]

    def _starts(self, members: Ints) -> tuple[Ints, Ints, Ints]:
        """Calendar and day 0 of the events, none twice, and which of them each event has."""
        calendar, day0 = self._own.calendar[members], self._day0[members]
        key, which = np.unique(calendar * (self._days + 1) + day0, return_inverse=True)
        return key // (self._days + 1), key % (self._days + 1), which

    @staticmethod
    def _slices(shifts: Ints, width: int) -> list[Ints]:
        step = max(1, CELLS // max(width, 1))
        return [shifts[start : start + step] for start in range(0, len(shifts), step)]

    def _fit(self, own: Ints, position: Ints) -> None:
        """Fit the placebo events that were not fitted before, into the table of SCARs."""
        wanted = np.zeros_like(self._done)
        wanted[own, position] = True
        security, session = np.nonzero(wanted & ~self._done)
        if not len(security):
            return
        self._done[security, session] = True
        one = self._one_each.take(security)
        places = EventIndex(security, one.calendar, session, one.factors)
        for rows, fitted in self._refits(places):
            good = places.take(rows)
            for table, window in zip(self._scars, self._every, strict=True):
                sample, kept = window_sample(fitted, window)
                table[good.security[kept], good.position[kept]] = sample.scar

    def _refits(self, places: EventIndex) -> Iterator[tuple[Ints, Fitted]]:
        """Fit events chunk by chunk: which of them could be fitted, and their fits."""
        first = min(self.window[0], *(first for first, _ in self._every))
        before, during = offsets_of(self.estimation), offsets_of((first, self.window[1]))
        for start in range(0, len(places), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(places)))
            part = places.take(rows)
            fit = fit_chunk(Chunk(self._panel, part, before, during, self._refitted, spare=True))
            # Cumulating needs no residuals, and copying them would cost more than the rest.
            yield rows[fit.flaws == 0], fit.fitted.slim().take(fit.flaws == 0)

    @cached_property
    def _holds(self) -> Ints:
        """Days that each day 0 holds, see `ExchangeOrder`."""
        return np.ones(len(self.places), np.int64) if self.order is None else self.order.holds

    @cached_property
    def _every(self) -> list[Window]:
        """The windows of all tables."""
        holds = np.unique(np.append(self._holds, 1)).tolist()
        return list(dict.fromkeys(stretched(one, held) for held in holds for one in self.windows))

    @cached_property
    def _securities(self) -> Ints:
        return np.unique(self.places.security)

    @cached_property
    def _own(self) -> EventIndex:
        """The events, securities numbered as the rows of the tables below."""
        return renumber(self.places, self._securities)

    @cached_property
    def _panel(self) -> Panel:
        return self.placing.panel(self._securities, offsets_of(self.window))

    @property
    def _days(self) -> int:
        return self.placing.calendars.size

    @cached_property
    def _day0(self) -> Ints:
        return self.placing.calendars.day0(self.places)

    @cached_property
    def _one_each(self) -> EventIndex:
        """An event of each security."""
        return self._own.take(np.unique(self._own.security, return_index=True)[1])

    @cached_property
    def _sessions(self) -> Ints:
        """Days of every session of every security, (S, most sessions), -1 behind the last."""
        most = int(self.placing.calendars.lengths[self._one_each.calendar].max())
        start = np.zeros(len(self._securities), dtype=np.int64)
        return self.placing.calendars.days(self._one_each.calendar, start, np.arange(most))

    @cached_property
    def _series(self) -> Series:
        """Every security on its own sessions."""
        sessions, own = self._sessions, np.arange(len(self._securities))[:, None]
        returns = self._panel.returns[own, sessions]
        factors = self._panel.factors[self._one_each.factors[:, :, None], sessions[:, None, :]]
        complete = np.isfinite(returns)
        for factor in np.moveaxis(factors, 1, 0):
            complete &= np.isfinite(factor)
        return Series(
            returns, factors, complete, complete & ~self._panel.near_events[own, sessions]
        )

    @cached_property
    def _tables(self) -> tuple[list[Floats], Bools]:
        """SCAR by security and session of day 0 per window, and where it is already there."""
        shape = self._sessions.shape
        if not runs(self._refitted, self._one_each.factors.shape[1]):
            return [np.full(shape, np.nan) for _ in self._every], np.zeros(shape, dtype=np.bool_)
        adjusted = self._refitted.k == 0
        scars, doubtful = rolling_scars(
            self._series, self.estimation, self._every, adjusted=adjusted
        )
        for table in scars:
            table[doubtful] = np.nan
        return scars, ~doubtful

    @property
    def _scars(self) -> list[Floats]:
        return self._tables[0]

    @property
    def _done(self) -> Bools:
        return self._tables[1]

    @cached_property
    def _allowed(self) -> list[Bools]:
        """Whether a security has what an event on a session needs, one table per window."""
        series = self._series
        enough = tally(series.free, self.estimation) >= self.min_observations
        return [
            enough & (tally(series.complete, window) == window[1] - window[0] + 1)
            for window in self._every
        ]

    @cached_property
    def _near_any_event(self) -> Bools:
        """Days in the event window of any event of the study, (U+1,)."""
        marks = np.zeros(self._days + 1, dtype=np.bool_)
        places, offsets = self.placing.places, offsets_of(self.window)
        marks[self.placing.calendars.days(places.calendar, places.position, offsets)] = True
        marks[-1] = False
        return marks
