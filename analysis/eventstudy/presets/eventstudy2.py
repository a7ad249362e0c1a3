"""`eventstudy2` for Stata, by Kaspereit (2022).

Two conventions run through all of its tests. The residual deviation s of every model has the
divisor T−2, less one for each factor beyond the market, and an abnormal return is standardised
by the root of the product of s and its forecast error: V = AR/√(s·stdf), which is
AR/(s·(1+h)^¼) in the market model with h the leverage of the day, where theory asks for
AR/stdf. The SCAR of a window is Σ_s V_s/√s with s counting its days, not the sum over √L.

r̄ is the mean correlation of the V of the estimation windows, paired by relative day, without
pairs that correlate perfectly: the factor of Kolari & Pynnönen corrects Patell's z too.
Reference t have the estimation window's sessions less 2, and less one for each further factor;
that of GRANK-T, which has no model, has the sessions less 2 throughout.
Single CARs keep the engine's forecast error: `eventstudy2` prints none.

`eventstudy2` takes logarithms of simple returns first. That stays the caller's: a preset leaves
returns alone. The figures that it printed for additions to the S&P 500 are in the tests.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.inference.intervals import two_sided
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
)

RUNNING = "weights the window's days by 1/√s, so that the first day counts most"
SHORT = "an event has no more estimation days than Patell's variance needs"


def _taken(case: PresetSample) -> int:
    """Degrees of freedom that the program takes off: 2, and one for each further factor."""
    return 2 + max(int(case.fitted.xtx_inv.shape[1]) - 2, 0)


def _s(case: PresetSample) -> Floats:
    """S = √(Σ AR² / (T − taken)), of market-adjusted returns about 0, (N,)."""
    squares: Floats = np.nansum(case.residuals**2, axis=1)
    return np.sqrt(squares / (case.n - _taken(case)))


def _forecast_errors(case: PresetSample) -> tuple[Floats, Floats]:
    """Stata's ``predict, stdf`` on the estimation rows and in the window, (N, E) and (N, L)."""
    fitted = case.fitted
    if isinstance(case.model, MarketAdjusted):
        # A regression on nothing: no coefficient is estimated, and none takes a degree.
        sd = np.sqrt(np.nansum(case.residuals**2, axis=1) / case.n)[:, None]
        return np.broadcast_to(sd, case.residuals.shape), np.broadcast_to(sd, case.ar.shape)
    inverse = fitted.xtx_inv
    factors = case.estimation_factors
    used = np.isfinite(case.residuals)[:, None, :]
    centred = factors - np.mean(factors, axis=2, where=used, keepdims=True)
    x = np.concatenate([np.ones((case.size, 1, factors.shape[2])), centred], axis=1)
    leverage = np.einsum("nie,nij,nje->ne", x, inverse, x)
    before: Floats = case.sigma[:, None] * np.sqrt(1.0 + leverage)
    return before, np.sqrt(fitted.ar_variance()[:, case.columns])


def _standardised(case: PresetSample) -> tuple[Floats, Floats]:
    """V = AR/√(s·stdf) of the estimation rows and of the window, (N, E) and (N, L)."""
    s = _s(case)[:, None]
    before, during = _forecast_errors(case)
    return case.residuals / np.sqrt(s * before), case.ar / np.sqrt(s * during)


def _scar(case: PresetSample) -> Floats:
    """Σ_s V_s/√s over the days s = 1..L of the window, (N,)."""
    _, during = _standardised(case)
    scar: Floats = (during / np.sqrt(np.arange(1, case.length + 1))).sum(axis=1)
    return scar


def _factor(case: PresetSample) -> float:
    """√((1−r̄)/(1+(N−1)r̄)) with N as the program counts it: from the pairs that it kept."""
    before, _ = _standardised(case)
    total, pairs = _correlations(before)
    if not pairs:
        return math.nan
    n = round(0.5 + math.sqrt(0.25 + pairs))
    return dependence_factor(total / pairs, n)


