"""Least squares over the simplex with a ridge: many small weights instead of few large ones.

min ½‖y − Xw‖² + ½η‖w‖² over w ≥ 0, Σw = 1: the unit weights of synthetic
difference-in-differences (Arkhangelsky et al. 2021, eq. 4). The ridge gives thousands of
columns a weight, where an active set would take in one after the other. The dual has as many
unknowns as there are rows and is solved by a semismooth Newton method (Qi & Sun 1993; Li, Sun
& Toh 2018), which ends after a handful of steps.
"""

from __future__ import annotations

import numpy as np

from analysis.eventstudy.core.arrays import Floats

STEPS = 50
# From one ridge to the next smaller one.
FALL = 10.0
# Norm of the dual's gradient over that of y, below which only rounding is left.
STATIONARY = 1e-13
# Share of the promised decrease that a step must keep (Armijo), and the shortest step.
DECREASE = 1e-4
SHORTEST = 1e-10


def simplex_ridge(y: Floats, x: Floats, ridge: float) -> tuple[Floats, float]:
    """Minimise ½‖y − Xw‖² + ½·ridge·‖w‖² over the simplex.

    Parameters
    ----------
    y : (T,) float
    x : (T, J) float
    ridge : float
        Above zero.

    Returns
    -------
    (J,) float
        The weights; there is only one best choice.
    float
        Duality gap max_j g'(w − e_j), see `simplex.Weights`.
    """
    # From a ridge that makes the weights all but even down to the one asked for: each is a
    # good beginning for the next.
    dual = np.zeros(len(y))
    weights = project(dual @ x)
    stages = [ridge]
    largest = float(np.einsum("tj,tj->j", x, x).max())
    while stages[-1] * FALL < largest:
        stages.append(stages[-1] * FALL)
    for stage in reversed(stages):
        dual, weights = _newton(y, x, stage, dual, weights)
    gradient = ridge * weights - (y - x @ weights) @ x
    return weights, max(float(weights @ gradient - gradient.min()), 0.0)


def _newton(
    y: Floats, x: Floats, ridge: float, dual: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Solve for one ridge.

    With v = (y − Xw)/η the optimality conditions are w = P(X'v) and ηv + X·P(X'v) = y, with P
    the projection on the simplex: the gradient of a smooth convex function of v is zero.
    """
    size = float(np.linalg.norm(y)) or 1.0
    for _ in range(STEPS):
        slope = ridge * dual + x @ weights - y
        if float(np.linalg.norm(slope)) <= STATIONARY * size:
            break
        solved = np.linalg.solve(curvature(x, weights, ridge), slope)
        way = -np.asarray(solved, dtype=np.float64)
        moved = _step(y, x, ridge, dual, weights, slope, way)
        if moved is None:
            break
        dual, weights = moved
    return dual, weights


def curvature(x: Floats, weights: Floats, ridge: float) -> Floats:
    """ηI + X_A(I − 11'/a)X_A' with A the columns that have a weight, (T, T).

    The generalized Hessian of the dual; its inverse also says how Xw moves with y.
    """
    active = x[:, weights > 0]
    centred = active - active.mean(axis=1, keepdims=True)
    return np.asarray(centred @ centred.T + ridge * np.eye(len(x)))


def project(values: Floats) -> Floats:
    """Nearest point of the simplex: Held, Wolfe & Crowder (1974).

    max(values − θ, 0) with θ such that they sum to one, (J,).
    """
    ordered = np.sort(values)[::-1]
    excess = np.cumsum(ordered) - 1.0
    last = np.flatnonzero(ordered * np.arange(1, len(values) + 1) > excess)[-1]
    return np.asarray(np.maximum(values - excess[last] / (last + 1), 0.0))


def _step(
    y: Floats, x: Floats, ridge: float, dual: Floats, weights: Floats, slope: Floats, way: Floats
) -> tuple[Floats, Floats] | None:
    """Go along a direction as far as the dual falls enough; None where it does not."""
    before = _dual(y, x, ridge, dual, weights)
    promised, length = float(slope @ way), 1.0
    while length > SHORTEST:
        there = dual + length * way
        weights = project(there @ x)
        now = _dual(y, x, ridge, there, weights)
        if now <= before + DECREASE * length * promised + 1e-15 * abs(before):
            return there, weights
        length *= 0.5
    return None


def _dual(y: Floats, x: Floats, ridge: float, dual: Floats, weights: Floats) -> float:
    """½η‖v‖² + max_w(v'Xw − ½‖w‖²) − y'v."""
    own = 0.5 * ridge * (dual @ dual) - 0.5 * (weights @ weights)
    return float(own + dual @ (x @ weights) - y @ dual)
