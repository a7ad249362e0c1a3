"""Student's t on single events, and the interval of a CAAR whose events move together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import WindowSample, window_sample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.parametric import SAME_SCAR, unusable
from analysis.eventstudy.inference.test_result import spread
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.inputs.options import check_level

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

METHODS = ("kolari_pynnonen", "cross_sectional")


def two_sided(statistic: Floats, df: Floats) -> Floats:
    """Two-sided p-values of Student's t, from the tail so that no digit is lost."""
    from scipy.special import stdtr

    p: Floats = 2.0 * stdtr(df, -np.abs(statistic))
    return p


def caar_interval(sample: WindowSample, rbar: float, level: float) -> tuple[float, float, float]:
    """Standard error and confidence interval of a CAAR under cross-sectional dependence.

    The tests of Boehmer, Musumeci & Poulsen (1991) and Kolari & Pynnönen (2010, eq. 10) let the
    events' standardised CARs share a variance v that the event may raise, and a correlation
    r̄. Their spread across events estimates v·(1−r̄), so v = sd²/(1−r̄). Written back into
    returns by the forecast standard errors σ_i (CAR_i = σ_i·SCAR_i)::

        Var(CAAR) = v/N² · [(1−r̄)·Σσ_i² + r̄·(Σσ_i)²]

    With equal σ_i this is σ²·sd²/N · (1+(N−1)r̄)/(1−r̄), and CAAR over its root is exactly
    the Kolari–Pynnönen t; with unequal ones the interval belongs to the plain average of
    the CARs, the test to the average of the standardised ones, and the two can differ a
    little at the margin. Quantiles are Student's t with N−1 degrees of freedom.

    Parameters
    ----------
    sample : WindowSample
        N events.
    rbar : float
        Mean residual correlation, see `mean_correlation.rbar`.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    se, low, high : float
        Decimal returns; NaN with fewer than 2 events, an r̄ under which the test is not
        defined either, SCARs that are all the same, or a bracket that is not positive.

    Raises
    ------
    InputError
        A level that is none.
    """
    from scipy.special import stdtrit

    check_level(level)
    n, sigma = sample.size, sample.se
    if n < 2 or unusable(rbar, n) or spread(sample.scar) == 0:
        return math.nan, math.nan, math.nan
    bracket = (1.0 - rbar) * float(sigma @ sigma) + rbar * float(sigma.sum()) ** 2
    if bracket <= 0:
        return math.nan, math.nan, math.nan
    shared = float(sample.scar.var(ddof=1)) / (1.0 - rbar)
    se = math.sqrt(shared * bracket) / n
    caar, reach = float(sample.car.mean()), float(stdtrit(n - 1, 0.5 + level / 2)) * se
    return se, caar - reach, caar + reach


def caar_path(results: FittedStudy, group: str | None, level: float) -> pd.DataFrame:
    """Cumulate the CAAR day by day with its band, see `EventStudyResults.caar_path`."""
    first, last = results.study.window
    _, whole = results.sample(results.study.window, group)
    fitted = results.fitted.take(whole)
    rows = []
    for day in range(first, last + 1):
        sample, _ = window_sample(fitted, (first, day))
        band = caar_interval(sample, rbar(sample, results.study.rbar), level)
        rows.append((day, _mean(sample.car), *band, sample.size))
    return pd.DataFrame(rows, columns=["day", "caar", "se", "low", "high", "n"])


def interval_table(
    results: FittedStudy, windows: list[Window], level: float, method: str
) -> pd.DataFrame:
    """Tabulate the intervals of CARs and CAARs, see `EventStudyResults.intervals`."""
    check_level(level)
    if method not in METHODS:
        raise unknown_name("method", str(method), METHODS)
    parts = [_cars(results, window, level) for window in windows]
    parts += [
        _caar(results, window, group, level, method)
        for group in results.groups
        for window in windows
    ]
    return pd.concat(parts, ignore_index=True)


def _cars(results: FittedStudy, window: Window, level: float) -> pd.DataFrame:
    from scipy.special import stdtrit

    sample, members = results.sample(window)
    df = sample.fitted.dof
    reach = stdtrit(df, 0.5 + level / 2) * sample.se
    index = results.index[members]
    return pd.DataFrame(
        {
            "kind": "car",
            "group": pd.Series(None, index=range(sample.size), dtype="str"),
            "event_id": index.get_level_values("event_id"),
            "security": index.get_level_values("security"),
            "window_start": window[0],
            "window_end": window[1],
            "estimate": sample.car,
            "se": sample.se,
            "df": df,
            "low": sample.car - reach,
            "high": sample.car + reach,
            "n": 1,
            "reason": "",
        }
    )


def _caar(
    results: FittedStudy, window: Window, group: str, level: float, method: str
) -> pd.DataFrame:
    sample, _ = results.sample(window, group)
    correlation = 0.0
    if method == "cross_sectional":
        band = _independent(sample, level)
    else:
        correlation = rbar(sample, results.study.rbar)
        band = caar_interval(sample, correlation, level)
    whole = math.isfinite(band[0])
    return pd.DataFrame(
        {
            "kind": ["caar"],
            "group": [group],
            "event_id": [None],
            "security": [None],
            "window_start": [window[0]],
            "window_end": [window[1]],
            "estimate": [_mean(sample.car)],
            "se": [band[0]],
            "df": [sample.size - 1.0 if whole else math.nan],
            "low": [band[1]],
            "high": [band[2]],
            "n": [sample.size],
            "reason": ["" if whole else _why_none(sample, correlation)],
        }
    )


def _independent(sample: WindowSample, level: float) -> tuple[float, float, float]:
    """Mean CAR ± t·sd/√N, t(N−1). Source: Brown & Warner (1980)."""
    from scipy.special import stdtrit

    n = sample.size
    if n < 2:
        return math.nan, math.nan, math.nan
    se = float(sample.car.std(ddof=1)) / math.sqrt(n)
    caar, reach = float(sample.car.mean()), float(stdtrit(n - 1, 0.5 + level / 2)) * se
    return se, caar - reach, caar + reach


def _why_none(sample: WindowSample, correlation: float) -> str:
    if sample.size < 2:
        return f"needs at least 2 events, has {sample.size}"
    if problem := unusable(correlation, sample.size):
        return problem
    if spread(sample.scar) == 0:
        return SAME_SCAR
    return f"the mean residual correlation of {correlation:.3g} leaves no positive variance"


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
