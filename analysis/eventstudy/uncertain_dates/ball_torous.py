"""The likelihood of an effect whose day is one of several: Ball & Torous (1988).

The notation is ours: the paper's random event date with an effect on the mean and on the
variance of the event day's return, for known weights of the days, several securities of one
event and windows of several days.

For event e with its m securities and candidate k, y_k is the vector of their CARs over the
window around k, D_k the diagonal of their forecast standard errors and R the correlation
matrix (1−ρ)I + ρ11', ρ the event's mean residual correlation. Without an event on day k,
y_k ~ N(0, D_k R D_k); with one, y_k ~ N(A·1, λ·D_k R D_k), λ ≥ 1. What the rows outside of
the true window say is the same under every candidate, so up to a constant ::

    ℓ(A, λ) = Σ_e log Σ_k w_ek · exp ℓ_ek
    ℓ_ek    = −(m/2)·log λ − (Q − 2Ab + A²a)/(2λ) + Q/2
    Q = z'R⁻¹z,  b = u'R⁻¹z,  a = u'R⁻¹u,  z = D⁻¹y,  u = D⁻¹1

and ℓ(0, 1) = 0. With one security and one day per window this is the paper's mixture of
normals. A window of L days says that the effect is spread evenly over them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from analysis.eventstudy.core.arrays import Floats, Ints

ITERATIONS = 2000
# A step of EM that changes no parameter by more than this, in its own unit, ends it.
CONVERGED = 1e-8


@dataclass(frozen=True)
class Moments:
    """What the likelihood needs of E events with up to K candidates, in B data sets.

    Attributes
    ----------
    q, b, a : (B, E, K) float
        The quadratic forms of the module's docstring; 0 where there is no candidate.
    size : (E,) float
        Securities of each event, m.
    log_weight : (E, K) float
        Logarithms of the prior weights; −∞ where there is no candidate.
    """

    q: Floats
    b: Floats
    a: Floats
    size: Floats
    log_weight: Floats


@dataclass(frozen=True)
class Likelihoods:
    """Maximum likelihood in B data sets.

    Attributes
    ----------
    effect, ratio : (B,) float
        The effect A (decimal, as the CARs) and the variance ratio λ.
    top, null : (B,) float
        ℓ at its maximum, and at its maximum with A = 0.
    """

    effect: Floats
    ratio: Floats
    top: Floats
    null: Floats

    @property
    def statistic(self) -> Floats:
        """Likelihood ratio of A = 0 against any A, λ free in both: 2·(ℓ₁ − ℓ₀)."""
        return np.maximum(2.0 * (self.top - self.null), 0.0)


def moments(car: Floats, se: Floats, event: Ints, rho: Floats, weight: Floats) -> Moments:
    """Sum the CARs of the securities into the quadratic forms of their events.

    Parameters
    ----------
    car, se : (B, P, K) float
        CARs of P pairs of event and security at every candidate, and their standard errors;
        NaN where the event has fewer candidates.
    event : (P,) int
        Event of each pair, ascending from 0 without a gap.
    rho : (E,) float
        Correlation within each event, 0 ≤ ρ < 1.
    weight : (E, K) float
        Prior weights; 0 where there is no candidate.
    """
    there = np.isfinite(car)
    u = np.where(there, 1.0 / np.where(there, se, 1.0), 0.0)
    z = np.where(there, car, 0.0) * u
    starts = np.flatnonzero(np.diff(event, prepend=-1))
    size = np.diff(np.append(starts, len(event))).astype(np.float64)
    # R⁻¹ = (I − ρ/(1 + (m−1)ρ)·11')/(1−ρ): Sherman & Morrison (1950).
    shared = (rho / (1.0 + (size - 1.0) * rho))[:, None]
    alone = (1.0 - rho)[:, None]

    def form(left: Floats, right: Floats) -> Floats:
        product = np.add.reduceat(left * right, starts, axis=1)
        sums = np.add.reduceat(left, starts, axis=1) * np.add.reduceat(right, starts, axis=1)
        return np.asarray((product - shared * sums) / alone)

    log_weight = np.log(weight, out=np.full(weight.shape, -np.inf), where=weight > 0)
    return Moments(form(z, z), form(u, z), form(u, u), size, log_weight)


def maximise(data: Moments) -> Likelihoods:
    """Maximise the likelihood of every data set, with and without an effect.

    Expectation and maximisation: given the posterior weights q_ek of the candidates,
    A = Σ q·b/Σ q·a and λ = max(1, Σ q·(Q − 2Ab + A²a)/Σ m): Dempster, Laird & Rubin (1977).
    It begins at three effects (each event at its most positive candidate, at its most
    negative one, and at the weighted mean) and keeps the highest end.
    """
    ends = [_climb(data, effect, ratio, free=True) for effect, ratio in _starts(data)]
    best = np.argmax([end[2] for end in ends], axis=0)
    rows = np.arange(len(best))
    effect, ratio, top = (np.stack([end[part] for end in ends])[best, rows] for part in range(3))
    zero = np.zeros(len(best))
    nulls = [_climb(data, zero, np.full(len(best), start), free=False)[2] for start in (1.0, 4.0)]
    null = np.maximum(*nulls)
    # The null is a point of the larger family, so the top is never below it.
    return Likelihoods(effect, ratio, np.maximum(top, null), null)


def posterior(data: Moments, effect: Floats, ratio: Floats) -> Floats:
    """Posterior weights of the candidates, (B, E, K), at given A and λ."""
    return _expect(data, effect, ratio)[0]


def standard_error(data: Moments, effect: float, ratio: float) -> float:
    """Standard error of the effect from the observed information of the first data set.

    With the gradient g_ek and Hessian H_ek of ℓ_ek in (A, λ), the information is
    −Σ_e [E(H) + E(gg') − E(g)E(g)'], E over the posterior weights: Louis (1982). At λ = 1,
    its bound, λ counts as known.

    NaN where the information is not positive.
    """
    at = np.array([effect]), np.array([ratio])
    weight = posterior(data, *at)[0]
    q, b, a, size = data.q[0], data.b[0], data.a[0], data.size[:, None]
    rest, score = q - 2.0 * effect * b + effect**2 * a, b - effect * a
    gradient = np.stack([score / ratio, (rest / ratio - size) / (2.0 * ratio)])
    cross = -score / ratio**2
    hessian = np.array([[-a / ratio, cross], [cross, (size / 2.0 - rest / ratio) / ratio**2]])
    mean = np.einsum("iek,ek->ie", gradient, weight)
    information = (
        mean @ mean.T
        - np.einsum("iek,jek,ek->ij", gradient, gradient, weight)
        - np.einsum("ijek,ek->ij", hessian, weight)
    )
    if ratio <= 1.0 + CONVERGED:
        information = information[:1, :1]
    if not (np.linalg.eigvalsh(information) > 0).all():
        return math.nan
    return math.sqrt(float(np.linalg.inv(information)[0, 0]))


def chi_square_tail(statistic: float) -> float:
    """P(χ²₁ > x), the reference of the likelihood ratio of A = 0.

    The score of A is odd in the returns and that of λ even, so the two are independent and
    the bound on λ does not touch this reference.
    """
    return float(chdtrc(1, statistic))


def bounded_tail(statistic: float) -> float:
    """½·P(χ²₁ > x) + ½·P(χ²₂ > x), the reference of A = 0 and λ = 1 together.

    λ = 1 lies on its bound: Self & Liang (1987, case 6).
    """
    return float(0.5 * chdtrc(1, statistic) + 0.5 * chdtrc(2, statistic))


def _starts(data: Moments) -> list[tuple[Floats, Floats]]:
    weight = np.exp(data.log_weight)
    there = weight > 0
    scaled = data.b / np.sqrt(np.where(there, data.a, 1.0))
    one = np.ones(len(data.b))
    found = [(_ratio_of(weight * data.b, weight * data.a), 2.0 * one)]
    for pick in (
        np.argmax(np.where(there, scaled, -np.inf), axis=2),
        np.argmin(np.where(there, scaled, np.inf), axis=2),
    ):
        b = np.take_along_axis(data.b, pick[:, :, None], axis=2)
        a = np.take_along_axis(data.a, pick[:, :, None], axis=2)
        found.append((_ratio_of(b, a), one))
    return found


def _ratio_of(b: Floats, a: Floats) -> Floats:
    return np.asarray(b.sum(axis=(1, 2)) / a.sum(axis=(1, 2)))


def _climb(
    data: Moments, effect: Floats, ratio: Floats, *, free: bool
) -> tuple[Floats, Floats, Floats]:
    """Climb from a start in every data set; those that stand still are left alone."""
    effect, ratio = effect.copy(), ratio.copy()
    active = np.arange(len(effect))
    part = data
    total = data.size.sum()
    for _ in range(ITERATIONS):
        weight, _ = _expect(part, effect[active], ratio[active])
        new = np.zeros(len(active))
        if free:
            new = _ratio_of(weight * part.b, weight * part.a)
        rest = part.q - 2.0 * new[:, None, None] * part.b + (new**2)[:, None, None] * part.a
        spread = np.maximum((weight * rest).sum(axis=(1, 2)) / total, 1.0)
        # In units of its standard error were the dates known, the step of A has no unit.
        unit = np.sqrt((weight * part.a).sum(axis=(1, 2)))
        step = np.maximum(np.abs(new - effect[active]) * unit, np.abs(spread / ratio[active] - 1.0))
        effect[active], ratio[active] = new, spread
        going = step > CONVERGED
        if not going.any():
            break
        if not going.all():
            active = active[going]
            part = Moments(part.q[going], part.b[going], part.a[going], part.size, part.log_weight)
    return effect, ratio, _expect(data, effect, ratio)[1]


def _expect(data: Moments, effect: Floats, ratio: Floats) -> tuple[Floats, Floats]:
    """Posterior weights (B, E, K) and log-likelihood (B,)."""
    A, lam = effect[:, None, None], ratio[:, None, None]
    rest = data.q - 2.0 * A * data.b + A**2 * data.a
    log = data.log_weight - (data.size[:, None] * np.log(lam) + rest / lam - data.q) / 2.0
    top = log.max(axis=2, keepdims=True)
    weight = np.exp(log - top)
    sums = weight.sum(axis=2, keepdims=True)
    return weight / sums, (top + np.log(sums)).sum(axis=(1, 2))
