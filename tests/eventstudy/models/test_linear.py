"""The models against statsmodels, event by event, and what must not change them."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from tests.reference.panels import events, panel, study

TIGHT = 1e-10


def by_hand(returns, factors, columns, security, row):
    """statsmodels on the estimation rows, and its forecast of the event window."""
    design = sm.add_constant(factors[columns])
    before = pd.concat([returns[security], design], axis=1).iloc[row - 60 : row - 10].dropna()
    fitted = sm.OLS(before[security], before.drop(columns=security)).fit()
    around = design.iloc[row - 3 : row + 4]
    forecast = fitted.get_prediction(around)
    return fitted, around, forecast


@pytest.mark.parametrize("columns", [["F0"], ["F0", "F1", "F2"]])
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_least_squares_agree_with_statsmodels(columns, gaps):
    returns, factors = panel(5, 200, seed=3, gaps=gaps, factors=3)
    asked = events(returns, [80, 100, 120, 150, 190])
    results = study(returns, asked, factors, model=FactorModel(columns)).fit()
    assert len(results.parameters) == 5
    names = ["beta"] if len(columns) == 1 else [f"beta_{name}" for name in columns]
    for at, row in enumerate([80, 100, 120, 150, 190]):
        key = (f"e{at}", f"S{at}")
        fitted, _, forecast = by_hand(returns, factors, columns, f"S{at}", row)
        ours = results.parameters.loc[key]
        assert ours[["alpha", *names]].tolist() == pytest.approx(list(fitted.params), rel=TIGHT)
        assert ours["sigma"] == pytest.approx(np.sqrt(fitted.mse_resid), rel=TIGHT)
        assert ours["r2"] == pytest.approx(fitted.rsquared, rel=TIGHT)
        assert ours["n"] == fitted.nobs
        actual = returns[f"S{at}"].iloc[row - 3 : row + 4].to_numpy()
        expected = actual - np.asarray(forecast.predicted_mean)
        assert results.abnormal.loc[key].to_numpy() == pytest.approx(
            expected, rel=TIGHT, nan_ok=True
        )
        # The forecast error of an observation: statsmodels' se_obs.
        se = results.abnormal_se.loc[key].to_numpy()
        assert se == pytest.approx(np.asarray(forecast.se_obs), rel=TIGHT)


def test_the_variance_of_a_car_is_the_full_forecast_covariance():
    returns, factors = panel(1, 100, seed=4, factors=2)
    asked = events(returns, [90])
    results = study(returns, asked, factors, model=FactorModel(["F0", "F1"])).fit()
    fitted, around, _ = by_hand(returns, factors, ["F0", "F1"], "S0", 90)
    total = around.iloc[2:5].sum().to_numpy()
    variance = fitted.mse_resid * 3 + total @ fitted.cov_params().to_numpy() @ total
    car = results.car((-1, 1)).loc[("e0", "S0")]
    assert car["se"] == pytest.approx(np.sqrt(variance), rel=TIGHT)
    assert car["df"] == 47


def test_the_mean_adjusted_model_is_a_regression_on_the_constant():
    returns, _ = panel(1, 100, seed=5, gaps=0.05)
    results = study(returns, events(returns, [90]), model=MeanAdjusted()).fit()
    before = returns["S0"].iloc[30:80].dropna()
    ours = results.parameters.loc[("e0", "S0")]
    assert list(results.parameters.columns) == ["alpha", "sigma", "n", "r2"]
    assert ours["alpha"] == pytest.approx(before.mean(), rel=TIGHT)
    assert ours["sigma"] == pytest.approx(before.std(ddof=1), rel=TIGHT)
    assert ours["r2"] == 0
    car = results.car((0, 1)).loc[("e0", "S0")]
    n = len(before)
    assert car["se"] == pytest.approx(before.std(ddof=1) * np.sqrt(2 + 4 / n), rel=TIGHT)
    assert car["df"] == n - 1


def test_market_adjusted_returns_are_differences_without_leverage():
    returns, factors = panel(1, 100, seed=6)
    results = study(returns, events(returns, [90]), factors, model=MarketAdjusted("F0")).fit()
    difference = returns["S0"] - factors["F0"]
    before = difference.iloc[30:80]
    assert results.abnormal.loc[("e0", "S0")].to_numpy() == pytest.approx(
        difference.iloc[87:94].to_numpy(), abs=0
    )
    ours = results.parameters.loc[("e0", "S0")]
    assert ours[["alpha", "beta"]].tolist() == [0, 1]
    assert ours["sigma"] == pytest.approx(before.std(ddof=1), rel=TIGHT)
    y = returns["S0"].iloc[30:80]
    assert ours["r2"] == pytest.approx(1 - (before**2).sum() / y.sub(y.mean()).pow(2).sum())
    car = results.car((-1, 1)).loc[("e0", "S0")]
    assert car["se"] == pytest.approx(before.std(ddof=1) * np.sqrt(3), rel=TIGHT)
    assert car["df"] == 49
    # The raw differences, not demeaned, feed the ranks.
    assert results.fitted.residuals[0] == pytest.approx(before.to_numpy(), abs=0)


def test_the_risk_free_rate_is_taken_from_the_return():
    returns, factors = panel(1, 100, seed=7)
    factors["rf"] = 0.0001 * np.arange(100)
    asked = events(returns, [90])
    with_rf = study(returns, asked, factors, model=FactorModel(["F0"], rf="rf")).fit()
    by_ourselves = returns.sub(factors["rf"], axis=0)
    plain = study(by_ourselves, asked, factors, model=MarketModel("F0")).fit()
    pd.testing.assert_frame_equal(with_rf.parameters, plain.parameters, rtol=1e-12)
    pd.testing.assert_frame_equal(with_rf.abnormal, plain.abnormal, rtol=1e-12)


def test_a_row_without_the_factor_is_not_used():
    returns, factors = panel(1, 100, seed=8)
    factors.iloc[[40, 91], 0] = np.nan
    results = study(returns, events(returns, [90]), factors, model=MarketModel("F0")).fit()
    assert results.parameters["n"].tolist() == [49]
    assert np.isnan(results.abnormal.loc[("e0", "S0"), 1])
    assert np.isnan(results.fitted.residuals[0, 10])


def test_each_security_has_its_own_benchmark():
    returns, factors = panel(2, 100, seed=9, factors=2)
    asked = events(returns, [90, 90])
    both = study(returns, asked, factors, model=MarketModel({"S0": "F0", "S1": "F1"})).fit()
    for row, column in enumerate(["F0", "F1"]):
        one = study(returns, asked.iloc[[row]], factors, model=MarketModel(column)).fit()
        # Not to the last bit: a block of two events is another matrix product than one of one.
        ours, alone = (table.parameters.to_numpy() for table in (both, one))
        np.testing.assert_allclose(ours[row], alone[0], rtol=1e-12)


@pytest.mark.parametrize("benchmark", [{}, {"S0": None}, {"S0": ""}, {"S0": float("nan")}])
def test_a_security_without_a_benchmark_is_skipped(benchmark):
    returns, factors = panel(2, 100)
    model = MarketModel({"S1": "F0", **benchmark})
    results = study(returns, events(returns, [90, 90]), factors, model=model).fit()
    assert list(results.abnormal.index) == [("e1", "S1")]
    assert results.skipped["reason"].tolist() == ["no benchmark for S0"]


def test_far_off_means_cost_no_digits():
    # Factors as index levels: a mean a thousand times the spread.
    returns, factors = panel(1, 100, seed=10)
    asked = events(returns, [90])
    near = study(returns, asked, factors, model=MarketModel("F0")).fit()
    far = study(returns, asked, factors + 10, model=MarketModel("F0"), units="any").fit()
    pd.testing.assert_frame_equal(near.car((-1, 1)), far.car((-1, 1)), rtol=1e-9)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r, f: (r, f.assign(F0=0.001)), "a factor does not vary"),
        (lambda r, f: (r, f.assign(F0=0.1 + 0.2 - 0.3)), "a factor does not vary"),
        (lambda r, f: (r, f.assign(F1=2 * f["F0"] + 0.003)), "the factors are collinear"),
        (lambda r, f: (r * 0, f), "the residual variance is zero"),
        (lambda r, f: (r * 0 + 0.1, f), "the residual variance is zero"),
        (lambda r, f: (0.01 + r.mul(0).add(f["F0"], axis=0), f), "the residual variance is zero"),
    ],
)
def test_what_cannot_be_estimated_is_skipped_with_its_reason(spoil, reason):
    returns, factors = spoil(*panel(1, 100, factors=2))
    results = study(returns, events(returns, [90]), factors, model=FactorModel(["F0", "F1"])).fit()
    assert len(results.abnormal) == 0
    assert results.skipped["reason"].tolist() == [f"{reason} in the estimation window (-60, -11)"]


def test_a_security_that_is_its_benchmark_has_no_market_adjusted_variance():
    returns, factors = panel(1, 100)
    returns["S0"] = factors["F0"]
    results = study(returns, events(returns, [90]), factors, model=MarketAdjusted("F0")).fit()
    assert "the residual variance is zero" in results.skipped["reason"].iloc[0]


def test_a_factor_model_needs_factors_named_once():
    with pytest.raises(InputError, match="at least one column"):
        FactorModel([])
    with pytest.raises(InputError, match="twice: F0, F0"):
        FactorModel(["F0", "F0"])
    assert FactorModel("F0").columns == ("F0",)


MODELS = st.sampled_from(
    [MeanAdjusted(), MarketAdjusted("F0"), MarketModel("F0"), FactorModel(["F0", "F1"])]
)


def fitted(seed, model, change=lambda returns, factors: (returns, factors), **options):
    returns, factors = change(*panel(3, 120, seed=seed, gaps=0.05, factors=2))
    asked = events(returns, [70, 90, 110])
    return study(returns, asked, factors, model=model, **options).fit()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), model=MODELS, scale=st.sampled_from([1e-3, 0.5, 100.0]))
def test_t_does_not_depend_on_the_unit_of_returns(seed, model, scale):
    one = fitted(seed, model).car((0, 0))
    other = fitted(seed, model, lambda r, f: (r * scale, f * scale), units="any").car((0, 0))
    np.testing.assert_allclose(other["car"], one["car"] * scale, rtol=1e-9)
    np.testing.assert_allclose(other["t"], one["t"], rtol=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), model=MODELS)
def test_turning_every_sign_turns_every_abnormal_return(seed, model):
    one, other = fitted(seed, model), fitted(seed, model, lambda r, f: (-r, -f))
    np.testing.assert_allclose(other.abnormal, -one.abnormal, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(other.car((0, 0))["se"], one.car((0, 0))["se"], rtol=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), model=MODELS, order=st.permutations(range(3)))
def test_the_order_of_the_events_changes_nothing(seed, model, order):
    returns, factors = panel(3, 120, seed=seed, gaps=0.05, factors=2)
    asked = events(returns, [70, 90, 110])
    one = study(returns, asked, factors, model=model).fit()
    other = study(returns, asked.iloc[list(order)], factors, model=model).fit()
    pd.testing.assert_frame_equal(other.abnormal.loc[one.abnormal.index], one.abnormal)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), model=MODELS, lost=st.sets(st.integers(10, 59), max_size=20))
def test_a_missing_row_is_as_good_as_a_session_less(seed, model, lost):
    returns, factors = panel(1, 120, seed=seed, factors=2)
    asked = events(returns, [70])
    holed = returns.copy()
    holed.iloc[sorted(lost), 0] = np.nan
    one = study(holed, asked, factors, model=model).fit()
    gone = returns.index[sorted(lost)]
    before = 50 - len(lost)
    without = study(
        returns.drop(gone), asked, factors, model=model, estimation=(-before - 10, -11)
    ).fit()
    np.testing.assert_allclose(one.parameters, without.parameters, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.abnormal, without.abnormal, rtol=1e-9, atol=1e-14)


def test_a_study_in_which_nobody_has_a_benchmark_says_so_of_each_event():
    # No event and no factor reach the models: a block without a series to fit.
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 120])
    for model in (MarketModel({}), MarketAdjusted({"S0": None})):
        results = study(returns, asked, factors, model=model).fit()
        assert results.skipped["reason"].tolist() == ["no benchmark for S0", "no benchmark for S1"]
        assert results.parameters.empty
        assert (results.tests((-1, 1))["reason"] != "").all()
