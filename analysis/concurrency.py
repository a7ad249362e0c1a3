"""Work in threads that an interrupted command leaves behind.

A source that stalls must not keep Ctrl-C waiting, so these threads are daemons. A daemon that is
inside compiled code while the interpreter is taken down crashes the process; a process with such
threads therefore has to be left by `leave`.
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

Answer = TypeVar("Answer")


class _Ours(threading.Thread):
    """Told from the threads of other packages by its class."""


def side_by_side(jobs: Mapping[str, Callable[[], Answer]]) -> Iterator[tuple[str, Answer]]:
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
    Answer
    """
    answers: SimpleQueue[tuple[str, Callable[[], Answer]]] = SimpleQueue()

    def run(name: str, job: Callable[[], Answer]) -> None:
        try:
            answer = job()
        except BaseException as problem:  # one that dies in silence is waited for without end
            answers.put((name, partial(_raise, problem)))
        else:
            answers.put((name, lambda: answer))

    for name, job in jobs.items():
        _Ours(target=run, args=(name, job), name=name, daemon=True).start()
    for _ in jobs:
        name, answer = answers.get()
        yield name, answer()


def _raise(problem: BaseException) -> NoReturn:
    raise problem


def leave(code: int) -> None:
    """End this process at once if jobs still run; else return.

    What a job had stored is whole: the process may die at any moment.
    """
    if not any(isinstance(thread, _Ours) for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
