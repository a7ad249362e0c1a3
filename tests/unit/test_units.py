"""Decimals of any size pass; per cent are found, prices and yearly rates warned of."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import Desk
from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import EventStudy, FactorModel, MarketModel, MeanAdjusted, ScholesWilliams
from analysis.eventstudy.units import check_units
from analysis.returns import adjusted_closes
from tests.reference.panels import events, panel, study
from tests.reference.sound import ASKED, FACTORS, MODELS, RETURNS, walk

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("ticker", ["BTC", "MEME"])
def test_wild_decimals_and_single_huge_moves_pass(ticker):
    rng = np.random.default_rng(1)
    wild = {"BTC": 0.06, "MEME": 0.15}[ticker] * rng.standard_t(3, 160)
    wild = np.maximum(wild, -0.99)
    wild[50], wild[51] = 40.0, -1.0
    walk(study(RETURNS.assign(S1=wild), ASKED, FACTORS, model=MODELS["market"]).fit())


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


def test_prices_are_warned_of():
    prices = 100 * (1 + RETURNS).cumprod()
    with pytest.warns(SuspectReturnsWarning, match="100% of the moves .*Prices, or") as caught:
        study(prices, ASKED, model=MeanAdjusted())
    assert len(caught) == 1
    assert "and 3 more" in str(caught[0].message)


def test_the_warning_points_at_the_line_that_asked():
    prices = 100 * (1 + RETURNS).cumprod()
    with pytest.warns(SuspectReturnsWarning) as caught:
        EventStudy(prices, ASKED, model=MeanAdjusted())
    assert caught[0].filename == __file__


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
    volatility=st.floats(1e-4, 0.12),
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
    if returns.min().min() < -0.0101:
        with pytest.raises(InputError, match="Divide by 100"):
            study(100 * returns, asked, model=MeanAdjusted())


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
