"""What is asked of results, checked: windows, levels, counts.

`inputs` checks what goes into a study; these are the questions that come after it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Integral, Real
from typing import cast

from analysis.errors import InputError
from analysis.eventstudy.inputs.frames import Window, check_inside


def check_windows(windows: object, whole: Window) -> list[Window]:
    """Check windows; one alone may stand without a list, none is asked twice.

    Parameters
    ----------
    windows : (int, int) or sequence of them
    whole : (int, int)
        The event window that was fitted.

    Raises
    ------
    InputError
        Not windows, or one that reaches outside the event window.
    """
    if not isinstance(windows, Iterable):
        raise InputError(
            f"windows must be a window such as (-1, 1) or a list of them, not {windows!r}."
        )
    asked = list(cast("Iterable[object]", windows))
    # Two whole numbers are the ends of one window.
    if asked and all(isinstance(end, Integral) for end in asked):
        asked = [tuple(asked)]
    return list(dict.fromkeys(check_inside(one, whole) for one in asked))


def check_level(level: object) -> None:
    """Check that a confidence level is one.

    Raises
    ------
    InputError
        No number between 0 and 1.
    """
    if not 0.0 < number(level) < 1.0:
        raise InputError(f"level must lie between 0 and 1, for instance 0.95, not {level!r}.")


def number(value: object) -> float:
    """Take a value as a number, what is none as NaN, which lies in no range."""
    return float(value) if isinstance(value, Real) else math.nan


def check_count(value: object, name: str, least: int, what: str = "") -> int:
    """Check a whole number that must not be too small.

    Raises
    ------
    InputError
        No whole number, or below `least`.
    """
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = least - 1
    if count < least:
        unit = f" {what}" if what else ""
        raise InputError(f"{name} must be at least {least}{unit}, a whole number, not {value!r}.")
    return count
