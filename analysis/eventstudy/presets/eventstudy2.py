"""`eventstudy2` for Stata, by Kaspereit (2022).

Written from a description of its conventions; no printed output of it is at hand, so its
figures are checked against a plain transcription of that description in the tests, not
against the program. Day by day SAR = AR/(s·(1+h)^¼), h the leverage of the day, where the
forecast error asks for the root of 1+h; the SCAR of a window is Σ_s SAR_s/√s with s counting
its days, not the sum over √L. The factor of Kolari & Pynnönen corrects Patell's z too, and r̄
is taken in event time. Single CARs are not described; they keep the engine's forecast error.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.fitted import Floats
from analysis.eventstudy.intervals import two_sided
from analysis.eventstudy.outcome import Outcome, normal, student, undefined
from analysis.eventstudy.presets.case import Case
from analysis.eventstudy.presets.convention import (
    Cars,
    Preset,
    Statistic,
    dependence_factor,
    mean_car,
    over_error,
)

RUNNING = "weights the window's days by 1/√s, so that the first day counts most"


def _scar(case: Case) -> Floats:
    """Σ_s SAR_s/√s over the days s = 1..L of the window, (N,)."""
    columns = case.sample.columns
    # Forecast variance over s² is 1 + h.
    inflated = case.sample.fitted.ar_variance()[:, columns] / case.sigma[:, None] ** 2
    sar = case.ar / (case.sigma[:, None] * inflated**0.25)
    scar: Floats = (sar / np.sqrt(np.arange(1, case.length + 1))).sum(axis=1)
    return scar


def _cars(case: Case) -> Cars:
    se = case.sample.se
    return Cars(se, case.dof, two_sided(case.car / se, case.dof))


def _patell_z(case: Case) -> float:
    return float(_scar(case).sum() / math.sqrt((case.dof / (case.dof - 2)).sum()))


def _patell(case: Case) -> Outcome:
    if case.dof.min() <= 2:
        return undefined("", case.size, "an event has no more than 2 degrees of freedom")
    return normal("", _patell_z(case), case.size)


def _adjusted_patell(case: Case) -> Outcome:
    if case.dof.min() <= 2:
        return undefined("", case.size, "an event has no more than 2 degrees of freedom")
    factor = dependence_factor(case.rbar_event, case.size)
    return normal("", _patell_z(case) * factor, case.size)


def _bmp(case: Case) -> Outcome:
    """Referred to t(T−2), T the rows of the fullest estimation window."""
    return student("", over_error(_scar(case)), float(case.n.max()) - 2, case.size)


def _kolari_pynnonen(case: Case) -> Outcome:
    factor = dependence_factor(case.rbar_event, case.size)
    statistic = over_error(_scar(case)) * factor
    return student("", statistic, float(case.n.max()) - 2, case.size)


def _grank(case: Case) -> Outcome:
    """SCAR* = SCAR·factor/(sd/√N), ordinal ranks, U = rank/(T+2) − ½, t(T'−2).

    T' are the rows of event time with at least one event, the event's own among them.
    """
    scar = _scar(case)
    error = scar.std(ddof=1) / math.sqrt(case.size)
    factor = dependence_factor(case.rbar_event, case.size)
    scaled = scar * factor / error if error > 0 else np.full(case.size, np.nan)
    if not np.isfinite(scaled).all():
        return undefined("", case.size, "the standardised CARs cannot be scaled")
    rows = np.hstack([case.residuals / case.sigma[:, None], scaled[:, None]])
    present = np.isfinite(rows)
    # Ordinal ranks: ties in the order of the rows; what is missing sorts last.
    ranks = np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1) + 1.0
    u = np.where(present, ranks / (present.sum(axis=1, keepdims=True) + 1.0) - 0.5, 0.0)
    count = present.sum(axis=0)
    some = count > 0
    means = u.sum(axis=0) / np.maximum(count, 1)
    t = int(some.sum())
    s = math.sqrt((count / case.size * means**2).sum() / t)
    z = means[-1] / s if s > 0 else math.nan
    if not z**2 < t - 1:
        return undefined("", case.size, "Z² reaches its bound")
    return student("", z * math.sqrt((t - 2) / (t - 1 - z**2)), t - 2, case.size)


def _generalized_sign(case: Case) -> Outcome:
    """p̂ pooled over all days of all firms; a CAR or residual of 0 counts as positive."""
    before = case.residuals[np.isfinite(case.residuals)]
    p = float((before >= 0).mean())
    positive = int((case.car >= 0).sum())
    spread = math.sqrt(case.size * p * (1 - p))
    return normal("", (positive - case.size * p) / spread if spread else math.nan, case.size)


PRESET = Preset(
    name="eventstudy2",
    package="eventstudy2 for Stata",
    statistics=(
        Statistic("patell_z", "Patell", _patell, least=1, note=RUNNING),
        Statistic(
            "adjusted_patell_z",
            "adjusted Patell",
            _adjusted_patell,
            note="uses the factor √((1−r̄)/(1+(N−1)r̄)), which belongs to BMP",
        ),
        Statistic("bmp_t", "Boehmer", _bmp, note=RUNNING),
        Statistic("kolari_pynnonen_t", "Kolari", _kolari_pynnonen, note=RUNNING),
        Statistic("grank_t", "GRANK-T", _grank, note=RUNNING),
        Statistic("generalized_sign", "generalized sign", _generalized_sign, least=1),
    ),
    car=_cars,
    caar=mean_car,
    lead="kolari_pynnonen_t",
)
