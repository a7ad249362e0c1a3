"""`eventstudy` for Python, by Lemaire (0.1).

Residual variance with the divisor T, no forecast error, T−1 degrees of freedom whatever the
model, and p-values of one side: t on the side on which the CAR lies. The average's variance
is Σ var_i/N², its degrees of freedom Σ(T_i−1). Constant-mean variance is taken over the
estimation and the event window together. The single CARs reproduce the table in its own
notebook for Apple in January 2007, see tests/conformance; for the average no printed output
of which the data are at hand exists.

By default that package takes 300 estimation rows that end 30 rows before the window, and
moves an event to the next row within four days; here both are the caller's. Its returns from
prices divide by today's price; here returns are as given. Its rank and sign tests are not
described, so they are not here.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.intervals import two_sided
from analysis.eventstudy.inference.test_result import student
from analysis.eventstudy.models.linear import FactorModel, MarketModel, MeanAdjusted
from analysis.eventstudy.presets.case import PresetSample
from analysis.eventstudy.presets.convention import (
    Cars,
    Preset,
    Statistic,
    Value,
    mean_car,
)

ONE_SIDED = "the p-value is one-sided, half the usual one"


def _variance(case: PresetSample) -> Floats:
    """Variance of one abnormal return of each event, divisor T, (N,)."""
    if isinstance(case.model, MeanAdjusted):
        whole = np.hstack([case.residuals, case.fitted.ar])
        together: Floats = np.nanvar(whole, axis=1)
        return together
    return case.rss / case.n


def _cars(case: PresetSample) -> Cars:
    se: Floats = np.sqrt(case.length * _variance(case))
    df = case.n - 1
    return Cars(se, df, two_sided(case.car / se, df) / 2)


def _aggregate(case: PresetSample) -> Value:
    """CAAR / √(L·Σvar_i/N²), t with Σ(T_i−1) degrees of freedom, one side."""
    sd = math.sqrt(case.length * _variance(case).sum()) / case.size
    if not sd > 0:
        return "the abnormal returns never vary"
    t, df = float(case.car.mean()) / sd, float((case.n - 1).sum())
    two_sided_outcome = student("aggregate_t", t, df, case.size)
    return replace(two_sided_outcome, p_value=two_sided_outcome.p_value / 2)


PRESET = Preset(
    name="lemaire",
    package="Lemaire's eventstudy for Python",
    statistics=(Statistic("aggregate_t", "T-stat", _aggregate, least=1, note=ONE_SIDED),),
    car=_cars,
    caar=mean_car,
    lead="aggregate_t",
    models=(MeanAdjusted, MarketModel, FactorModel),
)