def _correlations(values: Floats) -> tuple[float, int]:
    """Sum and number of the correlations of ordered pairs on common days, none that is 1."""
    known = np.isfinite(values)
    v, present = np.where(known, values, 0.0), known.astype(np.float64)
    total, pairs = 0.0, 0
    # Every event with all others, so that memory does not grow with the square of the events.
    for own, here in zip(v, present, strict=True):
        common = present @ here
        mine, theirs = present @ own, v @ here
        cross = v @ own - mine * theirs / np.maximum(common, 1.0)
        one = present @ own**2 - mine**2 / np.maximum(common, 1.0)
        other = v**2 @ here - theirs**2 / np.maximum(common, 1.0)
        scale = np.sqrt(np.maximum(one, 0.0) * np.maximum(other, 0.0))
        sound = (common >= 2) & (scale > ROUNDING * np.sqrt((present @ own**2) * (v**2 @ here)))
        r = cross[sound] / scale[sound]
        kept = r < 1.0 - ROUNDING
        total, pairs = total + float(r[kept].sum()), pairs + int(kept.sum())
    return total, pairs


def _cars(case: PresetSample) -> Cars:
    return Cars(case.se, case.dof, two_sided(case.scar, case.dof))


def _patell(case: PresetSample, factor: float = 1.0) -> Value:
    dof = case.n - _taken(case)
    if dof.min() <= 2:
        return SHORT
    return float(_scar(case).sum() / math.sqrt((dof / (dof - 2)).sum())) * factor


def _bmp(case: PresetSample, factor: float = 1.0) -> Value:
    """T with the sessions of the estimation window that any event has, less what is taken off."""
    sessions = (case.fitted.residual_days >= 0).any(axis=0).sum()
    return over_error(_scar(case)) * factor, float(sessions - _taken(case))


def _grank(case: PresetSample) -> Value:
    """SCAR* = SCAR·factor/(sd/√N), ordinal ranks, U = rank/(n+1) − ½, t(T−2).

    T are the estimation rows with at least one event; S uses those rows alone, where Kolari &
    Pynnönen (2011) count the event's own among them.
    """
    scar = _scar(case)
    error = scar.std(ddof=1) / math.sqrt(case.size)
    scaled = scar * _factor(case) / error if error > 0 else np.full(case.size, np.nan)
    if not np.isfinite(scaled).all():
        return "the standardised CARs cannot be scaled"
    rows = np.hstack([case.residuals / _s(case)[:, None], scaled[:, None]])
    present = np.isfinite(rows)
    # Ordinal ranks: ties in the order of the rows; what is missing sorts last.
    ranks = np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1) + 1.0
    u = np.where(present, ranks / (present.sum(axis=1, keepdims=True) + 1.0) - 0.5, 0.0)
    count = present.sum(axis=0)
    means = u.sum(axis=0) / np.maximum(count, 1)
    t = int((count[:-1] > 0).sum())
    s = math.sqrt((count[:-1] / case.size * means[:-1] ** 2).sum() / t)
    z = means[-1] / s if s > 0 else math.nan
    if not z**2 < t - 1:
        return "Z² reaches its bound"
    return z * math.sqrt((t - 2) / (t - 1 - z**2)), t - 2


def _generalized_sign(case: PresetSample) -> Value:
    """p̂ pooled over all days of all firms, a residual of 0 half; a CAR of 0 is positive."""
    before = case.residuals[np.isfinite(case.residuals)]
    p = float((before > 0).mean() + (before == 0).mean() / 2)
    positive = int((case.car >= 0).sum())
    spread = math.sqrt(case.size * p * (1 - p))
    return (positive - case.size * p) / spread if spread else math.nan


PRESET = Preset(
    name="eventstudy2",
    package="eventstudy2 for Stata",
    statistics=(
        Statistic("patell_z", "Patell", _patell, least=1, note=RUNNING),
        Statistic(
            "adjusted_patell_z",
            "adjusted Patell",
            lambda case: _patell(case, _factor(case)),
            note="uses the factor √((1−r̄)/(1+(N−1)r̄)), which belongs to BMP",
        ),
        Statistic("bmp_t", "Boehmer", _bmp, note=RUNNING),
        Statistic(
            "kolari_pynnonen_t", "Kolari", lambda case: _bmp(case, _factor(case)), note=RUNNING
        ),
        Statistic("grank_t", "GRANK-T", _grank, note=RUNNING),
        Statistic("generalized_sign", "generalized sign", _generalized_sign, least=1),
    ),
    car=_cars,
    caar=mean_car,
    lead="kolari_pynnonen_t",
)
