"""Parsed rows into a frame of their table's schema, whatever the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def frame_of(table: str, source: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Build the frame that a loader returns.

    Parameters
    ----------
    table : str
        One of `analysis.tables.TABLES`.
    source : str
        Name of the loader.
    rows : iterable of mapping
        Columns to values; what a row does not name is missing. A row that came twice stands
        once.

    Returns
    -------
    polars.DataFrame
        All columns of the schema, in its order; never backfilled.
    """
    import polars as pl

    from analysis.tables import schema_of

    types = {name: held.dtype for name, held in schema_of(table).columns().items()}
    given = list(rows)
    columns = {name: [row.get(name) for row in given] for name in types}
    columns |= {"source": [source] * len(given), "backfilled": [False] * len(given)}
    return pl.DataFrame(columns, schema=types).unique(maintain_order=True)
