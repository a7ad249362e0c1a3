"""Scholes–Williams and Dimson: against their formulas, instrumental variables and loops."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.sandbox.regression.gmm import IV2SLS

from analysis.errors import InputError
from analysis.eventstudy import Dimson, EventStudy, MarketModel, ScholesWilliams
from analysis.eventstudy.models.lagged_factors import join_factors, lead_lag_name, with_steps
from tests.reference.panels import events, panel, study

TIGHT = 1e-10


def shifted(series: pd.Series, dates: pd.DatetimeIndex, step: int) -> pd.Series:
    """The slow, obvious way: for each date, count along the series' own figures."""
    figures = series.dropna()
    found = {}
    for date in dates:
        side = figures[figures.index < date][::-1] if step < 0 else figures[figures.index > date]
        found[date] = side.iloc[abs(step) - 1] if len(side) >= abs(step) else np.nan
    return pd.Series(found)


def rows_of(returns, factors, security, row, steps):
    """Complete estimation rows and the event window, with moved columns made by hand."""
    market = factors["F0"]
    moved = {
        step: market.reindex(returns.index) if step == 0 else shifted(market, returns.index, step)
        for step in steps
    }
    frame = pd.DataFrame({"y": returns[security], **moved})
    return frame.iloc[row - 60 : row - 10].dropna(), frame.iloc[row - 3 : row + 4]


@pytest.mark.parametrize("gaps", [0.0, 0.08])
def test_scholes_williams_is_their_formula(gaps):
    returns, factors = panel(3, 160, seed=21, gaps=gaps)
    results = study(
        returns, events(returns, [80, 120, 150]), factors, model=ScholesWilliams("F0")
    ).fit()
    for at, row in enumerate([80, 120, 150]):
        before, around = rows_of(returns, factors, f"S{at}", row, (-1, 0, 1))
        y, x = before["y"], before[0]
        variance = ((x - x.mean()) ** 2).sum()
        betas = [
            ((before[step] - before[step].mean()) * (y - y.mean())).sum() / variance
            for step in (-1, 0, 1)
        ]
        # cov(z, x) = var(x)(1 + 2ρ), ρ the mean of the two neighbours' autocorrelations.
        rho = [
            ((before[step] - before[step].mean()) * (x - x.mean())).sum() / variance
            for step in (-1, 1)
        ]
        beta = sum(betas) / (1 + sum(rho))
        ours = results.parameters.loc[(f"e{at}", f"S{at}")]
        assert ours["beta"] == pytest.approx(beta, rel=TIGHT)
        assert ours["alpha"] == pytest.approx(y.mean() - beta * x.mean(), rel=TIGHT)
        abnormal = around["y"] - ours["alpha"] - beta * around[0]
        np.testing.assert_allclose(
            results.abnormal.loc[(f"e{at}", f"S{at}")], abnormal, rtol=TIGHT, atol=1e-15
        )


def test_scholes_williams_with_a_long_sample_is_three_regressions_and_an_autocorrelation():
    returns, factors = panel(1, 1400, seed=22)
    results = EventStudy(
        returns,
        events(returns, [1300]),
        ScholesWilliams("F0"),
        factors,
        estimation=(-1250, -11),
        window=(-3, 3),
    ).fit()
    before = factors["F0"].iloc[50:1290]
    y = returns["S0"].iloc[50:1290]
    slopes = [
        sm.OLS(y, sm.add_constant(factors["F0"].shift(-step).iloc[50:1290])).fit().params.iloc[1]
        for step in (-1, 0, 1)
    ]
    beta = sum(slopes) / (1 + 2 * before.autocorr(1))
    assert results.parameters["beta"].iloc[0] == pytest.approx(beta, rel=2e-3)


@pytest.mark.parametrize("gaps", [0.0, 0.08])
def test_the_variance_under_scholes_williams_is_that_of_instrumental_variables(gaps):
    returns, factors = panel(1, 120, seed=23, gaps=gaps)
    returns.iloc[86:90] = returns.iloc[86:90].fillna(0.01)
    results = study(returns, events(returns, [87]), factors, model=ScholesWilliams("F0")).fit()
    before, around = rows_of(returns, factors, "S0", 87, (-1, 0, 1))
    design = sm.add_constant(before[0])
    instrument = sm.add_constant(before[[-1, 0, 1]].sum(axis=1))
    two_stage = IV2SLS(before["y"], design, instrument).fit()
    ours = results.parameters.iloc[0]
    assert ours[["alpha", "beta"]].tolist() == pytest.approx(list(two_stage.params), rel=1e-9)
    assert ours["sigma"] ** 2 == pytest.approx(
        (two_stage.resid**2).sum() / (len(before) - 2), rel=1e-9
    )
    # The sandwich, written out: (Z'X)^-1 Z'Z (X'Z)^-1. With as many instruments as regressors
    # it is also what IV2SLS reports, over its own s².
    z, x = instrument.to_numpy(), design.to_numpy()
    bread = np.linalg.inv(z.T @ x)
    covariance = bread @ (z.T @ z) @ bread.T
    np.testing.assert_allclose(two_stage.normalized_cov_params, covariance, rtol=1e-8)
    total = np.array([3.0, around[0].iloc[2:5].sum()])
    car = results.car((-1, 1)).iloc[0]
    expected = ours["sigma"] * np.sqrt(3 + total @ covariance @ total)
    assert car["se"] == pytest.approx(expected, rel=1e-9)
    assert car["df"] == len(before) - 2


