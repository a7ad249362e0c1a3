"""Entries of a Delta log, and whether they and Parquet files were written to their end.

Called by `analysis.store.integrity` and `analysis.store.repair`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

LOG = "_delta_log"


class Commit(NamedTuple):
    """Data files that a commit adds, with their sizes, and those that it removes."""

    added: list[tuple[str, int]]
    removed: set[str]


def read_commit(entry: Path) -> Commit | None:
    """Read a JSON file of the log, an action a line; None where it is incomplete."""
    content = entry.read_bytes()
    try:
        actions = [json.loads(line) for line in content.splitlines() if line.strip()]
        added = [action["add"] for action in actions if "add" in action]
        files = [(str(one["path"]), int(one["size"])) for one in added]
        removed = {str(action["remove"]["path"]) for action in actions if "remove" in action}
    except (ValueError, TypeError, KeyError):
        return None
    return Commit(files, removed) if actions else None


def is_complete(file: Path) -> bool:
    """Whether a Parquet file has its beginning and its end."""
    with file.open("rb") as handle:
        begins = handle.read(4)
        handle.seek(-min(4, handle.seek(0, os.SEEK_END)), os.SEEK_END)
        return begins == handle.read(4) == b"PAR1"


def holds_rows(folder: Path) -> bool:
    """Whether there is a complete data file, whatever the log says of it."""
    return any(
        is_complete(Path(place) / name)
        for place, _, names in os.walk(folder, onerror=_unless_missing)
        for name in names
        if name.endswith(".parquet")
    )


def _unless_missing(problem: OSError) -> None:
    if not isinstance(problem, FileNotFoundError | NotADirectoryError):
        raise problem


def version_of(name: str) -> int | None:
    """Version that a file of the log belongs to; None for any other name."""
    number = name.partition(".")[0]
    whole = len(number) == 20 and number.isdecimal()
    return int(number) if whole and name.endswith((".json", ".parquet")) else None


def number_of(path: str) -> int:
    """Version of a commit or checkpoint."""
    return version_of(path.rpartition("/")[2]) or 0
