"""Rank tests: how the event's abnormal returns rank among those of its own estimation window.

They need no normal distribution. Corrado's tests rank single days; the generalized rank
tests rank the standardised CAR of a whole window as one observation among the estimation
residuals. `estimation_pass` does the ranking; `registry` runs the tests; `signs` has those on signs
and on ranks across events. A rank is at most the number of values, so each test notes the
p-value of the highest ranks that the event could have had.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.inference.estimation_pass import (
    DayMeans,
    EstimationStatistics,
    GeneralizedRanks,
    collect,
)
from analysis.eventstudy.inference.parametric import SAME_SCAR, inflation, unusable
from analysis.eventstudy.inference.test_result import (
    Outcome,
    bounded,
    normal,
    spread,
    student,
    too_few,
    undefined,
)

BALANCED = "the mean ranks never depart from one half"
UNRANKED = "no event has an estimation day to rank against"
NO_DAY = "a day of the window cannot be ranked"


def corrado_rank(sample: WindowSample, history: EstimationStatistics | None = None) -> Outcome:
    """Corrado's rank test, over the days of the window.

    Mid-ranks K of an event's abnormal returns over its estimation rows and the whole event
    window, M of them, U = K/(M+1) − ½; Ū_t the mean over the n_t events present on
    relative day t; S² the mean of (n_t/N)·Ū_t² over the days with n_t > 0. One day: Ū_t/S;
    window w: Σ_{t∈w} Ū_t / (√L·S), N(0, 1). Right for events on one date, in short windows;
    with spread dates it rejects too often.

    Source: Corrado (1989, pp. 387–388); Cowan (1992, p. 346) for windows of several days.
    """
    if sample.size < 1:
        return too_few("corrado_rank", sample.size, 1)
    history = history or collect(sample, ["corrado_rank"])
    return _corrado("corrado_rank", sample, history, history.corrado)


def corrado_zivney_rank(
    sample: WindowSample, history: EstimationStatistics | None = None
) -> Outcome:
    """Corrado's rank test on standardised abnormal returns.

    T = Σ_{t∈w} Ū_t / (√L·S) as in `corrado_rank`, with û/s on estimation rows and
    SAR_t/sd_i(SAR_t) in the event window, sd across events (ddof 1) of the day: a variance
    that rises at the event leaves the ranks alone. A day with fewer than 2 events, or sd 0,
    is missing.

    Source: Corrado & Zivney (1992, pp. 465–478).
    """
    n = sample.size
    if n < 2:
        return too_few("corrado_zivney_rank", n, 2)
    history = history or collect(sample, ["corrado_zivney_rank"])
    return _corrado("corrado_zivney_rank", sample, history, history.zivney)


def grank_t(sample: WindowSample, history: EstimationStatistics | None = None) -> Outcome:
    """Generalized rank test with Student's t.

    SCAR* = SCAR/sd(SCAR, ddof 1). Each event's estimation residuals over s and its SCAR*
    are ranked together, U = rank/(n_i+1) − ½, n_i of them. With the rows aligned in event
    time, T' of them with at least one event, S² = (1/T')·Σ (n_t/N)·Ū_t² and Z = Ū_0/S:
    t = Z·√((T'−2)/(T'−1−Z²)), t(T'−2). Right for events on one date; with spread dates it
    rejects too often.

    Source: Kolari & Pynnönen (2011, eqs. 9 and 12–15: U, t, Z, S and Ū).
    """
    n = sample.size
    if n < 2:
        return too_few("grank_t", n, 2)
    ranks = (history or collect(sample, ["grank_t"])).generalized
    if ranks is None:
        return undefined("grank_t", n, SAME_SCAR)
    some = ranks.days.counts > 0
    rows = int(some.sum()) + 1
    if rows <= 2:
        return undefined("grank_t", n, f"needs more than 2 rows to rank, has {rows}")
    mean = float(ranks.own.mean())
    squares = ranks.days.counts[some] / n * ranks.days.means()[some] ** 2
    s = math.sqrt((squares.sum() + mean**2) / rows)
    if s <= ROUNDING:
        return undefined("grank_t", n, BALANCED)
    z = mean / s
    if rows - 1 - z**2 <= ROUNDING * rows:
        return undefined("grank_t", n, f"Z² = {z**2:.4g} reaches its bound of {rows - 1}")
    outcome = student("grank_t", _as_t(z, rows), rows - 2, n)
    most = _highest(ranks) / n
    largest = most / math.sqrt((squares.sum() + most**2) / rows)
    return bounded(outcome, _as_t(largest, rows))


def _as_t(z: float, rows: int) -> float:
    """Z·√((T'−2)/(T'−1−Z²)): Kolari & Pynnönen (2011, eq. 12)."""
    return z * math.sqrt((rows - 2) / (rows - 1 - z**2)) if z**2 < rows - 1 else math.inf


def grank_z(sample: WindowSample, history: EstimationStatistics | None = None) -> Outcome:
    """Generalized rank test with the theoretical variance of ranks.

    Z = Σ U_i0 / √Σ (n_i−1)/(12(n_i+1)), N(0, 1), with U of `grank_t`. Takes the events for
    independent.

    Source: Kolari & Pynnönen (2011), their GRANK-Z; U is their eq. 9.
    """
    n = sample.size
    if n < 2:
        return too_few("grank_z", n, 2)
    ranks = (history or collect(sample, ["grank_z"])).generalized
    if ranks is None:
        return undefined("grank_z", n, SAME_SCAR)
    variance = _rank_variance(ranks)
    if variance == 0:
        return undefined("grank_z", n, UNRANKED)
    outcome = normal("grank_z", float(ranks.own.sum()) / math.sqrt(variance), n)
    return bounded(outcome, _highest(ranks) / math.sqrt(variance))


def grank_overlap(
    sample: WindowSample, rbar: float, history: EstimationStatistics | None = None
) -> Outcome:
    """Generalized rank test corrected by overlap-weighted correlations.

    With SCAR* = SCAR·√(1−r̄)/sd(SCAR) and U as in `grank_t`,
    Z = Σ U_i0 / √[Σ (n_i−1)/(12(n_i+1)) · (1 + (N−1)r̄_U)], t(N−1), where r̄_U is the
    mean correlation of the estimation U, paired and weighted as r̄ is. Holds its size on one
    date, on spread dates and across exchanges alike; rejects too seldom where few events, or
    strongly correlated ones, bound |Z|.

    Parameters
    ----------
    sample : WindowSample
        Events of one window.
    rbar : float
        Mean residual correlation, see `mean_correlation.rbar`.
    history : EstimationStatistics, optional
        What `estimation_pass.collect` saw with this r̄.

    Source: Kolari & Pynnönen (2011, eq. 9) for the ranks, Kolari, Pape & Pynnönen (2018) for the
    weight by overlap; the combination is Faultline's own.
    """
    n = sample.size
    if n < 2:
        return too_few("grank_overlap", n, 2)
    if spread(sample.scar) == 0:
        return undefined("grank_overlap", n, SAME_SCAR)
    if problem := unusable(rbar, n):
        return undefined("grank_overlap", n, problem)
    ranks = (history or collect(sample, ["grank_overlap"], mean=rbar)).overlapping
    if ranks is None:
        return undefined("grank_overlap", n, SAME_SCAR)
    if problem := unusable(ranks.rbar, n):
        return undefined("grank_overlap", n, f"ranks: {problem}")
    variance = _rank_variance(ranks) * inflation(ranks.rbar, n)
    if variance == 0:
        return undefined("grank_overlap", n, UNRANKED)
    outcome = student("grank_overlap", float(ranks.own.sum()) / math.sqrt(variance), n - 1, n)
    return bounded(outcome, _highest(ranks) / math.sqrt(variance))


def _corrado(
    test: str, sample: WindowSample, history: EstimationStatistics, days: DayMeans | None
) -> Outcome:
    """Refer the mean ranks of the window to their variation over all days."""
    if days is None:
        return undefined(test, sample.size, NO_DAY)
    means, weights = days.means(), days.counts / sample.size
    some = weights > 0
    columns = len(sample.fitted.estimation_offsets) + sample.columns
    if not some[columns].all():
        return undefined(test, sample.size, NO_DAY)
    s = math.sqrt((weights[some] * means[some] ** 2).mean())
    if s <= ROUNDING:
        return undefined(test, sample.size, BALANCED)
    statistic = means[columns].sum() / (math.sqrt(sample.length) * s)
    some[columns] = False
    others = float((weights[some] * means[some] ** 2).sum())
    most = _highest_days(sample, history, test)
    # Of all ways to a sum of mean ranks the same on every day has the smallest squares.
    largest = most * math.sqrt(
        (int(some.sum()) + sample.length) / (sample.length * others + most**2)
    )
    return bounded(normal(test, statistic, sample.size), largest)


def _highest_days(sample: WindowSample, history: EstimationStatistics, test: str) -> float:
    """Largest sum over the window of mean U: its L days have the highest ranks of every event."""
    fitted, length = sample.fitted, sample.length
    present = np.isfinite(fitted.ar)
    if test == "corrado_zivney_rank" and history.sar_spread is not None:
        present &= np.isfinite(history.sar_spread)
    ranked = history.counts + present.sum(axis=1)
    return float((length * (ranked - length) / (2.0 * (ranked + 1.0))).mean())


def _highest(ranks: GeneralizedRanks) -> float:
    """Σ (n_i/(n_i+1) − ½): the sum of U where every event has the highest rank."""
    return float(((ranks.counts - 1) / (2.0 * (ranks.counts + 1))).sum())


def _rank_variance(ranks: GeneralizedRanks) -> float:
    """Σ (n_i−1)/(12(n_i+1)): the variance of the sum of one U of each event."""
    return float(((ranks.counts - 1) / (12.0 * (ranks.counts + 1))).sum())
