"""Sentences on stored sizes that follow from the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.eventstudy.battery import RECOMMENDED
from analysis.eventstudy.recommendation import HIGH, LOW

LEVEL = 0.05


def within(sizes: pd.DataFrame) -> tuple[str, str]:
    """Tests within the bounds in every design, and the others."""
    inside = sizes["share"].between(LOW, HIGH).groupby(sizes["test"], sort=False).all()
    return _names(list(inside.index[inside])), _names(list(inside.index[~inside]))


def kept(sizes: pd.DataFrame) -> str:
    """Say how the tests that summaries choose from fare: which keep their size, which do not."""
    found = {test: verdict(sizes, test) for test in RECOMMENDED}
    parts = []
    for name, (one, several) in _WORDS.items():
        tests = [test for test in RECOMMENDED if found[test] == name]
        if tests:
            parts.append(f"{span(sizes, tests)} {one if len(tests) == 1 else several}")
    return f"{'; '.join(parts)}."


def span(sizes: pd.DataFrame, tests: Sequence[str]) -> str:
    """The lowest and highest share of some tests: "`bmp_t` (4.1 to 5.3 %), ..."."""
    parts = []
    for test in tests:
        shares = 100 * sizes.loc[sizes["test"] == test, "share"].dropna()
        low, high = f"{shares.min():.1f}", f"{shares.max():.1f}"
        figures = "" if shares.empty else f" ({low} %)" if low == high else f" ({low} to {high} %)"
        parts.append(f"`{test}`{figures}")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def verdict(sizes: pd.DataFrame, test: str) -> str:
    """Whether a test keeps its size ("keep") in all designs, rejects "more" or "less" in one.

    Outside of the bounds by more than two standard errors of a share of 5 %.
    """
    own = sizes[sizes["test"] == test].dropna(subset="share")
    if own.empty:
        return "none"
    error = 2.0 * (LEVEL * (1.0 - LEVEL) / (own["repetitions"] * own["defined"])) ** 0.5
    if (own["share"] - error > HIGH).any():
        return "more"
    return "less" if (own["share"] + error < LOW).any() else "keep"


_WORDS = {
    "keep": ("keeps its size", "keep their size"),
    "more": ("rejects too often", "reject too often"),
    "less": ("rejects too rarely in some designs", "reject too rarely in some designs"),
    "none": ("is not defined", "are not defined"),
}


def _names(tests: list[str]) -> str:
    return ", ".join(f"`{test}`" for test in tests) or "none"
