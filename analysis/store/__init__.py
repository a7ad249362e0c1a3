"""Tables at rest: observations are added, and read as they were known on a day.

`Store` is the face. Behind it: ``snapshot`` (a folder of plain files), ``writing`` (a live
store) with ``door`` and ``observations`` (what a row must be, and what it adds), ``delta``
(files, versions, commits), ``quarantine``, ``content`` (hashes), ``places`` (folders, object
stores, locks) and ``outcome`` (what an append tells). Called by the desk and by the update.
"""

from __future__ import annotations

from analysis.store.append_result import Alert, Appended
from analysis.store.store import Store

__all__ = ["Alert", "Appended", "Store"]
