"""How the prose of a briefing writes numbers and days; tables and charts share the basics.

The basics (real minus signs, dashes for what is missing) are those of `analysis.charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from analysis.formatting import MINUS, MISSING, is_finite, number, window_words
from analysis.formatting import listing as shortened
from analysis.plain_text import count

__all__ = [
    "clock",
    "count",
    "day",
    "dollars",
    "listing",
    "number",
    "p_value",
    "per_cent",
    "points",
    "short_title",
    "spelled",
    "weekday",
    "window_words",
]

NBSP = "\u00a0"
NARROW = "\u202f"  # between a number and its unit, so that a line never breaks there


def per_cent(value: float, decimals: int = 1, *, sign: bool = True) -> str:
    """A decimal return in per cent: ``−17.0 %``."""
    if not is_finite(value):
        return MISSING
    return f"{number(100 * value, decimals, sign=sign)}{NARROW}%"


def points(value: float, decimals: int = 1) -> str:
    """The size of a difference between two returns, in percentage points: ``13.0 points``."""
    return f"{number(100 * abs(value), decimals)} points"


def dollars(value: float) -> str:
    """A sum of money: ``−$592 bn``."""
    for unit, size in (("trillion", 1e12), ("bn", 1e9), ("m", 1e6)):
        if abs(value) >= size or unit == "m":
            sign = MINUS if value < 0 else "+"
            return f"{sign}${number(abs(value) / size, 2 if unit == 'trillion' else 0)}{NBSP}{unit}"
    raise AssertionError


def spelled(count: int) -> str:
    """A count in a sentence: ``eight``, from ten on ``10``."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[count] if count < len(names) else f"{count:,}"


def p_value(value: float) -> str:
    """``p 0.034``, or ``p < 0.001``, on one line; a p-value is never written as zero."""
    if not is_finite(value):
        return "p not defined"
    return f"p{NBSP}<{NBSP}0.001" if value < 0.001 else f"p{NBSP}{value:.3f}"


def day(value: Any) -> str:
    """``27 January 2025``."""
    import pandas as pd

    moment = pd.Timestamp(value)
    return f"{moment.day} {moment:%B %Y}"


def weekday(value: Any) -> str:
    """``Monday 27 January 2025``."""
    import pandas as pd

    return f"{pd.Timestamp(value):%A} {day(value)}"


def clock(moment: datetime) -> str:
    """``27 January 2025, 02:00``, in the zone of the moment."""
    return f"{day(moment)}, {moment:%H:%M}"


def short_title(title: str, most: int = 12, least: int = 3) -> str:
    """A title without its details where it has more words than ``most``.

    Cut at its punctuation where at least ``least`` words come before, else after ``most``.
    """
    for separator in ("; ", " (", ": ")[: 2 if least > 2 else 3]:
        start = title.partition(separator)[0]
        if len(title.split()) > most and len(start.split()) >= least:
            title = start
    words = title.split()
    if len(words) <= most:
        return title
    cut = " ".join(words[:most])
    if cut.count("(") > cut.count(")"):
        return cut.partition(" (")[0]
    return f"{cut.rstrip(',;:')} \u2026"


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; all of them, however many."""
    return shortened(items, most=len(items))
