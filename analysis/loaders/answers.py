"""What a source answered, read field by field.

Shared by the loaders of counts and artefacts. A field that a source has renamed must end in a
sentence that names it and what came instead, never in a row that quietly lacks a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from analysis.errors import SourceError

_SHOWN = 8


def records(document: Any, where: str) -> list[Mapping[str, Any]]:
    """Pass on a list of objects, or say what came instead."""
    if not isinstance(document, list):
        raise SourceError(f"{where} answered with {_kind(document)} where a list was expected.")
    for item in document:
        record(item, where)
    return document


def record(document: Any, where: str) -> Mapping[str, Any]:
    """Pass on an object, or say what came instead."""
    if not isinstance(document, Mapping):
        raise SourceError(f"{where} answered with {_kind(document)} where an object was expected.")
    return document


def field(item: Mapping[str, Any], name: str, where: str) -> Any:
    """Value of a field that must be there; it may be null."""
    if name not in item:
        there = ", ".join(map(str, list(item)[:_SHOWN])) or "nothing"
        raise SourceError(
            f"{where} answered without the field {name!r} (it has {there}): its shape has "
            "changed, and the loader must follow."
        )
    return item[name]


def text(item: Mapping[str, Any], name: str, where: str) -> str:
    """Text of a field that must be there and not be empty."""
    value = field(item, name, where)
    if not isinstance(value, str) or not value:
        raise SourceError(f"{where}: the field {name!r} holds {value!r} where a text was expected.")
    return value


def count(value: Any, name: str, where: str) -> float | None:
    """Count as a number, also where the source writes it as a text; None stays None."""
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301
        return float(value)
    except (TypeError, ValueError):
        raise SourceError(
            f"{where}: the field {name!r} holds {value!r} where a count was expected."
        ) from None


def day(value: Any, name: str, where: str) -> date:
    """Day of a field in ISO form."""
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise SourceError(
            f"{where}: the field {name!r} holds {value!r} where a day was expected."
        ) from None


def instant(value: Any, name: str, where: str) -> datetime | None:
    """Instant of a field in ISO form, in UTC; None stays None."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise SourceError(
            f"{where}: the field {name!r} holds {value!r} where an instant was expected."
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _kind(document: Any) -> str:
    words = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return words.get(type(document), f"{document!r}"[:40])
