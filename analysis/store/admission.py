"""What arrives is held against its schema and the clock; what fails is kept apart with reasons.

Pure but for the clock. Called by the store when rows are appended.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.dates import utc_now

if TYPE_CHECKING:
    import polars as pl

# Clocks of two machines that share a store may differ by this much.
MAX_CLOCK_SKEW = timedelta(minutes=1)


def split_valid(name: str, frame: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part valid rows from others.

    Parameters
    ----------
    frame : polars.DataFrame
        The columns of its schema.
    now : datetime.datetime
        What the clock says.

    Returns
    -------
    tuple of polars.DataFrame
        Valid rows, and the refused ones as `quarantine_rows` makes them. A row that stands in the
        frame twice (a page that was sent again) counts once.

    Raises
    ------
    DataError
        When a column is missing, further or of another type: then no row can be judged.
    """
    import polars as pl

    from analysis.tables.validation import failures

    good, bad = failures(name, frame.unique(maintain_order=True))
    late = good.filter(pl.col("observed_at") > now + MAX_CLOCK_SKEW)
    reasons = [
        f"observed_at {at:%Y-%m-%d %H:%M:%S} UTC is later than this machine's clock "
        f"({now:%Y-%m-%d %H:%M:%S} UTC): set the clock right"
        for at in late["observed_at"]
    ]
    out = [*bad, *zip(late.iter_rows(named=True), reasons, strict=True)]
    kept = good.filter(pl.col("observed_at") <= now + MAX_CLOCK_SKEW)
    return kept, quarantine_rows(name, out, now)


def quarantine_rows(
    name: str, rows: list[tuple[dict[str, Any], str]], now: datetime | None
) -> pl.DataFrame:
    """Make rows of the quarantine from rows of a table and what is wrong with them.

    Returns
    -------
    polars.DataFrame
        ``table``, ``row`` (JSON of key and values), ``reason``, ``source``, ``observed_at``,
        ``rejected_at``.
    """
    import polars as pl

    types: dict[str, pl.DataType | type[pl.DataType]] = {
        **dict.fromkeys(("table", "row", "reason", "source"), pl.String),
        **dict.fromkeys(("observed_at", "rejected_at"), pl.Datetime("us", "UTC")),
    }
    made = []
    for given, reason in rows:
        row = dict(given)
        source, at = row.pop("source", None), row.pop("observed_at", None)
        text = json.dumps(row, default=str, ensure_ascii=False)
        made.append((name, text, reason, source, at, now))
    return pl.DataFrame(made, schema=types, orient="row")


def latest_possible() -> datetime:
    """Instant after which nothing can have been observed yet."""
    return utc_now() + MAX_CLOCK_SKEW
