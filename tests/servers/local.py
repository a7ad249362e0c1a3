"""A real HTTP server on this machine that serves documented shapes, and then misbehaves."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: float = 0.0  # seconds of silence before the answer
    drip: float = 0.0  # seconds of silence between single bytes of the body
    reset: bool = False  # break the connection instead of answering
    missing: int = 0  # bytes that Content-Length promises and that never come


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    url: str  # path and query as sent
    body: bytes = b""


Body = bytes | str | dict[str, Any] | list[Any] | Reply
Responder = Callable[[Seen], Body]


def as_reply(body: Body, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Turn a body into a reply; a dictionary or list is sent as JSON."""
    if isinstance(body, Reply):
        return replace(body, headers={**body.headers, **(headers or {})})
    if isinstance(body, (dict, list)):
        kind, content = "application/json", json.dumps(body).encode()
    elif isinstance(body, str):
        kind, content = "text/plain; charset=utf-8", body.encode()
    else:
        kind, content = "application/octet-stream", body
    return Reply(content, status, {"Content-Type": kind, **(headers or {})})


def rate_limited(retry_after: str | float | None = None) -> Reply:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Reply(b"slow down", 429, headers)


def failing(status: int = 503) -> Reply:
    return Reply(b"out of order", status)


def reset() -> Reply:
    return Reply(reset=True)


def stall(seconds: float = 60.0) -> Reply:
    return Reply(b"late", stall=seconds)


def truncated(body: Body) -> Reply:
    """Half of the body, though Content-Length promises all of it."""
    whole = as_reply(body)
    kept = whole.body[: len(whole.body) // 2]
    return replace(whole, body=kept, missing=len(whole.body) - len(kept))


def broken_gzip(body: Body) -> Reply:
    """A gzip stream that ends in its middle; its length is as announced."""
    whole = as_reply(body)
    packed = gzip.compress(whole.body)
    headers = {**whole.headers, "Content-Encoding": "gzip"}
    return replace(whole, body=packed[: len(packed) // 2], headers=headers)


def gzipped(body: Body) -> Reply:
    whole = as_reply(body)
    headers = {**whole.headers, "Content-Encoding": "gzip"}
    return replace(whole, body=gzip.compress(whole.body), headers=headers)


def html(title: str = "Just a moment...") -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head></html>"
    return Reply(page.encode(), 200, {"Content-Type": "text/html; charset=utf-8"})


def empty() -> Reply:
    return Reply(b"", 200, {"Content-Type": "application/json"})


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(b"", status, {"Location": location})


@dataclass
class _Rule:
    pattern: str
    answer: Body | Responder
    status: int
    headers: Mapping[str, str]
    left: int | None

    def matches(self, seen: Seen) -> bool:
        if self.pattern.startswith("^"):
            return re.search(self.pattern, seen.url) is not None
        return seen.path.startswith(self.pattern)

    def reply(self, seen: Seen) -> Reply:
        body = self.answer(seen) if callable(self.answer) else self.answer
        return as_reply(body, self.status, self.headers)


class LocalServer:
    """An HTTP server on 127.0.0.1; a context manager.

    ``on`` says what to answer. Rules with ``times`` come first, oldest first, until they are
    used up; then the newest rule that matches. What matches nothing is answered 404. An
    ``ETag`` that the client already has is answered 304, as real servers do.
    """

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.latency = 0.0
        self._rules: list[_Rule] = []
        self._lock = Lock()
        self._closing = Event()
        self._server = _Server(self)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(
        self,
        pattern: str,
        answer: Body | Responder,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Answer what ``pattern`` matches: a prefix of the path, or with ``^`` a regular
        expression on path and query as they were sent."""
        with self._lock:
            self._rules.append(_Rule(pattern, answer, status, headers or {}, times))

    def paths(self) -> list[str]:
        return [seen.path for seen in self.requests]

    def choose(self, seen: Seen) -> Reply:
        with self._lock:
            self.requests.append(seen)
            fitting = [rule for rule in self._rules if rule.matches(seen)]
            limited = [rule for rule in fitting if rule.left]
            endless = [rule for rule in reversed(fitting) if rule.left is None]
            rule = next(iter(limited + endless), None)
            if rule is not None and rule.left:
                rule.left -= 1
        return Reply(b"nothing here", 404) if rule is None else rule.reply(seen)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        if seconds:
            self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, local: LocalServer) -> None:
        self.local = local
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        local = self.server.local
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        length = int(headers.get("content-length", 0))
        body = self.rfile.read(length)
        reply = local.choose(Seen(self.command, parts.path, query, headers, self.path, body))
        local.pause(local.latency + reply.stall)
        etag = reply.headers.get("ETag")
        if reply.status == 200 and etag and headers.get("if-none-match") == etag:
            reply = Reply(b"", 304, {"ETag": etag})
        self._answer(reply)

    do_HEAD = do_GET  # noqa: N815
    do_POST = do_GET  # noqa: N815

    def _answer(self, reply: Reply) -> None:
        if reply.reset:
            # Lingering for no time makes the kernel send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        if "Date" not in reply.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body) + reply.missing))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            self._send_body(reply)
        if reply.missing:
            self.close_connection = True

    def _send_body(self, reply: Reply) -> None:
        if not reply.drip:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.server.local.pause(reply.drip)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `LocalServer.requests` instead."""
