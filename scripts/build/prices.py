"""The table ``prices``: closes and volumes as collected, with the close as the knowledge date."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl

from analysis.calendars import Calendars
from analysis.errors import DataError
from build.faults import PRICES, flag_of
from build.knowledge import closes, end_of_day, federal_reserve_release

FEDERAL_RESERVE = "(FRED DEXCHUS)"


def build(folder: Path, instruments: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """Build the table from ``prices.parquet`` and ``prices_sources.csv``.

    Parameters
    ----------
    folder : pathlib.Path
        The collected figures.
    instruments : polars.DataFrame
        Of the catalogue: where each ticker trades.
    calendars : Calendars
        Amended by the catalogue's closures and hours.

    Raises
    ------
    DataError
        When a ticker has no instrument or source, or a price falls on a day that is no session.
    """
    collected = pl.read_parquet(folder / "prices.parquet")
    sources = _sources(folder / "prices_sources.csv")
    exchanges = instruments.select("ticker", "exchange")
    frame = collected.join(exchanges, on="ticker", how="left", nulls_equal=True)
    _check_known(collected, exchanges, "instrument in instruments.csv")
    _check_known(collected, sources, "source in prices_sources.csv")
    return (
        frame.join(sources, on="ticker")
        .join(_observations(frame, sources, calendars), on=["ticker", "date"])
        .select(
            "date",
            "ticker",
            pl.lit(None, pl.Float64).alias("close"),
            pl.col("adj_close").cast(pl.Float64),
            pl.col("volume").cast(pl.Int64),
            "source",
            "observed_at",
            pl.lit(value=True).alias("backfilled"),
            flag_of(PRICES, "ticker"),
        )
    )


def disagreements(
    prices: pl.DataFrame,
    instruments: pl.DataFrame,
    closures: pl.DataFrame,
    calendars: Calendars,
) -> list[str]:
    """Sessions on which no security of an exchange has a price, and closures that have one."""
    said = []
    placed = prices.join(instruments.select("ticker", "exchange"), on="ticker")
    for (exchange,), rows in sorted(placed.drop_nulls("exchange").group_by("exchange")):
        held = set(rows["date"])
        sessions = calendars.sessions(str(exchange), min(held), max(held))
        missing = {stamp.date() for stamp in sessions} - held
        traded = held & set(closures.filter(pl.col("exchange") == exchange)["date"])
        said += [f"{exchange} {day}: a session without any price" for day in sorted(missing)]
        said += [f"{exchange} {day}: a closure, but there is a price" for day in sorted(traded)]
    return said


def _sources(path: Path) -> pl.DataFrame:
    collected = pl.col("collected_from")
    reserve = collected.str.contains(FEDERAL_RESERVE, literal=True)
    repositories = collected.str.replace_all(f" {FEDERAL_RESERVE}", "", literal=True)
    return pl.read_csv(path).select(
        "ticker",
        pl.when(reserve)
        .then(pl.concat_str(pl.lit("FRED DEXCHUS, by way of "), repositories))
        .otherwise(pl.concat_str(pl.lit("mostly Yahoo Finance, by way of "), repositories))
        .alias("source"),
    )


def _check_known(collected: pl.DataFrame, known: pl.DataFrame, what: str) -> None:
    strangers = collected.join(known, on="ticker", how="anti")["ticker"].unique().sort()
    if len(strangers):
        raise DataError(f"No {what} for {', '.join(strangers)}: add a row.")


def _observations(frame: pl.DataFrame, sources: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """Knowledge date of every price: ticker, date, observed_at."""
    listed = frame.drop_nulls("exchange")
    spans: dict[str, tuple[date, date]] = {
        exchange: (first, last)
        for exchange, first, last in listed.group_by("exchange")
        .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
        .iter_rows()
    }
    sessions = _frame_of(closes(spans, calendars))
    strays = listed.join(sessions, on=["exchange", "date"], how="anti").sort("ticker", "date")
    if len(strays):
        row = strays.row(0, named=True)
        raise DataError(
            f"prices.parquet: {row['ticker']} has a price on {row['date']}, which is no session of "
            f"{row['exchange']}: correct the date, the exchange or closures.csv."
        )
    traded = listed.join(sessions, on=["exchange", "date"])
    currencies = frame.filter(pl.col("exchange").is_null()).join(sources, on="ticker")
    reserve = pl.col("source").str.starts_with("FRED")
    noon = currencies.filter(reserve).with_columns(
        pl.col("date")
        .map_elements(federal_reserve_release, return_dtype=pl.Datetime("us", "UTC"))
        .alias("observed_at")
    )
    daily = currencies.filter(~reserve).with_columns(end_of_day("date").alias("observed_at"))
    columns = ["ticker", "date", "observed_at"]
    return pl.concat([part.select(columns) for part in (traded, noon, daily)])


def _frame_of(found: dict[tuple[str, date], datetime]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "exchange": [exchange for exchange, _ in found],
            "date": [day for _, day in found],
            "observed_at": list(found.values()),
        },
        schema={"exchange": pl.String, "date": pl.Date, "observed_at": pl.Datetime("us", "UTC")},
    )
