"""One exchange with a source: a request, its redirects, and an answer that came whole.

`analysis.loaders.http.Client` decides how often and when; here is what is sent, what may be
followed, and which failures may pass.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from analysis.errors import SourceError
from analysis.loaders.pacing import Timing, wait_asked
from analysis.loaders.received import NotFound, Refused
from analysis.loaders.redaction import clean, clean_url

if TYPE_CHECKING:
    import httpx2

_REDIRECTS = 5
_LARGEST = 512 * 2**20


class Passing(Exception):
    """A failure that may pass: worth another attempt. Its words hold no secret.

    Attributes
    ----------
    wait : float or None
        Seconds for which the source wants to be left alone, if it says so.
    status : int
        HTTP status, 0 where there was none.
    received : Received or None
        The answer, where one came whole.
    """

    def __init__(
        self,
        what: str,
        wait: float | None = None,
        status: int = 0,
        received: Received | None = None,
    ) -> None:
        super().__init__(what)
        self.wait = wait
        self.status = status
        self.received = received


@dataclass(frozen=True)
class Received:
    """A whole answer: status, unpacked body, headers with names in lower case."""

    status: int
    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    source, url : str
        Whom and what; the URL as it is sent.
    headers : mapping of str to str
        For the host of the URL only.
    secrets : frozenset of str
        Values that no other host may learn.
    """

    source: str
    url: str
    headers: Mapping[str, str]
    secrets: frozenset[str]

    def error(self, what: str) -> SourceError:
        """Build the error that something about this question cannot be mended."""
        return SourceError(clean(f"{self.source}: {clean_url(self.url)} {what}."))


def exchange(
    client: httpx2.Client, question: Question, timing: Timing, deadline: float
) -> Received:
    """Ask once, following redirects.

    Parameters
    ----------
    client : httpx2.Client
        That follows no redirects by itself.
    question : Question
    timing : Timing
    deadline : float
        On the clock of `time.monotonic`; nothing is awaited beyond it.

    Returns
    -------
    Received
        Status 2xx or 304.

    Raises
    ------
    Passing
        It may work the next time.
    SourceError
        It will not.
    """
    import httpx2

    left = deadline - time.monotonic()
    try:
        for _ in range(_REDIRECTS + 1):
            received = _send(client, question, timing, deadline)
            if received.status not in (301, 302, 303, 307, 308):
                return _judged(question, received)
            question = _redirected(question, received.headers.get("location", ""))
    except httpx2.ConnectTimeout:
        raise Passing(
            f"let nobody connect within {min(timing.connect, left):.3g} seconds"
        ) from None
    except httpx2.TimeoutException:
        raise Passing(f"sent nothing for {min(timing.read, left):.3g} seconds") from None
    except httpx2.ConnectError as error:
        raise Passing(f"could not be reached ({clean(str(error))})") from None
    except httpx2.TransportError as error:
        raise Passing(f"broke off ({clean(str(error)) or type(error).__name__})") from None
    except httpx2.InvalidURL as error:
        raise question.error(f"is no URL ({clean(str(error))})") from None
    raise question.error("redirects without end")


def origin(url: str) -> str:
    """Scheme, host and port of a URL: what may see the same secrets."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        port = -1
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _send(client: httpx2.Client, question: Question, timing: Timing, deadline: float) -> Received:
    """Send one request and read its answer to the end, before the deadline."""
    import httpx2

    left = deadline - time.monotonic()
    if left <= 0:
        raise Passing(f"gave no answer within {timing.total:g} seconds")
    limits = httpx2.Timeout(min(timing.read, left), connect=min(timing.connect, left))
    # Nothing but gzip is asked for: only its completeness can be checked with what Python has.
    headers = {**question.headers, "Accept-Encoding": "gzip"}
    with client.stream("GET", question.url, headers=headers, timeout=limits) as response:
        found = {name.lower(): value for name, value in response.headers.items()}
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if time.monotonic() > deadline:
                raise Passing(f"was not through after {timing.total:g} seconds")
            if len(body) > _LARGEST:
                raise question.error(f"sent more than {_LARGEST} bytes")
    return Received(response.status_code, _unpacked(question, bytes(body), found), found)


def _judged(question: Question, received: Received) -> Received:
    """Let a good answer through; raise for a bad one."""
    status = received.status
    if 200 <= status < 300 or status == HTTPStatus.NOT_MODIFIED:
        return received
    wait = wait_asked(received.headers, datetime.now(UTC))
    what = f"answered {status} {_phrase(status)}".rstrip()
    passing = status in (408, 425, 429) or status >= 500
    # GitHub says 403 when the hour's questions are used up.
    if passing or (status == HTTPStatus.FORBIDDEN and wait is not None):
        raise Passing(what, wait, status, received)
    kind = NotFound if status in (404, 410) else Refused
    error = kind(str(question.error(what)))
    error.status, error.headers, error.content = status, received.headers, received.content
    raise error


def _redirected(question: Question, location: str) -> Question:
    """Follow a redirect; another host learns nothing that was meant for this one."""
    target = urljoin(question.url, location)
    schemes = urlsplit(question.url).scheme, urlsplit(target).scheme
    if not location or schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise question.error(f"redirects to {clean_url(target)}, which is not safe to follow")
    if origin(target) == origin(question.url):
        return Question(question.source, target, question.headers, question.secrets)
    if any(secret in target for secret in question.secrets):
        raise question.error(
            f"redirects to another host, {urlsplit(target).hostname}, with a secret of ours in"
            " the URL; not followed"
        )
    public = {name: question.headers[name] for name in ("User-Agent",) if name in question.headers}
    return Question(question.source, target, public, question.secrets)


def _unpacked(question: Question, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Unpack gzip and insist on its end: the library takes a torn stream for a whole one."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not body:
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise question.error(f"packed its answer as {encoding}, which was not asked for")
    content = b""
    # Gzip may have several members, one behind the other.
    while body:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            content += unpacker.decompress(body, _LARGEST - len(content) + 1)
        except zlib.error:
            raise Passing("sent gzip that cannot be unpacked") from None
        if len(content) > _LARGEST:
            raise question.error(f"unpacks to more than {_LARGEST} bytes")
        if not unpacker.eof:
            raise Passing("sent gzip that breaks off")
        body = unpacker.unused_data
    return content


def _phrase(status: int) -> str:
    """Name a status; empty for one that nobody knows."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
