"""`estudy` for Stata: Pacicco, Vena & Venegoni (2018, 2021), version 2.1.

It differs from us in the divisor of the variance (n−1 throughout), takes the market's moments
over the whole estimation window even where the firm has a gap, leaves the error of a factor
model's coefficients out, pools abnormal returns through their exponential, and refers Patell,
BMP and Kolari–Pynnönen to the standard normal with r̄ in event time. Reproduces the output of
Stata 18 for all its tests and models, see tests/conformance.

What it calls Wilcoxon ranks each firm's CAR among that firm's own estimation residuals and
adds the ranks up as if they were ranks across firms: it rejects always and is no signed-rank
test. Stata's own ``signrank`` on the CARs, which its users run beside it, is the last test.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.intervals import two_sided
from analysis.eventstudy.inference.joint_ranks import midranks
from analysis.eventstudy.models.linear import FactorModel, MarketModel, MeanAdjusted
from analysis.eventstudy.presets.case import PresetSample
from analysis.eventstudy.presets.convention import (
    Cars,
    Preset,
    Statistic,
    Value,
    dependence_factor,
    over_error,
)

NO_SIGNED_RANK = (
    "no signed-rank test: ranks each CAR within its own firm's estimation window and rejects "
    "whatever the data"
)
POOLED = "averages abnormal returns through their exponential, below the mean CAR by their variance"


def errors(case: PresetSample) -> Floats:
    """Standard error of each CAR, (N,).

    Market model: RSS/(n−1)·[L + L²/n + (Σdx)²/(var(x, ddof 1)·m)], dx the market's distance
    from its mean, mean and variance over all m sessions of the estimation window. Mean:
    RSS/(n−1)·(L + L²/n). Factors and market-adjusted returns: RSS/(n−1)·L.
    """
    length = case.length
    spread: Floats | float = float(length)
    if isinstance(case.model, MarketModel | MeanAdjusted):
        spread = length + length**2 / case.n
    if isinstance(case.model, MarketModel):
        market = case.estimation_factors[:, 0, :]
        mean, count = np.nanmean(market, axis=1), np.isfinite(market).sum(axis=1)
        distance = case.window_factors[:, 0, :].sum(axis=1) - length * mean
        spread = spread + distance**2 / (np.nanvar(market, axis=1, ddof=1) * count)
    se: Floats = np.sqrt(case.rss / (case.n - 1) * spread)
    return se


def pooled(case: PresetSample) -> float:
    """Average of the group: Σ_t log mean_i exp(AR_it)."""
    if not case.size:
        return math.nan
    return float(np.log(np.exp(case.ar).mean(axis=0)).sum())


def _rows(case: PresetSample) -> int:
    """Relative days of the estimation window on which some firm has a return, L1."""
    return int(np.isfinite(case.residuals).any(axis=0).sum())


def _lost(case: PresetSample) -> int:
    """Degrees of freedom it takes off: 4 with factors, however many, else 2."""
    return 4 if isinstance(case.model, FactorModel) else 2


def _cars(case: PresetSample) -> Cars:
    se, df = errors(case), case.n - _lost(case)
    return Cars(se, df, two_sided(case.car / se, df))


def _z(case: PresetSample) -> Floats:
    return case.car / errors(case)


def _norm(case: PresetSample) -> Value:
    """Pooled CAR over √Σse²/N, t(L1−2), with factors t(L1−4)."""
    statistic = pooled(case) / (math.sqrt((errors(case) ** 2).sum()) / case.size)
    return statistic, float(_rows(case) - _lost(case))


def _patell(case: PresetSample) -> Value:
    """Σz / √Σ(n−2)/(n−4); (n−4)/(n−6) with factors."""
    lost = _lost(case)
    if case.n.min() <= lost + 2:
        return f"an event has no more than {lost + 2} estimation days"
    variance = ((case.n - lost) / (case.n - lost - 2)).sum()
    return float(_z(case).sum() / math.sqrt(variance))


def _adjusted_patell(case: PresetSample) -> Value:
    patell = _patell(case)
    inflated = 1.0 + (case.size - 1) * case.rbar_event
    if not isinstance(patell, float) or math.isnan(patell):
        return patell
    return patell / math.sqrt(inflated) if inflated > 0 else "1 + (N−1)·r̄ is not positive"


def _kolari_pynnonen(case: PresetSample) -> Value:
    return over_error(_z(case)) * dependence_factor(case.rbar_event, case.size)


def _grank(case: PresetSample) -> Value:
    """Generalized rank t with U = rank/(L1+1) − ½ and T = L1 where the paper has L1+1.

    The residuals are scaled by √(RSS/(n−1)); a firm with gaps ranks fewer values over the same
    L1+1.
    """
    z, t = _z(case), _rows(case)
    scaled = case.residuals / np.sqrt(case.rss / (case.n - 1))[:, None]
    rows = np.hstack([scaled, (z / z.std(ddof=1))[:, None]])
    present = np.isfinite(rows)
    if t <= 2 or not present[:, -1].all():
        return "the standardised CARs cannot be ranked"
    u = np.where(present, midranks(rows) / (t + 1.0) - 0.5, 0.0)
    count = present.sum(axis=0)
    means = u.sum(axis=0) / np.maximum(count, 1)
    s = math.sqrt((count / case.size * means**2).sum() / t)
    ratio = float(means[-1]) / s if s > 0 else math.nan
    if not ratio**2 < t - 1:
        return "Z² reaches its bound"
    return ratio * math.sqrt((t - 2) / (t - 1 - ratio**2)), t - 2


def _within_firm_ranks(case: PresetSample) -> Value:
    """Add the ranks of the positive CARs, each among its own firm's |residuals|.

    (W − N(N+1)/4) / √(N(N+1)(2N+1)/24), as though W were a sum of ranks across firms.
    """
    smaller = (np.abs(case.residuals) < np.abs(case.car)[:, None]).sum(axis=1)
    tied = (np.abs(case.residuals) == np.abs(case.car)[:, None]).sum(axis=1)
    w, n = float((smaller + 1 + tied / 2)[case.car > 0].sum()), case.size
    return (w - n * (n + 1) / 4) / math.sqrt(n * (n + 1) * (2 * n + 1) / 24)


def _signrank(case: PresetSample) -> Value:
    """Stata's signrank: z of the sum of positive ranks, variance corrected for ties."""
    ranks = midranks(np.abs(case.car)[None, :])[0]
    signed = np.sign(case.car) * ranks
    # Zeros keep their ranks in Stata's adjustment and leave the variance.
    sd = math.sqrt((signed**2).sum())
    return float(signed.sum()) / sd if sd > 0 else math.nan


PRESET = Preset(
    name="estudy",
    package="estudy 2.1 for Stata",
    statistics=(
        Statistic("norm", "Norm", _norm, least=1, note=POOLED),
        Statistic("patell_z", "Patell", _patell, least=1),
        Statistic("adjusted_patell_z", "ADJPatell", _adjusted_patell),
        Statistic("bmp_t", "BMP", lambda case: over_error(_z(case))),
        Statistic("kolari_pynnonen_t", "KP", _kolari_pynnonen),
        Statistic("grank_t", "GRANK", _grank),
        Statistic("within_firm_ranks", "Wilcoxon", _within_firm_ranks, note=NO_SIGNED_RANK),
        Statistic("wilcoxon", "signrank", _signrank, note="Stata's own signrank on the CARs"),
    ),
    car=_cars,
    caar=pooled,
    lead="norm",
)
