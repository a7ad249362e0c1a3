"""What an event study answers: abnormal returns, CARs, CAARs, their tests, the ledger.

`study` makes it. Figures come as labelled pandas frames; `sample` is the way back to the
arrays for whoever adds a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy import presets
from analysis.eventstudy.core.fitted import Fitted, Floats, Ints, Sample, cumulate
from analysis.eventstudy.fitting.alignment import Placing
from analysis.eventstudy.fitting.skipped import left_out
from analysis.eventstudy.inference.battery import family
from analysis.eventstudy.inference.further import Inference
from analysis.eventstudy.inference.intervals import caar_path, two_sided
from analysis.eventstudy.inference.recommendation import Recommendation, recommend
from analysis.eventstudy.inference.registry import named, run
from analysis.eventstudy.inputs.frames import EVERYTHING, Window, check_inside
from analysis.eventstudy.inputs.options import check_windows
from analysis.eventstudy.models.least_squares import Fit
from analysis.eventstudy.summary import Summary, figure, summarise

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.eventstudy.study import EventStudy

# Kolari & Pynnönen (2010): holds its size when events share dates, which is the usual case.
LEADING_TEST = "kolari_pynnonen_t"


@dataclass(frozen=True, eq=False, repr=False)
class EventStudyResults(Inference):
    """The answers of one event study.

    Attributes
    ----------
    study : EventStudy
        The question: windows, model and frames as checked.
    placing : Placing
        Where the events lie on their calendars.
    numbers : (N,) int
        Placed events that were fitted, in the order of ``study.events``.
    fit : Fit
        Their arrays.
    unfitted : dict of int to str
        Placed event -> why it could not be fitted.
    refused : pandas.DataFrame or None
        Pairs that whoever asked left out before the study, see `with_skipped`.
    """

    study: EventStudy
    placing: Placing
    numbers: Ints
    fit: Fit
    unfitted: dict[int, str]
    refused: pd.DataFrame | None = None

    def with_skipped(self, refused: pd.DataFrame) -> EventStudyResults:
        """Add pairs to the ledger that never reached the study.

        Parameters
        ----------
        refused : pandas.DataFrame
            event_id, security, reason.

        Returns
        -------
        EventStudyResults
            The same answers; `skipped` starts with these rows, which replace what it says
            of the same pairs.
        """
        return replace(self, refused=refused)

    def __getstate__(self) -> dict[str, Any]:
        # What is remembered follows from the rest: a pickle has no need of it.
        names = {field.name for field in fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in names}

    @property
    def fitted(self) -> Fitted:
        """The arrays behind the figures, one row per fitted event."""
        return self.fit.fitted

    @property
    def events(self) -> pd.DataFrame:
        """All events as asked: event_id, security, date (day 0), group (missing where none)."""
        return self.study.events.copy()

    @property
    def index(self) -> pd.MultiIndex:
        """(event_id, security) of the fitted events."""
        # Names of levels can be changed in place: each answer has its own.
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
        return (EVERYTHING, *names)

    @property
    def abnormal(self) -> pd.DataFrame:
        """Abnormal returns, decimal: (event_id, security) × relative day, NaN where missing."""
        # The engine's own memory: whoever writes into the frame gets a copy then.
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

    def car(self, window: Window) -> pd.DataFrame:
        """Cumulative abnormal return of every event that is whole in a window.

        Parameters
        ----------
        window : (int, int)
            Relative days, both ends included, inside the event window.

        Returns
        -------
        pandas.DataFrame
            (event_id, security) × car (decimal), se, t, df, p_value (two-sided, Student's
            t with T−k degrees of freedom), scar = car/se.

        Raises
        ------
        InputError
            The window reaches outside the event window.

        Notes
        -----
        Var(CAR) = s²(L + g'(X'X)⁻¹g), the full forecast covariance: Campbell, Lo &
        MacKinlay (1997, ch. 4); Mikkelson & Partch (1988). Events with a hole in the
        window are left out, see `skipped_in`.
        """
        asked = check_inside(window, self.study.window)
        if self.study.preset:
            return presets.car(self, asked)
        sample, rows = self.sample(asked)
        return pd.DataFrame(
            {
                "car": sample.car,
                "se": sample.se,
                "t": sample.scar,
                "df": sample.fitted.dof,
                "p_value": two_sided(sample.scar, sample.fitted.dof),
                "scar": sample.scar,
            },
            index=self.index if len(rows) == len(self.index) else self.index[rows],
        )

    def caar(self, window: Window, group: str | None = None) -> pd.Series:
        """Average the CARs of a group and test the average with the recommended test.

        Parameters
        ----------
        window : (int, int)
            Relative days, both ends included.
        group : str, optional
            One of `groups`; all events by default.

        Returns
        -------
        pandas.Series
            caar (decimal), n, test, statistic, df, p_value. The test is
            ``kolari_pynnonen_t``, which keeps its size when events share dates; `recommended`
            says whether another is better under the conditions of this study. Its figures are
            NaN where it is not defined, and `tests` says why.

        Raises
        ------
        InputError
            Unknown group, or a window outside the event window.
        """
        if self.study.preset:
            return presets.caar(self, window, group)
        sample, _ = self.sample(window, group)
        outcome = run(sample, [LEADING_TEST], self.study.rbar)[0]
        return pd.Series(
            {
                "caar": _mean(sample.car),
                "n": sample.size,
                "test": outcome.test,
                "statistic": outcome.statistic,
                "df": outcome.df,
                "p_value": outcome.p_value,
            },
            name=group or EVERYTHING,
            dtype=object,
        )

    def caar_path(self, group: str | None = None, level: float = 0.95) -> pd.DataFrame:
        """Cumulate the average abnormal return day by day, with a pointwise band.

        Parameters
        ----------
        group : str, optional
            One of `groups`; all events by default.
        level : float
            Confidence level of the band, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            day, caar (from the first day of the event window to that day), se, low, high,
            n. The events are those without a hole in the whole event window, the same for
            every day. NaN band where r̄ or n leaves the standard error undefined.

        Raises
        ------
        InputError
            Unknown group, or a level that is none.

        Notes
        -----
        The standard error is that of `intervals.caar_interval`, honest about events that
        share dates; the band holds day by day, not for the path as a whole.
        """
        return caar_path(self, group, level)

    def tests(
        self,
        windows: Window | Sequence[Window],
        tests: Iterable[str] | Literal["all"] = "all",
    ) -> pd.DataFrame:
        """Run the battery of tests on every group and window.

        Parameters
        ----------
        windows : (int, int) or sequence of them
            Relative days, both ends included, inside the event window.
        tests : iterable of str or "all"
            Names of tests. ``"permutation_mean"`` runs when it is named, not with "all".

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, test, statistic, df (NaN: standard normal or
            exact), p_value (two-sided), p_holm, p_bh, n (events), reason (why there is no
            statistic). Both adjustments take all finite p-values of this call for one
            family: Holm (1979); Benjamini & Hochberg (1995). The group ``"all"`` always
            stands first.

        Raises
        ------
        InputError
            Unknown test, or a window outside the event window.
        """
        if self.study.preset:
            return presets.tests(self, self._windows(windows), tests)
        return family(self, self._windows(windows), named(tests))

    @property
    def skipped(self) -> pd.DataFrame:
        """Events left out altogether, and those with a hole in the event window.

        event_id, security, window_start, window_end (blank: left out of every window),
        reason. For other windows see `skipped_in`.
        """
        return self.skipped_in([self.study.window])

    def skipped_in(self, windows: Window | Sequence[Window]) -> pd.DataFrame:
        """Events left out altogether, and those with a hole in one of some windows.

        Raises
        ------
        InputError
            A window outside the event window.
        """
        return left_out(self, self._windows(windows))

    def sample(self, window: Window, group: str | None = None) -> tuple[Sample, Ints]:
        """The arrays of the events that are whole in a window, and which events they are.

        Parameters
        ----------
        window : (int, int)
            Relative days, both ends included.
        group : str, optional
            One of `groups`; all events by default.

        Returns
        -------
        Sample
            n events.
        (n,) int
            Their rows in `fitted`.

        Raises
        ------
        InputError
            Unknown group, or a window outside the event window.
        """
        asked = check_inside(window, self.study.window), group or EVERYTHING
        # CARs, their average and their tests ask for the same sample one after the other.
        known = self._samples.get(asked)
        if known is None:
            members = self._members(group)
            everyone = len(members) == len(self.fitted)
            sample, kept = cumulate(
                self.fitted if everyone else self.fitted.take(members), asked[0]
            )
            known = sample, members[kept]
            self._samples.clear()
            self._samples[asked] = known
        return known

    @cached_property
    def _samples(self) -> dict[tuple[Window, str], tuple[Sample, Ints]]:
        """The sample that was asked for last."""
        return {}

    def recommended(
        self,
        window: Window | None = None,
        group: str | None = None,
        tests: pd.DataFrame | None = None,
    ) -> Recommendation:
        """Choose the tests that keep their size under the conditions of this study.

        Parameters
        ----------
        window : (int, int), optional
            (0, 0) by default, or the event window where that does not hold it.
        group : str, optional
            One of `groups`; all events by default.
        tests : pandas.DataFrame, optional
            What `tests` gave, so that nothing is computed twice.

        Returns
        -------
        Recommendation
            tests (those to read first, in order), others, conditions, and the sentence that
            says why; see `recommendation.recommend`.

        Raises
        ------
        InputError
            Unknown group, or a window outside the event window.
        """
        return recommend(presets.plain(self), tests, window=window, group=group)

    def summary(self) -> Summary:
        """Say in words and tables what was found; prints as text, shows as HTML."""
        return summarise(self)

    def plot(self) -> go.Figure:
        """Draw the path of the CAAR of every group with its band (a plotly figure)."""
        return figure(self)

    def __repr__(self) -> str:
        study = self.study
        return (
            f"<EventStudyResults: {len(self.fitted)} of {len(study.events)} events, "
            f"{study.model.name}, estimation {study.estimation}, window {study.window}>"
        )

    def _repr_html_(self) -> str:
        return summarise(self, quick=True)._repr_html_()

    def _by_day(self, values: np.ndarray) -> pd.DataFrame:
        days = pd.Index(self.fitted.offsets, name="day")
        # Every caller hands over an array of its own.
        return pd.DataFrame(values, index=self.index, columns=days, copy=False)

    def _members(self, group: str | None) -> Ints:
        if group is None or group == EVERYTHING:
            return np.arange(len(self.fitted))
        if group not in self.groups:
            raise unknown_name("group", group, self.groups)
        names = self.study.events["group"].to_numpy()[self.placing.rows[self.numbers]]
        return np.flatnonzero(names == group)

    def _groups(self, group: str | None) -> tuple[str, ...]:
        if group is not None:
            self._members(group)
        return self.groups if group is None else (group,)

    def _windows(self, windows: Window | Sequence[Window]) -> list[Window]:
        return check_windows(windows, self.study.window)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _coded(names: pd.Series) -> tuple[Ints, pd.Index]:
    """Number names in the order in which they appear."""
    if names.is_unique:
        return np.arange(len(names)), pd.Index(names.array)
    numbers, level = pd.factorize(names)
    return numbers, level
