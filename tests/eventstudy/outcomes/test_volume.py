import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import FactorModel, abnormal_volume
from analysis.eventstudy.outcomes.volume import residual_autocorrelation
from tests.reference.panels import events

SHORT = {"estimation": (-60, -11), "window": (-3, 3), "min_observations": 20}


def traded(securities=4, days=160, seed=0):
    generator = np.random.default_rng(seed)
    index = pd.bdate_range("2024-01-01", periods=days)
    market = np.exp(generator.normal(14, 0.3, days)).round()
    own = np.exp(generator.normal(0, 0.4, (days, securities)))
    names = [f"S{at}" for at in range(securities)]
    volume = pd.DataFrame((market[:, None] ** 0.8 * own).round(), index, names)
    return volume, pd.Series(market, index)


def test_abnormal_volume_is_the_logarithm_less_its_mean():
    volume, _ = traded()
    results = abnormal_volume(volume, events(volume, [80, 100]), **SHORT)
    logs = np.log(volume["S1"] + 1)
    mean = logs.iloc[40:90].mean()
    expected = logs.iloc[97:104] - mean
    assert results.abnormal.loc[("e1", "S1")].tolist() == pytest.approx(expected.tolist())
    assert results.study.model.name == "mean-adjusted log volume"


def test_a_market_of_volume_makes_a_market_model_of_logarithms():
    volume, market = traded()
    results = abnormal_volume(volume, events(volume, [80]), market=market, **SHORT)
    x, y = np.log1p(market.to_numpy()[20:70]), np.log1p(volume["S0"].to_numpy()[20:70])
    slope, intercept = np.polyfit(x, y, 1)
    found = results.parameters.iloc[0]
    assert [found["beta"], found["alpha"]] == pytest.approx([slope, intercept], rel=1e-8)
    # Trade that all securities share is not abnormal: the errors are smaller.
    plain = abnormal_volume(volume, events(volume, [80]), **SHORT)
    assert found["sigma"] < plain.parameters["sigma"].iloc[0]


def test_turnover_is_a_share_of_the_shares_outstanding():
    volume, market = traded()
    shares = {"S0": 1e9, "S1": 5e8, "S2": 2e9, "S3": 1e9}
    turnover = market / 5e9 * 100
    results = abnormal_volume(volume, events(volume, [80]), shares=shares, market=turnover, **SHORT)
    logs = np.log(100 * volume["S0"] / 1e9 + 0.000255)
    pd.testing.assert_series_equal(results.study.returns["S0"], logs, check_names=False)
    pd.testing.assert_series_equal(
        results.study.factors["market"], np.log(turnover + 0.000255), check_names=False
    )
    frame = pd.DataFrame(shares, index=volume.index)
    again = abnormal_volume(volume, events(volume, [80]), shares=frame, market=turnover, **SHORT)
    pd.testing.assert_frame_equal(results.abnormal, again.abnormal)


def test_a_split_of_shares_leaves_turnover_as_it_is():
    volume, _ = traded()
    shares = pd.DataFrame(1e9, index=volume.index, columns=volume.columns)
    split = volume.index >= volume.index[79]
    volume_after, shares_after = volume.copy(), shares.copy()
    volume_after.loc[split], shares_after.loc[split] = volume[split] * 10, shares[split] * 10
    asked = events(volume, [80, 100])
    one = abnormal_volume(volume, asked, shares=shares, **SHORT)
    two = abnormal_volume(volume_after, asked, shares=shares_after, **SHORT)
    pd.testing.assert_frame_equal(one.abnormal, two.abnormal)


@given(rise=st.floats(0.2, 50.0), seed=st.integers(0, 1000))
def test_a_rise_by_a_factor_is_its_logarithm(rise, seed):
    volume, _ = traded(days=90, seed=seed)
    asked = events(volume, [80])
    before = abnormal_volume(volume, asked, **SHORT).abnormal
    volume.iloc[80, 0] = (volume.iloc[80, 0] + 1) * rise - 1
    after = abnormal_volume(volume, asked, **SHORT).abnormal
    assert after.loc[("e0", "S0"), 0] - before.loc[("e0", "S0"), 0] == pytest.approx(math.log(rise))


def test_a_negative_volume_of_a_security_without_event_is_named_and_changes_nothing():
    volume, _ = traded()
    asked = events(volume, [80], ["S0"])
    plain = abnormal_volume(volume, asked, **SHORT)
    spoiled = volume.astype(float)
    spoiled.iloc[5, 1] = -5.0
    with pytest.warns(SuspectReturnsWarning, match="-5 in column 'S1' of volume") as caught:
        results = abnormal_volume(spoiled, asked, **SHORT)
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(results.abnormal, plain.abnormal)


