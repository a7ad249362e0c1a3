"""What was said to be stored is on the disk, and what is read is what was stored.

One table of a store in a folder. After a commit every file of it, and every folder that names
them, is synced before the append returns: a power cut takes nothing back. The hash of each
file goes into ``.checksums/TABLE.jsonl``, and files are held against it when they are read, so
that a damaged one is an error and not other figures. Called by `analysis.store.delta`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import DataError
from analysis.files import sync_folder, write_atomic
from analysis.store.checksums import Checksums, Damage, line_of, size_and_hash
from analysis.store.delta_log import (
    LOG,
    Commit,
    holds_rows,
    is_complete,
    number_of,
    read_commit,
    version_of,
)

INCOMPLETE = "is incomplete, as after a power cut"
_REPAIR = "repair it with faultline doctor --repair"


class Integrity:
    """Checksums of the files of one table."""

    def __init__(self, home: Path, table: str) -> None:
        self.home, self.table = home, table
        self.folder = home / table
        self._making = self.folder / "_making"
        self._checksums = Checksums(home, table)
        self._checked: set[tuple[str, int, int]] = set()

    # Writing -------------------------------------------------------------------------

    def begin(self) -> None:
        """Note that the first commit is being made: until then its files are no table."""
        write_atomic(self._making, b"")

    def check_unrecorded(self, live: Iterable[tuple[str, int]]) -> None:
        """Sync what a process committed that died before it said so: a new commit builds on it.

        Raises
        ------
        DataError
            One of these files is missing or torn: `analysis.store.repair` can take its commit out
            as long as no checkpoint of a later commit names it.
        OSError
            One could not be synced.
        """
        recorded = self._checksums.recorded()
        rest = [path for path in self._entry_paths() if path not in recorded]
        for path, size in live:
            if path not in recorded:
                self._check_whole(path, size)
                rest.append(path)
        if rest:
            self._sync(rest)

    def seal(self, after: int) -> None:
        """Sync the files of all commits after a version, and record their hashes.

        What was committed before and has no record is left to `record_rest`, which says so: it may
        have been damaged since.

        Raises
        ------
        DataError
            A file that was just written is missing or torn.
        OSError
            Something could not be synced: it may not survive a power cut.
        """
        known = self._checksums.recorded()
        new: list[str] = []
        added: dict[str, int] = {}
        for entry in self._entry_paths():
            if entry in known or number_of(entry) <= after:
                continue
            if entry.endswith(".json"):
                commit = read_commit(self.folder / entry)
                if commit is None:
                    continue  # incomplete: whoever opens the table says so
                added = {path: size for path, size in added.items() if path not in commit.removed}
                added |= dict(commit.added)
            new.append(entry)
        for path, size in added.items():
            self._check_whole(path, size)
        self._record([*(path for path in added if path not in known), *new])
        if self._making.exists():
            self._making.unlink()
            sync_folder(self.folder)

    def record_rest(self) -> int:
        """Record the files of `unrecorded` as they are now; how many."""
        rest = self.unrecorded()
        self._record(rest)
        return len(rest)

    def _record(self, paths: Iterable[str]) -> None:
        lines = self._sync(paths)
        if lines:
            self._checksums.note(lines)

    def _sync(self, paths: Iterable[str]) -> list[bytes]:
        """Sync files and the folders that name them; their lines for the index."""
        lines = []
        folders = {self.folder, self.folder / LOG}
        for path in paths:
            file = self.folder / path
            try:
                lines.append(line_of(path, *size_and_hash(file, sync=True)))
            except FileNotFoundError:
                continue  # compacted and cleared away by another process
            folders.add(file.parent)
        with suppress(FileNotFoundError):
            size_and_hash(self.folder / LOG / "_last_checkpoint", sync=True)
        for folder in folders:
            sync_folder(folder)
        sync_folder(self.home)
        return lines

    # Reading -------------------------------------------------------------------------

    def begun(self) -> bool:
        """Whether the table has a commit.

        Raises
        ------
        DataError
            Its log is gone or cannot be listed; there is no telling what it holds.
        """
        if self.log_entries():
            return True
        if self._log_is_gone():
            raise DataError(
                f"The log of table {self.table!r} in the store {self.home} is gone, and its"
                f" figures with it: restore {self.folder / LOG} from a good copy, or move the"
                " store away to begin anew."
            )
        return False

    def _log_is_gone(self) -> bool:
        if self.log_entries():
            return False
        left = self._checksums.recorded() or (self._holds_rows() and not self._making.exists())
        # Last, as another process may have made its first commit in the meantime.
        return bool(left) and not self.log_entries()

    def _holds_rows(self) -> bool:
        with self._readable("."):
            return holds_rows(self.folder)

    def commit(self, name: str) -> Commit | None:
        """Files of a commit; None where the commit is incomplete.

        Raises
        ------
        DataError
            It cannot be read.
        """
        with self._readable(f"{LOG}/{name}"):
            return read_commit(self.folder / LOG / name)

    def is_recorded(self, name: str) -> bool:
        """Whether an entry of the log was said to be stored."""
        return self.are_recorded([f"{LOG}/{name}"])

    def are_recorded(self, paths: Iterable[str]) -> bool:
        """Whether there is a hash for each of the files."""
        return self._checksums.recorded().keys() >= set(paths)

    def is_incomplete(self, name: str) -> bool:
        """Whether an entry of the log was never said to be stored, and is only half there.

        Raises
        ------
        DataError
            It cannot be read.
        """
        if self.is_recorded(name):
            return False
        if name.endswith(".json"):
            return self.commit(name) is None
        with self._readable(f"{LOG}/{name}"):
            return not is_complete(self.folder / LOG / name)

    def is_torn(self, path: str, size: int) -> bool:
        """Whether a data file is missing, or not as long as its commit says.

        Raises
        ------
        DataError
            It cannot be looked at.
        """
        file = self.folder / path
        with self._readable(path):
            try:
                return file.stat().st_size != size or not is_complete(file)
            except (FileNotFoundError, NotADirectoryError):
                return True

    def _check_whole(self, path: str, size: int) -> None:
        if self.is_torn(path, size):
            raise self._error(Damage(path, INCOMPLETE))

    def _entry_paths(self) -> list[str]:
        return [f"{LOG}/{name}" for name in self.log_entries()]

    def log_entries(self) -> list[str]:
        """Names of commits and checkpoints, in order; empty without a log.

        Raises
        ------
        DataError
            The folder of the log cannot be listed.
        """
        try:
            names = os.listdir(self.folder / LOG)  # noqa: PTH208 - glob hides what it may not list
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as problem:
            raise DataError(
                f"{self.folder / LOG} cannot be listed ({problem.strerror}): see that you may"
                " read it, or set FAULTLINE_HOME to another folder."
            ) from None
        return sorted(name for name in names if version_of(name) is not None)

    def check_log(self) -> int | None:
        """Hold the log against what was recorded of it.

        Returns
        -------
        int or None
            Newest version of the table.

        Raises
        ------
        DataError
            A commit is empty, damaged or gone.
        """
        entries = self.log_entries()
        if not entries:
            return None
        recorded = self._checksums.recorded()
        last = max(map(number_of, entries))
        told = max((number_of(path) for path in recorded if path.startswith(LOG)), default=last)
        if told > last:
            raise self._error(Damage(f"{LOG}/{told:020d}.json", "is gone"))
        start = max((number_of(name) for name in entries if "checkpoint" in name), default=0)
        needed = [name for name in entries if number_of(name) >= start]
        for name in needed:
            if self.is_incomplete(name):
                raise self._error(Damage(f"{LOG}/{name}", INCOMPLETE))
        self._hold(f"{LOG}/{name}" for name in needed)
        return last

    def check_files(self, files: Iterable[tuple[str, int]]) -> None:
        """Hold data files against the sizes in the log and the recorded hashes.

        Parameters
        ----------
        files : iterable of (str, int)
            Path below the table's folder, and size in bytes.

        Raises
        ------
        DataError
            A file is missing, of another size, or of other content.
        """
        paths = []
        for path, size in files:
            with self._readable(path):
                held = (self.folder / path).stat().st_size
            if held != size:
                raise self._error(Damage(path, f"has {held:,} bytes where {size:,} were stored"))
            paths.append(path)
        self._hold(paths)

    def recorded_count(self) -> int:
        """Number of files that are there and have a checksum."""
        return sum((self.folder / path).exists() for path in self._checksums.recorded())

    def damaged(self) -> Iterator[Damage]:
        """Every recorded file that is there and of other content; all are read.

        What is not there may have been cleared away: `gone` tells.
        """
        for path, stored in self._checksums.recorded().items():
            try:
                found = size_and_hash(self.folder / path)
            except FileNotFoundError:
                continue
            except OSError as problem:
                yield Damage(path, f"cannot be read ({problem.strerror})")
                continue
            if found != stored:
                yield Damage(path, "differs from what was stored")

    def gone(self) -> Iterator[Damage]:
        """Every commit and every file of the newest version that is not there."""
        recorded, entries = self._checksums.recorded(), self.log_entries()
        commits = {number_of(name) for name in entries if name.endswith(".json")}
        start = max((number_of(name) for name in entries if "checkpoint" in name), default=-1)
        told = [number_of(path) for path in recorded if path.startswith(LOG)]
        last = max([*told, *commits, start])
        lost = [version for version in range(start + 1, last + 1) if version not in commits]
        if self._log_is_gone():
            yield Damage(LOG, "is gone")
        elif lost:
            yield from (Damage(f"{LOG}/{version:020d}.json", "is gone") for version in lost)
        else:
            try:
                live = self._live()
            except DataError as problem:
                yield Damage(LOG, str(problem))
                return
            for path, size in live:
                if not (self.folder / path).exists():
                    yield Damage(path, "is gone")
                # A hash of another size was taken when the file was torn already.
                elif recorded.get(path, (None,))[0] != size and self.is_torn(path, size):
                    yield Damage(path, f"differs from the {size:,} bytes that were stored")

    def unrecorded(self) -> list[str]:
        """Commits, checkpoints and files of the newest version without a checksum."""
        paths = self._entry_paths()
        with suppress(DataError):  # of `_live`: `gone` names it
            paths += [path for path, _ in self._live()]
        return [path for path in paths if path not in self._checksums.recorded()]

    def _live(self) -> list[tuple[str, int]]:
        """Files of the newest version, with their sizes; a `DataError` says why in a few words."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if not self.log_entries():
            return []
        try:
            files = DeltaTable(str(self.folder)).get_add_actions()
        except (DeltaError, OSError) as problem:
            why = str(problem).strip().partition("\n")[0]
            raise DataError(f"cannot be opened ({why})") from None
        return list(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))

    def _hold(self, paths: Iterable[str]) -> None:
        """Compare files with their recorded hashes, each once while it does not change."""
        recorded = self._checksums.recorded()
        for path in paths:
            if path not in recorded:
                continue  # written before checksums were kept, or by a process that was killed
            file = self.folder / path
            with self._readable(path):
                stat = file.stat()
                stamp = path, stat.st_mtime_ns, stat.st_size
                if stamp in self._checked:
                    continue
                found = size_and_hash(file)
            if found != recorded[path]:
                raise self._error(Damage(path, "differs from what was stored"))
            self._checked.add(stamp)

    @contextmanager
    def _readable(self, path: str) -> Iterator[None]:
        """Say in a sentence that a file cannot be read: what it holds is not known then."""
        try:
            yield
        except OSError as problem:
            damage = Damage(path, f"cannot be read ({problem.strerror})")
            remedy = None if isinstance(problem, FileNotFoundError) else "see that you may read it"
            raise self._error(damage, remedy) from None

    def _error(self, damage: Damage, remedy: str | None = None) -> DataError:
        if remedy is None:
            # What is not recorded was never said to be stored.
            said = damage.path in self._checksums.recorded()
            remedy = "restore it from a good copy" if said else _REPAIR
        return DataError(
            f"Table {self.table!r} of the store {self.home} cannot be read: {damage.path}"
            f" {damage.what}; {remedy}."
        )
