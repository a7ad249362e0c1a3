"""Answers unpacked and measured before anything is built from them.

A kilobyte can unpack to a gigabyte, and a megabyte of brackets to a gigabyte of Python objects.
Both are bounded here, while the response arrives or before it is parsed.
"""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from threading import Lock

from analysis.loaders.http.limits import (
    GZIP_MEMBERS,
    JSON_CONTAINERS,
    JSON_DEPTH,
    JSON_VALUES,
    MEGABYTE,
    LimitError,
)

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_PIECE = 2**20
# Looking closer takes many times a piece of the document; sources are read side by side.
_one_at_a_time = Lock()
_STEP = 2**18  # unpacked at once: a piece of a response may unpack to a thousand times its size
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Body:
    """The body of a response of at most so many bytes, unpacked (if it is gzip) as it arrives."""

    def __init__(self, most: int, *, packed: bool = False) -> None:
        self._most = most
        self._packed = packed
        self._members = 0
        self._inflate: zlib._Decompress | None = None
        self._content = BytesIO()  # gives its bytes without a copy

    def add(self, piece: bytes) -> int:
        """Take the next piece; returns by how many bytes the body grew.

        A `LimitError` where it holds more than it may, a `zlib.error` where it is no gzip.
        """
        before = self._content.tell()
        if self._packed:
            self._unpack(piece)
        else:
            self._content.write(piece)
        if self._content.tell() > self._most:
            # The error holds on to us through its traceback.
            self._content = BytesIO()
            verb = "unpacks to" if self._packed else "sent"
            raise LimitError(f"{verb} more than {self._most / MEGABYTE:g} MB")
        return self._content.tell() - before

    def whole(self) -> bytes:
        """Give the content; an `EOFError` for gzip that breaks off."""
        if self._inflate is not None:
            raise EOFError
        content, self._content = self._content.getvalue(), BytesIO()
        return content

    def _unpack(self, piece: bytes) -> None:
        """Inflate member after member; the library takes a torn stream for a whole one."""
        while piece and self._content.tell() <= self._most:
            if self._inflate is None:
                self._members += 1
                if self._members > GZIP_MEMBERS:
                    raise LimitError(f"sent gzip in more than {GZIP_MEMBERS:,} members")
                self._inflate = zlib.decompressobj(wbits=31)
            self._content.write(self._inflate.decompress(piece, _STEP))
            if self._inflate.eof:
                piece, self._inflate = self._inflate.unused_data, None
            else:
                piece = self._inflate.unconsumed_tail


def check_json(content: bytes) -> None:
    """Refuse a document that would need far more memory than it has bytes.

    A `LimitError` where it is nested too deeply, holds too many objects or values, or is not in
    UTF-8, where a bracket is a byte.
    """
    if 0 in content:
        raise LimitError("JSON in another encoding than UTF-8")
    opened = content.count(b"[") + content.count(b"{")
    values = content.count(b",") + opened
    if opened < JSON_DEPTH and values < JSON_VALUES:
        return
    with _one_at_a_time:
        _look_closer(content)


def _look_closer(content: bytes) -> None:
    """Count without what is in texts: brackets there are none."""
    opened = values = depth = 0
    begun = b""
    for start in range(0, len(content), _PIECE):
        piece = begun + content[start : start + _PIECE]
        cut = (len(piece) - len(piece.rstrip(b"\\"))) % 2  # an escape is not parted
        # Our quote ends a text that has no end here; else each quote in it would be tried as a
        # beginning. Where it is left over, no text was open.
        bare = _TEXT.sub(b"", piece[: len(piece) - cut] + b'"')
        begun = (b"" if bare.endswith(b'"') else b'"') + b"\\" * cut
        here = bare.count(b"[") + bare.count(b"{")
        opened, values = opened + here, values + here + bare.count(b",")
        if opened > JSON_CONTAINERS:
            raise LimitError(f"JSON of more than {JSON_CONTAINERS:,} objects and lists")
        if values > JSON_VALUES:
            raise LimitError(f"JSON of more than {JSON_VALUES:,} values")
        for bracket in bare.translate(None, _NO_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > JSON_DEPTH:
                raise LimitError(f"JSON nested more than {JSON_DEPTH} levels deep")
