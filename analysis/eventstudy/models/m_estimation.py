"""Regression by M-estimation, many small ones at once: Huber's norm and Tukey's bisquare.

`robust.RobustModel` calls it on standardised blocks; the tests hold it against statsmodels'
RLM, regression by regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.models.least_squares import NO_MIDDLE, NOT_CONVERGED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.eventstudy.core.arrays import Bools, Floats, Ints

# The median of |z| under a standard normal distribution.
NORMAL_MEDIAN = 0.6744897501960817
TOLERANCE, MOST_STEPS = 1e-11, 500
# Below this share of s the median residual is rounding.
NO_SCALE = 1e-10
# Smallest eigenvalue of the weighted regressors' correlations that still tells them apart.
SINGULAR = 1e-12


@dataclass(frozen=True)
class Norm:
    """An M-estimator by its weights ψ(z)/z and the derivative of ψ."""

    weights: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]


NORMS = {
    # 95 % efficient under a normal distribution: Huber (1964); Beaton & Tukey (1974).
    "huber": Norm(
        lambda z: 1.345 / np.maximum(np.abs(z), 1.345),
        lambda z: (np.abs(z) <= 1.345).astype(np.float64),
    ),
    "bisquare": Norm(
        lambda z: np.maximum(1 - (z / 4.685) ** 2, 0.0) ** 2,
        lambda z: np.maximum(1 - (z / 4.685) ** 2, 0.0) * (1 - 5 * (z / 4.685) ** 2),
    ),
}


def m_estimate(
    y: Floats, x: Floats, usable: Bools, norm: str
) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Reweighted least squares with the scale brought up to date in every step.

    Parameters
    ----------
    y : (N, E) float
        In units of the least-squares s, 0 where not usable.
    x : (N, E, k) float
        With the constant, 0 where not usable.
    usable : (N, E) bool
    norm : str
        A key of `NORMS`.

    Returns
    -------
    (N, k) float
        Coefficients.
    (N, k, k) float
        Their covariance, with psi' and its variance over the rows:
        K²·[σ̂²/(T−k)·Σψ²]/[mean ψ']²·(X'X)⁻¹, K = 1 + (k/T)·var(ψ')/mean(ψ')².
    (N,) int
        0, or a key of `least_squares.FIT_FAILURES`.

    Source: Huber (1964); the covariance: Huber (1973; 1981, section 7.6), statsmodels'
    ``cov="H1"``.
    """
    shape = NORMS[norm]
    n = usable.sum(axis=1)
    coefficients = _solve(x, usable.astype(np.float64), y)
    scale = _scale(y, x, usable, n, coefficients)
    flaws = np.where(scale <= NO_SCALE, NO_MIDDLE, NOT_CONVERGED).astype(np.int8)
    active = np.flatnonzero(flaws == NOT_CONVERGED)
    for _ in range(MOST_STEPS):
        if not len(active):
            break
        # Each stops at its own step, so that no result depends on its neighbours in a block.
        own = y[active], x[active], usable[active]
        residuals = own[0] - np.matvec(own[1], coefficients[active])
        weights = np.where(own[2], shape.weights(residuals / scale[active, None]), 0.0)
        told_apart = _told_apart(own[1], weights)
        if not told_apart.all():
            # Every row that tells one regressor from the others has lost its weight.
            active, weights = active[told_apart], weights[told_apart]
            own = y[active], x[active], usable[active]
        better = _solve(own[1], weights, own[0])
        moved = np.abs(better - coefficients[active]).max(axis=1)
        coefficients[active] = better
        scale[active] = _scale(*own, n[active], better)
        flaws[active[moved <= TOLERANCE]] = 0
        flaws[active[scale[active] <= NO_SCALE]] = NO_MIDDLE
        active = active[flaws[active] == NOT_CONVERGED]
    return coefficients, _covariance(y, x, usable, coefficients, scale, shape), flaws


def _covariance(
    y: Floats, x: Floats, usable: Bools, coefficients: Floats, scale: Floats, shape: Norm
) -> Floats:
    safe = np.where(scale > NO_SCALE, scale, 1.0)
    z = (y - np.matvec(x, coefficients)) / safe[:, None]
    n, k = usable.sum(axis=1), x.shape[2]
    slope = np.where(usable, shape.derivative(z), 0.0)
    mean = slope.sum(axis=1) / n
    variance = np.where(usable, slope - mean[:, None], 0.0)
    psi = np.where(usable, z * shape.weights(z), 0.0)
    steep = np.where(mean > 0, mean, 1.0) ** 2
    correction = 1 + k / n * (np.einsum("ne,ne->n", variance, variance) / n) / steep
    squares = np.einsum("ne,ne->n", psi, psi) * safe**2 / np.maximum(n - k, 1)
    inverse = np.linalg.inv(x.transpose(0, 2, 1) @ x)
    return np.asarray((correction**2 * squares / steep)[:, None, None] * inverse)


def _scale(y: Floats, x: Floats, usable: Bools, n: Ints, coefficients: Floats) -> Floats:
    """Median of the absolute residuals over that of a standard normal distribution."""
    size = np.where(usable, np.abs(y - np.matvec(x, coefficients)), np.inf)
    size.sort(axis=1)
    row = np.arange(len(n))
    middle = size[row, (n - 1) // 2] + size[row, n // 2]
    return np.asarray(middle / (2 * NORMAL_MEDIAN), dtype=np.float64)


def _told_apart(x: Floats, weights: Floats) -> Bools:
    """Whether weighted least squares have one solution, (N,)."""
    cross = (x * weights[:, :, None]).transpose(0, 2, 1) @ x
    length = np.sqrt(np.einsum("nkk->nk", cross))
    there = (length > 0).all(axis=1)
    scale = 1.0 / np.where(length > 0, length, 1.0)
    smallest = np.linalg.eigvalsh(cross * scale[:, :, None] * scale[:, None, :])[:, 0]
    return np.asarray(there & (smallest > SINGULAR))


def _solve(x: Floats, weights: Floats, y: Floats) -> Floats:
    """Weighted least squares, (N, k)."""
    weighted = (x * weights[:, :, None]).transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(weighted @ x, weighted @ y[:, :, None])[:, :, 0])
