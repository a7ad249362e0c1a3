"""Rows that were refused, kept with the reason until somebody looks at them.

One Delta table for the whole store, called by the store alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.errors import DataError
from analysis.store.admission import quarantine_rows
from analysis.store.bitemporal import KeyFilter
from analysis.store.delta import COMPACT_MIN_FILES, CommitConflictError, DeltaRows
from analysis.store.location import StoreLocation

if TYPE_CHECKING:
    import polars as pl

NAME = "quarantine"
# The same row refused for the same reason, asked for again, is no second finding.
DEDUP_KEY = ("table", "row", "reason", "source")


class Quarantine:
    """The refused rows of one store."""

    def __init__(self, place: StoreLocation) -> None:
        self._place = place
        self._empty = quarantine_rows("", [], None)
        self._rows = DeltaRows(place, NAME, dict(self._empty.schema), ["table", "rejected_at"])

    def read(self, name: str) -> pl.DataFrame:
        """Refused rows of one table, oldest first."""
        if not self._rows.exists():
            return self._empty
        found = self._rows.collect(self._rows.scan([KeyFilter("table", (name,), name, name)]))
        return found.sort("rejected_at", "row", "reason")

    def counts(self, name: str) -> dict[str | None, int]:
        """Number of refused rows of one table by source."""
        if not self._rows.exists():
            return {}
        rows = self._rows.scan([KeyFilter("table", (name,), name, name)])
        return dict(self._rows.collect(rows.group_by("source").len()).iter_rows())

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Add refused rows of one table, each once."""
        rows = rows.unique(DEDUP_KEY, keep="first", maintain_order=True)
        if rows.is_empty():
            return
        with self._place.locked(NAME):
            for _ in range(100):
                table = self._rows.open() if self._rows.exists() else None
                adding = rows.join(self.read(name), on=DEDUP_KEY, how="anti", nulls_equal=True)
                if adding.is_empty():
                    return
                try:
                    self._rows.append(adding, table)
                except CommitConflictError:
                    continue
                self._rows.compact(many=COMPACT_MIN_FILES)
                return
        raise DataError(
            f"Other processes keep writing to the quarantine of the store {self._place}; try again"
            " later."
        )
