"""Decimals of any size pass; per cent and prices are found, yearly rates are warned of."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import Desk
from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import (
    Dimson,
    EventStudy,
    FactorModel,
    MarketModel,
    MeanAdjusted,
    ScholesWilliams,
)
from analysis.eventstudy.inputs import units
from analysis.eventstudy.inputs.units import check_units
from analysis.studies.returns import adjusted_closes
from tests.reference.panels import events, panel, study
from tests.reference.sound import ASKED, FACTORS, MODELS, RETURNS, walk

DATA = Path(__file__).parent / "data"


def test_wild_decimals_and_single_huge_moves_pass():
    rng = np.random.default_rng(1)
    wild = np.maximum(0.06 * rng.standard_t(3, 160), -0.99)
    wild[50], wild[51] = 40.0, -1.0
    walk(study(RETURNS.assign(S1=wild), ASKED, FACTORS, model=MODELS["market"]).fit())


def test_a_share_that_moves_by_ticks_is_warned_of_and_measured():
    # Half a cent to one cent and back: half of the moves are −50 %, half +100 %.
    ticks = np.tile([1.0, -0.5], 80)
    with pytest.warns(SuspectReturnsWarning, match="'S1' of returns: 100% of the moves"):
        results = study(RETURNS.assign(S1=ticks), ASKED, model=MeanAdjusted()).fit()
    assert len(results.car((0, 0))) == 4


def test_the_bundled_returns_pass_and_in_per_cent_each_of_them_is_found():
    # Over all closes: the desk's returns, and a few over holes.
    table = adjusted_closes(Desk().table("prices")).pct_change(fill_method=None)
    for security in table.columns:
        check_units("decimal", table[[security]], None, MeanAdjusted(), [security])
        with pytest.raises(InputError, match="Divide by 100 if they are in per cent"):
            check_units("decimal", 100 * table[[security]], None, MeanAdjusted(), [security])


def test_indexes_of_september_2001_in_per_cent_are_found():
    returns = pd.read_csv(DATA / "september_2001.csv", index_col=0, parse_dates=True)
    for name in returns.columns:
        with pytest.raises(InputError, match="Divide by 100 if they are in per cent"):
            check_units("decimal", returns[[name]], None, MeanAdjusted(), [name])
        check_units("decimal", returns[[name]] / 100, None, MeanAdjusted(), [name])


def test_prices_are_refused():
    prices = 100 * (1 + RETURNS).cumprod()
    with pytest.raises(
        InputError, match=r"'S0' and 3 more of returns moves by \d+ at the median.*p"
    ):
        study(prices, ASKED, model=MeanAdjusted())


def test_the_warning_points_at_the_line_that_asked():
    for factors, model in ((None, MeanAdjusted()), (FACTORS, FactorModel(["F0"], rf="F0"))):
        odd = RETURNS.assign(S1=np.tile([1.0, -0.5], 80))
        rate = None if factors is None else factors.assign(F0=0.05)
        given = odd if factors is None else RETURNS
        with pytest.warns(SuspectReturnsWarning) as caught:
            EventStudy(given, ASKED, model=model, factors=rate, units="decimal")
        assert [one.filename for one in caught] == [__file__]


def calm(rng, days=300, securities=3, sd=0.25):
    """Bonds or currencies in per cent: they share a market and hardly move by 1."""
    index = pd.bdate_range("2021-01-01", periods=days)
    market = rng.normal(0, sd, days)
    values = 0.5 * market[:, None] + rng.normal(0, 0.8 * sd, (days, securities))
    names = [f"bond{at}" for at in range(securities)]
    return pd.DataFrame(values, index, names), pd.DataFrame({"market": market}, index)


@pytest.mark.parametrize("model", [MarketModel(), MeanAdjusted()])
def test_per_cent_of_calm_series_are_refused_although_none_is_below_minus_one(model):
    returns, market = calm(np.random.default_rng(1))
    assert returns.min().min() > -1
    asked = events(returns, [250, 260, 270])
    with pytest.raises(
        InputError, match=r"'bond0' and 2 more .* 0\.\d+ at the median.*[Dd]ivide by"
    ):
        study(returns, asked, market, model=model)
    right = study(returns / 100, asked, market / 100, model=model).fit().car((0, 0))["car"]
    free = study(returns, asked, market, model=model, units="any").fit().car((0, 0))["car"]
    np.testing.assert_allclose(free, 100 * right, rtol=1e-9)


def test_a_calm_benchmark_in_per_cent_is_refused_beside_decimals():
    returns, market = calm(np.random.default_rng(2))
    asked = events(returns, [250, 260, 270])
    with pytest.raises(InputError, match="'market' of factors moves by"):
        study(returns / 100, asked, market, model=MarketModel())


@pytest.mark.parametrize(("of_returns", "of_market"), [(1, 0.01), (0.01, 1)])
@pytest.mark.parametrize(
    "model", [MarketModel(), Dimson(), ScholesWilliams(), FactorModel(["market"])], ids=str
)
def test_one_side_in_per_cent_shows_in_the_slope(of_returns, of_market, model):
    # Short bonds: in per cent as large as decimals of a share, so that no size gives it away.
    returns, market = calm(np.random.default_rng(3), sd=0.04)
    asked = events(returns, [250, 260, 270])
    with pytest.warns(SuspectReturnsWarning, match=r"for a move of 1 in its benchmark 'market'"):
        study(of_returns * returns, asked, of_market * market, model=model)
    study(0.01 * returns, asked, 0.01 * market, model=model)


def test_whole_hundredths_are_warned_of():
    returns, _ = calm(np.random.default_rng(4), sd=0.05)
    asked = events(returns, [250, 260, 270])
    with pytest.warns(SuspectReturnsWarning, match=r"holds whole hundredths only, such as -?0\.\d"):
        study(returns.round(2), asked, model=MeanAdjusted())
    study(returns.round(2) / 100, asked, model=MeanAdjusted())


def test_fama_french_factors_of_calm_months_in_per_cent_are_warned_of():
    returns, market = calm(np.random.default_rng(5), sd=0.2)
    factors = market.rename(columns={"market": "mkt_rf"}).round(2).assign(rf=0.02)
    asked = events(returns, [250, 260, 270])
    model = FactorModel(["mkt_rf"], rf="rf")
    with pytest.warns(SuspectReturnsWarning) as caught:
        study(returns / 100, asked, factors, model=model)
    assert "Fama–French files are in per cent" in str(caught[0].message)
    assert "risk-free rate 'rf' is 0.02 at its median" in str(caught[1].message)
    study(returns / 100, asked, factors / 100, model=model)


@pytest.mark.parametrize(("freq", "scale"), [("5min", 0.1), ("W", 5.0), ("ME", 9.0)])
def test_bounds_grow_with_the_step_from_row_to_row(freq, scale):
    rng = np.random.default_rng(6)
    start = pd.Timestamp("2001-01-01 09:30")
    index = (
        pd.date_range(start, periods=200, freq=freq).normalize()
        if freq != "5min"
        else (pd.date_range(start, periods=200, freq=freq))
    )
    per_cent = np.maximum(scale * rng.standard_normal((200, 2)), -0.99)
    returns = pd.DataFrame(per_cent, index, ["A", "B"])
    asked = events(returns, [150, 160])
    with pytest.raises(InputError, match="moves by"):
        study(returns, asked, model=MeanAdjusted())
    # A wild crypto-currency at that step, in decimals.
    study(
        returns / (20 * scale) * {"5min": 0.1, "W": 2, "ME": 4}[freq], asked, model=MeanAdjusted()
    )


def test_factors_and_rates_in_per_cent_are_warned_of():
    with pytest.warns(SuspectReturnsWarning, match="Fama–French files are in per cent"):
        study(RETURNS, ASKED, 100 * FACTORS, model=MODELS["factors"])
    yearly = FACTORS.assign(rf=0.05)
    with pytest.warns(SuspectReturnsWarning, match="risk-free rate 'rf' is 0.05 at its median"):
        study(RETURNS, ASKED, yearly, model=FactorModel(["F0"], rf="rf"))


def test_other_measures_are_taken_as_they_are_when_said_so():
    decimal = study(RETURNS, ASKED, FACTORS, model=MODELS["market"]).fit().car((0, 0))
    hundred = study(100 * RETURNS, ASKED, 100 * FACTORS, model=MODELS["market"], units="any").fit()
    np.testing.assert_allclose(walk(hundred).car((0, 0))["t"], decimal["t"], rtol=1e-9)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    volatility=st.floats(1e-4, 0.04),  # from a median of 0.05 on the study warns
    tails=st.sampled_from([3, 5, 30]),
    days=st.integers(40, 300),
)
def test_drawn_decimals_of_any_volatility_pass_and_in_per_cent_do_not(
    seed, volatility, tails, days
):
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2020-01-01", periods=days)
    values = np.maximum(volatility * rng.standard_t(tails, (days, 3)), -0.999)
    values[rng.random(values.shape) < 0.05] = 0.0
    returns = pd.DataFrame(values, index, ["A", "B", "C"])
    asked = events(returns, [days - 5] * 3)
    study(returns, asked, model=MeanAdjusted())
    # In per cent: a loss of more than 100 % in a window, or moves that no asset makes.
    read = returns.iloc[max(days - 65, 0) :]
    calm = days >= 60 and (100 * returns).abs().median().gt(0.1).all()
    if calm or read.min().min() < -0.0101:
        with pytest.raises(InputError, match=r"[Dd]ivide by 100"):
            study(100 * returns, asked, model=MeanAdjusted())


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), volatility=st.floats(0.06, 0.1), days=st.integers(120, 300))
def test_decimals_wilder_than_any_asset_are_never_refused(seed, volatility, days):
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2020-01-01", periods=days)
    values = np.maximum(volatility * rng.standard_t(30, (days, 3)), -0.999)
    returns = pd.DataFrame(values, index, ["A", "B", "C"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspectReturnsWarning)
        study(returns, events(returns, [days - 5] * 3), model=MeanAdjusted())


@pytest.mark.parametrize("scale", [1e-90, 1e90])
@pytest.mark.parametrize("model", [MarketModel("F0"), ScholesWilliams("F0")])
def test_measures_of_any_size_stay_within_floats(model, scale):
    returns, factors = panel(3, 160)
    asked = events(returns, [100, 110, 120])
    plain = study(returns, asked, factors, model=model).fit().tests((-1, 1))
    options = {"model": model, "units": "any"}
    scaled = study(returns * scale, asked, factors * scale, **options).fit().tests((-1, 1))
    for column in ("statistic", "p_value"):
        np.testing.assert_allclose(scaled[column], plain[column], rtol=1e-8)


def test_of_a_large_panel_only_columns_that_may_be_too_wild_are_counted(monkeypatch):
    rng = np.random.default_rng(5)
    index = pd.bdate_range("2015-01-01", periods=2000)
    values = rng.standard_normal((2000, 60)) * 0.02
    values[1500, :] = 0.2  # a day like no other in every column
    values[:, 3] = 0.08 * rng.choice([-1.0, 1.0], 2000)  # wild
    values[100:, 4] = np.nan
    values[:100, 4] = 0.2 * rng.choice([-1.0, 1.0], 100)  # wild, and short
    returns = pd.DataFrame(values, index, [f"S{at}" for at in range(60)])
    counted = []
    real = units._count
    monkeypatch.setattr(units, "_count", lambda *a: (counted.append(len(a[1])), real(*a))[1])
    with pytest.warns(SuspectReturnsWarning, match="'S3' and 1 more of returns: 100% of the"):
        check_units("decimal", returns, None, MeanAdjusted(), list(returns))
    assert max(counted) == 2


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    share=st.sampled_from([0.65, 0.8, 1.0]),
    known=st.sampled_from([1.0, 0.5, 0.05]),
    still=st.sampled_from([0.0, 0.6]),
)
def test_a_first_look_never_misses_a_column_that_is_wild(seed, share, known, still):
    rng = np.random.default_rng(seed)
    moves = np.where(rng.random((1500, 5)) < share, 0.3, 0.01)
    moves[rng.random(moves.shape) < still] = 0.0
    moves[rng.random(moves.shape) >= known] = np.nan
    table = pd.DataFrame(moves, pd.bdate_range("2015-01-01", periods=1500))
    assert units._suspects(table, np.arange(5), 0.05).tolist() == list(range(5))
