"""The one HTTP client of the loaders: patient, polite, discreet, and forgetting nothing.

::

    SourceError              what did not work out, after how many attempts
    └── Refused              the source answered with an error status (``.status``)
        └── NotFound         404 or 410: one name may be skipped

It retries what may pass (429, 5xx, resets, time-outs, broken transfers) through stamina with
jitter, waits as long as ``Retry-After`` says, keeps to a rate per source and host over all
threads, asks conditionally where the archive still has the last answer, and keeps every
answer in the archive. No secret of a header or URL enters a message, a log or the archive.
"""

from __future__ import annotations

import json
import logging
import random
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlencode, urljoin, urlsplit

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders.archive import Archive, Entry
from analysis.loaders.pacing import Timing, pace_of, skew, usual, wait_asked
from analysis.loaders.redaction import clean, clean_url, hush, remember, remember_url

if TYPE_CHECKING:
    import httpx2

__all__ = ["Answer", "Client", "NotFound", "Refused", "Timing"]

_log = logging.getLogger("faultline.http")

_REDIRECTS = 5
_LARGEST = 512 * 2**20
_SKEWED = 300.0


class Refused(SourceError):
    """The source answered with an error status."""

    status: int = 0


class NotFound(Refused):
    """The source knows nothing under this URL."""


