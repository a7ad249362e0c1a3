"""Sizes and SHA-256 hashes of the files of a table, in ``.checksums/TABLE.jsonl``.

Called by `analysis.store.integrity`, which says what they are held against.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import DataError
from analysis.files import sync_folder


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was stored."""

    path: str  # below the folder of the table
    what: str  # in words


class Checksums:
    """What was recorded of the files of one table."""

    def __init__(self, home: Path, table: str) -> None:
        self._index = home / ".checksums" / f"{table}.jsonl"
        self._stamp: tuple[int, int] | None = None
        self._recorded: dict[str, tuple[int, str]] = {}

    def note(self, lines: Iterable[bytes]) -> None:
        """Add lines of `line_of`, and sync them."""
        self._index.parent.mkdir(parents=True, exist_ok=True)
        begun = not self._index.exists()
        with self._index.open("ab") as file:
            # A torn last line must not swallow ours.
            file.write(b"\n" + b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        if begun:
            sync_folder(self._index.parent)
            sync_folder(self._index.parent.parent)

    def recorded(self) -> dict[str, tuple[int, str]]:
        """Size and hash by path; lines that are not whole are passed over.

        Raises
        ------
        DataError
            There are hashes that may not be read.
        """
        try:
            stat = self._index.stat()
            stamp = stat.st_mtime_ns, stat.st_size
            content = b"" if stamp == self._stamp else self._index.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as problem:
            raise DataError(
                f"{self._index} cannot be read ({problem.strerror}), and without it no table can"
                " be checked: see that you may read it."
            ) from None
        if stamp != self._stamp:
            found = {}
            for line in content.splitlines():
                try:
                    entry = json.loads(line)
                    found[str(entry["path"])] = int(entry["size"]), str(entry["sha256"])
                except (ValueError, TypeError, KeyError):
                    continue
            self._stamp, self._recorded = stamp, found
        return self._recorded


def line_of(path: str, size: int, digest: str) -> bytes:
    """Line of the index for a file."""
    return json.dumps({"path": path, "size": size, "sha256": digest}).encode() + b"\n"


def size_and_hash(file: Path, *, sync: bool = False) -> tuple[int, str]:
    """Size and SHA-256 of a file's content, read piece by piece; synced too where asked.

    Raises
    ------
    OSError
        It cannot be read or synced.
    """
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        if sync:
            os.fsync(handle.fileno())
        return handle.tell(), digest
