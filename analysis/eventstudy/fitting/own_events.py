"""Rows of a security's other events, which its estimation windows leave out.

`chunks` asks for them where windows are cut as slices; a `panel.Panel` marks them instead.
"""

from __future__ import annotations

import numpy as np

from analysis.eventstudy.core.arrays import Bools, Ints
from analysis.eventstudy.core.panel import EventIndex, offsets_of
from analysis.eventstudy.fitting.alignment import EventAlignment


def own_events(
    placing: EventAlignment,
    places: EventIndex,
    estimation: tuple[int, int],
    window: tuple[int, int],
) -> tuple[Ints, Bools]:
    """Find the estimation rows that lie in the event windows of a security's other events.

    Parameters
    ----------
    placing : EventAlignment
        All events of the study.
    places : EventIndex
        The N events to fit.
    estimation, window : (int, int)
        Relative days.

    Returns
    -------
    (h,) int
        Which of the N events have such rows.
    (h, E) bool
        The rows.
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
