"""Parametric tests: small functions of a sample's CARs and standardised CARs.

Each takes a `WindowSample` (and r̄, where it corrects for cross-sectional dependence) and
returns an `Outcome`. `registry` runs them. N is the number of events, L the days of the
window, SCAR the CAR over the root of its full forecast variance.
"""

from __future__ import annotations

import math

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.inference.estimation_pass import EstimationStatistics, collect
from analysis.eventstudy.inference.test_result import (
    Outcome,
    normal,
    spread,
    student,
    too_few,
    undefined,
)

SAME_CAR = "the CAR is the same for every event"
SAME_SCAR = "the standardised CAR is the same for every event"


def time_series_t(sample: WindowSample, history: EstimationStatistics | None = None) -> Outcome:
    """Test CAAR against the variation of average abnormal returns before the events.

    t = CAAR / (√L·sd), sd (ddof 1) of AAR_s over the estimation offsets s with at least
    one event, AAR_s the mean of the events present; N(0, 1). In event time the history of
    the average carries the dependence of events on one date, not that of dates spread over
    a few days, nor a variance that rises at the event.

    Source: Brown & Warner (1980, pp. 223 and 253), the "crude dependence adjustment"; Brown &
    Warner (1985) with daily returns.
    """
    n = sample.size
    if n < 1:
        return too_few("time_series_t", n, 1)
    days = (history or collect(sample, ["time_series_t"])).residuals
    some = days.counts > 0
    if some.sum() < 2:
        return undefined("time_series_t", n, "needs at least 2 estimation days")
    aar = days.means()[some]
    sd = spread(aar)
    if sd == 0:
        return undefined("time_series_t", n, "the average abnormal return never varies")
    return normal("time_series_t", sample.car.mean() / (math.sqrt(sample.length) * sd), n)


def cross_sectional_t(sample: WindowSample) -> Outcome:
    """Test the mean CAR against its spread across events.

    t = mean(CAR) / (sd/√N), ddof 1, t(N−1). Takes the events for independent.

    Source: Brown & Warner (1980); the "ordinary cross-sectional method" of Boehmer, Musumeci
    & Poulsen (1991).
    """
    return _mean_t("cross_sectional_t", sample.car, SAME_CAR)


def skewness_adjusted_t(sample: WindowSample) -> Outcome:
    """Test the mean CAR with a correction for the skewness of CARs.

    t = √N·(S + γS²/3 + γ²S³/27 + γ/(6N)), S = mean/sd of CAR (ddof 1), γ the skewness
    with 1/N moments; N(0, 1). Takes the events for independent.

    Source: Hall (1992a, pp. 221–228), the monotone cubic transformation of the studentised
    mean.
    """
    n = sample.size
    if n < 2:
        return too_few("skewness_adjusted_t", n, 2)
    sd = spread(sample.car)
    if sd == 0:
        return undefined("skewness_adjusted_t", n, SAME_CAR)
    s = sample.car.mean() / sd
    centred = (sample.car - sample.car.mean()) / sd
    gamma = (centred**3).mean() / (centred**2).mean() ** 1.5
    inner = s + gamma * s**2 / 3 + gamma**2 * s**3 / 27 + gamma / (6 * n)
    return normal("skewness_adjusted_t", math.sqrt(n) * inner, n)


def patell_z(sample: WindowSample) -> Outcome:
    """Test the sum of standardised CARs against their theoretical variance.

    z = Σ SCAR / √Σ (T−k)/(T−k−2), N(0, 1). Takes the events for independent and their
    variance for unchanged by the event.

    Source: Patell (1976, eq. 11).
    """
    n = sample.size
    if n < 1:
        return too_few("patell_z", n, 1)
    dof = sample.fitted.dof
    if dof.min() <= 2:
        return undefined(
            "patell_z", n, f"an event has {dof.min():g} degrees of freedom, needs more than 2"
        )
    variance = (dof / (dof - 2.0)).sum()
    return normal("patell_z", sample.scar.sum() / math.sqrt(variance), n)


def adjusted_patell_z(sample: WindowSample, rbar: float) -> Outcome:
    """Patell's z, corrected for cross-sectional dependence.

    z = Patell / √(1 + (N−1)r̄), N(0, 1). Takes the variance for unchanged by the event.

    r̄ is the mean residual correlation, see `mean_correlation.rbar`.

    Source: Kolari & Pynnönen (2010, eq. 13).
    """
    n = sample.size
    if n < 2:
        return too_few("adjusted_patell_z", n, 2)
    patell = patell_z(sample)
    if patell.reason:
        return undefined("adjusted_patell_z", n, patell.reason)
    if problem := unusable(rbar, n):
        return undefined("adjusted_patell_z", n, problem)
    return normal("adjusted_patell_z", patell.statistic / math.sqrt(inflation(rbar, n)), n)


def bmp_t(sample: WindowSample) -> Outcome:
    """Test the mean standardised CAR against its spread across events.

    t = mean(SCAR) / (sd/√N), ddof 1, t(N−1). Robust to a variance that rises at the
    event; takes the events for independent.

    Source: Boehmer, Musumeci & Poulsen (1991), the "standardized cross-sectional test"; mean
    and sd as in Kolari & Pynnönen (2010, eqs. 6 and 7).
    """
    return _mean_t("bmp_t", sample.scar, SAME_SCAR)


def kolari_pynnonen_t(sample: WindowSample, rbar: float) -> Outcome:
    """BMP's t, corrected for cross-sectional dependence.

    t = BMP·√((1−r̄) / (1 + (N−1)r̄)), t(N−1). With r̄ weighted by overlap it holds its size
    on one date and on spread dates alike.

    r̄ is the mean residual correlation, see `mean_correlation.rbar`.

    Source: Kolari & Pynnönen (2010, p. 4003; eq. 10 is the variance of the mean SCAR);
    Kolari, Pape & Pynnönen (2018) for the weight.
    """
    bmp = bmp_t(sample)
    n = sample.size
    if bmp.reason:
        return undefined("kolari_pynnonen_t", n, bmp.reason)
    if problem := unusable(rbar, n):
        return undefined("kolari_pynnonen_t", n, problem)
    factor = math.sqrt((1.0 - rbar) / inflation(rbar, n))
    return student("kolari_pynnonen_t", bmp.statistic * factor, n - 1, n)


def unusable(rbar: float, n: int) -> str:
    """Why a mean correlation cannot correct a test of `n` events; empty when it can."""
    if not math.isfinite(rbar):
        return "the mean correlation of the events is not defined"
    if rbar >= 1.0 - ROUNDING:
        return f"the events move as one (mean correlation {rbar:.4g})"
    if inflation(rbar, n) <= ROUNDING:
        return (
            f"the mean correlation {rbar:.4g} is too negative for {n} events: "
            "1 + (N−1)·r̄ is not positive"
        )
    return ""


def inflation(rbar: float, n: int) -> float:
    """Variance of a sum of N equally correlated variables over N times one's: 1 + (N−1)r̄."""
    return 1.0 + (n - 1) * rbar


def _mean_t(test: str, values: Floats, same: str) -> Outcome:
    """Student's t of a mean, undefined for the reason `same` where the values do not differ."""
    n = len(values)
    if n < 2:
        return too_few(test, n, 2)
    sd = spread(values)
    if sd == 0:
        return undefined(test, n, same)
    return student(test, float(values.mean() / (sd / math.sqrt(n))), n - 1, n)
