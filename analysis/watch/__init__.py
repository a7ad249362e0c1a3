"""What the press tells watchers to monitor: looked at, stored, and told once.

A pass asks the sources (`looking`), stores what they answered, derives from the store's
observations what is new (`news`, `prices`), and tells it (`telling`): as JSON lines, through
notices, and as a drafted event. Which alerts were derived and told is kept in an `outbox` in the
home, so that a restart neither repeats nor misses one. Called by ``faultline watch``.
"""

from __future__ import annotations

from analysis.watch.alerts import Alert
from analysis.watch.run import Result, Watch

__all__ = ["Alert", "Result", "Watch"]
