"""Tables at rest: observations are added, and read as they were known on a day.

`Store` is the interface. Behind it: ``snapshot`` (a folder of plain files), ``writer`` (a live
store) with ``admission`` and ``bitemporal`` (what a row must be, and what it adds), ``delta``
(files, versions, commits), ``quarantine``, ``content_hash``, ``location`` (folders, object
stores, locks) and ``append_result``. Called by the desk and by the update.
"""

from __future__ import annotations

from analysis.store.append_result import AppendResult, Revision
from analysis.store.store import Store

__all__ = ["AppendResult", "Revision", "Store"]
