"""Files that are written whole or not at all, survive a power cut, and are held by one process."""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

_BESIDE = re.compile(r"\..+\.[0-9a-f]{12}\.part")
_LEFT_OVER = 3600.0  # seconds; nobody writes one file for so long


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, sync it, rename it and sync the folder.

    Whenever the process dies or the power fails there is the old file or the new one; after the
    return there is the new one. Missing folders are made, and synced too.

    Raises
    ------
    OSError
        It cannot be written; what was there before is whole.
    """
    make_folder(path.parent)
    trial = temporary_path(path)
    try:
        with trial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        trial.replace(path)
    finally:
        with suppress(OSError):
            trial.unlink()
    sync_folder(path.parent)


def temporary_path(path: Path) -> Path:
    """Temporary name in the folder of a file."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def remove_stale_files(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder more than an hour ago."""
    with suppress(OSError):
        for path in folder.iterdir():
            # Not the time of writing: it may be a second name of a file that is much older.
            if _BESIDE.fullmatch(path.name) and time.time() - path.lstat().st_ctime > _LEFT_OVER:
                with suppress(OSError):
                    path.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they survive a power cut.

    Raises
    ------
    OSError
        One cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names in it survive a power cut.

    Raises
    ------
    OSError
        It cannot be synced. A system or file system that knows no such thing raises nothing.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[bool]:
    """Hold a lock file alone among the processes of this machine.

    The system frees the lock of a process that dies.

    Yields
    ------
    bool
        False where the file system has no locks, as some network shares: then others may hold
        it too.

    Raises
    ------
    TimeoutError
        Another process holds the lock for more than ``timeout`` seconds.
    OSError
        The file cannot be opened.
    """
    make_folder(path.parent)
    with path.open("ab") as file:
        yield lock(file.fileno(), timeout)


def lock(descriptor: int, timeout: float) -> bool:
    """Lock an open file until it is closed; see `locked`."""
    from filelock import lock_descriptor

    end = monotonic() + timeout
    while True:
        try:
            if lock_descriptor(descriptor, blocking=False):
                return True
        except OSError:
            return False
        if monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds its lock")
        sleep(0.005)
