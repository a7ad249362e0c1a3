"""Undo what a power cut left half done in a store, and what a wrong clock dated ahead.

Called by ``faultline doctor --repair``. A commit that was never said to be stored and is
incomplete is moved to ``.damaged/TABLE/`` in the store, never deleted; one that was said to be
stored and is damaged now is not touched: only a copy brings it back. Rows that say they were
observed in the future go into the quarantine. What fails in one table stops no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analysis.errors import DataError
from analysis.files import make_folder, sync_folder, write_atomic
from analysis.settings import bundled
from analysis.store.admission import latest_possible
from analysis.store.checksums import Damage
from analysis.store.delta_log import LOG, number_of
from analysis.store.integrity import INCOMPLETE, Integrity
from analysis.store.location import StoreLocation, check_folder
from analysis.store.snapshot import Snapshot
from analysis.store.writer import LiveStore

_NOTHING = json.dumps({"commitInfo": {"operation": "REPAIR"}}).encode() + b"\n"


@dataclass(frozen=True)
class Step:
    """What a repair did, or could not do."""

    table: str
    sentence: str
    done: bool = True  # False: the table is as it was, and the sentence says why


def damage(home: Path) -> Iterator[tuple[str, Damage]]:
    """Every file of a store that is missing or not as it was stored, with its table.

    Raises
    ------
    DataError
        There is no such folder.
    """
    check_folder(home)
    for table in _tables():
        integrity = Integrity(home, table)
        try:
            found = [Damage(f"{LOG}/{name}", INCOMPLETE) for name in _broken(integrity)]
            found += [*integrity.damaged(), *integrity.gone()]
        except DataError as problem:
            found = [Damage(LOG, str(problem))]
        for one in found:
            yield table, one


def recorded(home: Path) -> int:
    """Number of files that are there and have a checksum."""
    count = 0
    for table in _tables():
        with suppress(DataError):  # `damage` names it
            count += Integrity(home, table).recorded_count()
    return count


def unrecorded(home: Path) -> dict[str, int]:
    """Tables with files that have no checksum: how many."""
    counts = {}
    for table in _tables():
        with suppress(DataError):  # `damage` names it
            counts[table] = len(Integrity(home, table).unrecorded())
    return {table: count for table, count in counts.items() if count}


def tables_begun(home: Path) -> list[str]:
    """Tables that have a commit in the store.

    Raises
    ------
    DataError
        The log of one is gone or cannot be listed.
    """
    return [table for table in _tables() if Integrity(home, table).begun()]


def repair_store(home: Path) -> Iterator[Step]:
    """Repair what can be repaired, and name what cannot; each step when it is done.

    Raises
    ------
    DataError
        There is no such folder.
    """
    failed = set()
    for step in repair_all(home):
        yield step
        if not step.done:
            failed.add(step.table)
    damaged = [(table, one) for table, one in damage(home) if table not in failed]
    for table, one in damaged:
        sentence = f"{table}: {one.path} {one.what}: restore it from a good copy."
        yield Step(table, sentence, done=False)
    failed |= {table for table, _ in damaged}
    yield from (_record(home, table) for table in unrecorded(home) if table not in failed)
    # Of a damaged table it was said already that it cannot be read.
    yield from (step for step in take_out_ahead(home) if step.done or step.table not in failed)


def _record(home: Path, table: str) -> Step:
    try:
        with StoreLocation(home).locked(table):
            count = Integrity(home, table).record_rest()
    except (DataError, OSError) as problem:
        return Step(table, f"{table}: checksums cannot be recorded ({problem}).", done=False)
    files = "1 file" if count == 1 else f"{count:,} files"
    return Step(table, f"{table}: {files} had no checksum; recorded as they are now.")


def repair_all(home: Path) -> Iterator[Step]:
    """Take incomplete commits out of every table of a store, see `repair`.

    Raises
    ------
    DataError
        There is no such folder.
    """
    check_folder(home)
    for table in _tables():
        try:
            if not _broken(Integrity(home, table)):
                continue
            with StoreLocation(home).locked(table):
                for sentence in repair(home, table):
                    yield Step(table, sentence)
        except DataError as problem:
            yield Step(table, str(problem), done=False)


def rows_ahead(home: Path) -> dict[str, tuple[int, datetime]]:
    """Rows that a wrong clock dated ahead: they hide what is observed until then.

    Returns
    -------
    dict
        Table to the number of its rows observed after now, and the last instant (UTC).
    """
    writer, limit = LiveStore(StoreLocation(home), None), latest_possible()
    found = {table: writer.ahead(table, limit) for table in writer.names()}
    return {table: ahead for table, ahead in found.items() if ahead is not None}


def describe_ahead(count: int, last: datetime) -> str:
    """Say in words what `rows_ahead` found in a table."""
    rows = "row was" if count == 1 else "rows were"
    return f"{count:,} {rows} observed in the future (to {last:%Y-%m-%d %H:%M} UTC)"


def take_out_ahead(home: Path) -> Iterator[Step]:
    """Move rows that a wrong clock dated ahead into the quarantine, table by table.

    Nothing is moved where this machine's clock is behind figures that came with the package:
    then it cannot tell which rows are ahead.
    """
    limit = latest_possible()
    writer = LiveStore(StoreLocation(home), None)
    for table in writer.names():
        try:
            ahead = writer.ahead(table, limit)
            if ahead is None:
                continue
            _check_clock(limit)
            writer.take_out(table, limit)
        except DataError as problem:
            yield Step(table, str(problem), done=False)
        else:
            yield Step(
                table,
                f"{table}: {describe_ahead(*ahead)} and would have hidden newer figures until"
                " then; moved to the quarantine, fetch them again with faultline data update.",
            )


def _check_clock(limit: datetime) -> None:
    known = Snapshot(bundled("data/snapshot")).last_observed()
    if known is not None and known > limit:
        raise DataError(
            f"This machine's clock ({limit:%Y-%m-%d %H:%M} UTC) is behind the bundled figures"
            f" ({known:%Y-%m-%d %H:%M} UTC): set it right and repeat."
        )


def _tables() -> list[str]:
    from analysis.store.quarantine import NAME
    from analysis.tables import TABLES

    return [*TABLES, NAME]


def repair(home: Path, table: str) -> Iterator[str]:
    """Take incomplete commits out of one table.

    Yields
    ------
    str
        What was done, a sentence each; nothing where nothing was wrong.

    Raises
    ------
    DataError
        The commit that made the table is incomplete while later ones are not, or a file
        cannot be read or moved.
    """
    integrity = Integrity(home, table)
    entries = integrity.log_entries()
    broken = _broken(integrity)
    if not broken:
        return
    kept_aside = home / ".damaged" / table / datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    whole = [name for name in entries if name not in broken]
    try:
        if not whole:
            make_folder(kept_aside)
            integrity.folder.rename(kept_aside / table)
            sync_folder(kept_aside)
            sync_folder(home)
            yield f"{table}: its first commit was incomplete; the table begins anew."
            return
        if not any("checkpoint" in name or number_of(name) == 0 for name in whole):
            raise DataError(
                f"Table {table!r} of the store {home} lacks the commit that made it: restore"
                f" {integrity.folder / LOG} from a good copy."
            )
        # The newest first: whenever this stops, the numbers have no gap.
        for name in broken:
            _take_out(integrity.folder / LOG / name, kept_aside, last=max(map(number_of, whole)))
            what = "commit" if name.endswith(".json") else "checkpoint"
            yield (
                f"{table}: {what} {number_of(name)} was incomplete and was moved to {kept_aside};"
                + (" the next update fetches its rows again." if what == "commit" else "")
            )
    except OSError as problem:
        raise DataError(
            f"Table {table!r} of the store {home} cannot be repaired ({problem.strerror}): check "
            "that it can be written there and try again."
        ) from None


def _broken(integrity: Integrity) -> list[str]:
    """Entries of the log that were never said to be stored and are incomplete, newest first.

    A file that a later commit removed is not missed, and what lies before the last checkpoint
    is read from there.
    """
    entries = integrity.log_entries()
    checkpoints = [name for name in entries if "checkpoint" in name]
    broken = {name for name in checkpoints if integrity.is_incomplete(name)}
    start = max((number_of(name) for name in checkpoints if name not in broken), default=0)
    removed: set[str] = set()
    for name in sorted(set(entries) - set(checkpoints), key=number_of, reverse=True):
        if number_of(name) < start:
            break
        commit = integrity.commit(name)
        if not integrity.is_recorded(name) and (
            commit is None
            or any(path not in removed and integrity.is_torn(path, size)
                   for path, size in commit.added)
        ):  # fmt: skip
            # A checkpoint of the same version holds the same files.
            broken |= {one for one in entries if number_of(one) == number_of(name)}
        elif commit is not None:
            removed |= commit.removed
    return sorted(broken, key=lambda name: (number_of(name), "checkpoint" in name), reverse=True)


def _take_out(entry: Path, kept_aside: Path, last: int) -> None:
    """Copy an entry of the log aside, then take it out; it is in one place at least throughout."""
    write_atomic(kept_aside / entry.name, entry.read_bytes())
    if "checkpoint" in entry.name:
        (entry.parent / "_last_checkpoint").unlink(missing_ok=True)
        sync_folder(entry.parent)
        entry.unlink()
    elif number_of(entry.name) < last:
        # A gap in the numbers would make the table unreadable.
        write_atomic(entry, _NOTHING)
    else:
        entry.unlink()
    sync_folder(entry.parent)
