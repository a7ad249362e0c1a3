"""What a source sent, and what is wrong with it if it cannot be used.

::

    SourceError              what did not work out, and after how many attempts
    └── Refused              the source answered with an error status (``.status``)
        └── NotFound         404 or 410: one name may be skipped
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from types import MappingProxyType
from typing import Any, NoReturn

from analysis.errors import SourceError
from analysis.loaders.http.decompression import check_json
from analysis.loaders.http.limits import LimitError
from analysis.redaction import clean


class Refused(SourceError):
    """The source answered with an error status.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : mapping of str to str
        Of the answer, names in lower case.
    content : bytes
        Its body.
    """

    status: int = 0
    headers: Mapping[str, str] = MappingProxyType({})
    content: bytes = b""


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
    source : str
        Who was asked, for messages.
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
            It is something else: empty, HTML, cut off, in another encoding than UTF-8 (RFC
            8259), or larger than a document may be.
        """

        def refuse_constant(name: str) -> NoReturn:
            raise ValueError(f"{name} is no JSON")

        try:
            check_json(self.content)
        except LimitError as error:
            raise self.unreadable(str(error)) from None
        try:
            # In any other encoding brackets could have hidden from the check.
            text = self.content.decode("utf-8-sig")
            return json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self.unreadable(f"{self.kind()} instead of JSON ({error})") from None

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
        raise self.unreadable(f"{self.kind()}, which is not {declared}")

    def unreadable(self, what: str) -> SourceError:
        """Build the error for an answer that cannot be used.

        The archive is told too: the next question is unconditional, for a "not changed"
        would bring the same useless bytes back for ever.

        Parameters
        ----------
        what : str
            What came, as in "... sent {what}."

        Returns
        -------
        SourceError
            Ready to be raised.
        """
        if self._distrust is not None:
            self._distrust()
        return SourceError(clean(f"{self.source}: {self.url} sent {what}."))

    def kind(self) -> str:
        """Say in a few words what the body looks like."""
        start = self.content[:200].lstrip().lower()
        if not start:
            return "an empty answer"
        if start.startswith((b"<!doctype html", b"<html")):
            return "an HTML page"
        return f"{len(self.content)} bytes of {self.headers.get('content-type') or 'unnamed type'}"


def _charset(content_type: str) -> str:
    """Read the declared charset of a Content-Type; empty where it declares none."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset() or ""
