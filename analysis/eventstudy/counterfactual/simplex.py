"""Least squares over the simplex: weights that are not negative and sum to one.

min ½‖y − Xw‖² over w ≥ 0, Σw = 1, with thousands of columns: Abadie & Gardeazabal (2003,
appendix B) for the problem. Frank & Wolfe (1956) steps find the columns that matter, all
series that share X at once; Wolfe's (1976) active set finishes among these exactly, and takes
in further columns as long as the optimality conditions fail. What is returned carries its own
proof: the Frank–Wolfe duality gap, an upper bound of how far the objective is from its minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.core.arrays import Floats, Ints

# Frank–Wolfe steps before the finish: each names a column for every series.
STARTING_STEPS = 8
# Columns taken in whenever the optimality conditions fail, the worst first.
TAKEN_IN = 32
# Gap, as a share of ½‖y‖², below which nothing is left but rounding.
GAP = 1e-12
# Height of a vertex above the affine hull of others, squared and in units of its own length,
# below which it is one of their mixtures; and updates of an inverse before it is taken afresh.
INDEPENDENT = 1e-13
REFRESH = 50
# Far more rounds than were ever needed; the gap says so if they do not suffice.
ROUNDS = 500


@dataclass(frozen=True)
class Weights:
    """Weights of n series with their certificate.

    Attributes
    ----------
    weights : (n, J) float
        Not negative, summing to one.
    gap : (n,) float
        Frank–Wolfe duality gap max_j g'(w − e_j), g the gradient: the objective is at most
        this far above its minimum (Jaggi 2013, eq. 2), in units of the objective.
    """

    weights: Floats
    gap: Floats


def simplex_least_squares(y: Floats, x: Floats) -> Weights:
    """Minimise ½‖y − Xw‖² over the simplex for every series: y is (n, T), x (T, J).

    Where several weights are best (a perfect fit), one of them is returned.
    """
    first = frank_wolfe(y, x)
    weights = np.zeros((len(y), x.shape[1]))
    gap = np.empty(len(y))
    for at, series in enumerate(y):
        columns, found, gap[at] = _active_set(series, x, first[at])
        weights[at, columns] = found
    return Weights(weights, gap)


def frank_wolfe(y: Floats, x: Floats, steps: int = STARTING_STEPS) -> Ints:
    """Take some Frank–Wolfe steps and name the columns that they went to.

    Exact line search; one matrix product per step serves all series. Returns the column of
    each step, (n, steps), repeated where a step returned to it.
    """
    every = np.arange(len(y))
    visited = np.empty((len(y), steps), dtype=np.int64)
    # ‖y − x_j‖² is least: the best single column.
    visited[:, 0] = np.argmin(np.einsum("tj,tj->j", x, x) - 2.0 * (y @ x), axis=1)
    matched = x.T[visited[:, 0]]
    for step in range(1, steps):
        residual = y - matched
        visited[:, step] = np.argmax(residual @ x, axis=1)
        way = x.T[visited[every, step]] - matched
        length = np.vecdot(way, way)
        share = np.vecdot(way, residual) / np.where(length > 0, length, 1.0)
        matched += np.clip(share, 0.0, 1.0)[:, None] * way
    return visited


def _active_set(y: Floats, x: Floats, start: Ints) -> tuple[Ints, Floats, float]:
    """Solve on a growing choice of columns until no column outside would improve the fit."""
    scale = float(y @ y)
    tolerance = GAP * 0.5 * (scale if scale > 0 else 1.0)
    chosen = start[:1]
    new = np.setdiff1d(start, chosen)
    weights = np.ones(1)
    apart = x[:, chosen] - y[:, None]
    gram = apart.T @ apart
    gap = np.inf
    for _ in range(ROUNDS):
        chosen = np.concatenate([chosen, new])
        gram, apart = _extend(gram, apart, x[:, new] - y[:, None])
        active, weights = min_norm_point(gram, np.arange(len(weights)), weights)
        # Only what has a weight stays: the objective falls with every round, so none returns.
        chosen, gram, apart = chosen[active], gram[np.ix_(active, active)], apart[:, active]
        residual = -(apart @ weights)
        # g'(w − e_j) = x_j'r − (Xw)'r, r = y − Xw.
        gain = residual @ x - residual @ (y - residual)
        gap = max(float(gain.max()), 0.0)
        gain[chosen] = 0.0
        count = min(TAKEN_IN, len(gain))
        new = np.argpartition(-gain, count - 1)[:count]
        new = new[gain[new] > tolerance]
        # More vertices than rows span everything: the residual is zero.
        if gap <= tolerance or not len(new) or len(chosen) > len(y):
            break
    return chosen, weights, gap


def _extend(gram: Floats, apart: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Add columns to the matrix of the differences x_j − y and to its cross-products."""
    across = apart.T @ new
    return np.block([[gram, across], [across.T, new.T @ new]]), np.hstack([apart, new])


