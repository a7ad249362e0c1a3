"""Tests of a mean whose values are skewed, as buy-and-hold abnormal returns are.

A winner can gain many times its price, a loser can lose it once: the plain t of a mean of such
values finds too few gains and too many losses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inference.test_result import Outcome, spread, student, too_few, undefined

CROSS, JOHNSON, BOOTSTRAPPED = "cross_sectional_t", "johnson_t", "bootstrapped_johnson_t"
SAME = "the value is the same for every event"
# Resamples of a quarter of the events must have a spread and a skewness of their own.
LEAST_RESAMPLE = 5
# Cells (draws × events) that are drawn at once.
CELLS = 1 << 21


@dataclass(frozen=True)
class MeanTest:
    """A test of a mean, and the interval that goes with it.

    Attributes
    ----------
    outcome : Outcome
    low, high : float
        The means that the test does not reject; infinite where the test cannot close the
        interval, NaN where there is no test.
    """

    outcome: Outcome
    low: float = math.nan
    high: float = math.nan


def cross_sectional_t(values: Floats, level: float) -> MeanTest:
    """Test a mean by its spread across events: mean/(sd/√n), ddof 1, t(n−1).

    Takes the events for independent and the mean for normal.

    Source: Barber & Lyon (1997).
    """
    if problem := _unusable(CROSS, values):
        return problem
    n, mean, error = len(values), float(values.mean()), spread(values) / math.sqrt(len(values))
    reach = _quantile(n - 1, level) * error
    return MeanTest(student(CROSS, mean / error, n - 1, n), mean - reach, mean + reach)


def johnson_t(values: Floats, level: float) -> MeanTest:
    """Test a mean by the t that is corrected for skewness.

    t = √n·(S + γS²/3 + γ/(6n)), S = mean/sd (ddof 1), γ = Σ(x − mean)³/(n·sd³); t(n−1). The
    interval holds the means that this does not reject. Takes the events for independent.

    Notes
    -----
    The correction is a parabola in S: beyond S = −3/(2γ) it turns round and falls as the mean
    moves further from zero. There is no statistic there, and a reason.

    Source: Johnson (1978); Lyon, Barber & Tsai (1999, eq. 5, pp. 173–175).
    """
    if problem := _unusable(JOHNSON, values) or _turned(JOHNSON, values):
        return problem
    n, reach = len(values), _quantile(len(values) - 1, level)
    outcome = student(JOHNSON, _statistic(*_moments(values), n), n - 1, n)
    return MeanTest(outcome, *_invert(values, -reach, reach))


def bootstrapped_johnson_t(
    values: Floats, level: float, *, draws: int, share: float, seed: int
) -> MeanTest:
    """Refer Johnson's t to its own bootstrap distribution.

    Resamples of ⌊share·n⌋ events with replacement; in each t_b as in `johnson_t` with
    S_b = (mean_b − mean)/sd_b and γ_b. The statistic is that of all n events; two-sided
    p = 2·min(1 + #{t_b ≤ t}, 1 + #{t_b ≥ t})/(B+1). The interval holds the means that this
    does not reject. Takes the events for independent.

    Parameters
    ----------
    values : (n,) float
    level : float
        Confidence level of the interval.
    draws : int
        B.
    share : float
        Of the events, in each resample; Lyon, Barber & Tsai take a quarter.
    seed : int

    Notes
    -----
    A resample without any spread has no t and is not counted.

    Source: Lyon, Barber & Tsai (1999, section II.B, pp. 173–175); Sutton (1993).
    """
    if problem := _unusable(BOOTSTRAPPED, values) or _turned(BOOTSTRAPPED, values):
        return problem
    n, size = len(values), int(share * len(values))
    if size < LEAST_RESAMPLE:
        small = f"resamples of {size} of {n} events are too small, at least {LEAST_RESAMPLE} "
        return MeanTest(undefined(BOOTSTRAPPED, n, f"{small}are needed"))
    drawn = np.sort(np.concatenate(list(_draw(values, draws, size, seed))))
    usable = len(drawn)
    tail = int((1.0 - level) / 2.0 * (usable + 1) + 1e-9)
    if tail < 1:
        return MeanTest(undefined(BOOTSTRAPPED, n, f"{usable} draws are too few for {level:g}"))
    statistic = _statistic(*_moments(values), n)
    below = int(np.searchsorted(drawn, statistic, side="right"))
    above = usable - int(np.searchsorted(drawn, statistic, side="left"))
    p = min(1.0, 2.0 * (1 + min(below, above)) / (usable + 1))
    outcome = Outcome(BOOTSTRAPPED, statistic, math.nan, p, n)
    return MeanTest(outcome, *_invert(values, float(drawn[tail - 1]), float(drawn[usable - tail])))


def _draw(values: Floats, draws: int, size: int, seed: int) -> Iterator[Floats]:
    """Draw Johnson's t of resamples about the mean of all."""
    generator, mean = np.random.default_rng(seed), values.mean()
    # In units of the spread no power under- or overflows.
    scaled = (values - mean) / spread(values)
    step = max(1, CELLS // size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        x = scaled[generator.integers(0, len(values), (count, size))]
        x = x[np.ptp(x, axis=1) > 0]
        centre = x.mean(axis=1)
        x -= centre[:, None]
        squares = x * x
        sd = np.sqrt(squares.sum(axis=1) / (size - 1))
        gamma = (squares * x).sum(axis=1) / (size * sd**3)
        s = centre / sd
        yield math.sqrt(size) * (s + gamma * s**2 / 3.0 + gamma / (6.0 * size))


def _unusable(name: str, values: Floats) -> MeanTest | None:
    if len(values) < 2:
        return MeanTest(too_few(name, len(values), 2))
    if spread(values) == 0:
        return MeanTest(undefined(name, len(values), SAME))
    return None


def _turned(name: str, values: Floats) -> MeanTest | None:
    s, gamma = _moments(values)
    if 1.0 + 2.0 * gamma * s / 3.0 > 0:
        return None
    reason = (
        f"the mean lies {abs(s):.3g} standard deviations from 0 with skewness {gamma:.3g}: "
        "too far for the correction, which turns round there"
    )
    return MeanTest(undefined(name, len(values), reason))


def _moments(values: Floats) -> tuple[float, float]:
    """S and γ, see `johnson_t`."""
    mean, sd = float(values.mean()), spread(values)
    return mean / sd, float((((values - mean) / sd) ** 3).mean())


def _statistic(s: float, gamma: float, n: int) -> float:
    return math.sqrt(n) * (s + gamma * s**2 / 3.0 + gamma / (6.0 * n))


def _invert(values: Floats, lowest: float, highest: float) -> tuple[float, float]:
    """Means at which Johnson's t lies between two bounds, on the branch that rises.

    With q = c/√n − γ/(6n) the root of γS²/3 + S = q is S = 2q/(1 + √(1 + 4γq/3)); a bound
    that the parabola does not reach leaves that side open.
    """
    n, mean, sd = len(values), float(values.mean()), spread(values)
    _, gamma = _moments(values)

    def root(bound: float) -> float:
        q = bound / math.sqrt(n) - gamma / (6.0 * n)
        inner = 1.0 + 4.0 * gamma * q / 3.0
        if inner < 0:
            return -math.inf if gamma > 0 else math.inf
        return 2.0 * q / (1.0 + math.sqrt(inner))

    return mean - sd * root(highest), mean - sd * root(lowest)


def _quantile(df: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2.0))
