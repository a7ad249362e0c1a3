"""Foreign text that is shown, logged or written for a spreadsheet, and does nothing there.

Names, titles, keys of an answer, file names and arguments come from outside. Printed as they
are, a line break in one begins a line that looks like ours, an escape sequence moves the
cursor, sets a link or a window's title, and a bidirectional mark reorders what is read. The
console, the log and the notices pass all text through `visible`, once, where it leaves.
"""

from __future__ import annotations

import json
import re
from unicodedata import category

# Characters that no text needs and that change how others are shown: control characters but
# for tab and line break, separators of lines and paragraphs, and bidirectional controls.
STEERING = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
# With what a spreadsheet begins a formula, the wide forms of East Asian keyboards included.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def visible(text: object) -> str:
    r"""Show control characters, line breaks and invisible marks as escapes: ``\n``, ``\x1b``.

    Parameters
    ----------
    text : object
        Turned into a string.

    Returns
    -------
    str
        One line in which every character is printable. Spaces of any width stay as they are.
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(
        char if _shows(char) else char.encode("unicode_escape").decode("ascii") for char in plain
    )


def writable(text: str) -> str:
    """Write unpaired surrogates, which JSON may hold and no encoding can carry, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def visible_json(document: str) -> str:
    """Write what is not printable in a JSON document as JSON's own escapes; it reads the same."""
    if document.isprintable():
        return document
    return "".join(
        char if _shows(char) or char == "\n" else json.dumps(char)[1:-1] for char in document
    )


def spreadsheet_cell(value: object) -> object:
    """Keep text from being read as a formula by a spreadsheet that opens a CSV file.

    Returns
    -------
    object
        A text that begins like a formula gets an apostrophe before it, which spreadsheets take
        for "text". Numbers, also those spelled as text, and everything else stay as they are.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value) or not _FORMULA.match(value):
        return value
    return f"'{value}"


def _shows(char: str) -> bool:
    return char.isprintable() or category(char) == "Zs"


def count(number_of: int, noun: str, many: str = "") -> str:
    """``1 security``, ``3 securities``: a number with its noun, the plural by ``s`` or given."""
    return f"{number_of:,} {noun if number_of == 1 else many or noun + 's'}"
