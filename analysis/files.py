"""Files that are written whole or not at all, survive a power cut, and are held by one process."""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

_BESIDE = re.compile(r"\..+\.[0-9a-f]{12}\.part")
_LEFT_OVER = 3600.0  # seconds; nobody writes one file for so long


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, sync it, rename it and sync the folder.

    Whenever the process dies or the power fails there is the old file or the new one; after the
    return there is the new one. Missing folders are made, and synced too.

    Raises
    ------
    OSError
        It cannot be written; what was there before is whole.
    """
    make_folder(path.parent)
    trial = beside(path)
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


def beside(path: Path) -> Path:
    """Temporary name in the folder of a file."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def clear_left_over(folder: Path) -> None:
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


def lock(descriptor: int, patience: float, *, alone: bool = True) -> bool:
    """Wait for the lock of an open file; closing it frees it, and so does the process's end.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    patience : float
        Seconds to wait for another process.
    alone : bool
        False shares the lock with others that share it.

    Returns
    -------
    bool
        False where there are no such locks: on Windows, and on some network shares.

    Raises
    ------
    BlockingIOError
        Another process holds the lock longer than that.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        return False
    end = monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > end:
                raise
            sleep(0.005)
        except OSError:
            return False
        else:
            return True
