"""Undo what a power cut left half done in a store, and what a wrong clock dated ahead.

Called by ``faultline doctor --repair``. A commit that was never said to be stored and is not
whole is moved to ``.damaged/TABLE/`` in the store, never deleted; one that was said to be stored
and is damaged now is not touched: only a copy brings it back. Rows that say they were observed
in the future go into the quarantine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from analysis.errors import DataError
from analysis.files import sync_folder
from analysis.settings import bundled
from analysis.store.door import latest_possible
from analysis.store.integrity import LOG, Damage, Integrity, added_files, number_of
from analysis.store.places import Place
from analysis.store.snapshot import Snapshot
from analysis.store.writing import Writer

_NOTHING = json.dumps({"commitInfo": {"operation": "REPAIR"}}).encode() + b"\n"


def damage(home: Path) -> Iterator[tuple[str, Damage]]:
    """Every file of a store that is missing or not as it was stored, with its table.

    Parameters
    ----------
    home : pathlib.Path
        Folder of the store.
    """
    for table in _tables():
        integrity = Integrity(home, table)
        for name in integrity.log_entries():
            if _is_broken(integrity, name):
                yield table, Damage(f"{LOG}/{name}", "is not whole, as after a power cut")
        for one in (*integrity.damaged(), *integrity.gone()):
            yield table, one


def repair_all(home: Path) -> list[str]:
    """Repair every table of a store, see `repair`."""
    done = []
    for table in _tables():
        with Place(home).locked(table):
            done += repair(home, table)
    return done


def rows_ahead(home: Path) -> dict[str, tuple[int, datetime]]:
    """Rows that a wrong clock dated ahead: they hide what is observed until then.

    Parameters
    ----------
    home : pathlib.Path
        Folder of the store.

    Returns
    -------
    dict
        Table to the number of its rows observed after now, and the last instant (UTC).
    """
    return Writer(Place(home), None).ahead(latest_possible())


def take_out_ahead(home: Path) -> dict[str, tuple[int, datetime]]:
    """Move rows that a wrong clock dated ahead into the quarantine.

    Returns
    -------
    dict
        As `rows_ahead`, for what was moved.

    Raises
    ------
    DataError
        This machine's clock is behind figures that came with the package, so that it cannot
        tell which rows are ahead. Nothing was moved.
    """
    limit = latest_possible()
    writer = Writer(Place(home), None)
    found = writer.ahead(limit)
    known = Snapshot(bundled("data/snapshot")).last_observed() if found else None
    if known is not None and known > limit:
        raise DataError(
            f"This machine's clock ({limit:%Y-%m-%d %H:%M} UTC) is behind the bundled figures"
            f" ({known:%Y-%m-%d %H:%M} UTC): set it right and repeat."
        )
    for name in found:
        writer.take_out(name, limit)
    return found


def _tables() -> list[str]:
    from analysis.store.quarantine import NAME
    from analysis.tables import TABLES

    return [*TABLES, NAME]


def repair(home: Path, table: str) -> list[str]:
    """Take commits that are not whole out of one table.

    Parameters
    ----------
    home : pathlib.Path
        Folder of the store.
    table : str

    Returns
    -------
    list of str
        What was done, a sentence each; empty where nothing was wrong.

    Raises
    ------
    DataError
        The commit that made the table is not whole while later ones are, or a file cannot be
        moved.
    """
    integrity = Integrity(home, table)
    entries = integrity.log_entries()
    broken = {name for name in entries if _is_broken(integrity, name)}
    if not broken:
        return []
    kept_aside = home / ".damaged" / table / datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    try:
        if broken == set(entries):
            _move(integrity.folder, kept_aside)
            return [f"{table}: its first commit was not whole; the table begins anew."]
        first = min(set(entries) - broken, key=number_of)
        if any(number_of(name) < number_of(first) for name in broken):
            raise DataError(
                f"Table {table!r} of the store {home} lacks the commit that made it: restore"
                f" {integrity.folder / LOG} from a good copy."
            )
        return [_take_out(integrity, name, entries, broken, kept_aside) for name in sorted(broken)]
    except OSError as problem:
        raise DataError(
            f"Table {table!r} of the store {home} cannot be repaired ({problem.strerror}): see"
            " that it can be written there and repeat."
        ) from None


def _is_broken(integrity: Integrity, name: str) -> bool:
    """Whether a commit was never said to be stored, and is not whole."""
    path = f"{LOG}/{name}"
    if path in integrity.recorded() or not name.endswith(".json"):
        return False
    added = added_files(integrity.folder / path)
    return added is None or any(_is_torn(integrity.folder / one, size) for one, size in added)


def _is_torn(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size != size
    except OSError:
        return True


def _take_out(
    integrity: Integrity, name: str, entries: list[str], broken: set[str], kept_aside: Path
) -> str:
    log = integrity.folder / LOG
    last_whole = max(number_of(one) for one in set(entries) - broken)
    _move(log / name, kept_aside)
    if number_of(name) < last_whole:
        # A gap in the numbers would make the table unreadable.
        with (log / name).open("wb") as file:
            file.write(_NOTHING)
    sync_folder(log)
    return (
        f"{integrity.table}: commit {number_of(name)} was not whole and is taken out; its rows come"
        " back with the next update, or with the file in " + str(kept_aside) + "."
    )


def _move(path: Path, kept_aside: Path) -> None:
    kept_aside.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept_aside / path.name)
    sync_folder(kept_aside)
