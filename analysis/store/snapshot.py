"""A folder of plain parquet files, one per table: the bundled snapshot, and copies of it.

It is read and never written. Called by the store, which reads its own tables otherwise.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, is_panic, unknown_name
from analysis.store.location import check_folder

if TYPE_CHECKING:
    import polars as pl


class Snapshot:
    """The tables of one folder.

    Parameters
    ----------
    home : pathlib.Path
        Folder with files like ``prices.parquet``, each as its schema in `analysis.tables`
        wants it.

    Notes
    -----
    A file is read and validated once, and again when it has changed on disk.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._held: dict[str, tuple[tuple[int, int], pl.DataFrame]] = {}

    def names(self) -> list[str]:
        """Tables that the folder holds, in order of the alphabet."""
        from analysis.tables import TABLES

        check_folder(self.home)
        return sorted(name for name in TABLES if self.path(name).is_file())

    def version(self, name: str) -> dict[str, Any]:
        """Hash of the file, its number of rows, and its last observation's instant."""
        frame = self.observations(name)
        last = frame["observed_at"].max()
        return {
            "sha256": hashlib.sha256(self.path(name).read_bytes()).hexdigest(),
            "rows": frame.height,
            "observed_to": last.isoformat() if isinstance(last, datetime) else None,
        }

    def last_observed(self) -> datetime | None:
        """Instant of the last observation in any table."""
        ends = [self.observations(name)["observed_at"].max() for name in self.names()]
        return max((end for end in ends if isinstance(end, datetime)), default=None)

    def observations(self, name: str) -> pl.DataFrame:
        """Every observation in a table, validated.

        Raises
        ------
        InputError
            For a table that does not exist.
        DataError
            When the folder or file is missing, cannot be read, or breaks its schema.
        """
        import polars as pl

        from analysis.tables import TABLES, validate

        if name not in TABLES:
            raise unknown_name("table", name, TABLES)
        path, stamp = self.path(name), self.stamp(name)
        if name not in self._held or self._held[name][0] != stamp:
            try:
                frame = pl.read_parquet(path, glob=False)
            except BaseException as problem:
                known = isinstance(problem, pl.exceptions.PolarsError | OSError)
                if not (known or is_panic(problem)):
                    raise
                why = str(problem).strip().partition("\n")[0]
                raise DataError(
                    f"{path} cannot be read as parquet ({why}): restore it from a good copy."
                ) from None
            try:
                self._held[name] = stamp, validate(name, frame)
            except DataError as problem:
                raise DataError(f"{path}: {problem}") from None
        return self._held[name][1]

    def stamp(self, name: str) -> tuple[int, int]:
        """When the file of a table was written, and its size."""
        path = self.path(name)
        try:
            stat = path.stat()
        except OSError:
            check_folder(self.home)
            raise DataError(
                f"There is no table {name!r} in {self.home}: put {path.name} there, or unset "
                "FAULTLINE_HOME to use the bundled figures."
            ) from None
        return stat.st_mtime_ns, stat.st_size

    def path(self, name: str) -> Path:
        """File of a table, whether it is there or not."""
        return self.home / f"{name}.parquet"
