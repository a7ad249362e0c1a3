"""Whether this process was forked from one in which Polars had begun to work.

Polars works in threads, and a fork copies none: a table that is read after it waits for ever.
Whoever reads tables asks here first. The event-study engine uses no such threads and works in
forked processes.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from analysis.errors import InputError

_WORKERS = re.compile(r"polars-\d|tokio-")
_state = {"begun": False, "stuck": False}


def check_usable() -> None:
    """Refuse to read tables in a process that was forked too late.

    Raises
    ------
    InputError
        Says how to start processes instead.
    """
    if _state["stuck"]:
        raise InputError(
            "Tables cannot be read in this process: it was forked after tables had been read, and"
            " Polars does not work after a fork. Start processes with the method 'forkserver' or"
            " 'spawn', for instance"
            " ProcessPoolExecutor(mp_context=multiprocessing.get_context('forkserver')), or fork"
            " before anything is read."
        )


def _begun() -> bool:
    """Whether threads of Polars or of the Delta library run; where unknown, whether they may."""
    if "polars" not in sys.modules:
        return False
    try:
        names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return True
    return any(_WORKERS.match(name) for name in names)


def _note_before() -> None:
    _state["begun"] = _begun()


def _note_in_child() -> None:
    _state["stuck"] |= _state["begun"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_note_before, after_in_child=_note_in_child)
