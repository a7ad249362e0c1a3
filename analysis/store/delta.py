"""Files and commits of one table of the store, as a Delta table: read, added to, compacted.

A commit that adds rows names the table's count of appends so far, as a Delta application
transaction. Two writers that read the same version name the same count, so the second one's
commit fails and it looks again at what is stored: what was checked before a commit still
holds when the commit is made, on a local disk as on an object store. Compaction moves rows
without changing any, takes no count, and gives way to whatever was committed meanwhile.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, is_panic
from analysis.redaction import redact
from analysis.store.bitemporal import KeyFilter
from analysis.store.integrity import Integrity
from analysis.store.location import StoreLocation

if TYPE_CHECKING:
    import polars as pl
    from deltalake import CommitProperties, DeltaTable, WriterProperties

APP_ID = "faultline"
PARTITION = "year"
SETTINGS: dict[str, str | None] = {"delta.checkpointInterval": "25"}

# A reader that began before a compaction still needs the old files while it reads.
RETENTION = timedelta(days=7)
COMPACT_MIN_FILES = 24  # a part of a table in so many files is put together again
_ROOM = 2**20  # bytes for the commit, its checksums and a checkpoint


class CommitConflictError(Exception):
    """Another process committed first: look again at what is stored."""


class DeltaRows:
    """Rows of one Delta table.

    Parameters
    ----------
    place : StoreLocation
        Where the store lies.
    name : str
        Of the table: its folder.
    types : mapping of str to polars data type
    order : sequence of str
        Columns by which rows are sorted within a file.
    dated : str, optional
        Column of days by whose year the table is cut into parts.
    """

    def __init__(
        self,
        place: StoreLocation,
        name: str,
        types: dict[str, Any],
        order: Sequence[str],
        dated: str | None = None,
    ) -> None:
        self.place, self.name, self.types = place, name, types
        self.order, self.dated = list(order), dated
        folder = place.folder
        self._integrity = None if folder is None else Integrity(folder, name)
        self._lock = Lock()
        self._held: DeltaTable | None = None
        self._files: tuple[int, pl.DataFrame] | None = None

    # Reading ---------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether a first commit was made."""
        if self._integrity is not None:
            return self._integrity.begun()
        from deltalake import DeltaTable

        with self._translate_errors("opened"):
            return bool(DeltaTable.is_deltatable(self._uri, self.place.options))

    def open(self) -> DeltaTable:
        """Open the table at its newest version, to add to it: a torn file is an error."""
        table = self._opened()
        if self._integrity is not None:
            with self._translate_errors("written"):
                files = file_statistics(table).select("path", "size_bytes")
                self._integrity.check_unrecorded(files.iter_rows())
        return table

    def _opened(self) -> DeltaTable:
        from deltalake import DeltaTable

        newest = self._newest()
        with self._translate_errors("opened"):
            table = DeltaTable(self._uri, storage_options=self.place.options)
        self._compare(table, newest)
        return table

    def files(self) -> tuple[int, pl.DataFrame]:
        """List the newest version and its files with the bounds of what they hold."""
        with self._lock, self._translate_errors("opened"):
            if self._held is None:
                self._held = self._opened()
            else:
                newest = self._newest()
                self._held.update_incremental()
                self._compare(self._held, newest)
            version = self._held.version()
            if self._files is None or self._files[0] != version:
                self._files = version, file_statistics(self._held)
            return self._files

    def files_by_part(self) -> Iterator[tuple[int | None, pl.DataFrame]]:
        """Files of the newest version part by part; all of them where the table has no parts."""
        files = self.files()[1]
        column = f"partition.{PARTITION}"
        for part in sorted(files[column].unique()) if self.dated else [None]:
            yield part, files if part is None else files.filter(files[column] == part)

    def _newest(self) -> int | None:
        """Version that the log says is the newest, after a look at whether it is whole."""
        return None if self._integrity is None else self._integrity.check_log()

    def _compare(self, table: DeltaTable, newest: int | None) -> None:
        if newest is not None and table.version() < newest:
            raise DataError(
                f"Table {self.name!r} of the store {self.place} opens at version"
                f" {table.version()} although its log has {newest}: restore its _delta_log from a"
                " good copy."
            )

    def scan(
        self,
        asked: Sequence[KeyFilter] = (),
        limit: datetime | None = None,
        files: pl.DataFrame | None = None,
    ) -> pl.LazyFrame:
        """Rows that were asked for, observed by ``limit``, in no order.

        Only files and row groups are opened that can hold such rows by their noted bounds.
        """
        import polars as pl

        files = self.files()[1] if files is None else files
        for one in asked:
            files = _within(files, one.column, one.first, one.last, self.dated == one.column)
        if limit is not None:
            files = _within(files, "observed_at", None, limit, dated=False)
        if files.is_empty() or any(one.values == () for one in asked):
            return pl.LazyFrame(schema=self.types)
        if self._integrity is not None:
            self._integrity.check_files(files.select("path", "size_bytes").iter_rows())
        rows = pl.scan_parquet(
            [f"{self._uri}/{path}" for path in files["path"]],
            hive_partitioning=False,
            glob=False,
            storage_options=self.place.options,
        )
        for one in asked:
            rows = rows.filter(one.condition)
        if limit is not None:
            rows = rows.filter(pl.col("observed_at") <= limit)
        return rows.select(list(self.types))

    def collect(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Read what `scan` promised."""
        with self._translate_errors("read"):
            return rows.collect()

    def observed_after(self, moment: datetime) -> datetime | None:
        """Last instant at which a clock observed a row, if it is after ``moment``.

        Rows that came with the package have instants by rule.
        """
        last = self.collect(self.after(moment).select("observed_at"))["observed_at"].max()
        return last if isinstance(last, datetime) else None

    def after(self, moment: datetime) -> pl.LazyFrame:
        """Rows that a clock observed after ``moment``."""
        import polars as pl

        late = self.scan([KeyFilter("observed_at", None, moment, None)])
        return late.filter((pl.col("observed_at") > moment) & ~pl.col("backfilled"))

    # Writing ---------------------------------------------------------------------------

    def append(self, rows: pl.DataFrame, table: DeltaTable | None) -> None:
        """Commit rows to the version of the table that was looked at.

        ``table`` is as it was when what it holds was checked; None: it did not exist.

        Raises
        ------
        CommitConflictError
            Another process appended meanwhile, or made the table.
        DataError
            The rows could not be written.
        """
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        count = 0 if table is None else table.transaction_version(APP_ID) or 0
        before = -1 if table is None else table.version()
        made = table is None
        # Where there is no version to be held against, a second try would follow the first
        # commit of another process and double its rows: the making of a table tries once.
        taken = CommitProperties(
            app_transactions=[Transaction(APP_ID, count + 1)],
            max_commit_retries=0 if made else None,
        )
        with self._translate_errors("written"):
            self._check_room(rows)
            if made and self._integrity:
                self._integrity.begin()
            try:
                write_deltalake(
                    self._uri if table is None else table,
                    self._sorted(rows),
                    mode="error" if made else "append",
                    partition_by=[PARTITION] if made and self.dated else None,
                    name=self.name if made else None,
                    configuration=SETTINGS if made else None,
                    storage_options=self.place.options if made else None,
                    writer_properties=_writing(),
                    commit_properties=taken,
                )
            except CommitFailedError as problem:
                raise CommitConflictError from problem
            except DeltaError as problem:
                if made and self.exists():
                    raise CommitConflictError from problem
                raise
            self._seal(before)

    def _check_room(self, rows: pl.DataFrame) -> None:
        """Refuse to begin on a full disk, where the library panics on standard error."""
        if self.place.folder is None:
            return
        needed = rows.estimated_size() + _ROOM
        if shutil.disk_usage(self.place.folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _seal(self, after: int) -> None:
        """See that what was committed after a version survives a power cut."""
        if self._integrity:
            self._integrity.seal(after)

    def compact(self, *, many: int = COMPACT_MIN_FILES) -> int:
        """Put the rows of parts in ``many`` files or more into sorted ones; how many parts.

        One that another process changes meanwhile stays as it is, and one with a file that has
        no checksum to be held against.
        """
        from deltalake import write_deltalake
        from deltalake.exceptions import CommitFailedError

        done = 0
        for part in self._partitions_to_compact(many):
            table = self.open()
            before, files = table.version(), file_statistics(table)
            if self.dated:
                files = files.filter(files[f"partition.{PARTITION}"] == part)
            if self._integrity and not self._integrity.are_recorded(files["path"]):
                continue
            rows = self._sorted(self.collect(self.scan(files=files)))
            with self._translate_errors("written"):
                self._check_room(rows)
                try:
                    write_deltalake(
                        table,
                        rows,
                        mode="overwrite",
                        predicate=f"{PARTITION} = {part}" if self.dated else None,
                        writer_properties=_writing(),
                        commit_properties=_commit_note("compaction"),
                    )
                except CommitFailedError:
                    continue
                self._seal(before)
            done += 1
        return done

    def delete_after(self, moment: datetime) -> None:
        """Take the rows of `after` out of the table, in one commit."""
        at = f"arrow_cast('{moment.isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        with self._translate_errors("written"):
            table = self.open()
            before = table.version()
            self.scan(files=file_statistics(table))  # and with that checked
            table.delete(
                f"observed_at > {at} AND NOT backfilled",
                writer_properties=_writing(),
                commit_properties=_commit_note("rows observed in the future taken out"),
            )
            self._seal(before)

    def vacuum(self) -> int:
        """Delete files that no version needs any more; how many.

        Every observation is in the newest version. Files of a writer that was killed go too,
        once they are as old.
        """
        hours = int(RETENTION.total_seconds() // 3600)
        with self._translate_errors("written"):
            table = self.open()
            before = table.version()
            done = table.vacuum(retention_hours=hours, dry_run=False, full=True)
            self._seal(before)
            return len(done)

    def _partitions_to_compact(self, many: int) -> list[int | None]:
        return [part for part, files in self.files_by_part() if files.height >= many]

    def _sorted(self, rows: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        rows = rows.select(list(self.types)).sort(self.order)
        if self.dated:
            rows = rows.with_columns(pl.col(self.dated).dt.year().cast(pl.Int32).alias(PARTITION))
        return rows

    @property
    def _uri(self) -> str:
        return self.place.uri(self.name)

    @contextmanager
    def _translate_errors(self, done: str) -> Iterator[None]:
        """Turn what goes wrong with files into one sentence."""
        import polars as pl
        from deltalake.exceptions import DeltaError

        try:
            yield
        except BaseException as problem:
            known = isinstance(problem, DeltaError | OSError | pl.exceptions.PolarsError)
            if not (known or is_panic(problem)):
                raise
            raise DataError(
                f"Table {self.name!r} of the store {self.place} cannot be {done} "
                f"({redact(_first_line(problem))}): {_suggest_fix(problem, done, self.place)}."
            ) from None


def file_statistics(table: DeltaTable) -> pl.DataFrame:
    """Files of a version, with the bounds of what they hold."""
    import polars as pl

    return pl.DataFrame(table.get_add_actions(flatten=True))


def _within(files: pl.DataFrame, column: str, first: Any, last: Any, dated: bool) -> pl.DataFrame:
    """Files whose bounds do not rule out a value between two ends."""
    import polars as pl

    least, most = f"min.{column}", f"max.{column}"
    if least in files.columns:
        if first is not None:
            files = files.filter((pl.col(most) >= first) | pl.col(most).is_null())
        if last is not None:
            files = files.filter((pl.col(least) <= last) | pl.col(least).is_null())
    if dated and f"partition.{PARTITION}" in files.columns:
        year = pl.col(f"partition.{PARTITION}")
        files = files if first is None else files.filter(year >= first.year)
        files = files if last is None else files.filter(year <= last.year)
    return files


def _writing() -> WriterProperties:
    from deltalake import WriterProperties

    return WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=1 << 17)


def _commit_note(why: str) -> CommitProperties:
    from deltalake import CommitProperties

    return CommitProperties(custom_metadata={"userMetadata": why})


def _first_line(problem: BaseException) -> str:
    line = str(problem).strip().partition("\n")[0]
    return line if len(line) <= 200 else f"{line[:200]}\u2026"


def _suggest_fix(problem: BaseException, done: str, place: StoreLocation) -> str:
    intact = "and try again; what was stored before is intact"
    if any(sign in str(problem).lower() for sign in ("no space", "too large", "quota", "disk")):
        return f"free some space there {intact}"
    if done == "written":
        return f"check that it can be written there {intact}"
    if place.folder is None:
        return "see that the address can be reached and that its keys are right, and repeat"
    return "restore that folder from a good copy, or move it away to begin anew"
