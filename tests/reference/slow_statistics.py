"""Every statistic once more, with plain loops, straight from the table of conventions.

Nothing here is shared with the engine but the arrays of a `WindowSample`. Each function returns
(statistic, degrees of freedom, p-value), the degrees of freedom None for N(0, 1).
"""

from __future__ import annotations

import math
import statistics

from scipy import stats

from tests.reference import slow_order


def time_series_t(sample, rbar):
    aar = []
    for column in range(sample.fitted.residuals.shape[1]):
        present = [float(v) for v in sample.fitted.residuals[:, column] if not math.isnan(v)]
        if present:
            aar.append(math.fsum(present) / len(present))
    caar = math.fsum(sample.car) / sample.size
    return _normal(caar / (math.sqrt(sample.length) * statistics.stdev(aar)))


def cross_sectional_t(sample, rbar):
    return _mean_t([float(v) for v in sample.car])


def skewness_adjusted_t(sample, rbar):
    car = [float(v) for v in sample.car]
    n, mean = len(car), math.fsum(car) / len(car)
    s = mean / statistics.stdev(car)
    second = math.fsum((v - mean) ** 2 for v in car) / n
    third = math.fsum((v - mean) ** 3 for v in car) / n
    g = third / second**1.5
    return _normal(math.sqrt(n) * (s + g * s**2 / 3 + g**2 * s**3 / 27 + g / (6 * n)))


def patell_z(sample, rbar):
    numerator, variance = 0.0, 0.0
    for i in range(sample.size):
        numerator += sample.scar[i]
        variance += sample.fitted.dof[i] / (sample.fitted.dof[i] - 2)
    return _normal(numerator / math.sqrt(variance))


def adjusted_patell_z(sample, rbar):
    return _normal(patell_z(sample, rbar)[0] / math.sqrt(1 + (sample.size - 1) * rbar))


def bmp_t(sample, rbar):
    return _mean_t([float(v) for v in sample.scar])


def kolari_pynnonen_t(sample, rbar):
    factor = math.sqrt((1 - rbar) / (1 + (sample.size - 1) * rbar))
    return _student(bmp_t(sample, rbar)[0] * factor, sample.size - 1)


def corrado_rank(sample, rbar):
    fitted = sample.fitted
    rows = [[*fitted.residuals[i], *fitted.ar[i]] for i in range(sample.size)]
    return _corrado(sample, rows)


def corrado_zivney_rank(sample, rbar):
    fitted = sample.fitted
    n, k = sample.size, fitted.x.shape[2]
    sar = [[math.nan] * fitted.ar.shape[1] for _ in range(n)]
    for i in range(n):
        for t in range(fitted.ar.shape[1]):
            leverage = 0.0
            for a in range(k):
                for b in range(k):
                    leverage += fitted.x[i, t, a] * fitted.xtx_inv[i, a, b] * fitted.x[i, t, b]
            sar[i][t] = fitted.ar[i, t] / (fitted.sigma[i] * math.sqrt(1 + leverage))
    for t in range(fitted.ar.shape[1]):
        column = [float(sar[i][t]) for i in range(n) if not math.isnan(sar[i][t])]
        sd = statistics.stdev(column) if len(column) > 1 else math.nan
        for i in range(n):
            sar[i][t] /= sd
    rows = [[*(fitted.residuals[i] / fitted.sigma[i]), *sar[i]] for i in range(n)]
    return _corrado(sample, rows)


def grank_t(sample, rbar):
    ranks = _generalized_ranks(sample, 1.0)
    columns = len(ranks[0])
    squares, event_mean = [], 0.0
    for t in range(columns):
        present = [row[t] for row in ranks if not math.isnan(row[t])]
        if present:
            event_mean = math.fsum(present) / len(present)
            squares.append(len(present) / sample.size * event_mean**2)
    rows = len(squares)
    z = event_mean / math.sqrt(math.fsum(squares) / rows)
    return _student(z * math.sqrt((rows - 2) / (rows - 1 - z * z)), rows - 2)


def grank_z(sample, rbar):
    ranks = _generalized_ranks(sample, 1.0)
    return _normal(math.fsum(row[-1] for row in ranks) / math.sqrt(_rank_variance(ranks)))


def grank_overlap(sample, rbar, mode="overlap", events=None):
    ranks = _generalized_ranks(sample, math.sqrt(1 - rbar))
    mean = mean_paired(sample, [row[:-1] for row in ranks], mode, events)
    variance = _rank_variance(ranks) * (1 + (sample.size - 1) * mean)
    return _student(math.fsum(row[-1] for row in ranks) / math.sqrt(variance), sample.size - 1)


