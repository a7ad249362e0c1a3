"""`estudy2` for R, version 0.10: daily tests, three tests of a window, significance stars.

Residual sd with the divisor T−1, the market's moments over the whole estimation window even
where the firm did not trade, the tests day by day; a window of several days has only the
Brown–Warner, Lamb and rank tests. It takes log returns: convert before asking (the engine
takes returns as given). Reproduces all 16 statistics that its vignette prints, see
tests/conformance. The package prints stars, no p-values: the p-values here are of the
reference distribution that its documentation names. Its ``wilcoxon`` is the raw sum of the
positive ranks, against unequal critical values; the p-value here is the exact two-sided one.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.intervals import two_sided
from analysis.eventstudy.inference.joint_ranks import midranks
from analysis.eventstudy.inference.signs import wilcoxon
from analysis.eventstudy.inference.test_result import Outcome
from analysis.eventstudy.models.linear import MarketAdjusted, MarketModel, MeanAdjusted
from analysis.eventstudy.presets.case import PresetSample
from analysis.eventstudy.presets.convention import (
    Cars,
    Preset,
    Statistic,
    Value,
    mean_car,
    over_error,
    sign_excess,
)

RAW_SUM = "raw rank sum; the package's critical values leave unequal tails"
_daily = partial(Statistic, one_day="estudy2 has this test for single days only")


def _variance(case: PresetSample) -> Floats:
    """Variance of the residuals about their mean, divisor T−1, (N,)."""
    variance: Floats = np.nanvar(case.residuals, axis=1, ddof=1)
    return variance


def _correction(case: PresetSample, rows: Floats) -> Floats:
    """1 + 1/T + (m_t − m̄)²/Σ(m − m̄)² for each event and day of the window, (N, L).

    Moments of the market over every session of the estimation window; 1 + 1/T under
    mean-adjusted and market-adjusted returns, which have no regressor.
    """
    correction = np.broadcast_to((1.0 + 1.0 / rows)[:, None], case.ar.shape)
    if not isinstance(case.model, MarketModel):
        return np.array(correction)
    market = case.estimation_factors[:, 0, :]
    mean = np.nanmean(market, axis=1)[:, None]
    squares = np.nansum((market - mean) ** 2, axis=1)[:, None]
    corrected: Floats = correction + (case.window_factors[:, 0, :] - mean) ** 2 / squares
    return corrected


def _sar(case: PresetSample) -> Floats:
    """Standardised abnormal returns of a single day, (N,)."""
    forecast = np.sqrt(_variance(case)[:, None] * _correction(case, case.n))
    return (case.ar / forecast)[:, 0]


def _cars(case: PresetSample) -> Cars:
    """Standard errors of single CARs; the package itself tests no single firm."""
    se: Floats = np.sqrt(_variance(case) * _correction(case, case.n).sum(axis=1))
    return Cars(se, case.dof, two_sided(case.car / se, case.dof))


def _bw_1980(case: PresetSample) -> Value:
    """AAR / (√Σ var_i / N)."""
    sd = math.sqrt(_variance(case).sum()) / case.size
    return float(case.car.mean()) / sd, float(case.n.mean()) - 1


def _bw_1985(case: PresetSample) -> Value:
    """AAR / sd of the estimation AAR; a window: Σ of the daily ones / √L, N(0, 1)."""
    sd = float(case.estimation_aar.std(ddof=1))
    statistic = float(case.ar.mean(axis=0).sum()) / (sd * math.sqrt(case.length))
    return statistic if case.length > 1 else (statistic, float(case.n.mean()) - 1)


def _lamb(case: PresetSample) -> Value:
    """`_bw_1985` with the forecast correction of the portfolio, T the mean number of rows."""
    correction = _correction(case, np.full(case.size, case.n.mean())).mean(axis=0)
    daily = case.ar.mean(axis=0) / (case.estimation_aar.std(ddof=1) * np.sqrt(correction))
    return float(daily.sum()) / math.sqrt(case.length)


def _patell(case: PresetSample) -> Value:
    """Σ SAR / √Σ (T−2)/(T−4)."""
    if case.n.min() <= 4:
        return "an event has no more than 4 estimation days"
    variance = ((case.n - 2) / (case.n - 4)).sum()
    return float(_sar(case).sum()) / math.sqrt(variance)


def _generalized_sign(case: PresetSample) -> Value:
    """Sign test with p̂ pooled over all days of all firms."""
    pooled = float((case.residuals > 0).sum() / np.isfinite(case.residuals).sum())
    if pooled in (0.0, 1.0):
        return "the estimation returns all have one sign"
    return sign_excess(case, pooled)


def _every_row(case: PresetSample) -> tuple[Floats, Floats, Floats]:
    """Abnormal returns of both windows (N, E+W), each row's count M, the days' counts n_t."""
    rows = np.hstack([case.residuals, case.fitted.ar])
    present = np.isfinite(rows)
    return rows, present.sum(axis=1).astype(float), present.sum(axis=0).astype(float)


def _against_history(case: PresetSample, u: Floats, power: float) -> float:
    """Sum of the window's weighted means over √L·S, S² = Σ_t v_t² / mean M.

    v_t = Ū_t·(N/n_t)^power: the package scales its tests by N and n_t in three ways, which
    are one where no return is missing.
    """
    _, m, count = _every_row(case)
    some = count > 0
    means = np.where(np.isfinite(u), u, 0.0).sum(axis=0) / np.maximum(count, 1)
    v = np.where(some, means * (case.size / np.maximum(count, 1)) ** power, 0.0)
    s = math.sqrt(float((v**2).sum()) / float(m.mean()))
    inside = case.residuals.shape[1] + case.columns
    return float(v[inside].sum()) / (math.sqrt(case.length) * s) if s > 0 else math.nan


def _corrado_sign(case: PresetSample) -> Value:
    """Corrado & Zivney (1992): signs about each firm's median over both windows."""
    rows, _, _ = _every_row(case)
    signs = np.sign(rows - np.nanmedian(rows, axis=1, keepdims=True))
    return _against_history(case, signs, 0.5)


