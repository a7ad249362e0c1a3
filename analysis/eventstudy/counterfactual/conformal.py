"""Conformal inference: whether the window's residuals are odd among all residuals.

Chernozhukov, Wüthrich & Zhu (2021): impose an effect, fit the counterfactual on all rows
with the effect taken out, and compare the residuals of the window with those of the same
number of rows anywhere else. No distribution is assumed, and no large sample of donors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.counterfactual.event_rows import Reader, Rows
from analysis.eventstudy.counterfactual.placebos import COLUMNS, FEWEST, HOLE
from analysis.eventstudy.inputs.frames import check_inside
from analysis.eventstudy.inputs.options import check_level

if TYPE_CHECKING:
    from analysis.eventstudy.counterfactual.base import CounterfactualModel
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

REJECTED = "the estimate itself is rejected at this level: there is no interval around it"
# Doublings of the distance from the estimate until an effect is rejected, and halvings after.
DOUBLINGS, HALVINGS = 12, 12


def conformal(
    results: FittedStudy, window: tuple[int, int], *, level: float = 0.95, interval: bool = True
) -> pd.DataFrame:
    """Test that an event had no effect on any day of a window, and find the effects not rejected.

    Under the sharp null that every day of the window had the effect θ, the security's returns
    less θ on these days are what they would have been: the model is fitted to them on the T
    estimation rows and the L rows of the window together. The statistic is S(u) =
    |Σ_window u_t|/√L, which looks for effects of one sign as a CAR does, and p is the share
    of the T + L cyclic shifts of the residuals, the identity among them, whose S is at least
    as large (moving block permutations: Chernozhukov, Wüthrich & Zhu 2021, eqs. 1–2, where S
    sums |u_t|^q). It is valid for weakly dependent stationary residuals. The interval holds
    the CARs L·θ that are not rejected at 1 − level, by bisection from the estimate outwards;
    it takes the effect for spread evenly over the window. (Their appendix A.1 averages
    stretches of L rows instead, which leaves L times fewer permutations.)

    A tuning parameter (penalty, number of factors) stays where the event's own fit found it;
    `SyntheticDiD` has even time weights here, since no row comes after.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a model of this package.
    window : (int, int)
        Relative days, both ends included, inside the event window.
    level : float
        Confidence level of the interval, between 0 and 1.
    interval : bool
        Find the interval too: some fifty further fits per event.

    Returns
    -------
    pandas.DataFrame
        event_id, security, statistic (decimal), p_value, n (permutations), reason, car, low,
        high (decimal); a side of the interval that the data do not bound is infinite. With
        a low level the estimate itself may be rejected: then a reason and no interval.

    Raises
    ------
    InputError
        The study has another model, the window reaches outside the event window, or a level
        that does not lie between 0 and 1.
    """
    asked = check_inside(window, results.study.window)
    check_level(level)
    reader = Reader(results)
    found = []
    for event_id, security, _, rows in reader.events():
        found.append((event_id, security, *_one_event(reader.model, rows, asked, level, interval)))
    return pd.DataFrame(found, columns=[*COLUMNS, "car", "low", "high"])


def _one_event(
    model: CounterfactualModel, rows: Rows, window: tuple[int, int], level: float, interval: bool
) -> tuple[float, float, int, str, float, float, float]:
    inside = rows.inside(window)
    if inside is None:
        return np.nan, np.nan, 0, HOLE, np.nan, np.nan, np.nan
    length = int(inside.sum())
    size = len(rows.y) + length
    match = rows.match(model)
    errors = (rows.after - match.after)[inside]
    car = float(errors.sum())
    if size <= FEWEST:
        reason = f"{size} permutations, more than {FEWEST} are needed"
        return np.nan, np.nan, size, reason, car, np.nan, np.nan
    y = np.concatenate([rows.y, rows.after[inside]])
    donors = np.vstack([rows.donors_before, rows.donors_after[inside]])
    tuned = model.with_tuning(match)

    def residuals(effect: float) -> Floats:
        """Residuals of the fit to all rows, an effect taken out of the window."""
        imposed = y.copy()
        imposed[len(rows.y) :] -= effect
        return imposed - tuned.match(imposed[None], donors, donors[:0])[0].before

    none = residuals(0.0)
    statistic = abs(float(none[-length:].sum())) / np.sqrt(length)
    p_value = cyclic_shift_p_value(none, length)
    low, high = np.nan, np.nan
    if interval:
        unit = float(np.sqrt(np.mean((rows.y - match.before) ** 2) / length))
        low, high = _bounds(
            lambda effect: cyclic_shift_p_value(residuals(effect), length) > 1.0 - level,
            car / length,
            unit,
        )
    reason = REJECTED if interval and np.isnan(low) else ""
    return statistic, p_value, size, reason, car, low * length, high * length


def cyclic_shift_p_value(residuals: Floats, length: int) -> float:
    """Share of the cyclic shifts that bring a sum at least as large into the last rows.

    Parameters
    ----------
    residuals : (T + L,) float
        The window's last.
    length : int
        L.
    """
    around = np.concatenate([residuals, residuals[: length - 1]])
    sums = np.abs(np.convolve(around, np.ones(length), mode="valid"))
    own = sums[len(residuals) - length]
    # The own sum is found by the same additions as all others; ties up to rounding count.
    return float(np.mean(sums >= own * (1.0 - 1e-12)))


def _bounds(kept: Callable[[float], bool], centre: float, unit: float) -> tuple[float, float]:
    """The ends of the effects around an estimate that are not rejected."""
    if unit <= 0 or not kept(centre):
        return np.nan, np.nan
    ends = []
    for sign in (-1.0, 1.0):
        inner, outer = 0.0, unit
        for _ in range(DOUBLINGS):
            if not kept(centre + sign * outer):
                break
            inner, outer = outer, 2.0 * outer
        else:
            ends.append(sign * np.inf)
            continue
        for _ in range(HALVINGS):
            middle = 0.5 * (inner + outer)
            inner, outer = (middle, outer) if kept(centre + sign * middle) else (inner, middle)
        ends.append(centre + sign * outer)
    return ends[0], ends[1]
