"""Sign tests, and Wilcoxon's signed ranks across events: no distribution is assumed.

All three take the events for independent. `registry` runs them.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.inference.estimation_pass import EstimationStatistics, collect
from analysis.eventstudy.inference.joint_ranks import midranks
from analysis.eventstudy.inference.test_result import Outcome, bounded, normal, too_few, undefined

# Up to here Wilcoxon's statistic is referred to its exact distribution.
MOST_EXACT = 50


def sign(sample: WindowSample) -> Outcome:
    """Test whether half of the CARs are positive.

    z = (w − N/2) / √(N/4), w the number of strictly positive CARs; N(0, 1). A CAR of 0
    counts in N and is not positive.

    Source: Cowan (1992, pp. 345–346) with p̂ = ½.
    """
    n = sample.size
    if n < 1:
        return too_few("sign", n, 1)
    return bounded(normal("sign", _sign_statistic(sample, 0.5), n), _all_one_sign(n, 0.5))


def generalized_sign(sample: WindowSample, history: EstimationStatistics | None = None) -> Outcome:
    """Test whether CARs are positive as often as abnormal returns were before the events.

    z = (w − N·p̂) / √(N·p̂(1−p̂)), w the number of strictly positive CARs and p̂ the mean
    over events of the share of positive abnormal returns in the estimation window; N(0, 1).

    Source: Cowan (1992, pp. 345–346).
    """
    n = sample.size
    if n < 1:
        return too_few("generalized_sign", n, 1)
    positive = (history or collect(sample, ["generalized_sign"])).positive
    if np.isnan(positive).any():
        return undefined("generalized_sign", n, "an event has no estimation day")
    share = float(positive.mean())
    if share in (0.0, 1.0):
        which = "no" if share == 0.0 else "every"
        return undefined(
            "generalized_sign", n, f"{which} abnormal return of the estimation windows is positive"
        )
    outcome = normal("generalized_sign", _sign_statistic(sample, share), n)
    return bounded(outcome, _all_one_sign(n, share))


def wilcoxon(sample: WindowSample) -> Outcome:
    """Wilcoxon's signed-rank test on the CARs.

    W = min(Σ_{CAR>0} R_i, Σ_{CAR<0} R_i), R the ranks of |CAR| with ties at their mean rank
    and zeros dropped. Exact for N ≤ 50 without ties or zeros, else, n CARs being left,
    z = (W − n(n+1)/4) / √(n(n+1)(2n+1)/24 − Σ(t³−t)/48), N(0, 1), t the sizes of the tied
    groups, without continuity correction.

    Source: Wilcoxon (1945, pp. 80–83), the paired comparisons.
    """
    n = sample.size
    if n < 1:
        return too_few("wilcoxon", n, 1)
    car = sample.car[sample.car != 0]
    if len(car) == 0:
        return undefined("wilcoxon", n, "every CAR is zero")
    size = np.abs(car)
    ranks = midranks(size[None, :])[0]
    positive = float(ranks[car > 0].sum())
    w = min(positive, len(car) * (len(car) + 1) / 2 - positive)
    ties = np.unique(size, return_counts=True)[1].astype(np.float64)
    if n <= MOST_EXACT and len(car) == n and len(ties) == n:
        p_value, least = (_exact_p_value(one, n) for one in (w, 0.0))
    else:
        p_value, least = (_normal_p_value(one, len(car), ties) for one in (w, 0.0))
    return Outcome("wilcoxon", w, math.nan, p_value, n, least=least)


def _all_one_sign(n: int, p: float) -> float:
    """Largest size of the sign statistic: all N CARs positive, or none."""
    return math.sqrt(n * max((1.0 - p) / p, p / (1.0 - p)))


def _sign_statistic(sample: WindowSample, p: float) -> float:
    """Excess of positive CARs over N·p, in standard deviations of the binomial."""
    positive = int((sample.car > 0).sum())
    return (positive - sample.size * p) / math.sqrt(sample.size * p * (1.0 - p))


def _exact_p_value(w: float, n: int) -> float:
    """Twice the share of the 2ⁿ signings of the ranks 1..n whose rank sum is at most w."""
    ways = np.zeros(n * (n + 1) // 2 + 1, dtype=np.int64)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return min(1.0, 2.0 * float(ways[: round(w) + 1].sum()) / 2.0**n)


def _normal_p_value(w: float, n: int, ties: Floats) -> float:
    """Two-sided p-value of W for n non-zero CARs, `ties` the sizes of the tied groups."""
    from scipy.special import ndtr

    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties**3 - ties).sum()) / 48
    return float(2.0 * ndtr(-abs(w - n * (n + 1) / 4) / math.sqrt(variance)))
