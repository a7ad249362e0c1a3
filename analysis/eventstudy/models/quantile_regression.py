"""Quantile regression, many small ones at once and exactly.

`robust.QuantileModel` calls it on standardised blocks; the tests hold it against
statsmodels' QuantReg and against the linear program, regression by regression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.models.least_squares import FAR_QUANTILE, NO_MIDDLE, NOT_CONVERGED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.eventstudy.core.arrays import Bools, Floats, Ints

# Steps of the simplex method; what needs more (rows that tie) goes to a solver.
MOST_PIVOTS = 100
# Of the optimality conditions, and of a determinant of k rows.
CERTAIN, SINGULAR = 1e-9, 1e-9


def quantile_fit(
    y: Floats, x: Floats, usable: Bools, q: float
) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Minimise Σ ρ_q(y − x'b) for every event.

    Takes and returns what `m_estimation.m_estimate` does, with q between 0 and 1 in place of a
    norm; the covariance is that of `sandwich`.

    Source: Koenker & Bassett (1978).
    """
    coefficients, certain = _simplex_walk(y, x, usable, q, _start(y, x, usable, q))
    flaws = np.zeros(len(y), dtype=np.int8)
    for at in np.flatnonzero(~certain):
        rows = usable[at]
        solved = _program(y[at, rows], x[at, rows], q)
        if solved is None:
            flaws[at] = NOT_CONVERGED
        else:
            coefficients[at] = solved
    covariance, width = sandwich(y, x, usable, q, coefficients)
    flaws[(flaws == 0) & np.isnan(width)] = FAR_QUANTILE
    flaws[(flaws == 0) & (width <= 0)] = NO_MIDDLE
    return coefficients, covariance, flaws


def sandwich(
    y: Floats, x: Floats, usable: Bools, q: float, coefficients: Floats
) -> tuple[Floats, Floats]:
    """Covariance of the coefficients of a quantile regression, by a kernel.

    (X'X)⁻¹X'DX(X'X)⁻¹, D_t = (q/f̂)² above the quantile and ((1−q)/f̂)² below, f̂ the density
    of the residuals at 0 by an Epanechnikov kernel of bandwidth min(sd(y), IQR(e)/1.34)·
    (Φ⁻¹(q+h) − Φ⁻¹(q−h)), h that of Hall & Sheather (1988): Greene (2008, p. 407), as
    statsmodels' ``vcov="robust"``.

    Returns
    -------
    (N, k, k) float
    (N,) float
        Bandwidth; NaN where q ± h leaves (0, 1), 0 where the middle does not vary: the
        covariance means nothing then.
    """
    n = usable.sum(axis=1)
    # What passes through a row leaves rounding there, which has no sign.
    e = y - np.matvec(x, coefficients)
    e[np.abs(e) <= CERTAIN] = 0.0
    iqr = _percentile(e, usable, n, 0.75) - _percentile(e, usable, n, 0.25)
    mean = y.sum(axis=1) / n
    spread = np.sqrt((np.where(usable, y - mean[:, None], 0.0) ** 2).sum(axis=1) / n)
    width = np.minimum(spread, np.maximum(iqr, 0.0) / 1.34) * _normal_width(n, q)
    safe = np.where(width > 0, width, 1.0)
    u = e / safe[:, None]
    kernel = np.where(usable & (np.abs(u) <= 1), 0.75 * (1 - u**2), 0.0)
    density = kernel.sum(axis=1) / (n * safe)
    density = np.where(density > 0, density, 1.0)[:, None]
    weights = np.where(usable, np.where(e > 0, q / density, (1 - q) / density) ** 2, 0.0)
    inverse = np.linalg.inv(x.transpose(0, 2, 1) @ x)
    middle = (x * weights[:, :, None]).transpose(0, 2, 1) @ x
    return inverse @ middle @ inverse, width


def _normal_width(n: Ints, q: float) -> Floats:
    """Φ⁻¹(q+h) − Φ⁻¹(q−h) with the bandwidth of Hall & Sheather (1988); NaN beyond (0, 1)."""
    from scipy.special import ndtri

    z = ndtri(q)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    h = n ** (-1 / 3) * ndtri(0.975) ** (2 / 3) * (1.5 * density**2 / (2 * z**2 + 1)) ** (1 / 3)
    inside = (q - h > 0) & (q + h < 1)
    safe = np.where(inside, h, 0.0)
    return np.where(inside, ndtri(q + safe) - ndtri(q - safe), np.nan)


def _start(y: Floats, x: Floats, usable: Bools, q: float) -> Floats:
    """Least squares, moved up or down to the q-quantile of their residuals."""
    turned = x.transpose(0, 2, 1)
    coefficients = _solve(turned @ x, (turned @ y[:, :, None])[:, :, 0])
    e = y - np.matvec(x, coefficients)
    coefficients[:, 0] += _percentile(e, usable, usable.sum(axis=1), q)
    return coefficients


