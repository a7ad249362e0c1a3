"""From an open alert to everybody who should hear of it: draft, JSON line, notices.

Each step is noted right after it was done, and one that fails leaves its alert open for the next
pass without stopping the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError
from analysis.watch.event_drafts import add, draft
from analysis.watch.notifications import Target, notices
from analysis.watch.outbox import Entry, Outbox
from analysis.watch.signals import defer_signals

if TYPE_CHECKING:
    from analysis.calendars import Calendars
    from analysis.catalogue import Catalogue
    from analysis.watch.alerts import Alert

Emit = Callable[[dict[str, Any]], None]


@dataclass
class AlertDispatcher:
    """Tells open alerts."""

    outbox: Outbox  # held alone by the caller
    catalogue: Catalogue  # for drafted events
    calendars: Calendars  # for their day 0
    addresses: Sequence[Target]  # where notices go
    emit: Emit  # takes the document of an alert: the JSON line
    drafts: Path  # file of the drafted events
    failures: dict[str, str] = field(default_factory=dict)  # what went wrong, by what failed

    def dispatch(self) -> int:
        """Do what is left to do about every open alert; returns how many stay open."""
        entries = [self._emit_line(self._draft_event(entry)) for entry in self.outbox.open()]
        for address in self.addresses:
            try:
                entries = self._notify(address, entries)
            finally:
                address.end()
        waiting = [entry for entry in entries if not entry.done]
        given = {address.fingerprint for address in self.addresses}
        lost = sum(not (set(entry.to) - set(entry.sent) <= given) for entry in waiting)
        if lost:
            self.failures["notices"] = (
                f"{lost} alerts wait for a notify URL that is no longer given: give it again, or "
                f"remove their files from {self.outbox.folder / 'alerts'}."
            )
        return len(waiting)

    def _draft_event(self, entry: Entry) -> Entry:
        if entry.drafted:
            return entry
        alert = entry.alert
        if alert.kind != "model" or self._catalogued(alert):
            return self.outbox.note(entry, drafted=True)
        row, day0 = draft(alert, self._entity(alert), self._exchanges(), self.calendars)
        details = {**alert.details, "draft": row["id"], "day0": day0}
        try:
            add(self.drafts, row)
        except DataError as problem:
            self.failures["drafts"] = str(problem)
            return entry
        return self.outbox.note(entry, drafted=True, alert=replace(alert, details=details))

    def _emit_line(self, entry: Entry) -> Entry:
        if entry.printed:
            return entry
        with defer_signals():
            self.emit(entry.alert.document())
            return self.outbox.note(entry, printed=True)

    def _notify(self, address: Target, entries: list[Entry]) -> list[Entry]:
        """Send what an address has not had; after one that failed the rest waits too."""
        mark = address.fingerprint
        held = {entry.alert.id: entry for entry in entries}
        due = [entry.alert for entry in entries if mark in entry.to and mark not in entry.sent]
        for notice in notices(sorted(due, key=lambda alert: alert.subject)):
            address.begin()  # may take a while: a request to stop need not wait for that
            with defer_signals():
                taken = address.send(notice.title, notice.body)
                for name in notice.ids if taken else ():
                    entry = held[name]
                    held[name] = self.outbox.note(entry, sent=(*entry.sent, mark))
            if not taken:
                left = sum(mark not in held[alert.id].sent for alert in due)
                self.failures[address.name] = (
                    f"did not accept a notice; {left} alerts stay in the outbox and are sent with "
                    "the next pass."
                )
                break
        return list(held.values())

    def _entity(self, alert: Alert) -> str | None:
        platform, _, owner = alert.subject.partition(" ")
        for row in self.catalogue.table("watched").iter_rows(named=True):
            if (row["platform"], row["name"]) == (platform, owner):
                entity: str | None = row["entity"]
                return entity
        return None

    def _exchanges(self) -> list[str]:
        held = self.catalogue.table("instruments")["exchange"].drop_nulls().unique()
        return sorted(held.to_list())

    def _catalogued(self, alert: Alert) -> bool:
        return alert.url in self.catalogue.table("events")["source_url"].to_list()
