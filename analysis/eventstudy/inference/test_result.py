"""The result of one test on one sample, and its p-value.

Every statistic in `parametric`, `ranks` and `signs` returns an `Outcome`, made by one of
the functions below; a statistic that cannot be had is NaN with a reason, never an error. Ranks
and signs are bounded: few events, or events that move together, may keep a test from 5 %
whatever happened. `registry` then leaves the p-value out and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.tolerances import ROUNDING

# A test that cannot reach this level says nothing where it does not reject.
LEVEL = 0.05


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
        Why there is no statistic or no p-value; empty when there are both.
    least : float
        Smallest p-value that the test can reach with as many events, ranked among the same
        estimation rows, whatever happened; 0 where there is no bound.
    """

    test: str
    statistic: float
    df: float
    p_value: float
    n: int
    reason: str = ""
    least: float = 0.0


def normal(test: str, statistic: float, n: int) -> Outcome:
    """Refer a statistic to N(0, 1), two-sided.

    The p-value is twice the upper tail, never one minus the distribution function: it
    keeps its digits where the latter has rounded to zero.
    """
    return student(test, statistic, math.nan, n)


def student(test: str, statistic: float, df: float, n: int) -> Outcome:
    """Refer a statistic to Student's t with `df` degrees of freedom, two-sided."""
    if not math.isfinite(statistic):
        return undefined(test, n, "the statistic is not a finite number")
    return Outcome(test, float(statistic), float(df), _two_sided(statistic, float(df)), n)


def bounded(outcome: Outcome, largest: float) -> Outcome:
    """Note the smallest p-value, which follows from the largest statistic in size."""
    if math.isnan(outcome.statistic):
        return outcome
    return replace(outcome, least=_two_sided(largest, outcome.df))


def within_reach(outcome: Outcome) -> Outcome:
    """Leave the p-value out where no sample could take it to 5 %, and say so.

    Statistic and degrees of freedom stay.
    """
    if math.isnan(outcome.p_value) or outcome.least <= LEVEL:
        return outcome
    events = "this event" if outcome.n == 1 else f"these {outcome.n} events"
    reason = (
        f"with {events} the smallest p this test can reach is {outcome.least:.3g}, "
        "whatever happened"
    )
    return replace(outcome, p_value=math.nan, reason=reason)


def _two_sided(statistic: float, df: float) -> float:
    """Twice the tail of Student's t, of N(0, 1) where df is NaN."""
    from scipy.special import ndtr, stdtr

    tail = ndtr(-abs(statistic)) if math.isnan(df) else stdtr(df, -abs(statistic))
    return 2.0 * float(tail)


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
