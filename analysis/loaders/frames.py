"""Parsed rows as a frame of their table's schema, whatever the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Count:
    """One figure of one entity on one day.

    A value that the source gave as null stays missing: the store keeps such a row apart.
    """

    date: date
    entity: str
    metric: str
    value: float | None
    observed_at: datetime


@dataclass(frozen=True)
class Artefact:
    """One state of something that was published."""

    owner: str
    name: str
    revision: str
    kind: str
    created_at: datetime | None
    url: str
    observed_at: datetime


def renamed(name: str, now: str) -> str:
    """Say that a source calls something by another name than it is watched under."""
    return f"it is called {now} now; its figures continue as {name}."


def downloads_frame(platform: str, source: str, counts: Iterable[Count]) -> pl.DataFrame:
    """Frame of the table `downloads`."""
    return table_frame("downloads", source, ({**vars(one), "platform": platform} for one in counts))


def artefacts_frame(platform: str, source: str, found: Iterable[Artefact]) -> pl.DataFrame:
    """Frame of the table `artefacts`."""
    return table_frame("artefacts", source, ({**vars(one), "platform": platform} for one in found))


def table_frame(table: str, source: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Build the frame that a loader returns: all columns of the schema, in its order.

    What a row does not name is missing. A row that came twice, as on a page that shifts while it is
    read, is kept once.
    """
    import polars as pl

    from analysis.tables import schema_of

    types = {name: held.dtype for name, held in schema_of(table).columns().items()}
    given = list(rows)
    columns = {name: [row.get(name) for row in given] for name in types}
    columns |= {"source": [source] * len(given), "backfilled": [False] * len(given)}
    return pl.DataFrame(columns, schema=types).unique(maintain_order=True)
