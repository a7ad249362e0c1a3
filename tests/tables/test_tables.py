"""Schemas and their messages: a broken row is named by table, key, column, rule and mend."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dataframely as dy
import polars as pl
import pytest

from analysis.calendars import TIMINGS
from analysis.errors import DataError, InputError
from analysis.tables import CATALOGUE, TABLES, keys_of, schema_of, validate
from analysis.tables.columns import choices_of
from analysis.tables.validation import failures

CLOSE = datetime(2025, 1, 27, 21, tzinfo=UTC)


def prices(**changed: object) -> pl.DataFrame:
    """One good row of prices, with some cells changed."""
    row = {
        "date": date(2025, 1, 27),
        "ticker": "NVDA",
        "close": None,
        "adj_close": 118.39,
        "volume": 818_830_900,
        "source": "a vendor",
        "observed_at": CLOSE,
        "backfilled": True,
        "flag": None,
    } | changed
    types = {name: held.dtype for name, held in TABLES["prices"].columns().items()}
    return pl.DataFrame([row], schema=types)


def refusal(frame: pl.DataFrame, name: str = "prices") -> str:
    with pytest.raises(DataError) as caught:
        validate(name, frame)
    return str(caught.value)


def test_a_good_row_passes_unchanged() -> None:
    assert validate("prices", prices()).equals(prices())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"adj_close": -1.0}, "column adj_close: -1.0 is not greater than 0: correct it."),
        ({"adj_close": None}, "column adj_close: a blank is missing: fill it in."),
        ({"adj_close": float("nan")}, "column adj_close: nan is not a number"),
        ({"adj_close": float("inf")}, "column adj_close: inf is infinite"),
        ({"volume": -5}, "column volume: -5 is less than 0: correct it."),
        ({"source": ""}, "column source: '' is empty: write null for what is missing."),
        ({"ticker": "nv da"}, "column ticker: 'nv da' does not have the form of NVDA: correct it."),
        (
            {"observed_at": datetime(2025, 1, 26, 21, tzinfo=UTC)},
            "the row breaks the rule ‘known after its day began’: correct it.",
        ),
    ],
)
def test_a_broken_row_is_named_with_its_column_and_mend(
    changed: dict[str, object], told: str
) -> None:
    message = refusal(prices(**changed))
    assert message.startswith("Table 'prices', row date=2025-01-27, ticker=")
    assert told in message


def test_a_text_of_megabytes_is_refused_and_not_repeated() -> None:
    message = refusal(prices(source="x" * 3_000_000))
    cut = "'" + "x" * 500 + "… (3,000,000 characters)'"
    assert f"column source: {cut} is longer than 10000 bytes: shorten it." in message
    key = refusal(prices(ticker="N" * 501))
    assert "is longer than 500 bytes: shorten it." in key
    good, bad = failures("prices", prices(flag="x" * 3_000_000))
    ((row, reason),) = bad
    assert good.is_empty()
    assert len(str(row)) + len(reason) < 3_000


def test_a_value_outside_its_range_is_named_with_the_bound() -> None:
    frame = pl.DataFrame(
        {
            "date": [date(2025, 1, 27)],
            "factor": ["mkt_rf"],
            "value": [1.46],
            "source": ["a library"],
            "observed_at": [CLOSE],
            "backfilled": [True],
            "flag": pl.Series([None], dtype=pl.String),
        }
    ).with_columns(pl.col("observed_at").cast(pl.Datetime("us", "UTC")))
    assert "column value: 1.46 is more than 0.5: correct it." in refusal(frame, "factors")
    unknown = frame.with_columns(pl.lit("mkt").alias("factor"), pl.lit(0.01).alias("value"))
    assert "'mkt' is none of cma, hml, irx_annual" in refusal(unknown, "factors")


def test_a_key_that_occurs_twice_is_named_with_the_number_of_rows() -> None:
    message = refusal(pl.concat([prices(), prices()]))
    assert "ticker='NVDA'" in message
    assert "the key occurs more than once: keep one row (2 rows break this rule)." in message


def test_a_second_observation_of_one_key_is_no_duplicate() -> None:
    later = prices(observed_at=datetime(2025, 1, 28, 21, tzinfo=UTC))
    assert validate("prices", pl.concat([prices(), later])).height == 2


def test_columns_that_are_missing_unknown_or_of_another_type_are_named() -> None:
    assert "lacks the columns volume, flag" in refusal(prices().drop("volume", "flag"))
    further = prices().with_columns(pl.lit(1).alias("open"))
    assert "has the further column open" in refusal(further)
    text = prices().with_columns(pl.col("adj_close").cast(pl.String))
    assert "column adj_close: holds String, and its schema wants Float64" in refusal(text)


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"Unknown table 'price'\. Did you mean 'prices'"):
        schema_of("price")


@pytest.mark.parametrize("name", TABLES)
def test_every_stored_table_is_bitemporal_and_says_its_source(name: str) -> None:
    schema = TABLES[name]
    assert "observed_at" in schema.primary_key()
    assert "observed_at" not in keys_of(name)
    assert {"source", "backfilled", "flag"} <= set(schema.column_names())


def test_no_name_is_both_a_stored_table_and_a_catalogue_file() -> None:
    assert not set(TABLES) & set(CATALOGUE)


def test_the_timings_of_events_are_those_that_the_calendars_can_place() -> None:
    assert set(choices_of(CATALOGUE["events"].columns()["timing"])) == set(TIMINGS)


@pytest.mark.parametrize("name", TABLES)
def test_every_figure_and_text_has_bounds_and_every_day_a_first_one(name: str) -> None:
    for column, held in TABLES[name].columns().items():
        if isinstance(held, dy.String) and not choices_of(held):
            assert (held.max_length or 10**6) <= (500 if held.primary_key else 10_000), column
        if isinstance(held, dy.Float64 | dy.Int64):
            assert held.max is not None, column
            assert held.min is not None or held.min_exclusive is not None, column
        if isinstance(held, dy.Date) and column not in ("filed",):
            assert held.min is not None, column