@dataclass(frozen=True)
class Answer:
    """What a source sent.

    Attributes
    ----------
    url : str
        What was asked, without secrets.
    status : int
        HTTP status; 304 when the bytes come from the archive.
    content : bytes
        The body, unpacked.
    headers : mapping of str to str
        Names in lower case.
    fetched_at : datetime.datetime
        When it came (UTC, our clock).
    changed : bool
        False when the source said that nothing changed since the last answer.
    """

    url: str
    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    fetched_at: datetime
    changed: bool = True
    source: str = ""
    _distrust: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def json(self) -> Any:
        """Read the body as JSON.

        Raises
        ------
        SourceError
            It is something else: empty, HTML, cut off.
        """

        def refuse_constant(name: str) -> NoReturn:
            raise ValueError(f"{name} is no JSON")

        try:
            return json.loads(self.text(), parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self.unreadable(f"no JSON but {self._kind()} ({error})") from None

    def text(self) -> str:
        """Read the body as text: UTF-8 if it is valid UTF-8, else as the source declares.

        Raises
        ------
        SourceError
            It cannot be decoded.
        """
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            charset = _charset(self.headers.get("content-type", ""))
        try:
            if charset:
                return self.content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            pass
        declared = f"the declared {charset}" if charset else "UTF-8"
        raise self.unreadable(f"{self._kind()} that is not {declared}")

    def unreadable(self, what: str) -> SourceError:
        """Build the error for an answer that cannot be used, and never ask for less than all again.

        Parameters
        ----------
        what : str
            What came instead, as in "... sent {what}."
        """
        if self._distrust is not None:
            self._distrust()
        return SourceError(clean(f"{self.source}: {self.url} sent {what}."))

    def _kind(self) -> str:
        """Say in a few words what the body looks like."""
        start = self.content[:200].lstrip().lower()
        if not start:
            return "an empty answer"
        if start.startswith((b"<!doctype html", b"<html")):
            return "an HTML page"
        return f"{len(self.content)} bytes of {self.headers.get('content-type') or 'unnamed type'}"


class _Passing(Exception):
    """A failure that may pass; never leaves this module. Holds no secret."""

    def __init__(self, what: str, wait: float | None = None, status: int = 0) -> None:
        super().__init__(what)
        self.wait = wait
        self.status = status


@dataclass(frozen=True)
class _Received:
    status: int
    content: bytes
    headers: Mapping[str, str]


class Client:
    """Asks one source.

    Parameters
    ----------
    source : str
        Name of the source, for messages, the archive and the base URL.
    headers : mapping of str to str, optional
        Sent with every question, to this source's own host only.
    archive : pathlib.Path, optional
        Folder of all raw answers; without it nothing is kept and every question is
        unconditional.
    per_second : float
        Most questions per second, over all clients of this source and host.
    base_url : str, optional
        Where the source is asked, else `analysis.settings.base_url`.
    timing : Timing, optional
        How patient to be; by default as ``FAULTLINE_PATIENCE`` says.
    """

    def __init__(
        self,
        source: str,
        *,
        headers: Mapping[str, str] | None = None,
        archive: Path | None = None,
        per_second: float = 5.0,
        base_url: str | None = None,
        timing: Timing | None = None,
    ) -> None:
        hush()
        self.source = source
        self.timing = timing or usual()
        self._base = (base_url or settings.base_url(source)).rstrip("/")
        self._headers = {"User-Agent": user_agent(), **(headers or {})}
        self._archive = None if archive is None else Archive(archive, source)
        self._pace = pace_of(source, _origin(self._base), per_second)
        self._lock = Lock()
        self._opened: httpx2.Client | None = None
        self._skew_told = False
        remember(self._headers)
        remember_url(self._base)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def get(
        self,
        path: str,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask.

        Parameters
        ----------
        path : str
            Below the base URL, or an absolute URL of the same host.
        params : mapping, optional
            Parameters of the query; a sequence repeats its name.
        headers : mapping of str to str, optional
            Sent with this question only.

        Returns
        -------
        Answer

        Raises
        ------
        InputError
            ``FAULTLINE_OFFLINE`` is set; no socket is opened.
        NotFound
            404 or 410.
        SourceError
            Any other refusal or failure.
        """
        url = self._address(path, params)
        shown = clean_url(url)
        if settings.offline():
            raise InputError(
                f"FAULTLINE_OFFLINE is set: {self.source} ({shown}) was not asked."
                " Unset it to fetch figures."
            )
        asked = self._headers | dict(headers or {})
        remember(asked)
        kept, content = self._kept(url)
        received = self._patiently(url, asked | _conditions(kept))
        if received.status == HTTPStatus.NOT_MODIFIED and kept and content is not None:
            return self._answer(shown, received, content, kept)
        if received.status == HTTPStatus.NOT_MODIFIED:
            raise SourceError(f"{self.source}: {shown} answered 304 to an unconditional question.")
        return self._answer(shown, received, received.content, None)

    def _address(self, path: str, params: Mapping[str, str | int | Sequence[str]] | None) -> str:
        """Build the URL; one of another host is refused, for it may come from an answer."""
        url = path if "://" in path else f"{self._base}/{path.lstrip('/')}"
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
        remember_url(url)
        if _origin(url) != _origin(self._base):
            raise SourceError(
                f"{self.source}: {clean_url(url)} is not on {clean_url(self._base)}"
                " and is not asked."
            )
        return url

    def _kept(self, url: str) -> tuple[Entry | None, bytes | None]:
        """Find the last answer, if its bytes are still there and it can be asked for again."""
        entry = self._archive.latest(url) if self._archive else None
        if not self._archive or entry is None or not (entry.etag or entry.last_modified):
            return None, None
        content = self._archive.content(entry)
        return (None, None) if content is None else (entry, content)

    def _answer(
        self, shown: str, received: _Received, content: bytes, kept: Entry | None
    ) -> Answer:
        """Keep what came and hand it out."""
        now = datetime.now(UTC)
        self._compare_clocks(received.headers, now)
        distrust = None
        if self._archive is not None:
            entry = self._archive.keep(
                shown,
                content,
                now,
                status=received.status,
                etag=received.headers.get("etag") or (kept.etag if kept else None),
                last_modified=received.headers.get("last-modified")
                or (kept.last_modified if kept else None),
            )
            archive = self._archive

            def distrust() -> None:
                archive.distrust(entry)

        return Answer(
            shown, received.status, content, received.headers, now, kept is None, self.source,
            distrust,
        )  # fmt: skip

    def _compare_clocks(self, headers: Mapping[str, str], now: datetime) -> None:
        """Warn once when our clock and the source's disagree: `observed_at` is told by ours."""
        ahead = skew(headers, now)
        if ahead is not None and abs(ahead) > _SKEWED and not self._skew_told:
            self._skew_told = True
            _log.warning(
                "%s: its clock is %.0f seconds %s ours; observations carry the time of ours.",
                self.source, abs(ahead), "ahead of" if ahead > 0 else "behind",
            )  # fmt: skip

    def _patiently(self, url: str, headers: Mapping[str, str]) -> _Received:
        """Ask until there is an answer, or no attempt, no time or no hope is left."""
        import stamina

        timing = self.timing
        self._pace.wait()
        deadline = time.monotonic() + timing.total
        attempts = 0

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, _Passing):
                return False
            left = deadline - time.monotonic()
            if error.wait is None:
                return left > 0
            # Asking earlier than a source wants would only make it angrier.
            if error.wait > min(timing.longest_wait, left):
                return False
            self._pace.close(time.monotonic() + error.wait)
            return error.wait + random.uniform(0, timing.first_wait)  # noqa: S311

        @stamina.retry(
            on=pause,
            attempts=timing.attempts,
            timeout=timing.total,
            wait_initial=timing.first_wait,
            wait_jitter=timing.first_wait,
            wait_max=timing.longest_wait,
        )
        def attempt() -> _Received:
            nonlocal attempts
            if attempts:
                self._pace.wait()
            attempts += 1
            return self._once(url, headers, deadline)

        try:
            return attempt()
        except _Passing as error:
            raise self._given_up(url, error, attempts) from None

    def _given_up(self, url: str, error: _Passing, attempts: int) -> SourceError:
        """Build the error that tells what happened and how often it was tried."""
        times = "once" if attempts == 1 else f"{attempts} times"
        message = f"{self.source}: {clean_url(url)} {error} (asked {times})."
        if error.wait is not None:
            message += f" It wants to be asked again in {error.wait:.0f} seconds."
        if not error.status:
            return SourceError(clean(message))
        refused = Refused(clean(message))
        refused.status = error.status
        return refused

    def _once(self, url: str, headers: Mapping[str, str], deadline: float) -> _Received:
        """Ask once, following redirects."""
        import httpx2

        try:
            for _ in range(_REDIRECTS + 1):
                received = self._send(url, headers, deadline)
                if not _is_redirect(received):
                    return self._judged(url, received)
                url, headers = self._redirected(url, headers, received.headers["location"])
        except httpx2.TimeoutException as error:
            waited = "connect" if isinstance(error, httpx2.ConnectTimeout) else "read"
            limit = getattr(self.timing, waited)
            raise _Passing(f"did not answer within {limit:g} seconds") from None
        except httpx2.ConnectError as error:
            raise _Passing(f"could not be reached ({clean(str(error))})") from None
        except httpx2.TransportError as error:
            raise _Passing(f"broke off ({clean(str(error)) or type(error).__name__})") from None
        except httpx2.InvalidURL as error:
            raise SourceError(f"{self.source}: {clean_url(url)} is no URL ({error}).") from None
        raise SourceError(f"{self.source}: {clean_url(url)} redirects without end.")

    def _send(self, url: str, headers: Mapping[str, str], deadline: float) -> _Received:
        """Send one request and read its answer to the end, before the deadline."""
        import httpx2

        left = deadline - time.monotonic()
        if left <= 0:
            raise _Passing(f"gave no answer within {self.timing.total:g} seconds")
        connect, read = min(self.timing.connect, left), min(self.timing.read, left)
        limits = httpx2.Timeout(read, connect=connect)
        # Only what we can check for completeness ourselves is asked for.
        sent = {**headers, "Accept-Encoding": "gzip"}
        with self._http().stream("GET", url, headers=sent, timeout=limits) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if time.monotonic() > deadline:
                    raise _Passing(f"was not through after {self.timing.total:g} seconds")
                if len(body) > _LARGEST:
                    raise SourceError(f"{self.source}: {clean_url(url)} sent too much to be true.")
        return _Received(response.status_code, _unpacked(bytes(body), found), found)

    def _judged(self, url: str, received: _Received) -> _Received:
        """Let a good answer through; raise for a bad one."""
        status = received.status
        if 200 <= status < 300 or status == HTTPStatus.NOT_MODIFIED:
            return received
        wait = wait_asked(received.headers, datetime.now(UTC))
        what = f"answered {status} {_phrase(status)}".rstrip()
        passing = status in (408, 425, 429) or status >= 500
        # GitHub says 403 when the hour's questions are used up.
        if passing or (status == HTTPStatus.FORBIDDEN and wait is not None):
            raise _Passing(what, wait, status)
        kind = NotFound if status in (404, 410) else Refused
        error = kind(f"{self.source}: {clean_url(url)} {what}.")
        error.status = status
        raise error

    def _redirected(
        self, url: str, headers: Mapping[str, str], location: str
    ) -> tuple[str, Mapping[str, str]]:
        """Follow a redirect; another host learns nothing that was meant for this one."""
        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https") or (
            urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http"
        ):
            raise SourceError(
                f"{self.source}: {clean_url(url)} redirects to {clean_url(target)},"
                " which is not safe to follow."
            )
        if _origin(target) == _origin(url):
            return target, headers
        if remember_url(target) or clean(target) != target:
            raise SourceError(
                f"{self.source}: {clean_url(url)} redirects to another host"
                f" ({clean_url(target)}) with a secret in the URL; not followed."
            )
        return target, {"User-Agent": headers["User-Agent"]}

    def _http(self) -> httpx2.Client:
        """Open the connections when they are first needed."""
        import httpx2

        with self._lock:
            if self._opened is None:
                self._opened = httpx2.Client(follow_redirects=False)
            return self._opened


