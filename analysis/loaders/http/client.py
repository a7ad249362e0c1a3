"""The one HTTP client of the loaders: patient, polite, discreet, and forgetting nothing.

It retries what may pass (429, 5xx, resets, time-outs, broken transfers) through stamina with
jitter, waits as long as ``Retry-After`` says, keeps to a rate per source and host over all
threads, asks conditionally where the archive still has the last response, and keeps every
answer in the archive. No secret of a header or URL enters a message, a log or the archive.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders.http.archive import Archive, ArchiveEntry
from analysis.loaders.http.limits import Deadline, budget_for
from analysis.loaders.http.rate_limit import RetryPolicy, check_clock, default_policy, limiter_for
from analysis.loaders.http.response import HTTPStatusError, Response
from analysis.loaders.http.transport import (
    OutgoingRequest,
    RawResponse,
    TransientError,
    origin,
    send,
)
from analysis.redaction import (
    install_log_filter,
    redact,
    redact_url,
    register_secrets,
    register_url_secrets,
)

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2

__all__ = ["Client", "HTTPStatusError", "Response", "RetryPolicy", "user_agent"]

_log = logging.getLogger("faultline.http")

# Clocks that differ by less do not change the day on which a figure was known.
_SKEW_WORTH_A_WARNING = 300.0
_LONGEST_CONDITION = 1_000  # characters; longer ones are refused by servers on the way


class Client:
    """Asks one source; may be shared by threads.

    Parameters
    ----------
    headers : mapping of str to str, optional
        Sent with every question, to this source's own host only.
    archive : pathlib.Path, optional
        Folder of all raw responses; without it every question is unconditional.
    per_second : float
        Most questions per second, over all clients of this source and host.
    base_url : str, optional
        Where the source is asked, else `analysis.settings.base_url`.
    policy : RetryPolicy, optional
        By default as ``FAULTLINE_PATIENCE`` says.
    """

    def __init__(
        self,
        source: str,
        *,
        headers: Mapping[str, str] | None = None,
        archive: Path | None = None,
        per_second: float = 5.0,
        base_url: str | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        install_log_filter()
        self.source = source
        self.policy = policy or default_policy()
        self._base = (base_url or settings.base_url(source)).rstrip("/")
        self._headers = {"User-Agent": user_agent(), **(headers or {})}
        self._archive = None if archive is None else Archive(archive, source)
        self._pace = limiter_for(source, origin(self._base), per_second)
        self._budget = budget_for(source)
        self._lock = Lock()
        self._opened: httpx2.Client | None = None
        self._skew_told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
    ) -> Response:
        """Ask for a path below the base URL, or an absolute URL of the same host.

        A sequence in ``params`` repeats its name; ``headers`` are sent with this request only.

        Raises
        ------
        InputError
            ``FAULTLINE_OFFLINE`` is set; no socket is opened.
        NotFoundError
            404 or 410.
        SourceError
            Any other refusal or failure.
        """
        url = self._address(path, params)
        sent = self._headers | dict(headers or {})
        secrets = register_secrets(sent) | register_url_secrets(url)
        shown = redact_url(url)
        if settings.offline():
            raise InputError(
                f"FAULTLINE_OFFLINE is set: {self.source} ({shown}) was not contacted. Unset it to "
                "fetch figures."
            )
        kept, content = self._cached(url)
        received = self._send_with_retries(
            OutgoingRequest(self.source, url, sent | _conditional_headers(kept), secrets)
        )
        if received.status != HTTPStatus.NOT_MODIFIED:
            return self._answer(shown, received, None)
        if kept is None or content is None:
            raise SourceError(f"{self.source}: {shown} answered 304 to an unconditional question.")
        # A response that nothing has changed may come without the address of the next page.
        headers = {"link": kept.link, **received.headers} if kept.link else received.headers
        return self._answer(shown, RawResponse(304, content, headers), kept)

    def _address(self, path: str, params: Mapping[str, str | int | Sequence[str]] | None) -> str:
        """Build the URL; one of another host is refused, for it may come from a response."""
        url = path if "://" in path else f"{self._base}/{path.lstrip('/')}"
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
        if origin(url) != origin(self._base):
            raise SourceError(
                f"{self.source}: {redact_url(url)} is not on {redact_url(self._base)}"
                " and was not requested."
            )
        return url

    def _cached(self, url: str) -> tuple[ArchiveEntry | None, bytes | None]:
        """Find the last response, if its bytes are still there and it may be asked for again."""
        # Two URLs that differ in a secret alone look the same in the archive.
        if self._archive is None or redact_url(url) != url:
            return None, None
        entry = self._archive.latest(url)
        if entry is None or not _conditional_headers(entry):
            return None, None
        content = self._archive.content(entry)
        return (None, None) if content is None else (entry, content)

    def _answer(self, shown: str, received: RawResponse, kept: ArchiveEntry | None) -> Response:
        """Keep what came and hand it out."""
        now = datetime.now(UTC)
        self._check_clock_skew(received.headers, now)
        response = partial(
            Response, shown, received.status, received.content, received.headers, now,
            changed=kept is None, source=self.source,
        )  # fmt: skip
        if self._archive is None:
            return response()
        etag, modified = (
            _usable_validator(received.headers.get(name)) for name in ("etag", "last-modified")
        )
        entry = self._archive.put(
            shown,
            received.content,
            now,
            status=received.status,
            etag=etag or (kept.etag if kept else None),
            last_modified=modified or (kept.last_modified if kept else None),
            link=received.headers.get("link"),
        )
        return response(_mark_unusable=partial(self._archive.mark_unusable, entry))

    def _check_clock_skew(self, headers: Mapping[str, str], now: datetime) -> None:
        """Warn once when our clock and the source's disagree: ours tells `observed_at`."""
        ahead = check_clock(self.source, headers, now)
        if abs(ahead) > _SKEW_WORTH_A_WARNING and not self._skew_told:
            self._skew_told = True
            _log.warning(
                "%s: its clock is %.0f seconds %s ours; observations carry the time of ours.",
                self.source, abs(ahead), "ahead of" if ahead > 0 else "behind",
            )  # fmt: skip

    def _send_with_retries(self, outgoing: OutgoingRequest) -> RawResponse:
        """Ask until there is a response, or no attempt, no time or no hope is left."""
        policy = self.policy
        # Loading certificates takes a moment, and waiting for our turn is not the source's fault.
        client = self._http()
        self._wait()
        total = min(policy.total, self._budget.check())
        deadline = Deadline(time.monotonic() + total)
        attempts = 0
        last: TransientError | None = None

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, TransientError):
                return False
            left = deadline.left
            if error.wait is None:
                longest = min(policy.first_wait * 2.0**attempts, policy.longest_wait)
                return longest < left
            # Asking earlier than a source wants would only make it angrier.
            if error.wait > min(policy.longest_wait, left):
                return False
            self._pace.close(time.monotonic() + error.wait)
            return error.wait + random.uniform(0, policy.first_wait)  # noqa: S311

        def attempt() -> RawResponse:
            nonlocal attempts, last
            if attempts:
                self._wait()
            if last is not None and deadline.left <= 0:
                raise last  # says more than that the time is up
            attempts += 1
            try:
                return send(client, outgoing, policy, deadline, self._budget)
            except TransientError as error:
                last = error
                raise

        try:
            return policy.retry(attempt, pause, total)
        except TransientError as error:
            raise _retries_exhausted(outgoing, error, attempts) from None

    def _wait(self) -> None:
        """Wait for our turn, if it comes while anything is left of the budget."""
        self._budget.excuse(self._budget.wait(self._pace))

    def _http(self) -> httpx2.Client:
        """Open the connections when they are first needed."""
        with self._lock:
            if self._opened is None:
                self._opened = open_connections()
            return self._opened


