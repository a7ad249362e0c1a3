"""The preset `eventstudy2` in plain loops, from the description of the package."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel


@dataclass
class Plain:
    """One event as lists: what the loops below read."""

    ar: list[float]
    residuals: list[float]
    leverage: list[float]
    estimation_leverage: list[float]
    s: float
    n: int
    fitted_constants: int


def unpacked(results, window):
    sample, _ = results.sample(window)
    fitted = sample.fitted
    market = results.study.factors["F0"].to_numpy() if results.study.factors is not None else None
    model, out = results.study.model, []
    slopes = isinstance(model, MarketModel | FactorModel)
    for i in range(sample.size):
        used = [t for t in range(fitted.residuals.shape[1]) if np.isfinite(fitted.residuals[i, t])]

        def leverage(day, used=used, i=i):
            h = 0.0 if isinstance(model, MarketAdjusted) else 1 / len(used)
            if slopes:
                x = [market[fitted.residual_days[i, t]] for t in used]
                mean = math.fsum(x) / len(x)
                h += (market[day] - mean) ** 2 / math.fsum((v - mean) ** 2 for v in x)
            return h

        out.append(
            Plain(
                [float(fitted.ar[i, c]) for c in sample.columns],
                [float(v) for v in fitted.residuals[i]],
                [leverage(fitted.days[i, c]) for c in sample.columns],
                [leverage(day) for day in fitted.residual_days[i]],
                float(fitted.sigma[i]),
                int(fitted.n[i]),
                0 if isinstance(model, MarketAdjusted) else 1 + slopes,
            )
        )
    return out, sample


def squares(event):
    return math.fsum(v * v for v in event.residuals if not math.isnan(v))


def s_of(event):
    return math.sqrt(squares(event) / (event.n - 2))


def standardised(event, ar, h):
    """V = AR/√(s·stdf), stdf the root of the regression's own mean squared error times 1+h."""
    error = math.sqrt(squares(event) / (event.n - event.fitted_constants))
    return ar / math.sqrt(s_of(event) * error * math.sqrt(1 + h))


def scar(event):
    total = 0.0
    for s, (ar, h) in enumerate(zip(event.ar, event.leverage, strict=True), start=1):
        total += standardised(event, ar, h) / math.sqrt(s)
    return total


def t_of_mean(values):
    return statistics.fmean(values) / (statistics.stdev(values) / math.sqrt(len(values)))


def mean_correlation(found):
    """Plain mean over pairs of the correlation of V on the relative days of both."""
    v = [
        [
            standardised(event, ar, h)
            for ar, h in zip(event.residuals, event.estimation_leverage, strict=True)
        ]
        for event in found
    ]
    every = []
    for i, one in enumerate(v):
        for j, other in enumerate(v):
            both = [(a, b) for a, b in zip(one, other, strict=True) if not math.isnan(a + b)]
            if i != j:
                every.append(statistics.correlation(*zip(*both, strict=True)))
    return statistics.fmean(every)


def eventstudy2(found):
    n, r = len(found), mean_correlation(found)
    scars = [scar(event) for event in found]
    factor = math.sqrt((1 - r) / (1 + (n - 1) * r))
    patell = sum(scars) / math.sqrt(sum((event.n - 2) / (event.n - 4) for event in found))
    t = len(found[0].residuals)
    days = [v for event in found for v in event.residuals if not math.isnan(v)]
    p = sum((v > 0) + 0.5 * (v == 0) for v in days) / len(days)
    positive = sum(sum(event.ar) >= 0 for event in found)
    return {
        "patell_z": (patell, None),
        "adjusted_patell_z": (patell * factor, None),
        "bmp_t": (t_of_mean(scars), t - 2),
        "kolari_pynnonen_t": (t_of_mean(scars) * factor, t - 2),
        "generalized_sign": ((positive - n * p) / math.sqrt(n * p * (1 - p)), None),
        "grank_t": grank(found, scars, factor),
    }


def grank(found, scars, factor):
    n = len(found)
    error = statistics.stdev(scars) / math.sqrt(n)
    columns = [[] for _ in range(len(found[0].residuals) + 1)]
    for event, one in zip(found, scars, strict=True):
        row = [v / s_of(event) for v in event.residuals] + [one * factor / error]
        known = sorted(v for v in row if not math.isnan(v))
        for column, v in zip(columns, row, strict=True):
            if not math.isnan(v):
                column.append((known.index(v) + 1) / (len(known) + 1) - 0.5)
    before = [column for column in columns[:-1] if column]
    t = len(before)
    square = math.fsum(len(c) / n * statistics.fmean(c) ** 2 for c in before) / t
    z = statistics.fmean(columns[-1]) / math.sqrt(square)
    return z * math.sqrt((t - 2) / (t - 1 - z * z)), t - 2


def two_sided(statistic, df):
    return 2 * (stats.norm.sf(abs(statistic)) if df is None else stats.t.sf(abs(statistic), df))
