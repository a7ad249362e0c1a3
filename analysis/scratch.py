"""Temporary folders of this process, and those that killed processes left behind.

A process holds a lock on a file in its folder, which the system lifts when the process dies. A
folder of ours whose lock is free is therefore left over, and whoever makes the next one clears it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.files import lock

_LOCK = "lock"
_UNLOCKED = 3600.0  # seconds after which a folder without a lock file counts as left over


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Make a folder, clear those left over of the same purpose, and remove it in the end.

    Yields
    ------
    pathlib.Path
        Absolute, without links.
    """
    clear_left_over(purpose)
    held = None
    while held is None:
        folder = Path(tempfile.mkdtemp(prefix=f"faultline-{purpose}-")).resolve()
        held = _hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_left_over(purpose: str) -> list[Path]:
    """Remove the folders of processes that died, our own user's alone.

    Returns
    -------
    list of pathlib.Path
        The folders that were removed.
    """
    found = sorted(Path(tempfile.gettempdir()).glob(f"faultline-{purpose}-*"))
    return [folder for folder in found if _remove_left_over(folder)]


def _hold(folder: Path) -> int | None:
    """Lock a new folder; None where another process took it for left over in that moment."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError:
        return None
    with suppress(TimeoutError):
        lock(descriptor, 0.0)
        if (folder / _LOCK).exists():
            return descriptor
    os.close(descriptor)
    return None


def _remove_left_over(folder: Path) -> bool:
    descriptor = None
    try:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid != os.getuid():
            return False
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        left_over = lock(descriptor, 0.0)
    except FileNotFoundError:
        # Made a moment ago by a process that is about to lock it, or torn down half-way.
        left_over = folder.exists() and time.time() - found.st_mtime > _UNLOCKED
    except (OSError, AttributeError):  # held; or Windows, which knows no owner
        left_over = False
    if left_over:
        # The lock is held until the folder is gone: nobody else can begin to use it.
        shutil.rmtree(folder, ignore_errors=True)
    if descriptor is not None:
        os.close(descriptor)
    return left_over
