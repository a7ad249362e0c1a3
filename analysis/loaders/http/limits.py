"""How long a source may take and how much it may send: every bound of the loaders.

A question has a deadline and a largest answer, and all questions of one source in a pass share a
`Budget`. The usual bounds are here; `analysis.settings` says which variables replace them.
Called by everything that reads from a network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import SourceError

if TYPE_CHECKING:
    from analysis.loaders.http.rate_limit import RateLimiter

MEGABYTE = 2**20

GZIP_MEMBERS = 1_000
"""Members of one gzip stream; servers send one."""

ZIP_ENTRIES = 100
"""Files in one ZIP; those of French's library hold one."""

PAGES = 100
"""Pages of one listing."""

JSON_DEPTH = 100
JSON_CONTAINERS = 300_000
JSON_VALUES = 2_000_000
"""Nesting, objects and lists, and values of one document. Each costs Python far more memory than
the bytes that it is written in. The largest files of the SEC hold a quarter of that."""

UNREADABLE = 1_000
"""Records of one response that cannot be read; beyond that the response is another one than before,
and as quarantine it would be far larger than it came."""

CELLS = 2_000_000
"""Cells of one sheet; the daily index of geopolitical risk has 150,000."""

# Megabytes of one response, unpacked. The SEC's files of large companies hold ten, sixty years of
# Yahoo's prices less than two; four tickers are asked for side by side.
_ANSWER = 16.0
_ANSWERS = {"edgar": 32.0, "yahoo": 8.0}
_SOURCE = 256.0


class LimitError(SourceError):
    """A source took longer or sent more than it may: ``what``, in words that follow a name."""

    def __init__(self, message: str, what: str = "") -> None:
        super().__init__(message)
        self.what = what


class SpentError(LimitError):
    """Nothing is left of a source's budget: asking again in this pass is of no use.

    ``reason`` follows the word "as".
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}; the rest was not asked for.")
        self.source, self.reason = source, reason


@dataclass
class Deadline:
    """The end of one exchange, kept by every read and write of its connection."""

    at: float  # on the clock of `time.monotonic`
    received: int = 0  # bytes that came so far, headers included

    @property
    def left(self) -> float:
        """Seconds left; negative afterwards."""
        return self.at - time.monotonic()


class Budget:
    """Time and bytes of one source in one pass, by default as the settings say; thread-safe.

    The clock starts with the first question and stops while our own pace keeps a question waiting:
    neither that nor waiting for another loader is the source's fault.
    """

    def __init__(
        self, source: str, seconds: float | None = None, megabytes: float | None = None
    ) -> None:
        self.source = source
        self.seconds = seconds or settings.source_timeout()
        self._megabytes = megabytes or settings.source_megabytes() or _SOURCE
        self._bytes = int(self._megabytes * MEGABYTE)
        self._end: float | None = None
        self._lock = Lock()

    def left(self) -> float:
        """Seconds left; the first call starts the clock."""
        with self._lock:
            if self._end is None:
                self._end = time.monotonic() + self.seconds
            return self._end - time.monotonic()

    def excuse(self, seconds: float) -> None:
        """Give back time that was spent by us."""
        with self._lock:
            if self._end is not None:
                self._end += seconds

    def check(self) -> float:
        """Seconds left, or a `SpentError`."""
        left = self.left()
        if left <= 0:
            why = f"all responses together took longer than {self.seconds:g} seconds"
            raise SpentError(self.source, f"{why} (FAULTLINE_SOURCE_PATIENCE)")
        return left

    def wait(self, pace: RateLimiter) -> float:
        """Wait for a turn, or raise a `SpentError` where it comes too late.

        Returns the seconds that our own pace took: to be given back where no other thread waits
        too.
        """
        waited = pace.wait(self.check())
        if waited is None:
            raise SpentError(
                self.source,
                f"the next turn comes after the {self.seconds:g} seconds that all responses "
                "together may take (FAULTLINE_SOURCE_PATIENCE)",
            )
        return waited

    def take(self, count: int) -> None:
        """Count bytes of a response, or raise a `SpentError`."""
        with self._lock:
            self._bytes -= count
            spent = self._bytes < 0
        if spent:
            why = f"all responses together are larger than {self._megabytes:g} MB"
            raise SpentError(self.source, f"{why} (FAULTLINE_SOURCE_MB)")


_budget: ContextVar[Budget | None] = ContextVar("_budget", default=None)


@contextmanager
def spending(budget: Budget) -> Iterator[Budget]:
    """Let every client that is made within the block share a budget."""
    before = _budget.set(budget)
    try:
        yield budget
    finally:
        _budget.reset(before)


def budget_for(source: str) -> Budget:
    """Budget of the pass, or one of its own for a client that is used alone."""
    return _budget.get() or Budget(source)


def largest_answer(source: str) -> int:
    """Bytes of one response of a source, unpacked."""
    return int((settings.answer_megabytes() or _ANSWERS.get(source, _ANSWER)) * MEGABYTE)
