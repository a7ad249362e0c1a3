"""Interactive fixed effects: the generalized synthetic control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.counterfactual.base import (
    CounterfactualFit,
    CounterfactualModel,
    effective_dof,
)
from analysis.eventstudy.inputs.options import check_count

# Most factors that are tried, as in the authors' package; smallest share of the donors' largest
# principal component that is a component and no rounding.
MOST = 5
NO_COMPONENT = 1e-12


@dataclass(frozen=True, kw_only=True)
class InteractiveFixedEffects(CounterfactualModel):
    """Normal return: α + Σ_k β_k·f_kt, the factors f estimated from the donors.

    Xu (2017): the factors are the first r principal components of the donors'
    returns, each less its mean, on the estimation and the event rows together (Bai 2009, eq.
    11–12 without covariates); the security's loadings and its own effect α follow by least
    squares on its estimation rows.

    Parameters
    ----------
    donors, leave_out
        As in `SyntheticControl`.
    factors : int, optional
        r. By default the one of 0 to 5 that predicts the security's estimation returns best,
        each day left out in turn (Xu 2017, algorithm 1).

    Raises
    ------
    InputError
        A number of factors that is not a whole number of at least 0.

    Notes
    -----
    s² = RSS/(T − r − 1), Var(CAR) = s²(L + g'(X'X)⁻¹g) with X = [1, f]: the covariance of the
    loadings is in it, the estimation error of the factors (of order 1/donors) is not. Xu
    bootstraps instead; infer by `placebo_in_space` and `conformal`.

    The table of parameters shows n_donors, n_dropped, factors (r), rmspe, sigma, n, r2. The
    weights of the donors are those of their returns less their means; they sum to anything.
    """

    factors: int | None = None

    name: ClassVar[str] = "interactive fixed effects"
    extra_names: ClassVar[tuple[str, ...]] = ("factors",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factors is not None:
            check_count(self.factors, "factors", 0)

    @property
    def least(self) -> int:
        """One donor more than factors."""
        return 2 if self.factors is None else max(2, self.factors + 1)

    def with_tuning(self, match: CounterfactualFit) -> Self:
        """The same model with the number of factors that a match found."""
        return replace(self, factors=int(match.tuned))

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match series that share their donors and rows, see `CounterfactualModel.match`."""
        most = MOST if self.factors is None else self.factors
        most = min(most, before.shape[1] - 1, len(before) - 2)
        factors, loadings = components(np.vstack([before, after]), max(most, 0))
        one = np.ones((len(factors), 1))
        regressors = np.hstack([one, factors])
        known, ahead = regressors[: len(before)], regressors[len(before) :]
        matches = []
        for series in y:
            r = self._count(series, known)
            basis, triangle = np.linalg.qr(known[:, : r + 1])
            coefficients = np.linalg.solve(triangle, basis.T @ series)
            slope = np.linalg.solve(triangle.T, ahead[:, : r + 1].T).T
            matches.append(
                CounterfactualFit(
                    loadings[:, :r] @ coefficients[1:],
                    known[:, : r + 1] @ coefficients,
                    ahead[:, : r + 1] @ coefficients,
                    effective_dof(basis @ basis.T),
                    slope @ basis.T,
                    (float(r),),
                    float(r),
                )
            )
        return matches

    def _count(self, y: Floats, known: Floats) -> int:
        """The number of factors: given, or by leaving out one day at a time."""
        most = int(known.shape[1]) - 1
        if self.factors is not None:
            return most
        errors = []
        for r in range(most + 1):
            basis, _ = np.linalg.qr(known[:, : r + 1])
            left = y - basis @ (basis.T @ y)
            # Left out, a row's residual is e/(1 − h): no refit.
            room = np.maximum(1.0 - np.vecdot(basis, basis), np.finfo(float).eps)
            errors.append(float(((left / room) ** 2).mean()))
        return int(np.argmin(errors))


def components(x: Floats, most: int) -> tuple[Floats, Floats]:
    """Principal components of some donors.

    Parameters
    ----------
    x : (D, J) float
    most : int

    Returns
    -------
    (D, r) float
        Factors with F'F/D = I, fewer than `most` where the donors span fewer.
    (J, r) float
        Weights of the donors, less their means, that make the factors.
    """
    apart = x - x.mean(axis=0)
    if x.shape[1] > x.shape[0]:
        values, vectors = np.linalg.eigh(apart @ apart.T)
        order = np.argsort(values)[::-1][:most]
        values, left = values[order], vectors[:, order]
    else:
        left, singular, _ = np.linalg.svd(apart, full_matrices=False)
        values, left = singular[:most] ** 2, left[:, :most]
    solid = values > NO_COMPONENT * max(values.max(initial=0.0), np.finfo(float).tiny)
    values, left = values[solid], left[:, solid]
    size = np.sqrt(len(x))
    return left * size, apart.T @ left / values * size
