"""Commands of Faultline in processes of their own, forked from one that has imported most.

Started by tests of faults that kill commands again and again: so most of a command is imported
once. polars and deltalake are not, for they start threads, and no fork is safe beside those;
nor is anything computed but the calendars, where they are asked for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

ROOT = Path(__file__).resolve().parents[2]
EXCHANGES = ("XHKG", "XKRX", "XNYS", "XSHG", "XTAI", "XTKS")
# Threads that numpy and pyarrow would start as soon as they are imported.
ALONE = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


@dataclass(frozen=True)
class Fork:
    """A command that runs, or has ended and waits to be asked how."""

    forks: Forks
    pid: int

    def send_signal(self, number: int) -> None:
        # A zombie takes the signal too: its number is not free before it is waited for.
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """How it ended, as `subprocess` says it."""
        return self.forks.ask(["wait", self.pid])


class Forks:
    """Begins commands.

    Parameters
    ----------
    calendars : bool
        Whether the commands need calendars: then these are computed once.
    """

    def __init__(self, *, calendars: bool = False) -> None:
        # What is killed counts no lines, see `tests.faults.conftest`.
        given = {name: it for name, it in os.environ.items() if not name.startswith("COVERAGE_")}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.forks", *(["calendars"] if calendars else [])],
            cwd=ROOT,
            env={**given, **ALONE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()
        assert self._parent.stdout
        assert self._parent.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.close()
        self._parent.stdout.close()
        assert self._parent.wait(30) == 0

    def start(
        self,
        *words: str,
        environment: Mapping[str, str],
        out: Path | None = None,
        err: Path | None = None,
    ) -> Fork:
        """Begin ``faultline WORD...``; what it prints is added to these files, or lost."""
        streams = [str(path or os.devnull) for path in (out, err)]
        return Fork(self, self.ask(["start", dict(environment), *streams, *words]))

    def ask(self, question: list[Any]) -> int:
        with self._turn:
            assert self._parent.stdin
            assert self._parent.stdout
            self._parent.stdin.write(json.dumps(question) + "\n")
            self._parent.stdin.flush()
            return int(self._parent.stdout.readline())


def main() -> None:
    """Fork and wait as often as asked."""
    import cyclopts  # noqa: F401
    import httpx2  # noqa: F401
    import rich.progress
    import rich.table  # noqa: F401
    import stamina  # noqa: F401

    from analysis import update  # noqa: F401
    from analysis.cli import data, data_update, watch  # noqa: F401

    if "calendars" in sys.argv[1:]:
        from analysis.calendars import Calendars

        for exchange in EXCHANGES:
            Calendars().published_to(exchange)
    threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads) > 1:
        sys.exit(f"a fork would not be safe beside these threads: {threads}")
    os.write(1, b"ready\n")
    for line in sys.stdin:
        what, *rest = json.loads(line)
        if what == "wait":
            _, status = os.waitpid(rest[0], 0)
            os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            continue
        child = os.fork()
        if not child:
            run(*rest)
        os.write(1, f"{child}\n".encode())


def run(environment: dict[str, str], out: str, err: str, *words: str) -> NoReturn:
    """Be the command: its environment, its streams, its words, its end."""
    from analysis.cli import main as faultline

    code = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
        code = faultline(list(words))
        sys.stdout.flush()
    except BaseException:  # of which nobody else would hear
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
