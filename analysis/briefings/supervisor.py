"""A kernel with everything that it starts, kept within limits and ended with its render.

Run as a program between Faultline and the kernel, and between Faultline and what lays the page
out: ``supervisor.py SETTINGS COMMAND...``. It
starts the command, and ends it and all processes below it when the command ends, when Faultline
has died or asks it to (SIGTERM), or when a limit is exceeded; which one, it writes to a file.
On Linux processes that outlive their parent become its children, so that none escapes by being
started in the background. It needs nothing of the package, so that it starts at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_PERIOD = 0.1  # seconds between two looks
_LONGEST = 1.0  # seconds without a look: what a cell allocates meanwhile is not seen
_SUBREAPER, _DEATH_SIGNAL = 36, 1  # of prctl(2)
_LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Supervision:
    """Settings of the supervisor."""

    parent: int  # process id of Faultline
    seconds: float  # how long the command may run
    memory: int  # bytes that it and its processes may hold together
    processes: int  # how many they may be
    verdict: str  # file that takes the name of the limit that was exceeded

    def command(self, argv: list[str]) -> list[str]:
        """Put the supervisor in front of a command."""
        # -P: the folder of this file holds modules with names of others.
        own = [sys.executable, "-P", str(Path(__file__).resolve())]
        return [*own, json.dumps(asdict(self)), *argv]


def supervise(limits: Supervision, command: list[str]) -> int:
    """Run a command until it ends or has to be ended.

    Returns
    -------
    int
        Its exit code; 1 when it was ended.
    """
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    if _LINUX:
        _prctl(_SUBREAPER, 1)
    # The kernel looks whether its parent lives, and we are that.
    environment = os.environ | {"JPY_PARENT_PID": str(os.getpid())}
    child = subprocess.Popen(  # noqa: S603 - the kernel's command, no shell
        command, env=environment, preexec_fn=_end_with_parent if _LINUX else None
    )
    # An interrupt reaches the kernel in the same group; it decides what to do.
    signal.signal(signal.SIGINT, lambda *_: None)
    deadline = time.monotonic() + limits.seconds
    try:
        while child.poll() is None:
            if stopped or os.getppid() != limits.parent:
                return 1
            began = time.monotonic()
            exceeded = "render" if began > deadline else _exceeded(limits, child.pid)
            if exceeded:
                Path(limits.verdict).write_text(exceeded, encoding="ascii")
                return 1
            _rest(time.monotonic() - began, stopped)
        return child.returncode
    finally:
        _end_all(_alive)


def end_carriers(variable: str, value: str) -> None:
    """End every process that has a variable of the environment from one run.

    Faultline calls it after the run: a supervisor that was killed itself ends nothing.

    Parameters
    ----------
    variable, value : str
        What the run's processes inherited and no other process has.
    """

    def carriers() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(variable) == value:
                    found.append(process)
        return found

    _end_all(carriers)


def _rest(look: float, stopped: list[int]) -> None:
    """Sleep until the next look, or until a signal came."""
    # Where there are thousands of processes a look takes long; it stays a twentieth.
    seconds = min(_LONGEST, max(_PERIOD, 20 * look))
    # In short naps: Python goes back to sleep after a signal's handler.
    for _ in range(round(seconds / _PERIOD)):
        if not stopped:
            time.sleep(_PERIOD)


def _exceeded(limits: Supervision, kernel: int) -> str:
    """Name of the limit that the processes exceed together; blank when there is none."""
    below = _alive(kernel)
    if len(below) > limits.processes:
        return "processes"
    if sum(map(_resident, below)) <= limits.memory:
        return ""
    # Forked processes share memory, which the resident size counts for each of them.
    return "memory" if sum(map(_own, below)) > limits.memory else ""


def _alive(kernel: int = 0) -> list[psutil.Process]:
    """The processes below this one; those that ended are cleared away, but for the kernel."""
    alive = []
    for process in psutil.Process().children(recursive=True):
        if not _is_finished(process):
            alive.append(process)
        elif process.pid != kernel:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
    return alive


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _own(process: psutil.Process) -> int:
    """Memory of a process with its part of what it shares, where the system says so."""
    try:
        found = process.memory_full_info()
    except psutil.Error:
        return _resident(process)
    return int(getattr(found, "pss", found.rss))


def _end_all(found: Callable[[], list[psutil.Process]]) -> None:
    """End every process that is found, also such as start others meanwhile."""
    for _ in range(100):
        below = found()
        if not below:
            return
        # Stopped first: what is stopped starts no other.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in below:
                with suppress(psutil.Error):
                    process.send_signal(number)
        psutil.wait_procs(below, timeout=0.05)


def _is_finished(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _end_with_parent() -> None:
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(supervise(Supervision(**json.loads(sys.argv[1])), sys.argv[2:]))