def min_norm_point(gram: Floats, active: Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Find the point of a polytope that is nearest to the origin.

    min w'Gw over the simplex by Wolfe's (1976) active set: take in the vertex that lies
    deepest, go to the nearest point of the affine hull, and drop vertices whose weight would
    become negative on the way.

    Parameters
    ----------
    gram : (m, m) float
        Products of the vertices with each other.
    active, weights : (a,) int and float
        Affinely independent vertices to begin with, and their weights.

    Returns
    -------
    (a,) int, (a,) float
        Vertices with a positive weight, and the weights.
    """
    scale = float(gram.diagonal().mean())
    if scale <= 0:
        return active, weights
    scaled = gram / scale
    hull = AffineHull.of(scaled, active)
    for _ in range(10 * len(gram) + 100):
        hull, weights = _descend(scaled, hull, weights)
        products = scaled[:, hull.active] @ weights
        deepest = int(np.argmin(products))
        value = float(weights @ products[hull.active])
        if value - products[deepest] <= 0.1 * GAP or deepest in hull.active:
            break
        wider = hull.with_vertex(scaled, deepest)
        if wider is None:
            break
        hull, weights = wider, np.append(weights, 0.0)
    return _refine(scaled, hull.active, weights)


@dataclass(frozen=True)
class AffineHull:
    """The affine hull of some vertices.

    Attributes
    ----------
    active : (a,) int
        The vertices, affinely independent.
    inverse : (a, a) float
        (11' + G)⁻¹ of these: its row sums, normed, are the weights of the point of the hull
        that is nearest to the origin (Wolfe 1976).
    age : int
        Updates since the inverse was taken afresh.
    """

    active: Ints
    inverse: Floats
    age: int = 0

    @classmethod
    def of(cls, gram: Floats, active: Ints) -> AffineHull:
        """Take the inverse afresh."""
        inverse = np.linalg.inv(gram[np.ix_(active, active)] + 1.0)
        return cls(active, np.asarray(inverse, dtype=np.float64))

    def goal(self) -> Floats:
        """Weights of the nearest point, (a,); they may be negative."""
        sums = self.inverse.sum(axis=1)
        return np.asarray(sums / sums.sum())

    def with_vertex(self, gram: Floats, vertex: int) -> AffineHull | None:
        """Take one in; None where it lies in the hull up to rounding."""
        border = gram[self.active, vertex] + 1.0
        across = self.inverse @ border
        height = gram[vertex, vertex] + 1.0 - border @ across
        if height <= INDEPENDENT * (gram[vertex, vertex] + 1.0):
            return None
        size = len(self.active)
        wider = np.empty((size + 1, size + 1))
        wider[:size, :size] = self.inverse + np.outer(across, across / height)
        wider[size, :size] = wider[:size, size] = -across / height
        wider[size, size] = 1.0 / height
        return AffineHull(np.append(self.active, vertex), wider, self.age + 1)

    def without(self, gram: Floats, place: int) -> AffineHull:
        """Drop the vertex at a place of `active`."""
        keep = np.arange(len(self.active)) != place
        if self.age >= REFRESH:
            return AffineHull.of(gram, self.active[keep])
        column = self.inverse[keep, place]
        narrower = self.inverse[np.ix_(keep, keep)]
        narrower -= np.outer(column, column / self.inverse[place, place])
        return AffineHull(self.active[keep], narrower, self.age + 1)


def _descend(gram: Floats, hull: AffineHull, weights: Floats) -> tuple[AffineHull, Floats]:
    """Go to the nearest point of the affine hull, dropping the vertices in the way."""
    while True:
        goal = hull.goal()
        falling = np.flatnonzero(goal <= 0)
        if not len(falling):
            return hull, goal
        shares = weights[falling] / (weights[falling] - goal[falling])
        first = int(np.argmin(shares))
        weights = np.maximum(weights + shares[first] * (goal - weights), 0.0)
        gone = int(falling[first])
        hull, weights = hull.without(gram, gone), np.delete(weights, gone)
        weights /= weights.sum()


def _refine(gram: Floats, active: Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Solve once more without what the updates rounded away."""
    goal = AffineHull.of(gram, active).goal()
    return (active, goal) if goal.min() >= 0 else (active, weights)
