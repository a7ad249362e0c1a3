"""Other news that reached a security's market in the session of an event, or near it.

Three kinds: ``own`` (results of the company itself, or company news of another event that names
it), ``sector`` (the same of another company with the security's role) and ``market``
(macroeconomic releases, and policy that names no company).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from analysis.errors import InputError
from analysis.studies.placement import CURRENCY_EXCHANGE, assign_day0

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from analysis.calendars import Calendars
    from analysis.catalogue import Catalogue

# What companies announce about themselves. Policy, rumours and releases that name a company may
# well be part of the story that is studied.
COMPANY_NEWS = frozenset({"earnings", "capex", "supply", "pricing", "service"})
_MARKET_NEWS = frozenset({"macro", "policy"})
# Of the table of results; the other kinds are no release of figures, or not verified as held.
_KINDS = {
    "results": "results",
    "preannouncement": "preannouncement",
    "deliveries": "delivery figures",
}
_REACH = timedelta(days=16)  # no exchange stays shut for longer than it takes to shift by a week
COLUMNS = (
    "event_id",
    "security",
    "kind",
    "category",
    "what",
    "date",
    "session",
    "offset",
    "source",
)


class NewsData(Protocol):
    """The tables that are read; `analysis.desk.Desk` has them."""

    @property
    def catalogue(self) -> Catalogue:
        """What people decided."""
        ...

    @property
    def calendars(self) -> Calendars:
        """Sessions of the exchanges."""
        ...

    def table(self, name: str) -> pl.DataFrame:
        """Read one table."""
        ...

    def events(
        self, *, since: date | str | None = None, until: date | str | None = None
    ) -> pl.DataFrame:
        """List events of some days."""
        ...

    def instruments(self) -> pl.DataFrame:
        """List every instrument."""
        ...


class _News(NamedTuple):
    """One other event, or one company's results."""

    row: Mapping[str, Any]  # as `analysis.studies.placement.assign_day0` reads it
    entities: frozenset[str]
    category: str
    what: str
    source: str


