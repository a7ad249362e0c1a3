"""`EventStudy` for R, version 0.66.

Residual sd with T−k, but no forecast error in the t of single days and CARs, in BMP and in
Kolari–Pynnönen; Patell sums daily SARs that do have it. r̄ is taken in event time, and the
rank test divides by the plain standard deviation (ddof 1) of the daily mean ranks. What it
calls a calendar-time portfolio test is the average over the standard deviation of the
estimation window's averages: Brown & Warner (1985), our ``time_series_t``. Reproduces that
package's closed-form cases, see tests/conformance; reference distributions of the tests that
it prints without p-values are those of our conventions.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.intervals import two_sided
from analysis.eventstudy.inference.joint_ranks import midranks
from analysis.eventstudy.models.linear import MarketAdjusted
from analysis.eventstudy.presets.case import PresetSample
from analysis.eventstudy.presets.convention import (
    Cars,
    Preset,
    Statistic,
    Value,
    dependence_factor,
    mean_car,
    over_error,
    sign_excess,
)


def _scaled(case: PresetSample) -> Floats:
    """CAR over √L·s, without the forecast error, (N,)."""
    return case.car / (math.sqrt(case.length) * case.sigma)


def _cars(case: PresetSample) -> Cars:
    return Cars(math.sqrt(case.length) * case.sigma, case.dof, two_sided(_scaled(case), case.dof))


def _patell(case: PresetSample) -> Value:
    """ΣΣ SAR / √(L·ΣQ), SAR with the forecast error of its day, Q = (T−k)/(T−k−2)."""
    if case.dof.min() <= 2:
        return "an event has no more than 2 degrees of freedom"
    variance = case.fitted.ar_variance()[:, case.columns]
    if isinstance(case.model, MarketAdjusted):
        # The mean model's correction, though market-adjusted returns estimate no mean.
        variance = variance * (1.0 + 1.0 / case.n)[:, None]
    sar = case.ar / np.sqrt(variance)
    q = (case.dof / (case.dof - 2)).sum()
    return float(sar.sum()) / math.sqrt(case.length * q)


def _bmp(case: PresetSample, factor: float = 1.0) -> Value:
    return over_error(_scaled(case)) * factor, case.size - 1


def _kolari_pynnonen(case: PresetSample) -> Value:
    return _bmp(case, dependence_factor(case.rbar_event, case.size))


def _generalized_sign(case: PresetSample) -> Value:
    before, usable = case.residuals > 0, np.isfinite(case.residuals)
    p = float((before.sum(axis=1) / usable.sum(axis=1)).mean())
    if p in (0.0, 1.0):
        return "the estimation returns all have one sign"
    return sign_excess(case, p)


def _rank(case: PresetSample) -> Value:
    """Ū_0/sd(Ū, ddof 1) with U = K/(M+1) − ½ over both windows."""
    rows = np.hstack([case.residuals, case.fitted.ar])
    present = np.isfinite(rows)
    u = np.where(present, midranks(rows) / (present.sum(axis=1, keepdims=True) + 1.0) - 0.5, 0.0)
    count = present.sum(axis=0)
    means = u.sum(axis=0) / np.maximum(count, 1)
    sd = float(means[count > 0].std(ddof=1))
    at = case.residuals.shape[1] + case.columns[0]
    return float(means[at]) / sd if sd > 0 else math.nan


def _calendar_time(case: PresetSample) -> Value:
    """AAR, or CAAR/√L, over the sd (ddof 1) of the estimation AAR, t(rows − 1)."""
    sd = float(case.estimation_aar.std(ddof=1)) * math.sqrt(case.length)
    statistic = float(case.car.mean()) / sd if sd > 0 else math.nan
    return statistic, float(len(case.estimation_aar) - 1)


PRESET = Preset(
    name="eventstudy_r",
    package="EventStudy 0.66 for R",
    statistics=(
        Statistic(
            "time_series_t",
            "CalendarTimePortfolioTest",
            _calendar_time,
            least=1,
            note="called a calendar-time test, but works in event time",
        ),
        Statistic(
            "cross_sectional_t", "CSectTTest", lambda case: (over_error(case.car), case.size - 1)
        ),
        Statistic("patell_z", "PatellZTest", _patell, least=1),
        Statistic("bmp_t", "BMPTest", _bmp),
        Statistic("kolari_pynnonen_t", "KolariPynnonenTest", _kolari_pynnonen),
        Statistic(
            "corrado_rank",
            "RankTest",
            _rank,
            least=1,
            one_day="the package has this test for single days only",
        ),
        Statistic("sign", "SignTest", lambda case: sign_excess(case, 0.5), least=1),
        Statistic("generalized_sign", "GeneralizedSignTest", _generalized_sign, least=1),
    ),
    car=_cars,
    caar=mean_car,
    lead="cross_sectional_t",
)
