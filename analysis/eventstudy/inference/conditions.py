"""The conditions of a study that decide which tests keep their size, measured on the study.

`recommendation` compares them with the conditions that were simulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.clusters import by_date
from analysis.eventstudy.inference.parametric import bmp_t

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

# A fifth of the days was simulated; from half of that on a study counts as thinly traded.
THIN = 0.1
# Fewer events than this are compared with the simulations of 3, 5 and 10.
FEW = 20
# The spread across events counts as raised beyond the 95 % quantile of what chance alone
# makes of it, and by a quarter at least: with many events the quantile is close to 1.
RAISED_LEVEL, LEAST_RISE = 0.05, 1.25
# Events whose returns are looked at for days without a trade.
LOOKED_AT = 500


@dataclass(frozen=True)
class Conditions:
    """What a sample of events is like.

    Attributes
    ----------
    events : int
        Events N with a CAR in the window.
    dates : int
        Different pieces of news by date: distinct day 0s, those of one instant counted once
        where it reaches some exchanges a session after others (`exchange_order`).
    crosses : bool
        Whether one instant has its day 0 on two successive sessions of different securities:
        several exchanges. Days on which an exchange was closed do not count.
    untraded : float
        Share of returns in the estimation windows that are exactly zero.
    variance_ratio : float
        Variance of the SCARs across events (ddof 1) over 1 − r̄, which it is near to where the
        event leaves the variance as it was; NaN where it is not defined.
    closed : bool
        Whether day 0 of some securities, and not of all alike, holds days on which their
        exchange was closed.
    separate : bool
        Whether no two events share a date, nor any day of their windows.
    calendars : bool
        Whether the study was given calendars, so that the securities of ``crosses`` are known to
        be of different exchanges.
    """

    events: int
    dates: int
    crosses: bool
    untraded: float
    variance_ratio: float
    closed: bool = False
    separate: bool = False
    calendars: bool = True

    @property
    def thin(self) -> bool:
        """Whether trading is thin."""
        return self.untraded >= THIN

    @property
    def raised(self) -> bool:
        """Whether the spread across events is wider than chance makes it."""
        if self.events < 2 or not math.isfinite(self.variance_ratio):
            return False
        from scipy.special import chdtri

        # (N−1)·ratio is close to χ²(N−1) under one correlation for all pairs.
        chance = float(chdtri(self.events - 1, RAISED_LEVEL)) / (self.events - 1)
        return self.variance_ratio > max(chance, LEAST_RISE)

    @property
    def cases(self) -> tuple[str, ...]:
        """The simulated cases that apply, keys of `measured_sizes.SIZES`; none to one event.

        All are of one date but ``"spread_dates"`` and ``"separate_dates"``.
        """
        if self.events < 2:
            return ()
        found = []
        if self.dates > 1:
            found.append("separate_dates" if self.separate else "spread_dates")
        if self.crosses:
            found.append("exchanges_raised" if self.raised else "exchanges")
        if self.closed:
            found.append("closure")
        if self.events < FEW:
            found.append(f"events_{3 if self.events < 4 else 5 if self.events < 8 else 10}")
        if self.raised and not self.crosses:
            found.append("raised_variance")
        if self.thin:
            found.append("thin_trading")
        return tuple(found) or ("one_date",)

    def described(self) -> str:
        """In words: ``"12 event–security pairs, one date, thin trading: 18 % of …"``."""
        one = self.dates <= 1
        parts = ["1 event" if self.events == 1 else f"{self.events} event–security pairs"]
        if self.events > 1:
            several = self.crosses or self.closed
            when = "one piece of news" if several else "one date"
            parts.append(when if one else f"{self.dates} {'separate ' * self.separate}dates")
        if self.crosses:
            apart = "day 0 a session apart"
            parts.append(f"{apart} on different exchanges" if self.calendars else apart)
        if self.closed:
            parts.append("an exchange closed on days before its day 0")
        if self.raised:
            parts.append(f"a variance across events {self.variance_ratio:.1f} times the usual one")
        if self.thin:
            parts.append(
                f"thin trading: {self.untraded:.0%} of returns are zero".replace("%", " %")
            )
        return ", ".join(parts)


def conditions(
    results: FittedStudy, sample: WindowSample, members: Ints, kolari_pynnonen: float = math.nan
) -> Conditions:
    """Measure the conditions of some events of a study.

    Parameters
    ----------
    results : FittedStudy
    sample : WindowSample
        n events whole in one window.
    members : (n,) int
        Their rows in ``results.fitted``.
    kolari_pynnonen : float
        Statistic of `kolari_pynnonen_t` for the sample where it is known: r̄ follows from it,
        which else is computed again.
    """
    if not sample.size:
        return Conditions(0, 0, crosses=False, untraded=0.0, variance_ratio=math.nan)
    dates, crosses, closed = _dates(results, members)
    return Conditions(
        events=sample.size,
        dates=dates,
        crosses=crosses,
        untraded=_untraded(results, members),
        variance_ratio=_variance_ratio(sample, results.study.rbar, kolari_pynnonen),
        closed=closed,
        separate=dates == sample.size > 1 and _share_no_day(results, sample),
        calendars=results.study.calendars is not None,
    )


def _dates(results: FittedStudy, members: Ints) -> tuple[int, bool, bool]:
    """Number of different dates; whether an instant crosses exchanges, and finds one closed."""
    dates = len(np.unique(by_date(results, members)))
    if results.fitted.order is None:
        return dates, False, False
    order = results.fitted.order.take(members)
    zero = np.zeros(1, dtype=np.int64)
    day0 = order.calendars.days(order.calendar, order.position, zero)[:, 0]
    early = order.instant[(order.instant >= 0) & (day0 == order.first)]
    late = np.isin(order.instant[order.late], early).any()
    return dates, bool(late), len(np.unique(order.holds[order.instant >= 0])) > 1


def _share_no_day(results: FittedStudy, sample: WindowSample) -> bool:
    """Whether every day of the windows is in one of them alone."""
    if sample.size * sample.length > results.placing.calendars.size:
        return False
    windows = sample.fitted.days[:, sample.columns]
    return len(np.unique(windows)) == windows.size


def _untraded(results: FittedStudy, members: Ints) -> float:
    """Share of exactly zero returns in the estimation windows of (some of) the events."""
    chosen = members[:: max(1, len(members) // LOOKED_AT)]
    places = results.placing.places.take(results.numbers[chosen])
    offsets = results.fitted.estimation_offsets
    days = results.placing.calendars.days(places.calendar, places.position, offsets)
    dates, table = results.placing.dates, results.study.returns
    securities = results.study.events["security"].to_numpy()[
        results.placing.rows[results.numbers[chosen]]
    ]
    rows = pd.DatetimeIndex(table.index).get_indexer(dates)[days]
    columns = table.columns.get_indexer(pd.Index(securities))
    values = _values(table, rows, columns)
    known = np.isfinite(values) & (days >= 0) & (rows >= 0)
    return float((values[known] == 0.0).mean()) if known.any() else 0.0


def _values(table: pd.DataFrame, rows: Ints, columns: Ints) -> Floats:
    distinct, which = np.unique(columns, return_inverse=True)
    held: Floats = table.iloc[:, distinct].to_numpy(dtype=np.float64)
    return held[rows, which[:, None]]


def _variance_ratio(sample: WindowSample, mode: str, kolari_pynnonen: float) -> float:
    if sample.size < 2:
        return math.nan
    n, bmp = sample.size, bmp_t(sample).statistic
    if math.isfinite(kolari_pynnonen) and math.isfinite(bmp) and bmp != 0:
        # Kolari & Pynnönen (2010): t² = BMP²·(1−r̄)/(1+(N−1)r̄), solved for r̄.
        share = (kolari_pynnonen / bmp) ** 2
        mean = (1.0 - share) / (1.0 + (n - 1) * share)
    else:
        mean = rbar(sample, mode)
    if not math.isfinite(mean) or mean >= 1.0:
        return math.nan
    return float(sample.scar.var(ddof=1)) / (1.0 - mean)