def test_the_variance_of_a_scholes_williams_car_holds_in_repetition():
    # Thin trading: a share of each day's return is reported on the next day.
    rng = np.random.default_rng(24)
    days, repetitions = 90, 3000
    index = pd.bdate_range("2024-01-01", periods=days)
    market = pd.DataFrame({"F0": rng.normal(0, 0.01, days)}, index=index)
    spilled = 0.7 * market["F0"] + 0.3 * market["F0"].shift(1)
    noise = rng.normal(0, 0.01, (days, repetitions))
    returns = pd.DataFrame(noise + spilled.to_numpy()[:, None], index=index).iloc[1:]
    returns.columns = [f"S{at}" for at in range(repetitions)]
    asked = events(returns, [70] * repetitions, list(returns.columns))
    results = study(returns, asked, market, model=ScholesWilliams("F0")).fit()
    car = results.car((-3, 3))
    # The disturbance is the noise and the spill less beta·market: given the market, the CAR
    # has that mean, and around it the noise's variance alone.
    spread = car["car"].std()
    assert results.parameters["beta"].mean() == pytest.approx(1.0, abs=0.1)
    assert spread == pytest.approx(0.01 * np.mean(car["se"] / results.fitted.sigma), rel=0.03)


@pytest.mark.parametrize(
    ("lags", "leads", "contemporaneous"), [(1, 1, True), (2, 1, True), (1, 0, False), (0, 1, True)]
)
@pytest.mark.parametrize("gaps", [0.0, 0.08])
def test_dimson_is_a_regression_on_moved_columns(lags, leads, contemporaneous, gaps):
    returns, factors = panel(2, 160, seed=25, gaps=gaps)
    factors.iloc[[70, 75, 110], 0] = np.nan
    model = Dimson("F0", lags, leads, contemporaneous=contemporaneous)
    steps = [step for step in range(-lags, leads + 1) if step or contemporaneous]
    results = study(returns, events(returns, [90, 130]), factors, model=model).fit()
    for at, row in enumerate([90, 130]):
        before, around = rows_of(returns, factors, f"S{at}", row, steps)
        fitted = sm.OLS(before["y"], sm.add_constant(before[steps])).fit()
        ours = results.parameters.loc[(f"e{at}", f"S{at}")]
        betas = fitted.params[steps]
        assert ours["alpha"] == pytest.approx(fitted.params["const"], rel=1e-9)
        assert ours["beta"] == pytest.approx(betas.sum(), rel=1e-9)
        assert ours.iloc[2 : 2 + len(steps)].tolist() == pytest.approx(betas.tolist(), rel=1e-9)
        assert ours["n"] == len(before)
        abnormal = around["y"] - fitted.predict(sm.add_constant(around[steps], has_constant="add"))
        np.testing.assert_allclose(
            results.abnormal.loc[(f"e{at}", f"S{at}")], abnormal, rtol=1e-9, atol=1e-15
        )
        if abnormal.iloc[2:5].notna().all():
            total = np.array([3.0, *around[steps].iloc[2:5].sum()])
            variance = fitted.mse_resid * (3 + total @ fitted.normalized_cov_params @ total)
            car = results.car((-1, 1)).loc[(f"e{at}", f"S{at}")]
            assert car["se"] == pytest.approx(np.sqrt(variance), rel=1e-9)
            assert car["df"] == len(before) - len(steps) - 1


def test_dimson_without_lags_and_leads_is_the_market_model():
    returns, factors = panel(2, 120, seed=26, gaps=0.05)
    asked = events(returns, [80, 100])
    plain = study(returns, asked, factors, model=MarketModel("F0")).fit()
    bare = study(returns, asked, factors, model=Dimson("F0", 0, 0)).fit()
    pd.testing.assert_frame_equal(plain.car((-1, 1)), bare.car((-1, 1)))