def test_a_day_without_trade_counts_and_an_unknown_one_makes_a_hole():
    volume, _ = traded()
    asked = events(volume, [80, 100])
    volume.iloc[80, 0] = 0
    volume.iloc[100, 1] = np.nan
    results = abnormal_volume(volume, asked, **SHORT)
    mean = np.log1p(volume["S0"].iloc[20:70]).mean()
    assert results.abnormal.loc[("e0", "S0"), 0] == pytest.approx(-mean)
    assert np.isnan(results.abnormal.loc[("e1", "S1"), 0])
    assert len(results.car((0, 0))) == 1
    assert "no return on day 0" in results.skipped["reason"].iloc[0]
    turned = abnormal_volume(volume, asked, shares=dict.fromkeys(volume, 1e9), **SHORT)
    assert np.isfinite(turned.abnormal.loc[("e0", "S0"), 0])


def test_shares_that_nobody_knows_are_missing_data():
    volume, _ = traded()
    results = abnormal_volume(volume, events(volume, [80, 100]), shares={"S0": 1e9}, **SHORT)
    assert results.index.get_level_values("security").tolist() == ["S0"]
    assert len(results.skipped) == 1


def test_the_whole_battery_runs_and_finds_the_rise():
    volume, _ = traded(securities=8)
    asked = events(volume, list(range(70, 150, 8)))
    for row, name in zip(range(70, 150, 8), asked["security"], strict=True):
        volume.loc[volume.index[row], name] *= 3
    results = abnormal_volume(volume, asked, **SHORT)
    tests = results.tests([(0, 0)]).set_index("test")
    assert tests.loc["kolari_pynnonen_t", "p_value"] < 0.001
    assert tests.loc["grank_overlap", "p_value"] < 0.01
    assert "mean-adjusted log volume" in str(results.summary()).lower()


def test_other_models_take_the_logarithms():
    volume, market = traded()
    factors = pd.DataFrame({"a": np.arange(160.0), "b": np.arange(160.0) ** 2}, volume.index)
    options = {"model": FactorModel(["a", "market"]), "factors": factors, **SHORT}
    results = abnormal_volume(volume, events(volume, [80]), market=market, **options)
    assert list(results.study.factors.columns) == ["a", "b", "market"]
    assert {"beta_a", "beta_market"} <= set(results.parameters.columns)


def test_autocorrelation_of_volume_is_shown():
    generator = np.random.default_rng(2)
    shocks = generator.normal(0, 0.3, (400, 2))
    logs = np.zeros((400, 2))
    for row in range(1, 400):
        logs[row] = [0.7, 0.0] * logs[row - 1] + shocks[row]
    index = pd.bdate_range("2024-01-01", periods=400)
    volume = pd.DataFrame(np.exp(12 + logs), index, ["S0", "S1"])
    asked = events(volume, [380, 380])
    results = abnormal_volume(volume, asked, estimation=(-360, -11), window=(0, 0))
    found = residual_autocorrelation(results)
    assert found.tolist() == pytest.approx([0.7, 0.0], abs=0.12)
    e = results.fitted.residuals[0]
    slow = sum(e[i] * e[i - 1] for i in range(1, 350)) / 349 / (sum(v**2 for v in e) / 350)
    assert found.iloc[0] == pytest.approx(slow)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volume": -5.0}, "volume is negative on 2024-01-08 in column 'S1'"),
        ({"volume": np.inf}, "volume is infinite on 2024-01-08"),
        ({"market": -1.0}, "market is negative on 2024-01-08"),
        ({"shares": 0.0}, "shares is not positive on 2024-01-01 in column 'S1'"),
        ({"shares": "many"}, "shares holds something that is not a number"),
    ],
)
def test_figures_that_cannot_be_are_refused(change, words):
    volume, market = traded()
    options = dict(SHORT)
    for name, value in change.items():
        if name == "volume":
            volume.iloc[5, 1] = value
        elif name == "market":
            market.iloc[5] = value
            options["market"] = market
        else:
            options["shares"] = {"S0": 1e9, "S1": value}
    with pytest.raises(InputError, match=words):
        abnormal_volume(volume, events(volume, [80], ["S1"]), **options)


def test_what_is_no_market_or_no_shares_is_said():
    volume, market = traded()
    asked = events(volume, [80])
    with pytest.raises(InputError, match="market must be a Series"):
        abnormal_volume(volume, asked, market=volume, **SHORT)
    with pytest.raises(InputError, match="shares must be a DataFrame"):
        abnormal_volume(volume, asked, shares=5, **SHORT)
    with pytest.raises(InputError, match="has a column 'market' already"):
        abnormal_volume(volume, asked, market=market, factors=market.to_frame("market"), **SHORT)
