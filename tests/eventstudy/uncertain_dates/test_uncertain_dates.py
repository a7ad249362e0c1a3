"""Studies of uncertain dates, against loops over every joint choice of candidates."""

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from analysis.errors import EventDateWarning, InputError, SuspectReturnsWarning
from analysis.eventstudy import (
    EventStudy,
    Ewma,
    FactorModel,
    Garch,
    MarketModel,
    UncertainStudy,
    candidates_around,
)
from analysis.eventstudy.inference import permutation as resampling
from analysis.eventstudy.uncertain_dates.candidate_tests import TESTS
from tests.reference.panels import events, panel

SHORT = {"estimation": (-60, -11), "window": (-3, 3), "min_observations": 20}


def ask(returns, candidates, factors, **options):
    options = {"model": MarketModel("F0"), **SHORT, **options}
    return UncertainStudy(returns, candidates, factors=factors, **options).fit()


def quiet(results, windows=(0, 0)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EventDateWarning)
        return results.tests(windows)


def p_of(results, test="max_permutation", windows=(0, 0), group="all"):
    table = quiet(results, windows)
    return table[(table["test"] == test) & (table["group"] == group)]["p_value"].iloc[0]


class Slow:
    """The largest mean SCAR over all joint choices, over its error, by loops, on any date."""

    def __init__(self, returns, factors, candidates, window, sessions=None):
        self.union = list(returns.index)
        self.returns, self.window = returns, window
        self.x = np.column_stack([np.ones(len(self.union)), factors[["F0"]]])
        self.own = {
            name: [self.union.index(day) for day in (sessions or {}).get(name, returns.index)]
            for name in candidates["security"].unique()
        }
        self.sets = {
            pair: [self.union.index(day) for day in sorted(rows["date"])]
            for pair, rows in candidates.groupby(["event_id", "security"], sort=False)
        }
        reach = max(days[-1] - days[0] for days in self.sets.values())
        self.wide = (SHORT["window"][0], SHORT["window"][1] + reach)
        self.taken = {name: set() for name in self.own}
        for (_, name), days in self.sets.items():
            self.taken[name] |= set(self.around(name, self.own[name].index(days[0]), self.wide))
        self.anywhere = set().union(*self.taken.values())

    def around(self, name, zero, span):
        ends = range(zero + span[0], zero + span[1] + 1)
        return [self.own[name][at] for at in ends if 0 <= at < len(self.own[name])]

    def zeros(self, name, days, shift):
        """Session of every moved candidate, None where there is none."""
        found = []
        for day in days:
            later = [at for at, session in enumerate(self.own[name]) if session >= day + shift]
            if day + shift < 0 or not later:
                return None
            found.append(later[0])
        return found

    def scars(self, name, days, shift):
        zeros = self.zeros(name, days, shift)
        if zeros is None:
            return None
        y, x = self.returns[name].to_numpy(), self.x
        kept = set() if shift else set(self.around(name, zeros[0], self.wide))
        cut = self.taken[name] - kept
        before = self.around(name, zeros[0], SHORT["estimation"])
        before = [day for day in before if day not in cut and np.isfinite([y[day], *x[day]]).all()]
        if len(before) < SHORT["min_observations"]:
            return None
        b, *_ = np.linalg.lstsq(x[before], y[before], rcond=None)
        s2 = ((y[before] - x[before] @ b) ** 2).sum() / (len(before) - x.shape[1])
        inverse = np.linalg.inv(x[before].T @ x[before])
        found = []
        for zero in zeros:
            inside = self.around(name, zero, self.window)
            length = self.window[1] - self.window[0] + 1
            whole = len(inside) == length and np.isfinite(y[inside]).all()
            if not whole or (shift and set(inside) & self.anywhere):
                return None
            g = x[inside].sum(axis=0)
            found.append(
                (y[inside] - x[inside] @ b).sum() / (s2 * (length + g @ inverse @ g)) ** 0.5
            )
        return found

    def largest(self, shift):
        found = {pair: self.scars(pair[1], days, shift) for pair, days in self.sets.items()}
        if any(one is None for one in found.values()):
            return None
        counts = {event: len(scars) for (event, _), scars in found.items()}
        means = []
        for choice in itertools.product(*map(range, counts.values())):
            of = dict(zip(counts, choice, strict=True))
            means.append(np.mean([scars[of[event]] for (event, _), scars in found.items()]))
        mean, n = max(means, key=abs), len(found)
        if n == 1:
            return mean
        squares, degrees = 0.0, 0
        for candidate in range(max(counts.values())):
            own = [scars[candidate] for scars in found.values() if candidate < len(scars)]
            squares += sum((one - np.mean(own)) ** 2 for one in own)
            degrees += len(own) - 1
        return mean / np.sqrt(squares / degrees / n)


