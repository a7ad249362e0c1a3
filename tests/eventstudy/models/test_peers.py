"""Peers as the benchmark: who is in the mean, who is not, and when it is missing."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy import (
    CAPM,
    Dimson,
    EqualWeight,
    Ewma,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    QuantileModel,
    ScholesWilliams,
)
from tests.reference.panels import events, panel, study

TIGHT = 1e-10


def mean_of(returns, names, minimum=5):
    """Day by day, with a loop."""
    means = []
    for _, day in returns[list(names)].iterrows():
        known = [value for value in day if np.isfinite(value)]
        means.append(sum(known) / len(known) if len(known) >= minimum else np.nan)
    return pd.DataFrame({"F0": means}, index=returns.index)


def compare(results, returns, asked, means, model=MarketModel):
    """The same study on a benchmark made by hand, security by security."""
    for key in results.abnormal.index:
        own = asked[asked["security"] == key[1]]
        one = study(returns[[key[1]]], own, means[key[1]], model=model("F0")).fit()
        np.testing.assert_allclose(
            results.abnormal.loc[key], one.abnormal.loc[key], rtol=TIGHT, atol=1e-15
        )
        np.testing.assert_allclose(
            results.parameters.loc[key], one.parameters.loc[key], rtol=1e-8, atol=1e-14
        )


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("model", [MarketModel, MarketAdjusted, ScholesWilliams, Dimson])
def test_a_security_is_compared_with_the_mean_of_all_others(gaps, model):
    returns, _ = panel(9, 120, seed=41, gaps=gaps)
    asked = events(returns, [80, 90, 100])
    results = study(returns, asked, model=model(EqualWeight())).fit()
    assert len(results.abnormal) == 3
    means = {
        name: mean_of(returns, [other for other in returns if other != name])
        for name in asked["security"]
    }
    compare(results, returns, asked, means, model)


def test_the_shocked_are_left_out_of_every_benchmark():
    returns, _ = panel(9, 120, seed=42, gaps=0.1)
    asked = events(returns, [80, 90, 100])
    results = study(returns, asked, model=MarketModel(EqualWeight(leave_out="shocked"))).fit()
    common = mean_of(returns, [f"S{at}" for at in range(3, 9)])
    compare(results, returns, asked, {f"S{at}": common for at in range(3)})


def test_a_shock_that_all_the_shocked_share_stays_in_their_abnormal_returns():
    returns, _ = panel(12, 120, seed=43)
    asked = events(returns, [90] * 6, [f"S{at}" for at in range(6)])
    hit = returns.copy()
    hit.iloc[90, :6] -= 0.2

    def moved(model):
        before = study(returns, asked, model=MarketAdjusted(model)).fit().caar((0, 0))["caar"]
        return study(hit, asked, model=MarketAdjusted(model)).fit().caar((0, 0))["caar"] - before

    assert moved(EqualWeight(leave_out="shocked")) == pytest.approx(-0.2)
    # Of the eleven others, five are hit too; of all twelve, six.
    assert moved(EqualWeight()) == pytest.approx(-0.2 * 6 / 11)
    assert moved(EqualWeight(leave_out="nothing")) == pytest.approx(-0.2 / 2)


def test_a_named_set_is_left_out_and_so_is_the_security_itself():
    returns, _ = panel(10, 120, seed=44)
    asked = events(returns, [80, 95], ["S0", "S4"])
    model = MarketModel(EqualWeight(leave_out={"S0", "S1"}))
    results = study(returns, asked, model=model).fit()
    rest = [f"S{at}" for at in range(2, 10)]
    means = {
        "S0": mean_of(returns, rest),
        "S4": mean_of(returns, [name for name in rest if name != "S4"]),
    }
    compare(results, returns, asked, means)


def test_peers_can_be_listed_for_all_or_for_each():
    returns, _ = panel(10, 120, seed=45)
    asked = events(returns, [80, 95], ["S0", "S4"])
    listed = [f"S{at}" for at in range(3, 10)]
    results = study(returns, asked, model=MarketModel(EqualWeight(listed))).fit()
    means = {"S0": mean_of(returns, listed), "S4": mean_of(returns, set(listed) - {"S4"})}
    compare(results, returns, asked, means)
    each = EqualWeight({"S0": ["S1", "S2"], "S4": ["S4", "S5", "S6"]}, minimum=2)
    results = study(returns, asked, model=MarketModel(each)).fit()
    means = {"S0": mean_of(returns, ["S1", "S2"], 2), "S4": mean_of(returns, ["S5", "S6"], 2)}
    compare(results, returns, asked, means)


def test_a_day_with_too_few_peers_is_missing_and_not_filled():
    returns, _ = panel(7, 120, seed=46)
    asked = events(returns, [90])
    holed = returns.copy()
    holed.iloc[[40, 91], 1:3] = np.nan
    results = study(holed, asked, model=MarketModel(EqualWeight(minimum=5))).fit()
    assert results.parameters["n"].tolist() == [49]
    assert results.abnormal.loc[("e0", "S0")].isna().tolist() == [False] * 4 + [True] + [False] * 2
    assert "no factor figure on day 1" in results.skipped["reason"].iloc[0]
    enough = study(holed, asked, model=MarketModel(EqualWeight(minimum=4))).fit()
    assert enough.skipped.empty


def test_a_security_with_too_few_peers_is_skipped_and_the_others_are_not():
    returns, _ = panel(8, 120, seed=47)
    asked = events(returns, [90, 90])
    each = EqualWeight({"S0": list(returns), "S1": ["S2", "S3"]})
    results = study(returns, asked, model=MarketModel(each)).fit()
    assert results.skipped["reason"].tolist() == ["no benchmark for S1"]
    assert list(results.abnormal.index) == [("e0", "S0")]


def test_calendars_that_differ_leave_each_day_to_those_that_trade():
    returns, _ = panel(8, 130, seed=48)
    asia, new_york = returns.index[returns.index.day % 9 != 0], returns.index
    returns.loc[returns.index.day % 9 == 0, ["S0", "S1", "S2", "S3"]] = np.nan
    asked = events(returns, [100], ["S0"])
    calendars = {"S0": asia, "S7": new_york}
    results = study(
        returns, asked, model=MarketModel(EqualWeight(minimum=4)), calendars=calendars
    ).fit()
    day0 = asia.get_loc(returns.index[100])
    rows = asia[day0 - 60 : day0 - 10]
    x = returns.loc[rows, [f"S{at}" for at in range(1, 8)]].mean(axis=1)
    slope, level = np.polyfit(x, returns.loc[rows, "S0"], 1)
    assert results.parameters.loc[("e0", "S0"), ["alpha", "beta"]].tolist() == pytest.approx(
        [level, slope]
    )


def test_factors_that_were_given_stay_beside_the_peers():
    returns, factors = panel(8, 120, seed=49)
    factors["rf"] = 0.0002
    asked = events(returns, [90])
    model = CAPM(EqualWeight(), rf="rf", excess=False)
    results = study(returns, asked, factors, model=model).fit()
    others = returns.drop(columns="S0").mean(axis=1) - 0.0002
    excess = study(
        returns[["S0"]] - 0.0002, asked, others.to_frame("F0"), model=MarketModel("F0")
    ).fit()
    np.testing.assert_allclose(results.parameters, excess.parameters, rtol=1e-9)
    for wrapper in (Ewma, QuantileModel):
        inside = study(returns, asked, factors, model=wrapper(MarketModel(EqualWeight()))).fit()
        assert len(inside.abnormal) == 1


def test_the_prepared_study_keeps_its_peers():
    returns, _ = panel(9, 120, seed=50)
    asked = events(returns, [80, 90, 100])
    first = study(returns, asked, model=MarketModel(EqualWeight(leave_out="shocked")))
    fewer = study(returns, asked.iloc[:1], first.factors, model=first.model)
    pd.testing.assert_series_equal(fewer.fit().parameters.iloc[0], first.fit().parameters.iloc[0])
    assert pickle.loads(pickle.dumps(first.model)) == first.model
    given = MarketModel(EqualWeight(["A"], leave_out=["B"]))
    assert pickle.loads(pickle.dumps(given)) == given


def test_the_permutation_test_runs_on_peers():
    returns, _ = panel(8, 300, seed=51)
    results = study(returns, events(returns, [200, 200]), model=MarketModel(EqualWeight())).fit()
    assert 0 < results.tests([(0, 0)], ["permutation"])["p_value"].iloc[0] <= 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: EqualWeight(leave_out="itslef"), "Unknown leave_out 'itslef'. Did you mean"),
        (lambda: EqualWeight(minimum=0), "minimum must be a whole number of at least 1"),
        (lambda: EqualWeight("NVDA"), "needs a list of securities"),
        (lambda: CAPM(EqualWeight()), "not an excess return"),
        (lambda: MarketModel(EqualWeight()).needs("S0"), "only in an EventStudy"),
    ],
)
def test_peers_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("peers", "message"),
    [
        (EqualWeight(["S1", "S99"]), "Unknown peer 'S99'"),
        (EqualWeight(leave_out=["S99"]), "Unknown security to leave out 'S99'"),
        (EqualWeight(minimum=9), "fewer than minimum=9 peers for every security among the 8"),
    ],
)
def test_peers_that_returns_do_not_hold_are_refused(peers, message):
    returns, _ = panel(8, 120)
    with pytest.raises(InputError, match=message):
        study(returns, events(returns, [90]), model=MarketModel(peers))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(8)), scale=st.floats(0.01, 100))
def test_the_order_of_the_columns_and_the_unit_change_nothing(seed, order, scale):
    returns, _ = panel(8, 120, seed=seed, gaps=0.1)
    asked = events(returns, [80, 90])
    one = study(returns, asked, model=MarketModel(EqualWeight(minimum=3))).fit()
    other = study(
        returns.iloc[:, list(order)] * scale,
        asked,
        model=MarketModel(EqualWeight(minimum=3)),
        units="any",
    ).fit()
    np.testing.assert_allclose(other.abnormal, one.abnormal * scale, rtol=1e-7, atol=1e-13 * scale)


def test_named_factor_models_are_their_columns():
    assert FactorModel.ff3() == FactorModel(("mkt_rf", "smb_ff3", "hml"), rf="rf")
    assert FactorModel.ff5() == FactorModel(("mkt_rf", "smb", "hml", "rmw", "cma"), rf="rf")
    assert FactorModel.carhart("r").columns == ("mkt_rf", "smb_ff3", "hml", "mom")
    assert FactorModel.carhart("r").rf == "r"


@pytest.mark.parametrize("excess", [True, False])
def test_the_capm_is_the_market_model_in_excess_of_the_rate(excess):
    returns, factors = panel(2, 120, seed=52)
    factors["rf"] = 0.0001 * np.linspace(0, 3, 120)
    asked = events(returns, [80, 90])
    market = factors["F0"] if excess else factors["F0"] - factors["rf"]
    plain = study(
        returns.sub(factors["rf"], axis=0), asked, market.to_frame("F0"), model=MarketModel("F0")
    ).fit()
    results = study(returns, asked, factors, model=CAPM("F0", "rf", excess=excess)).fit()
    pd.testing.assert_frame_equal(results.parameters, plain.parameters, rtol=1e-10)
    pd.testing.assert_frame_equal(results.car((-1, 1)), plain.car((-1, 1)), rtol=1e-10)
    with pytest.raises(InputError, match="Unknown column of factors 'free'"):
        study(returns, asked, factors, model=CAPM("F0", "free", excess=excess))


@pytest.mark.parametrize(
    "model", [MarketModel({}), MarketAdjusted({}), CAPM({}, "F0", excess=False)]
)
def test_a_study_in_which_no_security_has_a_benchmark_still_answers(model):
    returns, factors = panel(2, 120)
    results = study(returns, events(returns, [90, 90]), factors, model=model).fit()
    assert results.skipped["reason"].tolist() == ["no benchmark for S0", "no benchmark for S1"]
    assert results.parameters.shape == (0, 5)