def overseas(seed=27, days=220):
    """An Asian calendar and a US one with holidays of their own; Asia answers a day later."""
    rng = np.random.default_rng(seed)
    every = pd.bdate_range("2024-01-01", periods=days)
    asia = every[rng.random(days) > 0.04]
    new_york = every[rng.random(days) > 0.04]
    market = pd.Series(rng.normal(0, 0.01, len(new_york)), index=new_york)
    last = shifted(market, asia, -1)
    returns = pd.DataFrame({"2330": 0.9 * last.fillna(0) + rng.normal(0, 0.004, len(asia))})
    return returns, pd.DataFrame({"sp500": market})


def test_an_asian_security_answers_to_new_yorks_last_close():
    returns, factors = overseas()
    asked = pd.DataFrame({"event_id": ["e"], "security": ["2330"], "date": [returns.index[150]]})
    lagged = Dimson("sp500", lags=1, leads=0, contemporaneous=False)
    options = {"estimation": (-120, -11), "window": (-3, 3), "min_observations": 60}
    results = EventStudy(returns, asked, lagged, factors, **options).fit()
    assert list(results.parameters) == ["alpha", "beta", "beta_lag1", "sigma", "n", "r2"]
    assert results.parameters["beta"].iloc[0] == pytest.approx(0.9, abs=0.1)
    # Every session of the security counts: a holiday in New York still has a last close.
    assert results.parameters["n"].iloc[0] == 110
    assert results.abnormal.notna().all(axis=None)
    same_day = EventStudy(returns, asked, MarketModel("sp500"), factors, **options).fit()
    missing = ~returns.index[30:140].isin(factors.index)
    assert same_day.parameters["n"].iloc[0] == 110 - missing.sum()
    assert abs(same_day.parameters["beta"].iloc[0]) < 0.3


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), step=st.integers(-3, 3).filter(bool))
def test_lags_go_along_the_factors_own_sessions(seed, step):
    rng = np.random.default_rng(seed)
    every = pd.bdate_range("2024-01-01", periods=50)
    market = pd.DataFrame({"m": rng.normal(size=50)}, index=every)
    market.loc[every[rng.random(50) < 0.2], "m"] = np.nan
    own = market[rng.random(50) > 0.1]
    dates = every[rng.random(50) > 0.2]
    made = with_steps(own, ["m"], [step], dates, "model")
    assert made.index.equals(own.index.union(dates))
    expected = shifted(own["m"], made.index, step)
    np.testing.assert_array_equal(made[lead_lag_name("m", step)], expected)


def test_no_lag_reaches_across_a_hole_in_the_data():
    every = pd.bdate_range("2024-01-01", "2024-05-31")
    market = pd.DataFrame({"m": np.arange(len(every), dtype=float)}, index=every)
    market = market[(every < "2024-03-01") | (every > "2024-04-01")]
    made = with_steps(market, ["m"], [-1, -2, 1], every, "model")
    lag, second, lead = (made[lead_lag_name("m", step)] for step in (-1, -2, 1))
    assert np.isnan(lag["2024-04-02"])  # the first figure after the hole
    assert np.isfinite(lag["2024-04-03"])
    assert np.isnan(second["2024-04-03"])
    assert np.isfinite(second["2024-04-04"])
    assert np.isfinite(lag["2024-03-01"])  # the last figure is a day old
    assert np.isnan(lag["2024-03-25"])  # and now it is no lag any more
    assert np.isnan(lead["2024-03-05"])
    assert np.isfinite(lead["2024-03-25"])


def test_a_holiday_season_is_no_hole_and_neither_is_a_month_of_monthly_figures():
    lunar = pd.DatetimeIndex(["2020-01-22", "2020-01-23", "2020-02-03", "2020-02-04"])
    made = with_steps(pd.DataFrame({"m": [1.0, 2, 3, 4]}, lunar), ["m"], [-1], lunar, "model")
    assert made["m[-1]"].tolist()[1:] == [1, 2, 3]
    months = pd.date_range("2020-01-31", periods=12, freq="ME")
    table = pd.DataFrame({"m": np.arange(12.0)}, months)
    made = with_steps(table, ["m"], [-2], months, "model")
    assert made["m[-2]"].tolist()[2:] == list(range(10))


def test_a_study_can_be_made_again_from_its_own_model_and_factors():
    returns, factors = panel(1, 120, seed=28)
    asked = events(returns, [90])
    first = study(returns, asked, factors, model=Dimson("F0"))
    again = study(returns, asked, first.factors, model=first.model)
    pd.testing.assert_frame_equal(first.fit().car((0, 0)), again.fit().car((0, 0)))


