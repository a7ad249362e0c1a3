"""The table ``prices``: closes and volumes as collected, with the close as the knowledge date."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl

from analysis.calendars import Calendars
from analysis.errors import DataError
from analysis.tables.price_checks import EARLY, table_doubts, with_doubts
from build.correction_rules import PRICES as RULES
from build.corrections import correct, replace_prices
from build.faults import PRICES, flag_of
from build.knowledge import closes, end_of_day, federal_reserve_release

FEDERAL_RESERVE = "(FRED DEXCHUS)"
MAINLAND = ("XSHG", "XSHE")
# Series that end too early, or that another one of the tables stands in for.
LEFT_OUT = ("FEZ", "^STOXX50E", "^VXN")
_HOW_IT_WAS_READ = r" \(text index[^)]*\)"


def build(folder: Path, instruments: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """Build the table from ``prices*.parquet``, their sources and the corrections.

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
        When a ticker has no instrument or source, a price falls on a day that is no session, or
        a correction cannot be applied.
    """
    exchanges = instruments.select("ticker", "exchange")
    collected = _collect(folder, exchanges)
    _check_known(collected, exchanges, "instrument in instruments.csv")
    corrected = replace_prices(collected, folder / "prices_corrections.csv")
    corrected = correct(corrected, folder, "prices", RULES)
    frame = corrected.join(exchanges, on="ticker", how="left", nulls_equal=True)
    table = frame.join(_observations(frame, calendars), on=["ticker", "date"]).select(
        "date",
        "ticker",
        pl.lit(None, pl.Float64).alias("close"),
        "adj_close",
        "volume",
        "source",
        "observed_at",
        pl.lit(value=True).alias("backfilled"),
        flag_of(PRICES, "ticker"),
    )
    doubts = table_doubts(table, dict(exchanges.iter_rows()), calendars.shortened)
    mended = pl.col("source").str.contains("; corrected: ", literal=True)
    plain = pl.col("flag").str.replace(EARLY, "the volume is of before the close", literal=True)
    return with_doubts(table, doubts).with_columns(
        flag=pl.when(mended).then(plain).otherwise("flag")
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


def _collect(folder: Path, exchanges: pl.DataFrame) -> pl.DataFrame:
    """Both files as one: date, ticker, adj_close, volume, source."""
    first = _read(folder / "prices.parquet")
    sources = _sources(folder / "prices_sources.csv", exchanges)
    _check_known(first, sources, "source in prices_sources.csv")
    more = _read(folder / "prices_more.parquet").filter(~pl.col("ticker").is_in(LEFT_OUT))
    twice = more.join(first, on=["ticker", "date"], how="semi").sort("ticker", "date")
    if len(twice):
        row = twice.row(0, named=True)
        raise DataError(
            f"prices_more.parquet: {row['ticker']} has a price on {row['date']}, as it has in "
            "prices.parquet: keep one."
        )
    stretches = _sources(folder / "prices_more_sources.csv", exchanges, "first", "last")
    # A ticker can have two stretches, its history and its extension; the day tells which.
    placed = (
        more.join(stretches, on="ticker", how="left")
        .filter(pl.col("date").is_between("first", "last"))
        .drop("first", "last")
    )
    _check_known(
        more.join(placed, on=["ticker", "date"], how="anti"),
        stretches.clear(),
        "stretch in prices_more_sources.csv",
    )
    return pl.concat([first.join(sources, on="ticker"), placed])


def _read(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path).select(
        "date", "ticker", pl.col("adj_close").cast(pl.Float64), pl.col("volume").cast(pl.Int64)
    )


def _sources(path: Path, exchanges: pl.DataFrame, *further: str) -> pl.DataFrame:
    collected = pl.col("collected_from").str.replace_all(_HOW_IT_WAS_READ, "")
    reserve = collected.str.contains(FEDERAL_RESERVE, literal=True)
    repositories = collected.str.replace_all(f" {FEDERAL_RESERVE}", "", literal=True)
    mainland = pl.col("exchange").is_in(MAINLAND).fill_null(value=False) & bool(further)
    said_by = (
        pl.when(reserve)
        .then(pl.lit("FRED DEXCHUS"))
        .when(mainland)
        .then(pl.lit("Yahoo Finance, Eastmoney or Tencent"))
        .otherwise(pl.lit("mostly Yahoo Finance"))
    )
    listed = pl.read_csv(path, try_parse_dates=True).join(exchanges, on="ticker", how="left")
    return listed.select(
        "ticker",
        *further,
        pl.concat_str(said_by, pl.lit(", by way of "), repositories).alias("source"),
    )


def _check_known(collected: pl.DataFrame, known: pl.DataFrame, what: str) -> None:
    strangers = collected.join(known, on="ticker", how="anti")["ticker"].unique().sort()
    if len(strangers):
        raise DataError(f"No {what} for {', '.join(strangers)}: add a row.")


def _observations(frame: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
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
            f"{row['ticker']} has a price on {row['date']}, which is no session of "
            f"{row['exchange']}: correct the date, the exchange or closures.csv."
        )
    traded = listed.join(sessions, on=["exchange", "date"])
    currencies = frame.filter(pl.col("exchange").is_null())
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
