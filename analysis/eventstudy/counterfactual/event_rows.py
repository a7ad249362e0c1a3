"""One event's rows out of the results of a study: its returns and its donors'.

What the inference of this package works on, read from the frames of the study by their
labels, at day 0 or at an earlier session.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.counterfactual.base import (
    CounterfactualFit,
    CounterfactualModel,
    complete_donors,
)

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy


@dataclass(frozen=True)
class Rows:
    """The rows of one event on which its security has a return.

    Attributes
    ----------
    y, after : (T,), (W,) float
        Its returns on the estimation and the event rows.
    donors_before, donors_after : (T, J), (W, J) float
        The donors without a missing return on these.
    offsets : (W,) int
        Relative day of each event row.
    kept : (pool,) bool
        Which donors of the study these are.
    """

    y: Floats
    after: Floats
    donors_before: Floats
    donors_after: Floats
    offsets: Ints
    kept: Bools

    def inside(self, window: tuple[int, int]) -> Bools | None:
        """Which event rows lie in a window; None where one of its days is missing."""
        inside: Bools = (self.offsets >= window[0]) & (self.offsets <= window[1])
        return inside if int(inside.sum()) == window[1] - window[0] + 1 else None

    def match(self, model: CounterfactualModel) -> CounterfactualFit:
        """Match the security with its donors."""
        return model.match(self.y[None], self.donors_before, self.donors_after)[0]


class Reader:
    """Reads the rows of a study's events; InputError where its model is not of this package."""

    def __init__(self, results: FittedStudy) -> None:
        study = results.study
        if not isinstance(study.model, CounterfactualModel) or study.factors is None:
            raise InputError(
                "This needs the results of a counterfactual model such as SyntheticControl(), "
                f"not of {study.model.name}."
            )
        self.model = study.model
        self.study = study
        self._results = results
        self._donors = study.factors[list(study.model.columns)].to_numpy()
        self._donor_dates = pd.DatetimeIndex(study.factors.index)

    def events(self) -> Iterator[tuple[Hashable, Hashable, int, Rows]]:
        """Go through the fitted events: event_id, security, number of day 0, rows."""
        results = self._results
        dates = self.study.events["date"].iloc[results.placing.rows[results.numbers]]
        for (event_id, security), date in zip(results.index, dates, strict=True):
            day0 = int(self._sessions(security).get_indexer(pd.DatetimeIndex([date]))[0])
            # The own window lies after the estimation window: sparing it cuts nothing.
            spared = self.own_events(security) if self.study.exclude_own_events else ()
            yield event_id, security, day0, self.rows(security, day0, spared)

    def rows(self, security: Hashable, day0: int, spared: Iterable[int] = ()) -> Rows:
        """Rows around a session, by its number among those of the security.

        The event windows around `spared` sessions are cut from the estimation window.
        """
        study = self.study
        before = np.arange(study.estimation[0], study.estimation[1] + 1) + day0
        for session in spared:
            near = (before >= session + study.window[0]) & (before <= session + study.window[1])
            before = before[~near]
        offsets = np.arange(study.window[0], study.window[1] + 1)
        y, donors_before, _ = self._at(security, before)
        after, donors_after, found = self._at(security, offsets + day0)
        kept = complete_donors(donors_before, donors_after)
        return Rows(y, after, donors_before[:, kept], donors_after[:, kept], offsets[found], kept)

    def own_events(self, security: Hashable) -> list[int]:
        """Sessions of a security's events."""
        events, sessions = self.study.events, self._sessions(security)
        dates = events.loc[events["security"] == security, "date"].dropna()
        found = sessions.get_indexer(pd.DatetimeIndex(dates))
        return [int(at) for at in found if at >= 0]

    def _sessions(self, security: Hashable) -> pd.DatetimeIndex:
        if self.study.calendars is None:
            return pd.DatetimeIndex(self.study.returns.index)
        return self.study.calendars[security]

    def _at(self, security: Hashable, numbers: Ints) -> tuple[Floats, Floats, Bools]:
        """Returns of a security and the donors on some sessions, where it has one."""
        sessions = self._sessions(security)
        exists = (numbers >= 0) & (numbers < len(sessions))
        dates = sessions[np.where(exists, numbers, 0)]
        series = self.study.returns[security].reindex(dates).to_numpy()
        found: Bools = exists & np.isfinite(series)
        at = self._donor_dates.get_indexer(dates[found])
        donors = np.where((at >= 0)[:, None], self._donors[at], np.nan)
        return series[found], donors, found


def weights(results: FittedStudy) -> pd.DataFrame:
    """Weights of the donors in every event's counterfactual.

    They are found anew from the returns of the study, the same as in its fit.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a model of this package.

    Returns
    -------
    pandas.DataFrame
        event_id, security, donor, weight: one row per donor with a weight other than 0, the
        largest first. They sum to one, except those of `InteractiveFixedEffects`, which
        weigh the donors' returns less their means.

    Raises
    ------
    InputError
        The study has another model.
    """
    reader = Reader(results)
    names = ["event_id", "security", "donor", "weight"]
    parts = []
    for event_id, security, _, rows in reader.events():
        found = rows.match(reader.model).weights
        order = np.argsort(-found, kind="stable")
        order = order[found[order] != 0]
        donors = pd.Index(reader.model.pool, dtype=object)[rows.kept][order]
        values = ([event_id] * len(order), [security] * len(order), donors, found[order])
        parts.append(pd.DataFrame(dict(zip(names, values, strict=True))))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
