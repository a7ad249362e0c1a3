"""The R package EventStudy through the preset: every quantity of its closed-form cases.

The inputs and figures are those of test_closed_forms, which covers buy-and-hold returns,
volume and volatility; what those cases share with our own conventions is there too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import EventStudy, FactorModel, MarketAdjusted, MarketModel, MeanAdjusted

DATA = Path(__file__).parent / "data" / "closed_forms"
GIVEN = json.loads((DATA / "input.json").read_text())
EXPECTED = json.loads((DATA / "expected.json").read_text())
EXACT = 1e-8
DAYS = [(day, day) for day in range(3)]
PATHS = [(0, day) for day in range(3)]


def fit(securities, factors, model):
    """Estimation rows, then the event window with day 0 on its first row."""
    before, during = (len(part) for part in next(iter(securities.values())))
    index = pd.bdate_range("2020-01-01", periods=before + during)
    returns = pd.DataFrame({name: np.concatenate(s) for name, s in securities.items()}, index)
    columns = pd.DataFrame({name: np.concatenate(s) for name, s in factors.items()}, index)
    asked = pd.DataFrame({"event_id": "e", "security": list(securities), "date": index[before]})
    return EventStudy(
        returns,
        asked,
        model=model,
        factors=columns if len(columns.columns) else None,
        estimation=(-before, -1),
        window=(0, during - 1),
        min_observations=before,
        preset="eventstudy_r",
    ).fit()


def on_a_line(case):
    """Estimation returns that least squares resolves into the given residuals."""
    return case["alpha"] + case["beta"] * np.array(case["est_index"]) + np.array(case["est_resid"])


@pytest.fixture(scope="module")
def three():
    cases = GIVEN["multi"]
    return fit(
        {name: (on_a_line(case), case["evt_firm"]) for name, case in cases.items()},
        {f"m{name}": (case["est_index"], case["evt_index"]) for name, case in cases.items()},
        MarketModel({name: f"m{name}" for name in cases}),
    )


def statistics(results, test, windows):
    return results.tests(windows, [test])["statistic"].tolist()


def test_the_t_of_single_days_and_cars_of_the_market_model():
    case, expected = GIVEN["market_model"], EXPECTED["market_model"]
    results = fit(
        {"A": (on_a_line(case), case["evt_firm"])},
        {"m": (case["est_index"], case["evt_index"])},
        MarketModel("m"),
    )
    days = [results.car(day)["t"].iloc[0] for day in DAYS]
    paths = [results.car(path)["t"].iloc[0] for path in PATHS]
    assert days == pytest.approx(expected["ar_t"], rel=EXACT)
    assert paths == pytest.approx(expected["car_t"], rel=EXACT)
    assert results.parameters["sigma"].iloc[0] == pytest.approx(expected["sigma"], rel=EXACT)
    assert results.car((0, 0))["df"].iloc[0] == 4


def test_market_and_mean_adjusted_returns_over_their_standard_deviation():
    case, expected = GIVEN["market_adjusted"], EXPECTED["market_adjusted"]
    market = fit(
        {"A": (case["est_firm"], case["evt_firm"])},
        {"m": (case["est_index"], case["evt_index"])},
        MarketAdjusted("m"),
    )
    check_days(market, expected)
    case, expected = GIVEN["mean_adjusted"], EXPECTED["mean_adjusted"]
    check_days(fit({"A": (case["est_firm"], case["evt_firm"])}, {}, MeanAdjusted()), expected)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("ff3", ["me", "smb", "hml"]),
        ("ff5", ["me", "smb", "hml", "rmw", "cma"]),
        ("carhart4", ["me", "smb", "hml", "mom"]),
    ],
)
def test_factor_models(name, columns):
    case, load = GIVEN["factor"], GIVEN["factor"]["loadings"]
    every = ("me", "smb", "hml", "mom", "rmw", "cma")
    excess = load["alpha"] + sum(load[c] * np.array(case[c]) for c in every)
    results = fit(
        {"A": (excess + np.array(case["resid"]), case["excess_evt"])},
        {column: (case[column], case[f"{column}_e"]) for column in columns},
        FactorModel(columns),
    )
    check_days(results, EXPECTED[name])


def check_days(results, expected):
    """Abnormal returns, their sd, and no forecast error in the standard error."""
    cars = [results.car(day).iloc[0] for day in DAYS]
    assert [car["car"] for car in cars] == pytest.approx(expected["ar"], rel=EXACT)
    assert [car["se"] for car in cars] == pytest.approx([expected["sigma"]] * 3, rel=EXACT)


def test_averages(three):
    expected = EXPECTED["multi"]
    assert [three.caar(day)["caar"] for day in DAYS] == pytest.approx(expected["aar"], rel=EXACT)
    assert [three.caar(day)["caar"] for day in PATHS] == pytest.approx(expected["caar"], rel=EXACT)
    assert [three.caar(day)["statistic"] for day in PATHS] == pytest.approx(
        expected["caar_t"], rel=EXACT
    )


@pytest.mark.parametrize(
    ("test", "daily", "cumulated"),
    [
        ("cross_sectional_t", "aar_t", "caar_t"),
        ("patell_z", "patell_aar_z", "patell_caar_z"),
        ("bmp_t", "bmp_t", "cbmp_t"),
        ("kolari_pynnonen_t", "kp_t", "ckp_t"),
        ("sign", "sign_z", "csign_z"),
        ("time_series_t", "caltime_t", "ccaltime_t"),
    ],
)
def test_tests_of_days_and_of_paths(three, test, daily, cumulated):
    expected = EXPECTED["multi"]
    assert statistics(three, test, DAYS) == pytest.approx(expected[daily], rel=EXACT)
    assert statistics(three, test, PATHS) == pytest.approx(expected[cumulated], rel=EXACT)


def test_rank_test_and_the_mean_ranks_behind_it(three):
    expected = EXPECTED["multi"]
    z = statistics(three, "corrado_rank", DAYS)
    assert z == pytest.approx(expected["rank_z"], rel=EXACT)
    # One scale for all days: the mean ranks stand to each other as the statistics do.
    mean = np.array(expected["mean_rank"])
    assert z == pytest.approx((mean * z[0] / mean[0]).tolist(), rel=EXACT)
