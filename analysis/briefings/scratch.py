"""The temporary folder of one render, and those that killed renders left behind.

A render holds a lock on a file in its folder, which the system lifts when the process dies. A
folder of ours whose lock is free is therefore left over, and the next render clears it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "faultline-render-"
_LOCK = "lock"
_UNLOCKED = 3600.0  # seconds after which a folder without a lock file counts as left over


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for one render, clear those left over, and remove it in the end.

    Yields
    ------
    pathlib.Path
        Absolute, without links.
    """
    clear_left_over()
    name = tempfile.mkdtemp(prefix=_PREFIX)
    folder = Path(name).resolve()
    try:
        with (folder / _LOCK).open("w", encoding="ascii") as lock:
            _lock(lock.fileno())
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_left_over() -> list[Path]:
    """Remove the folders of renders that died, our own user's alone.

    Returns
    -------
    list of pathlib.Path
        The folders that were removed.
    """
    removed = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        with suppress(OSError):
            if _is_left_over(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed


def _is_left_over(folder: Path) -> bool:
    found = folder.lstat()
    if folder.is_symlink() or not folder.is_dir() or found.st_uid != os.getuid():
        return False
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Made a moment ago by a render that is about to lock it, or torn down half-way.
        return time.time() - found.st_mtime > _UNLOCKED
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock could be taken; it is held until the file is closed."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
