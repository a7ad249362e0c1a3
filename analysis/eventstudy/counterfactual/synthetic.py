"""Synthetic control, plain and ridge-augmented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.counterfactual.base import (
    CounterfactualFit,
    CounterfactualModel,
    effective_dof,
    relative_gap,
)
from analysis.eventstudy.counterfactual.simplex import simplex_least_squares
from analysis.eventstudy.inputs.options import check_count, number

# The grid of penalties, as in the authors' package: from the largest eigenvalue down.
PENALTIES, SMALLEST = 20, 1e-8


@dataclass(frozen=True, kw_only=True)
class SyntheticControl(CounterfactualModel):
    """Normal return: the mixture of donors that was nearest before the event.

    R̂_t = Σ_j w_j·R_jt with w = argmin Σ_t (R_t − Σ_j w_j·R_jt)² over w ≥ 0, Σw = 1, on the
    estimation window: Abadie & Gardeazabal (2003); Abadie, Diamond & Hainmueller (2010),
    with the returns themselves as predictors and no intercept.

    Parameters
    ----------
    donors : sequence of names, optional
        Columns of ``returns``; by default all of them, without the securities that have an
        event in the study, which are never donors.
    leave_out : sequence of names
        Never donors either: the rest of the shocked group.

    Notes
    -----
    s² = RSS/(T − a + 1), the residuals about zero, a the donors with a weight: the degrees of
    freedom of a projection on a face of the simplex, Kato (2009), Tibshirani & Taylor (2012).
    Var(CAR) is that of the forecast from least squares on the face, the choice of the donors
    taken for given: s²(L + 1'PP'1), see `base.CounterfactualFit`. It knows nothing of what the
    choice adds, nor of donors that move apart later: infer by `placebo_in_space` and `conformal`.

    The table of parameters shows n_donors, n_dropped (left out for a missing return on a row
    of the event), active (with a weight), gap (the duality gap of the weights, as a share of
    ½ΣR²: at the minimum 0 up to rounding), rmspe (root mean squared residual), sigma, n, r2.
    """

    name: ClassVar[str] = "synthetic control"
    extra_names: ClassVar[tuple[str, ...]] = ("active", "gap")

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match series that share their donors and rows, see `CounterfactualModel.match`."""
        found = simplex_least_squares(y, before)
        matches = []
        for series, weights, gap in zip(y, found.weights, found.gap, strict=True):
            smoother, forecast = face_projection(weights, before, after)
            extras = (float((weights > 0).sum()), relative_gap(gap, series))
            dof = effective_dof(smoother)
            matches.append(
                CounterfactualFit(weights, before @ weights, after @ weights, dof, forecast, extras)
            )
        return matches


