"""The sources that the press tells its readers to monitor: polled, stored, and reported once.

A pass polls the sources (`poll`), stores what they returned, derives from the store's
observations what is new (`artefact_alerts`, `price_alerts`), and dispatches it (`dispatch`): as
JSON lines, as notifications, and as a drafted event. Which alerts were derived and sent is kept in
an `outbox` in the home, so that a restart neither repeats nor misses one. Called by ``faultline
watch``.
"""

from __future__ import annotations

from analysis.watch.alerts import Alert
from analysis.watch.run import Result, Watch

__all__ = ["Alert", "Result", "Watch"]
