"""How the store stands: how fresh each table is, and which sessions have no price.

Pure but for reading the tables of a store; called by ``faultline data status`` and the doctor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from analysis.errors import InputError
from analysis.update.plan import Known, last_closed

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
    """How far the rows of one source in one table reach.

    Attributes
    ----------
    table, source : str
        Rows that came with the package stand under one source, the bundled snapshot.
    rows : int
        Figures, each counted once however often it was revised.
    last : datetime.date or None
        Day of the last figure of any series, today at the latest: a later one is planned, or
        wrong.
    observed : datetime.datetime or None
        When the last observation was made, UTC.
    age : int or None
        Sessions in New York that have closed since `last` for prices, else days.
    unit : str
        ``"sessions"`` or ``"days"``.
    quarantined : int
        Rows of the source that were kept out.
    series : dict of str to datetime.date
        Last figure of each series (factor, index, platform and metric; prices by exchange),
        where they do not all end on one day; else empty.
    """

    table: str
    source: str
    rows: int
    last: date | None
    observed: datetime | None
    age: int | None
    unit: Literal["sessions", "days"]
    quarantined: int
    series: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Gap:
    """Sessions of one ticker's exchange for which it has no price.

    Attributes
    ----------
    ticker, exchange : str
    first, last : datetime.date
        Its first and last price.
    missing : tuple of datetime.date
        Sessions between the two.
    behind : int
        Sessions that have closed since the last price.
    """

    ticker: str
    exchange: str
    first: date
    last: date
    missing: tuple[date, ...]
    behind: int


def freshness(store: Store, known: Known) -> list[Freshness]:
    """Say how fresh each table of a store is, per source.

    Parameters
    ----------
    store : Store
    known : Known
        For the clock and the calendars.

    Returns
    -------
    list of Freshness
        By table, then by source; a table without a row has none.
    """
    return [item for table in store.names() for item in _of_table(store, table, known)]


def _of_table(store: Store, table: str, known: Known) -> list[Freshness]:
    import polars as pl

    day = _DAY.get(table, "date")
    frame = store.read(table).with_columns(_said_by().alias("source"))
    kept_out: dict[str, int] = {}
    if store.is_live:
        rejected = store.quarantined(table)
        kept_out = dict(rejected.group_by("source").len().iter_rows())
    days = pl.col(day).cast(pl.Date)
    found = frame.group_by("source").agg(
        pl.len(), days.filter(days <= known.now.date()).max(), pl.col("observed_at").max()
    )
    stood = {source: rest for source, *rest in found.iter_rows()}
    ends = _ends(table, frame, known)
    answer = []
    # A row may have been kept out because it names no source.
    for source in sorted(stood.keys() | kept_out.keys(), key=lambda name: name or ""):
        rows, last, observed = stood.get(source, (0, None, None))
        age, unit = _age(table, last, known)
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


def _ends(table: str, frame: pl.DataFrame, known: Known) -> dict[str, dict[str, date]]:
    """Last day of each series of a table, by source, where they differ."""
    import polars as pl

    if table not in _SERIES:
        return {}
    if table == "prices":
        places = known.catalogue.instruments().select(
            "ticker", pl.col("exchange").fill_null("no exchange")
        )
        frame = frame.join(places, on="ticker", how="left").with_columns(
            pl.col("exchange").fill_null("no exchange")
        )
    named = frame.select("source", "date", series=pl.concat_str(_SERIES[table], separator=" "))
    last = named.group_by("source", "series").agg(pl.col("date").max()).sort("source", "series")
    found: dict[str, dict[str, date]] = {}
    for source, series, day in last.iter_rows():
        found.setdefault(source, {})[series] = day
    return {source: days for source, days in found.items() if len(set(days.values())) > 1}


def _said_by() -> pl.Expr:
    """Collections behind the snapshot are many, and nobody asks them again."""
    import polars as pl

    return pl.when("backfilled").then(pl.lit(SNAPSHOT)).otherwise("source")


def _age(
    table: str, last: date | None, known: Known
) -> tuple[int | None, Literal["sessions", "days"]]:
    if table != "prices":
        return (known.now.date() - last).days if last else None, "days"
    return _closed_since(_NEW_YORK, last, known) if last else None, "sessions"


def gaps(prices: pl.DataFrame, known: Known) -> list[Gap]:
    """Find the sessions without a price, per ticker, from its first price on.

    Parameters
    ----------
    prices : polars.DataFrame
        Columns ticker and date of the table ``prices``.
    known : Known
        Instruments, calendars (amended by the closures) and the clock. A ticker without an
        exchange (a currency) has no sessions to miss.

    Returns
    -------
    list of Gap
        Only tickers that miss a session or are behind, in order of the alphabet.
    """
    found = []
    exchanges = dict(known.catalogue.instruments().select("ticker", "exchange").iter_rows())
    for (ticker,), rows in prices.sort("ticker", "date").group_by("ticker", maintain_order=True):
        exchange = exchanges.get(ticker)
        if exchange:
            gap = _gap(str(ticker), exchange, rows["date"].to_list(), known)
            if gap.missing or gap.behind:
                found.append(gap)
    return found


def _gap(ticker: str, exchange: str, days: list[date], known: Known) -> Gap:
    first, last = days[0], days[-1]
    held = set(days)
    sessions = [day.date() for day in known.calendars.sessions(exchange, first, last)]
    missing = tuple(day for day in sessions if day not in held)
    return Gap(ticker, exchange, first, last, missing, _closed_since(exchange, last, known))


def _closed_since(exchange: str, last: date, known: Known) -> int:
    """Sessions that have closed after a day; the calendar's end ends the count."""
    until = last_closed(exchange, known)
    try:
        reach = known.calendars.published_to(exchange)
        until = min(until, reach) if reach else until
        if until <= last:
            return 0
        return sum(day.date() > last for day in known.calendars.sessions(exchange, last, until))
    except InputError:
        return 0
