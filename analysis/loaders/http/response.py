"""What a source sent, and what is wrong with it if it cannot be used.

::

    SourceError              what did not work out, and after how many attempts
    └── HTTPStatusError      the source answered with an error status (``.status``)
        └── NotFoundError    404 or 410: one name may be skipped
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Any, NoReturn

from analysis.errors import SourceError
from analysis.loaders.http.decompression import check_json
from analysis.loaders.http.limits import LimitError
from analysis.redaction import redact


class HTTPStatusError(SourceError):
    """The source answered with an error status; names of the headers are in lower case."""

    def __init__(
        self,
        message: str,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status, self.headers, self.content = status, headers or {}, content


class NotFoundError(HTTPStatusError):
    """The source knows nothing under this URL."""


@dataclass(frozen=True)
class Response:
    """What a source sent."""

    url: str
    status: int  # HTTP status; 304 when the bytes come from the archive
    content: bytes = field(repr=False)  # the body, unpacked
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    fetched_at: datetime  # when it came (UTC, our clock)
    changed: bool = True  # false when the source said that nothing changed since the last response
    source: str = ""  # who was asked, for messages
    _mark_unusable: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def json(self) -> Any:
        """Read the body as JSON.

        A `SourceError` where it is something else: empty, HTML, cut off, in another encoding than
        UTF-8 (RFC 8259), or larger than a document may be.
        """

        def refuse_constant(name: str) -> NoReturn:
            raise ValueError(f"{name} is not JSON")

        try:
            check_json(self.content)
        except LimitError as error:
            raise self.unusable_error(str(error)) from None
        try:
            # In any other encoding brackets could have hidden from the check.
            text = self.content.decode("utf-8-sig")
            return json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self.unusable_error(f"{self.describe_body()} instead of JSON ({error})") from None

    def text(self) -> str:
        """Read the body as text: UTF-8 if it is valid UTF-8, else as the source declares.

        A `SourceError` where it cannot be decoded.
        """
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            charset = _declared_charset(self.headers.get("content-type", ""))
        try:
            if charset:
                return self.content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            pass
        declared = f"the declared {charset}" if charset else "UTF-8"
        raise self.unusable_error(f"{self.describe_body()}, which is not {declared}")

    def unusable_error(self, what: str) -> SourceError:
        """Build the error for a response that cannot be used: "... sent {what}.".

        The archive is told too: the next question is unconditional, for a "not changed" would bring
        the same useless bytes back for ever.
        """
        if self._mark_unusable is not None:
            self._mark_unusable()
        return SourceError(redact(f"{self.source}: {self.url} sent {what}."))

    def describe_body(self) -> str:
        """Say in a few words what the body looks like."""
        start = self.content[:200].lstrip().lower()
        if not start:
            return "an empty response"
        if start.startswith((b"<!doctype html", b"<html")):
            return "an HTML page"
        return f"{len(self.content)} bytes of {self.headers.get('content-type') or 'unnamed type'}"


def _declared_charset(content_type: str) -> str:
    """Read the declared charset of a Content-Type; empty where it declares none."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset() or ""
