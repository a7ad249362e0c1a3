"""Ranks and signs are bounded: a test that cannot reach 5 % says so and has no p-value."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.eventstudy import MarketModel
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference import ranks, signs
from analysis.eventstudy.inference import registry as battery
from analysis.eventstudy.inference.test_result import bounded, student, undefined, within_reach
from tests.reference import slow_fit
from tests.reference.by_hand import one_day_sample
from tests.reference.panels import events, panel, study

RANKS = ["corrado_rank", "corrado_zivney_rank", "grank_t", "grank_z", "grank_overlap"]
SIGNS = ["sign", "generalized_sign", "wilcoxon"]
REACH = "the smallest p this test can reach is"


def outcomes(sample):
    """Every bounded test with its p-value, within reach or not."""
    mean = rbar(sample)
    found = {name: getattr(ranks, name)(sample) for name in RANKS if name != "grank_overlap"}
    found["grank_overlap"] = ranks.grank_overlap(sample, mean)
    found |= {name: getattr(signs, name)(sample) for name in SIGNS}
    return {name: one for name, one in found.items() if not math.isnan(one.statistic)}


def moved(fitted, window, size, *, alike):
    """The same events with abnormal returns of so many standard errors in a window."""
    sample, _ = window_sample(fitted, window)
    ar = sample.fitted.ar.copy()
    apart = np.linspace(1.0, 1.001 if alike else 3.0, sample.size)
    ar[:, sample.columns] = (size * apart * sample.se / sample.length)[:, None]
    return window_sample(replace(sample.fitted, ar=ar), window)[0]


studies = given(
    seed=st.integers(0, 10**6),
    number=st.integers(1, 12),
    window=st.sampled_from([(0, 0), (-1, 1), (-3, 3)]),
    spread=st.sampled_from([0, 4]),
    correlation=st.sampled_from([0.0, 0.3, 0.8]),
)


@settings(max_examples=40, deadline=None)
@studies
def test_the_most_extreme_sample_reaches_the_bound(seed, number, window, spread, correlation):
    fitted = slow_fit.random_fitted(
        seed, number, spread=spread, missing=0.02, correlation=correlation
    )
    if not len(window_sample(fitted, window)[1].nonzero()[0]):
        return
    for size in (1e4, -1e4):
        for name, one in outcomes(moved(fitted, window, size, alike=True)).items():
            if name in SIGNS:
                continue  # the side matters: see the enumeration
            # Standardised by day, days need not tie: their mean ranks may then differ a little.
            loose = name == "corrado_zivney_rank" and window != (0, 0)
            assert one.p_value == pytest.approx(one.least, rel=0.25 if loose else 1e-6), name


@settings(max_examples=40, deadline=None)
@studies
@pytest.mark.parametrize("size", [0.5, 3.0, 40.0, -1e3])
def test_no_sample_gets_below_the_bound(size, seed, number, window, spread, correlation):
    fitted = slow_fit.random_fitted(
        seed, number, spread=spread, missing=0.02, correlation=correlation
    )
    if not len(window_sample(fitted, window)[1].nonzero()[0]):
        return
    for sample in (window_sample(fitted, window)[0], moved(fitted, window, size, alike=False)):
        for name, one in outcomes(sample).items():
            assert one.p_value >= one.least * (1 - 1e-9), name


@pytest.mark.parametrize("number", range(1, 9))
def test_over_all_signs_of_the_cars_the_smallest_p_is_the_bound(number):
    rng = np.random.default_rng(number)
    size, residuals = rng.uniform(0.5, 1.5, number), rng.standard_normal((number, 9))
    for name in SIGNS:
        every = [
            getattr(signs, name)(one_day_sample(list(size * pattern), residuals))
            for pattern in itertools.product([-1, 1], repeat=number)
        ]
        least = {round(one.least, 15) for one in every}
        assert least == {round(min(one.p_value for one in every), 15)}, name


@pytest.mark.parametrize(("number", "reached"), [(3, 0.0833), (4, 0.0455)])
def test_four_events_is_the_fewest_for_signs(number, reached):
    one = signs.sign(one_day_sample([1.0] * number))
    assert one.least == pytest.approx(reached, abs=5e-5)
    assert math.isnan(within_reach(one).p_value) == (number == 3)


@pytest.mark.parametrize(("number", "reached"), [(5, 2 / 32), (6, 2 / 64)])
def test_six_events_is_the_fewest_for_signed_ranks(number, reached):
    one = signs.wilcoxon(one_day_sample([float(at + 1) for at in range(number)]))
    assert one.least == one.p_value == reached
    # Equal sizes take the normal approximation: W = 0 is as far as it goes.
    ties = signs.wilcoxon(one_day_sample([2.0] * number))
    assert ties.least == ties.p_value
    zero = signs.wilcoxon(one_day_sample([0.0, *[2.0] * (number - 1)]))
    assert zero.least == zero.p_value > ties.least


def test_the_generalized_sign_test_has_its_bound_on_the_rarer_side():
    # Of 4 residuals 1 is positive: all of 2 positive is √(2·3), none √(2/3) from the mean.
    one = signs.generalized_sign(one_day_sample([-1.0, -2.0], [[1.0, -1.0, -2.0, -3.0]] * 2))
    assert one.statistic == pytest.approx(-math.sqrt(2 / 3))
    assert one.least == pytest.approx(math.erfc(math.sqrt(6 / 2)))


def test_three_events_on_one_date_leave_the_overlap_rank_test_no_p_value():
    # |Z| is at most Σ (n−1)/(2(n+1)) / √[Σ (n−1)/(12(n+1))·(1 + 2r̄_U)] = √(9(n−1)/(n+1)) for
    # r̄_U = 0, that is 2.94 for n = 51 and p = 0.0988 by t(2).
    returns, factors = panel(3, 160, seed=4)
    returns.iloc[120] -= 0.5
    asked = events(returns, [120] * 3, list(returns.columns)).assign(event_id="crash")
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.tests([(0, 0)]).set_index("test")
    row = table.loc["grank_overlap"]
    assert row["df"] == 2
    assert row["statistic"] < -2
    assert math.isnan(row["p_value"])
    assert math.isnan(row["p_holm"])
    assert row["reason"].endswith(", whatever happened")
    said = float(re.fullmatch(f"with these 3 events {REACH} (.*),.*", row["reason"])[1])
    sample, _ = results.sample((0, 0))
    assert said == pytest.approx(outcomes(sample)["grank_overlap"].least, abs=5e-5)
    assert 0.05 < said < 0.15
    for name in ("sign", "generalized_sign", "wilcoxon"):
        assert REACH in table.loc[name, "reason"]
    assert table.loc["kolari_pynnonen_t", "p_value"] < 0.01
    # The family are the tests that say something: the largest p is multiplied by one.
    assert table["p_bh"].notna().equals(table["p_value"].notna())
    assert table["p_bh"].max() == table["p_value"].max()


def test_the_summary_leaves_out_what_says_nothing():
    returns, factors = panel(8, 160, seed=4)
    asked = events(returns, [120] * 3, list(returns.columns[:3]))
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    text = str(results.summary())
    assert f"grank_overlap is left out: with these 3 events {REACH} 0." in text
    caption, table = results.summary().tables[0]
    assert caption == "Average over events (CAAR)"
    assert "grank_overlap" not in table
    assert "kolari_pynnonen_t" in table
    # In a group that has enough events it stays, and the other group has its reason.
    asked = events(returns, [120] * 8, list(returns.columns))
    asked["group"] = ["few"] * 3 + ["many"] * 5
    summary = study(returns, asked, factors, model=MarketModel("F0")).fit().summary()
    assert f"grank_overlap has no p-value for few (0, 0): with these 3 events {REACH}" in str(
        summary
    )
    shown = summary.tables[0][1].set_index("group")["grank_overlap"]
    assert shown["few"].str.endswith("p n/a").all()
    assert not shown["all"].str.contains("n/a").any()


@pytest.mark.parametrize("preset", ["eventstudy2", "estudy", "estudy2", "lemaire", "eventstudy_r"])
def test_a_preset_says_what_its_package_says(preset):
    returns, factors = panel(3, 160, seed=4)
    asked = events(returns, [120] * 3, list(returns.columns))
    results = study(returns, asked, factors, model=MarketModel("F0"), preset=preset).fit()
    table = results.tests([(0, 0)])
    assert not table["reason"].str.contains(REACH).any()
    assert (table["p_value"].notna() == (table["reason"] == "")).all()
    ours = results.compare_presets([(0, 0)]).set_index(["preset", "test"]).loc["faultline"]
    assert REACH in ours.loc["grank_overlap", "reason"]
    assert pd.isna(ours.loc["grank_overlap", "significant"])
    assert f"left out: with these 3 events {REACH}" in str(results.summary())


def test_the_battery_is_where_p_values_are_left_out():
    sample = one_day_sample([1.0, 2.0, 3.0])
    assert signs.sign(sample).p_value == pytest.approx(0.0833, abs=5e-5)
    (one,) = battery.run_tests(sample, ["sign"])
    assert (one.statistic, one.n) == (pytest.approx(math.sqrt(3)), 3)
    assert math.isnan(one.p_value)
    assert one.reason == f"with these 3 events {REACH} 0.0833, whatever happened"


def test_without_a_bound_everything_stays():
    free = student("bmp_t", 1.0, 2, 3)
    assert free.least == 0.0
    assert within_reach(free) is free
    nothing = undefined("sign", 0, "needs at least 1 event, has 0")
    assert bounded(nothing, 2.0) is nothing
    assert within_reach(nothing) is nothing
