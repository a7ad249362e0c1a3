"""Which events and which securities: the selections that desk and command share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    import polars as pl

    from analysis.catalogue import Catalogue

# Exchanges whose sessions are New York's, and what has no exchange; all others are in Asia.
NEW_YORK = frozenset({"XNYS", "XNAS", "ARCX", "XCBO", ""})


def select_events(
    events: pl.DataFrame,
    *,
    category: str | None = None,
    entity: str | None = None,
    status: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Keep the events that meet every criterion given, oldest first.

    Parameters
    ----------
    events : polars.DataFrame
        The catalogue's ``events`` table.
    category, status, entity : str, optional
        An entity counts when it is one of those that the event names.
    first, last : datetime.date, optional
        Both included.

    Raises
    ------
    InputError
        For a category, entity or status that no event of the table has.
    """
    import polars as pl

    named = pl.col("entities").fill_null("").str.split(";")
    criteria = (
        ("category", category, pl.col("category")),
        ("status", status, pl.col("status")),
        ("entity", entity, named),
    )
    kept = events
    for kind, value, column in criteria:
        if value is None:
            continue
        known = events.select(column.alias("name"))
        if kind == "entity":
            known = known.explode("name").filter(pl.col("name") != "")
            kept = kept.filter(named.list.contains(value))
        else:
            kept = kept.filter(column == value)
        names = known["name"].drop_nulls().unique().sort().to_list()
        if value not in names:
            raise unknown_name(kind, value, names)
    if first is not None:
        kept = kept.filter(pl.col("date") >= first)
    if last is not None:
        kept = kept.filter(pl.col("date") <= last)
    return kept.sort("date", "id")


def select_securities(
    catalogue: Catalogue,
    events: Sequence[Mapping[str, Any]],
    tickers: str | Sequence[str] | None = None,
    group: str | None = None,
) -> list[str]:
    """Securities that a study of some events takes.

    The tickers or the group as given; else the events' entities and every security with a
    role that is traded: not index, etf, fx or volatility.

    Raises
    ------
    InputError
        For an unknown ticker or group, for both at once, and for an empty list.
    """
    if tickers is not None and group is not None:
        raise InputError("Give tickers or a group, not both.")
    if group is not None:
        return catalogue.members(group)
    if tickers is not None:
        given = tickers.split(",") if isinstance(tickers, str) else tickers
        wanted = list(dict.fromkeys(item.strip() for item in given if item.strip()))
        if not wanted:
            raise InputError("The list of tickers is empty; name one, for instance NVDA.")
        for ticker in wanted:
            catalogue.instrument(ticker)
        return wanted
    named = [
        ticker
        for event in events
        for ticker in catalogue.entities_to_tickers((event["entities"] or "").split(";"))
    ]
    return list(dict.fromkeys([*named, *_traded(catalogue)["ticker"].to_list()]))


def one_listing_each(catalogue: Catalogue, tickers: Sequence[str]) -> list[str]:
    """Leave out second listings of companies whose primary listing is there too.

    An average would count such a company twice.
    """
    import polars as pl

    listed = catalogue.table("instruments").filter(pl.col("ticker").is_in(list(tickers)))
    counted = listed.filter(pl.col("primary") == "yes")["entity"]
    second = listed.filter((pl.col("primary") == "no") & pl.col("entity").is_in(counted.implode()))
    left_out = set(second["ticker"])
    return [ticker for ticker in tickers if ticker not in left_out]


def select_peers(catalogue: Catalogue, securities: Sequence[str]) -> dict[str, list[str]]:
    """Those that each security may be compared with, itself among them.

    Every security with a role that is traded, on exchanges of the same hours: returns of one
    date in New York and in Asia are hours apart.
    """
    hours: dict[bool, list[str]] = {True: [], False: []}
    for ticker, exchange in _traded(catalogue).select("ticker", "exchange").iter_rows():
        hours[(exchange or "") in NEW_YORK].append(ticker)
    exchanges = {item: catalogue.instrument(item)["exchange"] or "" for item in securities}
    return {item: hours[exchange in NEW_YORK] for item, exchange in exchanges.items()}


def _traded(catalogue: Catalogue) -> pl.DataFrame:
    """Instruments with a role that is not index, etf, fx or volatility."""
    import polars as pl

    from analysis.tables.curated import NOT_TRADED

    return catalogue.table("instruments").filter(
        pl.col("role").is_not_null() & ~pl.col("role").is_in(list(NOT_TRADED))
    )