def test_a_column_that_bears_the_name_of_a_lag_is_refused():
    returns, factors = panel(1, 120)
    factors["F0[-1]"] = 0.0
    with pytest.raises(InputError, match=r"factors has a column 'F0\[-1\]'.*rename it"):
        study(returns, events(returns, [90]), factors, model=Dimson("F0"))
    table = pd.DataFrame({"a": [1.0]}, index=pd.DatetimeIndex(["2024-01-01"]))
    assert join_factors(None, table) is table


@pytest.mark.parametrize("model", [ScholesWilliams, Dimson])
def test_each_security_has_its_own_moved_benchmark_or_is_skipped(model):
    returns, factors = panel(3, 120, seed=29, factors=2)
    asked = events(returns, [90, 90, 90])
    both = study(returns, asked, factors, model=model({"S0": "F0", "S1": "F1", "S2": None})).fit()
    assert both.skipped["reason"].tolist() == ["no benchmark for S2"]
    one = study(returns, asked.iloc[[1]], factors, model=model("F1")).fit()
    pd.testing.assert_series_equal(both.parameters.iloc[1], one.parameters.iloc[0])
    none = study(returns, asked, factors, model=model({})).fit()
    assert len(none.skipped) == 3
    assert none.parameters.shape == (0, len(model().parameters))


@pytest.mark.parametrize("model", [ScholesWilliams("market"), Dimson("market")])
def test_a_benchmark_that_is_not_there_is_named(model):
    returns, factors = panel(1, 120)
    with pytest.raises(InputError, match="needs the column 'market' of factors"):
        study(returns, events(returns, [90]), model=model)
    with pytest.raises(InputError, match="Unknown column of factors 'market'"):
        study(returns, events(returns, [90]), factors, model=model)


@pytest.mark.parametrize("wrong", [{"lags": -1}, {"leads": 1.5}, {"lags": True}])
def test_lags_and_leads_are_whole_numbers(wrong):
    with pytest.raises(InputError, match="must be a whole number of at least 0"):
        Dimson("F0", **wrong)


def test_dimson_needs_a_regressor():
    with pytest.raises(InputError, match="needs a regressor"):
        Dimson("F0", 0, 0, contemporaneous=False)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r, f: (r, f * 0 + 0.001), "a factor does not vary"),
        (lambda r, f: (r * 0 + 0.1, f), "the residual variance is zero"),
        # cov(z, x) = Σ x·(x₋₁ + x + x₊₁) is nothing where a wave cancels its neighbours.
        (
            lambda r, f: (r, f * 0 + 0.01 * np.array([[1.0, -1.0, 0.0] * 40]).T),
            "the benchmark does not vary with the sum of its lag, itself and its lead",
        ),
    ],
)
def test_what_has_no_scholes_williams_beta_is_skipped_with_its_reason(spoil, reason):
    returns, factors = spoil(*panel(1, 120, seed=30))
    results = study(returns, events(returns, [90]), factors, model=ScholesWilliams("F0")).fit()
    assert results.skipped["reason"].tolist() == [f"{reason} in the estimation window (-60, -11)"]


MODELS = st.sampled_from(
    [ScholesWilliams("F0"), Dimson("F0"), Dimson("F0", 1, 0, contemporaneous=False)]
)


def fitted(seed, model, change=lambda returns, factors: (returns, factors)):
    returns, factors = change(*panel(3, 120, seed=seed, gaps=0.05))
    return study(returns, events(returns, [70, 90, 110]), factors, model=model, units="any").fit()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), model=MODELS, scale=st.sampled_from([-1.0, 1e-3, 100.0]))
def test_t_does_not_depend_on_unit_or_sign(seed, model, scale):
    one = fitted(seed, model).car((0, 0))
    other = fitted(seed, model, lambda r, f: (r * scale, f * scale)).car((0, 0))
    np.testing.assert_allclose(other["car"], one["car"] * scale, rtol=1e-8)
    np.testing.assert_allclose(other["t"], one["t"] * np.sign(scale), rtol=1e-8)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), model=MODELS, lost=st.sets(st.integers(12, 57), max_size=20))
def test_a_missing_return_is_a_row_less_and_nothing_else(seed, model, lost):
    returns, factors = panel(1, 120, seed=seed)
    asked = events(returns, [70])
    holed = returns.copy()
    holed.iloc[sorted(lost), 0] = np.nan
    one = study(holed, asked, factors, model=model).fit()
    # The factor keeps its sessions, so the lags stay what they were.
    wider = (-60 + len(lost), -11)
    without = study(
        returns.drop(returns.index[sorted(lost)]), asked, factors, model=model, estimation=wider
    ).fit()
    np.testing.assert_allclose(one.parameters, without.parameters, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(one.abnormal, without.abnormal, rtol=1e-8, atol=1e-13)
