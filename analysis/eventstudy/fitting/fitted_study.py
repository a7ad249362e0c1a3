"""A fitted study: the arrays, samples and labels that every test reads.

`study` makes it. Tests, intervals, bootstraps and presets take a `FittedStudy` and know
nothing of `results`, which puts their answers under one roof.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy.core.arrays import Ints
from analysis.eventstudy.core.fitted import Fitted, WindowSample, window_sample
from analysis.eventstudy.fitting.alignment import EventAlignment
from analysis.eventstudy.inputs.frames import ALL_GROUP, StudyInputs, Window, check_inside
from analysis.eventstudy.models.least_squares import Fit


@dataclass(frozen=True, eq=False, repr=False)
class FittedStudy:
    """The fitted events of a study.

    Attributes
    ----------
    study : StudyInputs
        The question: windows, model and frames as checked.
    placing : EventAlignment
        Where the events lie on their calendars.
    numbers : (N,) int
        Placed events that were fitted, in the order of ``study.events``.
    fit : Fit
        Their arrays.
    unfitted : dict of int to str
        Placed event -> why it could not be fitted.
    refused : pandas.DataFrame or None
        Pairs that were left out before the study, see `EventStudyResults.with_skipped`.
    """

    study: StudyInputs
    placing: EventAlignment
    numbers: Ints
    fit: Fit
    unfitted: dict[int, str]
    refused: pd.DataFrame | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Cached values follow from the fields, so a pickle does not need them.
        names = {field.name for field in fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in names}

    @property
    def fitted(self) -> Fitted:
        """The arrays behind the figures, one row per fitted event."""
        return self.fit.fitted

    @property
    def index(self) -> pd.MultiIndex:
        """(event_id, security) of the fitted events."""
        # Names of levels can be changed in place: each caller gets its own.
        return self._index.view()

    @cached_property
    def _index(self) -> pd.MultiIndex:
        rows, names = self.placing.rows[self.numbers], ["event_id", "security"]
        # Levels in the order of the events: sorting a million names would cost more than fits.
        coded = [_coded(self.study.events[name].take(rows)) for name in names]
        levels: list[Any] = [level for _, level in coded]
        codes: list[Any] = [numbers for numbers, _ in coded]
        return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=False)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """``"all"`` and then every named group, in the order in which they appear."""
        given = self.study.events["group"]
        # Most studies have no group: looking for names takes longer than for none.
        names = {} if given.array.isna().all() else dict.fromkeys(given.dropna())
        return (ALL_GROUP, *names)

    @property
    def abnormal(self) -> pd.DataFrame:
        """Abnormal returns, decimal: (event_id, security) × relative day, NaN where missing."""
        # A view of the engine's memory: pandas copies on write.
        table = self.fitted.ar_frame.copy(deep=False)
        table.index, table.columns = self.index, pd.Index(self.fitted.offsets, name="day")
        return table

    @property
    def abnormal_se(self) -> pd.DataFrame:
        """Standard errors of the abnormal returns, the forecast error included.

        √(s²(1 + x_t'(X'X)⁻¹x_t)): Patell (1976); MacKinlay (1997, eq. 8).
        """
        return self._by_day(np.sqrt(self.fitted.ar_variance()))

    @property
    def dates(self) -> pd.DataFrame:
        """Session dates of the event window: (event_id, security) × relative day."""
        days = self.fitted.days
        stamps = self.placing.dates.to_numpy()[days.clip(min=0)]
        return self._by_day(np.where(days >= 0, stamps, np.datetime64("NaT", "ns")))

    @property
    def parameters(self) -> pd.DataFrame:
        """Estimates: (event_id, security) × (alpha, beta..., sigma, n, r2).

        sigma is the residual standard deviation (decimal, daily), n the usable estimation
        rows.
        """
        names = list(self.study.model.parameters)
        table = pd.DataFrame(self.fit.estimates, index=self.index, columns=names)
        return table.astype({"n": np.int64})

    def sample(self, window: Window, group: str | None = None) -> tuple[WindowSample, Ints]:
        """The arrays of the events that are whole in a window, and which events they are.

        Parameters
        ----------
        window : (int, int)
            Relative days, both ends included.
        group : str, optional
            One of `groups`; all events by default.

        Returns
        -------
        WindowSample
            n events.
        (n,) int
            Their rows in `fitted`.

        Raises
        ------
        InputError
            Unknown group, or a window outside the event window.
        """
        asked = check_inside(window, self.study.window), group or ALL_GROUP
        # CARs, their average and their tests ask for the same sample one after the other.
        known = self._samples.get(asked)
        if known is None:
            members = self.members(group)
            everyone = len(members) == len(self.fitted)
            sample, kept = window_sample(
                self.fitted if everyone else self.fitted.take(members), asked[0]
            )
            known = sample, members[kept]
            self._samples.clear()
            self._samples[asked] = known
        return known

    @cached_property
    def _samples(self) -> dict[tuple[Window, str], tuple[WindowSample, Ints]]:
        """The sample that was asked for last."""
        return {}

    def members(self, group: str | None) -> Ints:
        """Rows in `fitted` of a group's events; all of them by default.

        Raises
        ------
        InputError
            Unknown group.
        """
        if group is None or group == ALL_GROUP:
            return np.arange(len(self.fitted))
        if group not in self.groups:
            raise unknown_name("group", group, self.groups)
        names = self.study.events["group"].to_numpy()[self.placing.rows[self.numbers]]
        return np.flatnonzero(names == group)

    def _by_day(self, values: np.ndarray) -> pd.DataFrame:
        days = pd.Index(self.fitted.offsets, name="day")
        # Every caller hands over an array of its own.
        return pd.DataFrame(values, index=self.index, columns=days, copy=False)


def _coded(names: pd.Series) -> tuple[Ints, pd.Index]:
    """Number names in the order in which they appear."""
    if names.is_unique:
        return np.arange(len(names)), pd.Index(names.array)
    numbers, level = pd.factorize(names)
    return numbers, level