def face_projection(weights: Floats, before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """How a match on a face of the simplex moves with the series: S (T, T) and P (W, T).

    With the donors that have a weight held fixed, the weights are least squares on the
    differences of these donors to one of them.
    """
    chosen = np.flatnonzero(weights > 0)
    reference, others = chosen[:1], chosen[1:]
    basis, triangle = np.linalg.qr(before[:, others] - before[:, reference])
    ahead = after[:, others] - after[:, reference]
    solid = len(others) < len(before) and bool(np.all(np.diag(triangle) != 0))
    slope = np.linalg.solve(triangle.T, ahead.T).T if solid else np.zeros((len(after), 0))
    return basis @ basis.T, slope @ basis.T if solid else np.zeros((len(after), len(before)))


@dataclass(frozen=True, kw_only=True)
class AugmentedSyntheticControl(CounterfactualModel):
    """Normal return: synthetic control, with what it leaves unmatched corrected by ridge.

    w = w_sc + X_c'(X_cX_c' + λI)⁻¹(y_c − X_c·w_sc), X_c and y_c the returns less the donors'
    mean of the day: Ben-Michael, Feller & Rothstein (2021). Weights still sum to
    one and may become negative.

    Parameters
    ----------
    donors, leave_out
        As in `SyntheticControl`.
    penalty : float, optional
        λ, in squared returns. By default it is found for every event by cross-validation
        over `folds` consecutive stretches of the estimation window, each predicted from the
        others: the largest λ whose error is within one standard error of the least (the
        authors leave out one period at a time).
    folds : int
        At least 2.

    Raises
    ------
    InputError
        A penalty that is not above zero, or fewer than two folds.

    Notes
    -----
    s² = RSS/(T − tr(2S − SS')), S the linear map from the returns to their match with the
    donors and λ held fixed (Hastie & Tibshirani 1990, sec. 3.5); Var(CAR) as in
    `SyntheticControl`. Parameters as there, and ``penalty``; ``gap`` is that of w_sc.
    """

    penalty: float | None = None
    folds: int = 10

    name: ClassVar[str] = "augmented synthetic control"
    extra_names: ClassVar[tuple[str, ...]] = ("active", "gap", "penalty")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.penalty is not None and not 0 < number(self.penalty) < np.inf:
            raise InputError(f"penalty must be a number above zero, not {self.penalty!r}.")
        check_count(self.folds, "folds", 2)

    def with_tuning(self, match: CounterfactualFit) -> Self:
        """The same model with the penalty that a match found."""
        return replace(self, penalty=match.tuned)

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match series that share their donors and rows, see `CounterfactualModel.match`."""
        found = simplex_least_squares(y, before)
        centre = before.mean(axis=1)
        centred = before - centre[:, None]
        products = centred @ centred.T
        if self.penalty is None:
            penalties = self._penalties(y, before, products)
        else:
            penalties = np.full(len(y), self.penalty)
        matches = []
        for series, weights, gap, penalty in zip(
            y, found.weights, found.gap, penalties, strict=True
        ):
            solved = np.linalg.inv(products + penalty * np.eye(len(products)))
            left = series - before @ weights
            augmented = weights + centred.T @ (solved @ left)
            base, ahead = face_projection(weights, before, after)
            unmatched = solved @ (np.eye(len(base)) - base)
            matches.append(
                CounterfactualFit(
                    augmented,
                    before @ augmented,
                    after @ augmented,
                    effective_dof(base + before @ (centred.T @ unmatched)),
                    ahead + after @ (centred.T @ unmatched),
                    (float((weights > 0).sum()), relative_gap(gap, series), float(penalty)),
                    float(penalty),
                )
            )
        return matches

    def _penalties(self, y: Floats, before: Floats, products: Floats) -> Floats:
        """Cross-validate λ for every series, (n,)."""
        largest = float(np.linalg.eigvalsh(products)[-1])
        if largest <= 0:
            return np.ones(len(y))
        grid = largest * SMALLEST ** (np.arange(PENALTIES + 1) / PENALTIES)
        parts = np.array_split(np.arange(len(before)), min(self.folds, len(before)))
        errors = np.array([_held_out(y, before, products, part, grid) for part in parts])
        mean = errors.mean(axis=0)
        spread = errors.std(axis=0, ddof=1) / np.sqrt(len(parts))
        every, best = np.arange(len(y)), mean.argmin(axis=1)
        bound = mean[every, best] + spread[every, best]
        # The grid falls: the first that is good enough is the largest.
        return np.asarray(grid[np.argmax(mean <= bound[:, None], axis=1)])


def _held_out(y: Floats, before: Floats, products: Floats, out: Ints, grid: Floats) -> Floats:
    """Mean squared error on some rows of matches from the others, (n, penalties)."""
    keep = np.setdiff1d(np.arange(len(before)), out)
    weights = simplex_least_squares(y[:, keep], before[keep]).weights
    left = y - weights @ before.T
    values, vectors = np.linalg.eigh(products[np.ix_(keep, keep)])
    turned = left[:, keep] @ vectors
    ahead = products[np.ix_(out, keep)] @ vectors
    corrected = turned[:, None, :] / (np.maximum(values, 0.0) + grid[:, None])
    errors: Floats = left[:, None, out] - corrected @ ahead.T
    return np.asarray((errors**2).mean(axis=2))
