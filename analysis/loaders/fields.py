"""What a source answered, read field by field.

Shared by the loaders of counts and artefacts. A field that a source has renamed must end in a
sentence that names it and what came instead, never in a row that quietly lacks a figure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from analysis.errors import SourceError
from analysis.loaders.base import Unreadable
from analysis.loaders.http.limits import UNREADABLE
from analysis.loaders.wording import describe_error
from analysis.plain_text import writable

Item = TypeVar("Item")
Row = TypeVar("Row")

_CANNOT_BE_READ = (
    SourceError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip

_SHOWN = 8
_LONGEST = 300
_LONG_NAME = 60
_WHOLE = 2**53  # beyond it a float is not exact


def read_records(
    document: Any, where: str, read: Callable[[Mapping[str, Any]], Iterable[Row]]
) -> Iterator[Row | Unreadable]:
    """Read the records of a list, as `read_each`; a `SourceError` where it is no list."""

    def checked(item: Any) -> Iterable[Row]:
        found = require_object(item, where)
        try:
            json.dumps(item, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise SourceError(
                f"{where}: a text holds an unpaired surrogate, which cannot be stored."
            ) from None
        return read(found)

    yield from read_each(require_list(document, where), checked)


def read_each(
    items: Iterable[Item | Unreadable],
    read: Callable[[Item], Iterable[Row]],
    show: Callable[[Item], object] = lambda item: item,
) -> Iterator[Row | Unreadable]:
    """Read items one by one, so that one which cannot be read does not take the others with it.

    ``read`` turns an item into rows, or raises; ``show`` says what of an unreadable item goes into
    the quarantine. Items that could not be read before are passed on. Bounded as
    `limit_unreadable`.
    """
    return limit_unreadable(_read_each(items, read, show))


def limit_unreadable(found: Iterable[Row | Unreadable]) -> Iterator[Row | Unreadable]:
    """Pass on what a response held, or raise a `SourceError` where most of it cannot be read."""
    count = 0
    for item in found:
        count += isinstance(item, Unreadable)
        if count > UNREADABLE:
            raise SourceError(
                f"more than {UNREADABLE:,} records cannot be read: the shape has changed"
            )
        yield item


def _read_each(
    items: Iterable[Item | Unreadable],
    read: Callable[[Item], Iterable[Row]],
    show: Callable[[Item], object],
) -> Iterator[Row | Unreadable]:
    for item in items:
        if isinstance(item, Unreadable):
            yield item
            continue
        try:
            rows = list(read(item))
        except _CANNOT_BE_READ as problem:
            yield Unreadable(shorten(show(item)), describe_error(problem))
        else:
            yield from rows


def shorten(item: object) -> str:
    """Write a record out for the quarantine, cut to a readable length."""
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
    return writable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def require_list(document: Any, where: str) -> list[Any]:
    """Pass on a list, or say what came instead."""
    if not isinstance(document, list):
        raise SourceError(f"{where} answered with {_kind(document)} where a list was expected.")
    return document


def require_objects(document: Any, where: str) -> list[Mapping[str, Any]]:
    """Pass on a list of objects, or say what came instead."""
    return [require_object(item, where) for item in require_list(document, where)]


def require_object(document: Any, where: str) -> Mapping[str, Any]:
    """Pass on an object, or say what came instead."""
    if not isinstance(document, Mapping):
        raise SourceError(f"{where} answered with {_kind(document)} where an object was expected.")
    return document


def require_field(item: Mapping[str, Any], name: str, where: str) -> Any:
    """Value of a field that must be there; it may be null."""
    if name not in item:
        there = ", ".join(str(key)[:_LONG_NAME] for key in list(item)[:_SHOWN]) or "nothing"
        raise SourceError(
            f"{where} answered without the field {name!r} (it has {there}): its format has "
            "changed; the loader needs an update."
        )
    return item[name]


def require_text(item: Mapping[str, Any], name: str, where: str) -> str:
    """Text of a field that must be there and not be empty."""
    value = require_field(item, name, where)
    if not isinstance(value, str) or not value:
        raise _unexpected(value, name, where, "a text")
    return value


def parse_count(item: Mapping[str, Any], name: str, where: str) -> float | None:
    """Count in a field, also where the source writes it as a text; None stays None."""
    return _parsed(item, name, where, "a count", _number)


def parse_whole_count(item: Mapping[str, Any], name: str, where: str) -> int | None:
    """Count that fits a column of whole numbers; None stays None."""
    number = parse_count(item, name, where)
    if number is None:
        return None
    if not abs(number) < _WHOLE:
        raise _unexpected(item[name], name, where, "a count")
    return int(number)


def parse_day(item: Mapping[str, Any], name: str, where: str) -> date | None:
    """Day in a field, in ISO form; None stays None."""
    return _parsed(item, name, where, "a day", date.fromisoformat)


def require_day(item: Mapping[str, Any], name: str, where: str) -> date:
    """Day of a field that must not be null."""
    day = parse_day(item, name, where)
    if day is None:
        raise _unexpected(None, name, where, "a day")
    return day


def parse_instant(item: Mapping[str, Any], name: str, where: str) -> datetime | None:
    """Instant in a field, in ISO form, as UTC; None stays None."""
    return _parsed(item, name, where, "an instant", _instant)


def _parsed(
    item: Mapping[str, Any], name: str, where: str, expected: str, parse: Callable[[Any], Item]
) -> Item | None:
    value = require_field(item, name, where)
    try:
        return None if value is None else parse(value)
    except (TypeError, ValueError, OverflowError):
        raise _unexpected(value, name, where, expected) from None


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _unexpected(value: object, name: str, where: str, expected: str) -> SourceError:
    return SourceError(
        f"{where}: the field {name!r} holds {describe_value(value)} where {expected} was expected."
    )


def describe_value(value: object) -> str:
    """Spell a value in a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _LONG_NAME else f"{text[:_LONG_NAME]}..."


def _kind(document: Any) -> str:
    words = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return words.get(type(document), f"{document!r}"[:40])
