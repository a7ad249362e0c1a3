"""Fetched prices held against the held ones, and what of it nobody has been told yet.

Called by `analysis.update.fetch` before an answer is stored.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from analysis.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from analysis.update.plan import UpdateContext

_CONTEXT = timedelta(days=45)  # some thirty sessions, whose volume is the usual one


def with_early_captures(
    held: pl.DataFrame, fetched: pl.DataFrame, context: UpdateContext
) -> pl.DataFrame:
    """Flag fetched prices that look as if they had been read before the close.

    Parameters
    ----------
    context : Known
        Where each ticker trades, and when.
    """
    import polars as pl

    from analysis.tables.price_checks import early_captures, with_doubts

    begin = fetched["date"].min()
    if not isinstance(begin, date):
        return fetched
    columns = ("date", "ticker", "volume")
    around = held.filter(pl.col("date") >= begin - _CONTEXT).join(
        fetched, on=["date", "ticker"], how="anti"
    )
    instruments = context.catalogue.table("instruments")
    exchanges = dict(instruments.select("ticker", "exchange").iter_rows())

    def shortened(exchange: str, day: date) -> bool:
        try:
            return context.calendars.shortened(exchange, day)
        except InputError:  # no session, or beyond the published calendar
            return False

    both = pl.concat([around.select(columns), fetched.select(columns)])
    return with_doubts(fetched, early_captures(both, exchanges, shortened))


def new_doubts(held: pl.DataFrame, fetched: pl.DataFrame) -> tuple[str, ...]:
    """Say what the checks found that the held prices do not carry yet, a sentence each."""
    import polars as pl

    from analysis.tables.price_checks import BREAK, checked_flag

    keys = ["ticker", "date"]
    known = held.filter(checked_flag()).select(*keys, told="flag")
    fresh = (
        fetched.filter(checked_flag())
        .join(known, on=keys, how="left")
        .with_columns(flag=pl.col("flag").str.split("; "), told=pl.col("told").str.split("; "))
        .explode("flag")
        .filter(checked_flag(), ~pl.col("flag").is_in(pl.col("told")).fill_null(value=False))
        .group_by("ticker", "flag")
        .agg(pl.col("date").min(), pl.col("date").max().alias("last"), pl.len())
        .sort("ticker", "date", "flag")
    )
    said = []
    for ticker, words, first, last, count in fresh.iter_rows():
        days = f"{first}" if count == 1 else f"{first} to {last} ({count:,} days)"
        left = " The return into that day is left out." if BREAK in words else ""
        said.append(f"prices {ticker} {days}: {words}.{left}")
    return tuple(said)
