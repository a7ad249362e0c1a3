"""What a study of uncertain dates answers: tests, effects, how likely each candidate is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.errors import EventDateWarning, unknown_name
from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.inference.battery import outcome_table
from analysis.eventstudy.inference.test_result import Outcome
from analysis.eventstudy.inputs.frames import ALL_GROUP, Window, check_inside, check_windows
from analysis.eventstudy.results import EventStudyResults
from analysis.eventstudy.study import EventStudy
from analysis.eventstudy.summary import Summary
from analysis.eventstudy.uncertain_dates.alignment import CandidateAlignment
from analysis.eventstudy.uncertain_dates.candidate_tests import (
    CandidateSample,
    mean_correlations,
    run_tests,
)
from analysis.eventstudy.uncertain_dates.candidates import Candidates
from analysis.eventstudy.uncertain_dates.placebos import CandidatePlacebos
from analysis.eventstudy.uncertain_dates.summary import (
    days_text,
    disagreements,
    effects_text,
    fixed_outcomes,
    summarise,
    tests_text,
)


@dataclass(frozen=True, eq=False, repr=False)
class UncertainResults:
    """The answers of a study of uncertain dates.

    Attributes
    ----------
    candidates : Candidates
        The candidate days as checked.
    fixed_study : EventStudy
        The same question with every event on its fixed date.
    alignment : CandidateAlignment
        The pairs of event and security whose candidates are all sessions.
    anchored : EventStudyResults
        Their abnormal returns, day 0 the first candidate, from there over all candidates.
    lost : pandas.DataFrame
        event_id, security, reason of the other pairs.
    """

    candidates: Candidates
    fixed_study: EventStudy
    alignment: CandidateAlignment
    anchored: EventStudyResults
    lost: pd.DataFrame

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the weights, in sentences."""
        return self.candidates.notes

    @cached_property
    def fixed(self) -> EventStudyResults:
        """The same study with every event on its fixed date."""
        return self.fixed_study.fit()

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """``"all"`` and then every named group, in the order in which they appear."""
        return (ALL_GROUP, *dict.fromkeys(self.candidates.table["group"].dropna()))

    def tests(self, windows: Window | Sequence[Window] = (0, 0)) -> pd.DataFrame:
        """Test that the events had no effect, without holding one of the days for true.

        Warns (`EventDateWarning`) where a study of fixed dates concludes otherwise.

        Parameters
        ----------
        windows : (int, int) or sequence of them
            Relative days around a candidate, both ends included, inside the event window.

        Returns
        -------
        pandas.DataFrame
            group, window_start, window_end, test, statistic, df, p_value, p_holm, p_bh, n
            (pairs of event and security), reason. The tests, see `candidate_tests.run_tests`:

            - max_permutation: the mean SCAR of largest size over the choices of candidates,
              one per event and the same for all its securities, over its standard error,
              against the same search over placebo dates: it pays for the search and holds
              whatever the dependence between securities, and where the event raises their
              variance. The one to trust.
            - likelihood_ratio: no mean effect, Ball & Torous (1988), χ² with one degree of
              freedom. Its sample size is the number of events, and it takes events for
              independent of each other. Simulated size at 5 %: 2 % with 5 events, 3–4 %
              with 10 to 100; far above it with events that share days.
            - likelihood_any: neither a mean effect nor a rise of the variance, a mixture of
              χ² with one and two degrees of freedom.
            - likelihood_permutation: the likelihood ratio against placebo dates.

        Raises
        ------
        InputError
            A window outside the event window.
        """
        asked = self._windows(windows)
        found = self._outcomes(asked)
        for sentence in disagreements(found, fixed_outcomes(self.fixed, asked), loud=True):
            warnings.warn(sentence, EventDateWarning, stacklevel=2)
        return outcome_table(found)

    def disagreements(self, windows: Window | Sequence[Window] = (0, 0)) -> tuple[str, ...]:
        """Say where fixed dates lead to another conclusion at 5 %, or to another sign."""
        asked = self._windows(windows)
        return disagreements(self._outcomes(asked), fixed_outcomes(self.fixed, asked))

    def effect(self, window: Window = (0, 0)) -> pd.DataFrame:
        """Maximum-likelihood estimate of the mean effect: Ball & Torous (1988).

        Returns
        -------
        pandas.DataFrame
            One row per group that has a pair left: effect (decimal, the CAR that the event adds
            on average), se (from the observed information; NaN where it is not positive),
            variance_ratio
            (λ ≥ 1, of the CARs around the true day over what is normal), log_likelihood
            (against no event at all), events, n.
        """
        samples = {group: self._sample(window, group) for group in self.groups}
        found = {group: one.estimate() for group, one in samples.items() if one is not None}
        columns = ["effect", "se", "variance_ratio", "log_likelihood", "events", "n"]
        table = pd.DataFrame.from_dict(found, orient="index").reindex(columns=columns)
        return table.rename_axis("group")

    def posterior(self, window: Window = (0, 0), group: str | None = None) -> pd.DataFrame:
        """How likely each candidate is to be the day, given the returns and the weights.

        Returns
        -------
        pandas.DataFrame
            event_id, candidate, weight (before), posterior (after, at the likelihood's
            maximum), mean_car (decimal), mean_scar, n (securities), fixed, chosen (the
            candidate of the largest statistic).
        """
        sample = self._sample(window, group)
        columns = ["event_id", "candidate", "weight", "posterior", "mean_car", "mean_scar", "n",
                   "fixed", "chosen"]  # fmt: skip
        return pd.DataFrame(columns=columns) if sample is None else sample.days()[columns]

    def car(self, window: Window = (0, 0)) -> pd.DataFrame:
        """CAR of every event and security around each of its candidates.

        Returns
        -------
        pandas.DataFrame
            event_id, security, candidate, date, weight, car (decimal), se, scar. Only pairs
            that are whole around all candidates.
        """
        asked = check_inside(window, self.fixed_study.window)
        car, se, rows = self._cars(asked)
        alignment = self.alignment.take(rows)
        pair, choice = np.nonzero(alignment.exists)
        event = alignment.event[pair]
        days = alignment.days(alignment.position)[pair, choice]
        return pd.DataFrame(
            {
                "event_id": alignment.pairs["event_id"].to_numpy()[pair],
                "security": alignment.pairs["security"].to_numpy()[pair],
                "candidate": alignment.names[event, choice],
                "date": alignment.dates[days],
                "weight": alignment.weight[event, choice],
                "car": car[pair, choice],
                "se": se[pair, choice],
                "scar": (car / se)[pair, choice],
            }
        ).infer_objects()

    @property
    def skipped(self) -> pd.DataFrame:
        """Pairs of event and security left out altogether: event_id, security, reason."""
        left = self.anchored.skipped if len(self.alignment.pairs) else self.lost[:0]
        if len(left):
            left = left.loc[left["window_start"].isna(), ["event_id", "security", "reason"]]
        return pd.concat([self.lost, left], ignore_index=True) if len(left) else self.lost

    def skipped_in(self, window: Window) -> pd.DataFrame:
        """Pairs left out altogether, and those with a hole around one of their candidates."""
        asked = check_inside(window, self.fixed_study.window)
        rows = np.setdiff1d(self._fitted[0], self._cars(asked)[2])
        holes = self.alignment.pairs.iloc[rows][["event_id", "security"]]
        reason = f"a return or factor is missing in the window {asked} around a candidate"
        left = [one for one in (self.skipped, holes.assign(reason=reason)) if len(one)]
        return pd.concat(left, ignore_index=True) if left else self.skipped

    def summary(self, windows: Sequence[Window] | None = None) -> Summary:
        """Say in words and tables what was found; prints as text, shows as HTML."""
        first, last = self.fixed_study.window
        usual = [one for one in ((0, 0), (-1, 1)) if first <= one[0] and one[1] <= last]
        asked = self._windows((usual or [(first, last)]) if windows is None else windows)
        found, fixed = self._outcomes(asked), fixed_outcomes(self.fixed, asked)
        tables = [("Tests", tests_text(found, fixed, self.groups, asked))]
        for window in asked:
            tables += [
                (f"Maximum likelihood in {window}", effects_text(self.effect(window))),
                (f"Candidate days in {window}", days_text(self.posterior(window))),
            ]
        events = self.candidates.table["event_id"].nunique()
        return summarise(events, disagreements(found, fixed), self.notes, tables, self.skipped)

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        events = self.candidates.table["event_id"].nunique()
        pairs = len(self._fitted[0])
        return f"<UncertainResults: {events} events, {pairs} pairs of event and security fitted>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    @cached_property
    def _fitted(self) -> tuple[Ints, Ints]:
        """Rows of `alignment` that were fitted, and their rows in `anchored`."""
        if not len(self.alignment.pairs):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        pairs = pd.MultiIndex.from_frame(self.alignment.pairs[["event_id", "security"]])
        at = self.anchored.index.get_indexer(pairs)
        rows = np.flatnonzero(at >= 0)
        return rows, at[rows]

    @cached_property
    def _placebos(self) -> CandidatePlacebos:
        study, pairs = self.anchored.study, self.alignment.pairs
        # The days of every pair that has returns are taken, whether it was fitted or not.
        taken = np.flatnonzero(pairs["security"].isin(study.returns.columns))
        fitted = self.alignment.take(self._fitted[0])
        return CandidatePlacebos(fitted, self.alignment.take(taken), study, self.fixed_study.events)

    def _cars(self, window: Window) -> tuple[Floats, Floats, Ints]:
        """CARs and standard errors (n, K) of the pairs whole at all candidates, their rows."""
        rows, at = self._fitted
        alignment = self.alignment.take(rows)
        offset, exists = alignment.offset, alignment.exists
        car, se = np.full(offset.shape, np.nan), np.full(offset.shape, np.nan)
        fitted = self.anchored.fitted
        for step in np.unique(offset[exists]):
            sample, kept = window_sample(fitted, (int(window[0] + step), int(window[1] + step)))
            every = np.full((2, len(fitted)), np.nan)
            every[:, kept] = sample.car, sample.se
            pair, choice = np.nonzero(offset == step)
            car[pair, choice], se[pair, choice] = every[:, at[pair]]
        whole = (np.isfinite(car) | ~exists).all(axis=1)
        return car[whole], se[whole], rows[whole]

    def _sample(self, window: Window, group: str | None = None) -> CandidateSample | None:
        """The arrays of a group in a window; None where no pair is left."""
        asked = check_inside(window, self.fixed_study.window)
        if group not in (None, *self.groups):
            raise unknown_name("group", str(group), self.groups)
        car, se, rows = self._cars(asked)
        if group not in (None, ALL_GROUP):
            names = self.alignment.pairs["group"].to_numpy(dtype=object)[rows]
            member = np.flatnonzero(names == group)
            car, se, rows = car[member], se[member], rows[member]
        if not len(rows):
            return None
        alignment = self.alignment.take(rows)
        fitted_rows, at = self._fitted
        members = np.searchsorted(fitted_rows, rows)
        fitted = self.anchored.fitted.take(at[members])
        rho = mean_correlations(alignment, fitted, asked, self.fixed_study.rbar)
        return CandidateSample(alignment, asked, car, se, members, rho)

    @cached_property
    def _known(self) -> dict[tuple[str, Window], list[Outcome]]:
        return {}

    def _outcomes(self, windows: list[Window]) -> list[tuple[str, Window, Outcome]]:
        """Outcomes of every group and window; each is worked out once."""
        found = []
        for group in self.groups:
            for window in windows:
                if (group, window) not in self._known:
                    sample = self._sample(window, group)
                    self._known[group, window] = run_tests(sample, self._placebos)
                found += [(group, window, one) for one in self._known[group, window]]
        return found

    def _windows(self, windows: Window | Sequence[Window]) -> list[Window]:
        return check_windows(windows, self.fixed_study.window)
