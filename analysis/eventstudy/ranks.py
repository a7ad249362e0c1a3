"""Rank tests: how the event's abnormal returns rank among those of its own estimation window.

They need no normal distribution. Corrado's tests rank single days; the generalized rank
tests rank the standardised CAR of a whole window as one observation among the estimation
residuals. `battery` runs them; `signs` has the tests on signs and on ranks across events.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from analysis.eventstudy.dependence import mean_correlation
from analysis.eventstudy.fitted import Floats, Sample
from analysis.eventstudy.outcome import (
    ROUNDING,
    Outcome,
    normal,
    spread,
    student,
    too_few,
    undefined,
)
from analysis.eventstudy.parametric import SAME_SCAR, inflation, unusable

BALANCED = "the mean ranks never depart from one half"
UNRANKED = "no event has an estimation day to rank against"


def corrado_rank(sample: Sample) -> Outcome:
    """Corrado's rank test, over the days of the window.

    Mid-ranks K of an event's abnormal returns over its estimation rows and the whole event
    window, M of them, U = K/(M+1) − ½; Ū_t the mean over the n_t events present on
    relative day t; S² the mean of (n_t/N)·Ū_t² over the days with n_t > 0. One day: Ū_t/S;
    window w: Σ_{t∈w} Ū_t / (√L·S), N(0, 1). Right for events on one date, in short windows;
    with spread dates it rejects too often.

    Source: Corrado (1989); Cowan (1992) for windows of several days.
    """
    if sample.size < 1:
        return too_few("corrado_rank", sample.size, 1)
    fitted = sample.fitted
    ranks = centred_ranks(np.hstack([fitted.residuals, fitted.ar]))
    return _corrado("corrado_rank", sample, ranks)


def corrado_zivney_rank(sample: Sample) -> Outcome:
    """Corrado's rank test on standardised abnormal returns.

    As `corrado_rank`, with û/s on estimation rows and SAR_t/sd_i(SAR_t) in the event
    window, sd across events (ddof 1) of the day: a variance that rises at the event leaves
    the ranks alone. A day with fewer than 2 events, or sd 0, is missing.

    Source: Corrado & Zivney (1992).
    """
    n = sample.size
    if n < 2:
        return too_few("corrado_zivney_rank", n, 2)
    fitted = sample.fitted
    before = fitted.residuals / fitted.sigma[:, None]
    sar = fitted.ar / np.sqrt(fitted.ar_variance())
    ranks = centred_ranks(np.hstack([before, sar / _daily_spread(sar)]))
    return _corrado("corrado_zivney_rank", sample, ranks)


def grank_t(sample: Sample) -> Outcome:
    """Generalized rank test with Student's t.

    SCAR* = SCAR/sd(SCAR, ddof 1). Each event's estimation residuals over s and its SCAR*
    are ranked together, U = rank/(n_i+1) − ½, n_i of them. With the rows aligned in event
    time, T' of them with at least one event, S² = (1/T')·Σ (n_t/N)·Ū_t² and Z = Ū_0/S:
    t = Z·√((T'−2)/(T'−1−Z²)), t(T'−2). Right for events on one date; with spread dates it
    rejects too often.

    Source: Kolari & Pynnönen (2011).
    """
    n = sample.size
    if n < 2:
        return too_few("grank_t", n, 2)
    sd = spread(sample.scar)
    if sd == 0:
        return undefined("grank_t", n, SAME_SCAR)
    ranks = _generalized_ranks(sample, 1.0 / sd)
    means, weights = _daily_means(ranks)
    some = weights > 0
    rows = int(some.sum())
    if rows <= 2:
        return undefined("grank_t", n, f"needs more than 2 rows to rank, has {rows}")
    s = math.sqrt((weights[some] * means[some] ** 2).mean())
    if s <= ROUNDING:
        return undefined("grank_t", n, BALANCED)
    z = float(means[-1]) / s
    if rows - 1 - z**2 <= ROUNDING * rows:
        return undefined("grank_t", n, f"Z² = {z**2:.4g} reaches its bound of {rows - 1}")
    return student("grank_t", z * math.sqrt((rows - 2) / (rows - 1 - z**2)), rows - 2, n)


def grank_z(sample: Sample) -> Outcome:
    """Generalized rank test with the theoretical variance of ranks.

    Z = Σ U_i0 / √Σ (n_i−1)/(12(n_i+1)), N(0, 1), with U of `grank_t`. Takes the events for
    independent.

    Source: Kolari & Pynnönen (2011).
    """
    n = sample.size
    if n < 2:
        return too_few("grank_z", n, 2)
    sd = spread(sample.scar)
    if sd == 0:
        return undefined("grank_z", n, SAME_SCAR)
    ranks = _generalized_ranks(sample, 1.0 / sd)
    variance = _rank_variance(ranks)
    if variance == 0:
        return undefined("grank_z", n, UNRANKED)
    return normal("grank_z", ranks[:, -1].sum() / math.sqrt(variance), n)


def grank_overlap(sample: Sample, rbar: float) -> Outcome:
    """Generalized rank test corrected by overlap-weighted correlations.

    With SCAR* = SCAR·√(1−r̄)/sd(SCAR) and U as in `grank_t`,
    Z = Σ U_i0 / √[Σ (n_i−1)/(12(n_i+1)) · (1 + (N−1)r̄_U)], t(N−1), where r̄_U is the
    overlap-weighted mean correlation of the estimation U on common dates. Holds its size
    on one date and on spread dates alike.

    Parameters
    ----------
    sample : Sample
        Events of one window.
    rbar : float
        Mean residual correlation, see `dependence.rbar`.

    Source: Kolari & Pynnönen (2011) for the ranks, Kolari, Pape & Pynnönen (2018) for the
    weight by overlap; the combination is Faultline's own.
    """
    n = sample.size
    if n < 2:
        return too_few("grank_overlap", n, 2)
    sd = spread(sample.scar)
    if sd == 0:
        return undefined("grank_overlap", n, SAME_SCAR)
    if problem := unusable(rbar, n):
        return undefined("grank_overlap", n, problem)
    fitted = sample.fitted
    ranks = _generalized_ranks(sample, math.sqrt(1.0 - rbar) / sd)
    windows = fitted.days[:, sample.columns]
    rbar_ranks = mean_correlation(ranks[:, :-1], fitted.residual_days, windows)
    if problem := unusable(rbar_ranks, n):
        return undefined("grank_overlap", n, f"ranks: {problem}")
    variance = _rank_variance(ranks) * inflation(rbar_ranks, n)
    if variance == 0:
        return undefined("grank_overlap", n, UNRANKED)
    return student("grank_overlap", ranks[:, -1].sum() / math.sqrt(variance), n - 1, n)


def midranks(values: Floats) -> Floats:
    """Rank each row from 1 upwards, ties at their mean rank, NaN left out and kept NaN.

    Parameters
    ----------
    values : (N, M) float

    Returns
    -------
    (N, M) float
    """
    rows, columns = values.shape
    if columns == 0:
        return np.empty((rows, 0))
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(columns, dtype=np.int64)
    new = np.ones((rows, columns), dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    ends = np.ones((rows, columns), dtype=bool)
    ends[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(ends, place, columns)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty((rows, columns))
    np.put_along_axis(ranks, order, (first + last) / 2.0 + 1.0, axis=1)
    ranks[np.isnan(values)] = np.nan
    return ranks


def centred_ranks(values: Floats) -> Floats:
    """U = K/(M+1) − ½ with mid-ranks K along each row and M its non-missing count, (N, M)."""
    count = np.isfinite(values).sum(axis=1, keepdims=True)
    centred: Floats = midranks(values) / (count + 1.0) - 0.5
    return centred


def _corrado(test: str, sample: Sample, ranks: Floats) -> Outcome:
    """Refer the mean ranks of the window to their variation over all days."""
    means, weights = _daily_means(ranks)
    some = weights > 0
    columns = sample.fitted.residuals.shape[1] + sample.columns
    if not some[columns].all():
        return undefined(test, sample.size, "a day of the window cannot be ranked")
    s = math.sqrt((weights[some] * means[some] ** 2).mean())
    if s <= ROUNDING:
        return undefined(test, sample.size, BALANCED)
    statistic = means[columns].sum() / (math.sqrt(sample.length) * s)
    return normal(test, statistic, sample.size)


def _daily_means(ranks: Floats) -> tuple[Floats, Floats]:
    """Mean over the events present (0 where none), and their share n_t/N, by relative day."""
    present = np.isfinite(ranks)
    count = present.sum(axis=0)
    means = np.where(present, ranks, 0.0).sum(axis=0) / np.maximum(count, 1)
    return means, count / len(ranks)


def _daily_spread(values: Floats) -> Floats:
    """Standard deviation across events (ddof 1) by day; NaN with fewer than 2, or where 0."""
    present = np.isfinite(values)
    count = present.sum(axis=0)
    known = np.where(present, values, 0.0)
    mean = known.sum(axis=0) / np.maximum(count, 1)
    square = np.where(present, (known - mean) ** 2, 0.0).sum(axis=0)
    sd = np.sqrt(square / np.maximum(count - 1, 1))
    varies: NDArray[np.bool_] = (count > 1) & (sd > ROUNDING * np.abs(known).max(axis=0))
    return np.where(varies, sd, np.nan)


def _generalized_ranks(sample: Sample, scale: float) -> Floats:
    """U of the standardised estimation residuals and, in the last column, of SCAR·scale."""
    residuals = sample.fitted.residuals / sample.fitted.sigma[:, None]
    return centred_ranks(np.hstack([residuals, (sample.scar * scale)[:, None]]))


def _rank_variance(ranks: Floats) -> float:
    """Σ (n_i−1)/(12(n_i+1)): the variance of the sum of one U of each event."""
    count = np.isfinite(ranks).sum(axis=1)
    return float(((count - 1) / (12.0 * (count + 1))).sum())
