"""Where a store lies: a folder of this machine, or the address of an object store.

Called by the store's other rooms. Keys and regions of an object store come from the variables
that its own tools read (``AWS_...``, ``AZURE_...``, ``GOOGLE_...``) and are handed on unread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import DataError, InputError
from analysis.files import locked
from analysis.redaction import redact

# Longer than any compaction takes; a writer that holds its lock that long hangs.
LOCK_TIMEOUT = 300.0

# What the Delta library takes for a part of an address instead of a name; it would read and
# write in another folder, or panic.
_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|[\[\]|^\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class StoreLocation:
    """A folder or address that holds tables."""

    home: Path | str  # as given; a string is an address such as ``s3://bucket/faultline``

    def __str__(self) -> str:
        # Messages show it: what opens the store is left out.
        return str(self.home) if isinstance(self.home, Path) else redact(self.home)

    @property
    def folder(self) -> Path | None:
        """The folder; None for an object store."""
        return self.home if isinstance(self.home, Path) else None

    @property
    def is_remote(self) -> bool:
        """Whether the network lies between."""
        return isinstance(self.home, str) and not self.home.startswith("file:")

    def uri(self, table: str) -> str:
        """Where one table lies, as its format wants it said."""
        if isinstance(self.home, Path):
            return str(self.home / table)
        return f"{self.home.rstrip('/')}/{table}"

    @property
    def options(self) -> dict[str, str] | None:
        """What an object store needs to be opened; None for a folder."""
        if not self.is_remote:
            return None
        return {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))
        }

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Hold the table alone among the processes of this machine.

        Only saves work: what keeps two writers from doubling a figure is the commit, which
        fails when another came first (`analysis.store.delta`). So an object store, and a
        system without such locks, goes without.
        """
        with ExitStack() as held:
            if self.folder is not None:
                path = self.folder / ".locks" / f"{table}.lock"
                try:
                    held.enter_context(locked(path, LOCK_TIMEOUT))
                except TimeoutError:
                    raise DataError(
                        f"Timed out after {LOCK_TIMEOUT:.0f} s waiting for the lock {path}: stop "
                        "the process that holds it and try again."
                    ) from None
                except OSError as problem:
                    raise DataError(
                        f"The store {self} cannot be written ({problem.strerror}): free space "
                        "there, or set FAULTLINE_HOME to a folder that can be written."
                    ) from None
            yield


def check_name(home: Path) -> None:
    """Refuse a folder that the Delta library would take for another one, or for an address.

    Raises
    ------
    InputError
        Names the part of the path.
    """
    for path in {os.path.abspath(home), os.path.realpath(home)}:  # noqa: PTH100 - links kept
        if found := _MISREAD.search(path):
            raise InputError(
                f"The store folder {path!r} cannot hold a store: the Delta library misreads "
                f"{found.group()!r} in a path. Set FAULTLINE_HOME to a folder without % before two "
                "hexadecimal digits, [ ] | ^ \\ and control characters."
            )


def check_folder(home: Path) -> None:
    """Refuse a home that is no folder, before anything is read.

    Raises
    ------
    DataError
        Names the mend.
    """
    try:
        if home.is_dir():
            return
        exists = home.exists()
    except OSError as problem:
        raise DataError(
            f"The store folder {home} cannot be read ({problem.strerror}): see that you may read "
            "it, or set FAULTLINE_HOME to another folder."
        ) from None
    if exists:
        raise DataError(f"The store folder {home} is a file: set FAULTLINE_HOME to a folder.")
    raise DataError(
        f"The store folder {home} does not exist: make it with faultline data update, or unset "
        "FAULTLINE_HOME to use the bundled figures."
    )
