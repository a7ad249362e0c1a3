"""What was said to be stored is on the disk, and what is read is what was stored.

One table of a store in a folder. After a commit every file of it, and every folder that names
them, is synced before the append returns: a power cut takes nothing back. The hash of each
file goes into ``.checksums/TABLE.jsonl``, and files are held against it when they are read, so
that a damaged one is an error and not other figures. Called by `analysis.store.delta`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import DataError
from analysis.files import sync_folder

LOG = "_delta_log"
# More than this is hashed by ``faultline data verify`` alone; sizes are always compared.
HASHED_ON_READ = 64 * 2**20


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was stored.

    Attributes
    ----------
    path : str
        Below the folder of the table.
    what : str
        In words.
    """

    path: str
    what: str


class Integrity:
    """Checksums of the files of one table.

    Parameters
    ----------
    home : pathlib.Path
        Folder of the store.
    table : str
    """

    def __init__(self, home: Path, table: str) -> None:
        self.home, self.table = home, table
        self.folder = home / table
        self._index = home / ".checksums" / f"{table}.jsonl"
        self._stamp: tuple[int, int] | None = None
        self._recorded: dict[str, tuple[int, str]] = {}
        self._checked: set[tuple[str, int, int]] = set()

    # Writing -------------------------------------------------------------------------

    def seal(self) -> None:
        """Sync all files of commits that are not recorded yet, and record their hashes.

        Raises
        ------
        OSError
            Something could not be synced: it may not survive a power cut.
        """
        known = self.recorded()
        new: dict[str, None] = {}
        for name in self.log_entries():
            entry = f"{LOG}/{name}"
            if entry in known:
                continue
            if name.endswith(".json"):
                added = added_files(self.folder / entry)
                if added is None:
                    continue  # not whole: whoever opens the table says so
                new |= dict.fromkeys(path for path, _ in added if path not in known)
            new[entry] = None
        lines = []
        folders = {self.folder, self.folder / LOG}
        for path in new:
            file = self.folder / path
            try:
                content = _synced(file)
            except FileNotFoundError:
                continue  # compacted and cleared away by another process
            folders.add(file.parent)
            lines.append(_line(path, content))
        for folder in folders:
            sync_folder(folder)
        sync_folder(self.home)
        if lines:
            self._note(lines)

    def _note(self, lines: Iterable[bytes]) -> None:
        self._index.parent.mkdir(parents=True, exist_ok=True)
        begun = not self._index.exists()
        with self._index.open("ab") as file:
            # A torn last line must not swallow ours.
            file.write(b"\n" + b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        if begun:
            sync_folder(self._index.parent)
            sync_folder(self.home)

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
        if self.recorded():
            raise DataError(
                f"The log of table {self.table!r} in the store {self.home} is gone, and its"
                f" figures with it: restore {self.folder / LOG} from a good copy, or move the"
                " store away to begin anew."
            )
        return False

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
        return sorted(name for name in names if _version(name) is not None)

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
        recorded = self.recorded()
        last = max(map(number_of, entries))
        told = max((number_of(path) for path in recorded if path.startswith(LOG)), default=last)
        if told > last:
            raise self._error(Damage(f"{LOG}/{told:020d}.json", "is gone"))
        start = max((number_of(name) for name in entries if "checkpoint" in name), default=0)
        needed = [f"{LOG}/{name}" for name in entries if number_of(name) >= start]
        for path in needed:
            new = path not in recorded and path.endswith(".json")
            if new and added_files(self.folder / path) is None:
                raise self._error(Damage(path, "is not whole, as after a power cut"))
        self._hold(needed)
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
        total, paths = 0, []
        for path, size in files:
            try:
                held = (self.folder / path).stat().st_size
            except OSError as problem:
                damage = Damage(path, f"cannot be read ({problem.strerror})")
                raise self._error(damage) from None
            if held != size:
                raise self._error(Damage(path, f"has {held:,} bytes where {size:,} were stored"))
            total += size
            paths.append(path)
        if total <= HASHED_ON_READ:
            self._hold(paths)

    def damaged(self) -> Iterator[Damage]:
        """Every recorded file that is there and of other content; all are read.

        What is not there may have been cleared away: `gone` tells.
        """
        for path, (size, digest) in self.recorded().items():
            try:
                content = (self.folder / path).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as problem:
                yield Damage(path, f"cannot be read ({problem.strerror})")
                continue
            if (len(content), _digest(content)) != (size, digest):
                yield Damage(path, "differs from what was stored")

    def gone(self) -> Iterator[Damage]:
        """Every commit and every file of the newest version that is not there."""
        recorded, entries = self.recorded(), self.log_entries()
        commits = {number_of(name) for name in entries if name.endswith(".json")}
        start = max((number_of(name) for name in entries if "checkpoint" in name), default=-1)
        told = [number_of(path) for path in recorded if path.startswith(LOG)]
        last = max([*told, *commits, start])
        lost = [version for version in range(start + 1, last + 1) if version not in commits]
        if lost and not entries:
            yield Damage(LOG, "is gone")
        elif lost:
            yield from (Damage(f"{LOG}/{version:020d}.json", "is gone") for version in lost)
        elif entries:
            yield from self._gone_files()

    def _gone_files(self) -> Iterator[Damage]:
        """Files of the newest version that are not there; none when no one can tell which."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            files = DeltaTable(str(self.folder)).get_add_actions()["path"].to_pylist()
        except (DeltaError, OSError):
            return  # the log is damaged, and `damaged` names it
        yield from (Damage(path, "is gone") for path in files if not (self.folder / path).exists())

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

    def _hold(self, paths: Iterable[str]) -> None:
        """Compare files with their recorded hashes, each once while it does not change."""
        recorded = self.recorded()
        for path in paths:
            if path not in recorded:
                continue  # written before checksums were kept, or by a process that was killed
            file = self.folder / path
            try:
                stat = file.stat()
                stamp = path, stat.st_mtime_ns, stat.st_size
                if stamp in self._checked:
                    continue
                content = file.read_bytes()
            except OSError as problem:
                damage = Damage(path, f"cannot be read ({problem.strerror})")
                raise self._error(damage) from None
            if (len(content), _digest(content)) != recorded[path]:
                raise self._error(Damage(path, "differs from what was stored"))
            self._checked.add(stamp)

    def _error(self, damage: Damage) -> DataError:
        # What is not recorded was never said to be stored.
        if "Permission denied" in damage.what:
            remedy = "see that you may read it"
        elif damage.path in self.recorded():
            remedy = "restore it from a good copy"
        else:
            remedy = "repair it with faultline doctor --repair"
        return DataError(
            f"Table {self.table!r} of the store {self.home} cannot be read: {damage.path}"
            f" {damage.what}; {remedy}."
        )


def added_files(entry: Path) -> list[tuple[str, int]] | None:
    """Data files that a commit adds, with their sizes; None where the commit is not whole.

    Parameters
    ----------
    entry : pathlib.Path
        A JSON file of the log: an action a line.
    """
    try:
        actions = [json.loads(line) for line in entry.read_bytes().splitlines() if line.strip()]
        added = [action["add"] for action in actions if "add" in action]
        return [(str(one["path"]), int(one["size"])) for one in added] if actions else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _synced(file: Path) -> bytes:
    with file.open("rb") as handle:
        content = handle.read()
        os.fsync(handle.fileno())
    return content


def _line(path: str, content: bytes) -> bytes:
    fields = {"path": path, "size": len(content), "sha256": _digest(content)}
    return json.dumps(fields).encode() + b"\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _version(name: str) -> int | None:
    number = name.partition(".")[0]
    whole = len(number) == 20 and number.isdecimal()
    return int(number) if whole and name.endswith((".json", ".parquet")) else None


def number_of(path: str) -> int:
    """Version of a commit or checkpoint."""
    return _version(path.rpartition("/")[2]) or 0