def _simplex_walk(
    y: Floats, x: Floats, usable: Bools, q: float, near: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Walk from the rows next to a near solution to the k rows of an optimal one.

    Each step leaves the row whose multiplier breaks the optimality conditions most, and goes
    along the line through the other k−1 rows as far as the objective falls: the simplex
    method of Barrodale & Roberts (1973).

    Returns
    -------
    (N, k) float
    (N,) bool
        Whether it is optimal. It may not be where more than k rows lie on one plane.
    """
    k = x.shape[2]
    size = np.where(usable, np.abs(y - np.matvec(x, near)), np.inf)
    rows = np.argsort(size, axis=1, kind="stable")[:, :k]
    found, optimal = near.copy(), np.zeros(len(y), dtype=np.bool_)
    active = np.flatnonzero(np.abs(np.linalg.det(_rows(x, rows))) > SINGULAR)
    for _ in range(MOST_PIVOTS):
        if not len(active):
            break
        own = y[active], x[active], usable[active]
        basis = rows[active]
        coefficients, w, e = _vertex(*own, basis, q)
        over = np.maximum(w - q, q - 1 - w)
        leave = over.argmax(axis=1)
        worst = np.take_along_axis(over, leave[:, None], axis=1)[:, 0]
        done = worst <= CERTAIN
        found[active[done]] = coefficients[done]
        optimal[active[done]] = True
        go = ~done
        enter = _entering_row(own[1][go], own[2][go], basis[go], leave[go], w[go], worst[go], e[go])
        basis = basis[go]
        np.put_along_axis(basis, leave[go, None], enter[:, None], axis=1)
        active = active[go]
        rows[active] = basis
        regular = np.abs(np.linalg.det(_rows(x[active], basis))) > SINGULAR
        active = active[regular & (enter >= 0)]
    return found, optimal


def _vertex(
    y: Floats, x: Floats, usable: Bools, basis: Ints, q: float
) -> tuple[Floats, Floats, Floats]:
    """Coefficients that pass through k rows, the multipliers of these, and the residuals.

    With h the rows passed through, the coefficients are optimal when the w that solve
    X_h'w = −Σ_{t∉h} ψ_q(e_t)·x_t, ψ_q(e) = q − 1[e<0], all lie in [q−1, q]: Koenker & Bassett
    (1978, theorem 3.3).
    """
    passed = _rows(x, basis)
    through = np.take_along_axis(y, basis, axis=1)
    coefficients = _solve(passed, through)
    e = y - np.matvec(x, coefficients)
    # What lies on the plane beside the basis leaves rounding there, which has no sign.
    e[np.abs(e) <= CERTAIN] = 0.0
    pull = np.where(usable, np.where(e < 0, q - 1, q), 0.0)
    np.put_along_axis(pull, basis, 0.0, axis=1)
    w = _solve(passed.transpose(0, 2, 1), -(pull[:, None, :] @ x)[:, 0, :])
    return coefficients, w, e


def _entering_row(
    x: Floats, usable: Bools, basis: Ints, leave: Ints, w: Floats, worst: Floats, e: Floats
) -> Ints:
    """Find the row at which the objective stops falling; −1 where there is none."""
    at = np.arange(len(x))
    unit = np.zeros(w.shape)
    # A multiplier above q wants its row above the plane, one below q−1 beneath it.
    unit[at, leave] = np.where(w[at, leave] > 0, -1.0, 1.0)
    direction = _solve(_rows(x, basis), unit)
    speed = np.matvec(x, direction)
    free = usable & (speed != 0)
    np.put_along_axis(free, basis, values=False, axis=1)
    ahead = free & (((e > 0) & (speed > 0)) | ((e < 0) & (speed < 0)) | ((e == 0) & (speed > 0)))
    step = np.where(ahead, e / np.where(ahead, speed, 1.0), np.inf)
    order = np.argsort(step, axis=1, kind="stable")
    # Each row passed turns the slope by its speed; the slope at the start is −worst.
    slope = np.cumsum(np.take_along_axis(np.where(ahead, np.abs(speed), 0.0), order, 1), axis=1)
    turned = slope >= worst[:, None]
    first = turned.argmax(axis=1)
    return np.where(turned.any(axis=1), order[at, first], -1)


def _solve(matrices: Floats, vectors: Floats) -> Floats:
    """Solve one small system per event, (N, k, k) and (N, k) -> (N, k)."""
    return np.asarray(np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0], dtype=np.float64)


def _rows(x: Floats, rows: Ints) -> Floats:
    return np.take_along_axis(x, rows[:, :, None], axis=1)


def _program(y: Floats, x: Floats, q: float) -> Floats | None:
    """Solve the linear program: q·Σu + (1−q)·Σv, y = Xb + u − v, u and v from 0 on."""
    from scipy.optimize import linprog

    n, k = x.shape
    cost = np.concatenate([np.zeros(k), np.full(n, q), np.full(n, 1 - q)])
    equal = np.hstack([x, np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    found = linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs-ds")
    return None if found.x is None else np.asarray(found.x[:k], dtype=np.float64)


def _percentile(e: Floats, usable: Bools, n: Ints, share: float) -> Floats:
    """Percentile between order statistics, linear, of the usable values of each row."""
    ordered = np.sort(np.where(usable, e, np.inf), axis=1)
    place = share * (n - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n - 1, 0))
    row = np.arange(len(n))
    below, above = ordered[row, low], ordered[row, high]
    return np.asarray(below + (place - low) * (above - below))
