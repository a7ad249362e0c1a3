"""One pass of the loaders into the store, and how the store stands.

`update` fetches what is missing from every source into the store; `freshness`
says how fresh each table is and where prices have holes. Called by ``faultline data``.
"""

from __future__ import annotations

from analysis.update.fetch import Progress, SourceResult
from analysis.update.freshness import Freshness, Gap, freshness, gaps
from analysis.update.plan import UpdateContext
from analysis.update.run import choose, unfilled, update

__all__ = [
    "Freshness",
    "Gap",
    "Progress",
    "SourceResult",
    "UpdateContext",
    "choose",
    "freshness",
    "gaps",
    "unfilled",
    "update",
]
