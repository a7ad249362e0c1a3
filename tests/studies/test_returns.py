"""Returns never span more than one session."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.studies.returns import adjusted_closes, price_breaks, session_returns

DAYS = pd.to_datetime(["2025-01-22", "2025-01-23", "2025-01-24", "2025-01-27", "2025-01-28"])


def closes(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"NVDA": values}, index=DAYS)


def test_a_return_is_simple_and_decimal() -> None:
    table = session_returns(closes(100, 110, 99, 99, 198), {"NVDA": DAYS})
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.1, -0.1, 0.0, 1.0])


def test_both_returns_around_a_hole_are_missing() -> None:
    table = session_returns(closes(100, 110, np.nan, 99, 198), {"NVDA": DAYS})
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.1, np.nan, np.nan, 1.0])


def test_a_close_on_a_day_without_session_is_left_out() -> None:
    sessions = DAYS.delete(2)
    table = session_returns(closes(100, 110, 500, 99, 198), {"NVDA": sessions})
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.1, -0.1, 1.0])


def test_no_return_spans_a_price_break() -> None:
    breaks = {"NVDA": DAYS[[3]]}
    table = session_returns(closes(1000, 1100, 990, 99, 198), {"NVDA": DAYS}, breaks)
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.1, -0.1, np.nan, 1.0])
    # A break on a day that is no session lies before the next one; one after the last, nowhere.
    sessions = DAYS.delete(3)
    table = session_returns(closes(1000, 1100, 990, 99, 99), {"NVDA": sessions}, breaks)
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.1, -0.1, np.nan])
    table = session_returns(closes(1, 1, 1, 1, 1), {"NVDA": DAYS[:3]}, breaks)
    np.testing.assert_allclose(table["NVDA"], [np.nan, 0.0, 0.0])


def test_breaks_are_read_from_the_flags_of_prices() -> None:
    rows = {
        "date": [date(2025, 1, 27), date(2025, 1, 28), date(2025, 1, 28)],
        "ticker": ["NVDA", "NVDA", "TSM"],
        "flag": [None, "no volume: carried; price break: down by a factor of 10", "doubtful"],
    }
    found = price_breaks(pl.DataFrame(rows))
    assert {ticker: list(days) for ticker, days in found.items()} == {"NVDA": [DAYS[4]]}


def test_a_security_without_calendar_trades_on_its_own_days() -> None:
    table = session_returns(closes(100, np.nan, 99, np.nan, 198), {})
    assert list(table.index) == list(DAYS[[0, 2, 4]])
    np.testing.assert_allclose(table["NVDA"], [np.nan, -0.01, 1.0])


def test_securities_keep_their_own_sessions_side_by_side() -> None:
    both = closes(100, 110, 99, 99, 198).assign(TSM=[10, 11, np.nan, np.nan, 22])
    table = session_returns(both, {"NVDA": DAYS, "TSM": DAYS[[0, 1, 4]]})
    np.testing.assert_allclose(table["TSM"], [np.nan, 0.1, np.nan, np.nan, 1.0])
    assert session_returns(both[[]], {}).empty


def test_the_pivot_refuses_two_prices_for_one_day() -> None:
    rows = {"date": [date(2025, 1, 27)] * 2, "ticker": ["NVDA"] * 2, "adj_close": [1.0, 2.0]}
    with pytest.raises(ValueError, match="duplicate"):
        adjusted_closes(pl.DataFrame(rows))


@given(st.lists(st.floats(1, 1e4), min_size=5, max_size=5), st.floats(0.01, 100))
def test_returns_do_not_depend_on_the_currency_unit(values: list[float], unit: float) -> None:
    one = session_returns(closes(*values), {"NVDA": DAYS})
    other = session_returns(closes(*(unit * value for value in values)), {"NVDA": DAYS})
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
