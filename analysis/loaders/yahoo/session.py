"""The one way to Yahoo: the session that yfinance is handed, and what came through it.

`analysis.loaders.yahoo.prices` and `analysis.loaders.yahoo.statements` send requests through
`yahoo_session`. yfinance wants a ``requests`` session; everything it sends passes the one adapter
mounted there, `YahooAdapter`, which refuses in offline mode, limits the rate, archives what Yahoo
sent, and remembers the last response about each symbol, because yfinance describes a refused
crumb, a server's failure and a delisted share all alike.

Behind it a `CurlAdapter` sends the request (Yahoo turns away what does not look like a browser),
or, when ``FAULTLINE_YAHOO_URL`` names another address, a `MirrorAdapter` to that address.
"""

from __future__ import annotations

import atexit
import io
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.decompression import check_json
from analysis.loaders.http.limits import Budget, Deadline, LimitError, SpentError, budget_for
from analysis.loaders.http.rate_limit import (
    RateLimiter,
    RetryPolicy,
    check_clock,
    default_policy,
    limiter_for,
    retry_after,
)
from analysis.loaders.http.transport import OutgoingRequest, RawResponse
from analysis.loaders.yahoo.adapters import CurlAdapter, MirrorAdapter, Transport
from analysis.redaction import install_log_filter
from analysis.scratch import scratch_folder

if TYPE_CHECKING:
    from pathlib import Path

PER_SECOND = 8.0  # no limit is published; bursts above this are what gets addresses blocked

# Paths whose answers hold figures; cookies, crumbs and consent pages are not kept.
_FIGURES = ("/v8/finance/chart/", "/ws/fundamentals-timeseries/")

# yfinance has one state for the whole process: session, crumb, settings and answers held.
_YFINANCE_LOCK = threading.RLock()


@dataclass(frozen=True)
class LastResponse:
    """The last response of Yahoo about a symbol."""

    status: int  # of the response
    content: bytes
    wait: float | None = None  # seconds that Yahoo asked to wait, when it did
    problem: SourceError | None = None  # the limit that the response broke; then it has no status


class YahooAdapter(BaseAdapter):
    """The adapter through which every request to Yahoo goes, for the life of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: Transport | None = None  # None outside a session, as `pace`
        self.archive: Archive | None = None  # keeps the raw bytes of figures
        self.pace: RateLimiter | None = None
        self.budget = Budget("yahoo")  # of this pass
        self.seconds = RetryPolicy.connect + RetryPolicy.read  # for one request
        self.last: dict[str, LastResponse] = {}  # about each symbol
        self._lock = threading.Lock()

    def send(self, request: PreparedRequest, *_arguments: Any, **_options: Any) -> Response:
        """Bring a request to Yahoo and keep what came back."""
        shown = _without_crumb(request.url)
        if settings.offline():
            raise InputError(f"FAULTLINE_OFFLINE is set: {shown} was not asked.")
        if self.transport is None or self.pace is None:
            raise SourceError(f"{shown} was requested outside a Yahoo session.")
        try:
            received = self._send_within_limits(self.transport, self.pace, request)
        except SourceError as error:
            # yfinance words every error its own way, and some not at all.
            # Another one than is raised: that one holds on to the response through its traceback.
            self._keep_last_response(str(request.url), LastResponse(0, b"", problem=_anew(error)))
            raise _anew(error) from None
        return self._response(request, received)

    def close(self) -> None:
        """Let go of the carrier's connections."""
        if self.transport is not None:
            self.transport.close()

    def _send_within_limits(
        self, transport: Transport, pace: RateLimiter, request: PreparedRequest
    ) -> RawResponse:
        """Ask within the limits, and read the response only so far as it can be used."""
        url = str(request.url)
        self.budget.wait(pace)
        headers = {str(name): str(value) for name, value in request.headers.items()}
        outgoing = OutgoingRequest(
            "yahoo", url, headers, frozenset(), str(request.method), _body(request)
        )
        deadline = Deadline(time.monotonic() + min(self.seconds, self.budget.check()))
        received = transport.send(outgoing, deadline, self.budget)
        now = datetime.now(UTC)
        check_clock("yahoo", received.headers, now)
        try:
            check_json(received.content)
        except LimitError as error:
            error.what = f"sent {error}"
            raise
        last = LastResponse(received.status, received.content, retry_after(received.headers, now))
        figures = self._keep_last_response(url, last)
        if figures and self.archive is not None and received.status == 200:
            self.archive.put(_without_crumb(url), received.content, now)
        return received

    def _keep_last_response(self, url: str, last: LastResponse) -> bool:
        """Note the last word about a symbol; False for a response without figures."""
        path = unquote(urlsplit(url).path)
        if not path.startswith(_FIGURES):
            return False
        with self._lock:
            self.last[path.rpartition("/")[2].upper()] = last
        return True

    def _response(self, request: PreparedRequest, received: RawResponse) -> Response:
        """Make the response that `requests` would have made, its cookies included."""
        headers = HTTPHeaderDict()
        message = Message()
        for key, value in received.pairs:
            # The body is unpacked and measured already.
            if key.lower() not in ("content-encoding", "content-length", "transfer-encoding"):
                headers.add(key, value)
                message.add_header(key, value)
        raw = HTTPResponse(
            body=io.BytesIO(received.content),
            headers=headers,
            status=received.status,
            preload_content=False,
            original_response=SimpleNamespace(msg=message, isclosed=lambda: True),  # type: ignore[arg-type]
        )
        response = HTTPAdapter().build_response(request, raw)
        response.encoding = "utf-8"  # as it was measured
        return response


