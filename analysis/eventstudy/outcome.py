"""What one test says about one sample: the record, and how its p-value is drawn.

Every statistic in `parametric`, `ranks` and `signs` returns an `Outcome`, made by one of
the functions below; a statistic that cannot be had is NaN with a reason, never an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.fitted import Floats

# Values closer to each other than this, relative to the largest, differ by rounding alone.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Outcome:
    """A test of the hypothesis that the events had no effect in a window.

    Attributes
    ----------
    test : str
        Name of the test, as pinned.
    statistic : float
        Its value; NaN where it is not defined.
    df : float
        Degrees of freedom of Student's t; NaN for the standard normal and for exact tests.
    p_value : float
        Two-sided.
    n : int
        Events used.
    reason : str
        Why there is no statistic; empty when there is one.
    """

    test: str
    statistic: float
    df: float
    p_value: float
    n: int
    reason: str = ""


def normal(test: str, statistic: float, n: int) -> Outcome:
    """Refer a statistic to N(0, 1), two-sided.

    The p-value is twice the upper tail, never one minus the distribution function: it
    keeps its digits where the latter has rounded to zero.
    """
    from scipy.special import ndtr

    if not math.isfinite(statistic):
        return undefined(test, n, "the statistic is not a finite number")
    return Outcome(test, float(statistic), math.nan, float(2.0 * ndtr(-abs(statistic))), n)


def student(test: str, statistic: float, df: float, n: int) -> Outcome:
    """Refer a statistic to Student's t with `df` degrees of freedom, two-sided."""
    from scipy.special import stdtr

    if not math.isfinite(statistic):
        return undefined(test, n, "the statistic is not a finite number")
    tail = float(stdtr(df, -abs(statistic)))
    return Outcome(test, float(statistic), float(df), 2.0 * tail, n)


def undefined(test: str, n: int, reason: str) -> Outcome:
    """Say why a test has no statistic for this sample."""
    return Outcome(test, math.nan, math.nan, math.nan, n, reason)


def too_few(test: str, n: int, least: int) -> Outcome:
    """Say that a test needs more events."""
    events = "event" if least == 1 else "events"
    return undefined(test, n, f"needs at least {least} {events}, has {n}")


def spread(values: Floats) -> float:
    """Standard deviation across events (ddof 1); exactly 0 where only rounding differs.

    Parameters
    ----------
    values : (N,) float
        At least two, all finite.
    """
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return 0.0
    return float(values.std(ddof=1))
