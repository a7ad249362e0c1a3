"""Market value is shares times the change in price, and nothing where a count does not fit."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import polars as pl
import pytest

from analysis import Desk
from analysis.studies.market_value import value_change

CLOSES = pd.Series([100.0, 90.0, 95.0], pd.to_datetime(["2025-01-24", "2025-01-27", "2025-01-28"]))
DAY = date(2025, 1, 27)


def counts(*rows: tuple[date, int], **other: Any) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"as_of": [day for day, _ in rows], "shares": [count for _, count in rows]},
        schema={"as_of": pl.Date, "shares": pl.Int64},
    )
    columns = {"ticker": "NVDA", "adr_ratio": None, "basis": "cover_page", "flag": None} | other
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def changed(shares: pl.DataFrame, day: date = DAY) -> float | None:
    return value_change(shares, CLOSES, "NVDA", day)


def test_nvidia_lost_about_592_billion_dollars_on_deepseek_monday() -> None:
    change = Desk().value_change("NVDA", "2025-01-27")
    assert change is not None
    # 24.49 bn shares (cover of the filing of November 2024), 142.62 to 118.42 unadjusted.
    assert change == pytest.approx(24.49e9 * (118.42 - 142.62), rel=0.003)


def test_the_last_count_before_the_day_counts() -> None:
    shares = counts((date(2024, 11, 1), 10), (date(2024, 5, 1), 9), (date(2025, 2, 1), 11))
    assert changed(shares) == pytest.approx(-100.0)
    assert changed(shares, date(2025, 1, 28)) == pytest.approx(50.0)
    assert changed(counts((date(2024, 11, 1), 10), adr_ratio=5.0)) == pytest.approx(-20.0)


@pytest.mark.parametrize(
    "shares",
    [
        counts(),
        counts((date(2025, 2, 1), 10)),
        counts((date(2023, 11, 1), 10)),
        counts((date(2024, 11, 1), 10), (date(2025, 6, 1), 100)),
        counts((date(2024, 11, 1), 10), basis="weighted_average"),
        counts((date(2024, 11, 1), 10), flag="one of several classes"),
        counts((date(2024, 11, 1), 10), ticker="AMD"),
    ],
    ids=["none", "later", "old", "a split after it", "an average", "flagged", "another company"],
)
def test_without_a_count_that_fits_no_value_is_given(shares: pl.DataFrame) -> None:
    assert changed(shares) is None


def test_without_both_closes_no_value_is_given() -> None:
    shares = counts((date(2024, 11, 1), 10))
    assert changed(shares, date(2025, 1, 24)) is None
    assert changed(shares, date(2025, 1, 26)) is None
    assert changed(shares, date(2025, 2, 26)) is None
