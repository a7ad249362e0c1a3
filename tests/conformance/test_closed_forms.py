"""Small cases solved in closed form, as the R package EventStudy 0.66.0 prints them.

Figures from the golden-value tests of that package (numbers alone). Where its conventions
are ours: abnormal returns, residual standard deviations, AAR and CAAR, the rank-free sign
test, the market-adjusted and mean-adjusted models, buy-and-hold returns, volume, volatility.
Where they are not (no forecast correction in its t, BMP and Kolari–Pynnönen, r̄ in event
time, S of the rank test), the difference is undone by hand and stated in the test; every
figure is reached from what our results hold.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import (
    EventStudy,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    abnormal_volatility,
    abnormal_volume,
    buy_and_hold,
)
from analysis.eventstudy.dependence.mean_correlation import rbar

DATA = Path(__file__).parent / "data" / "closed_forms"
GIVEN = json.loads((DATA / "input.json").read_text())
EXPECTED = json.loads((DATA / "expected.json").read_text())
EXACT = 1e-8


def fit(securities, factors, model):
    """Estimation rows, then the event window with day 0 on its first row."""
    rows = len(next(iter(securities.values()))[0])
    during = len(next(iter(securities.values()))[1])
    index = pd.bdate_range("2020-01-01", periods=rows + during)
    returns = pd.DataFrame({name: np.concatenate(s) for name, s in securities.items()}, index)
    columns = pd.DataFrame({name: np.concatenate(s) for name, s in factors.items()}, index)
    asked = pd.DataFrame({"event_id": "e", "security": list(securities), "date": index[rows]})
    return EventStudy(
        returns,
        asked,
        model=model,
        factors=columns if len(columns.columns) else None,
        estimation=(-rows, -1),
        window=(0, during - 1),
        min_observations=rows,
    ).fit()


def line(case, alpha, beta):
    """Returns that lie on a line but for given residuals, which least squares recovers."""
    x, e = np.array(case["est_index"]), np.array(case["est_resid"])
    return alpha + beta * x + e


def test_market_model():
    case, expected = GIVEN["market_model"], EXPECTED["market_model"]
    estimation = line(case, case["alpha"], case["beta"])
    results = fit(
        {"A": (estimation, case["evt_firm"])},
        {"m": (case["est_index"], case["evt_index"])},
        MarketModel("m"),
    )
    sigma = results.parameters["sigma"].iloc[0]
    assert sigma == pytest.approx(expected["sigma"], rel=EXACT)
    # That package divides by s alone; ours is the forecast error.
    ar = results.abnormal.iloc[0].to_numpy()
    assert ar / sigma == pytest.approx(expected["ar_t"], rel=EXACT)
    cumulated = ar.cumsum() / (np.sqrt([1, 2, 3]) * sigma)
    assert cumulated == pytest.approx(expected["car_t"], rel=EXACT)
    assert (results.abnormal_se.iloc[0] > sigma).all()


def test_market_adjusted_returns():
    case, expected = GIVEN["market_adjusted"], EXPECTED["market_adjusted"]
    results = fit(
        {"A": (case["est_firm"], case["evt_firm"])},
        {"m": (case["est_index"], case["evt_index"])},
        MarketAdjusted("m"),
    )
    assert results.parameters["sigma"].iloc[0] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.abnormal.iloc[0].tolist() == pytest.approx(expected["ar"], rel=EXACT)
    assert results.abnormal_se.iloc[0].tolist() == pytest.approx([expected["sigma"]] * 3, rel=EXACT)


def test_mean_adjusted_returns():
    case, expected = GIVEN["mean_adjusted"], EXPECTED["mean_adjusted"]
    results = fit({"A": (case["est_firm"], case["evt_firm"])}, {}, MeanAdjusted())
    assert results.parameters["sigma"].iloc[0] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.abnormal.iloc[0].tolist() == pytest.approx(expected["ar"], rel=EXACT)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("ff3", ["me", "smb", "hml"]),
        ("ff5", ["me", "smb", "hml", "rmw", "cma"]),
        ("carhart4", ["me", "smb", "hml", "mom"]),
    ],
)
def test_factor_models(name, columns):
    case, expected = GIVEN["factor"], EXPECTED[name]
    load = case["loadings"]
    # One series of excess returns for all models, made of all the factors.
    every = ("me", "smb", "hml", "mom", "rmw", "cma")
    estimation = load["alpha"] + sum(load[c] * np.array(case[c]) for c in every)
    results = fit(
        {"A": (estimation + np.array(case["resid"]), case["excess_evt"])},
        {column: (case[column], case[f"{column}_e"]) for column in columns},
        FactorModel(columns),
    )
    assert results.parameters["sigma"].iloc[0] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.abnormal.iloc[0].tolist() == pytest.approx(expected["ar"], rel=EXACT)


@pytest.fixture(scope="module")
def three():
    cases = GIVEN["multi"]
    return fit(
        {n: (line(c, c["alpha"], c["beta"]), c["evt_firm"]) for n, c in cases.items()},
        {f"m{n}": (c["est_index"], c["evt_index"]) for n, c in cases.items()},
        MarketModel({name: f"m{name}" for name in cases}),
    )


def test_average_abnormal_returns(three):
    expected = EXPECTED["multi"]
    assert three.abnormal.mean().tolist() == pytest.approx(expected["aar"], rel=EXACT)
    caar = [three.caar((0, day))["caar"] for day in range(3)]
    assert caar == pytest.approx(expected["caar"], rel=EXACT)
    assert three.caar_path()["caar"].tolist() == pytest.approx(expected["caar"], rel=EXACT)


@pytest.mark.parametrize(
    ("test", "daily", "cumulated"),
    [("cross_sectional_t", "aar_t", "caar_t"), ("sign", "sign_z", "csign_z")],
)
def test_tests_that_need_no_forecast_variance(three, test, daily, cumulated):
    days = three.tests([(day, day) for day in range(3)], [test])["statistic"].tolist()
    assert days == pytest.approx(EXPECTED["multi"][daily], rel=EXACT)
    paths = three.tests([(0, day) for day in range(3)], [test])["statistic"].tolist()
    assert paths == pytest.approx(EXPECTED["multi"][cumulated], rel=EXACT)


def test_time_series_t_is_its_calendar_time_figure(three):
    # "caltime_t" there is AAR over the sd of the estimation AAR: Brown & Warner (1985).
    days = three.tests([(day, day) for day in range(3)], ["time_series_t"])["statistic"].tolist()
    assert days == pytest.approx(EXPECTED["multi"]["caltime_t"], rel=EXACT)


def test_patell_z_of_one_day(three):
    days = three.tests([(day, day) for day in range(3)], ["patell_z"])["statistic"].tolist()
    assert days == pytest.approx(EXPECTED["multi"]["patell_aar_z"], rel=EXACT)


def test_bmp_without_the_forecast_correction(three):
    # Their BMP scales by s alone; the t of the mean of AR/s must be what they print.
    scaled = three.abnormal.div(three.parameters["sigma"], axis=0)
    t = scaled.mean() / (scaled.std(ddof=1) / np.sqrt(3))
    assert t.tolist() == pytest.approx(EXPECTED["multi"]["bmp_t"], rel=EXACT)
    ours = three.tests([(0, 0)], ["bmp_t"])["statistic"].iloc[0]
    assert ours != pytest.approx(EXPECTED["multi"]["bmp_t"][0], rel=1e-3)


def test_buy_and_hold_abnormal_returns():
    case, expected = GIVEN["bhar"], EXPECTED["bhar"]
    results = fit(
        {"A": (case["est_firm"], case["evt_firm"])},
        {"m": (case["est_index"], case["evt_index"])},
        MarketAdjusted("m"),
    )
    assert results.parameters["sigma"].iloc[0] == pytest.approx(expected["sigma"], rel=EXACT)
    held = buy_and_hold(results, [(0, day) for day in range(3)]).events
    assert held["bhar"].tolist() == pytest.approx(expected["bhar"], rel=EXACT)
    assert held["t"].tolist() == pytest.approx(expected["bhar_t"], rel=EXACT)


def one_event(estimation, during):
    rows = len(estimation)
    index = pd.bdate_range("2020-01-01", periods=rows + len(during))
    panel = pd.DataFrame({"A": [*estimation, *during]}, index, dtype=float)
    asked = pd.DataFrame({"event_id": ["e"], "security": ["A"], "date": [index[rows]]})
    windows = {"estimation": (-rows, -1), "window": (0, len(during) - 1)}
    return panel, asked, {**windows, "min_observations": rows}


def test_abnormal_volume():
    case, expected = GIVEN["volume"], EXPECTED["volume"]
    volume, asked, windows = one_event(case["est_vol"], case["evt_vol"])
    results = abnormal_volume(volume, asked, **windows)
    found = results.parameters.iloc[0]
    assert found["alpha"] == pytest.approx(expected["mean"], rel=EXACT)
    assert found["sigma"] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.abnormal.iloc[0].tolist() == pytest.approx(expected["av"], rel=EXACT)


def test_abnormal_volatility():
    case, expected = GIVEN["volatility"], EXPECTED["volatility"]
    returns, asked, windows = one_event(case["est_firm"], case["evt_firm"])
    results = abnormal_volatility(returns, asked, base=None, measure="ratio", **windows)
    found = results.parameters.iloc[0]
    assert found["variance"] == pytest.approx(expected["est_var"], rel=EXACT)
    assert found["sigma"] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.abnormal.iloc[0].tolist() == pytest.approx(expected["av"], rel=EXACT)


def test_patell_z_of_a_path_sums_the_standardised_days(three):
    # Theirs: the mean over events of the summed SAR over √(L·Q), times √N; ours has the full
    # forecast covariance of the CAR.
    sar = (three.abnormal / three.abnormal_se).cumsum(axis=1)
    q = (8 - 2) / (8 - 2 - 2)
    z = sar.mean() / np.sqrt(np.arange(1, 4) * q) * np.sqrt(3)
    assert z.tolist() == pytest.approx(EXPECTED["multi"]["patell_caar_z"], rel=EXACT)


def scaled_t(values):
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def test_bmp_of_a_path_without_the_forecast_correction(three):
    scaled = three.abnormal.div(three.parameters["sigma"], axis=0).cumsum(axis=1)
    assert scaled_t(scaled).tolist() == pytest.approx(EXPECTED["multi"]["cbmp_t"], rel=EXACT)


def test_kolari_pynnonen_with_the_correlation_in_event_time(three):
    sample, _ = three.sample((0, 0))
    r = rbar(sample, "event")
    factor = np.sqrt((1 - r) / (1 + 2 * r))
    scaled = three.abnormal.div(three.parameters["sigma"], axis=0)
    days, paths = scaled_t(scaled) * factor, scaled_t(scaled.cumsum(axis=1)) * factor
    assert days.tolist() == pytest.approx(EXPECTED["multi"]["kp_t"], rel=EXACT)
    assert paths.tolist() == pytest.approx(EXPECTED["multi"]["ckp_t"], rel=EXACT)


def test_rank_test_with_the_plain_standard_deviation_of_its_mean_ranks(three):
    # Corrado's S is about zero and weighs days by their events; theirs is ddof 1.
    rows = np.hstack([three.fitted.residuals, three.fitted.ar])
    ranks = pd.DataFrame(rows).rank(axis=1) / (rows.shape[1] + 1) - 0.5
    means = ranks.mean().to_numpy()
    assert means[-3:] == pytest.approx(EXPECTED["multi"]["mean_rank"], rel=EXACT)
    z = means[-3:] / means.std(ddof=1)
    assert z == pytest.approx(EXPECTED["multi"]["rank_z"], rel=EXACT)
    ours = three.tests([(0, 0)], ["corrado_rank"])["statistic"].iloc[0]
    assert ours == pytest.approx(means[-3] / np.sqrt((means**2).mean()), rel=EXACT)


def test_time_series_t_of_a_path_is_its_cumulated_calendar_time_figure(three):
    paths = three.tests([(0, day) for day in range(3)], ["time_series_t"])["statistic"].tolist()
    assert paths == pytest.approx(EXPECTED["multi"]["ccaltime_t"], rel=EXACT)
