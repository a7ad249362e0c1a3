"""What sources sent, byte for byte, so that a parser's mistake can be mended without asking again.

Under ``<folder>/<source>/`` every content lies once, under its SHA-256, and ``index.jsonl``
has one line per answer: which URL gave which content, and when. Lines are appended in one
write, contents are renamed into place, so that several processes may keep things at once and
one that is killed leaves at most a torn last line, which readers pass over. `Archive.clear`
takes out what is old and was answered anew since; nobody keeps anything meanwhile.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

from analysis.errors import InputError
from analysis.files import locked, make_folder, sync_folder, write_atomic
from analysis.plain_text import visible_json
from analysis.redaction import redact_url

_LOCK_TIMEOUT = 30.0  # seconds that whoever keeps or clears waits for another

# What another day asks with another value: days, instants of Unix, and places in a list.
_MOVING = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d{9,10}\b|(?<=[?&]cursor=)[^&]+")


@dataclass(frozen=True)
class ArchiveEntry:
    """One answer of a source."""

    url: str
    status: int  # HTTP status; 304 when the source said that the content had not changed
    sha256: str  # hash and address of the content
    fetched_at: datetime  # when it came (UTC, our clock)
    # etag, last_modified: what to ask with next time; None where the content was found to be
    # unusable
    etag: str | None = None
    last_modified: str | None = None
    link: str | None = None  # the header that names the next page of a list


@dataclass(frozen=True)
class Cleared:
    """What was deleted from an archive."""

    contents: int = 0  # how many contents
    size: int = 0  # their bytes


class Archive:
    """What one source sent, in its folder below that of all sources (``<home>/raw``).

    Safe for several threads and processes.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = Path(folder) / source
        self._index = self.folder / "index.jsonl"
        self._lock = Lock()
        self._read_to = 0
        self._inode = 0
        self._latest: dict[str, ArchiveEntry] = {}

    def put(
        self,
        url: str,
        content: bytes,
        fetched_at: datetime,
        *,
        status: int = 200,
        etag: str | None = None,
        last_modified: str | None = None,
        link: str | None = None,
    ) -> ArchiveEntry:
        """Keep unpacked content under its URL, whose secrets are hidden.

        ``fetched_at`` has a time zone; ``etag``, ``last_modified`` and ``link`` are headers of the
        response. An `InputError` where the folder cannot be written.
        """
        digest = sha256(content).hexdigest()
        moment = fetched_at.astimezone(UTC)
        entry = ArchiveEntry(redact_url(url), status, digest, moment, etag, last_modified, link)
        try:
            with self._locked():
                self._put_content(digest, content)
                self._append_index(entry)
        except OSError as error:
            raise InputError(
                f"Cannot keep what {entry.url} sent in {self.folder}: {error.strerror or error}."
                " Free some space or choose another FAULTLINE_HOME."
            ) from error
        return entry

    def content(self, entry: ArchiveEntry) -> bytes | None:
        """Give the bytes of an entry; None when they are lost or damaged."""
        try:
            found = self._path(entry.sha256).read_bytes()
        except OSError:
            return None
        return found if sha256(found).hexdigest() == entry.sha256 else None

    def latest(self, url: str) -> ArchiveEntry | None:
        """Find the last response to a question; None when it was never asked."""
        with self._lock:
            for entry in self._read_new_lines():
                self._latest[entry.url] = entry
            return self._latest.get(redact_url(url))

    def entries(self) -> list[ArchiveEntry]:
        """List all responses, oldest first; torn lines are passed over."""
        try:
            text = self._index.read_bytes()
        except FileNotFoundError:
            return []
        return list(_parsed(text))

    def mark_unusable(self, entry: ArchiveEntry) -> None:
        """Note that a content was unusable, so that the next question is unconditional."""
        # Whoever calls is about to tell what was unusable; a full disk must not drown that out.
        with suppress(OSError), self._locked():
            self._append_index(replace(entry, etag=None, last_modified=None, link=None))

    def clear(self, before: datetime, *, patience: float | None = None) -> Cleared:
        """Take out answers from before an instant, but for the newest one to each question.

        URLs that differ in days, instants of Unix or a cursor alone are one question. Contents that
        a remaining answer gave are kept. A process that keeps something meanwhile is waited for, 30
        seconds or ``patience``; an `InputError` where it does not give up its lock, or nothing can
        be written.
        """
        if not self._index.is_file():
            return Cleared()
        try:
            with self._locked(patience) as held:
                if not held:
                    # A network share without locks: things are kept as before, none is cleared.
                    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))  # noqa: TRY301
                entries = self.entries()
                asked = [_MOVING.sub("", entry.url) for entry in entries]
                newest = {question: place for place, question in enumerate(asked)}
                kept = [
                    entry
                    for place, entry in enumerate(entries)
                    if entry.fetched_at >= before or newest[asked[place]] == place
                ]
                if len(kept) < len(entries):
                    # First the index: contents that it no longer names go with the next clearing.
                    write_atomic(self._index, b"".join(map(_line, kept)))
                return self._delete_all_but({entry.sha256 for entry in kept})
        except OSError as error:
            raise InputError(
                f"Cannot clear {self.folder}: {error.strerror or error}. Make it writable, or "
                "repeat when no update runs."
            ) from error

    def _delete_all_but(self, digests: set[str]) -> Cleared:
        """Delete contents that no response names, and what killed processes left half-written."""
        count = size = 0
        for path in list(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if path.name not in digests:
                size += path.stat().st_size
                count += 1
                path.unlink()
        return Cleared(count, size)

    def _locked(self, patience: float | None = None) -> AbstractContextManager[bool]:
        """Hold the archive alone; False where the file system has no locks."""
        return locked(self.folder / ".lock", _LOCK_TIMEOUT if patience is None else patience)

    def _read_new_lines(self) -> Iterator[ArchiveEntry]:
        """Read what was appended since the last look, whole lines only."""
        try:
            with self._index.open("rb") as file:
                # Cleared by another process: the index is another file, read from its start.
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._read_to:
                    self._inode, self._read_to = found.st_ino, 0
                file.seek(self._read_to)
                text = file.read()
        except FileNotFoundError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        yield from _parsed(whole)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def _put_content(self, digest: str, content: bytes) -> None:
        """Write a content under a temporary name and rename it; once is enough."""
        path = self._path(digest)
        # A file that was damaged is mended by the next answer.
        if path.exists() and sha256(path.read_bytes()).hexdigest() == digest:
            return
        write_atomic(path, content)

    def _append_index(self, entry: ArchiveEntry) -> None:
        """Append a line to the index in one write."""
        make_folder(self.folder)
        line = _line(entry)
        descriptor = os.open(self._index, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            # A torn last line must not swallow ours.
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            sync_folder(self.folder)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes of an index line were written")


def clear_archives(folder: Path, before: datetime, *, patience: float | None = None) -> Cleared:
    """Clear the archives of all sources below ``<home>/raw``; see `Archive.clear`."""
    if not folder.is_dir():
        return Cleared()
    done = [
        Archive(folder, source.name).clear(before, patience=patience)
        for source in sorted(folder.iterdir())
        if source.is_dir()
    ]
    return Cleared(sum(one.contents for one in done), sum(one.size for one in done))


def _line(entry: ArchiveEntry) -> bytes:
    fields = asdict(entry) | {"fetched_at": entry.fetched_at.isoformat()}
    return visible_json(json.dumps(fields, ensure_ascii=False)).encode() + b"\n"


def _parsed(text: bytes) -> Iterator[ArchiveEntry]:
    """Read index lines; what is no whole entry is passed over."""
    for line in text.splitlines():
        try:
            fields = json.loads(line)
            moment = datetime.fromisoformat(fields["fetched_at"])
            yield ArchiveEntry(**(fields | {"fetched_at": moment}))
        except (ValueError, TypeError, KeyError):
            continue
