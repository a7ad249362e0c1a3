"""Chunks of events: what one worker needs to fit them, and nothing else.

`study` sends the real events through here, `permutation` the placebo events; either may go
over an executor, so a chunk carries only the series of its own securities and pickles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from analysis.errors import WorkerError
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.core.panel import (
    BalancedPanel,
    Block,
    EventIndex,
    Panel,
    cut_balanced,
    cut_balanced_estimation,
    cut_block,
    offsets_of,
)
from analysis.eventstudy.core.threads import map_ordered
from analysis.eventstudy.fitting.alignment import EventAlignment, renumber
from analysis.eventstudy.models.least_squares import Fit
from analysis.eventstudy.models.linear import Model

Taken = TypeVar("Taken")

# Most events of one chunk, and most cells (events × series × days): blocks stay in cache. They
# do not depend on the number of workers, so neither do the results, to the last bit.
CHUNK = 1024
CELLS = 1 << 20
# Most chunks that wait in an executor: each holds a copy of its securities' returns.
WAITING = 32


@dataclass(frozen=True)
class Chunk:
    """Some events, the panel of their securities, and how to fit them.

    Attributes
    ----------
    panel : Panel or BalancedPanel
    places : EventIndex
    estimation_offsets, offsets : (E,), (W,) int
    model : Model
    spare : bool
        Leave the rows that a `Panel` marks as near events out of the estimation window.
    taken : (h,) int and (h, E) bool, optional
        With a `BalancedPanel` panel: the rows to leave out, see `_own_events`.
    lean : bool
        Residuals are not wanted one by one, see `panel.BalancedBlock`.
    """

    panel: Panel | BalancedPanel
    places: EventIndex
    estimation_offsets: Ints
    offsets: Ints
    model: Model
    spare: bool
    taken: tuple[Ints, Bools] | None = None
    lean: bool = False


def cut_chunk(chunk: Chunk) -> Block:
    """Cut the rows of a chunk out of its panel."""
    before, around = chunk.estimation_offsets, chunk.offsets
    if isinstance(chunk.panel, BalancedPanel):
        return cut_balanced(chunk.panel, chunk.places, before, around, chunk.taken, lean=chunk.lean)
    return cut_block(chunk.panel, chunk.places, before, around, spare=chunk.spare)


def cut_estimation(chunk: Chunk) -> tuple[Floats, Floats]:
    """Cut the estimation rows alone: returns (n, E) and factors (n, f, E)."""
    if isinstance(chunk.panel, BalancedPanel):
        return cut_balanced_estimation(
            chunk.panel, chunk.places, chunk.estimation_offsets, chunk.taken
        )
    block = cut_chunk(chunk)
    return block.estimation_returns, block.estimation_factors


def fit_chunk(chunk: Chunk) -> Fit:
    """Fit one chunk, here or in another process."""
    block = cut_chunk(chunk)
    fit = chunk.model.fit(block)
    fit.check_centre(block)
    return fit


def fit_without_residuals(chunk: Chunk) -> Fit:
    """Fit one chunk, and leave behind what can be made again from its places."""
    fit = fit_chunk(replace(chunk, lean=True))
    return replace(fit, fitted=fit.fitted.slim())


@dataclass(frozen=True, eq=False)
class FitPlan:
    """How every event of a study is fitted, as often as it is asked for.

    Attributes
    ----------
    placing : EventAlignment
    places : EventIndex
        The events, ascending by security and then by position, so that a chunk needs few
        series.
    model : Model
    estimation, window : (int, int)
        Relative days.
    spare : bool
        Leave rows near a security's other events out of its estimation windows.
    """

    placing: EventAlignment
    places: EventIndex
    model: Model
    estimation: tuple[int, int]
    window: tuple[int, int]
    spare: bool

    @property
    def step(self) -> int:
        """Events of one chunk."""
        days = self.estimation[1] - self.estimation[0] + self.window[1] - self.window[0] + 2
        return min(CHUNK, CELLS // ((1 + int(self.places.factors.shape[1])) * days) + 1)

    def chunks(self, *, alone: bool = False) -> Iterator[Chunk]:
        """Cut all events into chunks, in their order."""
        for start in range(0, max(len(self.places), 1), self.step):
            yield self.chunk(
                np.arange(start, min(start + self.step, len(self.places))), alone=alone
            )

    def chunk(self, rows: Ints, *, alone: bool = False) -> Chunk:
        """Make the chunk of some events.

        Rows are those of `places`. With `alone` the series of these securities are copied, for a
        worker that has no others.
        """
        before, around = offsets_of(self.estimation), offsets_of(self.window)
        places = self.places.take(rows)
        panel = self.placing.straight
        if panel is None or not self._inside(places):
            securities = np.unique(places.security)
            slab = self.placing.panel(securities, around)
            numbered = renumber(places, securities)
            return Chunk(slab, numbered, before, around, self.model, self.spare)
        taken = None
        if self.spare:
            taken = _own_events(self.placing, places, self.estimation, self.window)
        if alone:
            securities = np.unique(places.security)
            panel = replace(panel, returns=panel.returns[securities])
            places = renumber(places, securities)
        return Chunk(panel, places, before, around, self.model, self.spare, taken)

    def straight(self, rows: Ints) -> bool:
        """Whether all days are sessions of these events, and their windows inside."""
        return self.placing.straight is not None and self._inside(self.places.take(rows))

    def _inside(self, places: EventIndex) -> bool:
        if not len(places):
            # No event, and perhaps too few days for any window: nothing to slice.
            return False
        first, last = places.position.min(), places.position.max()
        return bool(
            first + self.estimation[0] >= 0 and last + self.window[1] < self.placing.calendars.size
        )


def fit_chunks(
    recipe: FitPlan, executor: Executor | None, take_in: Callable[[int, Fit], Taken], *, slim: bool
) -> Iterator[Taken]:
    """Fit the chunks of a recipe, here or over an executor.

    `take_in` is given the number of a chunk's first event and its fit, and answers what to keep
    of it; without an executor the thread that fitted the chunk calls it. Yields the answers in
    the order of the chunks. `slim` leaves out what can be made again.
    """
    work = fit_without_residuals if slim else fit_chunk
    if executor is None:
        numbered = enumerate(recipe.chunks())
        yield from map_ordered(
            lambda chunk: take_in(chunk[0] * recipe.step, work(chunk[1])), numbered
        )
        return
    waiting: deque[Future[Fit]] = deque()
    done = 0
    try:
        for chunk in recipe.chunks(alone=True):
            waiting.append(executor.submit(work, chunk))
            if len(waiting) >= WAITING:
                yield take_in(done * recipe.step, _result(waiting.popleft(), recipe, done))
                done += 1
        while waiting:
            yield take_in(done * recipe.step, _result(waiting.popleft(), recipe, done))
            done += 1
    finally:
        for future in waiting:
            future.cancel()


def _result(future: Future[Fit], recipe: FitPlan, number: int) -> Fit:
    """Wait for one chunk; what the work raised stays as it is, a lost worker is named."""
    try:
        return future.result()
    except Exception as error:
        # Dask is not imported to know its own error.
        killed = type(error).__name__ == "KilledWorker"
        if not (killed or isinstance(error, BrokenExecutor | CancelledError)):
            raise
        first, last = number * recipe.step + 1, (number + 1) * recipe.step
        raise WorkerError(
            f"The executor lost a worker while it fitted events {first} to "
            f"{min(last, len(recipe.places))} ({type(error).__name__}): give its workers more "
            "memory, or fit without executor=."
        ) from error


def _own_events(
    placing: EventAlignment,
    places: EventIndex,
    estimation: tuple[int, int],
    window: tuple[int, int],
) -> tuple[Ints, Bools]:
    """Find the estimation rows that lie in the event windows of a security's other events.

    Returns which of the N events have such rows, (h,), and the rows, (h, E).
    """
    # Only earlier events can reach back so far: the estimation window ends before the event
    # window begins. Go through them from the latest on, as long as any is near enough.
    every, keys = placing.ordered, placing.ordered_keys
    at = np.searchsorted(keys, placing.key(places)) - 1
    offsets = offsets_of(estimation)
    taken = np.zeros((0, len(offsets)), dtype=np.bool_)
    found = np.empty(0, dtype=np.int64)
    while True:
        near = np.maximum(at, 0)
        back = every.position[near] - places.position if len(keys) else np.zeros_like(at)
        reaches = (at >= 0) & (back + window[1] >= estimation[0])
        if len(keys):
            reaches &= every.security[near] == places.security
        if not reaches.any():
            return found, taken
        rows = np.flatnonzero(reaches)
        more = np.setdiff1d(rows, found, assume_unique=True)
        found = np.concatenate([found, more])
        taken = np.concatenate([taken, np.zeros((len(more), len(offsets)), dtype=np.bool_)])
        slot = np.empty(len(places), dtype=np.int64)
        slot[found] = np.arange(len(found))
        first, last = back[rows] + window[0], back[rows] + window[1]
        taken[slot[rows]] |= (offsets >= first[:, None]) & (offsets <= last[:, None])
        at = np.where(reaches, at - 1, -1)
