"""A moment in which a polite request to stop has to wait.

Between telling an alert and noting it an interrupt would make a restart tell it again. Ctrl-C and
a termination signal are therefore held back that long; only a kill cannot be.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold signals back until the block has ended, and deliver them then."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals interrupt the main thread alone
        return
    caught: list[int] = []

    def hold(number: int, _frame: object) -> None:
        caught.append(number)

    before = {number: signal.signal(number, hold) for number in _DEFERRED}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None stands for a handler that was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for caught_one in caught[:1]:
        signal.raise_signal(caught_one)
