"""Figures that are off by a thousand or a million: a filing in thousands read as one in units.

Pure. `analysis.loaders.edgar.facts` compares the values given for one period,
`analysis.loaders.edgar.periods` and `analysis.loaders.yahoo.statements` a period with its
neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

_SCALES = (1e3, 1e6, 1e9)
_ROUNDING = 0.01  # figures in thousands or millions are rounded
_FACTOR = 300.0  # no quarter of an established company is that far from the quarters around it
_NEIGHBOURS = 4


def is_scale_error(one: float, other: float) -> bool:
    """Whether two values are the same figure in units a thousand, a million or more apart."""
    if not one or not other or (one > 0) != (other > 0):
        return False
    ratio = max(one / other, other / one)
    return any(abs(ratio / scale - 1) <= _ROUNDING for scale in _SCALES)


def nearer(one: float, other: float, usual: float) -> float:
    """Give the value whose magnitude is nearer to the usual one."""
    return min(one, other, key=lambda value: abs(math.log(abs(value) / usual)))


def and_doubt(flag: str | None, why: str) -> str:
    """Add a doubt to those that a figure has."""
    return f"{flag}; {why}" if flag else why


def out_of_line(values: Sequence[float]) -> list[float | None]:
    """Compare figures of consecutive periods with the median of the four before and after each.

    Returns the median where a figure is at least 300 times as large or as small; else None. With
    fewer than two neighbours, or none but zeros, nothing is said.
    """
    found: list[float | None] = []
    for place, value in enumerate(values):
        near = [
            *values[max(place - _NEIGHBOURS, 0) : place],
            *values[place + 1 : place + 1 + _NEIGHBOURS],
        ]
        around = [abs(one) for one in near if one]
        usual = median(around) if len(around) > 1 else 0.0
        apart = bool(usual and value) and not 1 / _FACTOR < abs(value) / usual < _FACTOR
        found.append(usual if apart else None)
    return found
