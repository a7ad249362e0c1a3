"""When a test keeps its size: one rule for summaries and for the page on size and power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

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


def size_of(rows: pd.DataFrame) -> Size | None:
    """Extremes over some rows of one test; None where it is defined in none."""
    held = rows.dropna(subset="share")
    if held.empty:
        return None
    low, high = int(held["share"].argmin()), int(held["share"].argmax())
    figures = held[["share", "standard_error"]].to_numpy(dtype=float)
    return Size(*figures[low].tolist(), *figures[high].tolist())


def verdict(size: Size | None) -> Verdict:
    """Whether a test keeps its size.

    Parameters
    ----------
    size : Size or None
        None where the test is not defined.

    Returns
    -------
    str
        ``"keep"`` where all shares lie within `LOW` and `HIGH`, ``"more"`` or ``"less"`` where
        one lies outside; ``"unsure"`` where too few studies were simulated to say so, a share
        far outside apart; ``"none"`` without a size.
    """
    if size is None:
        return "none"
    # Few studies show no more than what is outside by more than their error.
    allowed = [error * (error > MOST_ERROR) for error in (size.low_error, size.high_error)]
    if size.high - allowed[1] > HIGH:
        return "more"
    if size.low + allowed[0] < LOW:
        return "less"
    return "unsure" if any(allowed) else "keep"
