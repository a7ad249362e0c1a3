"""Excel files of the old kind, as small as they can be: BIFF8 records in an OLE container.

Nothing that writes ``.xls`` is maintained any more. A sheet here holds numbers, days, texts and
blank cells, which is all that the files of our sources hold. After [MS-XLS] and [MS-CFB].
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date

Cell = float | int | str | date | None

_SECTOR = 512
_END, _FREE, _FAT, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF


def workbook(rows: Sequence[Sequence[Cell]], sheet: str = "Sheet1") -> bytes:
    """An ``.xls`` file with one sheet."""
    name = sheet.encode("latin-1")
    bof = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0x41, 0x0006))
    # Two formats of cells: general, and number 14, which shows a count of days as a date.
    bof += b"".join(_record(0x00E0, struct.pack("<HH", 0, kind) + bytes(16)) for kind in (0, 14))
    end = _record(0x000A, b"")
    bound = struct.pack("<IBBBB", 0, 0, 0, len(name), 0) + name
    start = len(bof) + len(_record(0x0085, bound)) + len(end)
    bound = struct.pack("<IBBBB", start, 0, 0, len(name), 0) + name
    inside = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0x41, 0x0006))
    width = max((len(row) for row in rows), default=0)
    inside += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            inside += _cell(number, column, value)
    return _container(bof + _record(0x0085, bound) + end + inside + end)


def _cell(row: int, column: int, value: Cell) -> bytes:
    place = struct.pack("<HHH", row, column, isinstance(value, date))
    if isinstance(value, date):
        value = (value - date(1899, 12, 30)).days
    if value is None:
        return b""
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        return _record(0x0204, place + struct.pack("<HB", len(value), 1) + text)
    return _record(0x0203, place + struct.pack("<d", value))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _container(stream: bytes) -> bytes:
    """One stream named Workbook; long enough (4,096 bytes) to need no mini sectors."""
    size = max(len(stream), 4096)
    count = -(-size // _SECTOR)
    stream = stream.ljust(count * _SECTOR, b"\0")
    tables = 1
    while tables * 128 < count + 1 + tables:
        tables += 1
    # Sectors: the tables of sectors, the directory, then the stream.
    chain = [_FAT] * tables + [_END]
    chain += [tables + 2 + n for n in range(count - 1)] + [_END]
    chain += [_FREE] * (tables * 128 - len(chain))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _NONE, tables + 1, size)
    directory = directory.ljust(_SECTOR, b"\0")
    return header + struct.pack(f"<{len(chain)}I", *chain) + directory + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    head = text.ljust(64, b"\0") + struct.pack("<HBB", len(text) + 2, kind, 1)
    return (
        head
        + struct.pack("<III", _NONE, _NONE, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
