"""All fitted events of a study: what is light is kept, what is heavy is kept or made again.

A million events have two gigabytes of estimation residuals. They are kept while they are
few; beyond that they are made again, chunk by chunk, whenever a test goes through them. The
days and the regressors of an event always follow from its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.eventstudy.core.arrays import Bools, Floats, Ints, Rows, as_slice
from analysis.eventstudy.core.fitted import BLOCK, Fitted
from analysis.eventstudy.core.panel import EventIndex, offsets_of
from analysis.eventstudy.fitting.chunks import FitPlan, cut_estimation, fit_chunk, fit_chunks
from analysis.eventstudy.models.least_squares import Fit, with_constant

if TYPE_CHECKING:
    from analysis.eventstudy.core.exchange_order import ExchangeOrder

# Most residuals (events × estimation days) that are kept: to touch more memory for the first
# time costs as much as to make them again.
MAX_STORED_RESIDUALS = 1 << 21


class LazyFitted(Fitted):
    """Fitted events whose heavy arrays are made when they are asked for.

    Parameters
    ----------
    recipe : FitPlan
    at : (N,) int
        The recipe's row of each event.
    residuals : (all rows of the recipe, E) float or None
        Kept residuals; None where they are made again.
    day_sums : (E,) float and int, or None
        Sums of the residuals of all rows of the recipe by estimation day, and how many.
    coefficients : (all rows of the recipe, 1 + f) float or None
        Constant and betas, where a residual is what they leave of a return.
    light : dict of str to array
        One row per event: ar, sigma, dof, n, xtx_inv, relative_sd, residual_relative_sd, and
        either x, or centre (N, f), the means of the factors.
    order : ExchangeOrder or None
        See `Fitted`.
    """

    def __init__(
        self,
        recipe: FitPlan,
        at: Ints,
        residuals: Floats | None,
        coefficients: Floats | None,
        light: dict[str, Any],
        day_sums: tuple[Floats, Ints] | None = None,
        order: ExchangeOrder | None = None,
    ) -> None:
        self.__dict__.update(
            recipe=recipe,
            at=at,
            kept=residuals,
            coefficients=coefficients,
            summed=day_sums,
            light=light,
            order=order,
            offsets=offsets_of(recipe.window),
            estimation_offsets=offsets_of(recipe.estimation),
            **{name: light[name] for name in light if name not in ("x", "centre")},
        )

    recipe: FitPlan
    at: Ints
    kept: Floats | None
    coefficients: Floats | None
    light: dict[str, Any]
    summed: tuple[Floats, Ints] | None

    def take(self, rows: Bools | Ints) -> LazyFitted:
        """Keep some of the events, by mask or by position."""
        light = {name: None if one is None else one[rows] for name, one in self.light.items()}
        at = self.at[rows]
        # The sums are those of every event: another order has the same, a part has not.
        sums = self.summed if self.summed is None or self._every(at) else None
        order = None if self.order is None else self.order.take(rows)
        return LazyFitted(self.recipe, at, self.kept, self.coefficients, light, sums, order)

    def ordered(self, order: ExchangeOrder | None) -> LazyFitted:
        """The same events, with the order in which their securities react."""
        if order is None:
            return self
        light = self.light | {"relative_sd": self.holding(order)}
        return LazyFitted(
            self.recipe, self.at, self.kept, self.coefficients, light, self.summed, order
        )

    def _every(self, at: Ints) -> bool:
        """Whether these are all rows of the recipe, each of them once."""
        seen = np.zeros(len(self.recipe.places), dtype=np.bool_)
        seen[at] = True
        return len(at) == len(seen) and bool(seen.all())

    @property
    def days(self) -> Ints:
        """Days of the event window, see `Fitted`."""
        return self._days(self.places, self.offsets)

    @property
    def residual_days(self) -> Ints:
        """Days of the estimation window, see `Fitted`."""
        return self._days(self.places, self.estimation_offsets)

    @property
    def residuals(self) -> Floats:
        """Residuals of the estimation window, (N, E), see `Fitted`."""
        if self.kept is not None:
            return self.kept[as_slice(self.at)]
        every = np.empty((len(self), len(self.estimation_offsets)))
        for rows, residuals in self.residual_blocks():
            every[rows] = residuals
        return every

    @property
    def x(self) -> Floats:
        """Regressors of the event window, see `Fitted`."""
        return self.regressors(slice(None))

    @property
    def places(self) -> EventIndex:
        """EventIndex of the events."""
        return self.recipe.places.take(self.at)

    def regressors(self, rows: Rows) -> Floats:
        """Regressors of the event-window rows of some events."""
        if self.light["x"] is not None:
            kept: Floats = self.light["x"][rows]
            return kept
        return with_constant(self._distances(rows))

    def leverage(self, rows: Rows) -> Floats:
        """x_t'(X'X)⁻¹x_t of each event-window row of some events, (n, W)."""
        if self.light["x"] is not None:
            return super().leverage(rows)
        # Centred factors and the constant are at right angles: 1/T and the factors' own share.
        distances, inverse = self._distances(rows), self.xtx_inv[rows]
        leverage = np.repeat(inverse[:, 0, 0, None], distances.shape[2], axis=1)
        for i in range(distances.shape[1]):
            for j in range(distances.shape[1]):
                product = distances[:, i] * inverse[:, i + 1, j + 1, None]
                product *= distances[:, j]
                leverage += product
        return leverage

    def totals(self, rows: Rows, columns: slice) -> Floats:
        """Sum of the regressors of some events over some days of the event window, (n, k)."""
        if self.light["x"] is not None:
            return super().totals(rows, columns)
        distances = self._distances(rows)[:, :, columns]
        length = np.full((len(distances), 1), float(distances.shape[2]))
        return np.hstack([length, distances.sum(axis=2)])

    def _distances(self, rows: Rows) -> Floats:
        """Factors of the event-window rows of some events, less their means, (n, f, W)."""
        at, straight = self.at[rows], self.recipe.placing.straight
        if straight is not None and self.recipe.straight(at):
            first = self.recipe.places.position[at] + self.offsets[0]
            factors = straight.factors_from(
                self.recipe.places.factors[at], first, len(self.offsets)
            )
        else:
            places = self.recipe.places.take(at)
            days = self._days(places, self.offsets)
            factors = self.recipe.placing.factors[places.factors[:, :, None], days[:, None, :]]
        factors -= self.light["centre"][rows][:, :, None]
        return factors

    @property
    def block_size(self) -> int:
        """Events whose estimation rows are looked at together."""
        return min(BLOCK, self.recipe.step)

    def block_rows(self) -> Iterator[Rows]:
        """Name the events in blocks, in the order of the securities."""
        ascending = bool(np.all(self.at[1:] > self.at[:-1]))
        order = None if ascending else np.argsort(self.at, kind="stable")
        size = self.block_size
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part if order is None else order[part]

    def residuals_of(self, rows: Rows) -> Floats:
        """Residuals of some events, (n, E); not to be written to."""
        at = self.at[rows]
        if self.kept is not None:
            return self.kept[as_slice(at)]
        chunk = self.recipe.chunk(at)
        if self.coefficients is None:
            return fit_chunk(chunk).fitted.residuals
        residuals, factors = cut_estimation(chunk)
        residuals -= self.coefficients[at, 0, None]
        for number in range(factors.shape[1]):
            factor = factors[:, number]
            factor *= self.coefficients[at, number + 1, None]
            residuals -= factor
        return residuals

    def day_sums(self) -> tuple[Floats, Ints] | None:
        """Sums of all residuals by estimation day and how many, where known beforehand."""
        return self.summed

    def straight(self) -> Ints | None:
        """Day 0 of every event where all count the same unbroken days, else None."""
        if not self.recipe.straight(self.at):
            return None
        position: Ints = self.recipe.places.position[self.at]
        return position

    def _days(self, places: EventIndex, offsets: Ints) -> Ints:
        return self.recipe.placing.calendars.days(places.calendar, places.position, offsets)


def fit_plan(recipe: FitPlan, executor: Executor | None, *, keep: bool) -> Fit:
    """Fit the chunks of a recipe, and put their fits together in the recipe's order.

    With `keep` the residuals are kept; ``Fit.fitted`` is a `LazyFitted`.
    """
    room = _FitBuffers(len(recipe.places), keep=keep)
    sums = list(fit_chunks(recipe, executor, room.put, slim=not keep))
    light, estimates = room.light, room.estimates
    linear = light.get("centre")
    coefficients = None if linear is None else estimates[:, : 1 + linear.shape[1]]
    at = np.arange(len(recipe.places))
    fitted = LazyFitted(recipe, at, room.residuals, coefficients, light, _summed(sums))
    return Fit(fitted, estimates, room.flaws)


class _FitBuffers:
    """The light arrays of all events, into which chunks are put by any thread.

    To touch a page for the first time costs as much as to fit the events that it holds, so
    whoever fitted them does it.
    """

    def __init__(self, size: int, *, keep: bool) -> None:
        self.size, self.keep = size, keep
        self.light: dict[str, Any] = {}
        self.estimates = np.empty((size, 0))
        self.flaws = np.zeros(size, dtype=np.int8)
        self.residuals: Floats | None = None
        self._opening = Lock()

    def put(self, start: int, fit: Fit) -> tuple[Floats, Ints] | None:
        """Write the figures of the events from `start` on; answer their sums by day."""
        one = fit.fitted
        parts = {
            "ar": one.ar,
            "sigma": one.sigma,
            "dof": one.dof,
            "n": one.n,
            "xtx_inv": one.xtx_inv,
            "relative_sd": one.relative_sd,
            "residual_relative_sd": one.residual_relative_sd,
            "centre": fit.centre,
            "x": one.x if fit.centre is None else None,
        }
        if len(one) == self.size:
            # A fit of all events: its arrays as they are.
            self.light, self.estimates, self.flaws = parts, fit.estimates, fit.flaws
            self.residuals = one.residuals if self.keep else None
            return fit.day_sums
        with self._opening:
            if not self.light:
                self._open(parts, fit)
        rows = slice(start, start + len(one))
        for name, part in parts.items():
            if part is not None:
                self.light[name][rows] = part
        self.estimates[rows], self.flaws[rows] = fit.estimates, fit.flaws
        if self.residuals is not None:
            self.residuals[rows] = one.residuals
        return fit.day_sums

    def _open(self, parts: dict[str, NDArray[Any] | None], fit: Fit) -> None:
        self.estimates = np.empty((self.size, fit.estimates.shape[1]))
        if self.keep:
            self.residuals = np.empty((self.size, fit.fitted.residuals.shape[1]))
        self.light = {
            name: None if part is None else np.empty((self.size, *part.shape[1:]), part.dtype)
            for name, part in parts.items()
        }


def in_order(fit: Fit, rows: Ints) -> Fit:
    """Choose some of the events, in another order; without a copy where all stay in order."""
    if np.array_equal(rows, np.arange(len(fit.fitted))):
        return fit
    return fit.take(rows)


def _summed(parts: list[tuple[Floats, Ints] | None]) -> tuple[Floats, Ints] | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    sums = np.add.reduce([part[0] for part in known])
    return sums, np.add.reduce([part[1] for part in known])
