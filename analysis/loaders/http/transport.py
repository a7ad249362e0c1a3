"""One exchange with a source: a request, its redirects, and an answer that came whole.

`analysis.loaders.http.client.Client` decides how often and when; here is what is sent, what may be
followed, and which failures may pass.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from analysis.errors import SourceError
from analysis.loaders.http.decompression import Body
from analysis.loaders.http.limits import Budget, Deadline, LimitError, largest_answer
from analysis.loaders.http.rate_limit import Timing, wait_asked
from analysis.loaders.http.response import NotFound, Refused
from analysis.redaction import clean, clean_url

if TYPE_CHECKING:
    import httpx2

_REDIRECTS = 5


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
    """A whole answer: status, unpacked body, headers with names in lower case.

    ``pairs`` are the headers as they came, names that occur several times included.
    """

    status: int
    content: bytes
    headers: Mapping[str, str]
    pairs: tuple[tuple[str, str], ...] = ()


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

    method: str = "GET"
    body: bytes | None = None

    def error(self, what: str) -> SourceError:
        """Build the error that something about this question cannot be mended."""
        return SourceError(clean(f"{self.source}: {clean_url(self.url)} {what}."))


def exchange(
    client: httpx2.Client, question: Question, timing: Timing, deadline: Deadline, budget: Budget
) -> Received:
    """Ask once, following redirects.

    Parameters
    ----------
    client : httpx2.Client
        That follows no redirects by itself.
    question : Question
    timing : Timing
    deadline : Deadline
        Nothing is awaited beyond it.
    budget : Budget
        From which the bytes are taken.

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
    with _worded(question, timing, deadline):
        for _ in range(_REDIRECTS + 1):
            received = send(client, question, timing, deadline, budget)
            if received.status not in (301, 302, 303, 307, 308):
                return _judged(question, received)
            question = _redirected(question, received.headers.get("location", ""))
    raise question.error("redirects too many times")


@contextmanager
def _worded(question: Question, timing: Timing, deadline: Deadline) -> Iterator[None]:
    """Say in our words what went wrong on the way."""
    import httpx2

    whole, before = deadline.left, deadline.received
    try:
        yield
    except httpx2.TimeoutException as error:
        if deadline.received > before and deadline.left <= 0:
            raise Passing(f"did not finish within {whole:.2g} seconds") from None
        if isinstance(error, httpx2.ConnectTimeout):
            seconds = min(timing.connect, whole)
            raise Passing(f"did not accept a connection within {seconds:.3g} seconds") from None
        raise Passing(f"sent nothing for {min(timing.read, whole):.3g} seconds") from None
    except httpx2.ConnectError as error:
        raise Passing(f"could not be reached ({clean(str(error))})") from None
    except httpx2.TransportError as error:
        raise Passing(f"broke off ({clean(str(error)) or type(error).__name__})") from None
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise question.error(f"is not a valid URL ({clean(str(error))})") from None


def origin(url: str) -> str:
    """Scheme, host and port of a URL: what may see the same secrets; blank for what is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}"


def send(
    client: httpx2.Client, question: Question, timing: Timing, deadline: Deadline, budget: Budget
) -> Received:
    """Send one request and read its answer to the end, within deadline, size and budget."""
    import httpx2

    from analysis.loaders.http.network import within

    if deadline.left <= 0:
        raise Passing("gave no answer in time")
    limits = httpx2.Timeout(timing.read, connect=timing.connect)
    # Nothing but gzip is asked for: only its completeness can be checked with what Python has.
    headers = {**question.headers, "Accept-Encoding": "gzip"}
    with (
        within(deadline),
        client.stream(
            question.method, question.url, headers=headers, content=question.body, timeout=limits
        ) as response,
    ):
        found = {name.lower(): value for name, value in response.headers.items()}
        pairs = tuple(response.headers.multi_items())
        body = _read(question, response, deadline, budget, found)
    return Received(response.status_code, body, found, pairs)


def _read(
    question: Question,
    response: httpx2.Response,
    deadline: Deadline,
    budget: Budget,
    headers: Mapping[str, str],
) -> bytes:
    """Read and unpack a body piece by piece."""
    encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
    packed = encoding in ("gzip", "x-gzip")
    body = Body(largest_answer(question.source), packed=packed)
    started = deadline.left
    try:
        for piece in response.iter_raw():
            if piece and not packed and encoding != "identity":
                raise question.error(f"packed its answer as {encoding}, which was not asked for")
            budget.take(body.add(piece))
            if deadline.left <= 0:
                raise Passing(f"did not finish within {started:.2g} seconds")
        return body.whole()
    except LimitError as error:
        if type(error) is not LimitError:
            raise
        named = LimitError(str(question.error(str(error))))
        named.what = str(error)
        raise named from None
    except zlib.error:
        raise Passing("sent gzip that cannot be unpacked") from None
    except EOFError:
        raise Passing("sent gzip that breaks off") from None


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
    try:
        target = urljoin(question.url, location)
        schemes = urlsplit(question.url).scheme, urlsplit(target).scheme
    except ValueError:
        raise question.error("redirects to an invalid URL") from None
    if not location or schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise question.error(f"redirects to {clean_url(target)}, which is not safe to follow")
    if origin(target) == origin(question.url):
        return replace(question, url=target)
    if any(secret in target for secret in question.secrets):
        raise question.error(
            f"redirects to another host, {urlsplit(target).hostname}, with a secret of ours in"
            " the URL; not followed"
        )
    public = {name: question.headers[name] for name in ("User-Agent",) if name in question.headers}
    return replace(question, url=target, headers=public)


def _phrase(status: int) -> str:
    """Name a status; empty for one that nobody knows."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
