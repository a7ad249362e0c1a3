"""One cell of a catalogue file into its value, or a sentence on what is wrong with it.

What a column allows is read from its schema in `analysis.tables`, so that the checker and the
schema cannot disagree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from analysis.catalogue.csv_reader import control_character

if TYPE_CHECKING:
    import dataframely as dy

Value = str | float | date | datetime | None

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z")


def read_value(text: str, column: dy.Column) -> tuple[Value, str]:
    """Turn the text of a cell into its value.

    Parameters
    ----------
    text : str
        As it stands in the file; blank means missing.
    column : dataframely.Column
        What the schema allows.

    Returns
    -------
    value : str, float, datetime.date, datetime.datetime or None
        None when the cell is blank or wrong.
    complaint : str
        What is wrong and how to mend it; blank when nothing is.
    """
    import polars as pl

    if text == "":
        return None, "" if column.nullable else f"is missing: {_hint(column)}"
    if control_character(text):
        return None, f"holds the control character {control_character(text)!r}: remove it"
    if text != text.strip():
        return None, f"{text!r} has spaces around it: remove them"
    if column.dtype == pl.Date:
        return _day(text)
    if isinstance(column.dtype, pl.Datetime):
        return _instant(text)
    if column.dtype.is_float():
        return _number(text, column)
    return _words(text, column)


def closest_match(text: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Known text that is most like the given one, whatever its case; blank when none is."""
    folded = {item.casefold(): item for item in known}
    hits = get_close_matches(text.casefold(), folded, n=1, cutoff=cutoff)
    return folded[hits[0]] if hits else ""


def unknown_value_message(text: str, known: Iterable[str]) -> str:
    """Say that a text is none of the known ones, with the nearest or all of them."""
    names = list(known)
    near = closest_match(text, names)
    if near:
        return f"{text!r} is not known: did you mean {near!r}?"
    return f"{text!r} is not known: take one of {', '.join(names)}"


def _hint(column: dy.Column) -> str:
    from analysis.tables.columns import choices_of, example_of

    if choices_of(column):
        return f"take one of {', '.join(choices_of(column))}"
    if example_of(column):
        return f"write it as {example_of(column)}"
    return "fill it in"


def _day(text: str) -> tuple[Value, str]:
    if not _DAY.fullmatch(text):
        return None, f"{text!r} is not a day: write it as 2025-01-27"
    try:
        return date.fromisoformat(text), ""
    except ValueError:
        return None, f"{text!r} is not a valid date: correct it"


def _instant(text: str) -> tuple[Value, str]:
    if not _INSTANT.fullmatch(text):
        return None, f"{text!r} is not an instant in UTC: write it as 2025-01-20T12:19:44Z"
    try:
        return datetime.fromisoformat(text).astimezone(UTC), ""
    except ValueError:
        return None, f"{text!r} is not a valid time: correct it"


def _number(text: str, column: dy.Column) -> tuple[Value, str]:
    try:
        value = float(text)
    except ValueError:
        return None, f"{text!r} is not a number: write it as 0.2 or leave the cell blank"
    if not math.isfinite(value) or "_" in text:
        return None, f"{text!r} is not a number: write it as 0.2 or leave the cell blank"
    above, least = getattr(column, "min_exclusive", None), getattr(column, "min", None)
    most = getattr(column, "max", None)
    if above is not None and value <= above:
        return None, f"{text} is not greater than {above}: correct it or leave the cell blank"
    if least is not None and value < least:
        return None, f"{text} is less than {least}: correct it or leave the cell blank"
    if most is not None and value > most:
        return None, f"{text} is more than {most}: correct it (a fraction, not per cent)"
    return value, ""


def _words(text: str, column: dy.Column) -> tuple[Value, str]:
    from analysis.tables.columns import choices_of, example_of, is_time_zone

    if is_time_zone(column) and not is_zone(text):
        near = closest_match(text, available_timezones())
        mend = f"did you mean {near!r}?" if near else "write it as America/New_York"
        return None, f"{text!r} is not a time zone: {mend}"
    choices = choices_of(column)
    if choices and text not in choices:
        return None, unknown_value_message(text, choices)
    pattern = getattr(column, "regex", None)
    # The schema searches within the text; its patterns carry their own anchors.
    if pattern is not None and not re.search(pattern, text):
        return None, f"{text!r} does not have the form of {example_of(column)}: correct it"
    return text, ""


def is_zone(text: str) -> bool:
    """Whether a text names a time zone of the IANA database."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
