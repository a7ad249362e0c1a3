"""The table ``revenues``: revenue, segments and capital expenditure of companies."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from analysis.errors import DataError
from build.correction_rules import REVENUES
from build.corrections import correct
from build.knowledge import ASSUMED_FILING_DAYS, end_of_day

# The one publication whose day its source names; all other filing days are assumed.
PUBLISHED = {"NVIDIA press release, 26 August 2026": date(2026, 8, 26)}
ENTITY = {"NVIDIA": "Nvidia"}
FREQUENCY = {"4Q-trailing": "4Q"}
# Remarks of the collector that confirm a figure or explain it: notes, and no reason for doubt.
CONFIRMS = r"^(two hits agree|consistent with |FMP value rejected)"
LOWER_BOUND = "a lower bound, not a point figure"


def build(folder: Path) -> pl.DataFrame:
    """Build the table from ``fundamentals.csv`` and ``capex.csv``, corrected.

    Raises
    ------
    DataError
        When a figure is not in millions, and for a correction that cannot be applied.
    """
    revenue = _read(folder / "fundamentals.csv").with_columns(
        pl.lit("revenue").alias("metric"), pl.lit(None, pl.String).alias("definition")
    )
    capex = (
        _read(folder / "capex.csv")
        .rename({"capex": "value"})
        .with_columns(pl.lit("capex").alias("metric"), pl.lit("total").alias("segment"))
    )
    collected = correct(
        pl.concat([revenue, capex], how="diagonal").with_columns(pl.col("value").cast(pl.Float64)),
        folder,
        "revenues",
        REVENUES,
    )
    published = pl.col("source").replace_strict(PUBLISHED, default=None, return_dtype=pl.Date)
    assumed = pl.col("period_end") + pl.duration(days=ASSUMED_FILING_DAYS)
    return (
        collected.with_columns(
            published.is_null().alias("assumed"), published.fill_null(assumed).alias("filed")
        )
        .with_columns(end_of_day("filed").alias("observed_at"))
        .select(
            pl.col("company").replace(ENTITY),
            "period_end",
            pl.col("freq").replace(FREQUENCY).alias("frequency"),
            "segment",
            "metric",
            "currency",
            pl.col("value").cast(pl.Float64),
            "basis",
            "filed",
            "assumed",
            _note(),
            "source",
            "observed_at",
            pl.lit(value=True).alias("backfilled"),
            _flag(),
        )
    )


def _read(path: Path) -> pl.DataFrame:
    frame = pl.read_csv(path, infer_schema_length=None, try_parse_dates=True)
    other = frame.filter(pl.col("unit") != "million")
    if len(other):
        row = other.row(0, named=True)
        raise DataError(
            f"{path.name}: {row['company']} {row['period_end']} is in {row['unit']}: "
            "convert it to millions."
        )
    # "as above" points to the row before it in the file, so it is resolved before any sorting.
    source = pl.when(pl.col("source") != "as above").then("source").forward_fill()
    text = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(source.alias("source")).with_columns(
        pl.when(text != "").then(text).name.keep()
    )


def _note() -> pl.Expr:
    """What the figure is and what speaks for it."""
    plain = pl.col("note").is_in(["reported"])
    return _sentence(
        pl.when(~plain).then("note"),
        "definition",
        pl.when(pl.col("flag").str.contains(CONFIRMS)).then("flag"),
        pl.concat_str(pl.lit("evidence: "), "verified_by"),
    ).alias("note")


def _flag() -> pl.Expr:
    doubt = pl.when(~pl.col("flag").str.contains(CONFIRMS)).then("flag")
    bound = pl.col("basis") == "lower_bound"
    return pl.when(bound).then(pl.lit(LOWER_BOUND)).otherwise(doubt).alias("flag")


def _sentence(*parts: pl.Expr | str) -> pl.Expr:
    joined = pl.concat_str(*parts, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined)
