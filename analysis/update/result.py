"""What came of asking one source, and who is told while it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Told of each step of a source: its name, steps done, steps in all, and what happens now.
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class SourceResult:
    """What one source brought in one pass."""

    # source, table: who was asked, and for which table
    source: str
    table: str
    # new, revised, unchanged, rejected: rows by what the store made of them; rejected ones lie in
    # quarantine
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    seconds: float = 0.0  # from the first question to the last row stored
    # revisions of history that somebody should look at, a sentence each
    alerts: tuple[str, ...] = ()
    news: tuple[str, ...] = ()  # names that the source says are gone or renamed, a sentence each
    # what the checks of prices found for the first time, a sentence each; the figures are kept with
    # a flag
    doubts: tuple[str, ...] = ()
    # what could not be had, a sentence each; empty when all went well
    failures: tuple[str, ...] = ()
    # why the source was not asked although nothing is wrong; blank when it was
    skipped_reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for came."""
        return not self.failures
