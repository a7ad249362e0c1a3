"""How a block is fitted: least squares in closed form, or plain differences.

Every event of the block at once, by masks; the models in `linear` choose between the two.
What cannot be fitted (a constant factor, no residual variance) is flagged, not raised: the
study writes it into its ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.fitted import Fitted
from analysis.eventstudy.core.panel import BalancedBlock, Block

# Below this share of a series' largest value, variation is rounding and no variation.
NO_VARIATION = 1e-10
# Smallest eigenvalue of the factors' correlation matrix that still tells them apart.
COLLINEAR = 1e-12
# A sum of squared residuals above this share of the total keeps its digits in a difference.
SMALL_SHARE = 1e-4

CONSTANT_FACTOR, COLLINEAR_FACTORS, NO_VARIANCE = 1, 2, 3
WEAK_INSTRUMENT, NOT_CONVERGED, NOT_STATIONARY, NO_MIDDLE, FAR_QUANTILE = 4, 5, 6, 7, 8
TOO_FEW_DONORS, NO_FREEDOM, TOO_SHORT, SPARSE = 9, 10, 11, 12
FIT_FAILURES = {
    CONSTANT_FACTOR: "a factor does not vary",
    COLLINEAR_FACTORS: "the factors are collinear",
    NO_VARIANCE: "the residual variance is zero",
    WEAK_INSTRUMENT: "the benchmark does not vary with the sum of its lag, itself and its lead",
    NOT_CONVERGED: "the estimation did not converge",
    NOT_STATIONARY: "the GARCH variance is not stationary (alpha and beta sum to 1)",
    NO_MIDDLE: "the middle half of the residuals does not vary",
    FAR_QUANTILE: "there are too few observations for a quantile so far out",
    TOO_FEW_DONORS: "too few donors have a return on every one of its rows",
    NO_FREEDOM: "the counterfactual leaves no degree of freedom",
    TOO_SHORT: "an expected variance ratio needs more than 2 degrees of freedom",
    SPARSE: "a time of day of the event window is too rare for a variance of its own",
}


@dataclass(frozen=True)
class Fit:
    """A fitted block.

    Attributes
    ----------
    fitted : Fitted
        N events.
    estimates : (N, p) float
        One column per name in `linear.Model.parameters`.
    flaws : (N,) int
        0, or a key of `FIT_FAILURES`: what keeps the event from being fitted. Its figures mean
        nothing then.
    centre : (N, f) float or None
        Where the regressors are a constant and the block's factors less these means: the
        means. The regressors need not be kept then.
    day_sums : (E,) float, (E,) int or None
        Sum of the residuals by estimation day, and how many; where the residuals themselves
        were left out.
    """

    fitted: Fitted
    estimates: Floats
    flaws: NDArray[np.int8]
    centre: Floats | None = None
    day_sums: tuple[Floats, Ints] | None = None

    def take(self, rows: Bools | Ints) -> Fit:
        """Keep some of the events, by mask or by position."""
        centre = None if self.centre is None else self.centre[rows]
        return Fit(self.fitted.take(rows), self.estimates[rows], self.flaws[rows], centre)

    def check_centre(self, block: Block) -> None:
        """Refuse means that do not give back the regressors of the block (InputError)."""
        if self.centre is None or not len(self.centre):
            return
        fits = self.centre.shape[1] == block.factors.shape[1]
        # A model treats all events alike: the first one tells.
        if not fits or not np.array_equal(
            self.fitted.x[0, :, 1:],
            (block.factors[0] - self.centre[0][:, None]).T,
            equal_nan=True,
        ):
            raise InputError(
                "The model fits other factors than those of its block; return "
                "dataclasses.replace(fit, centre=None) from its fit()."
            )


def least_squares(block: Block) -> Fit:
    """Regress returns on a constant and the block's factors, on the complete rows.

    s² = RSS/(T−k). Returns and factors are centred on the complete rows first, so that X'X
    falls apart into the count and the centred cross-products and no digit is lost to the
    means. Without factors this is the mean-adjusted model.

    Parameters
    ----------
    block : Block
        N events.

    Returns
    -------
    Fit
        Estimates alpha, beta (one per factor), sigma, n, r2. ``fitted.x`` holds the
        centred regressors and ``fitted.xtx_inv`` the matching inverse, which give the same
        forecast covariance as the raw ones.
    """
    if block.estimation_factors.shape[1] == 1 and (fit := _simple_regression(block)) is not None:
        return fit
    usable = complete_cases(block)
    n = usable.sum(axis=1)
    y, y_mean, y_largest = centre(block.estimation_returns, usable, n)
    x, x_mean, x_largest = centre(block.estimation_factors, usable[:, None, :], n[:, None])
    inverse, flaws = _inverse(x @ x.transpose(0, 2, 1), x_largest, n)
    beta = (inverse @ (x @ y[:, :, None]))[:, :, 0]
    residuals = y - _predict(beta, x)
    rss = np.einsum("ne,ne->n", residuals, residuals)
    tss = np.einsum("ne,ne->n", y, y)
    dof = n - beta.shape[1] - 1
    sigma = np.sqrt(rss / np.maximum(dof, 1))
    distance = block.factors - x_mean[:, :, None]
    fitted = assemble(
        block,
        ar=block.returns - y_mean[:, None] - _predict(beta, distance),
        residuals=np.where(usable, residuals, np.nan),
        x=with_constant(distance),
        xtx_inv=_with_count(inverse, n),
        sigma=sigma,
        dof=dof,
        n=n,
    )
    alpha = y_mean - np.einsum("nf,nf->n", beta, x_mean)
    flaws = np.where((flaws == 0) & is_rounding(rss, y_largest, n), NO_VARIANCE, flaws)
    r2 = 1.0 - rss / np.where(tss > 0, tss, np.nan)
    estimates = np.column_stack([alpha, beta, sigma, n, r2])
    return Fit(fitted, estimates, flaws.astype(np.int8), x_mean)


def _simple_regression(block: Block) -> Fit | None:
    """Regress on a constant and one factor, with as few passes over the rows as it takes.

    None where a series hardly varies: what is rounding then is for the careful way to say.
    """
    y, x = block.estimation_returns, block.estimation_factors[:, 0, :]
    y_sum, x_sum = y.sum(axis=1), x.sum(axis=1)
    n = np.full(len(y), y.shape[1])
    usable = None
    # A sum over a missing value is missing: most blocks need no mask.
    if not (np.isfinite(y_sum).all() and np.isfinite(x_sum).all()):
        usable = complete_cases(block)
        n = usable.sum(axis=1)
        y, x = np.where(usable, y, 0.0), np.where(usable, x, 0.0)
        y_sum, x_sum = y.sum(axis=1), x.sum(axis=1)
    y_mean, x_mean = y_sum / np.maximum(n, 1), x_sum / np.maximum(n, 1)
    y, x = y - y_mean[:, None], x - x_mean[:, None]
    if usable is not None:
        y *= usable
        x *= usable
    sxx, tss = np.vecdot(x, x), np.vecdot(y, y)
    if _near_rounding(sxx, x_mean, n).any():
        return None
    sxy = np.vecdot(x, y)
    beta = sxy / sxx
    day_sums, rss = None, tss - beta * sxy
    if isinstance(block, BalancedBlock) and block.lean and (rss > SMALL_SHARE * tss).all():
        # No digit is lost by subtracting, and sums by day are two products.
        on_day = np.full(y.shape[1], len(y)) if usable is None else usable.sum(axis=0)
        day_sums, residuals = (y.sum(axis=0) - beta @ x, on_day), y[:, :0]
    else:
        x *= beta[:, None]
        residuals = np.subtract(y, x, out=y)
        rss = np.vecdot(residuals, residuals)
    # The residuals are small against the returns: compare with these.
    if (rss <= n * NO_VARIATION**2 * (np.abs(y_mean) + np.sqrt(tss)) ** 2).any():
        return None
    if usable is not None and day_sums is None:
        residuals[~usable] = np.nan
    distance = block.factors - x_mean[:, None, None]
    inverse = (1.0 / sxx)[:, None, None]
    sigma = np.sqrt(rss / np.maximum(n - 2, 1))
    fitted = assemble(
        block,
        ar=block.returns - y_mean[:, None] - beta[:, None] * distance[:, 0, :],
        residuals=residuals,
        x=with_constant(distance),
        xtx_inv=_with_count(inverse, n),
        sigma=sigma,
        dof=n - 2,
        n=n,
    )
    estimates = np.empty((len(n), 5))
    columns = (y_mean - beta * x_mean, beta, sigma, n, 1.0 - rss / tss)
    for column, values in enumerate(columns):
        estimates[:, column] = values
    return Fit(fitted, estimates, np.zeros(len(n), np.int8), x_mean[:, None], day_sums)


def with_residuals(block: Block) -> Block:
    """The same rows for a base model whose residuals are needed, also where a study keeps none."""
    return block.full() if isinstance(block, BalancedBlock) and block.lean else block


def _near_rounding(squares: Floats, mean: Floats, n: Ints) -> Bools:
    """Whether a series may hold nothing but rounding, by a bound of its largest value."""
    return np.asarray(squares <= n * (NO_VARIATION * (np.abs(mean) + np.sqrt(squares))) ** 2)


def market_adjusted(block: Block) -> Fit:
    """Subtract the one factor from the returns, with nothing estimated but the variance.

    s² is the variance of the differences about their mean, T−1 degrees of freedom.

    Parameters
    ----------
    block : Block
        N events with one factor each.

    Returns
    -------
    Fit
        Estimates alpha 0, beta 1, sigma, n, r2; the residuals are the raw differences.
    """
    usable = complete_cases(block)
    n = usable.sum(axis=1)
    market = block.estimation_factors[:, 0, :]
    raw = block.estimation_returns - market
    centred, _, _ = centre(raw, usable, n)
    y, _, y_largest = centre(block.estimation_returns, usable, n)
    _, _, market_largest = centre(market, usable, n)
    rss = np.einsum("ne,ne->n", centred, centred)
    tss = np.einsum("ne,ne->n", y, y)
    sigma = np.sqrt(rss / np.maximum(n - 1, 1))
    events, width = block.returns.shape
    fitted = assemble(
        block,
        ar=block.returns - block.factors[:, 0, :],
        residuals=np.where(usable, raw, np.nan),
        x=np.empty((events, width, 0)),
        xtx_inv=np.empty((events, 0, 0)),
        sigma=sigma,
        dof=n - 1,
        n=n,
    )
    still = is_rounding(rss, np.maximum(y_largest, market_largest), n)
    known = np.where(usable, raw, 0.0)
    squares = np.einsum("ne,ne->n", known, known)
    r2 = 1.0 - squares / np.where(tss > 0, tss, np.nan)
    imposed = np.broadcast_to([0.0, 1.0], (events, 2))
    estimates = np.column_stack([imposed, sigma, n, r2])
    return Fit(fitted, estimates, np.where(still, NO_VARIANCE, 0).astype(np.int8))


def complete_cases(block: Block) -> Bools:
    """Estimation rows with a return and every factor."""
    usable = np.isfinite(block.estimation_returns)
    for factor in range(block.estimation_factors.shape[1]):
        usable &= np.isfinite(block.estimation_factors[:, factor, :])
    return usable


def centre(values: Floats, usable: Bools, n: Ints) -> tuple[Floats, Floats, Floats]:
    """Subtract the mean of the usable values; 0 elsewhere. Also the mean and the largest."""
    whole = bool(usable.all())
    kept = values.copy() if whole else np.where(usable, values, 0.0)
    mean = kept.sum(axis=-1) / np.maximum(n, 1)
    largest = np.maximum(kept.max(axis=-1, initial=0.0), -kept.min(axis=-1, initial=0.0))
    kept -= mean[..., None]
    if not whole:
        kept *= usable
    return kept, mean, largest


def is_rounding(squares: Floats, largest: Floats, n: Ints) -> Bools:
    """Whether a sum of squares is nothing but the rounding of values of that size."""
    return np.asarray(squares <= n * (NO_VARIATION * largest) ** 2)


def _inverse(cross: Floats, largest: Floats, n: Ints) -> tuple[Floats, Ints]:
    """Invert centred cross-products (N, f, f); flag those without an inverse."""
    diagonal = np.einsum("nff->nf", cross)
    constant = is_rounding(diagonal, largest, n[:, None])
    flaws = np.where(constant.any(axis=1), CONSTANT_FACTOR, 0)
    scale = 1.0 / np.sqrt(np.where(constant, 1.0, diagonal))
    if cross.shape[1] < 2:
        return scale[:, :, None] * scale[:, None, :], flaws
    # In units of the factors' own spread the eigenvalues tell how far they are collinear.
    correlation = cross * scale[:, :, None] * scale[:, None, :]
    correlation[flaws > 0] = np.eye(cross.shape[1])
    values, vectors = np.linalg.eigh(correlation)
    collinear = values[:, 0] <= COLLINEAR
    flaws = np.where((flaws == 0) & collinear, COLLINEAR_FACTORS, flaws)
    values = np.where(collinear[:, None], 1.0, values)
    inverse = (vectors / values[:, None, :]) @ vectors.transpose(0, 2, 1)
    return inverse * scale[:, :, None] * scale[:, None, :], flaws


def _predict(beta: Floats, x: Floats) -> Floats:
    """Sum of β_j·x_j over the factors, (N, f) and (N, f, D) -> (N, D)."""
    return np.asarray((beta[:, None, :] @ x)[:, 0, :])


def with_constant(x: Floats) -> Floats:
    """Regressors as (N, W, k) with the constant first."""
    events, f, width = x.shape
    whole = np.empty((events, width, f + 1))
    whole[:, :, 0] = 1.0
    whole[:, :, 1:] = x.transpose(0, 2, 1)
    return whole


def _with_count(inverse: Floats, n: Ints) -> Floats:
    """(X'X)⁻¹ of a constant and centred factors: 1/T beside the factors' inverse."""
    events, f, _ = inverse.shape
    whole = np.zeros((events, f + 1, f + 1))
    whole[:, 0, 0] = 1.0 / np.maximum(n, 1)
    whole[:, 1:, 1:] = inverse
    return whole


def assemble(
    block: Block,
    *,
    ar: Floats,
    residuals: Floats,
    x: Floats,
    xtx_inv: Floats,
    sigma: Floats,
    dof: Ints,
    n: Ints,
    relative_sd: Floats | None = None,
    residual_relative_sd: Floats | None = None,
) -> Fitted:
    """Put a block's days and what a model made of it together, see `Fitted` for the shapes."""
    known = not isinstance(block, BalancedBlock)
    none = np.empty((len(ar), 0), dtype=np.int64)
    return Fitted(
        offsets=block.offsets,
        estimation_offsets=block.estimation_offsets,
        ar=ar,
        # The days of a balanced panel follow from day 0: `LazyFitted` makes them when asked.
        days=block.days if known else none,
        residuals=residuals,
        residual_days=block.estimation_days if known else none,
        x=x,
        xtx_inv=xtx_inv,
        sigma=sigma,
        dof=dof.astype(np.float64),
        n=n.astype(np.int64),
        relative_sd=relative_sd,
        residual_relative_sd=residual_relative_sd,
    )
