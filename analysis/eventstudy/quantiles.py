"""Quantile regression, many small ones at once and exactly.

`robust.QuantileModel` calls it on standardised blocks; the tests hold it against
statsmodels' QuantReg and against the linear program, regression by regression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.fits import FAR_QUANTILE, NO_MIDDLE, NOT_CONVERGED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.eventstudy.fitted import Floats, Ints
    from analysis.eventstudy.windows import Bools

# Of the reweighting, which only has to come near; units of the least-squares s.
NEAR, MOST_STEPS, SMALLEST = 1e-5, 60, 1e-6
# Of the optimality conditions, and of a determinant of k rows.
CERTAIN, SINGULAR = 1e-9, 1e-9


def quantile_fit(
    y: Floats, x: Floats, usable: Bools, q: float
) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Minimise Σ ρ_q(y − x'b) for every event.

    Parameters
    ----------
    y : (N, E) float
        In units of the least-squares s, 0 where not usable.
    x : (N, E, k) float
        With the constant, 0 where not usable.
    usable : (N, E) bool
    q : float
        Between 0 and 1.

    Returns
    -------
    (N, k) float
        Coefficients.
    (N, k, k) float
        Their covariance, see `sandwich`.
    (N,) int
        0, or a key of `fits.FLAWS`.

    Source: Koenker & Bassett (1978).
    """
    coefficients = _near(y, x, usable, q)
    coefficients, certain = _exact(y, x, usable, q, coefficients)
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
    e = y - (x @ coefficients[:, :, None])[:, :, 0]
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
    covariance: Floats = inverse @ middle @ inverse
    return covariance, width


def _normal_width(n: Ints, q: float) -> Floats:
    """Φ⁻¹(q+h) − Φ⁻¹(q−h) with the bandwidth of Hall & Sheather (1988); NaN beyond (0, 1)."""
    from scipy.special import ndtri

    z = ndtri(q)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    h = n ** (-1 / 3) * ndtri(0.975) ** (2 / 3) * (1.5 * density**2 / (2 * z**2 + 1)) ** (1 / 3)
    inside = (q - h > 0) & (q + h < 1)
    safe = np.where(inside, h, 0.0)
    width: Floats = np.where(inside, ndtri(q + safe) - ndtri(q - safe), np.nan)
    return width


def _near(y: Floats, x: Floats, usable: Bools, q: float) -> Floats:
    """Weighted least squares with weights that make squares of absolute values."""
    weights = usable.astype(np.float64)
    coefficients = np.zeros((len(y), x.shape[2]))
    active = np.arange(len(y))
    for _ in range(MOST_STEPS):
        own = x[active]
        weighted = (own * weights[active, :, None]).transpose(0, 2, 1)
        better = np.linalg.solve(weighted @ own, weighted @ y[active, :, None])
        e = y[active] - (own @ better)[:, :, 0]
        slope = np.where(e < 0, 1 - q, q)
        weights[active] = np.where(usable[active], slope / np.maximum(np.abs(e), SMALLEST), 0.0)
        moved = np.abs(better[:, :, 0] - coefficients[active]).max(axis=1)
        coefficients[active] = better[:, :, 0]
        # Each stops at its own step, so that no result depends on its neighbours in a block.
        active = active[moved > NEAR]
        if not len(active):
            break
    return coefficients


def _exact(y: Floats, x: Floats, usable: Bools, q: float, near: Floats) -> tuple[Floats, Bools]:
    """Pass through the k rows next to a near solution, and tell where that is optimal.

    With h the k rows passed through, the solution is optimal when the w that solve
    X_h'w = −Σ_{t∉h} ψ_q(e_t)·x_t, ψ_q(e) = q − 1[e<0], all lie in [q−1, q]: Koenker & Bassett
    (1978, theorem 3.3).
    """
    k = x.shape[2]
    size = np.where(usable, np.abs(y - (x @ near[:, :, None])[:, :, 0]), np.inf)
    rows = np.argsort(size, axis=1, kind="stable")[:, :k]
    at = np.arange(len(y))[:, None]
    passed = x[at, rows]
    regular = np.abs(np.linalg.det(passed)) > SINGULAR
    passed[~regular] = np.eye(k)
    exact = np.linalg.solve(passed, y[at, rows][:, :, None])
    e = y - (x @ exact)[:, :, 0]
    pull = np.where(usable, np.where(e < 0, q - 1, q), 0.0)
    np.put_along_axis(pull, rows, 0.0, axis=1)
    total = (pull[:, None, :] @ x)[:, 0, :]
    w = np.linalg.solve(passed.transpose(0, 2, 1), -total[:, :, None])[:, :, 0]
    optimal = ((w >= q - 1 - CERTAIN) & (w <= q + CERTAIN)).all(axis=1) & regular
    return np.where(optimal[:, None], exact[:, :, 0], near), optimal


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
    percentile: Floats = ordered[row, low] + (place - low) * (
        ordered[row, high] - ordered[row, low]
    )
    return percentile
