"""27 January 2025 with the S&P 500 as the market: the figures that everything else rests on.

The prices are the bundled snapshot's. The abnormal returns are those of MacKinlay's market
model on the 220 sessions (−250, −31), worked out again below from the slope and intercept of
a line through them.
"""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from analysis.eventstudy import EventStudy, MarketModel
from analysis.settings import bundled

MONDAY = pd.Timestamp("2025-01-27")
# Per cent; the raw returns are the exchanges' closing figures, adjusted for dividends.
RAW = {"NVDA": -16.97, "TSM": -13.33, "AVGO": -17.40, "MU": -11.71, "^GSPC": -1.46}
ABNORMAL = {"NVDA": -13.0, "TSM": -10.7, "AMD": -2.7, "SOXX": -4.4}


@pytest.fixture(scope="module")
def returns():
    wanted = sorted({*RAW, *ABNORMAL})
    prices = (
        pl.read_parquet(bundled("data/snapshot/prices.parquet"))
        .filter(pl.col("ticker").is_in(wanted))
        .pivot(on="ticker", index="date", values="adj_close")
        .sort("date")
        .to_pandas()
        .set_index("date")
    )
    prices.index = pd.DatetimeIndex(prices.index)
    return prices.pct_change().iloc[1:]


@pytest.fixture(scope="module")
def results(returns):
    asked = pd.DataFrame({"event_id": "monday", "security": list(ABNORMAL), "date": MONDAY})
    return EventStudy(
        returns[list(ABNORMAL)],
        asked,
        model=MarketModel("^GSPC"),
        factors=returns[["^GSPC"]],
        estimation=(-250, -31),
        window=(-1, 1),
    ).fit()


@pytest.mark.parametrize("ticker", list(RAW))
def test_raw_returns_of_the_day(returns, ticker):
    assert 100 * returns.loc[MONDAY, ticker] == pytest.approx(RAW[ticker], abs=0.006)


@pytest.mark.parametrize("ticker", list(ABNORMAL))
def test_abnormal_returns_of_the_day(results, ticker):
    day0 = results.abnormal.loc[("monday", ticker), 0]
    assert 100 * day0 == pytest.approx(ABNORMAL[ticker], abs=0.05)
    assert results.parameters.loc[("monday", ticker), "n"] == 220


def test_abnormal_returns_are_those_of_a_line_through_the_estimation_window(returns, results):
    row = returns.index.get_loc(MONDAY)
    before = returns.iloc[row - 250 : row - 30]
    for ticker in ABNORMAL:
        slope = before[ticker].cov(before["^GSPC"]) / before["^GSPC"].var()
        level = before[ticker].mean() - slope * before["^GSPC"].mean()
        by_hand = returns.loc[MONDAY, ticker] - level - slope * returns.loc[MONDAY, "^GSPC"]
        day0 = results.abnormal.loc[("monday", ticker), 0]
        assert day0 == pytest.approx(by_hand, rel=1e-10)


def test_nvidias_t_is_near_minus_five(results):
    car = results.car((0, 0)).loc[("monday", "NVDA")]
    assert car["t"] == pytest.approx(-4.9, abs=0.05)
    assert car["df"] == 218
