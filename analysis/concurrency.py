"""Work in threads that an interrupted command leaves behind.

A source that stalls must not keep Ctrl-C waiting, so these threads are daemons. A daemon that is
inside compiled code while the interpreter is taken down crashes the process; a process with such
threads therefore has to be left by `exit_if_threads_running`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NoReturn, TypeVar

Result = TypeVar("Result")


class _DaemonWorker(threading.Thread):
    """A thread of ours, recognised by its class."""


def run_concurrently(jobs: Mapping[str, Callable[[], Result]]) -> Iterator[tuple[str, Result]]:
    """Begin all jobs at once, and hand out what each returns, first come, first served.

    Parameters
    ----------
    jobs : mapping of str to callable
        By name. What a job raises is raised here in its turn; a job that wants the others to be
        heard says in its answer what went wrong.

    Yields
    ------
    str
        The job's name.
    """
    results: SimpleQueue[tuple[str, Callable[[], Result]]] = SimpleQueue()

    def run(name: str, job: Callable[[], Result]) -> None:
        try:
            result = job()
        except BaseException as problem:  # one that dies in silence is waited for without end
            results.put((name, partial(_raise, problem)))
        else:
            results.put((name, lambda: result))

    for name, job in jobs.items():
        _DaemonWorker(target=run, args=(name, job), name=name, daemon=True).start()
    for _ in jobs:
        name, result = results.get()
        yield name, result()


def _raise(problem: BaseException) -> NoReturn:
    raise problem


def exit_if_threads_running(code: int) -> None:
    """End this process at once if jobs still run; else return.

    What a job had stored is whole: the process may die at any moment.
    """
    if not any(isinstance(thread, _DaemonWorker) for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