def slow(*asked):
    """The statistic on the real dates, and on every placebo date."""
    loops = Slow(*asked)
    days = len(loops.union)
    placed = [loops.largest(shift) for shift in range(-days, days) if shift]
    return loops.largest(0), np.array([one for one in placed if one is not None])


def agrees(results, window, observed, placed):
    row = quiet(results, window).iloc[0]
    assert row["test"] == "max_permutation"
    assert len(placed) >= 39
    assert row["statistic"] == pytest.approx(observed, rel=1e-9)
    expected = (1 + (np.abs(placed) >= abs(observed)).sum()) / (1 + len(placed))
    assert row["p_value"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("window", [(0, 0), (-1, 2)])
def test_the_largest_statistic_is_what_the_loops_say(window):
    returns, factors = panel(3, 230, seed=21)
    returns.iloc[[60, 61, 210], 1] = np.nan
    asked = events(returns, [130, 130, 136]).assign(event_id=["a", "a", "b"])
    days = pd.concat(
        [
            candidates_around(asked.iloc[:2], returns.index, 1),
            candidates_around(asked.iloc[2:], returns.index, (0, 3)),
        ]
    )
    results = ask(returns, days, factors)
    agrees(results, window, *slow(returns, factors, days, window))


def test_moved_candidates_fall_on_the_next_sessions_of_each_exchange():
    returns, factors = panel(2, 230, seed=22)
    calendars = {"S0": returns.index, "S1": returns.index[np.arange(230) % 5 != 2]}
    asked = events(returns, [130, 130]).assign(event_id="e")
    days = candidates_around(asked, calendars, 2)
    results = ask(returns, days, factors, calendars=calendars)
    agrees(results, (-1, 1), *slow(returns, factors, days, (-1, 1), calendars))


def test_own_other_events_are_cut_and_met_by_no_placebo():
    returns, factors = panel(1, 260, seed=23)
    asked = events(returns, [120, 180], ["S0", "S0"])
    days = candidates_around(asked, returns.index, 1)
    results = ask(returns, days, factors)
    agrees(results, (0, 0), *slow(returns, factors, days, (0, 0)))


@pytest.mark.parametrize("model", [MarketModel("F0"), FactorModel(["F0"], rf="F1")])
@pytest.mark.parametrize("rows", [[150, 150, 150], [150, 153, 158]])
def test_a_single_candidate_is_the_permutation_test(rows, model):
    returns, factors = panel(3, 260, seed=11, factors=2)
    asked = events(returns, rows)
    results = ask(returns, candidates_around(asked, returns.index, 0), factors, model=model)
    fixed = EventStudy(returns, asked, factors=factors, model=model, **SHORT).fit()
    windows = [(0, 0), (-1, 2)]
    found = quiet(results, windows).query("test == 'max_permutation'")
    expected = fixed.tests(windows, ["permutation"])
    assert found["statistic"].tolist() == pytest.approx(expected["statistic"].tolist(), rel=1e-12)
    assert found["p_value"].tolist() == expected["p_value"].tolist()
    assert results.disagreements(windows) == ()


def test_a_model_with_a_stand_in_is_permuted_under_that():
    returns, factors = panel(2, 260, seed=31)
    days = candidates_around(events(returns, [150, 150]), returns.index, 1)
    garch = quiet(ask(returns, days, factors, model=Garch(MarketModel("F0")))).set_index("test")
    ewma = quiet(ask(returns, days, factors, model=Ewma(MarketModel("F0")))).set_index("test")
    for test in ("max_permutation", "likelihood_permutation"):
        assert garch.loc[test, "p_value"] == ewma.loc[test, "p_value"]
        assert garch.loc[test, "statistic"] == pytest.approx(ewma.loc[test, "statistic"])
    assert garch.loc["likelihood_ratio", "statistic"] != ewma.loc["likelihood_ratio", "statistic"]


def test_one_seed_draws_one_set_of_placebos(monkeypatch):
    monkeypatch.setattr("analysis.eventstudy.uncertain_dates.placebos.MOST_PLACEBOS", 60)
    monkeypatch.setattr(resampling, "MOST_PLACEBOS", 60)
    returns, factors = panel(3, 260, seed=15)
    asked = events(returns, [150] * 3)
    days = candidates_around(asked, returns.index, 0)
    p = [p_of(ask(returns, days, factors, seed=seed)) for seed in (1, 1, 2, 3, 4, 5)]
    assert p[0] == p[1]
    assert len(set(p)) > 1
    fixed = EventStudy(
        returns, asked, factors=factors, model=MarketModel("F0"), seed=1, **SHORT
    ).fit()
    assert p[0] == fixed.tests((0, 0), ["permutation"])["p_value"].iloc[0]


def test_the_search_is_paid_for():
    one, many = [], []
    # So many securities that one day's spread is known as well as that of eleven days.
    for seed in range(25, 31):
        returns, factors = panel(16, 260, seed=seed)
        asked = events(returns, [150] * 16).assign(event_id="e")
        returns.iloc[150] -= 0.008
        one.append(p_of(ask(returns, candidates_around(asked, returns.index, 0), factors)))
        many.append(p_of(ask(returns, candidates_around(asked, returns.index, 5), factors)))
    assert np.median(one) < 0.5 * np.median(many)


def test_under_the_null_p_values_are_even_although_the_day_was_searched_for():
    rng = np.random.default_rng(26)
    index = pd.bdate_range("2024-01-01", periods=170)
    p, naive = [], []
    for _ in range(40):
        values = rng.standard_normal((170, 5)) + rng.standard_normal((170, 1))
        returns = pd.DataFrame(values / 100, index, [f"S{number}" for number in range(5)])
        market = pd.DataFrame({"F0": rng.standard_normal(170) / 100}, index)
        asked = events(returns, [110] * 5).assign(event_id="e")
        results = ask(returns, candidates_around(asked, index, 3), market)
        p.append(p_of(results))
        best = results.posterior().loc[lambda t: t["chosen"], "candidate"].iloc[0]
        on_best = asked.assign(date=index[110 + best])
        study = EventStudy(returns, on_best, factors=market, model=MarketModel("F0"), **SHORT)
        naive.append(study.fit().tests((0, 0), ["permutation"])["p_value"].iloc[0])
    # Binomial sd of a share of 40 at 10 %: 4.7 %. The best of seven days is no test at all.
    assert np.mean(np.array(p) <= 0.10) < 0.25
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.24)
    assert np.mean(np.array(naive) <= 0.10) > 0.3


