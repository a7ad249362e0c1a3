"""One pass of the loaders into the store, and how the store stands.

`update` asks every source for what is missing and puts the answers into the store; `standing`
says how fresh each table is and where prices have holes. Called by ``faultline data``.
"""

from __future__ import annotations

from analysis.update.freshness import Freshness, Gap, freshness, gaps
from analysis.update.plan import Known
from analysis.update.result import Outcome, Progress
from analysis.update.run import choose, unfilled, update

__all__ = [
    "Freshness",
    "Gap",
    "Known",
    "Outcome",
    "Progress",
    "choose",
    "freshness",
    "gaps",
    "unfilled",
    "update",
]
