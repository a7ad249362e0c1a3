"""How charts and tables write numbers, labels and foreign text: one form for each.

Called by every chart and table. Numbers get a real minus sign; text that came from outside is
escaped, because plotly reads ``<b>`` and ``<a href>`` in labels as markup.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

MINUS = "\u2212"
MISSING = "\u2013"
UNIT = "\u202f%"  # a narrow space that never breaks, so that number and unit stay together

_NBSP = "\u00a0"


def number(value: Any, decimals: int = 2, *, sign: bool = False) -> str:
    """Write a number with fixed decimals and a real minus sign.

    Parameters
    ----------
    value : float or None
        What is written; anything that is not finite becomes an en dash.
    decimals : int
        Digits after the point.
    sign : bool
        Whether a positive number gets its plus sign.

    Returns
    -------
    str
        For instance ``−4.90`` or ``+1.20``; a number that rounds to zero has no sign.
    """
    if not is_finite(value):
        return MISSING
    text = f"{abs(float(value)):,.{decimals}f}"
    if not float(text.replace(",", "")):
        return text
    if value < 0:
        return f"{MINUS}{text}"
    return f"+{text}" if sign else text


def percent(value: Any, decimals: int = 2, *, unit: bool = False) -> str:
    """Write a decimal return in per cent, sign always shown: ``−16.97``, ``+1.91``.

    Parameters
    ----------
    value : float or None
        Decimal return; anything that is not finite becomes an en dash.
    decimals : int
        Digits after the point.
    unit : bool
        Whether the per-cent sign follows (columns carry it in their head instead).
    """
    if not is_finite(value):
        return MISSING
    return number(100 * float(value), decimals, sign=True) + (UNIT if unit else "")


def p_value(value: Any) -> str:
    """Write a p-value: three decimals, ``< 0.001`` below that, never zero."""
    if not is_finite(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{float(value):.3f}"


def relative_day(day: int) -> str:
    """Write a relative day: ``−5``, ``0``, ``+3``."""
    return number(day, 0, sign=True)


def window_label(window: Sequence[int]) -> str:
    """Write a window as authors do: ``CAR (−1, +1)`` without the ``CAR``."""
    return f"({relative_day(window[0])}, {relative_day(window[1])})"


def window_words(first: Any, last: Any) -> str:
    """Write a window in words: ``day 0``, ``days −1 to +1``; blank ends mean every window."""
    if not (is_finite(first) and is_finite(last)):
        return "every window"
    if first == last:
        return f"day {relative_day(int(first))}"
    return f"days {relative_day(int(first))} to {relative_day(int(last))}"


def day(value: Any, *, year: bool = True) -> str:
    """Write a calendar day: ``27 Jan 2025``, or ``27 Jan``; missing becomes an en dash."""
    import pandas as pd

    moment = pd.to_datetime(value, errors="coerce")
    if pd.isna(moment):
        return MISSING
    return f"{moment.day}{_NBSP}{moment:%b}" + (f"{_NBSP}{moment:%Y}" if year else "")


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number (missing values of pandas included)."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def words(value: Any) -> str:
    """Plain text of a cell: missing becomes empty, white space is folded."""
    nothing = value is None or type(value).__name__ in ("NAType", "NaTType")
    missing = nothing or (isinstance(value, float) and math.isnan(value))
    # Spaces that never break are ours and stay.
    return "" if missing else re.sub(r"[ \t\r\n\f\v]+", " ", str(value)).strip(" ")


def safe(value: Any) -> str:
    """Escape text for a plotly label, so that it shows as written.

    plotly.js turns ``&lt;``, ``&gt;`` and ``&amp;`` back into characters but does not know
    ``&quot;``; quotes need no escape since no label becomes an attribute.
    """
    return words(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# What our own labels use, to the letter: no attribute, but for the colour of a mark.
_LABEL_MARKUP = re.compile(
    r"</?(?:b|i|em|sub|sup|extra)>|<br/?>|</span>|<span style=\"color:#[0-9a-f]{6}\">"
)


def inert(figure: Any) -> Any:
    """Copy a plotly figure, as JSON, whose texts hold no markup but bold, breaks and colour.

    plotly.js takes ``<a href>`` in any text for a link. Charts escape names where they set
    them; this holds for every figure that a page shows, foreign ones too.

    Parameters
    ----------
    figure : JSON value

    Returns
    -------
    JSON value
        Every other ``<`` is written ``&lt;``, which plotly.js shows as the character.
    """
    if isinstance(figure, str):
        if "<" not in figure:
            return figure
        own = _LABEL_MARKUP.findall(figure)
        rest = [part.replace("<", "&lt;") for part in _LABEL_MARKUP.split(figure)]
        return "".join(part + mark for part, mark in zip(rest, [*own, ""], strict=True))
    if isinstance(figure, dict):
        return {name: inert(value) for name, value in figure.items()}
    if isinstance(figure, list):
        return [inert(value) for value in figure]
    return figure


def short_labels(names: Iterable[Any], tickers: Iterable[Any], length: int = 20) -> list[str]:
    """Label securities so that a phone has room for the chart and no two look alike.

    Parameters
    ----------
    names, tickers : iterable
        One of each per security; a blank name gives way to the ticker.
    length : int
        Longer names are cut and end in an ellipsis.

    Returns
    -------
    list of str
        Plain text, at most ``length`` characters unless two names collide.
    """
    pairs = [
        (words(name) or words(ticker), words(ticker))
        for name, ticker in zip(names, tickers, strict=True)
    ]
    bearers: dict[str, set[tuple[str, str]]] = {}
    for name, ticker in pairs:
        bearers.setdefault(_clip(name, length), set()).add((name, ticker))
    return [
        _clip(name, length)
        if len(bearers[_clip(name, length)]) == 1
        # Another security has the same short name.
        else (f"{ticker} {_clip(name, length)}" if ticker not in ("", name) else name)
        for name, ticker in pairs
    ]


def listing(items: Sequence[str], most: int = 6) -> str:
    """``a``, ``a and b``, ``a, b and c``; what exceeds ``most`` is counted."""
    shown = list(items)
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(items) - most + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def sentence(*parts: str) -> str:
    """Join the non-empty parts of a caption with spaces."""
    return " ".join(part.strip() for part in parts if part and part.strip())


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "\u2026"
