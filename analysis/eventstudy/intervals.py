"""Student's t on single events, and the interval of a CAAR whose events move together."""

from __future__ import annotations

import math

import numpy as np

from analysis.errors import InputError
from analysis.eventstudy.fitted import Floats, Sample


def two_sided(statistic: Floats, df: Floats) -> Floats:
    """Two-sided p-values of Student's t, from the tail so that no digit is lost."""
    from scipy.special import stdtr

    p: Floats = 2.0 * stdtr(df, -np.abs(statistic))
    return p


def caar_interval(sample: Sample, rbar: float, level: float) -> tuple[float, float, float]:
    """Standard error and confidence interval of a CAAR under cross-sectional dependence.

    The tests of Boehmer, Musumeci & Poulsen (1991) and Kolari & Pynnönen (2010) let the
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
    sample : Sample
        N events.
    rbar : float
        Mean residual correlation, see `dependence.rbar`.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    se, low, high : float
        Decimal returns; NaN with fewer than 2 events, r̄ ≥ 1, or a bracket that is not
        positive.

    Raises
    ------
    InputError
        A level that is none.
    """
    from scipy.special import stdtrit

    if not 0.0 < level < 1.0:
        raise InputError(f"level must lie between 0 and 1, for instance 0.95, not {level!r}.")
    n, sigma = sample.size, sample.se
    if n < 2 or not rbar < 1.0:
        return math.nan, math.nan, math.nan
    bracket = (1.0 - rbar) * float(sigma @ sigma) + rbar * float(sigma.sum()) ** 2
    if bracket <= 0:
        return math.nan, math.nan, math.nan
    shared = float(sample.scar.var(ddof=1)) / (1.0 - rbar)
    se = math.sqrt(shared * bracket) / n
    caar, reach = float(sample.car.mean()), float(stdtrit(n - 1, 0.5 + level / 2)) * se
    return se, caar - reach, caar + reach