def sign(sample, rbar):
    return _normal(_sign(sample, 0.5))


def generalized_sign(sample, rbar):
    shares = []
    for row in sample.fitted.residuals:
        present = [v for v in row if not math.isnan(v)]
        shares.append(sum(1 for v in present if v > 0) / len(present))
    return _normal(_sign(sample, math.fsum(shares) / len(shares)))


def wilcoxon(sample, rbar):
    car = [float(v) for v in sample.car]
    plain = 0.0 not in car and len({abs(v) for v in car}) == len(car) and len(car) <= 50
    result = stats.wilcoxon(
        car, zero_method="wilcox", correction=False, method="exact" if plain else "asymptotic"
    )
    return float(result.statistic), None, float(result.pvalue)


def rbar(sample, mode, events=None):
    return mean_paired(sample, sample.fitted.residuals, mode, events)


def mean_paired(sample, values, mode, events=None):
    """Mean correlation as a mode pairs days; `events` as `slow_order` takes them."""
    fitted, n = sample.fitted, sample.size
    if mode == "event":
        return mean_correlation(values, [list(range(len(values[0]))) for _ in range(n)])
    if mode == "calendar":
        return mean_correlation(values, fitted.residual_days)
    windows = [[int(d) for d in fitted.days[i, sample.columns]] for i in range(n)]
    if events is None:
        return mean_correlation(values, fitted.residual_days, windows)
    closed = slow_order.closed_days(windows, events)
    held = [[*window, *more] for window, more in zip(windows, closed, strict=True)]
    mean = mean_correlation(values, fitted.residual_days, held)
    total = slow_order.across_exchanges(values, fitted.residual_days, windows, events)
    return mean + total / (n * (n - 1))


def mean_correlation(values, days, windows=None):
    """Mean over ordered pairs of the correlation on common days, times the shared window."""
    n = len(values)
    by_day = []
    for i in range(n):
        row = {}
        for value, day in zip(values[i], days[i], strict=True):
            if day >= 0 and not math.isnan(value):
                row[int(day)] = float(value)
        by_day.append(row)
    total = []
    for i in range(n):
        for j in range(n):
            if i != j:
                weight = 1.0
                if windows is not None:
                    both = set(windows[i]) & set(windows[j])
                    weight = len(both) / math.sqrt(len(windows[i]) * len(windows[j]))
                total.append(weight * slow_order.correlation(by_day[i], by_day[j]))
    return math.fsum(total) / len(total)


def midranks(values):
    """1 + values below + half of the other equal ones, NaN left out."""
    ranks = []
    for value in values:
        below = sum(1 for other in values if other < value)
        equal = sum(1 for other in values if other == value)
        ranks.append(math.nan if math.isnan(value) else below + (equal + 1) / 2)
    return ranks


def _corrado(sample, rows):
    ranks = []
    for row in rows:
        count = sum(1 for value in row if not math.isnan(value))
        ranks.append([rank / (count + 1) - 0.5 for rank in midranks(row)])
    means, squares = {}, []
    for t in range(len(ranks[0])):
        present = [row[t] for row in ranks if not math.isnan(row[t])]
        if present:
            means[t] = math.fsum(present) / len(present)
            squares.append(len(present) / sample.size * means[t] ** 2)
    s = math.sqrt(math.fsum(squares) / len(squares))
    first = sample.fitted.residuals.shape[1]
    total = math.fsum(means[first + column] for column in sample.columns)
    return _normal(total / (math.sqrt(sample.length) * s))


def _generalized_ranks(sample, scale):
    sd = statistics.stdev([float(v) for v in sample.scar])
    ranks = []
    for i in range(sample.size):
        row = [float(v) / float(sample.fitted.sigma[i]) for v in sample.fitted.residuals[i]]
        row.append(float(sample.scar[i]) * scale / sd)
        count = sum(1 for value in row if not math.isnan(value))
        ranks.append([rank / (count + 1) - 0.5 for rank in midranks(row)])
    return ranks


def _rank_variance(ranks):
    total = 0.0
    for row in ranks:
        count = sum(1 for value in row if not math.isnan(value))
        total += (count - 1) / (12 * (count + 1))
    return total


def _sign(sample, p):
    positive = sum(1 for value in sample.car if value > 0)
    return (positive - sample.size * p) / math.sqrt(sample.size * p * (1 - p))


def _mean_t(values):
    n = len(values)
    mean = math.fsum(values) / n
    return _student(mean / (statistics.stdev(values) / math.sqrt(n)), n - 1)


def _normal(z):
    return z, None, 2 * stats.norm.sf(abs(z))


def _student(t, df):
    return t, df, 2 * stats.t.sf(abs(t), df)