def _rank(case: PresetSample) -> Value:
    """Corrado (1989): K − (M+1)/2; in a window of several days less (mean M + 1)/2."""
    rows, m, _ = _every_row(case)
    if case.length > 1:
        return _against_history(case, midranks(rows) - (m.mean() + 1) / 2, 0.0)
    return _against_history(case, midranks(rows) - (m[:, None] + 1) / 2, 1.0)


def _modified_rank(case: PresetSample) -> Value:
    """K/(M+1) − ½."""
    rows, m, _ = _every_row(case)
    centred = midranks(rows) / (m[:, None] + 1) - 0.5
    return _against_history(case, centred, 0.5)


def _wilcoxon(case: PresetSample) -> Value:
    """Raw sum of the ranks of the positive CARs; zeros are dropped."""
    car = case.car[case.car != 0]
    if not len(car):
        return "every CAR is zero"
    w = float(midranks(np.abs(car)[None, :])[0][car > 0].sum())
    return Outcome("wilcoxon", w, math.nan, wilcoxon(case).p_value, case.size)


PRESET = Preset(
    name="estudy2",
    package="estudy2 0.10 for R",
    statistics=(
        _daily("bw_1980", "brown_warner_1980", _bw_1980, least=1),
        Statistic("time_series_t", "brown_warner_1985", _bw_1985, least=1),
        Statistic("lamb", "lamb", _lamb, least=1),
        _daily("cross_sectional_t", "t_test", lambda case: (over_error(case.car), case.size - 1)),
        _daily("patell_z", "patell", _patell, least=1),
        _daily("bmp_t", "boehmer", lambda case: (over_error(_sar(case)), case.size - 1)),
        _daily("sign", "sign_test", lambda case: sign_excess(case, 0.5), least=1),
        _daily("generalized_sign", "generalized_sign_test", _generalized_sign, least=1),
        _daily("corrado_sign", "corrado_sign_test", _corrado_sign, least=1),
        Statistic("corrado_rank", "rank_test", _rank, least=1),
        _daily("modified_rank", "modified_rank_test", _modified_rank, least=1),
        _daily("wilcoxon", "wilcoxon_test", _wilcoxon, least=1, note=RAW_SUM),
    ),
    car=_cars,
    caar=mean_car,
    lead="time_series_t",
    models=(MeanAdjusted, MarketAdjusted, MarketModel),
)