def find_confounders(
    data: NewsData, placements: pd.DataFrame, window: tuple[int, int] = (0, 0)
) -> pd.DataFrame:
    """Find other news whose first session lies near day 0; see `analysis.desk.Desk.confounders`.

    Parameters
    ----------
    placements : pandas.DataFrame
        As `analysis.desk.Desk.placements` returns it.
    window : (int, int)
        Sessions relative to day 0, both included.
    """
    import pandas as pd

    if window[0] > window[1]:
        raise InputError(f"The window {window[0]} {window[1]} ends before it starts.")
    rows: list[dict[str, Any]] = []
    placed = placements[placements["day0"].notna()]
    roles, entities = _described(data)
    for event_id, pairs in placed.groupby("event_id", sort=False):
        zero = {
            str(exchange): day.date()
            for exchange, day in pairs.groupby("exchange")["day0"].first().items()
        }
        own = data.catalogue.event(str(event_id))
        near = _near(data, own, min(zero.values()), max(zero.values()))
        offsets = _offsets(data.calendars, zero, window)
        sessions = _sessions(data.calendars, near, zero)
        for security, exchange in zip(pairs["security"], pairs["exchange"], strict=True):
            for place, news in enumerate(near):
                session = sessions.get((place, exchange))
                offset = offsets[exchange].get(session) if session else None
                kind = _kind(news, entities.get(security, ""), roles, security)
                if offset is None or not kind:
                    continue
                rows.append(
                    {
                        "event_id": event_id,
                        "security": security,
                        "kind": kind,
                        "category": news.category,
                        "what": news.what,
                        "date": news.row["date"],
                        "session": session,
                        "offset": offset,
                        "source": news.source,
                    }
                )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("date", "session"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
    return frame


class _Roles(NamedTuple):
    by_ticker: dict[str, str]
    by_entity: dict[str, frozenset[str]]


def _described(data: NewsData) -> tuple[_Roles, dict[str, str]]:
    """Roles of securities and of companies, and the company of every security."""
    by_entity: dict[str, set[str]] = defaultdict(set)
    by_ticker, entities = {}, {}
    for ticker, entity, role in data.instruments().select("ticker", "entity", "role").iter_rows():
        by_ticker[ticker], entities[ticker] = role or "", entity or ""
        if entity and role:
            by_entity[entity].add(role)
    return _Roles(by_ticker, {name: frozenset(own) for name, own in by_entity.items()}), entities


def _near(data: NewsData, own: Mapping[str, Any], first: date, last: date) -> list[_News]:
    """Other events and results from two weeks before to two weeks after."""
    since, until = first - _REACH, last + _REACH
    named = frozenset(filter(None, (own["entities"] or "").split(";")))
    found = [
        _News(
            row,
            frozenset(filter(None, (row["entities"] or "").split(";"))),
            row["category"],
            row["title"],
            f"catalogue event {row['id']}",
        )
        for row in data.events(since=since, until=until).iter_rows(named=True)
        if row["id"] != own["id"]
    ]
    # Results that are the event itself are no other news.
    studied = named if own["category"] == "earnings" else frozenset()
    catalogued = {
        (entity, news.row["date"])
        for news in found
        if news.category == "earnings"
        for entity in news.entities
    }
    for news in _results(data, since, until):
        (entity,) = news.entities
        if entity not in studied and (entity, news.row["date"]) not in catalogued:
            found.append(news)
    return found


def _results(data: NewsData, since: date, until: date) -> Iterator[_News]:
    """Days on which companies of the catalogue published results, one row a company and day."""
    import polars as pl

    instruments = data.instruments().select("ticker", "entity").drop_nulls()
    near = (
        data.table("earnings")
        .filter(pl.col("date").is_between(since, until) & pl.col("kind").is_in(list(_KINDS)))
        .join(instruments, on="ticker")
        .unique(["entity", "date"], keep="first", maintain_order=True)
    )
    for row in near.iter_rows(named=True):
        what = f"{row['entity']} {_KINDS[row['kind']]}"
        event = {**row, "id": what, "time_utc": None, "flag": ""}
        yield _News(event, frozenset([row["entity"]]), "earnings", what, row["source"])


def _offsets(
    calendars: Calendars, zero: Mapping[str, date], window: tuple[int, int]
) -> dict[str, dict[date, int]]:
    """Sessions of every exchange within the window, to their distance from day 0."""
    found: dict[str, dict[date, int]] = {}
    for exchange, day in zero.items():
        found[exchange] = {}
        for offset in range(window[0], window[1] + 1):
            try:
                session = calendars.shift(exchange or CURRENCY_EXCHANGE, day, offset)
            except InputError:  # beyond what is published of the calendar
                continue
            found[exchange][session] = offset
    return found


def _sessions(
    calendars: Calendars, near: Sequence[_News], exchanges: Collection[str]
) -> dict[tuple[int, str], date]:
    """First session of every piece of news on every exchange."""
    rows = [{**news.row, "id": place} for place, news in enumerate(near)]
    placed = assign_day0(rows, {exchange: exchange for exchange in exchanges}, calendars)
    placed = placed[placed["day0"].notna()]
    keys = zip(placed["event_id"], placed["exchange"], strict=True)
    return dict(zip(keys, placed["day0"].dt.date, strict=True))


def _kind(news: _News, entity: str, roles: _Roles, security: str) -> str:
    """Whose news it is, seen from a security; blank where it is none of its own."""
    company = news.category in COMPANY_NEWS
    if entity and entity in news.entities:
        return "own" if company else ""
    if not news.entities & roles.by_entity.keys():
        return "market" if news.category in _MARKET_NEWS and not news.entities else ""
    role = roles.by_ticker.get(security, "")
    alike = any(role in roles.by_entity.get(name, ()) for name in news.entities)
    return "sector" if company and role and alike else ""