def open_connections() -> httpx2.Client:
    """Make a client of the library whose connections keep deadlines."""
    from analysis.loaders.http import network

    return network.client(_certificates())


@cache
def _certificates() -> SSLContext:
    """Whom to trust; reading that takes longer than a small answer, so all clients share it."""
    import httpx2

    return httpx2.create_ssl_context()


def user_agent() -> str:
    """Say who asks: the program, its version, and a contact where one is set."""
    from importlib.metadata import version

    contact = settings.contact()
    return f"faultline/{version('faultline')}" + (f" (+{contact})" if contact else "")


def _conditional_headers(entry: ArchiveEntry | None) -> dict[str, str]:
    """Headers that ask for the content only if it is another one than we have."""
    found = {
        "If-None-Match": _usable_validator(entry.etag) if entry else None,
        "If-Modified-Since": _usable_validator(entry.last_modified) if entry else None,
    }
    return {name: value for name, value in found.items() if value}


def _usable_validator(value: str | None) -> str | None:
    """Pass on what a source gave to ask with; None for what no later question could carry."""
    short = value is not None and len(value) <= _LONGEST_CONDITION
    return value if value and short and value.isascii() and value.isprintable() else None


def _retries_exhausted(
    outgoing: OutgoingRequest, error: TransientError, attempts: int
) -> SourceError:
    """Build the error that tells what happened and how often it was tried."""
    times = "once" if attempts == 1 else f"{attempts} times"
    message = f"{outgoing.source}: {redact_url(outgoing.url)} {error} (asked {times})."
    if error.wait is not None:
        message += f" It asks us to wait {error.wait:,.0f} seconds."
    if not error.status:
        return SourceError(redact(message))
    received = error.received or RawResponse(error.status, b"", {})
    return HTTPStatusError(redact(message), error.status, received.headers, received.content)
