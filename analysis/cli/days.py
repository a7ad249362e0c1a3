"""Days as people write them on the command line."""

from __future__ import annotations

from datetime import date

from analysis.errors import InputError


def day_of(option: str, text: str | None) -> date | None:
    """Read the day that an option was given; None without one.

    Raises
    ------
    InputError
        It is no day; the message names the option and shows how a day is written.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not a day: write it as year-month-day, for instance 2025-01-27."
        ) from None
