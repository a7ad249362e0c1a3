"""Rows for tests of the store, and what a slow and obvious store would answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from analysis.store import Store
from analysis.store.location import StoreLocation
from analysis.tables import TABLES

TYPES = {name: held.dtype for name, held in TABLES["prices"].columns().items()}


class Seen(NamedTuple):
    """One observation of an adjusted close."""

    day: date
    ticker: str
    at: datetime
    value: float
    flag: str | None = None
    source: str = "a vendor"


def prices(rows: Iterable[Seen]) -> pl.DataFrame:
    """Rows of the table ``prices``."""
    made = [
        {
            "date": row.day,
            "ticker": row.ticker,
            "adj_close": row.value,
            "source": row.source,
            "observed_at": row.at,
            "backfilled": False,
            "flag": row.flag,
        }
        for row in rows
    ]
    return pl.DataFrame(made, schema=TYPES)


def over_address(folder: Path, seed: Path | None = None) -> Store:
    """A store in a folder that is reached as an object store is: without locks and checksums."""
    store = Store("memory://nowhere", seed=seed)
    store.home = folder.as_uri()
    store._place = StoreLocation(store.home)
    return store


def at(day: int, hour: int = 21) -> datetime:
    """An instant in January 2025."""
    return datetime(2025, 1, day, hour, tzinfo=UTC)


def known(rows: Sequence[Seen], limit: datetime | None) -> dict[tuple[date, str], float]:
    """Value of each figure as of an instant, the slow and obvious way."""
    found: dict[tuple[date, str], float] = {}
    for row in sorted(rows, key=lambda row: row.at):
        if limit is None or row.at <= limit:
            found[row.day, row.ticker] = row.value
    return found


def adding(kept: Sequence[Seen], batch: Sequence[Seen]) -> list[Seen]:
    """Observations that are kept once a batch has come: one that repeats is not."""
    rows = list(kept)
    for row in sorted(batch, key=lambda row: row.at):
        before = [one for one in rows if one[:2] == row[:2] and one.at < row.at]
        if not before or max(before, key=lambda one: one.at).value != row.value:
            rows.append(row)
    return rows


def values(frame: pl.DataFrame) -> dict[tuple[date, str], float]:
    """Value of each figure in a frame that was read."""
    return {
        (day, ticker): value
        for day, ticker, value in frame.select("date", "ticker", "adj_close").iter_rows()
    }
