"""Thousands of securities: the page draws and lists the largest moves, and says so.

The figures are made up by a formula, so that which moves are the largest is known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.charts import abnormal_by_security, day_heatmap, security_table, skipped_table
from analysis.charts.frames import MOST_DRAWN, MOST_LISTED, largest

SOURCE = "Source: made up."
MANY = 2000
OWN = "T0003"  # moves by 0.03 % only


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    number = np.arange(MANY)
    moves = number / 10_000 * np.where(number % 2, -1, 1)
    return pd.DataFrame(
        {
            "event_id": "e",
            "security": [f"T{n:04}" for n in number],
            "name": [f"Name {n}" for n in number],
            "role": np.where(number % 3, "gpu", "memory"),
            "exchange": "XNYS",
            "day0": pd.Timestamp("2025-01-27"),
            "raw": moves,
            "market_adjusted": moves,
            "abnormal": moves,
            "se": 0.02,
            "t": moves / 0.02,
            "df": 200.0,
            "p_value": 0.5,
            "p_adjusted": 0.9,
            "p_bh": 0.9,
        }
    )


def expected(most: int) -> set[str]:
    return {OWN, *(f"T{n:04}" for n in range(MANY - most + 1, MANY))}


def test_a_chart_draws_the_largest_moves_and_the_events_own(market):
    chart = abnormal_by_security(market, "day 0", SOURCE, always=[OWN])
    assert set(chart.table["Ticker"]) == expected(MOST_DRAWN)
    assert f"Of 2,000 securities {MOST_DRAWN} are drawn" in chart.caption
    assert "use securities.csv at the end of the page" in chart.caption
    assert len(chart.figure.to_json()) < 200_000


def test_intervals_are_counted_over_all_securities(market):
    assert "among 2000, about 100.0 would" in abnormal_by_security(market, "day 0", SOURCE).caption


def test_the_heat_map_draws_the_largest_moves_of_day_0(market):
    days = pd.DataFrame({-1: 0.0, 0: market["abnormal"].to_numpy()}, index=market["security"])
    chart = day_heatmap(days, dict.fromkeys(market["security"], "gpu"), SOURCE, always=[OWN])
    assert set(chart.table["Security"]) == expected(MOST_DRAWN)
    assert f"Of 2,000 securities {MOST_DRAWN} are drawn" in chart.caption


def test_the_table_lists_the_largest_moves_and_adjusts_over_all(market):
    table = security_table(market, always=[OWN])
    assert set(table.frame["Ticker"]) == expected(MOST_LISTED)
    assert f"Of 2,000 securities {MOST_LISTED} are listed" in table.markup
    assert "over all 2,000 securities" in table.markup


def test_what_was_skipped_is_cut_short_with_a_word(market):
    skipped = market[["event_id", "security"]].assign(
        window_start=np.nan, window_end=np.nan, reason="no price"
    )
    table = skipped_table(skipped)
    assert len(table.frame) == MOST_LISTED
    assert f"The first {MOST_LISTED} of 2,000 lines." in table.markup


def test_a_usual_study_is_shown_whole(market):
    few = market.head(MOST_DRAWN)
    chart, table = abnormal_by_security(few, "day 0", SOURCE), security_table(few)
    assert len(chart.table) == len(table.frame) == MOST_DRAWN
    assert "are drawn" not in chart.caption
    assert "are listed" not in table.markup
    assert "over the securities of this table" in table.markup


def test_securities_without_a_value_come_last():
    assert largest([0.1, np.nan, -0.3, 0.2], ["a", "b", "c", "d"], (), 3) == [0, 2, 3]
    assert largest([0.1, np.nan, -0.3, 0.2], ["a", "b", "c", "d"], ["b"], 2) == [1, 2]
