"""A matched series: what a counterfactual model found for one event.

The models of this package make a `CounterfactualFit` out of one security's returns and its donors';
`fitting` turns matches into the arrays of the engine, `placebos` and `conformal` use them as
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.eventstudy.core.arrays import Floats


@dataclass(frozen=True)
class CounterfactualFit:
    """A counterfactual of one security.

    Attributes
    ----------
    weights : (J,) float
        Of the donors.
    before, after : (T,), (W,) float
        Counterfactual returns on the estimation and the event rows.
    spent : float
        Degrees of freedom that the match used: tr(2S − SS'), S = ∂before/∂y with the choice
        of donors held fixed (Hastie & Tibshirani 1990, sec. 3.5). For synthetic control it
        is the number of donors with a weight less one, the dimension of the face of the
        simplex on which the weights lie (Kato 2009; Tibshirani & Taylor 2012).
    forecast : (W, T) float
        ∂after/∂y, likewise: the forecast error has the covariance σ²(I + PP').
    extras : tuple of float
        What the model shows of it besides, see `estimates` of the model.
    tuned : float
        The tuning parameter that was used or found, NaN where the model has none.
    """

    weights: Floats
    before: Floats
    after: Floats
    spent: float
    forecast: Floats
    extras: tuple[float, ...]
    tuned: float = float("nan")


class CounterfactualModel(Protocol):
    """A model that matches series with donors."""

    @property
    def least(self) -> int:
        """Fewest donors it can do with."""

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of `CounterfactualFit.extras`."""

    def match(self, y: Floats, before: Floats, after: Floats) -> Sequence[CounterfactualFit]:
        """Match n series that share their donors and rows.

        Parameters
        ----------
        y : (n, T) float
            Returns on the estimation rows.
        before, after : (T, J), (W, J) float
            Donors' returns on the estimation and the event rows; W may be 0.
        """

    def held(self, match: CounterfactualFit) -> CounterfactualModel:
        """The same model with its tuning parameter held where a match found it."""


def spent(smoother: Floats) -> float:
    """tr(2S − SS') of a linear smoother S, (T, T)."""
    # Not vdot: threads that wait for each other cost far more than so small a sum.
    return float(2.0 * np.trace(smoother) - np.einsum("st,st->", smoother, smoother))


def share(gap: float, y: Floats) -> float:
    """A duality gap as a share of the objective of no match at all, ½Σy²."""
    size = 0.5 * float(y @ y)
    return gap / size if size > 0 else 0.0


def face(weights: Floats, before: Floats, after: Floats) -> tuple[Floats, Floats]:
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
