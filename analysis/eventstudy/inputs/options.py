"""Numbers that are asked of results, checked: levels, counts."""

from __future__ import annotations

import math
import operator
from numbers import Real

from analysis.errors import InputError


def check_level(level: object) -> None:
    """Check that a confidence level lies between 0 and 1 (InputError)."""
    if not 0.0 < number(level) < 1.0:
        raise InputError(f"level must lie between 0 and 1, for instance 0.95, not {level!r}.")


def number(value: object) -> float:
    """Return value as float, or NaN if it is not a number."""
    return float(value) if isinstance(value, Real) else math.nan


def check_count(value: object, name: str, least: int, what: str = "") -> int:
    """Check that a value is a whole number and not below `least` (InputError)."""
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = least - 1
    if count < least:
        unit = f" {what}" if what else ""
        raise InputError(f"{name} must be at least {least}{unit}, a whole number, not {value!r}.")
    return count
