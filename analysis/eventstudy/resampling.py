"""Resampling: the permutation test, the same events on dates when nothing is known of.

A placebo moves all events by the same number of sessions, so what the events share by
falling on one day, or on days that overlap, they share on every placebo date too. That is
why it keeps its size where tests that take the events for independent do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.eventstudy.chunks import CHUNK, Chunk, fit_chunk
from analysis.eventstudy.fitted import Floats, Ints, Sample, cumulate
from analysis.eventstudy.inputs import Window
from analysis.eventstudy.models import Model
from analysis.eventstudy.outcome import Outcome, too_few, undefined
from analysis.eventstudy.placing import Placing, renumber
from analysis.eventstudy.windows import Bools, Panel, Places, span

TEST = "permutation"
MOST_PLACEBOS = 999
# With fewer, no p-value below 1/40 could come out, and 5 % two-sided would be out of reach.
LEAST_PLACEBOS = 39
# Cells of one slice of shifts × events.
CELLS = 1 << 21


@dataclass(frozen=True, eq=False)
class Placebos:
    """The events of a study on all the dates to which they could be moved together.

    Placebo fits are kept, one per security and session, so that several windows and groups
    of one call share them.

    Parameters
    ----------
    placing : Placing
        All events of the study: none of their windows may be met.
    places : Places
        The N fitted events.
    model : Model
    estimation, window : (int, int)
    min_observations : int
    windows : tuple of (int, int)
        The windows that will be tested.
    seed : int
        Of the draw, where there are more placebos than are used.
    """

    placing: Placing
    places: Places
    model: Model
    estimation: Window
    window: Window
    min_observations: int
    windows: tuple[Window, ...]
    seed: int

    def test(self, sample: Sample, members: Ints) -> Outcome:
        """Compare the mean SCAR of some events with that on their placebo dates.

        A placebo moves day 0 of every event by the same s ≠ 0 days of the union of
        calendars (to the security's next session, where that day is none of its own) and
        refits the model. It is admissible when every event keeps ``min_observations`` and a
        whole window, and no placebo window meets the event window of any event of the
        study; rows in the event windows of a security's own real events are cut from its
        placebo estimation windows. All admissible s are used if they are at most 999, else
        999 seeded draws among them (as many as ``model.most_placebos``, where the model says
        so). p = (1 + #{|S_s| ≥ |S_0|})/(1 + B).

        Parameters
        ----------
        sample : Sample
            n events whole in one of `windows`.
        members : (n,) int
            Their rows among `places`.

        Returns
        -------
        Outcome
            The statistic is S_0, the mean SCAR; NaN with a reason where B < 39.
        """
        if sample.size < 1:
            return too_few(TEST, sample.size, 1)
        placed = self._statistics(sample.window, members)
        count = len(placed)
        if count < LEAST_PLACEBOS:
            reason = f"{count} admissible placebo dates, at least {LEAST_PLACEBOS} are needed"
            return undefined(TEST, sample.size, reason)
        observed = float(sample.scar.mean())
        reached = int((np.abs(placed) >= abs(observed)).sum())
        return Outcome(TEST, observed, np.nan, (1 + reached) / (1 + count), sample.size)

    def _statistics(self, window: Window, members: Ints) -> Floats:
        """Mean SCAR of each placebo, (B,)."""
        shifts = self._shifts(window, members)
        # A model that is slow to fit says how many placebos it bears.
        most = getattr(self.model, "most_placebos", MOST_PLACEBOS)
        if len(shifts) > most:
            # A key per shift, not per call: windows that share shifts share their fits.
            keys = np.random.default_rng(self.seed).random(2 * self._days + 1)
            order = np.argsort(keys[shifts + self._days], kind="stable")
            shifts = np.sort(shifts[order[:most]])
        table = self._scars[self.windows.index(window)]
        means = [np.empty(0)]
        for part in self._slices(shifts, members):
            position, _ = self._moved(part, members)
            own = np.broadcast_to(self._own.security[members], position.shape)
            self._fit(own, position)
            means.append(table[own, position].mean(axis=1))
        placed = np.concatenate(means)
        # A placebo window without residual variance has no SCAR, and is none.
        return placed[np.isfinite(placed)]

    def _shifts(self, window: Window, members: Ints) -> Ints:
        """Every admissible number of days, ascending."""
        day0 = self._day0[members]
        every = np.arange(-day0.min(), self._days - day0.max())
        every = every[every != 0]
        allowed = self._allowed[self.windows.index(window)]
        found = [np.empty(0, dtype=np.int64)]
        for part in self._slices(every, members):
            position, exists = self._moved(part, members)
            fine = exists & allowed[self._own.security[members], position]
            found.append(part[fine.all(axis=1)])
        return np.concatenate(found)

    def _moved(self, shifts: Ints, members: Ints) -> tuple[Ints, Bools]:
        """Session of every moved day 0, (shifts, n), and whether there is one."""
        calendar = np.broadcast_to(self._own.calendar[members], (len(shifts), len(members)))
        day = self._day0[members] + shifts[:, None]
        position, _ = self.placing.calendars.locate(calendar, day)
        length = self.placing.calendars.lengths[calendar]
        return np.minimum(position, length - 1), position < length

    def _slices(self, shifts: Ints, members: Ints) -> list[Ints]:
        step = max(1, CELLS // max(len(members), 1))
        return [shifts[start : start + step] for start in range(0, len(shifts), step)]

    def _fit(self, own: Ints, position: Ints) -> None:
        """Fit the placebo events that were not fitted before, into the table of SCARs."""
        wanted = np.zeros_like(self._done)
        wanted[own, position] = True
        security, session = np.nonzero(wanted & ~self._done)
        self._done[security, session] = True
        calendar, factors = self._calendar_of[security], self._factors_of[security]
        places = Places(security, calendar, session, factors)
        before, during = span(self.estimation), span(self.window)
        for start in range(0, len(places), CHUNK):
            part = places.take(np.arange(start, min(start + CHUNK, len(places))))
            fit = fit_chunk(Chunk(self._panel, part, before, during, self.model, spare=True))
            # Cumulating needs no residuals, and copying them would cost more than the rest.
            light = replace(
                fit.fitted,
                residuals=fit.fitted.residuals[:, :0],
                residual_days=fit.fitted.residual_days[:, :0],
            ).take(fit.flaws == 0)
            good = part.take(fit.flaws == 0)
            for table, window in zip(self._scars, self.windows, strict=True):
                sample, kept = cumulate(light, window)
                table[good.security[kept], good.position[kept]] = sample.scar

    @cached_property
    def _securities(self) -> Ints:
        return np.unique(self.places.security)

    @cached_property
    def _own(self) -> Places:
        """The events, securities numbered as the rows of the tables below."""
        return renumber(self.places, self._securities)

    @cached_property
    def _panel(self) -> Panel:
        return self.placing.panel(self._securities, span(self.window))

    @property
    def _days(self) -> int:
        return self.placing.calendars.size

    @cached_property
    def _day0(self) -> Ints:
        zero = np.zeros(1, dtype=np.int64)
        places = self.places
        return self.placing.calendars.days(places.calendar, places.position, zero)[:, 0]

    @cached_property
    def _calendar_of(self) -> Ints:
        first = np.unique(self._own.security, return_index=True)[1]
        return self._own.calendar[first]

    @cached_property
    def _factors_of(self) -> Ints:
        first = np.unique(self._own.security, return_index=True)[1]
        return self._own.factors[first]

    @cached_property
    def _sessions(self) -> Ints:
        """Days of every session of every security, (S, most sessions), -1 behind the last."""
        most = int(self.placing.calendars.lengths[self._calendar_of].max())
        start = np.zeros(len(self._securities), dtype=np.int64)
        return self.placing.calendars.days(self._calendar_of, start, np.arange(most))

    @cached_property
    def _done(self) -> Bools:
        return np.zeros(self._sessions.shape, dtype=np.bool_)

    @cached_property
    def _scars(self) -> list[Floats]:
        """SCAR by security and session of day 0, one table per window."""
        return [np.full(self._sessions.shape, np.nan) for _ in self.windows]

    @cached_property
    def _allowed(self) -> list[Bools]:
        """Whether a security's event may be moved to a session, one table per window."""
        sessions, own = self._sessions, np.arange(len(self._securities))[:, None]
        complete = np.isfinite(self._panel.returns[own, sessions])
        for factor in self._factors_of.T:
            complete &= np.isfinite(self._panel.factors[factor[:, None], sessions])
        free = complete & ~self._panel.near_events[own, sessions]
        enough = _count(free, self.estimation) >= self.min_observations
        real = self._near_any_event[sessions]
        return [
            enough
            & (_count(complete, window) == window[1] - window[0] + 1)
            & (_count(real, window) == 0)
            for window in self.windows
        ]

    @cached_property
    def _near_any_event(self) -> Bools:
        """Days in the event window of any event of the study, (U+1,)."""
        marks = np.zeros(self._days + 1, dtype=np.bool_)
        everyone = self.placing.places
        marks[
            self.placing.calendars.days(
                everyone.calendar, everyone.position, span(self.window)
            ).ravel()
        ] = True
        marks[-1] = False
        return marks


def _count(flags: Bools, window: Window) -> Ints:
    """Count the flags in a window around every column, those outside the table as none."""
    total = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int64)
    np.cumsum(flags, axis=1, out=total[:, 1:])
    column = np.arange(flags.shape[1])
    first = np.clip(column + window[0], 0, flags.shape[1])
    last = np.clip(column + window[1] + 1, 0, flags.shape[1])
    counted: Ints = total[:, last] - total[:, first]
    return counted
