"""CSV text into cells that know their lines.

The standard library's reader knows only where a record ends, which is no help for a cell that
holds line breaks or a quote that was never closed. Called by the checker, which every reading
of a catalogue file goes through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from analysis.plain_text import STEERING

_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
_PLAIN = re.compile(r"[^,\r\n]*")
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Cell:
    """Text of one cell and the line on which it starts."""

    text: str
    line: int


@dataclass(frozen=True)
class SyntaxProblem:
    """A place where the text is no CSV, and what to do about it."""

    line: int
    message: str


def read_text(path: Path) -> str | SyntaxProblem:
    """Decode a file; a byte order mark is dropped."""
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return SyntaxProblem(1, "is UTF-16: save the file as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = len(_BREAK.findall(raw[: problem.start].decode("latin-1"))) + 1
        byte = f"0x{problem.object[problem.start]:02x}"
        return SyntaxProblem(line, f"is not UTF-8 (byte {byte}): save the file as UTF-8")


def read_cells(text: str) -> tuple[list[list[Cell]], SyntaxProblem | None]:
    """Split CSV text into rows of cells.

    Parameters
    ----------
    text : str
        Comma-separated, lines ended by LF, CRLF or CR; a cell with a comma, a quote or a line
        break stands in double quotes, with its own quotes doubled.

    Returns
    -------
    rows : list of list of Cell
        Empty lines are left out.
    malformed : SyntaxProblem or None
        What stopped the reading; the rows before it are whole.
    """
    rows: list[list[Cell]] = []
    row: list[Cell] = []
    at, line = 0, 1
    while at < len(text) or row:
        found, quoted = _match(text, at)
        if found is None:
            return rows, SyntaxProblem(line, "opens a quote that is never closed: close it")
        cell = found[1].replace('""', '"') if quoted else found[0]
        problem = _syntax_problem(text, found, quoted=quoted)
        if problem:
            return rows, SyntaxProblem(line, problem)
        row.append(Cell(cell, line))
        line += len(_BREAK.findall(found[0]))
        at = found.end()
        if text.startswith(",", at):
            at += 1
            continue
        if len(row) > 1 or row[0].text:
            rows.append(row)
        row = []
        ended = _BREAK.match(text, at)
        if ended:
            at, line = ended.end(), line + 1
    return rows, None


def control_character(text: str) -> str:
    """First character of a text that no cell should hold; blank when there is none."""
    found = STEERING.search(text)
    return found[0] if found else ""


def _match(text: str, at: int) -> tuple[re.Match[str] | None, bool]:
    if text.startswith('"', at):
        return _QUOTED.match(text, at), True
    return _PLAIN.match(text, at), False


def _syntax_problem(text: str, found: re.Match[str], *, quoted: bool) -> str:
    if not quoted and '"' in found[0]:
        return (
            f"has a quote inside the cell {found[0]!r}: put the whole cell in double quotes "
            "and double the quote inside"
        )
    following = text[found.end() : found.end() + 1]
    if quoted and following not in ("", ",", "\r", "\n"):
        return f"goes on with {following!r} after a closing quote: double the quotes in the cell"
    return ""
