"""The tables at rest: observations are added, and read as they were known on a day."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from analysis.dates import parse_day
from analysis.errors import InputError, unknown_name
from analysis.forks import check_usable
from analysis.settings import bundled, folder_or_address, offline
from analysis.store.append_result import AppendResult
from analysis.store.bitemporal import (
    Where,
    as_of_instant,
    latest_as_of,
    latest_columns,
    lookup_key_order,
    parse_filters,
)
from analysis.store.location import StoreLocation, check_folder, check_name
from analysis.store.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

    from analysis.store.writer import LiveStore

# A table of so many rows at most is kept in memory once it was read as a whole.
CACHE_MAX_ROWS = 2_000_000

SNAPSHOT = bundled("data/snapshot")


class Store:
    """The tables of one place: observations are only ever added, by several processes at once.

    Parameters
    ----------
    home : path-like or str
        A folder (a ``file:`` address too), or the address of an object store such as
        ``s3://bucket/faultline``. A folder that holds files like ``prices.parquet`` (the bundled
        snapshot is one) is only read. Anything else is a live store, with one Delta table for each
        table of `analysis.tables` and one for refused rows.
    seed : pathlib.Path, optional
        Snapshot that a live store begins with: read through while a table has no rows of its
        own, copied into the store when the first rows are added. None: it begins empty.
    """

    def __init__(self, home: str | os.PathLike[str], *, seed: Path | None = SNAPSHOT) -> None:
        self.home: Path | str = folder_or_address(home)
        self._place = StoreLocation(self.home)
        if offline() and self._place.is_remote:
            raise InputError(
                f"FAULTLINE_OFFLINE forbids every request, and {self._place} is an object store: "
                "unset it, or set FAULTLINE_HOME to a folder."
            )
        self._plain = Snapshot(self.home) if isinstance(self.home, Path) else None
        if isinstance(self.home, Path):
            try:
                check_name(self.home)
            except InputError:
                if self.is_live:
                    raise
        self._seed = Snapshot(seed) if seed is not None else None
        self._held: dict[str, tuple[Any, pl.DataFrame]] = {}
        self._guard = RLock()

    def __repr__(self) -> str:
        return f"Store({self.location!r})"

    @property
    def location(self) -> str:
        """Where the store is, for people to read: without what would open an object store."""
        return str(self._place)

    @property
    def is_live(self) -> bool:
        """Whether rows can be added: False for a folder of plain parquet files."""
        from analysis.tables import TABLES

        return self._plain is None or not any(self._plain.path(name).is_file() for name in TABLES)

    def names(self) -> list[str]:
        """Tables that can be read, in order of the alphabet.

        Raises
        ------
        DataError
            When there is no such folder.
        """
        from analysis.tables import TABLES

        if self._plain is not None and not self.is_live:
            return self._plain.names()
        self._check_home()
        begun = set(self._seed.names()) if self._seed else set()
        return sorted(name for name in TABLES if name in begun or self._writer.has(name))

    def read(
        self, name: str, as_of: date | datetime | None = None, where: Where | None = None
    ) -> pl.DataFrame:
        """Read a table: per key, the last observation made by then.

        Parameters
        ----------
        as_of : datetime.date or datetime.datetime, optional
            A day means its end in UTC; an instant must carry its time zone and counts
            itself. Without it every observation counts.
        where : mapping of str to value, optional
            Key column to one value, a list of values, or a tuple ``(first, last)``, both
            included, None for an open end: ``{"ticker": ["NVDA"], "date": (start, None)}``.
            Only what can hold such rows is read. Of ``revenues`` also ``filed``: per key the
            last vintage that was filed between the two days.

        Returns
        -------
        polars.DataFrame
            Sorted by key, with the columns of the schema in `analysis.tables`; empty when
            nothing had been observed by then.

        Raises
        ------
        InputError
            For a table or key column that does not exist, or an instant without a time zone.
        DataError
            When the folder or table cannot be read, or breaks its schema.
        """
        limit = as_of_instant(as_of)
        _check_name(name)
        if where:
            return latest_as_of(name, self._observations(name, where, limit), limit)
        with self._guard:
            stamp = (self._stamp(name), limit)
            if name not in self._held or self._held[name][0] != stamp:
                frame = latest_as_of(name, self._observations(name, None, limit), limit)
                if frame.height > CACHE_MAX_ROWS:
                    return frame
                self._held[name] = stamp, frame
            return self._held[name][1]

    def pieces(self, name: str, columns: Collection[str]) -> Iterator[pl.DataFrame]:
        """Go through a table of any size: per key the last observation, some columns of it.

        Parameters
        ----------
        columns : collection of str
            Which of its columns.

        Yields
        ------
        polars.DataFrame
            Rows of some two million observations at most, unless a single ticker or series has
            more in a year. Each key is in one of the frames.

        Raises
        ------
        InputError, DataError
            As `read`.
        """
        from analysis.tables import keys_of

        _check_name(name)
        wanted = [*dict.fromkeys([*keys_of(name), "observed_at", *columns])]
        plain = self._readable(name)
        if plain is not None:
            frames = iter([plain.observations(name).select(wanted)])
        else:
            frames = self._writer.pieces(name, wanted) if self._writer.has(name) else iter(())
        for frame in frames:
            yield latest_columns(name, frame, columns)

    def history(self, name: str, *keys: str | date) -> pl.DataFrame:
        """Every observation of one figure, oldest first.

        Parameters
        ----------
        *keys : str or datetime.date
            The key: ticker, entity, company, series or factor first, then the day, then the
            rest in the order of the schema. Fewer keys list all figures that begin so.

        Returns
        -------
        polars.DataFrame
            Sorted by key and instant.

        Raises
        ------
        InputError
            For too many keys, or a day that is none.
        """
        from analysis.tables import keys_of

        _check_name(name)
        where = _as_where(name, keys)
        found = self._observations(name, where, None)
        return found.unique().sort(*keys_of(name), "observed_at")

    def key_order(self, name: str) -> list[str]:
        """Key columns of a table in the order in which `history` takes them."""
        _check_name(name)
        return lookup_key_order(name)

    def version(self, name: str, as_of: date | datetime | None = None) -> dict[str, Any]:
        """Name the content of a table, for a briefing's manifest.

        Parameters
        ----------
        as_of : datetime.date or datetime.datetime, optional
            Count observations made by then alone: what is learned later changes nothing.

        Returns
        -------
        dict
            ``sha256``, the number of ``rows`` (observations), and ``observed_to``, the last
            observation's instant in ISO form, UTC. The hash is of the file in a folder of
            plain files, of all that it holds; in a live store it is of the observations, and
            the same in whatever files they lie.

        Raises
        ------
        InputError, DataError
            As `read`.
        """
        _check_name(name)
        limit = as_of_instant(as_of)
        if self._plain is not None and not self.is_live:
            return self._plain.version(name)
        self._check_home()
        return self._writer.version(name, limit)

    def append(self, name: str, frame: pl.DataFrame) -> AppendResult:
        """Add observations.

        Parameters
        ----------
        frame : polars.DataFrame
            The columns of its schema. What breaks the schema or comes from the future goes
            into the quarantine with the reason; what repeats the observation before it is
            left out.

        Returns
        -------
        AppendResult
            How many rows were new, revised, unchanged and rejected, and what deserves a look.

        Raises
        ------
        InputError
            For a table that does not exist, or a store that is only read.
        DataError
            For columns that are missing, further or of another type, and for a store that
            cannot be written to. Then nothing was added.
        """
        _check_name(name)
        self._check_live()
        return self._writer.append(name, frame)

    def refuse(self, name: str, source: str, records: Sequence[tuple[str, str]]) -> None:
        """Put records into the quarantine that could not become rows of a table.

        Parameters
        ----------
        source : str
            Who sent them.
        records : sequence of tuple of str
            What came, and what is wrong with it.

        Raises
        ------
        InputError, DataError
            As `append`.
        """
        _check_name(name)
        self._check_live()
        if records:
            self._writer.refuse(name, source, records)

    def quarantined(self, name: str) -> pl.DataFrame:
        """Rows that were refused, oldest first.

        Returns
        -------
        polars.DataFrame
            ``table``, ``row`` (JSON of key and values), ``reason``, ``source``,
            ``observed_at``, ``rejected_at``.
        """
        _check_name(name)
        self._check_home()
        return self._writer.quarantine.read(name)

    def quarantined_by(self, name: str) -> dict[str | None, int]:
        """Number of refused rows of a table by source."""
        _check_name(name)
        self._check_home()
        return self._writer.quarantine.counts(name)

    def seed(self) -> None:
        """Copy the snapshot into the tables that the store does not have yet."""
        self._check_live()
        self._writer.seed()

    def compact(self, name: str | None = None) -> int:
        """Put the rows of many small files into few sorted ones, and delete what is unneeded.

        Files that no reader can need any more are deleted after a week. Done by itself, but
        for the deleting, when a part of a table lies in many files.

        Parameters
        ----------
        name : str, optional
            Table; all without it.

        Returns
        -------
        int
            Number of parts put together.
        """
        if name is not None:
            _check_name(name)
        self._check_live()
        return self._writer.compact(name)

    def _readable(self, name: str) -> Snapshot | None:
        """The folder of plain files that answers for a table; None where the store does."""
        if self._plain is not None and not self.is_live:
            return self._plain
        self._check_home()
        if self._seed is None or self._writer.has(name):
            return None
        return self._seed if name in self._seed.names() else None

    def _stamp(self, name: str) -> Any:
        plain = self._readable(name)
        return self._writer.stamp(name) if plain is None else plain.stamp(name)

    def _observations(self, name: str, where: Where | None, limit: datetime | None) -> pl.DataFrame:
        wanted = parse_filters(name, where)
        plain = self._readable(name)
        if plain is None:
            return self._writer.observations(name, wanted, limit)
        return plain.observations(name).filter(*(one.condition for one in wanted))

    @property
    def _writer(self) -> LiveStore:
        from analysis.store.writer import LiveStore

        with self._guard:
            if "writer" not in self.__dict__:
                self.__dict__["writer"] = LiveStore(self._place, self._seed)
            found: LiveStore = self.__dict__["writer"]
            return found

    def _check_live(self) -> None:
        check_usable()
        if not self.is_live:
            raise InputError(
                f"{self.location} is a snapshot that is only read: set FAULTLINE_HOME to another "
                "folder, where the store can grow."
            )

    def _check_home(self) -> None:
        if isinstance(self.home, Path):
            check_folder(self.home)


def _check_name(name: str) -> None:
    from analysis.tables import TABLES

    check_usable()
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)


def _as_where(name: str, keys: tuple[str | date, ...]) -> dict[str, Any]:
    columns = lookup_key_order(name)
    if len(keys) > len(columns):
        raise InputError(
            f"Table {name!r} has {len(columns)} keys and {len(keys)} were given: give "
            f"{', '.join(columns)}, in that order."
        )
    return {
        column: parse_day(key, column) if column in ("date", "period_end") else key
        for column, key in zip(columns, keys, strict=False)
    }
