"""Chunks of events: what one worker needs to fit them, and nothing else.

`study` sends the real events through here, `resampling` the placebo events; either may go
over an executor, so a chunk carries only the series of its own securities and pickles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.fits import Fit
from analysis.eventstudy.fitted import Ints
from analysis.eventstudy.models import Model
from analysis.eventstudy.placing import Placing, renumber
from analysis.eventstudy.windows import Panel, Places, cut, span

# Most events of one chunk, and most cells (events × series × days): blocks stay in cache. They
# do not depend on the number of workers, so neither do the results, to the last bit.
CHUNK = 512
CELLS = 1 << 19


@dataclass(frozen=True)
class Chunk:
    """Some events, the panel of their securities, and how to fit them."""

    panel: Panel
    places: Places
    estimation_offsets: Ints
    offsets: Ints
    model: Model
    spare: bool


def chunks(
    placing: Placing,
    places: Places,
    model: Model,
    estimation: tuple[int, int],
    window: tuple[int, int],
    *,
    spare: bool,
) -> Iterator[Chunk]:
    """Cut events into chunks; give them sorted by security, so that a chunk needs few series.

    Parameters
    ----------
    placing : Placing
    places : Places
        The events to fit, real or placebo, securities numbered as in ``placing``.
    model : Model
    estimation, window : (int, int)
        Relative days.
    spare : bool
        Leave rows near real events of the same security out of the estimation window.
    """
    offsets, before = span(window), span(estimation)
    step = min(CHUNK, CELLS // ((1 + places.factors.shape[1]) * (len(offsets) + len(before))) + 1)
    for start in range(0, max(len(places), 1), step):
        part = places.take(np.arange(start, min(start + step, len(places))))
        securities = np.unique(part.security)
        panel = placing.panel(securities, offsets)
        yield Chunk(panel, renumber(part, securities), before, offsets, model, spare)


def fit_chunk(chunk: Chunk) -> Fit:
    """Fit one chunk, here or in another process."""
    block = cut(
        chunk.panel, chunk.places, chunk.estimation_offsets, chunk.offsets, spare=chunk.spare
    )
    return chunk.model.fit(block)
