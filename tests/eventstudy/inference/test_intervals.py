"""Confidence intervals of CARs and CAARs in one table."""

import numpy as np
import pytest
from scipy import stats

from analysis.errors import InputError
from analysis.eventstudy import MarketModel
from tests.reference.panels import events, panel, study

WINDOWS = [(0, 0), (-1, 1)]


@pytest.fixture(scope="module")
def results():
    returns, factors = panel(6, 200, seed=41)
    returns.iloc[101, 5] = np.nan
    asked = events(returns, [100, 100, 100, 100, 150, 100])
    asked = asked.assign(group=["a", "a", "a", None, "b", None])
    return study(returns, asked, factors, model=MarketModel("F0")).fit()


def test_a_car_lies_within_students_t_of_its_own_error(results):
    table = results.intervals(WINDOWS)
    cars = table[table["kind"] == "car"]
    assert len(cars) == 6 + 5  # the hole of S5 is in the longer window alone
    car = results.car((-1, 1))
    shown = cars[cars["window_start"] == -1]
    assert shown["security"].tolist() == car.index.get_level_values("security").tolist()
    reach = stats.t.ppf(0.975, car["df"]) * car["se"]
    np.testing.assert_allclose(shown["high"], car["car"] + reach, rtol=1e-10)
    np.testing.assert_allclose(shown["low"], car["car"] - reach, rtol=1e-10)
    assert shown["group"].isna().all()


def test_an_interval_without_zero_is_a_car_significant_at_its_level(results):
    car = results.car((0, 0))
    for level in (0.5, 0.9, 0.99):
        table = results.intervals((0, 0), level)
        cars = table[table["kind"] == "car"]
        outside = (cars["low"] > 0) | (cars["high"] < 0)
        assert outside.tolist() == (car["p_value"] < 1 - level).tolist()


def test_a_caar_has_the_band_of_its_path_and_a_reason_where_it_has_none(results):
    table = results.intervals([(-3, -3), *WINDOWS])
    caars = table[table["kind"] == "caar"]
    assert caars["group"].tolist() == ["all"] * 3 + ["a"] * 3 + ["b"] * 3
    first = results.caar_path("a").iloc[0]
    row = caars[(caars["group"] == "a") & (caars["window_start"] == -3)].iloc[0]
    assert (row["low"], row["high"], row["se"]) == (first["low"], first["high"], first["se"])
    assert (row["df"], row["n"], row["reason"]) == (2, 3, "")
    lonely = caars[caars["group"] == "b"]
    assert lonely["reason"].tolist() == ["needs at least 2 events, has 1"] * 3
    assert lonely[["low", "high", "se", "df"]].isna().all(axis=None)
    assert lonely["estimate"].notna().all()


def test_events_taken_for_independent_give_the_interval_of_the_cross_sectional_t(results):
    table = results.intervals((-1, 1), method="cross_sectional")
    row = table[table["group"] == "all"].iloc[0]
    t = results.tests((-1, 1), ["cross_sectional_t"])["statistic"].iloc[0]
    assert row["estimate"] / row["se"] == pytest.approx(t, rel=1e-12)
    car = results.car((-1, 1))["car"]
    low, high = stats.t.interval(0.95, 4, car.mean(), stats.sem(car))
    assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "wild"}, "Unknown method 'wild'"),
        ({"level": 95}, "level must lie between 0 and 1"),
    ],
)
def test_what_is_no_interval_is_refused(results, options, match):
    with pytest.raises(InputError, match=match):
        results.intervals((0, 0), **options)
    with pytest.raises(InputError, match="reaches outside"):
        results.intervals((-9, 0))


def test_a_study_without_a_fitted_event_has_an_empty_table_of_cars():
    returns, factors = panel(1, 100)
    asked = events(returns, [5])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.intervals((0, 0))
    assert table["kind"].tolist() == ["caar"]
    assert table["reason"].tolist() == ["needs at least 2 events, has 0"]


@pytest.mark.parametrize("copies", [2, 3])
def test_events_that_move_as_one_have_no_interval_as_they_have_no_test(copies):
    # r̄ is 1 but for its last digit: over 1−r̄ everything would look certain.
    returns, factors = panel(copies, 160, seed=42)
    rng = np.random.default_rng(42)
    for at in range(1, copies):
        returns[f"S{at}"] = returns["S0"] * (1 + 1e-9 * at) + 1e-10 * rng.standard_normal(160)
    asked = events(returns, [100] * copies)
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.intervals((-1, 1)).set_index("kind").loc["caar"]
    assert np.isnan([table["se"], table["low"], table["high"]]).all()
    assert "move as one" in table["reason"]
    assert np.isnan(results.caar((-1, 1))["statistic"])


def test_cars_that_are_all_the_same_have_no_interval():
    returns, factors = panel(1, 160, seed=43)
    asked = events(returns, [100, 100], ["S0", "S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.intervals((-1, 1)).set_index("kind").loc["caar"]
    assert np.isnan(table["se"])
    assert table["reason"]


@pytest.mark.parametrize("level", ["0.95", None, 1.0, float("nan")])
def test_a_level_that_is_none_is_said_so(results, level):
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        results.intervals((0, 0), level)
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        results.bootstrap((0, 0), level=level)
