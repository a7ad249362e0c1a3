"""Results of an event study: abnormal returns, CARs, CAARs, their tests, what was skipped.

`study` makes them. The figures come as labelled pandas frames, each from the module that
computes it; `FittedStudy.sample` gives the arrays to a test of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy import presets
from analysis.eventstudy.fitting.fitted_study import FittedStudy
from analysis.eventstudy.fitting.skipped import skipped_table
from analysis.eventstudy.inference import battery
from analysis.eventstudy.inference.intervals import caar_path, interval_table
from analysis.eventstudy.inference.recommendation import Recommendation, recommend
from analysis.eventstudy.inputs.frames import Window, check_inside, check_windows
from analysis.eventstudy.summary import Summary, figure, summarise

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.eventstudy.inference.cross_section import CrossSectionResults

Windows = Window | Sequence[Window]


@dataclass(frozen=True, eq=False, repr=False)
class EventStudyResults(FittedStudy):
    """The results of one event study.

    Windows are relative days, both ends included, inside the event window; a group is one
    of `groups`, by default all events in `caar`, `caar_path` and `recommended`, and every
    group in the tables. Methods raise `InputError` for an unknown name and for a window
    outside the event window. For the attributes see `FittedStudy`.
    """

    def with_skipped(self, refused: pd.DataFrame) -> EventStudyResults:
        """Add pairs to `skipped` that never reached the study.

        Parameters
        ----------
        refused : pandas.DataFrame
            event_id, security, reason: the first rows of `skipped`, in place of what it says
            of the same pairs.
        """
        return replace(self, refused=refused)

    @property
    def events(self) -> pd.DataFrame:
        """All events as given: event_id, security, date (day 0), group (missing where none)."""
        return self.study.events.copy()

    def car(self, window: Window) -> pd.DataFrame:
        """Cumulative abnormal return of every event that is whole in a window.

        Returns
        -------
        pandas.DataFrame
            (event_id, security) × car (decimal), se, t, df, p_value (two-sided, Student's
            t with T−k degrees of freedom), scar = car/se.

        Notes
        -----
        Var(CAR) = s²(L + g'(X'X)⁻¹g), the full forecast covariance: Campbell, Lo &
        MacKinlay (1997, ch. 4); Mikkelson & Partch (1988). Events with a hole in the
        window are left out, see `skipped_in`.
        """
        inside = check_inside(window, self.study.window)
        if self.study.preset:
            return presets.car(self, inside)
        return battery.car_table(self, inside)

    def caar(self, window: Window, group: str | None = None) -> pd.Series:
        """Average the CARs of a group and test the average with the recommended test.

        Returns
        -------
        pandas.Series
            caar (decimal), n, test, statistic, df, p_value. The test is
            ``kolari_pynnonen_t``, which keeps its size when events share dates; `recommended`
            says whether another is better under the conditions of this study. Its figures are
            NaN where it is not defined, and `tests` says why.
        """
        if self.study.preset:
            return presets.caar(self, window, group)
        return battery.caar(self, window, group)

    def caar_path(self, group: str | None = None, level: float = 0.95) -> pd.DataFrame:
        """Cumulate the average abnormal return day by day, with a pointwise band.

        Parameters
        ----------
        group : str, optional
        level : float
            Confidence level of the band, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            day, caar (from the first day of the event window to that day), se, low, high,
            n. The events are those without a hole in the whole event window, the same for
            every day. NaN band where r̄ or n leaves the standard error undefined.

        Notes
        -----
        The standard error is that of `intervals.caar_interval`, honest about events that
        share dates; the band holds day by day, not for the path as a whole.
        """
        return caar_path(self, group, level)

    def tests(
        self, windows: Windows, tests: Iterable[str] | Literal["all"] = "all"
    ) -> pd.DataFrame:
        """Run the battery of tests on every group and window.

        Parameters
        ----------
        windows : (int, int) or sequence of them
        tests : iterable of str or "all"
            Names of tests. ``"permutation_mean"`` runs when it is named, not with "all".

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, test, statistic, df (NaN: standard normal or
            exact), p_value (two-sided), p_holm, p_bh, n (events), reason (why there is no
            statistic). Both adjustments take all finite p-values of this call for one
            family: Holm (1979); Benjamini & Hochberg (1995). The group ``"all"`` comes first.
        """
        if self.study.preset:
            return presets.tests(self, self._windows(windows), tests)
        return battery.test_table(self, self._windows(windows), tests)

    @property
    def skipped(self) -> pd.DataFrame:
        """Events left out altogether, and those with a hole in the event window.

        event_id, security, window_start, window_end (blank: left out of every window),
        reason. For other windows see `skipped_in`.
        """
        return self.skipped_in([self.study.window])

    def skipped_in(self, windows: Windows) -> pd.DataFrame:
        """Events left out altogether, and those with a hole in one of some windows."""
        return skipped_table(self, self._windows(windows))

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
        tests : pandas.DataFrame, optional
            What `tests` gave, so that nothing is computed twice.

        Returns
        -------
        Recommendation
            tests (those to read first, in order), others, conditions, and the sentence that
            says why; see `recommendation.recommend`.
        """
        return recommend(self, tests, window=window, group=group)

    def permutation(
        self, windows: Windows, group: str | None = None, *, test: str = "permutation"
    ) -> pd.DataFrame:
        """Compare every studentised mean SCAR with that of the same events on other dates.

        Parameters
        ----------
        windows : (int, int) or sequence of them
        group : str, optional
        test : {"permutation", "permutation_mean"}
            The latter compares the plain mean SCAR.

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, statistic (mean SCAR over its cross-sectional
            standard error; of a single event, its SCAR), p_value, placebos (dates used),
            admissible (dates that there are), exact (whether all of them were used, so that
            the p-value is no draw), n, reason. The same figures as in `tests`, see
            `permutation.Placebos.test`.
        """
        from analysis.eventstudy.inference.placebo_table import placebo_table

        return placebo_table(self, self._windows(windows), self._groups(group), test)

    def intervals(
        self, windows: Windows, level: float = 0.95, method: str = "kolari_pynnonen"
    ) -> pd.DataFrame:
        """Give every CAR and every group's CAAR with a confidence interval.

        Parameters
        ----------
        windows : (int, int) or sequence of them
        level : float
            Confidence level, between 0 and 1.
        method : {"kolari_pynnonen", "cross_sectional"}
            Of the CAAR: honest about events that move together (`intervals.caar_interval`),
            or taking them for independent (mean ± t·sd/√N). `bootstrap` has others.

        Returns
        -------
        pandas.DataFrame
            kind (``"car"``: Student's t with T−k degrees of freedom; ``"caar"``: with N−1),
            group (of a CAAR), event_id, security (of a CAR), window_start, window_end,
            estimate (decimal), se, df, low, high, n, reason (why there is no interval).
            Events with a hole in a window are not in it, see `skipped_in`.
        """
        return interval_table(self, self._windows(windows), level, method)

    def bootstrap(
        self,
        windows: Windows,
        kind: str = "wild",
        draws: int = 9999,
        group: str | None = None,
        *,
        on: str = "car",
        weights: str = "rademacher",
        by: str = "overlap",
        level: float = 0.95,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Test every CAAR by a wild or a cluster bootstrap, with an interval.

        Parameters
        ----------
        windows : (int, int) or sequence of them
        kind : {"wild", "wild_cluster", "cluster"}
            A random weight for every event's CAR, one for every cluster of events, or
            clusters drawn with replacement (pairs). ``"wild"`` takes the events for
            independent, which events that share dates are not; events that all share one
            date are one cluster, and one cluster cannot be drawn from.
        draws : int
            Bootstrap samples, at least 99.
        group : str, optional
        on : {"car", "scar"}
            What statistic and p-value average; the interval is that of the CAAR.
        weights : {"rademacher", "webb"}
            Of the wild bootstraps: ±1, or six points for few clusters.
        by : {"overlap", "date"}
            Events of one cluster are linked by windows that share days, or share day 0.
        level : float
            Of the percentile-t interval.
        seed : int, optional
            Of the draws; the study's by default.

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, kind, caar, statistic, p_value, low, high, n,
            clusters (as `by` makes them, for every kind), draws (fewer where all sign
            patterns are), reason (why there is no figure).

        Notes
        -----
        The null is imposed for the p-value of the wild bootstraps. Cameron, Gelbach & Miller
        (2008); Davidson & Flachaire (2008); Webb (2023): see `bootstrap.bootstrap_mean`.
        """
        from analysis.eventstudy.inference.bootstrap import bootstrap_table

        return bootstrap_table(
            self,
            self._windows(windows),
            self._groups(group),
            kind=kind,
            draws=draws,
            on=on,
            weights=weights,
            by=by,
            level=level,
            seed=seed,
        )

    def explain(
        self,
        formula: str,
        window: Window,
        data: pd.DataFrame,
        *,
        errors: str = "HC3",
        cluster: str | None = None,
        weights: str | None = None,
        level: float = 0.95,
    ) -> CrossSectionResults:
        """Regress the CARs of a window on what is known of events and securities.

        Parameters
        ----------
        formula : str
            ``"car ~ china_share + log(cap)"``: car or scar on the left, columns of `data`.
        window : (int, int)
        data : pandas.DataFrame
            One row per event_id, per security or per both, as columns or index.
        errors : {"HC3", "cluster"}
            Robust to variances that differ, or to CARs that move together in clusters.
        cluster : str, optional
            Column of `data`, or event_id, security, group or date (day 0, the default).
        weights : {"forecast"}, optional
            Weigh every event by 1/se² of its CAR.
        level : float
            Of the confidence intervals.

        Returns
        -------
        CrossSectionResults
            table (term, coefficient, se, t, df, p_value, low, high), n, r2, left_out, note,
            and the statsmodels result behind them.
        """
        from analysis.eventstudy.inference.cross_section import explain

        return explain(
            self,
            formula,
            check_inside(window, self.study.window),
            data,
            errors=errors,
            cluster=cluster,
            weights=weights,
            level=level,
        )

    def compare_presets(self, windows: Windows, group: str | None = None) -> pd.DataFrame:
        """Say what other packages' conventions would have concluded from the same returns.

        Returns
        -------
        pandas.DataFrame
            preset (``"faultline"`` is ours), package_test, test (our name of it),
            window_start, window_end, statistic, df, p_value, significant (at 5 %), n, reason,
            note; ``attrs["differences"]`` says in sentences where a package differs from us.
        """
        from analysis.eventstudy.presets.comparison import table

        return table(self, self._windows(windows), group)

    def placebos(
        self, window: Window, kind: Literal["space", "time", "conformal"] = "space"
    ) -> pd.DataFrame:
        """Infer from a counterfactual model by its placebos or its permuted residuals.

        Returns
        -------
        pandas.DataFrame
            See `counterfactual.placebo_in_space`, `placebo_in_time`, `conformal`.
        """
        from analysis.eventstudy import counterfactual

        kinds: dict[str, Callable[[FittedStudy, Window], pd.DataFrame]] = {
            "space": counterfactual.placebo_in_space,
            "time": counterfactual.placebo_in_time,
            "conformal": counterfactual.conformal,
        }
        if kind not in kinds:
            raise unknown_name("kind of placebos", kind, kinds)
        return kinds[kind](self, window)

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

    def _groups(self, group: str | None) -> tuple[str, ...]:
        self.members(group)
        return self.groups if group is None else (group,)

    def _windows(self, windows: Windows) -> list[Window]:
        return check_windows(windows, self.study.window)
