import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import (
    FactorModel,
    MarketAdjusted,
    MarketModel,
    TimeOfDay,
    buy_and_hold,
)
from analysis.eventstudy.outcomes.skewness import (
    bootstrapped_johnson_t,
    cross_sectional_t,
    johnson_t,
)
from tests.reference import slow_outcomes
from tests.reference.panels import events, panel, study

MARKET = MarketModel("F0")
BOOTSTRAP = {"draws": 499, "share": 0.25, "seed": 3}


@pytest.fixture(scope="module")
def many():
    returns, factors = panel(securities=8, days=220, seed=5)
    asked = events(returns, list(range(80, 200, 4)))
    asked["group"] = ["up", "down"] * 15
    return study(returns, asked, factors, model=MARKET).fit()


def rows(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


@pytest.mark.parametrize("benchmark", ["normal", "market", "F0"])
def test_bhar_is_what_a_loop_compounds(many, benchmark):
    found = buy_and_hold(many, (-2, 3), benchmark).events
    returns, market = many.study.returns, many.study.factors["F0"]
    for at in (0, 7, 29):
        row = found.iloc[at]
        key = (row["event_id"], row["security"])
        days = many.dates.loc[key].loc[-2:3]
        held = returns.loc[days, row["security"]].to_numpy()
        other = market[days].to_numpy()
        if benchmark == "normal":
            alpha, beta = many.parameters.loc[key, ["alpha", "beta"]]
            other = alpha + beta * other
        assert row["bhar"] == pytest.approx(slow_outcomes.bhar(held, other), rel=1e-10)
        assert row["held"] - row["benchmark"] == pytest.approx(row["bhar"], rel=1e-10)


def test_one_day_held_is_the_abnormal_return(many):
    found = buy_and_hold(many, (0, 0)).events
    assert found["bhar"].to_numpy() == pytest.approx(many.abnormal[0].to_numpy(), rel=1e-9)
    assert found["t"].to_numpy() == pytest.approx(many.car((0, 0))["t"].to_numpy(), rel=1e-9)


def test_the_default_benchmark_of_market_adjusted_returns_is_the_market():
    returns, factors = panel(seed=2)
    asked = events(returns, [80, 100, 120])
    results = study(returns, asked, factors, model=MarketAdjusted("F0")).fit()
    normal, market = (buy_and_hold(results, (0, 3), one).events for one in ("normal", "market"))
    pd.testing.assert_frame_equal(normal, market)


def test_the_market_of_an_excess_return_model_is_paid_its_risk_free_rate():
    returns, factors = panel(seed=2)
    factors["rf"] = 0.0003
    asked = events(returns, [80, 100])
    results = study(returns, asked, factors, model=FactorModel(["F0"], rf="rf")).fit()
    found = buy_and_hold(results, (0, 1), "market").events
    days = results.dates.iloc[0].loc[0:1]
    grown = ((1 + factors.loc[days, "F0"] + 0.0003).prod()) - 1
    assert found["benchmark"].iloc[0] == pytest.approx(grown, rel=1e-12)


def test_the_time_of_day_is_not_taken_for_the_market():
    returns, factors = panel(seed=2)
    asked = events(returns, [80, 100])
    plain = study(returns, asked, factors, model=MARKET).fit()
    timed = study(returns, asked, factors, model=TimeOfDay(MARKET)).fit()
    one, other = (buy_and_hold(results, (0, 1), "market").events for results in (plain, timed))
    assert one["bhar"].tolist() == pytest.approx(other["bhar"].tolist())


def test_statistics_of_groups_agree_with_scipy_and_the_loop(many):
    found = buy_and_hold(many, [(0, 0), (-2, 3)], draws=199)
    for group in ("all", "up", "down"):
        own = rows(found.events, window_start=-2)
        if group != "all":
            names = many.events.loc[many.events["group"] == group, "event_id"]
            own = own[own["event_id"].isin(names)]
        values = own["bhar"].to_numpy()
        tests = rows(found.tests, group=group, window_start=-2).set_index("test")
        scipy = stats.ttest_1samp(values, 0.0)
        assert tests.loc["cross_sectional_t", "statistic"] == pytest.approx(scipy.statistic)
        assert tests.loc["cross_sectional_t", "p_value"] == pytest.approx(scipy.pvalue)
        low, high = scipy.confidence_interval()
        assert tests.loc["cross_sectional_t", ["low", "high"]].tolist() == pytest.approx(
            [low, high]
        )
        t = slow_outcomes.johnson(values)
        assert tests.loc["johnson_t", "statistic"] == pytest.approx(t, rel=1e-10)
        if len(values) >= 20:
            assert tests.loc["bootstrapped_johnson_t", "statistic"] == pytest.approx(t, rel=1e-10)
        else:
            assert "resamples of 3 of 15" in tests.loc["bootstrapped_johnson_t", "reason"]
        assert tests["mean"].tolist() == pytest.approx([values.mean()] * 3)
        assert (tests["n"] == len(values)).all()
    assert found.tests["group"].drop_duplicates().tolist() == ["all", "up", "down"]


def test_no_figure_depends_on_what_else_is_asked(many):
    alone = buy_and_hold(many, (-2, 3), draws=199).tests
    together = rows(buy_and_hold(many, [(0, 0), (-2, 3)], draws=199).tests, window_start=-2)
    same = ["statistic", "p_value", "low", "high"]
    pd.testing.assert_frame_equal(alone[same], together[same].reset_index(drop=True))
    other = buy_and_hold(many, (-2, 3), draws=199, seed=9).tests
    assert not alone["p_value"].equals(other["p_value"])


def slow_bootstrap(values, draws, size, seed):
    generator = np.random.default_rng(seed)
    picked = generator.integers(0, len(values), (draws, size))
    return np.sort([slow_outcomes.johnson(values[row], values.mean()) for row in picked])


def test_the_bootstrap_is_the_loop_over_its_resamples():
    values = np.random.default_rng(1).gamma(3.0, size=60) - 2.8
    drawn = slow_bootstrap(values, 499, 15, 3)
    found = bootstrapped_johnson_t(values, 0.95, **BOOTSTRAP)
    t = slow_outcomes.johnson(values)
    extreme = min((drawn <= t).sum(), (drawn >= t).sum())
    assert found.outcome.p_value == pytest.approx(2 * (1 + extreme) / 500)
    # Bounds are where Johnson's t about them meets the 12th and the 488th of 499 draws.
    assert slow_outcomes.johnson(values, found.high) == pytest.approx(drawn[11], rel=1e-9)
    assert slow_outcomes.johnson(values, found.low) == pytest.approx(drawn[-12], rel=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(20, 60), shift=st.floats(-0.4, 0.4))
def test_an_interval_holds_zero_exactly_when_its_test_does_not_reject(seed, n, shift):
    values = np.random.default_rng(seed).gamma(1.0, size=n) - 1.0 + shift
    for found in (
        cross_sectional_t(values, 0.95),
        johnson_t(values, 0.95),
        bootstrapped_johnson_t(values, 0.95, **BOOTSTRAP),
    ):
        if not found.outcome.reason:
            assert (found.low <= 0 <= found.high) == (found.outcome.p_value > 0.05)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_scale_leaves_statistics_and_order_of_events_too(seed, scale):
    generator = np.random.default_rng(seed)
    values = generator.gamma(1.0, size=30) - 0.8
    shuffled = generator.permutation(values)
    for test in (cross_sectional_t, johnson_t):
        one, other = test(values, 0.9), test(scale * shuffled, 0.9)
        assert one.outcome.statistic == pytest.approx(other.outcome.statistic, rel=1e-8)
        assert one.low * scale == pytest.approx(other.low, rel=1e-8)
    mirrored = johnson_t(-values, 0.9)
    assert mirrored.outcome.statistic == pytest.approx(-johnson_t(values, 0.9).outcome.statistic)


def test_skewed_gains_are_not_found_too_often_among_losses():
    # Log-normal wealth with a mean of nothing: the plain t rejects low far more than high, and
    # the bootstrapped one is nearer to its 5 %.
    generator = np.random.default_rng(0)
    hits = {"plain": 0, "bootstrapped": 0}
    for _ in range(300):
        values = np.exp(generator.standard_normal(100)) - math.exp(0.5)
        hits["plain"] += cross_sectional_t(values, 0.95).outcome.p_value < 0.05
        own = bootstrapped_johnson_t(values, 0.95, draws=199, share=0.25, seed=1)
        hits["bootstrapped"] += own.outcome.p_value < 0.05
    assert hits["bootstrapped"] < hits["plain"]
    assert hits["bootstrapped"] / 300 < 0.085


def test_a_mean_too_far_out_for_the_correction_is_said():
    found = johnson_t(np.array([1.0, 1.1, 1.0, 1.05, 0.2]), 0.95)
    assert "turns round" in found.outcome.reason
    assert math.isnan(found.outcome.statistic)


def test_a_bound_that_the_correction_does_not_reach_is_left_open():
    values = np.random.default_rng(1).gamma(0.5, size=40) - 0.3
    found = bootstrapped_johnson_t(values, 0.95, **BOOTSTRAP)
    assert found.outcome.reason == ""
    assert math.isfinite(found.low)
    assert found.high == math.inf


def test_too_few_or_equal_events_are_said():
    assert johnson_t(np.array([0.1]), 0.95).outcome.reason == "needs at least 2 events, has 1"
    assert "the same" in cross_sectional_t(np.full(5, 0.1), 0.95).outcome.reason
    few = bootstrapped_johnson_t(np.arange(12.0) - 5, 0.95, **BOOTSTRAP)
    assert "resamples of 3 of 12 events" in few.outcome.reason
    seldom = bootstrapped_johnson_t(
        np.random.default_rng(0).standard_normal(30), 0.99, draws=99, share=0.25, seed=0
    )
    assert "too few for 0.99" in seldom.outcome.reason


def one_study(change=None, factor=None, **options):
    returns, factors = panel(seed=4)
    asked = events(returns, [80, 100, 120])
    for (row, column), value in (change or {}).items():
        returns.iloc[row, column] = value
    for row, value in (factor or {}).items():
        factors.loc[factors.index[row], "other"] = value
    return study(returns, asked, factors, model=MARKET, **options).fit()


def test_a_hole_leaves_the_event_out_with_its_reason():
    found = buy_and_hold(one_study({(101, 1): np.nan}), [(0, 2), (-1, 0)])
    assert rows(found.events, window_start=0)["event_id"].tolist() == ["e0", "e2"]
    assert rows(found.events, window_start=-1)["event_id"].tolist() == ["e0", "e1", "e2"]
    assert "no return on day 1" in found.skipped["reason"].iloc[0]


def test_a_total_loss_counts_and_more_than_that_is_refused():
    lost = buy_and_hold(one_study({(101, 1): -1.0}), (0, 2)).events
    assert lost["held"].iloc[1] == -1.0
    found = buy_and_hold(one_study({(101, 1): -1.2}, units="any"), (0, 2))
    assert found.events["event_id"].tolist() == ["e0", "e2"]
    assert "the return -1.2 on day 1" in found.skipped["reason"].iloc[0]


def test_a_benchmark_without_a_figure_or_beyond_a_total_loss_is_refused():
    column = dict.fromkeys(range(160), 0.001)
    with pytest.warns(SuspectReturnsWarning, match="-1.5 in column 'other' of factors"):
        results = one_study(factor={**column, 101: np.nan, 121: -1.5})
    found = buy_and_hold(results, (0, 2), "other")
    assert found.events["event_id"].tolist() == ["e0"]
    assert "no figure of the benchmark 'other' on day 1" in found.skipped["reason"].iloc[0]
    assert "no figure of the benchmark 'other' on day 1" in found.skipped["reason"].iloc[1]


def test_no_event_left_has_reasons_and_no_figures():
    found = buy_and_hold(one_study({(at, at // 20 - 4): np.nan for at in (80, 100, 120)}), (0, 0))
    assert found.events.empty
    assert (found.tests["reason"] != "").all()
    assert len(found.skipped) == 3


def test_overlapping_windows_are_said():
    returns, factors = panel(seed=4)
    apart = study(returns, events(returns, [80, 100]), factors, model=MARKET).fit()
    near = study(returns, events(returns, [80, 82]), factors, model=MARKET).fit()
    assert buy_and_hold(apart, (-3, 3)).note == ""
    assert "long_horizon()" in repr(buy_and_hold(near, (0, 2)))
    assert buy_and_hold(near, (0, 1)).note == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"benchmark": "marked"}, "Did you mean 'market'"),
        ({"draws": 10}, "at least 99"),
        ({"draws": "many"}, "a whole number"),
        ({"share": 0.0}, "share must lie above 0"),
        ({"share": "half"}, "share must lie above 0"),
        ({"level": 95}, "between 0 and 1"),
        ({"level": "0.95"}, "between 0 and 1"),
        ({"benchmark": 3}, "Unknown benchmark 3"),
        ({"windows": []}, "windows is empty"),
        ({"windows": 0}, "windows must be a window such as"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"windows": (0, 9)}, "outside the event window"),
    ],
)
def test_what_cannot_be_asked_is_said(many, options, words):
    with pytest.raises(InputError, match=words):
        buy_and_hold(many, **{"windows": (0, 1), **options})


def test_a_model_of_several_factors_or_none_has_no_market():
    returns, factors = panel(seed=2, factors=2)
    asked = events(returns, [80])
    many = study(returns, asked, factors, model=FactorModel(["F0", "F1"])).fit()
    with pytest.raises(InputError, match="reads 2 columns of factors for 'S0'"):
        buy_and_hold(many, (0, 1), "market")
    from analysis.eventstudy import MeanAdjusted

    none = study(returns, asked, model=MeanAdjusted()).fit()
    with pytest.raises(InputError, match="needs factors, and the study has none"):
        buy_and_hold(none, (0, 1), "market")
