"""Answers beyond the battery: intervals, bootstraps, placebo dates, and what explains CARs.

`results` takes these methods over, so that an analyst finds all answers in one place; each
is a call into the room that does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import pandas as pd

from analysis.eventstudy.inference.intervals import interval_table
from analysis.eventstudy.inputs.frames import Window, check_inside

if TYPE_CHECKING:
    from analysis.eventstudy.inference.cross_section import Explained
    from analysis.eventstudy.results import EventStudyResults


class Inference:
    """The part of `EventStudyResults` that draws further conclusions from its CARs."""

    def permutation(
        self,
        windows: Window | Sequence[Window],
        group: str | None = None,
        *,
        test: str = "permutation",
    ) -> pd.DataFrame:
        """Compare every studentised mean SCAR with that of the same events on other dates.

        Parameters
        ----------
        windows : (int, int) or sequence of them
            Relative days, both ends included, inside the event window.
        group : str, optional
            One of `groups`; every group by default.
        test : {"permutation", "permutation_mean"}
            The latter compares the plain mean SCAR.

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, statistic (mean SCAR over its cross-sectional
            standard error; of a single event, its SCAR), p_value, placebos (dates used),
            admissible (dates that there are), exact (whether all of them were used, so that
            the p-value is no draw), n, reason. The same figures as in `tests`, see
            `resampling.Placebos.test`.

        Raises
        ------
        InputError
            Unknown group or test, or a window outside the event window.
        """
        from analysis.eventstudy.inference.placebo_table import placebo_table

        results = self._results
        asked = results._windows(windows), results._groups(group)
        return placebo_table(results, *asked, test)

    def intervals(
        self,
        windows: Window | Sequence[Window],
        level: float = 0.95,
        method: str = "kolari_pynnonen",
    ) -> pd.DataFrame:
        """Give every CAR and every group's CAAR with a confidence interval.

        Parameters
        ----------
        windows : (int, int) or sequence of them
            Relative days, both ends included, inside the event window.
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

        Raises
        ------
        InputError
            A window outside the event window, a level that is none, an unknown method.
        """
        results = self._results
        return interval_table(results, results._windows(windows), level, method)

    def bootstrap(
        self,
        windows: Window | Sequence[Window],
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
            Relative days, both ends included, inside the event window.
        kind : {"wild", "wild_cluster", "cluster"}
            A random weight for every event's CAR, one for every cluster of events, or
            clusters drawn with replacement (pairs). ``"wild"`` takes the events for
            independent, which events that share dates are not; events that all share one
            date are one cluster, and one cluster cannot be drawn from.
        draws : int
            Bootstrap samples, at least 99.
        group : str, optional
            One of `groups`; every group by default.
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

        Raises
        ------
        InputError
            Unknown name, or a level or number of draws that cannot be.

        Notes
        -----
        The null is imposed for the p-value of the wild bootstraps. Cameron, Gelbach & Miller
        (2008); Davidson & Flachaire (2008); Webb (2023): see `bootstrap.bootstrap_mean`.
        """
        from analysis.eventstudy.inference.bootstrap import bootstrap_table

        results = self._results
        asked = results._windows(windows), results._groups(group)
        return bootstrap_table(
            results,
            *asked,
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
    ) -> Explained:
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
        Explained
            table (term, coefficient, se, t, df, p_value, low, high), n, r2, left_out, note,
            and the statsmodels result behind them.

        Raises
        ------
        InputError
            Unknown names, a formula that cannot be read, collinear regressors, too few
            events.
        """
        from analysis.eventstudy.inference.cross_section import explain

        results = self._results
        inside = check_inside(window, results.study.window)
        return explain(
            results,
            formula,
            inside,
            data,
            errors=errors,
            cluster=cluster,
            weights=weights,
            level=level,
        )

    def compare_presets(
        self, windows: Window | Sequence[Window], group: str | None = None
    ) -> pd.DataFrame:
        """Say what other packages' conventions would have concluded from the same returns.

        Returns
        -------
        pandas.DataFrame
            preset (``"faultline"`` is ours), package_test, test (our name of it),
            window_start, window_end, statistic, df, p_value, significant (at 5 %), n, reason,
            note; ``attrs["differences"]`` says in sentences where a package differs from us.

        Raises
        ------
        InputError
            Unknown group, or a window outside the event window.
        """
        from analysis.eventstudy import presets

        results = self._results
        return presets.compare(results, results._windows(windows), group)

    def placebos(
        self, window: Window, kind: Literal["space", "time", "conformal"] = "space"
    ) -> pd.DataFrame:
        """Infer from a counterfactual model by its placebos or its permuted residuals.

        Returns
        -------
        pandas.DataFrame
            See `counterfactual.placebo_in_space`, `placebo_in_time`, `conformal`.

        Raises
        ------
        InputError
            Another model, an unknown kind, or a window outside the event window.
        """
        from analysis.eventstudy.counterfactual.placebos import placebos

        return placebos(self._results, window, kind)

    @property
    def _results(self) -> EventStudyResults:
        return cast("EventStudyResults", self)
