"""A live store: one Delta table for each table, added to by whoever comes.

Called by `analysis.store.store.Store`, which says what each step promises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from analysis.dates import utc_now
from analysis.errors import DataError
from analysis.store.admission import quarantine_rows, split_valid
from analysis.store.append_result import AppendResult, find_revisions
from analysis.store.bitemporal import KeyFilter, classify
from analysis.store.content_hash import content_hash
from analysis.store.delta import CommitConflictError, DeltaRows
from analysis.store.location import StoreLocation
from analysis.store.quarantine import Quarantine
from analysis.store.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

# Tables that grow by thousands of rows a day are cut by the year of their days.
PARTITIONED = {"prices": "date", "downloads": "date"}

# A store may be shared by machines whose clocks differ, and not by more than this.
A_DAY = timedelta(days=1)
# So long other tables than the one that is added to are not looked at again for it.
A_MINUTE = timedelta(minutes=1)

# Each loss means that another writer's rows were stored; so many in a row are no accident.
MAX_COMMIT_ATTEMPTS = 200

# Rows that are held at once where a whole table is gone through.
PIECE = 2_000_000

# Of a few values each is asked for, of many only what lies between the first and the last.
MAX_IN_VALUES = 200

RejectedRow = tuple[dict[str, Any], str]


class LiveStore:
    """The Delta tables of one place."""

    def __init__(self, place: StoreLocation, seed: Snapshot | None) -> None:
        from analysis.tables import TABLES, keys_of

        self._place, self._seed = place, seed
        self.quarantine = Quarantine(place)
        self._tables = {
            name: DeltaRows(
                place, name, types_of(name), _order(keys_of(name)), PARTITIONED.get(name)
            )
            for name in TABLES
        }
        self._there: set[str] = set()
        self._looked: datetime | None = None
        self._versions: dict[tuple[Any, ...], tuple[bytes, int, datetime | None]] = {}

    # Reading ---------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the table was begun; once begun it stays."""
        if name not in self._there and self._tables[name].exists():
            self._there.add(name)
        return name in self._there

    def stamp(self, name: str) -> int | None:
        """Say which version of the table would be read now."""
        return self._tables[name].files()[0] if self.has(name) else None

    def observations(
        self, name: str, wanted: Sequence[KeyFilter], limit: datetime | None
    ) -> pl.DataFrame:
        """Stored rows that were asked for, observed by ``limit``."""
        import polars as pl

        if not self.has(name):
            return pl.DataFrame(schema=types_of(name))
        table = self._tables[name]
        return table.collect(table.scan(wanted, limit))

    def pieces(self, name: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Some columns of all observations in pieces of bounded size; a key is in one alone."""
        import polars as pl

        from analysis.tables import keys_of

        table = self._tables[name]
        subject = next(key for key in keys_of(name) if key != table.dated)
        for _, own in table.files_by_part():
            cuts = max(1, -(-int(own["num_records"].sum()) // PIECE))
            for cut in range(cuts):
                rows = table.scan(files=own).select(columns)
                if cuts > 1:
                    rows = rows.filter(pl.col(subject).hash() % cuts == cut)
                yield table.collect(rows)

    def version(self, name: str, limit: datetime | None) -> dict[str, Any]:
        """Hash the observations part by part, so that a table larger than memory can be."""
        found = hashlib.sha256()
        rows, last = 0, None
        for part, known, rows_of in self._parts(name, limit):
            if known not in self._versions:
                self._versions[known] = _content(name, rows_of())
            content, count, latest = self._versions[known]
            if count:
                found.update(f"{part}\0".encode() + content)
                rows += count
                last = latest if last is None or (latest and latest > last) else last
        return {
            "sha256": found.hexdigest(),
            "rows": rows,
            "observed_to": last.isoformat() if last else None,
        }

    def _parts(
        self, name: str, limit: datetime | None
    ) -> Iterator[tuple[int | None, tuple[Any, ...], Callable[[], pl.DataFrame]]]:
        """Name each part of a table, what tells its content apart, and how to read it."""
        table = self._tables[name]
        if not self.has(name):
            yield from self._parts_to_be(name, limit)
            return
        for part, own in table.files_by_part():
            known = (name, limit, *sorted(own["path"]))
            yield part, known, partial(_read, table, own, limit)

    def _parts_to_be(
        self, name: str, limit: datetime | None
    ) -> Iterator[tuple[int | None, tuple[Any, ...], Callable[[], pl.DataFrame]]]:
        """Cut what a table would begin with as the table would be."""
        import polars as pl

        if self._seed is None or name not in self._seed.names():
            return
        rows, stamp = self._seed.observations(name), self._seed.stamp(name)
        if limit is not None:
            rows = rows.filter(pl.col("observed_at") <= limit)
        dated = PARTITIONED.get(name)
        if dated is None:
            yield None, (name, limit, stamp), lambda: rows
            return
        for (part,), own in sorted(rows.group_by(pl.col(dated).dt.year()), key=itemgetter(0)):
            yield cast("int", part), (name, limit, stamp, part), partial(pl.DataFrame, own)

    # Writing ---------------------------------------------------------------------------

    def append(self, name: str, frame: pl.DataFrame) -> AppendResult:
        """Add what is valid and new; the rest is counted, or kept apart with its reason."""
        import polars as pl

        now = utc_now()
        self._check_clock(name, now)
        good, bad = split_valid(name, frame, now)
        if not self.has(name):
            self.seed()
        marked = self._commit(name, good)
        against = marked.filter(pl.col("change") == "contradicted")
        bad = pl.concat([bad, quarantine_rows(name, _contradictions(against, good.columns), now)])
        counts = dict(marked["change"].value_counts().iter_rows())
        # The rows are stored: what fails from here on must not take their counts and alerts along.
        failures: list[str] = []
        with _noting(failures):
            self.quarantine.add(name, bad)
        if counts.keys() & {"new", "revised"}:
            with _noting(failures), self._place.locked(name):
                self._tables[name].compact()
        return AppendResult(
            name,
            new=counts.get("new", 0),
            revised=counts.get("revised", 0),
            unchanged=counts.get("unchanged", 0),
            rejected=bad.height,
            alerts=find_revisions(name, marked),
            refused=None if bad.is_empty() else bad,
            failures=tuple(failures),
        )

    def refuse(self, name: str, source: str, records: Sequence[tuple[str, str]]) -> None:
        """Keep what could not become a row, with the reason."""
        now = utc_now()
        known: list[RejectedRow] = [
            ({"record": record, "source": source, "observed_at": now}, reason)
            for record, reason in records
        ]
        self.quarantine.add(name, quarantine_rows(name, known, now))

    def seed(self) -> None:
        """Begin each table that the snapshot has and the store has not, in one commit each.

        A process that dies here leaves whole tables or none; one that comes second finds
        them begun.
        """
        for name in self._seed.names() if self._seed else ():
            if self.has(name):
                continue
            rows = self._seed.observations(name) if self._seed else None
            with self._place.locked(name):
                if self._tables[name].exists() or rows is None or rows.is_empty():
                    continue
                try:
                    self._tables[name].append(rows, None)
                except CommitConflictError:
                    continue

    def compact(self, name: str | None) -> int:
        """Put together every part that lies in more than one file, and clear away."""
        done = 0
        for one in [name] if name else list(self._tables):
            if self.has(one):
                with self._place.locked(one):
                    done += self._tables[one].compact(many=2)
                    self._tables[one].vacuum()
        return done

    def names(self) -> list[str]:
        """Tables that a store can have."""
        return list(self._tables)

    def ahead(self, name: str, limit: datetime) -> tuple[int, datetime] | None:
        """How many rows say they were observed after an instant, and the last of them."""
        import polars as pl

        if not self.has(name):
            return None
        table = self._tables[name]
        counted = table.after(limit).select(pl.len(), pl.col("observed_at").max())
        count, last = table.collect(counted).row(0)
        return (count, last) if count else None

    def take_out(self, name: str, limit: datetime) -> None:
        """Move rows that say they were observed after an instant into the quarantine.

        They are there before they are taken out of the table: a process that dies between the
        two leaves them in both, and the next one finds them in the quarantine already.
        """
        table = self._tables[name]
        with self._place.locked(name):
            rows = table.collect(table.after(limit))
            out = [
                (
                    row,
                    f"observed_at {row['observed_at']:%Y-%m-%d %H:%M:%S} UTC was still to come when"
                    " the store was repaired: a clock was wrong when the row was stored",
                )
                for row in rows.iter_rows(named=True)
            ]
            self.quarantine.add(name, quarantine_rows(name, out, utc_now()))
            table.delete_after(limit)

    def _commit(self, name: str, good: pl.DataFrame) -> pl.DataFrame:
        """Store what adds something; each row comes back with what it did."""
        import polars as pl

        rows = self._tables[name]
        with self._place.locked(name):
            for _ in range(MAX_COMMIT_ATTEMPTS):
                table = rows.open() if rows.exists() else None
                marked = classify(name, self._existing_rows(name, good, table), good)
                adding = marked.filter(pl.col("change").is_in(["new", "revised"]))
                if adding.is_empty():
                    return marked
                try:
                    rows.append(adding.select(good.columns), table)
                except CommitConflictError:
                    continue
                return marked
        raise DataError(
            f"Other processes keep writing to table {name!r} of the store {self._place}; try again"
            " later."
        )

    def _check_clock(self, name: str, now: datetime) -> None:
        """Refuse to store where a clock observed something that is still to come, in any table.

        The clock of this machine is behind then, or was ahead: what is stored with it would be
        read in the wrong order.
        """
        lately = self._looked is not None and timedelta() <= now - self._looked < A_MINUTE
        for one in [name] if lately else self._tables:
            late = None
            with suppress(DataError):  # A damaged table stops no other; an append to it says so.
                late = self._tables[one].observed_after(now + A_DAY) if self.has(one) else None
            if late is not None:
                raise DataError(
                    f"Table {one!r} of the store {self._place} holds an observation of "
                    f"{late:%Y-%m-%d %H:%M} UTC, and this machine's clock says {now:%Y-%m-%d %H:%M}"
                    " UTC: nothing was stored. Set the clock right; if it is right, it was wrong "
                    "when that was stored: run faultline doctor --repair."
                )
        self._looked = self._looked if lately else now

    def _existing_rows(self, name: str, good: pl.DataFrame, table: Any) -> pl.DataFrame:
        """Stored observations of the keys that arrived, and few others."""
        import polars as pl

        from analysis.store.delta import file_statistics
        from analysis.tables import keys_of

        rows = self._tables[name]
        if table is None or good.is_empty():
            return pl.DataFrame(schema=types_of(name))
        wanted = []
        for key in keys_of(name):
            values = good[key].unique()
            ends = values.min(), values.max()
            few = tuple(values) if len(values) <= MAX_IN_VALUES else None
            wanted.append(KeyFilter(key, few, *ends))
        return rows.collect(rows.scan(wanted, files=file_statistics(table)))


@contextmanager
def _noting(failures: list[str]) -> Iterator[None]:
    try:
        yield
    except DataError as problem:
        failures.append(str(problem))


def _read(table: DeltaRows, files: pl.DataFrame, limit: datetime | None) -> pl.DataFrame:
    return table.collect(table.scan(limit=limit, files=files))


def _content(name: str, rows: pl.DataFrame) -> tuple[bytes, int, datetime | None]:
    from analysis.tables import keys_of

    latest = rows["observed_at"].max()
    return (
        content_hash(rows.select(list(types_of(name))), [*keys_of(name), "observed_at"]),
        rows.height,
        latest if isinstance(latest, datetime) else None,
    )


def types_of(name: str) -> dict[str, Any]:
    """Columns of a table with their types in memory."""
    from analysis.tables import schema_of

    return {column: held.dtype for column, held in schema_of(name).columns().items()}


def _order(keys: list[str]) -> list[str]:
    """Sort by what a figure is about before its day: readers ask for few tickers, many days."""
    days = [key for key in keys if key in ("date", "period_end")]
    return [*(key for key in keys if key not in days), *days, "observed_at"]


def _contradictions(rows: pl.DataFrame, columns: list[str]) -> list[RejectedRow]:
    reason = (
        "the key has other values already, observed at the same instant: one of the two is "
        "wrong, or the clock was"
    )
    return [(row, reason) for row in rows.select(columns).iter_rows(named=True)]