def user_agent() -> str:
    """Say who asks: the program, its version, and a contact where one is set."""
    from importlib.metadata import version

    contact = settings.contact()
    return f"faultline/{version('faultline')}" + (f" (+{contact})" if contact else "")


def _origin(url: str) -> str:
    """Scheme, host and port of a URL: what may see the same secrets."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _conditions(entry: Entry | None) -> dict[str, str]:
    """Headers that ask for the content only if it is another one than we have."""
    found = {
        "If-None-Match": entry.etag if entry else None,
        "If-Modified-Since": entry.last_modified if entry else None,
    }
    return {name: value for name, value in found.items() if value}


def _is_redirect(received: _Received) -> bool:
    return received.status in (301, 302, 303, 307, 308) and "location" in received.headers


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Unpack gzip and insist on its end: the library takes a torn stream for a whole one."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not body:
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise _Passing(f"packed its answer as {encoding}, which was not asked for")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(body, _LARGEST)
    except zlib.error:
        raise _Passing("sent gzip that cannot be unpacked") from None
    if not unpacker.eof:
        raise _Passing("sent gzip that breaks off")
    return content


def _charset(content_type: str) -> str:
    """Read the declared charset of a Content-Type; empty where it declares none."""
    from email.message import Message

    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset() or ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
