"""How the store stands: how fresh each table is, and which sessions have no price.

Pure but for reading the tables of a store; called by ``faultline data status`` and the doctor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from analysis.errors import InputError
from analysis.update.plan import UpdateContext, last_closed

if TYPE_CHECKING:
    import polars as pl

    from analysis.store import Store

SNAPSHOT = "bundled snapshot"
_NEW_YORK = "XNYS"
# Tables of several series, which need not end on one day; prices are told by exchange.
_SERIES = {
    "factors": ("factor",),
    "risk_indexes": ("series",),
    "downloads": ("platform", "metric"),
    "prices": ("exchange",),
}
_DAY = {
    "revenues": "period_end",
    "shares": "as_of",
    "china_revenue_share": "period_end",
    "policy_documents": "publication_date",
    "artefacts": "created_at",
}


@dataclass(frozen=True)
class Freshness:
    """How far the rows of one source in one table reach."""

    # table, source: rows that came with the package stand under one source, the bundled snapshot
    table: str
    source: str
    rows: int  # figures, each counted once however often it was revised
    # day of the last figure of any series, today at the latest: a later one is planned, or wrong
    last: date | None
    observed: datetime | None  # when the last observation was made, UTC
    age: int | None  # sessions in New York that have closed since `last` for prices, else days
    unit: Literal["sessions", "days"]  # ``"sessions"`` or ``"days"``
    quarantined: int  # rows of the source that were kept out
    # last figure of each series (factor, index, platform and metric; prices by exchange), where
    # they do not all end on one day; else empty
    series: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Gap:
    """Sessions of one ticker's exchange for which it has no price."""

    ticker: str
    exchange: str
    # first, last: its first and last price
    first: date
    last: date
    missing: tuple[date, ...]  # sessions between the two
    behind: int  # sessions that have closed since the last price


def freshness(store: Store, context: UpdateContext) -> list[Freshness]:
    """Say how fresh each table of a store is, per source.

    Parameters
    ----------
    context : UpdateContext
        For the clock and the calendars.

    Returns
    -------
    list of Freshness
        By table, then by source; a table without a row has none.
    """
    return [item for table in store.names() for item in _of_table(store, table, context)]


def _of_table(store: Store, table: str, context: UpdateContext) -> list[Freshness]:
    stood, ends = _aggregates(store, table, context)
    kept_out = store.quarantined_by(table) if store.is_live else {}
    answer = []
    # A row may have been kept out because it names no source.
    for source in sorted(stood.keys() | kept_out.keys(), key=lambda name: name or ""):
        rows, last, observed = stood.get(source, (0, None, None))
        age, unit = _age(table, last, context)
        answer.append(
            Freshness(
                table,
                source or "–",
                rows,
                last,
                observed,
                age,
                unit,
                kept_out.get(source, 0),
                ends.get(source, {}),
            )
        )
    return answer


def _aggregates(
    store: Store, table: str, context: UpdateContext
) -> tuple[dict[str | None, tuple[int, date | None, datetime]], dict[str | None, dict[str, date]]]:
    """Figures, last day and last observation by source, and last days by series that differ."""
    import polars as pl

    day = _DAY.get(table, "date")
    names = ("ticker",) if table == "prices" else _SERIES.get(table, ())
    columns = list(dict.fromkeys((*names, day, "source", "observed_at", "backfilled")))
    series = pl.concat_str(names, separator=" ") if names else pl.lit("")
    days = pl.col(day).cast(pl.Date)
    # Each piece is reduced before the next is read.
    parts = [
        piece.group_by(_said_by().alias("source"), series.alias("series")).agg(
            pl.len(),
            days.filter(days <= context.now.date()).max().alias("last"),
            pl.col("observed_at").max(),
        )
        for piece in store.pieces(table, columns)
    ]
    if not parts:
        return {}, {}
    together = pl.concat(parts)
    if table == "prices":
        together = together.with_columns(series=_exchange_of(pl.col("series"), context))
    totals = together.group_by("source").agg(
        pl.col("len").sum(), pl.col("last").max(), pl.col("observed_at").max()
    )
    found: dict[str | None, dict[str, date]] = {}
    if names:
        last = together.group_by("source", "series").agg(pl.col("last").max()).drop_nulls("last")
        for source, one, at in last.sort("source", "series").iter_rows():
            found.setdefault(source, {})[one] = at
    return (
        {source: (rows, last, at) for source, rows, last, at in totals.iter_rows()},
        {source: days for source, days in found.items() if len(set(days.values())) > 1},
    )


def _exchange_of(ticker: pl.Expr, context: UpdateContext) -> pl.Expr:
    places = dict(context.catalogue.table("instruments").select("ticker", "exchange").iter_rows())
    named = {name: place for name, place in places.items() if place}
    return ticker.replace_strict(named, default="no exchange")


def _said_by() -> pl.Expr:
    """Collections behind the snapshot are many, and nobody asks them again."""
    import polars as pl

    return pl.when("backfilled").then(pl.lit(SNAPSHOT)).otherwise("source")


def _age(
    table: str, last: date | None, context: UpdateContext
) -> tuple[int | None, Literal["sessions", "days"]]:
    if table != "prices":
        return (context.now.date() - last).days if last else None, "days"
    return _closed_since(_NEW_YORK, last, context) if last else None, "sessions"


def gaps(prices: Iterable[pl.DataFrame], context: UpdateContext) -> list[Gap]:
    """Find the sessions without a price, per ticker, from its first price on.

    Parameters
    ----------
    prices : iterable of polars.DataFrame
        Columns ticker and date of the table ``prices``, in any number of pieces.
    context : UpdateContext
        Instruments, calendars (amended by the closures) and the clock. A ticker without an
        exchange (a currency) has no sessions to miss.

    Returns
    -------
    list of Gap
        Only tickers that miss a session or are behind, in order of the alphabet.
    """
    import polars as pl

    instruments = context.catalogue.table("instruments").select("ticker", "exchange").iter_rows()
    exchanges = {ticker: exchange for ticker, exchange in instruments if exchange}
    tickers = pl.Enum(sorted(exchanges))
    parts = [
        piece.filter(pl.col("ticker").is_in(list(exchanges))).cast({"ticker": tickers})
        for piece in prices
    ]
    if not parts:
        return []
    found = []
    held = pl.concat(parts).sort("ticker", "date")
    for (ticker,), rows in held.group_by("ticker", maintain_order=True):
        gap = _gap(str(ticker), exchanges[str(ticker)], rows["date"], context)
        if gap.missing or gap.behind:
            found.append(gap)
    return found


def _gap(ticker: str, exchange: str, days: pl.Series, context: UpdateContext) -> Gap:
    import numpy as np

    first, last = days[0], days[-1]
    sessions = context.calendars.sessions(exchange, first, last).to_numpy().astype("datetime64[D]")
    missing = sessions[~np.isin(sessions, days.to_numpy())]
    return Gap(
        ticker,
        exchange,
        first,
        last,
        tuple(missing.tolist()),
        _closed_since(exchange, last, context),
    )


def _closed_since(exchange: str, last: date, context: UpdateContext) -> int:
    """Sessions that have closed after a day; the calendar's end ends the count."""
    until = last_closed(exchange, context)
    try:
        reach = context.calendars.published_to(exchange)
        until = min(until, reach) if reach else until
        if until <= last:
            return 0
        return sum(day.date() > last for day in context.calendars.sessions(exchange, last, until))
    except InputError:
        return 0