def _body(request: PreparedRequest) -> bytes | None:
    body = request.body
    return body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else None


def make_transport() -> Transport:
    """Who carries requests: a browser to Yahoo, or plain HTTP to ``FAULTLINE_YAHOO_URL``."""
    base = settings.base_url("yahoo")
    return CurlAdapter() if base == settings.SOURCES["yahoo"] else MirrorAdapter(base)


@dataclass(frozen=True)
class YahooSession:
    """One use of yfinance: its session, and what Yahoo last said about each symbol."""

    session: Session
    adapter: YahooAdapter

    def last_response(self, symbol: str) -> LastResponse | None:
        """Last answer about a symbol; None when none came."""
        return self.adapter.last.get(symbol.upper())

    def forget(self, symbol: str) -> None:
        """Forget what was said about a symbol, before it is asked for again.

        yfinance holds answers too, useless ones like any other.
        """
        self.adapter.last.pop(symbol.upper(), None)
        _reset_yfinance_cache(self.session)


def yahoo_policy() -> RetryPolicy:
    """Be as patient as the user wishes, with longer pauses than elsewhere: a block lasts."""
    policy = default_policy()
    return replace(policy, first_wait=min(4.0, policy.total / 30))


@contextmanager
def yahoo_session(
    archive: Path | None = None, policy: RetryPolicy | None = None, per_second: float = PER_SECOND
) -> Iterator[YahooSession]:
    """Have yfinance to oneself; raw responses are kept in ``archive``, if there is one.

    Raises
    ------
    InputError
        ``FAULTLINE_OFFLINE`` is set; no socket is opened.
    """
    if settings.offline():
        raise InputError(
            "FAULTLINE_OFFLINE is set: Yahoo was not contacted. Unset it to fetch figures."
        )
    install_log_filter()
    with _YFINANCE_LOCK:
        session, adapter = _process_session()
        adapter.transport = make_transport()
        adapter.archive = None if archive is None else Archive(archive, "yahoo")
        adapter.pace = limiter_for("yahoo", settings.base_url("yahoo"), per_second)
        policy = policy or yahoo_policy()
        adapter.budget = budget_for("yahoo")
        adapter.seconds = min(policy.connect + policy.read, policy.total)
        adapter.last.clear()
        try:
            with _without_known_warnings():
                # After one failure yfinance would ask in small pieces until the process ends.
                _reset_yfinance_cache(session).fundamentals_use_chunked = False
                yield YahooSession(session, adapter)
        finally:
            adapter.close()
            adapter.transport = adapter.archive = adapter.pace = None


@contextmanager
def _without_known_warnings() -> Iterator[None]:
    """Pass over what pandas tells the authors of yfinance; nothing else is hushed.

    Filters belong to the process, so the worker threads of a visit need none of their own.
    """
    from pandas.errors import Pandas4Warning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=Pandas4Warning, module=r"yfinance(\.|$)")
        yield


@cache
def _process_session() -> tuple[Session, YahooAdapter]:
    """The session of the process: its cookie and its crumb belong together and are reused."""
    import yfinance

    yfinance.set_tz_cache_location(_folder())
    yfinance.config.debug.hide_exceptions = False
    # Each failure comes back as an exception and is told in our own words.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL + 1)
    adapter, session = YahooAdapter(), Session()
    session.headers.clear()  # the browser's own are sent, not those of a Python library
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session, adapter


@cache
def _folder() -> str:
    """Folder of this process for yfinance's small caches, gone when it ends or after it.

    A shared one would be written by every process at once, and hand a cookie from one to all.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    return str(stack.enter_context(scratch_folder("yahoo")))


def _reset_yfinance_cache(session: Session) -> Any:
    """Hand yfinance the session, and have it forget the responses that it holds."""
    from yfinance.data import YfData

    # Answers about past days are held for the life of the process: a long run would read
    # yesterday's answer as today's.
    data = YfData(session=session)
    data.cache_get.cache_clear()
    return data


def _anew(error: SourceError) -> SourceError:
    """The same error; without the address one reason serves all tickers."""
    if isinstance(error, SpentError):
        return SpentError(error.source, error.reason)
    what = error.what if isinstance(error, LimitError) else ""
    return LimitError(f"Yahoo {what}") if what else type(error)(str(error))


def _without_crumb(url: str | None) -> str:
    """Address without the crumb, which belongs to one session."""
    parts = urlsplit(str(url))
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "crumb"]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
