"""Axes that the charts share: a list of securities downwards, per cent across."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.charts.frames import Slot
from analysis.formatting import is_finite, number, percent, safe

ROW_HEIGHT = 21  # px
LEGEND_HEIGHT = 52  # px: two lines, as a phone needs them


def list_axis(slots: Sequence[Slot]) -> dict[str, Any]:
    """Vertical axis with one line per slot, from the top; headings of roles in bold."""
    return {
        "tickmode": "array",
        "tickvals": [slot.y for slot in slots],
        "ticktext": [
            f"<b>{safe(slot.label)}</b>" if slot.row is None else safe(slot.label) for slot in slots
        ],
        "range": [len(slots) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
        "tickangle": 0,
    }


def value_axis(slots: Sequence[Slot], values: Sequence[float]) -> dict[str, Any]:
    """Right-hand axis that writes each security's number at the end of its line.

    Parameters
    ----------
    slots : sequence of Slot
        The same as of `list_axis`.
    values : sequence of float
        Decimal returns by position in the frame; a missing one gets no text.
    """
    texts = {
        slot.y: percent(values[slot.row], 1)
        for slot in slots
        if slot.row is not None and is_finite(values[slot.row])
    }
    return {
        "overlaying": "y",
        "side": "right",
        "tickmode": "array",
        "tickvals": list(texts),
        "ticktext": list(texts.values()),
        "range": [len(slots) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
    }


def percent_axis(title: str, values: Iterable[float], unit: str = "") -> dict[str, Any]:
    """Axis in per cent that holds all values and zero, with ticks of our own writing.

    Parameters
    ----------
    title : str
        Quantity and unit.
    values : iterable of float
        Per cent, whatever the axis must hold; missing ones do not count.
    unit : str
        Follows each tick, for an axis without title.
    """
    finite = [float(value) for value in values if is_finite(value)]
    low, high = min(0.0, *finite, 0.0), max(0.0, *finite, 0.0)
    air = 0.06 * (high - low) or 1.0
    low, high = low - air, high + air
    ticks = round_ticks(low, high)
    return {
        "title": {"text": safe(title)},
        "range": [low, high],
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [number(tick, _decimals(ticks), sign=True) + unit for tick in ticks],
        "tickangle": 0,
        "zeroline": True,
        "showgrid": True,
    }


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two ends, zero among them."""
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(
        factor * size for factor in (1, 2, 5, 10, 20) if (high - low) / (factor * size) <= most
    )
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decimals(ticks: list[float]) -> int:
    """Digits that tell neighbouring ticks apart."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return max(0, -math.floor(math.log10(step) + 1e-9))


def labels_apart(values: Sequence[float], distance: float) -> list[float]:
    """Push labels apart until neighbours keep ``distance``; their order and middle stay."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    placed = [values[place] for place in order]
    for place in range(1, len(placed)):
        placed[place] = max(placed[place], placed[place - 1] + distance)
    shift = (sum(placed) - sum(values)) / len(values)
    apart = [0.0] * len(values)
    for place, value in zip(order, placed, strict=True):
        apart[place] = value - shift
    return apart


def few_days(days: list[int]) -> list[int]:
    """Every day of a short window, every second of a longer one, else its ends and day 0."""
    if len(days) <= 7:
        return days
    return [day for day in days if day % 2 == 0] if len(days) <= 15 else ends_and_zero(days)


def ends_and_zero(days: list[int]) -> list[int]:
    """First and last day, and day 0 where it lies between them."""
    return sorted({days[0], days[-1]} | ({0} if days[0] <= 0 <= days[-1] else set()))


def list_height(slots: Sequence[Slot], extra: int) -> int:
    """Height (px) of a chart that lists securities, with ``extra`` for axis and legend."""
    return extra + ROW_HEIGHT * max(len(slots), 2)
