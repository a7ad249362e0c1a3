"""How tests make clients of a local source, and how long those wait."""

from __future__ import annotations

from collections.abc import Callable

from analysis.loaders.http.client import Client, RetryPolicy

# Patient enough for a busy machine; only what is meant to stall is cut short.
QUICK = RetryPolicy(connect=5, read=5, total=20, attempts=3, first_wait=0.01, longest_wait=0.5)

Make = Callable[..., Client]