@pytest.fixture(scope="module")
def moved_shock():
    """Three securities of one event that fall 6 % two sessions after the date on record."""
    returns, factors = panel(3, 260, seed=11)
    returns.iloc[152] -= 0.06
    asked = events(returns, [150] * 3).assign(event_id="e", group=["chips", "chips", "cloud"])
    return returns, factors, ask(returns, candidates_around(asked, returns.index, 3), factors)


def test_the_posterior_finds_the_day_and_the_likelihood_the_effect(moved_shock):
    _, _, results = moved_shock
    days = results.posterior()
    assert days["weight"].sum() == pytest.approx(1.0)
    assert days["posterior"].sum() == pytest.approx(1.0)
    assert days.loc[days["posterior"].idxmax(), "candidate"] == 2
    assert days.loc[days["chosen"], "candidate"].tolist() == [2]
    effect = results.effect().loc["all"]
    assert effect["effect"] == pytest.approx(-0.06, abs=3 * effect["se"])
    assert (effect["events"], effect["n"]) == (1, 3)


def test_a_disagreement_with_the_fixed_date_is_said_and_warned_of(moved_shock):
    _, _, results = moved_shock
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results.tests((0, 0))
    assert {one.category for one in caught} == {EventDateWarning}
    assert {one.filename for one in caught} == {__file__}
    assert str(caught[0].message).startswith("The date matters: group all")
    sentence = results.disagreements((0, 0))[0]
    assert "permutation p 0.9" in sentence
    assert "significance at 5 %" in sentence
    assert sentence in str(results)
    assert "The date matters" in results._repr_html_()


def test_the_table_of_tests_is_tidy_and_reads_by_group(moved_shock):
    _, _, results = moved_shock
    table = quiet(results, [(0, 0), (-1, 1)])
    assert table["test"].tolist() == list(TESTS) * 6
    assert table["group"].unique().tolist() == ["all", "chips", "cloud"]
    assert table.groupby("group", sort=False)["n"].first().tolist() == [3, 2, 1]
    assert (table["p_holm"] >= table["p_value"]).all()
    assert (table["reason"] == "").all()
    assert table["p_value"].between(0, 1).all()


def test_cars_stand_beside_their_candidates(moved_shock):
    returns, factors, results = moved_shock
    car = results.car((0, 0))
    assert len(car) == 21
    zero = car[car["candidate"] == 2].set_index("security")
    # The same as a study on that day whose estimation window ends where ours does.
    study = EventStudy(
        returns,
        pd.DataFrame({"event_id": "e", "security": ["S0"], "date": returns.index[[152]]}),
        factors=factors,
        model=MarketModel("F0"),
        estimation=(-65, -16),
        window=(-3, 3),
        min_observations=20,
    )
    expected = study.fit().car((0, 0)).iloc[0]
    assert zero.loc["S0", "car"] == pytest.approx(expected["car"], rel=1e-10)
    assert zero.loc["S0", "se"] == pytest.approx(expected["se"], rel=1e-10)
    assert zero["date"].unique().tolist() == [returns.index[152]]


