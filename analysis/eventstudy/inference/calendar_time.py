"""The calendar-time portfolio: what someone earned who held every event's security in turn.

Events that fall on one day move together and count as one day of one portfolio, so the
regression needs no estimate of how far they do. `battery.test_table` makes one
`CalendarTimePortfolio` per call and passes on its test, as it does with the placebo dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.core.panel import EventIndex, offsets_of
from analysis.eventstudy.fitting.alignment import EventAlignment
from analysis.eventstudy.inference.test_result import Outcome, student, too_few, undefined
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.linear import Model

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

TEST = "calendar_time_t"
# Days beyond the coefficients without which the variance over time would be a guess.
SPARE_DAYS = 10
# Smallest share of a regressor's length that is not explained by those before it.
COLLINEAR = 1e-10
# Cells of one slice of events × days.
CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class CalendarTimePortfolio:
    """The securities of a study, held while they are inside a window.

    Parameters
    ----------
    placing : EventAlignment
    places : EventIndex
        The N fitted events.
    model : Model
    """

    placing: EventAlignment
    places: EventIndex
    model: Model

    @classmethod
    def of(cls, results: FittedStudy) -> CalendarTimePortfolio:
        """Hold the securities of a study's fitted events."""
        placing = results.placing
        return cls(placing, placing.places.take(results.numbers), results.study.model)

    def test(self, sample: WindowSample, members: Ints) -> Outcome:
        """Regress the portfolio's daily returns on the model's factors; t of the constant.

        On each date on which at least one security is inside the window, the portfolio is
        those n_t securities in equal parts (a security with two events that overlap counts
        once). Its return, less the risk-free rate where the model has one, is regressed on
        a constant and the model's factors by weighted least squares with weights n_t::

            b = (X'WX)⁻¹X'Wy,   V = (X'WX)⁻¹ S (X'WX)⁻¹,
            S = Γ_0 + Σ_{l=1}^{L−1} (1 − l/L)(Γ_l + Γ_l'),   Γ_l = Σ_t h_t h_{t−l}'

        with h_t = n_t·x_t·û_t and the portfolio's days taken in their order: Bartlett
        weights with L−1 lags, without a correction for small samples. The constant over
        its standard error is referred to Student's t with days−k degrees of freedom.

        Where securities have benchmarks (or lags, or peers) of their own, a factor of a
        date is the average over the n_t securities. Mean-adjusted returns have no factors;
        market-adjusted returns are the differences, on a constant alone.

        Parameters
        ----------
        sample : WindowSample
            n events whole in one window.
        members : (n,) int
            Their rows among `places`.

        Returns
        -------
        Outcome
            NaN with a reason where there are fewer than k+10 days (so with all events on
            one date and a short window), a factor is missing or the factors are collinear.

        Notes
        -----
        Source: Jaffe (1974); Mandelker (1974); Fama (1998). The covariance: Newey & West
        (1987, eq. 5), which is too small on few days: simulated, 30 firms on 6 dates with a
        window of 5 days (30 days in all) reject 8.5 % of true nulls at 5 %.
        """
        n = sample.size
        if n < 1:
            return too_few(TEST, n, 1)
        places = self.places.take(members)
        days, returns, held = self.averages(places, sample.window)
        width = places.factors.shape[1]
        k = 1 + (width if self.model.k else 0)
        if not self.model.k and width != 1:
            return undefined(TEST, n, f"the {self.model.name} has no regression on factors")
        if len(days) < k + SPARE_DAYS:
            return undefined(TEST, n, _short(len(days), k))
        factors = self.factors(places, sample.window, days, held)
        if not (np.isfinite(returns).all() and np.isfinite(factors).all()):
            return undefined(TEST, n, "a return or a factor of the portfolio is missing on a day")
        if not self.model.k:
            returns, factors = returns - factors[:, 0], factors[:, :0]
        x = np.column_stack([np.ones(len(days)), factors])
        constant, se = weighted_constant(returns, x, held, sample.length - 1)
        if np.isnan(constant):
            return undefined(TEST, n, "the factors of the portfolio are collinear")
        if not se > 0:
            return undefined(TEST, n, "the portfolio's return has no variance over time")
        return student(TEST, constant / se, float(len(days) - k), n)

    def averages(self, places: EventIndex, window: Window) -> tuple[Ints, Floats, Floats]:
        """Average the returns of the securities that are inside a window, day by day.

        Days are positions on the union of calendars, ascending, (D,); returns are equal-weighted,
        decimal, less the risk-free rate; the last are the securities held on each day, n_t.
        """
        size = self.placing.calendars.size
        held, returns = np.zeros(size), np.zeros(size)
        for part, row, day in self._rows(places, window):
            held += np.bincount(day, minlength=size)
            returns += np.bincount(day, self._returns(part.security[row], day), size)
        days = np.flatnonzero(held)
        return days, returns[days] / held[days], held[days]

    def factors(self, places: EventIndex, window: Window, days: Ints, held: Floats) -> Floats:
        """Average the factors of the securities that are inside a window, (D, f).

        `days` and `held` as `averages` found them.
        """
        size, laid = self.placing.calendars.size, self.placing.factors
        # One and the same for everybody needs no average, and gets no rounding of one.
        averaged: Floats = laid[places.factors[0][:, None], days].T
        own = np.flatnonzero((places.factors != places.factors[:1]).any(axis=0))
        if not len(own):
            return averaged
        total = np.zeros((len(own), size))
        for part, row, day in self._rows(places, window):
            for at, factor in enumerate(own):
                total[at] += np.bincount(day, laid[part.factors[row, factor], day], size)
        averaged[:, own] = total[:, days].T / held[:, None]
        return averaged

    def _rows(self, places: EventIndex, window: Window) -> Iterator[tuple[EventIndex, Ints, Ints]]:
        """Slices of events, and for each day of theirs its event in the slice and its date."""
        first, offsets = _first_new(places, window), offsets_of(window)
        step = max(1, CELLS // len(offsets))
        for start in range(0, len(places), step):
            part = places.take(np.arange(start, min(start + step, len(places))))
            day = self.placing.calendars.days(part.calendar, part.position, offsets)
            new = (offsets >= first[start : start + len(part), None]) & (day >= 0)
            yield part, np.nonzero(new)[0], day[new]

    def _returns(self, security: Ints, day: Ints) -> Floats:
        source = self.placing.source[day]
        found: Floats = np.where(source >= 0, self.placing.returns[source, security], np.nan)
        return found if self.placing.risk_free is None else found - self.placing.risk_free[day]


def _short(days: int, k: int) -> str:
    have = f"{days} day{'' if days == 1 else 's'} with a security in the window"
    return (
        f"{have}, at least {k + SPARE_DAYS} are needed for {k} coefficient{'' if k == 1 else 's'}"
    )


def _first_new(places: EventIndex, window: Window) -> Ints:
    """First relative day of each event that no earlier event of its security holds."""
    order = np.lexsort((places.position, places.security))
    security, position = places.security[order], places.position[order]
    first = np.full(len(order), window[0], dtype=np.int64)
    again = np.flatnonzero(security[1:] == security[:-1]) + 1
    behind = position[again - 1] + window[1] + 1 - position[again]
    first[again] = np.maximum(window[0], behind)
    found = np.empty_like(first)
    found[order] = first
    return found


def weighted_constant(y: Floats, x: Floats, weights: Floats, lags: int) -> tuple[float, float]:
    """Fit y on x by weighted least squares; the first coefficient and its Newey–West error.

    Parameters
    ----------
    y : (D,) float
    x : (D, k) float
        The constant first.
    weights : (D,) float
        Positive.
    lags : int
        Of the Bartlett weights, fewer than D: a window's days are all days of the portfolio.

    Returns
    -------
    constant, se : float
        NaN where the columns are collinear; the error 0 where nothing but rounding is left.
    """
    root = np.sqrt(weights)[:, None]
    design = root * x
    length = np.linalg.norm(design, axis=0)
    if not (length > 0).all():
        return float("nan"), float("nan")
    q, r = np.linalg.qr(design / length)
    if np.abs(np.diag(r)).min() <= COLLINEAR:
        return float("nan"), float("nan")
    target = root[:, 0] * y
    # Row i of the pseudo-inverse of the design: what each day adds to coefficient i.
    reach = np.linalg.solve(r, q.T)[0] / length[0]
    residual = target - q @ (q.T @ target)
    residual -= q @ (q.T @ residual)
    if np.linalg.norm(residual) <= COLLINEAR * np.linalg.norm(target):
        return float(reach @ target), 0.0
    pushed = reach * residual
    variance = float(pushed @ pushed)
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1)) * float(pushed[lag:] @ pushed[:-lag])
    return float(reach @ target), float(np.sqrt(max(variance, 0.0)))
