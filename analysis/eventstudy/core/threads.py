"""Blocks of events side by side on the cores of one machine.

NumPy lets other threads run while it works, so the blocks of a large sample share the cores.
What comes out is taken in the order of the blocks: the number of threads changes no digit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Work = TypeVar("Work")
Done = TypeVar("Done")

MOST_THREADS = 4
# Just below the largest mapping from which glibc learns.
LARGEST_MAPPING = (32 << 20) - (64 << 10)
# Blocks beyond which threads pay for themselves.
MIN_BLOCKS_FOR_THREADS = 8
# Results that are waited for together.
MAX_IN_FLIGHT = 8


def threads() -> int:
    """Cores this process may use, up to `MOST_THREADS`."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(free or 1, MOST_THREADS)


@cache
def _keep_freed_memory() -> None:
    """Let the allocator keep what a block has freed for the next one.

    glibc maps arrays beyond 128 KB one by one and gives them back when they are freed: every
    block would touch new pages, which takes as long as the work itself. It does so only up to
    the size of the largest mapping that was ever freed, 32 MB at most (mallopt(3),
    M_MMAP_THRESHOLD); one that is never written to costs nothing. Elsewhere this does nothing.
    """
    np.empty(LARGEST_MAPPING, dtype=np.uint8)


class _OneBlasThread:
    """While blocks share the cores, a product of matrices keeps to the thread that asks for it.

    Else each of them would start as many threads as there are cores, and these take the cores
    from the other blocks. The setting is the process's: the first to come makes it, and the
    last to leave puts back what was.
    """

    def __init__(self) -> None:
        self._turn, self._inside = Lock(), 0
        self._before: AbstractContextManager[object] = nullcontext()

    def __enter__(self) -> None:
        with self._turn:
            if self._inside == 0:
                self._before = _blas().limit(limits=1, user_api="blas")
                self._before.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._inside -= 1
            if self._inside == 0:
                self._before.__exit__(None, None, None)


@cache
def _blas() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks through all loaded libraries, hence once


_BLAS = _OneBlasThread()


def map_ordered(
    work: Callable[[Work], Done], blocks: Iterable[Work], *, few: int = MIN_BLOCKS_FOR_THREADS
) -> Iterator[Done]:
    """Do the same work on every block, and yield the results in the order of the blocks.

    Parameters
    ----------
    work : callable
        Must not change anything that another call reads.
    blocks : iterable
        Taken as they are needed: few of them, and of their results, wait at a time.
    few : int
        Up to so many blocks are done one after the other.
    """
    todo = iter(blocks)
    first = [block for _, block in zip(range(few + 1), todo, strict=False)]
    _keep_freed_memory()
    workers = threads()
    if len(first) <= few or workers == 1:
        yield from map(work, first)
        yield from map(work, todo)
        return
    with _BLAS, ThreadPoolExecutor(workers, thread_name_prefix="faultline") as pool:
        waiting: deque[Future[Done]] = deque(pool.submit(work, block) for block in first)
        for block in todo:
            waiting.append(pool.submit(work, block))
            if len(waiting) > 2 * MAX_IN_FLIGHT:
                # To be woken for every block would take the cores from those who work.
                wait([waiting[MAX_IN_FLIGHT - 1]])
                for _ in range(MAX_IN_FLIGHT):
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
