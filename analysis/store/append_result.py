"""What an append did to a table, and what about it deserves a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Column of a table, how far a revision may go before it is told of, and whether that is a
# share of the figure before or an amount. Adjusted closes: less than any dividend; factors:
# five hundredths of a per cent a day.
REVISION_THRESHOLDS: dict[str, tuple[str, float, bool]] = {
    "prices": ("adj_close", 0.001, True),
    "factors": ("value", 0.0005, False),
    "risk_indexes": ("value", 0.05, True),
    "revenues": ("value", 0.01, True),
    "downloads": ("value", 0.1, True),
}


@dataclass(frozen=True)
class Revision:
    """A source revised its history by more than rounding."""

    table: str
    subject: str  # key of the table without the day: ``"NVDA"``
    column: str
    days: int  # how many figures were revised
    first: date  # day of the first of them
    last: date
    ratio: float | None  # median of new over old; None where an old figure is 0
    change: float  # the greatest absolute change

    def __str__(self) -> str:
        over = f"on {self.days:,} days from {self.first} to {self.last}"
        if self.days == 1:
            over = f"on {self.first}"
        by = f"greatest change {self.change:.6g}"
        if self.ratio is not None:
            by = f"median of new/old {self.ratio:.6g}"
        told = f"{self.table} {self.subject}: the source revised {self.column} {over}, {by}."
        if self.table == "prices":
            told += " A split or a dividend changes all earlier adjusted closes."
        return told


@dataclass(frozen=True)
class AppendResult:
    """What an append did."""

    table: str  # name of the table
    new: int = 0  # rows whose key was not known before
    revised: int = 0  # that differ from the observation made before them
    unchanged: int = 0  # that repeat it, and were not stored
    rejected: int = 0  # that went into the quarantine
    alerts: tuple[Revision, ...] = ()  # revisions beyond the threshold of the table
    # the rejected rows as the quarantine keeps them; None where there is none
    refused: pl.DataFrame | None = field(default=None, repr=False, compare=False)
    failures: tuple[str, ...] = ()  # what went wrong after the good rows were stored


def find_revisions(name: str, marked: pl.DataFrame) -> tuple[Revision, ...]:
    """Revisions beyond a table's threshold, one alert a subject.

    Parameters
    ----------
    marked : polars.DataFrame
        Rows as `analysis.store.bitemporal.classify` marks them.
    """
    import polars as pl

    from analysis.store.bitemporal import lookup_key_order

    if name not in REVISION_THRESHOLDS:
        return ()
    column, threshold, share = REVISION_THRESHOLDS[name]
    keys = lookup_key_order(name)
    day = "period_end" if "period_end" in keys else "date"
    now, before = pl.col(column), pl.col(f"before_{column}")
    far = (now - before).abs() > threshold * (before.abs() if share else 1.0)
    found = (
        # Of what nobody has seen yet, the vintages of one answer are no news.
        marked.filter("held", pl.col("change") == "revised", far)
        .with_columns(
            _subject=pl.concat_str(
                [pl.col(key).cast(pl.String) for key in keys if key != day], separator=" "
            ),
            _ratio=pl.when(before != 0).then(now / before),
        )
        .group_by("_subject")
        .agg(
            pl.col(day).n_unique().alias("days"),
            pl.col(day).min().alias("first"),
            pl.col(day).max().alias("last"),
            pl.col("_ratio").median().alias("ratio"),
            (now - before).abs().max().alias("most"),
        )
        .sort("_subject")
    )
    return tuple(Revision(name, row[0], column, *row[1:]) for row in found.iter_rows())
