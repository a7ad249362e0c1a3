"""Events by what they are about and when; the desk and the command ask through it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from analysis.errors import unknown

if TYPE_CHECKING:
    import polars as pl


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
            raise unknown(kind, value, names)
    if first is not None:
        kept = kept.filter(pl.col("date") >= first)
    if last is not None:
        kept = kept.filter(pl.col("date") <= last)
    return kept.sort("date", "id")
