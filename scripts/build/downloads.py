"""The table ``downloads``: counts of use, known at the end of the day of their collection."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from build.knowledge import end_of_day

KEYS = ["platform", "entity", "metric"]

TRAILING = "trailing 30-day count that the platform re-bases: no clean measure of adoption"
WEEK_TO_DATE = "counts from Sunday on: compare like weekdays"
STATEMENT = "a statement of the maker, not a count of the platform"
SEVENFOLD = "labelled one day, but from 2026-07-20 on this collector reads like seven days' total"
DIP = "less than a tenth of both neighbours: an incomplete collection"
CHANGED_COLLECTOR = "silentdog918/ai-jingqidu-tracker"
CHANGED_ON = date(2026, 7, 20)
DIP_SHARE = 0.1


def build(folder: Path) -> pl.DataFrame:
    """Build the table from ``downloads.parquet``."""
    collected = pl.read_parquet(folder / "downloads.parquet").sort(*KEYS, "date")
    spoken = pl.col("source") == "pages"
    return collected.with_columns(_flag(spoken)).select(
        "date",
        *KEYS,
        pl.col("value").cast(pl.Float64),
        pl.when(spoken)
        .then(pl.lit("Qwen team statement by way of Xinhua"))
        .otherwise("source")
        .alias("source"),
        end_of_day("date").alias("observed_at"),
        pl.lit(value=True).alias("backfilled"),
        "flag",
    )


def _flag(spoken: pl.Expr) -> pl.Expr:
    metric, value = pl.col("metric"), pl.col("value")
    before, after = value.shift(1).over(KEYS), value.shift(-1).over(KEYS)
    dip = (value < DIP_SHARE * before) & (value < DIP_SHARE * after)
    changed = (pl.col("source") == CHANGED_COLLECTOR) & (pl.col("date") >= CHANGED_ON)
    said = pl.concat_str(
        pl.when(metric == "downloads_30d").then(pl.lit(TRAILING)),
        pl.when(metric.is_in(["tokens_7d", "token_share_pct"])).then(pl.lit(WEEK_TO_DATE)),
        pl.when((metric == "tokens_1d") & changed).then(pl.lit(SEVENFOLD)),
        pl.when((metric == "tokens_1d") & dip).then(pl.lit(DIP)),
        pl.when(spoken).then(pl.lit(STATEMENT)),
        separator="; ",
        ignore_nulls=True,
    )
    return pl.when(said != "").then(said).alias("flag")