def test_results_survive_a_pickle_and_read_as_text(moved_shock):
    _, _, results = moved_shock
    again = pickle.loads(pickle.dumps(results))
    pd.testing.assert_frame_equal(quiet(again), quiet(results))
    assert repr(results) == "<UncertainResults: 1 events, 3 pairs of event and security fitted>"
    assert "Candidate days in (0, 0)" in str(results.summary([(0, 0)]))


def test_a_hole_around_any_candidate_leaves_the_pair_out():
    returns, factors = panel(2, 260, seed=31)
    returns.iloc[151, 0] = np.nan
    asked = events(returns, [150] * 2).assign(event_id="e")
    results = ask(returns, candidates_around(asked, returns.index, 1), factors)
    assert results.car()["security"].unique().tolist() == ["S1"]
    left = results.skipped_in((0, 0))
    assert left["security"].tolist() == ["S0"]
    assert "missing in the window (0, 0) around a candidate" in left["reason"].iloc[0]
    assert results.skipped.empty


def test_an_impossible_figure_that_a_candidate_reads_is_refused_when_the_study_is_made():
    returns, factors = panel(2, 260, seed=31)
    asked = events(returns, [150] * 2).assign(event_id="e")
    candidates = candidates_around(asked, returns.index, 5)
    options = {"model": MarketModel("F0"), "factors": factors, **SHORT}
    wrong = returns.copy()
    wrong.iloc[157, 0] = -2.5  # after the window of the fixed date, within a candidate's
    with pytest.raises(InputError, match=r"holds -2\.5 on"):
        UncertainStudy(wrong, candidates, **options)
    wrong = returns.copy()
    wrong.iloc[250, 0] = -2.5
    with pytest.warns(SuspectReturnsWarning, match=r"-2\.5 in column 'S0'"):
        made = UncertainStudy(wrong, candidates, **options)
    pd.testing.assert_frame_equal(
        made.fit().car(), UncertainStudy(returns, candidates, **options).fit().car()
    )


def test_where_nothing_is_left_every_answer_says_so():
    returns, factors = panel(2, 260, seed=32)
    asked = events(returns, [150, 20], ["XYZ", "S0"])
    results = ask(returns, candidates_around(asked, returns.index, 1), factors)
    table = quiet(results)
    assert table["p_value"].isna().all()
    assert (table["reason"] != "").all()
    assert results.effect().empty
    assert list(results.effect()["effect"]) == []
    assert results.posterior().empty
    assert results.car().empty
    assert sorted(results.skipped["security"]) == ["S0", "XYZ"]
    assert "Skipped" in str(results)
    lost = ask(returns, candidates_around(asked.iloc[:1], returns.index, 1), factors, calendars={})
    assert lost.skipped["reason"].tolist() == ["no returns or no calendar for XYZ"]
    assert quiet(lost)["p_value"].isna().all()


def test_too_few_placebos_are_said():
    returns, factors = panel(2, 125, seed=14)
    days = candidates_around(events(returns, [100, 100]), returns.index, 1)
    results = ask(returns, days, factors, estimation=(-60, -4), min_observations=57)
    table = quiet(results).set_index("test")
    for test in ("max_permutation", "likelihood_permutation"):
        assert np.isnan(table.loc[test, "p_value"])
        assert "at least 39 are needed" in table.loc[test, "reason"]
    assert np.isfinite(table.loc["likelihood_ratio", "p_value"])


def test_what_cannot_be_answered_is_refused(moved_shock):
    _, _, results = moved_shock
    with pytest.raises(InputError, match="reaches outside the event window"):
        results.tests((-4, 0))
    with pytest.raises(InputError, match=r"Unknown group 'chip'\. Did you mean 'chips'"):
        results.posterior(group="chip")


def test_the_order_of_the_rows_changes_nothing(moved_shock):
    returns, factors, results = moved_shock
    shuffled = results.candidates.table.sample(frac=1.0, random_state=3)
    again = ask(returns[["S2", "S0", "S1"]], shuffled, factors)
    one, two = (
        quiet(results).set_index(["group", "test"]),
        quiet(again).set_index(["group", "test"]),
    )
    two = two.loc[one.index]
    assert two["statistic"].tolist() == pytest.approx(one["statistic"].tolist(), rel=1e-9)
    assert two["p_value"].tolist() == pytest.approx(one["p_value"].tolist(), rel=1e-9)
