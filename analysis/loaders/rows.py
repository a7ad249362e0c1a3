"""Rows of the tables `downloads` and `artefacts` into frames of their schema.

Shared by the loaders that fill these two tables from several platforms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

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


def downloads(platform: str, source: str, counts: Iterable[Count]) -> pl.DataFrame:
    """Frame of the table `downloads`; a row that came twice stands once."""
    return _frame("downloads", platform, source, [asdict(item) for item in counts])


def artefacts(platform: str, source: str, found: Iterable[Artefact]) -> pl.DataFrame:
    """Frame of the table `artefacts`; a row that came twice stands once."""
    return _frame("artefacts", platform, source, [asdict(item) for item in found])


def _frame(table: str, platform: str, source: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    import polars as pl

    from analysis.tables import schema_of

    types = {name: held.dtype for name, held in schema_of(table).columns().items()}
    given = {name: held for name, held in types.items() if not rows or name in rows[0]}
    # A page that shifts while it is read brings an entry twice.
    frame = pl.DataFrame(rows, schema=given).unique(maintain_order=True)
    return frame.with_columns(
        pl.lit(platform).alias("platform"),
        pl.lit(source).alias("source"),
        pl.lit(False).alias("backfilled"),
        pl.lit(None, dtype=pl.String).alias("flag"),
    ).select(list(types))
