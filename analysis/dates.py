"""Days as people write them, and the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime

from analysis.errors import InputError


def parse_day(value: object, name: str = "") -> date:
    """Read a day from a date, a datetime or ISO text.

    Raises
    ------
    InputError
        It is none of them; the message begins with ``name``, for instance ``"--since"``.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise InputError(
            f"{name} {value!r} is not a date: write it as 2025-01-27.".lstrip()
        ) from None


def parse_optional_day(value: object, name: str = "") -> date | None:
    """Read a day as `parse_day` does; None for None and for empty text."""
    return None if value is None or value == "" else parse_day(value, name)


def format_day(day: date) -> str:
    """Write a day out: 27 January 2025."""
    return f"{day.day} {day:%B %Y}"


def utc_now() -> datetime:
    """Read the clock of this machine, in UTC."""
    return datetime.now(UTC)
