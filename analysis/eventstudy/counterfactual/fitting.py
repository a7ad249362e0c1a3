"""From a block of rows to matches, and from matches to the arrays of the engine.

Events that share their rows, as those of one day do, share the donors' returns: they are
matched together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.counterfactual.matching import CounterfactualFit, CounterfactualModel
from analysis.eventstudy.models.least_squares import (
    NO_FREEDOM,
    NO_VARIANCE,
    NO_VARIATION,
    TOO_FEW_DONORS,
    Fit,
    assemble,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Degrees of freedom below which a residual variance means nothing.
LEAST_FREEDOM = 1.0
# Estimation rows below which nothing is matched.
LEAST_ROWS = 4
# Columns of the estimates around those of the model: n_donors, n_dropped; rmspe, sigma, n, r2.
AHEAD, BEHIND = 2, 4


@dataclass
class Room:
    """The arrays that a block's matches are written into, N events."""

    ar: Floats
    residuals: Floats
    x: Floats
    sigma: Floats
    dof: Floats
    estimates: Floats
    flaws: Ints


def fit_block(block: Block, model: CounterfactualModel) -> Fit:
    """Match every event of a block.

    Donors with a missing return on a row of the event (an estimation or event row on which
    the security itself has one) are dropped for this event.

    Parameters
    ----------
    block : Block
        N events; the factors are the donors.
    model : CounterfactualModel

    Returns
    -------
    Fit
        Estimates n_donors, n_dropped, the model's own, rmspe, sigma, n, r2. ``fitted.x`` is
        a root of the forecast's covariance over s², (N, W, W): x·x' = PP', see
        `matching.Match`, so that the variance of any sum of abnormal returns follows.
    """
    events, width = block.returns.shape
    seen, met = np.isfinite(block.estimation_returns), np.isfinite(block.returns)
    columns = AHEAD + len(model.extra_names) + BEHIND
    room = Room(
        ar=np.full(block.returns.shape, np.nan),
        residuals=np.full(block.estimation_returns.shape, np.nan),
        x=np.full((events, width, width), np.nan),
        sigma=np.full(events, np.nan),
        dof=np.zeros(events),
        estimates=np.full((events, columns), np.nan),
        flaws=np.zeros(events, dtype=np.int64),
    )
    for rows in _alike(block, seen, met):
        _fit_alike(block, model, rows, seen[rows[0]], met[rows[0]], room)
    n = seen.sum(axis=1)
    room.estimates[:, -2] = n
    fitted = assemble(
        block,
        ar=room.ar,
        residuals=room.residuals,
        x=room.x,
        xtx_inv=np.broadcast_to(np.eye(width), (events, width, width)).copy(),
        sigma=room.sigma,
        dof=room.dof,  # type: ignore[arg-type]  # whole numbers only where S projects
        n=n,
    )
    return Fit(fitted, room.estimates, room.flaws.astype(np.int8))


def whole(before: Floats, after: Floats) -> Bools:
    """Which donors have a return on every row, (J,)."""
    return np.asarray(np.isfinite(before).all(axis=0) & np.isfinite(after).all(axis=0))


def _alike(block: Block, seen: Bools, met: Bools) -> Iterator[Ints]:
    """Go through the events that share their rows."""
    keys: dict[bytes, list[int]] = {}
    for at in range(len(seen)):
        parts = (block.estimation_days[at], block.days[at], seen[at], met[at])
        keys.setdefault(b"".join(part.tobytes() for part in parts), []).append(at)
    for rows in keys.values():
        yield np.array(rows, dtype=np.int64)


def _fit_alike(
    block: Block, model: CounterfactualModel, rows: Ints, seen: Bools, met: Bools, room: Room
) -> None:
    """Match events that share their rows."""
    before = block.estimation_factors[rows[0]][:, seen].T
    after = block.factors[rows[0]][:, met].T
    kept = whole(before, after)
    count = int(kept.sum())
    room.estimates[rows, 0], room.estimates[rows, 1] = count, len(kept) - count
    enough_rows = bool(met.any()) and int(seen.sum()) >= LEAST_ROWS
    if not enough_rows or count < model.least:
        room.flaws[rows] = NO_FREEDOM if not enough_rows else TOO_FEW_DONORS
        # What is left missing would be taken for a security without returns.
        room.ar[np.ix_(rows, np.flatnonzero(met))] = 0.0
        return
    y = block.estimation_returns[np.ix_(rows, np.flatnonzero(seen))]
    matches = model.match(y, before[:, kept], after[:, kept])
    for at, series, match in zip(rows, y, matches, strict=True):
        _write(block, int(at), series, match, seen, met, room)


def _write(
    block: Block, at: int, y: Floats, match: CounterfactualFit, seen: Bools, met: Bools, room: Room
) -> None:
    """Write one event's match into the arrays."""
    residuals = y - match.before
    rss = float(residuals @ residuals)
    dof = len(y) - match.spent
    room.ar[at, met] = block.returns[at, met] - match.after
    room.residuals[at, seen] = residuals
    room.x[at][met] = root(match.forecast, room.x.shape[2])
    if dof < LEAST_FREEDOM:
        room.flaws[at] = NO_FREEDOM
        return
    if rss <= len(y) * (NO_VARIATION * float(np.abs(y).max())) ** 2:
        room.flaws[at] = NO_VARIANCE
    room.dof[at], room.sigma[at] = dof, np.sqrt(rss / dof)
    about = y - y.mean()
    total = float(about @ about)
    r2 = 1.0 - rss / total if total > 0 else np.nan
    room.estimates[at, AHEAD : AHEAD + len(match.extras)] = match.extras
    room.estimates[at, -BEHIND:] = [np.sqrt(rss / len(y)), room.sigma[at], len(y), r2]


def root(forecast: Floats, width: int) -> Floats:
    """A matrix of some width whose product with its transpose is PP', (rows, width)."""
    made = np.zeros((len(forecast), width))
    triangle = np.asarray(np.linalg.qr(forecast.T, mode="r")).T
    made[:, : triangle.shape[1]] = triangle
    return made
