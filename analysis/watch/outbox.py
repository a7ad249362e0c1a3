"""Which alerts there are, and to whom each was told: the memory of a watch over restarts.

In ``<home>/watch`` lie ``subjects.json`` (what was found at the first look at each subject, and
is therefore no news) and ``alerts/<id>.json``, one file per alert, written under a temporary name
and renamed into place before the alert is told to anybody. Telling is noted in the file right
after it was done. A watch that is killed between the two tells that alert once more when it is
started again: better twice than never; the alert's ``id`` is the same both times.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import DataError
from analysis.files import make_folder, write_atomic
from analysis.plain_text import visible_json
from analysis.store.location import StoreLocation
from analysis.watch.alerts import Alert

# What a source dates so long before the first look is history, whenever it is fetched.
_HISTORY = timedelta(days=31)
_DATED = ("rule", "release", "support")


@dataclass(frozen=True)
class Baseline:
    """When a subject was first looked at, and the alerts of what stood there."""

    at: datetime
    known: frozenset[str]

    def is_new(self, alert: Alert) -> bool:
        """Whether an alert is of something that was not there yet.

        A model or repository with an old date may have been private till now; a rule or
        release with one is only being fetched late.
        """
        if alert.id in self.known:
            return False
        made = alert.created_at
        return alert.kind not in _DATED or made is None or made >= self.at - _HISTORY


@dataclass(frozen=True)
class Entry:
    """One alert with what was done about it."""

    alert: Alert
    # fingerprints of the notify URLs that were set when the alert was made
    to: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()  # those of them that have taken it
    drafted: bool = False  # whether its event was drafted
    printed: bool = False  # whether its JSON line was written

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.drafted and self.printed and set(self.to) <= set(self.sent)


@dataclass
class Outbox:
    """The memory of a watch in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``<home>/watch``; made when missing.
    """

    folder: Path
    _done: set[str] = field(default_factory=set)

    def make(self) -> None:
        """Make the folder, and with it the home."""
        try:
            make_folder(self._alerts)
        except OSError as problem:
            raise _unwritable(self.folder, problem) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the outbox alone among the processes of this machine.

        Another waits, and for no longer than a pass can take: then a `DataError` names the lock.
        """
        self.make()
        with StoreLocation(self.folder).locked("outbox"):
            yield

    def subjects(self) -> dict[str, Baseline]:
        """Every subject that was looked at before."""
        path = self.folder / "subjects.json"
        if not path.exists():
            return {}
        held, now = _read(path), datetime.now(UTC)
        return {
            # A clock that was ahead must not make everything until then history.
            subject: Baseline(
                min(datetime.fromisoformat(entry["first_look"]), now), frozenset(entry["known"])
            )
            for subject, entry in held.items()
        }

    def set_baseline(self, known: dict[str, Collection[str]]) -> None:
        """Note first looks: subject to the alerts that are no news."""
        path = self.folder / "subjects.json"
        held = _read(path) if path.exists() else {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        held |= {
            subject: {"first_look": now, "known": sorted(ids)} for subject, ids in known.items()
        }
        _write(path, held)

    def has(self, alert_id: str) -> bool:
        """Whether an alert was made before."""
        return self._path(alert_id).exists()

    def put(self, entry: Entry) -> None:
        """Write an alert as it stands now."""
        _write(self._path(entry.alert.id), {**vars(entry), "alert": entry.alert.document()})

    def note(self, entry: Entry, **done: Any) -> Entry:
        """Write down what was done about an alert."""
        noted = replace(entry, **done)
        self.put(noted)
        return noted

    def open(self) -> list[Entry]:
        """Alerts that something is left to do about, oldest first."""
        found = []
        for path in self._alerts.glob("*.json"):
            if path.stem in self._done:
                continue
            document = _read(path)
            alert = Alert.of_document(document.pop("alert"))
            to, sent = (tuple(document.pop(name)) for name in ("to", "sent"))
            entry = Entry(alert, to, sent, **document)
            if entry.done:
                self._done.add(path.stem)  # never changes again
            else:
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.alert.observed_at, entry.alert.id))

    @property
    def _alerts(self) -> Path:
        return self.folder / "alerts"

    def _path(self, alert_id: str) -> Path:
        return self._alerts / f"{alert_id}.json"


def write(path: Path, content: bytes) -> None:
    """Write a file of the watch whole, or say why it cannot be."""
    try:
        write_atomic(path, content)
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _write(path: Path, document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1)
    write(path, visible_json(text).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise DataError(
            f"{path} cannot be read ({problem}): restore it from a copy, or remove it. Without "
            "subjects.json the next pass is a first look, without an alert's file it is sent again."
        ) from None
    return found


def _unwritable(path: Path, problem: OSError) -> DataError:
    return DataError(
        f"{path} cannot be written ({problem.strerror or problem}): free space there, or set "
        "FAULTLINE_HOME to a folder that can be written."
    )
