"""The tables ``factors`` and ``risk_indexes``: series that a library or an author publishes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from analysis.calendars import Calendars
from analysis.errors import DataError
from build.correction_rules import FACTORS as FACTOR_RULES
from build.correction_rules import RISK_INDEXES as RISK_RULES
from build.corrections import correct
from build.faults import FACTORS, RISK_INDEXES, flag_of
from build.knowledge import (
    closes,
    daily_risk_release,
    factor_release,
    monthly_risk_release,
    policy_uncertainty_release,
)

LIBRARY = "Kenneth R. French data library, vintage of {}"
YAHOO = "Yahoo Finance ^IRX"


def build_factors(folder: Path) -> pl.DataFrame:
    """Build the table from ``factors.csv`` and ``factors_more.csv``, one row per day and factor.

    The second file has the five factors of later months, without momentum.
    The bill's yield comes in per cent with the noise of single precision; it is rounded to
    the three decimals in which it is quoted and turned into a decimal.
    """
    wide = pl.read_csv(folder / "factors.csv", try_parse_dates=True)
    wide = correct(wide, folder, "factors", FACTOR_RULES)
    more = pl.read_csv(folder / "factors_more.csv", try_parse_dates=True)
    library = pl.concat(
        [_library(wide.drop("irx_pct"), "May 2026"), _library(more, "July 2026")]
    )
    bill = wide.select(
        "date",
        pl.lit("irx_annual").alias("factor"),
        (pl.col("irx_pct").round(3) / 100).round(5).alias("value"),
        _close_of_new_york(wide["date"]).alias("observed_at"),
        pl.lit(YAHOO).alias("source"),
    )
    columns = ["date", "factor", "value", "source", "observed_at"]
    return (
        pl.concat([library.select(columns), bill.select(columns)])
        .drop_nulls("value")
        .with_columns(pl.lit(value=True).alias("backfilled"), flag_of(FACTORS, "factor"))
    )


def _library(wide: pl.DataFrame, vintage: str) -> pl.DataFrame:
    returns = [name for name in wide.columns if name != "date"]
    return wide.unpivot(returns, index="date", variable_name="factor").with_columns(
        pl.col("value").cast(pl.Float64),
        factor_release("date").alias("observed_at"),
        pl.lit(LIBRARY.format(vintage)).alias("source"),
    )


def build_risk_indexes(folder: Path) -> pl.DataFrame:
    """Build the table from ``geopolitical_risk.csv``.

    Raises
    ------
    DataError
        For a series that no publication rule covers.
    """
    collected = pl.read_csv(folder / "geopolitical_risk.csv", try_parse_dates=True)
    collected = correct(collected, folder, "risk_indexes", RISK_RULES)
    series = pl.col("series")
    released = (
        pl.when(series == "USEPUINDXD")
        .then(policy_uncertainty_release("date"))
        .when(series.str.starts_with("GPRD"))
        .then(daily_risk_release("date"))
        .when(series.str.starts_with("GPR"))
        .then(monthly_risk_release("date"))
    )
    frame = collected.select(
        "date",
        "series",
        pl.col("value").cast(pl.Float64),
        "source",
        released.alias("observed_at"),
        pl.lit(value=True).alias("backfilled"),
        flag_of(RISK_INDEXES, "series"),
    )
    strangers = frame.filter(pl.col("observed_at").is_null())["series"].unique().sort()
    if len(strangers):
        raise DataError(
            f"geopolitical_risk.csv: no publication rule for {', '.join(strangers)}: add one."
        )
    return frame


def _close_of_new_york(days: pl.Series) -> pl.Series:
    first, last = days.min(), days.max()
    if not (isinstance(first, date) and isinstance(last, date)):
        raise DataError("factors.csv: its column date holds no dates: write them as 2025-01-27.")
    found = closes({"XNYS": (first, last)}, Calendars())
    strays = [day for day in days if ("XNYS", day) not in found]
    if strays:
        raise DataError(f"factors.csv: {strays[0]} is no session of New York: correct the date.")
    return pl.Series([found["XNYS", day] for day in days], dtype=pl.Datetime("us", "UTC"))
