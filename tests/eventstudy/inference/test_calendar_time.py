"""The calendar-time portfolio against statsmodels, a loop over dates, and paper."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import WLS

from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from analysis.eventstudy.inference.calendar_time import weighted_constant
from analysis.eventstudy.models.least_squares import market_adjusted
from tests.reference.panels import events, panel, study
from tests.reference.slow_dates import calendar_time_t, sessions_of

TEST = ["calendar_time_t"]


def answer(results, window):
    return results.tests(window, TEST).iloc[0]


def agrees(row, expected):
    assert row["reason"] == ""
    statistic, df, p_value = expected
    assert row["statistic"] == pytest.approx(statistic, rel=1e-10)
    assert row["df"] == df
    assert row["p_value"] == pytest.approx(p_value, rel=1e-9)


def places_of(returns, asked):
    return [
        (name, returns.index.get_loc(date))
        for name, date in zip(asked["security"], asked["date"], strict=True)
    ]


@pytest.mark.parametrize("lags", [0, 1, 4, 30, 59])
def test_the_constant_and_its_error_are_those_of_statsmodels(lags):
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(60), rng.standard_normal((60, 2))])
    y = x @ [0.3, 1.0, -1.0] + rng.standard_normal(60)
    weights = rng.integers(1, 9, 60).astype(float)
    theirs = WLS(y, x, weights).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    constant, se = weighted_constant(y, x, weights, lags)
    assert constant == pytest.approx(theirs.params[0], rel=1e-11)
    assert se == pytest.approx(theirs.bse[0], rel=1e-11)


@pytest.mark.parametrize(
    ("model", "needs", "adjusted", "rf"),
    [
        (MeanAdjusted(), [], False, None),
        (MarketAdjusted("F0"), ["F0"], True, None),
        (MarketModel("F1"), ["F1"], False, None),
        (FactorModel(["F0", "F1"], rf="F2"), ["F0", "F1"], False, "F2"),
    ],
    ids=["mean-adjusted", "market-adjusted", "market model", "factors and risk-free rate"],
)
def test_it_is_what_the_loop_over_dates_says(model, needs, adjusted, rf):
    returns, factors = panel(5, 200, seed=21, gaps=0.01, factors=3)
    # S0 twice with windows that overlap, S1 twice far apart; S4 trades four days in five.
    asked = events(
        returns, [100, 103, 100, 140, 101, 150, 151], ["S0", "S0", "S1", "S1", "S2", "S3", "S4"]
    )
    own = returns.index[(np.arange(200) % 5 != 2) | (np.arange(200) == 151)]
    calendars = {name: returns.index if name != "S4" else own for name in returns}
    results = study(returns, asked, factors, model=model, calendars=calendars).fit()
    for window in [(-1, 2), (-3, 3)]:
        kept = results.car(window).index
        used = asked[pd.MultiIndex.from_frame(asked[["event_id", "security"]]).isin(kept)]
        expected = calendar_time_t(
            returns,
            factors,
            dict.fromkeys(returns, needs),
            places_of(returns, used),
            window,
            sessions_of(returns.index, list(returns), calendars),
            adjusted=adjusted,
            rf=rf,
        )
        row = answer(results, window)
        agrees(row, expected)
        assert row["n"] == len(used)


def test_securities_with_benchmarks_of_their_own_are_held_against_the_average():
    returns, factors = panel(4, 200, seed=22, factors=2)
    own = {"S0": "F0", "S1": "F1", "S2": "F0", "S3": "F1"}
    asked = events(returns, [100, 101, 104, 150])
    window, sessions = (-3, 3), sessions_of(returns.index, list(returns))
    needs = {name: [column] for name, column in own.items()}
    for model, adjusted in [(MarketModel(own), False), (MarketAdjusted(own), True)]:
        results = study(returns, asked, factors, model=model).fit()
        places = places_of(returns, asked)
        expected = calendar_time_t(
            returns, factors, needs, places, window, sessions, adjusted=adjusted
        )
        agrees(answer(results, window), expected)


def test_each_group_is_a_portfolio_of_its_own():
    returns, factors = panel(6, 200, seed=23)
    asked = events(returns, [100, 105, 110, 120, 125, 130]).assign(group=list("aaabbb"))
    table = study(returns, asked, factors, model=MarketModel("F0")).fit().tests((-3, 3), TEST)
    alone = study(returns, asked.iloc[:3], factors, model=MarketModel("F0")).fit()
    assert table["group"].tolist() == ["all", "a", "b"]
    assert table["statistic"].iloc[1] == answer(alone, (-3, 3))["statistic"]
    assert table["n"].tolist() == [6, 3, 3]


def test_one_date_and_a_short_window_leave_too_few_days():
    returns, factors = panel(4, 160, seed=24)
    results = study(returns, events(returns, [120] * 4), factors, model=MarketModel("F0")).fit()
    row = answer(results, (-1, 1))
    assert np.isnan(row["statistic"])
    assert row["reason"] == (
        "3 days with a security in the window, at least 12 are needed for 2 coefficients"
    )
    wide = study(
        returns,
        events(returns, [120] * 4),
        factors,
        model=MarketModel("F0"),
        window=(-5, 6),
        estimation=(-60, -11),
    ).fit()
    assert answer(wide, (-5, 5))["reason"].startswith("11 days")
    assert answer(wide, (-5, 6))["df"] == 10


@pytest.mark.parametrize(
    ("change", "model"),
    [
        (lambda f: f.assign(F1=2 * f["F0"]), FactorModel(["F0", "F1"])),
        (lambda f: f.assign(F0=0.01), MarketModel("F0")),
    ],
    ids=["two factors", "a factor and the constant"],
)
def test_factors_that_cannot_be_told_apart_on_the_portfolio_days_are_said(change, model):
    # Apart in the estimation windows, the same on the days of the portfolio.
    returns, factors = panel(4, 200, seed=25, factors=2)
    factors.iloc[90:] = change(factors).iloc[90:]
    asked = events(returns, [100, 110, 120, 130])
    results = study(returns, asked, factors, model=model, estimation=(-90, -15)).fit()
    row = answer(results, (-3, 3))
    assert row["reason"] == "the factors of the portfolio are collinear"
    assert np.isnan(row["p_value"])


def test_a_portfolio_that_never_moves_has_no_statistic():
    returns, factors = panel(3, 200, seed=26)
    returns.iloc[95:140] = 0.0
    asked = events(returns, [100, 110, 120])
    results = study(returns, asked, factors, model=MeanAdjusted(), estimation=(-60, -4)).fit()
    assert "no variance over time" in answer(results, (-3, 3))["reason"]


@dataclass(frozen=True)
class Donors:
    """Difference from the mean of many columns that the model makes for itself."""

    k: int = 0
    name: ClassVar[str] = "mean of donors"
    rf: ClassVar[None] = None
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "sigma", "n", "r2")

    def prepare(self, returns, events, factors):
        rng = np.random.default_rng(30)
        names = [f"D{number}" for number in range(40)]
        columns = pd.DataFrame(rng.normal(0, 0.01, (len(returns), 40)), returns.index, names)
        columns.iloc[105, 3] = np.nan
        return self, columns

    def needs(self, security):
        return tuple(f"D{number}" for number in range(40))

    def fit(self, block):
        mean = np.nan_to_num(block.factors).mean(axis=1, keepdims=True)
        before = np.nan_to_num(block.estimation_factors).mean(axis=1, keepdims=True)
        return market_adjusted(replace(block, factors=mean, estimation_factors=before))


@pytest.mark.parametrize(
    ("k", "rows", "reason"),
    [
        (0, [100, 110, 120, 130], "the mean of donors has no regression on factors"),
        (41, [100, 110, 120, 130], "28 days with a security in the window, at least 51 are"),
        (41, list(range(100, 180, 8)), "a return or a factor of the portfolio is missing"),
    ],
)
def test_a_model_that_makes_its_own_columns_gets_a_reason_and_never_a_crash(k, rows, reason):
    returns, _ = panel(10, 200, seed=30)
    asked = events(returns, rows)
    results = study(returns, asked, model=Donors(k), min_observations=45).fit()
    row = answer(results, (-3, 3))
    assert len(results.fitted) == len(rows)
    assert row["reason"].startswith(reason)
    assert np.isnan(row["statistic"])
    # The other test that goes back to the dates bears with such a model too.
    assert results.tests((-3, 3), ["permutation"])["n"].iloc[0] == len(rows)


def test_the_sign_turns_with_the_returns_and_units_do_not_matter():
    returns, factors = panel(4, 200, seed=27)
    asked = events(returns, [100, 105, 110, 120])

    def statistic(scale):
        question = study(
            returns * scale, asked, factors * scale, model=MarketModel("F0"), units="any"
        )
        return answer(question.fit(), (-3, 3))["statistic"]

    assert statistic(-1.0) == pytest.approx(-statistic(1.0), rel=1e-12)
    assert statistic(100.0) == pytest.approx(statistic(1.0), rel=1e-12)


def test_slices_of_events_add_up_to_the_whole(monkeypatch):
    returns, factors = panel(6, 200, seed=28, factors=2)
    own = {name: f"F{at % 2}" for at, name in enumerate(returns)}
    asked = events(returns, [100, 101, 104, 120, 125, 150])
    results = study(returns, asked, factors, model=MarketModel(own)).fit()
    whole = answer(results, (-3, 3))["statistic"]
    monkeypatch.setattr("analysis.eventstudy.inference.calendar_time.CELLS", 14)
    assert answer(results, (-3, 3))["statistic"] == pytest.approx(whole, rel=1e-12)


def test_under_the_null_events_on_shared_dates_are_rejected_about_as_often_as_said():
    # 30 firms on 6 dates, residual correlation 0.2, 250 draws: 5 % ± 3 standard errors and the
    # liberality of Newey-West errors on 30 days, which is known (Andrews, 1991) and not hidden.
    rng = np.random.default_rng(29)
    index = pd.bdate_range("2024-01-01", periods=200)
    names = [f"S{number}" for number in range(30)]
    rejected = 0
    for _ in range(250):
        values = np.sqrt(0.2) * rng.standard_normal((200, 1))
        values = values + np.sqrt(0.8) * rng.standard_normal((200, 30))
        returns = pd.DataFrame(values * 0.01, index, names)
        asked = events(returns, [100, 112, 124, 136, 148, 160] * 5, names)
        question = study(returns, asked, model=MeanAdjusted(), window=(-2, 2), estimation=(-60, -4))
        rejected += answer(question.fit(), (-2, 2))["p_value"] < 0.05
    assert 0.02 < rejected / 250 < 0.14
