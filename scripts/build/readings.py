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
    parts = []
    groups: dict[str, list[str]] = {"keep": [], "more": [], "less": [], "none": []}
    for test in RECOMMENDED:
        own = sizes[sizes["test"] == test].dropna(subset="share")
        groups[_verdict(own)].append(test)
    for verdict, (one, several) in _WORDS.items():
        if groups[verdict]:
            says = one if len(groups[verdict]) == 1 else several
            figures = span(sizes, groups[verdict])
            parts.append(
                f"{says}: {figures}" if verdict != "none" else f"{says}: {_names(groups['none'])}"
            )
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def span(sizes: pd.DataFrame, tests: Sequence[str]) -> str:
    """The lowest and highest share of some tests: "`bmp_t` 4.1 to 5.3 %, ..."."""
    parts = []
    for test in tests:
        shares = 100 * sizes.loc[sizes["test"] == test, "share"].dropna()
        if shares.empty:
            parts.append(f"`{test}` is not defined")
            continue
        low, high = f"{shares.min():.1f}", f"{shares.max():.1f}"
        parts.append(f"`{test}` {low} %" if low == high else f"`{test}` {low} to {high} %")
    return ", ".join(parts)


_WORDS = {
    "keep": ("keeps its size", "keep their size"),
    "more": ("rejects too often", "reject too often"),
    "less": ("rejects too rarely", "reject too rarely"),
    "none": ("not defined", "not defined"),
}


def _verdict(own: pd.DataFrame) -> str:
    """As the page marks in bold: outside of the bounds by more than two standard errors."""
    if own.empty:
        return "none"
    error = 2.0 * own["standard_error"]
    if (own["share"] - error > HIGH).any():
        return "more"
    return "less" if (own["share"] + error < LOW).any() else "keep"


def _names(tests: list[str]) -> str:
    return ", ".join(f"`{test}`" for test in tests) or "none"
