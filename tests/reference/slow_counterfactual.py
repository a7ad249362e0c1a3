"""Counterfactuals the slow, obvious way: the papers' formulas and Lawson and Hanson's algorithm."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls


def simplex(y, x, ridge=0.0):
    """min ½‖y − Xw‖² + ½·ridge·‖w‖² over the simplex, exactly.

    With Σw = 1 the distance is ‖(y1' − X)w‖. Non-negative least squares of [0, 1] on that
    matrix over a row of ones has the same optimality conditions, up to the sum of its solution:
    Lawson & Hanson (1974, chapter 23). Their active set ends after finitely many steps.
    """
    scale = float(np.linalg.norm(y)) or 1.0
    rows = (y[:, None] - x) / scale
    damped = np.sqrt(ridge) / scale * np.eye(x.shape[1])
    left = np.vstack([rows, damped, np.ones((1, x.shape[1]))])
    right = np.append(np.zeros(len(left) - 1), 1.0)
    w, _ = nnls(left, right)
    return w / w.sum()


def objective(y, x, w, ridge=0.0):
    return 0.5 * float(np.sum((y - x @ w) ** 2) + ridge * w @ w)


def augmented(y, before, penalty):
    """Ben-Michael, Feller & Rothstein (2021): ridge regression across donors, then mended.

    Donors' days are predictors: the outcome of any later day is regressed on them, centred.
    """
    w = simplex(y, before)
    mean = before.mean(axis=1)
    units = (before - mean[:, None]).T
    left = y - before @ w
    inverse = np.linalg.inv(units.T @ units + penalty * np.eye(len(y)))
    return np.array([w[j] + left @ inverse @ units[j] for j in range(len(w))])


def difference(y, before, y_after, after):
    """τ̂ and the weights of Arkhangelsky et al. (2021, eqs. 1, 4, 5, 6), unit by unit."""
    days, units = before.shape
    length = len(after)
    steps = [before[t + 1, j] - before[t, j] for j in range(units) for t in range(days - 1)]
    sigma2 = sum((step - np.mean(steps)) ** 2 for step in steps) / (units * (days - 1))
    zeta = length**0.25 * np.sqrt(sigma2)
    # The free intercepts of eqs. 4 and 6 take the means out.
    omega = simplex(y - y.mean(), before - before.mean(axis=0), zeta**2 * days)
    goal = after.mean(axis=0)
    rows = before.T
    lam = simplex(goal - goal.mean(), rows - rows.mean(axis=0))
    treated = y_after.mean() - lam @ y
    untreated = sum(omega[j] * (after[:, j].mean() - lam @ before[:, j]) for j in range(units))
    return treated - untreated, omega, lam, zeta


def interactive(y, before, after, r):
    """Xu (2017): factors by SVD of the donors' deviations, loadings by least squares."""
    every = np.vstack([before, after])
    u, s, _ = np.linalg.svd(every - every.mean(axis=0), full_matrices=False)
    factors = np.column_stack([np.ones(len(every)), u[:, :r] * s[:r]])
    coefficients, *_ = np.linalg.lstsq(factors[: len(y)], y, rcond=None)
    return factors[: len(y)] @ coefficients, factors[len(y) :] @ coefficients


def leave_one_out(y, before, after, r):
    """Mean squared error of every estimation day predicted from the others."""
    every = np.vstack([before, after])
    u, _, _ = np.linalg.svd(every - every.mean(axis=0), full_matrices=False)
    known = np.column_stack([np.ones(len(every)), u[:, :r]])[: len(y)]
    errors = []
    for day in range(len(y)):
        keep = np.arange(len(y)) != day
        coefficients, *_ = np.linalg.lstsq(known[keep], y[keep], rcond=None)
        errors.append((y[day] - known[day] @ coefficients) ** 2)
    return float(np.mean(errors))


def panel(seed, donors=12, days=60, after=5, factors=2, noise=0.01):
    """Returns of one security and its donors with common factors: y, before, y_after, after."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, (days + after, factors))
    x = common @ rng.normal(0.7, 0.4, (factors, donors)) + rng.normal(
        0, noise, (days + after, donors)
    )
    y = common @ rng.normal(0.7, 0.4, factors) + rng.normal(0, noise, days + after)
    return y[:days], x[:days], y[days:], x[days:]
