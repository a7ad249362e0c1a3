"""What came of asking one source, and who is told while it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Told of each step of a source: its name, steps done, steps in all, and what happens now.
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Outcome:
    """What one source brought in one pass.

    Attributes
    ----------
    source, table : str
        Who was asked, and for which table.
    new, revised, unchanged, rejected : int
        Rows by what the store made of them; rejected ones lie in quarantine.
    seconds : float
        From the first question to the last row stored.
    alerts : tuple of str
        Revisions of history that somebody should look at, a sentence each.
    news : tuple of str
        Names that the source says are gone or renamed, a sentence each.
    doubts : tuple of str
        What the checks of prices found for the first time, a sentence each; the figures are
        kept with a flag.
    failures : tuple of str
        What could not be had, a sentence each; empty when all went well.
    left_out : str
        Why the source was not asked although nothing is wrong; blank when it was.
    """

    source: str
    table: str
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    seconds: float = 0.0
    alerts: tuple[str, ...] = ()
    news: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for came."""
        return not self.failures
