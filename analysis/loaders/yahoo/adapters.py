"""Who brings requests to Yahoo: a browser's handshake, or plain HTTP to another address.

Both end a response where its deadline, its size or the source's budget ends. Called by
`analysis.loaders.yahoo.session`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from analysis.errors import SourceError
from analysis.loaders.http.decompression import Body
from analysis.loaders.http.limits import Budget, Deadline, LimitError, largest_answer
from analysis.loaders.http.rate_limit import RetryPolicy
from analysis.loaders.http.transport import OutgoingRequest, RawResponse, stream_response

# What tells curl to give up on a response.
_CURL_STOPS = 0xFFFFFFFF


class Transport(Protocol):
    """Brings one request to a server and its whole response back."""

    def send(self, outgoing: OutgoingRequest, deadline: Deadline, budget: Budget) -> RawResponse:
        """Send a request; a `SourceError` names a limit, any other error what went wrong."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class MirrorAdapter:
    """Bring every request to one address instead of Yahoo's, path and query as they were."""

    def __init__(self, base_url: str) -> None:
        from analysis.loaders.http.client import open_connections

        self.base_url = base_url  # without a slash at the end
        self._client = open_connections()

    def send(self, outgoing: OutgoingRequest, deadline: Deadline, budget: Budget) -> RawResponse:
        """Ask the other address."""
        parts = urlsplit(outgoing.url)
        url = self.base_url + urlunsplit(("", "", parts.path or "/", parts.query, ""))
        headers = {key: value for key, value in outgoing.headers.items() if key.lower() != "host"}
        policy = replace(RetryPolicy(), read=max(deadline.left, 0.001))
        moved = replace(outgoing, url=url, headers=headers)
        return stream_response(self._client, moved, policy, deadline, budget)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class CurlAdapter:
    """Carry requests the way a browser does, with curl_cffi.

    yfinance would use curl_cffi's own session; behind an adapter, the same handshake serves,
    what is sent can still be seen, and a response ends where its limits are.
    """

    def __init__(self) -> None:
        from curl_cffi import requests as curl

        self._session: Any = curl.Session(impersonate="chrome")

    def send(self, outgoing: OutgoingRequest, deadline: Deadline, budget: Budget) -> RawResponse:
        """Send with a browser's handshake and headers; cookies are the caller's business."""
        body = Body(largest_answer("yahoo"))
        problems: list[SourceError] = []

        def take(piece: bytes) -> int:
            # curl hands out what it has unpacked, sixteen kilobytes at a time.
            try:
                budget.take(body.add(piece))
            except LimitError as error:
                error.what = str(error)
                problems.append(error)
                return _CURL_STOPS
            return len(piece)

        connect = min(RetryPolicy.connect, deadline.left / 2)
        try:
            response = self._session.request(
                outgoing.method,
                outgoing.url,
                data=outgoing.body,
                headers=dict(outgoing.headers),
                timeout=(connect, max(deadline.left - connect, 0.001)),
                allow_redirects=False,
                discard_cookies=True,
                content_callback=take,
                quote=False,
            )
        except Exception:
            if problems:
                raise problems[0] from None
            raise
        pairs = tuple((key, value) for key, value in response.headers.multi_items() if value)
        headers = {key.lower(): value for key, value in pairs}
        return RawResponse(response.status_code, body.whole(), headers, pairs)

    def close(self) -> None:
        """Close curl's connections."""
        self._session.close()
