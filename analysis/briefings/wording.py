"""How a briefing writes numbers, days and lists: one form for each, everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

MINUS = "\u2212"
NARROW = "\u202f"  # between a number and its unit, so that a line never breaks there
EN_DASH = "\u2013"


def number(value: float, decimals: int = 1, *, sign: bool = False) -> str:
    """A number with a real minus sign: ``−4.9``; with ``sign`` also ``+1.2``."""
    if not math.isfinite(value):
        return EN_DASH
    text = f"{abs(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return text
    if value < 0:
        return f"{MINUS}{text}"
    return f"+{text}" if sign else text


def per_cent(value: float, decimals: int = 1, *, sign: bool = True) -> str:
    """A decimal return in per cent: ``−17.0 %``."""
    if not math.isfinite(value):
        return EN_DASH
    return f"{number(100 * value, decimals, sign=sign)}{NARROW}%"


def points(value: float, decimals: int = 1) -> str:
    """The size of a difference between two returns, in percentage points: ``13.0 points``."""
    return f"{number(100 * abs(value), decimals)} points"


def p_value(value: float) -> str:
    """``p 0.034``, or ``p < 0.001``; a p-value is never written as zero."""
    if not math.isfinite(value):
        return "p not defined"
    return "p < 0.001" if value < 0.001 else f"p {value:.3f}"


def day(value: Any) -> str:
    """``27 January 2025``."""
    moment = value if isinstance(value, date) else _to_date(value)
    return f"{moment.day} {moment:%B %Y}"


def weekday(value: Any) -> str:
    """``Monday 27 January 2025``."""
    moment = value if isinstance(value, date) else _to_date(value)
    return f"{moment:%A} {day(moment)}"


def clock(moment: datetime) -> str:
    """``27 January 2025, 02:00``, in the zone of the moment."""
    return f"{day(moment)}, {moment:%H:%M}"


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    names = list(items)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def window_label(window: tuple[int, int]) -> str:
    """A window in words: ``day 0``, ``days −1 to +1``."""
    first, last = window
    if first == last:
        return f"day {number(first, 0, sign=True)}"
    return f"days {number(first, 0, sign=True)} to {number(last, 0, sign=True)}"


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 event``, ``3 events``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def _to_date(value: Any) -> date:
    import pandas as pd

    return pd.Timestamp(value).date()
