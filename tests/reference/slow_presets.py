"""The preset `eventstudy2` in plain loops, from the description of the package."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel
from analysis.eventstudy.dependence import rbar


@dataclass
class Plain:
    """One event as lists: what the loops below read."""

    ar: list[float]
    residuals: list[float]
    leverage: list[float]
    s: float
    dof: float
    n: int


def unpacked(results, window):
    sample, _ = results.sample(window)
    fitted = sample.fitted
    market = results.study.factors["F0"].to_numpy() if results.study.factors is not None else None
    model, out = results.study.model, []
    for i in range(sample.size):
        used = [t for t in range(fitted.residuals.shape[1]) if np.isfinite(fitted.residuals[i, t])]
        leverage = []
        for c in sample.columns:
            h = 0.0
            if not isinstance(model, MarketAdjusted):
                h = 1 / len(used)
            if isinstance(model, MarketModel | FactorModel):
                x = [market[fitted.residual_days[i, t]] for t in used]
                mean = math.fsum(x) / len(x)
                now = market[fitted.days[i, c]]
                h += (now - mean) ** 2 / math.fsum((v - mean) ** 2 for v in x)
            leverage.append(h)
        out.append(
            Plain(
                [float(fitted.ar[i, c]) for c in sample.columns],
                [float(v) for v in fitted.residuals[i]],
                leverage,
                float(fitted.sigma[i]),
                float(fitted.dof[i]),
                int(fitted.n[i]),
            )
        )
    return out, rbar(sample, "event"), sample


def scar(event):
    total = 0.0
    for s, (ar, h) in enumerate(zip(event.ar, event.leverage, strict=True), start=1):
        total += ar / (event.s * (1 + h) ** 0.25) / math.sqrt(s)
    return total


def t_of_mean(numbers):
    return statistics.fmean(numbers) / (statistics.stdev(numbers) / math.sqrt(len(numbers)))


def eventstudy2(found, r):
    n = len(found)
    scars = [scar(event) for event in found]
    factor = math.sqrt((1 - r) / (1 + (n - 1) * r))
    patell = sum(scars) / math.sqrt(sum(event.dof / (event.dof - 2) for event in found))
    t = max(event.n for event in found)
    days = [v for event in found for v in event.residuals if not math.isnan(v)]
    p = sum(v >= 0 for v in days) / len(days)
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
        row = [v / event.s for v in event.residuals] + [one * factor / error]
        known = sorted(v for v in row if not math.isnan(v))
        for column, v in zip(columns, row, strict=True):
            if not math.isnan(v):
                # T estimation rows and the event's own: T + 1 ranks over T + 2.
                column.append((known.index(v) + 1) / (len(known) + 1) - 0.5)
    filled = [column for column in columns if column]
    square = statistics.fmean(len(c) / n * statistics.fmean(c) ** 2 for c in filled)
    z = statistics.fmean(columns[-1]) / math.sqrt(square)
    t = len(filled)
    return z * math.sqrt((t - 2) / (t - 1 - z * z)), t - 2


def two_sided(statistic, df):
    return 2 * (stats.norm.sf(abs(statistic)) if df is None else stats.t.sf(abs(statistic), df))
