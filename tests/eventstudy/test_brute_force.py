"""Every test of the battery, asked of an `EventStudy`, against loops that know no array.

Panels are random, with gaps in returns and factors, a calendar for every security, events on
dates that spread and securities with two events. The loops are those of `tests.reference`;
from the frames to the p-value they share nothing with the engine.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from analysis.eventstudy.inference.registry import TEST_NAMES
from tests.reference import slow_dates, slow_fit, slow_statistics
from tests.reference.panels import panel, study

ESTIMATION, WINDOW, LEAST = (-60, -11), (-3, 3), 20
ASKED = [(0, 0), (-1, 2)]
DAYS, SECURITIES = 230, 7
MODELS = {
    "mean": (MeanAdjusted(), []),
    "adjusted": (MarketAdjusted("F0"), ["F0"]),
    "market": (MarketModel("F0"), ["F0"]),
    "factors": (FactorModel(["F0", "F1"]), ["F0", "F1"]),
}


class Case:
    """A random panel, its events, and the same by numbers."""

    def __init__(self, seed: int, model: str) -> None:
        rng = np.random.default_rng(seed)
        self.returns, self.factors = panel(SECURITIES, DAYS, seed=seed, gaps=0.01, factors=2)
        common = np.random.default_rng(seed + 1).normal(0, 0.01, DAYS)
        self.returns = self.returns.add(common, axis=0)
        self.factors.iloc[rng.integers(0, 90, 2)] = np.nan
        sessions = [np.flatnonzero(rng.random(DAYS) >= 0.05) for _ in range(SECURITIES)]
        owners = [*range(SECURITIES), 0, 1]
        wanted = [*(130 + rng.integers(0, 7, SECURITIES)), 180, 182]
        self.places = [
            (owner, int(sessions[owner][np.searchsorted(sessions[owner], day)]))
            for owner, day in zip(owners, wanted, strict=True)
        ]
        # One event has a hole on day 2: whole in the first window, not in the second.
        owner, day = self.places[2]
        late = sessions[owner][np.searchsorted(sessions[owner], day) + 2]
        self.returns.iloc[late, owner] = np.nan
        self.sessions = sessions
        names = list(self.returns.columns)
        self.calendars = {
            name: self.returns.index[own] for name, own in zip(names, sessions, strict=True)
        }
        self.asked = pd.DataFrame(
            {
                "event_id": [f"e{at}" for at in range(len(owners))],
                "security": [names[owner] for owner in owners],
                "date": self.returns.index[[day for _, day in self.places]],
            }
        )
        self.model, self.columns = MODELS[model]
        self.kind = model
        if not self.columns:  # a model without factors minds none of their gaps
            self.factors = self.factors.fillna(0.0)

    def results(self, rbar="overlap"):
        return study(
            self.returns,
            self.asked,
            self.factors,
            model=self.model,
            calendars=self.calendars,
            rbar=rbar,
        ).fit()

    def sample(self, window):
        fitted = slow_fit.fit(
            self.returns.to_numpy().T,
            self.factors.to_numpy(),
            self.places,
            self.kind,
            ESTIMATION,
            WINDOW,
            self.sessions,
            spare=True,
        )
        return slow_fit.sample(fitted, window)

    def expected(self, name, window, mode="overlap"):
        """(statistic, degrees of freedom or None, p-value) by loops, and the events used."""
        sample, kept = self.sample(window)
        if name == "calendar_time_t":
            return self._calendar_time(window, kept), len(kept)
        if name == "permutation":
            return self._permutation(window, kept), len(kept)
        mean = slow_statistics.rbar(sample, mode)
        paired = {"mode": mode} if name == "grank_overlap" else {}
        return getattr(slow_statistics, name)(sample, mean, **paired), len(kept)

    def _calendar_time(self, window, kept):
        names = list(self.returns.columns)
        sessions = {name: list(own) for name, own in zip(names, self.sessions, strict=True)}
        places = [(names[owner], day) for owner, day in (self.places[at] for at in kept)]
        return slow_dates.calendar_time_t(
            self.returns,
            self.factors,
            dict.fromkeys(names, self.columns),
            places,
            window,
            sessions,
            adjusted=self.kind == "adjusted",
        )

    def _permutation(self, window, kept):
        observed, placed = slow_dates.permutation(
            self.returns,
            self.factors,
            self.columns,
            self.asked.iloc[kept],
            window,
            self.calendars,
            estimation=ESTIMATION,
            event_window=WINDOW,
            least=LEAST,
            adjusted=self.kind == "adjusted",
            everyone=self.asked,
        )
        reached = (np.abs(placed) >= abs(observed)).sum()
        return observed, None, (1 + reached) / (1 + len(placed)), len(placed)


def agrees(row, expected, events):
    statistic, df, p_value, *_ = expected
    if row["reason"]:
        # Nine events that move together: nothing could take the test to 5 %.
        assert "the smallest p this test can reach" in row["reason"]
        assert p_value > 0.05
        p_value = np.nan
    assert row["n"] == events
    assert row["statistic"] == pytest.approx(statistic, rel=1e-10, abs=1e-12)
    assert row["p_value"] == pytest.approx(p_value, rel=1e-9, abs=1e-14, nan_ok=True)
    assert np.isnan(row["df"]) if df is None else row["df"] == df


@pytest.fixture(scope="module", params=[(seed, model) for seed in (1, 2) for model in MODELS])
def case(request):
    made = Case(*request.param)
    made.table = made.results().tests(ASKED).set_index(["window_start", "test"])
    return made


@pytest.mark.parametrize("name", [name for name in TEST_NAMES if name != "permutation"])
def test_the_engine_says_what_the_loops_say(case, name):
    for window in ASKED:
        if name == "calendar_time_t" and window == (0, 0):
            continue  # nine events on seven days: too few, see test_calendar_time
        agrees(case.table.loc[(window[0], name)], *case.expected(name, window))


@pytest.mark.parametrize("model", list(MODELS))
def test_the_permutation_is_the_enumeration_of_every_date(model):
    case = Case(3, model)
    results = case.results()
    table = results.permutation(ASKED)
    tests = results.tests(ASKED, ["permutation"])
    for window, (_, row), (_, shown) in zip(ASKED, table.iterrows(), tests.iterrows(), strict=True):
        expected, events = case.expected("permutation", window)
        agrees(shown, expected, events)
        assert (row["statistic"], row["p_value"]) == (shown["statistic"], shown["p_value"])
        assert row["placebos"] == row["admissible"] == expected[3]
        assert row["exact"]


@pytest.mark.parametrize("mode", ["calendar", "event"])
@pytest.mark.parametrize("name", ["kolari_pynnonen_t", "adjusted_patell_z", "grank_overlap"])
def test_the_other_ways_to_pair_residuals_agree_too(mode, name):
    case = Case(4, "market")
    table = case.results(mode).tests(ASKED, [name])
    for window, (_, row) in zip(ASKED, table.iterrows(), strict=True):
        agrees(row, *case.expected(name, window, mode))


def test_the_panels_have_what_can_go_wrong():
    case = Case(1, "market")
    results = case.results()
    assert results.fitted.n.min() < results.fitted.n.max()
    assert len({tuple(own) for own in case.sessions}) == SECURITIES
    assert len(results.car(ASKED[1])) < len(results.car(ASKED[0])) <= len(case.asked)
    assert results.events["security"].duplicated().any()
