"""Kinds of columns and the words that they allow, shared by all schemas.

Used by `analysis.tables` and by the checker of catalogue files, which reads the allowed words
back from a column to name the nearest one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dataframely as dy
import polars as pl

TICKER = r"^[0-9A-Z^][0-9A-Z.=-]*$"
MIC = r"^[A-Z0-9]{4}$"
CURRENCY = r"^[A-Z]{3}$"
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
SLUG = r"^[a-z0-9][a-z0-9.-]*$"
_LONGEST, _LONGEST_KEY = 10_000, 500
"""Bytes of a text: it goes into alerts, notices and pages. Those of today hold 350."""

URL = r"^https?://[^\s/]+\.[^\s/]+(/\S*)?$"


def choice(*values: str, **options: Any) -> dy.String:
    """Make a column that takes one of a few words."""
    allowed = list(values)
    check: dict[str, Callable[[pl.Expr], pl.Expr]] = {"choices": lambda cell: cell.is_in(allowed)}
    return dy.String(check=check, metadata={"choices": values}, **options)


def choices_of(column: dy.Column) -> tuple[str, ...]:
    """Words that a column allows; empty where it takes any."""
    return tuple((column.metadata or {}).get("choices", ()))


def pattern(regex: str, example: str, **options: Any) -> dy.String:
    """Make a column whose text has one form, with an example of it for the messages."""
    return dy.String(
        regex=regex, max_length=_most(options), metadata={"example": example}, **options
    )


def example_of(column: dy.Column) -> str:
    """A text of the form that a column wants; empty where it has none."""
    return str((column.metadata or {}).get("example", ""))


def time_zone(**options: Any) -> dy.String:
    """Make a column of IANA time zones; the schema wants a text, the checker a known zone."""
    return dy.String(
        min_length=1, max_length=_most(options), metadata={"time_zone": True}, **options
    )


def is_time_zone(column: dy.Column) -> bool:
    """Whether a column holds IANA time zones."""
    return bool((column.metadata or {}).get("time_zone", False))


def text(**options: Any) -> dy.String:
    """Make a column of text that is never the empty string: what is missing is null."""
    return dy.String(min_length=1, max_length=_most(options), **options)


def utc(**options: Any) -> dy.Datetime:
    """Make a column of instants, in UTC."""
    return dy.Datetime(time_zone="UTC", time_unit="us", **options)


def _most(options: dict[str, Any]) -> int:
    return _LONGEST_KEY if options.get("primary_key") else _LONGEST
