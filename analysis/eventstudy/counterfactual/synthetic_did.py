"""Synthetic difference-in-differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.counterfactual.base import (
    CounterfactualFit,
    CounterfactualModel,
    effective_dof,
    relative_gap,
)
from analysis.eventstudy.counterfactual.ridge_simplex import curvature, simplex_ridge
from analysis.eventstudy.counterfactual.simplex import simplex_least_squares

# Below this share of its sum of squares a fit is perfect, and many weights reach it: then
# the smallest ridge that the arithmetic bears chooses among them.
PERFECT = 1e-9
TIE_BREAK = 1e-8


@dataclass(frozen=True, kw_only=True)
class SyntheticDiD(CounterfactualModel):
    """Normal return: weighted donors, shifted by the weighted gap before the event.

    Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021). Unit weights ω minimise
    Σ_t (ω_0 + Σ_j ω_j·R_jt − R_t)² + ζ²T‖ω‖² over the simplex (eq. 4), ζ = L^¼·σ̂ with σ̂² the
    variance of the donors' first differences on the estimation rows (eq. 5); time weights λ
    over the estimation rows minimise Σ_j (λ_0 + Σ_t λ_t·R_jt − R̄_j,after)² (eq. 6). The
    counterfactual of day t is Σ_j ω_j·R_jt + Σ_s λ_s(R_s − Σ_j ω_j·R_js), so that the mean
    abnormal return of the event window is their τ̂ (eq. 1). The L days after are the rows of
    the study's event window, also where a shorter window is asked of the results.

    Parameters
    ----------
    donors, leave_out
        As in `SyntheticControl`.

    Notes
    -----
    s² and Var(CAR) as in `AugmentedSyntheticControl`, with λ, which does not depend on the
    security's own returns, taken for given: not the paper's placebo variance (its algorithm
    4), for which see `placebo_in_space`. Where many λ fit the donors perfectly the one
    of least norm up to 1e-8 is taken, the limit of the paper's vanishing ridge.

    The table of parameters shows n_donors, n_dropped, active (donors with a weight), gap (of
    the unit weights, as a share of ½ΣR²), active_days (estimation days with a weight), zeta,
    rmspe, sigma, n, r2.
    """

    name: ClassVar[str] = "synthetic difference-in-differences"
    extra_names: ClassVar[tuple[str, ...]] = ("active", "gap", "active_days", "zeta")

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match series that share their donors and rows, see `CounterfactualModel.match`."""
        days = time_weights(before, after)
        zeta = max(len(after), 1) ** 0.25 * noise_level(before)
        apart = before - before.mean(axis=0)
        matches = []
        for series in y:
            level = series - series.mean()
            weights, gap = unit_weights(level, apart, zeta**2 * len(series))
            matched = before @ weights
            shift = float(days @ (series - matched))
            smoother, forecast = _moves(weights, before, after, zeta**2 * len(series))
            # The shift: a weighted mean of what is left, the same on every row.
            moved = days @ (np.eye(len(series)) - smoother)
            extras = (
                float((weights > 0).sum()),
                relative_gap(gap, level),
                float((days > 0).sum()),
                zeta,
            )
            matches.append(
                CounterfactualFit(
                    weights,
                    matched + shift,
                    after @ weights + shift,
                    effective_dof(smoother + moved),
                    forecast + moved,
                    extras,
                )
            )
        return matches


def noise_level(before: Floats) -> float:
    """σ̂ of Arkhangelsky et al. (2021, eq. 5): sd of the donors' first differences."""
    steps = np.diff(before, axis=0)
    return float(steps.std()) if steps.size else 0.0


def unit_weights(level: Floats, apart: Floats, ridge: float) -> tuple[Floats, float]:
    """Unit weights from returns less their means, (J,), and their duality gap."""
    if ridge > 0:
        return simplex_ridge(level, apart, ridge)
    found = simplex_least_squares(level[None], apart)
    return found.weights[0], float(found.gap[0])


def time_weights(before: Floats, after: Floats) -> Floats:
    """Weights of the estimation rows, (T,); even ones where there are no rows after."""
    if not len(after):
        return np.full(len(before), 1.0 / len(before))
    rows = before.T - before.mean(axis=1)
    goal = after.mean(axis=0) - after.mean()
    weights: Floats = simplex_least_squares(goal[None], rows).weights[0]
    left = goal - rows @ weights
    largest = float(np.einsum("jt,jt->t", rows, rows).max())
    if largest > 0 and left @ left <= PERFECT * (goal @ goal):
        weights, _ = simplex_ridge(goal, rows, TIE_BREAK * largest)
    return weights


def _moves(weights: Floats, before: Floats, after: Floats, ridge: float) -> tuple[Floats, Floats]:
    """How Σω_j·R_j moves with the series on the rows before (T, T) and after (W, T)."""
    apart = before - before.mean(axis=0)
    chosen = weights > 0
    # ∂ω_A/∂y = C·X̃_A'(ηI + X̃_A·C·X̃_A')⁻¹, C = I − 11'/a, the derivative of `simplex_ridge`.
    centred = apart[:, chosen] - apart[:, chosen].mean(axis=1, keepdims=True)
    if ridge > 0:
        inverse = np.linalg.inv(curvature(apart, weights, ridge))
    else:
        inverse = np.linalg.pinv(centred @ centred.T, hermitian=True)
    slope = centred.T @ inverse
    slope -= slope.mean(axis=1, keepdims=True)
    return before[:, chosen] @ slope, after[:, chosen] @ slope
