"""The tables ``shares``, ``earnings`` and ``china_revenue_share``: what companies state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from analysis.errors import DataError
from build.catalogue_corrections import read_text_cells
from build.knowledge import ASSUMED_FILING_DAYS, ASSUMED_YEARLY_DAYS, day_after, end_of_day

ENTITY = {"NVIDIA": "Nvidia"}
# The collector's own remarks, in the words of a reader of the tables.
_HOW_IT_WAS_READ = r" \(ids? [\d, ]+\)"
_NAMED = {
    "shared prices (prices.parquet)": "the table prices",
    "the shared prices": "the table prices",
    "event catalogue (events.csv / events_more.csv)": "the catalogue's events",
}

_BASIS = {
    "cover page": "cover_page",
    "cover page (rounded)": "cover_page",
    "balance sheet": "balance_sheet",
    "exchange listing": "exchange",
    "weighted average diluted (fallback)": "weighted_average",
    "weighted average (basic, quarter)": "weighted_average",
    "market-cap derived": "derived",
    "derived: net profit / EPS (weighted average)": "derived",
    "derived: net loss / loss per share (weighted average)": "derived",
    "derived: sales / sales per share (diluted weighted average)": "derived",
    "derived: shares bought / change of holding": "derived",
    "vendor page figure": "vendor",
    "prospectus, expected after offering": "prospectus",
    "ADS equivalent quoted in code (weak)": "quoted",
}
_NO_COUNT = {
    "weighted_average": "an average over the period, no count of a day",
    "derived": "derived from rounded figures, no count",
    "vendor": "a vendor's figure, rounded",
    "prospectus": "expected before the offering: an upper bound",
    "quoted": "depositary receipts, quoted without a source",
}

_TIMING = {
    "before_us_open": "before_us_open",
    "after_us_close": "after_us_close",
    "asia_hours": "asia_hours",
    "before_asia_open": "asia_hours",
    "after_asia_close": "after_asia_close",
    "during_us_session": "date_only",
    "unknown": "date_only",
}
_ONE_SOURCE = {
    "single": "one source",
    "SEC 8-K only": "the day of the filing alone: the release may be a day earlier",
    "Alpha Vantage; 8-K filed one or two days later": "the filing came one or two days later",
}
_NO_RELEASE = {
    "scheduled": "planned, not verified as held",
    "periodic_report": "the report's filing: the results came on this day or before",
}

# What the collector calls the region: what counts as China, and how a sale is placed.
_REGION = {
    "China": ("china", "unstated"),
    "China (including Hong Kong)": ("china_and_hong_kong", "unstated"),
    "China (including Hong Kong), by billing location": ("china_and_hong_kong", "billing"),
    "China (including Hong Kong), by customer headquarters": (
        "china_and_hong_kong", "headquarters",
    ),
    "China (including Hong Kong), by ship-to": ("china_and_hong_kong", "ship_to"),
    "China, by billing location": ("china", "billing"),
    "China, by customer headquarters": ("china", "headquarters"),
    "China, by end-customer headquarters": ("china", "headquarters"),
    "China, by sales location": ("china", "sales_location"),
    "China, by ship-to": ("china", "ship_to"),
    "China, products shipped into": ("china", "ship_to"),
    "China, share of net system sales": ("china", "system_sales"),
    "China, share of total net sales": ("china", "unstated"),
    "Greater China (China mainland, Hong Kong and Taiwan)": ("greater_china", "unstated"),
    "Mainland China + Hong Kong, by customer headquarters": (
        "china_and_hong_kong", "headquarters",
    ),
}  # fmt: skip
_EVIDENCE = {
    "table copy": ("table_copy", None),
    "public code quoting the 10-K": ("quoted_filing", None),
    "public code quoting the 10-Q": ("quoted_filing", None),
    "press table": ("press_table", None),
    "press table, rounded": ("press_table", "rounded"),
    "press": ("press", None),
    "press, rounded": ("press", "rounded"),
    "press, estimate": ("estimate", "an estimate of the press"),
    "public notes": ("notes", "a secondary document"),
    "company expectation": ("guidance", "expected by the company, not the outcome"),
}
_CHECK = {"AMD 2025-12-27": "one copy, to be checked against the annual report"}
_FREQUENCY = {"quarter": "Q", "year": "FY"}


def build_shares(folder: Path) -> pl.DataFrame:
    """Build the table from ``shares_outstanding.csv``.

    Of two averages filed on one day the one of the later period stays.
    """
    name = "shares_outstanding.csv"
    collected = _read(folder / name, "as_of", "filed")
    basis = _mapped(collected, "basis", _BASIS, name)
    ratio = collected["adr_ratio"].str.extract(r"= (\d+(?:\.\d+)?) ").cast(pl.Float64)
    day_unknown = pl.col("note").str.starts_with("day not stated")
    return (
        collected.with_columns(basis, ratio.alias("adr_ratio"), pl.col("shares").cast(pl.Int64))
        .with_columns(
            _joined(
                pl.col("basis").replace_strict(_NO_COUNT, default=None, return_dtype=pl.String),
                pl.when(day_unknown).then(pl.lit("the day is not stated")),
            ).alias("flag"),
            *_filed(pl.col("as_of") + pl.duration(days=ASSUMED_FILING_DAYS)),
            _source().alias("source"),
        )
        .sort("ticker", "as_of", "source")
        .unique(["ticker", "as_of"], keep="last", maintain_order=True)
        .select(
            *("ticker", "as_of", "shares", "adr_ratio", "basis", "filed", "assumed", "note"),
            *_known(end_of_day("filed")),
        )
    )


def build_earnings(folder: Path) -> pl.DataFrame:
    """Build the table from ``earnings_dates.csv``.

    Deliveries bear no period in the file: it is the calendar quarter before their day.
    """
    name = "earnings_dates.csv"
    collected = _read(folder / name, "release_date")
    quarter_before = pl.col("release_date").dt.offset_by("-3mo")
    period = pl.format("Q{} {}", quarter_before.dt.quarter(), quarter_before.dt.year())
    clock = pl.col("time_class").is_in(["before_asia_open", "during_us_session"])
    return collected.with_columns(
        pl.col("release_date").alias("date"),
        pl.col("fiscal_period").fill_null(period),
        _mapped(collected, "time_class", _TIMING, name).alias("timing"),
        _joined(
            pl.when(clock).then(pl.col("time_class").str.replace_all("_", " ")),
            "note",
            pl.concat_str(pl.lit("evidence: "), "verified_by"),
        ).alias("note"),
        _joined(
            pl.col("kind").replace_strict(_NO_RELEASE, default=None, return_dtype=pl.String),
            pl.col("verified_by").replace_strict(_ONE_SOURCE, default=None, return_dtype=pl.String),
        ).alias("flag"),
        _source().alias("source"),
    ).select(
        *("ticker", "fiscal_period", "kind", "date", "timing", "timezone", "note"),
        *_known(day_after("date")),
    )


def build_china_revenue_share(folder: Path) -> pl.DataFrame:
    """Build the table from ``china_revenue_share.csv``."""
    name = "china_revenue_share.csv"
    collected = _read(folder / name, "period_end", "filed")
    region = {text: place for text, (place, _) in _REGION.items()}
    basis = {text: way for text, (_, way) in _REGION.items()}
    evidence = {text: rank for text, (rank, _) in _EVIDENCE.items()}
    doubt = {text: words for text, (_, words) in _EVIDENCE.items() if words}
    row = pl.format("{} {}", "company", "period_end")
    yearly = pl.col("period_type") == "year"
    days = pl.when(yearly).then(ASSUMED_YEARLY_DAYS).otherwise(ASSUMED_FILING_DAYS)
    return (
        collected.with_columns(
            _joined(
                pl.col("evidence").replace_strict(doubt, default=None, return_dtype=pl.String),
                row.replace_strict(_CHECK, default=None, return_dtype=pl.String),
                pl.when(pl.col("note").str.contains("check against the 10-Q")).then(
                    pl.lit("to be checked against the filing")
                ),
                pl.when(pl.col("note").str.starts_with("year not stated")).then(
                    pl.lit("the year is not stated")
                ),
            ).alias("flag"),
            pl.col("company").replace(ENTITY),
            _mapped(collected, "region", region, name),
            _mapped(collected, "region", basis, name).alias("basis"),
            _mapped(collected, "evidence", evidence, name),
            _mapped(collected, "period_type", _FREQUENCY, name).alias("frequency"),
            (pl.col("share_from") != "stated").alias("computed"),
            pl.col("share").cast(pl.Float64),
            pl.col("revenue_m").cast(pl.Float64).alias("revenue"),
            pl.col("total_m").cast(pl.Float64).alias("total"),
            *_filed(pl.col("period_end") + pl.duration(days=days)),
            _source().alias("source"),
        )
        .with_columns(
            # The collector rounds to four digits what it computes.
            pl.when("computed")
            .then((pl.col("revenue") / pl.col("total")).round(6))
            .otherwise("share")
            .alias("share")
        )
        .select(
            *("company", "period_end", "frequency", "region", "basis", "evidence", "share"),
            *("computed", "currency", "revenue", "total", "filed", "assumed", "note"),
            *_known(end_of_day("filed")),
        )
    )


def _read(path: Path, *days: str) -> pl.DataFrame:
    """Read a file as text, cells stripped and blanks missing, but for the named days."""
    frame = read_text_cells(path)
    said = [column for column in ("note", "source_title") if column in frame.columns]
    return frame.with_columns(
        *(pl.col(day).str.to_date("%Y-%m-%d") for day in days),
        *(
            pl.col(column)
            .str.replace_many(list(_NAMED), list(_NAMED.values()))
            .str.replace_all(_HOW_IT_WAS_READ, "")
            for column in said
        ),
    )


def _mapped(frame: pl.DataFrame, column: str, words: Mapping[str, str], name: str) -> pl.Series:
    strangers = sorted(set(frame[column].drop_nulls()) - set(words))
    if strangers:
        raise DataError(f"{name}: no word for {column} {strangers[0]!r}: add one.")
    return frame[column].replace_strict(words, return_dtype=pl.String)


def _source() -> pl.Expr:
    """Title and address; a source without an address of the web has its title alone."""
    address = pl.when(pl.col("source_url").str.starts_with("http")).then("source_url")
    return _joined("source_title", address)


def _filed(assumed: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    return pl.col("filed").is_null().alias("assumed"), pl.col("filed").fill_null(assumed)


def _known(at: pl.Expr) -> tuple[pl.Expr | str, ...]:
    return "source", at.alias("observed_at"), pl.lit(value=True).alias("backfilled"), "flag"


def _joined(*parts: pl.Expr | str) -> pl.Expr:
    joined = pl.concat_str(*parts, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined)
