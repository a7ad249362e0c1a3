"""When a test keeps its size: one rule for summaries and for the page on size and power."""

from __future__ import annotations

from typing import Literal, NamedTuple

# A test of 5 % keeps its size where it rejects a share of true nulls between these.
LOW, HIGH = 0.04, 0.065
# Largest standard error of simulation with which that can be said: 2,000 studies.
MOST_ERROR = 0.0055

Verdict = Literal["keep", "more", "less", "unsure", "none"]


class Size(NamedTuple):
    """Lowest and highest share of true nulls rejected over some designs, with their errors."""

    low: float
    low_error: float
    high: float
    high_error: float


def verdict(size: Size | None) -> Verdict:
    """Whether a test keeps its size.

    Parameters
    ----------
    size : Size or None
        None where the test is not defined.

    Returns
    -------
    str
        ``"more"`` or ``"less"`` where a share lies outside of `LOW` and `HIGH` by more than
        its standard error, ``"unsure"`` where too few studies were simulated to say that
        none does, else ``"keep"``; ``"none"`` without a size.
    """
    if size is None:
        return "none"
    if size.high - size.high_error > HIGH:
        return "more"
    if size.low + size.low_error < LOW:
        return "less"
    return "keep" if max(size.low_error, size.high_error) <= MOST_ERROR else "unsure"
