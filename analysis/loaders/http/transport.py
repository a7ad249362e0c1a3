"""One exchange with a source: a request, its redirects, and a response that came whole.

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
from analysis.loaders.http.rate_limit import RetryPolicy, retry_after
from analysis.loaders.http.response import HTTPStatusError, NotFoundError
from analysis.redaction import redact, redact_url

if TYPE_CHECKING:
    import httpx2

_REDIRECTS = 5


class TransientError(Exception):
    """A failure that may pass: worth another attempt. Its words hold no secret."""

    def __init__(
        self,
        what: str,
        wait: float | None = None,
        status: int = 0,
        received: RawResponse | None = None,
    ) -> None:
        super().__init__(what)
        self.wait = wait  # seconds for which the source wants to be left alone, if it says so
        self.status = status  # of HTTP; 0 where there was none
        self.received = received  # the response, where one came whole


@dataclass(frozen=True)
class RawResponse:
    """A whole response."""

    status: int
    content: bytes  # unpacked
    headers: Mapping[str, str]  # names in lower case
    pairs: tuple[tuple[str, str], ...] = ()  # the headers as they came, with repeated names


@dataclass(frozen=True)
class OutgoingRequest:
    """What is asked."""

    # source, url: whom and what; the URL as it is sent
    source: str
    url: str
    headers: Mapping[str, str]  # for the host of the URL only
    secrets: frozenset[str]  # values that no other host may learn

    method: str = "GET"
    body: bytes | None = None

    def error(self, what: str) -> SourceError:
        """Build the error for a request that would fail again."""
        return SourceError(redact(f"{self.source}: {redact_url(self.url)} {what}."))


def send(
    client: httpx2.Client,
    outgoing: OutgoingRequest,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: Budget,
) -> RawResponse:
    """Ask once, following redirects (the client follows none); the response has status 2xx or 304.

    Raises
    ------
    TransientError
        It may work the next time.
    SourceError
        It will not.
    """
    with _describe_failures(outgoing, policy, deadline):
        for _ in range(_REDIRECTS + 1):
            received = stream_response(client, outgoing, policy, deadline, budget)
            if received.status not in (301, 302, 303, 307, 308):
                return _raise_for_status(outgoing, received)
            outgoing = _redirect_request(outgoing, received.headers.get("location", ""))
    raise outgoing.error("redirects too many times")


@contextmanager
def _describe_failures(
    outgoing: OutgoingRequest, policy: RetryPolicy, deadline: Deadline
) -> Iterator[None]:
    """Say in our words what went wrong on the way."""
    import httpx2

    whole, before = deadline.left, deadline.received
    try:
        yield
    except httpx2.TimeoutException as error:
        if deadline.received > before and deadline.left <= 0:
            raise TransientError(f"did not finish within {whole:.2g} seconds") from None
        if isinstance(error, httpx2.ConnectTimeout):
            seconds = min(policy.connect, whole)
            raise TransientError(
                f"did not accept a connection within {seconds:.3g} seconds"
            ) from None
        raise TransientError(f"sent nothing for {min(policy.read, whole):.3g} seconds") from None
    except httpx2.ConnectError as error:
        raise TransientError(f"could not be reached ({redact(str(error))})") from None
    except httpx2.TransportError as error:
        raise TransientError(f"broke off ({redact(str(error)) or type(error).__name__})") from None
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise outgoing.error(f"is not a valid URL ({redact(str(error))})") from None


def origin(url: str) -> str:
    """Scheme, host and port of a URL: what may see the same secrets; blank for what is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}"


def stream_response(
    client: httpx2.Client,
    outgoing: OutgoingRequest,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: Budget,
) -> RawResponse:
    """Send one request and read its response to the end, within deadline, size and budget."""
    import httpx2

    from analysis.loaders.http.network import within

    if deadline.left <= 0:
        raise TransientError("gave no response in time")
    limits = httpx2.Timeout(policy.read, connect=policy.connect)
    # Nothing but gzip is asked for: only its completeness can be checked with what Python has.
    headers = {**outgoing.headers, "Accept-Encoding": "gzip"}
    with (
        within(deadline),
        client.stream(
            outgoing.method, outgoing.url, headers=headers, content=outgoing.body, timeout=limits
        ) as response,
    ):
        found = {name.lower(): value for name, value in response.headers.items()}
        pairs = tuple(response.headers.multi_items())
        body = _read(outgoing, response, deadline, budget, found)
    return RawResponse(response.status_code, body, found, pairs)


def _read(
    outgoing: OutgoingRequest,
    response: httpx2.Response,
    deadline: Deadline,
    budget: Budget,
    headers: Mapping[str, str],
) -> bytes:
    """Read and unpack a body piece by piece."""
    encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
    packed = encoding in ("gzip", "x-gzip")
    body = Body(largest_answer(outgoing.source), packed=packed)
    started = deadline.left
    try:
        for piece in response.iter_raw():
            if piece and not packed and encoding != "identity":
                raise outgoing.error(f"packed its response as {encoding}, which was not requested")
            budget.take(body.add(piece))
            if deadline.left <= 0:
                raise TransientError(f"did not finish within {started:.2g} seconds")
        return body.whole()
    except LimitError as error:
        if type(error) is not LimitError:
            raise
        raise LimitError(str(outgoing.error(str(error))), str(error)) from None
    except zlib.error:
        raise TransientError("sent gzip that cannot be unpacked") from None
    except EOFError:
        raise TransientError("sent gzip that breaks off") from None


def _raise_for_status(outgoing: OutgoingRequest, received: RawResponse) -> RawResponse:
    """Let a good answer through; raise for a bad one."""
    status = received.status
    if 200 <= status < 300 or status == HTTPStatus.NOT_MODIFIED:
        return received
    wait = retry_after(received.headers, datetime.now(UTC))
    what = f"answered {status} {_reason_phrase(status)}".rstrip()
    passing = status in (408, 425, 429) or status >= 500
    # GitHub says 403 when the hour's questions are used up.
    if passing or (status == HTTPStatus.FORBIDDEN and wait is not None):
        raise TransientError(what, wait, status, received)
    kind = NotFoundError if status in (404, 410) else HTTPStatusError
    raise kind(str(outgoing.error(what)), status, received.headers, received.content)


def _redirect_request(outgoing: OutgoingRequest, location: str) -> OutgoingRequest:
    """Follow a redirect; another host learns nothing that was meant for this one."""
    try:
        target = urljoin(outgoing.url, location)
        schemes = urlsplit(outgoing.url).scheme, urlsplit(target).scheme
    except ValueError:
        raise outgoing.error("redirects to an invalid URL") from None
    if not location or schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise outgoing.error(f"redirects to {redact_url(target)}, which is not safe to follow")
    if origin(target) == origin(outgoing.url):
        return replace(outgoing, url=target)
    if any(secret in target for secret in outgoing.secrets):
        raise outgoing.error(
            f"redirects to another host, {urlsplit(target).hostname}, with a secret of ours in"
            " the URL; not followed"
        )
    public = {name: outgoing.headers[name] for name in ("User-Agent",) if name in outgoing.headers}
    return replace(outgoing, url=target, headers=public)


def _reason_phrase(status: int) -> str:
    """Name a status; empty for one that nobody knows."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
