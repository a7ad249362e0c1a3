"""Answers that hold up or overwhelm whoever reads them without limits.

Each is served byte by byte as it is made, so the server itself stays small. Raw answers begin
with the status line: what a well-behaved server library would never send has to be written by
hand.
"""

from __future__ import annotations

import gzip
import io
import socket
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

Attack = Callable[[str], Iterator[bytes]]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_MEGABYTE = 2**20


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """One complete answer."""
    lines = [b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


class Hostile:
    """A server on 127.0.0.1 that answers every request with one attack; a context manager.

    Parameters
    ----------
    attack : callable
        URL of the server to the pieces of an answer; ``pause`` seconds lie between two.
    """

    def __init__(self, attack: Attack, pause: float = 0.0) -> None:
        self._attack, self._pause = attack, pause
        self._closing = Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = connection.recv(65536)
                if not piece:
                    return
                asked += piece
            self.requests += 1
            for piece in self._attack(self.url):
                connection.sendall(piece)
                if self._pause and self._closing.wait(self._pause):
                    return
                if self._closing.is_set():
                    return


# Attacks that take time ---------------------------------------------------------------------


def dripped_headers(_: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-Endless: "
    while True:
        yield b"a"


def dripped_body(_: str) -> Iterator[bytes]:
    yield _HEAD + b"Content-Length: 1000000\r\n\r\n"
    while True:
        yield b" "


def endless_chunks(_: str) -> Iterator[bytes]:
    yield _CHUNKED
    while True:
        yield b"1\r\n \r\n" * 1000


def interim_answers(_: str) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 102 Processing\r\n\r\n"


def next_links(url: str) -> Iterator[bytes]:
    body = b'[{"id": "a/b", "downloads": 1, "likes": 1}]'
    link = f'Link: <{url}/api/models?cursor=x>; rel="next"'.encode()
    yield whole(body, b"Content-Type: application/json", link, b"Connection: close")


def not_modified(_: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"


def redirects(url: str) -> Iterator[bytes]:
    yield whole(b"", f"Location: {url}/again".encode(), b"Connection: close", status=b"302 Found")


def redirect_to_no_url(_: str) -> Iterator[bytes]:
    yield whole(b"", b"Location: http://[::1/x", b"Connection: close", status=b"302 Found")


# Attacks that take memory -------------------------------------------------------------------


def gzip_members(count: int) -> Attack:
    """So many members of nothing."""

    def attack(_: str) -> Iterator[bytes]:
        member = gzip.compress(b"")
        length = b"Content-Length: %d\r\n\r\n" % (len(member) * count)
        yield _HEAD + b"Content-Encoding: gzip\r\n" + length
        for _ in range(count // 1000):
            yield member * 1000

    return attack


def gzip_bomb(megabytes: int) -> Attack:
    """A stream that unpacks to so many megabytes of blanks."""

    def attack(_: str) -> Iterator[bytes]:
        packer = zlib.compressobj(9, wbits=31)
        yield _CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        for number in range(megabytes + 1):
            blanks = packer.compress(b" " * _MEGABYTE) if number < megabytes else packer.flush()
            if blanks:
                yield b"%x\r\n%s\r\n" % (len(blanks), blanks)
        yield b"0\r\n\r\n"

    return attack


def nested_json(megabytes: int) -> Attack:
    """A document of so many megabytes that is little but lists."""

    def attack(_: str) -> Iterator[bytes]:
        yield _CHUNKED
        piece = b'[[],{"a":[]}],' * (_MEGABYTE // 14)
        yield b"1\r\n[\r\n"
        for _ in range(megabytes):
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"2\r\n1]\r\n0\r\n\r\n"

    return attack


def file_of(content: bytes) -> Attack:
    """One file, whatever it is."""

    def attack(_: str) -> Iterator[bytes]:
        yield whole(content, b"Content-Type: application/octet-stream", b"Connection: close")

    return attack


def zip_bomb(megabytes: int, entries: int = 1) -> bytes:
    """A ZIP whose files unpack to so many megabytes in all."""
    packed = io.BytesIO()
    blanks = b" " * _MEGABYTE
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(entries):
            with file.open(f"{number}.csv", "w", force_zip64=True) as entry:
                for _ in range(megabytes // entries):
                    entry.write(blanks)
    return packed.getvalue()


def far_cell() -> bytes:
    """A kilobyte of .xlsx whose second cell is the last one that a sheet can have."""
    return _workbook(f'{_row("DAY", 1)}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def column(*cells: str) -> bytes:
    """An .xlsx with one column of texts; the first is its name."""
    return _workbook("".join(_row(cell, number) for number, cell in enumerate(cells, start=1)))


def _row(cell: str, number: int) -> str:
    text = f"<is><t>{cell}</t></is>"
    return f'<row r="{number}"><c r="A{number}" t="inlineStr">{text}</c></row>'


def _workbook(rows: str) -> bytes:
    """An .xlsx of one sheet."""
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return packed.getvalue()
