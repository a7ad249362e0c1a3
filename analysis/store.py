"""Tables at rest, read as they were known on a day.

A store is a folder with one parquet file per table, bitemporal: each row carries when it was
observed, and reading as of a day gives, per key, the last observation made by then. Called by
the desk; the bundled snapshot in ``data/snapshot`` is such a folder.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, InputError, unknown

if TYPE_CHECKING:
    import polars as pl


class Store:
    """The tables of one folder.

    Parameters
    ----------
    home : pathlib.Path
        Folder with files like ``prices.parquet``, each as its schema in `analysis.tables`
        wants it. It is only read.

    Notes
    -----
    A file is read and validated once, and again when it has changed on disk.
    """

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self._held: dict[str, tuple[tuple[int, int], pl.DataFrame]] = {}

    def __repr__(self) -> str:
        return f"Store({str(self.home)!r})"

    def names(self) -> list[str]:
        """Tables that the folder holds, in order of the alphabet.

        Raises
        ------
        DataError
            When there is no such folder.
        """
        from analysis.tables import TABLES

        self._check_home()
        return sorted(name for name in TABLES if self._path(name).is_file())

    def read(self, name: str, as_of: date | datetime | None = None) -> pl.DataFrame:
        """Read a table: per key, the last observation made by then.

        Parameters
        ----------
        name : str
            For instance ``"prices"``.
        as_of : datetime.date or datetime.datetime, optional
            A day means its end in UTC; an instant must carry its time zone and counts
            itself. Without it every observation counts.

        Returns
        -------
        polars.DataFrame
            Sorted by key, with the columns of the schema in `analysis.tables`; empty when
            nothing had been observed by then.

        Raises
        ------
        InputError
            For a table that does not exist, or an instant without a time zone.
        DataError
            When the folder or file is missing, cannot be read, or breaks its schema.
        """
        import polars as pl

        from analysis.tables import keys_of

        limit = _instant(as_of)
        frame = self._read(name)
        if limit is not None:
            frame = frame.filter(pl.col("observed_at") <= limit)
        keys = keys_of(name)
        return frame.sort(*keys, "observed_at").unique(keys, keep="last", maintain_order=True)

    def version(self, name: str) -> dict[str, Any]:
        """Name the content of a table, for a briefing's manifest.

        Returns
        -------
        dict
            ``sha256`` of the file, its number of ``rows`` (observations), and
            ``observed_to``, the last observation's instant in ISO form, UTC.

        Raises
        ------
        InputError, DataError
            As `read`.
        """
        frame = self._read(name)
        last = frame["observed_at"].max()
        return {
            "sha256": hashlib.sha256(self._path(name).read_bytes()).hexdigest(),
            "rows": frame.height,
            "observed_to": last.isoformat() if isinstance(last, datetime) else None,
        }

    def _read(self, name: str) -> pl.DataFrame:
        import polars as pl

        from analysis.tables import TABLES, validate

        if name not in TABLES:
            raise unknown("table", name, TABLES)
        path = self._path(name)
        try:
            stat = path.stat()
        except OSError:
            self._check_home()
            raise DataError(
                f"There is no table {name!r} in {self.home}: put {path.name} there, or unset "
                "FAULTLINE_HOME to use the bundled figures."
            ) from None
        stamp = stat.st_mtime_ns, stat.st_size
        if name not in self._held or self._held[name][0] != stamp:
            try:
                frame = pl.read_parquet(path)
            except (pl.exceptions.PolarsError, OSError) as problem:
                raise DataError(
                    f"{path} cannot be read as parquet ({_first_line(problem)}): restore it from "
                    "a good copy."
                ) from None
            try:
                self._held[name] = stamp, validate(name, frame)
            except DataError as problem:
                raise DataError(f"{path}: {problem}") from None
        return self._held[name][1]

    def _path(self, name: str) -> Path:
        return self.home / f"{name}.parquet"

    def _check_home(self) -> None:
        if not self.home.is_dir():
            raise DataError(
                f"The store folder {self.home} does not exist: create it, or unset "
                "FAULTLINE_HOME to use the bundled figures."
            )


def _instant(as_of: date | datetime | None) -> datetime | None:
    """Last instant that counts; None when all do."""
    if as_of is None:
        return None
    if not isinstance(as_of, datetime):
        midnight = datetime.combine(as_of, time(), UTC)
        return midnight + timedelta(days=1) - timedelta(microseconds=1)
    if as_of.tzinfo is None:
        raise InputError(
            f"The instant {as_of.isoformat()} has no time zone: give it in UTC, or give a day."
        )
    return as_of.astimezone(UTC)


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
