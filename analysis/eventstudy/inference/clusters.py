"""Which events belong together because they fall on the same days, or follow from one instant.

`bootstrap` draws such clusters of events instead of single ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.eventstudy.core.arrays import Ints
from analysis.eventstudy.core.fitted import WindowSample

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy


def by_date(results: FittedStudy, members: Ints) -> Ints:
    """Number the day 0 of each event, on the union of calendars.

    Securities that react to one instant a session apart share the day of the first reaction.
    """
    order = results.fitted.order
    if order is not None:
        return np.unique(order.first[members], return_inverse=True)[1].astype(np.int64)
    places = results.placing.places.take(results.numbers[members])
    days = results.placing.calendars.day0(places)
    return np.unique(days, return_inverse=True)[1].astype(np.int64)


def by_overlap(sample: WindowSample) -> Ints:
    """Number the groups of events whose windows are linked by common days.

    Parameters
    ----------
    sample : WindowSample
        n events.

    Returns
    -------
    (n,) int
        Two events whose windows share a day, or that react to one instant a session apart,
        have the same number, and so do those linked by others in between.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    days = sample.fitted.days[:, sample.columns]
    if not days.size:
        return np.empty(0, dtype=np.int64)
    # Events and days are the two sides of a graph; an event touches the days it holds.
    n = len(days)
    event, touched = np.repeat(np.arange(n), days.shape[1]), n + days.ravel()
    if (order := sample.fitted.order) is not None:
        # So is an instant that reaches some exchanges a session after the others.
        several = np.flatnonzero(order.instant >= 0)
        event = np.concatenate([event, several])
        touched = np.concatenate([touched, int(touched.max()) + 1 + order.instant[several]])
    width = int(touched.max()) + 1
    edges = coo_array((np.ones(len(event), dtype=np.int8), (event, touched)), shape=(width, width))
    _, labels = connected_components(edges, directed=False)
    return np.unique(labels[:n], return_inverse=True)[1].astype(np.int64)
