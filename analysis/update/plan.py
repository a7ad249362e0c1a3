"""What to ask each source for: only what is missing, and the days that it may still revise.

Pure but for reading the catalogue: the held rows are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.catalogue.watchlist import names_for_loader
from analysis.errors import InputError
from analysis.loaders import Request
from analysis.loaders.fred_prices import TICKERS as FROM_FRED

if TYPE_CHECKING:
    import polars as pl

FIRST_DAY = date(2021, 1, 1)
"""Where history begins when nothing is held yet. ``--since`` asks for more."""

REVISED_SESSIONS = 10
"""So many last prices of a ticker are asked for again."""

# Days before a source's last figure that are asked for again. A source that is not listed is
# asked for everything since `FIRST_DAY`: that is one small file a name, or it has no history.
_REVISED_DAYS = {"federal_register": 30, "openrouter": 7}
# Sources whose history is long to ask for: the loader's own beginning will do at first.
_BEGINS_ITSELF = ("openrouter",)
_ACTIONS = timedelta(days=140)  # of the answer that the prices are read from too, and a while more
_ACTIONS_AGAIN = timedelta(days=30)
_DAY_OF = {"policy_documents": "publication_date"}
_SETTLED = timedelta(minutes=30)  # after the bell, until the closing auction is in the figures
_MONTH = timedelta(days=31)  # longer than any exchange stays shut


@dataclass(frozen=True)
class UpdateContext:
    """What a plan is made from."""

    catalogue: Catalogue  # whom to ask for
    calendars: Calendars  # which sessions have closed
    now: datetime  # the time of asking, UTC
    archive: Path | None = None  # where what the sources send is kept
    since: date | None = None  # first day asked for instead of what the held rows say


def requests_for(
    source: str, table: str, held: pl.DataFrame, context: UpdateContext
) -> list[Request]:
    """Plan what a loader of a table asks its source for, given the last held observation per key.

    Tickers whose prices end on different days are asked for one day after the other, so that one
    dead ticker does not make all others be fetched anew.
    """
    if table == "prices":
        return _prices(source, held, context)
    if table == "actions":
        return _actions(source, held, context)
    return [
        Request(
            names=names_for_loader(source, context.catalogue.table("watched")),
            since=_since(source, table, held, context),
            archive=context.archive,
        )
    ]


def full_history_requests(firsts: Mapping[str, date], context: UpdateContext) -> list[Request]:
    """Ask for the whole held history of tickers, and what is older when that was wished.

    ``firsts`` is ticker to first held day.
    """
    exchanges = exchanges_of(context)
    ends = {ticker: last_closed(exchanges.get(ticker), context) for ticker in firsts}
    groups: dict[tuple[date, date], list[str]] = {}
    for ticker, first in firsts.items():
        since = min(first, context.since or first)
        groups.setdefault((since, ends[ticker]), []).append(ticker)
    return _grouped(groups, context)


def last_closed(exchange: str | None, context: UpdateContext) -> date:
    """Last session of an exchange that has closed; yesterday where there are no sessions.

    A price of a session that still runs is no close.
    """
    yesterday = context.now.date() - timedelta(days=1)
    if not exchange:
        return yesterday
    try:
        sessions = context.calendars.sessions(exchange, yesterday - _MONTH, context.now.date())
        days = [day.date() for day in reversed(sessions)]
        return next(
            day
            for day in days
            if context.calendars.hours(exchange, day)[1] + _SETTLED <= context.now
        )
    except (InputError, StopIteration):  # beyond the published calendar
        return yesterday


def read_calendars(context: UpdateContext) -> None:
    """Read the calendar of every exchange; later questions find them read."""
    for exchange in set(exchanges_of(context).values()):
        last_closed(exchange, context)


def _prices(source: str, held: pl.DataFrame, context: UpdateContext) -> list[Request]:
    """Group the tickers by the days that each of them lacks."""
    first = _first_days(held, context.now.date())
    exchanges = exchanges_of(context)
    ends = {exchange: last_closed(exchange, context) for exchange in set(exchanges.values())}
    groups: dict[tuple[date, date], list[str]] = {}
    for ticker in _served(source, context):
        since, until = context.since or first.get(ticker, FIRST_DAY), ends[exchanges[ticker]]
        if since <= until:
            groups.setdefault((since, until), []).append(ticker)
    return _grouped(groups, context)


def _actions(source: str, held: pl.DataFrame, context: UpdateContext) -> list[Request]:
    """Ask again for recent months, and from the first day for a ticker without an action.

    Nobody can tell whether such a ticker never paid or was never answered for.
    """
    import polars as pl

    said = held.filter(pl.col("source") == source, pl.col("observed_at") <= context.now).group_by(
        "ticker"
    )
    seen = dict(said.agg(pl.col("observed_at").max().dt.date()).iter_rows())
    today = context.now.date()
    groups: dict[tuple[date, date], list[str]] = {}
    for ticker in _served(source, context):
        since = context.since or FIRST_DAY
        if not context.since and ticker in seen:
            since = min(today - _ACTIONS, seen[ticker] - _ACTIONS_AGAIN)
        groups.setdefault((since, today), []).append(ticker)
    return _grouped(groups, context)


def _grouped(
    groups: Mapping[tuple[date, date], list[str]], context: UpdateContext
) -> list[Request]:
    """One request per pair of first and last day, the freshest first."""
    instruments = context.catalogue.table("instruments").select("ticker", "currency").iter_rows()
    known = {ticker: currency for ticker, currency in instruments if currency}
    return [
        Request(
            names=tuple(tickers),
            since=since,
            until=until,
            currencies={name: known[name] for name in tickers if name in known},
            archive=context.archive,
        )
        for (since, until), tickers in sorted(groups.items(), reverse=True)
    ]


def _first_days(held: pl.DataFrame, today: date) -> Mapping[str, date]:
    """Per ticker the day of its tenth last price; a price of a day to come moves nothing."""
    import polars as pl

    days = (
        held.filter(pl.col("date") <= today)
        .group_by("ticker")
        .agg(pl.col("date").sort().tail(REVISED_SESSIONS).first())
    )
    return dict(days.iter_rows())


def _since(source: str, table: str, held: pl.DataFrame, context: UpdateContext) -> date | None:
    """First day to ask a source for; None for all that it serves."""
    import polars as pl

    if context.since or source not in _REVISED_DAYS:
        return context.since or FIRST_DAY
    column = _DAY_OF.get(table, "date")
    # Only what this source said: rows of the snapshot came from others, and may end later.
    # A document may be planned for a day to come, and a date may be wrong: neither says that
    # everything until then is known.
    said = held.filter(pl.col("source") == source, pl.col(column) <= context.now.date())
    last = said[column].max()
    if not isinstance(last, date):
        return None if source in _BEGINS_ITSELF else FIRST_DAY
    return max(last, FIRST_DAY) - timedelta(days=_REVISED_DAYS[source])


def exchanges_of(context: UpdateContext) -> dict[str, str | None]:
    """Where each ticker trades."""
    return dict(context.catalogue.table("instruments").select("ticker", "exchange").iter_rows())


def _served(source: str, context: UpdateContext) -> list[str]:
    """Tickers of a source: each has one, or two would revise each other for ever."""
    tickers = context.catalogue.table("instruments")["ticker"]
    return [ticker for ticker in tickers if (ticker in FROM_FRED) == (source == "fred_prices")]
