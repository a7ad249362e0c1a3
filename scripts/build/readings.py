"""Sentences on stored sizes that follow from the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.eventstudy.inference.registry import RECOMMENDED, TEST_NAMES
from analysis.eventstudy.inference.size_verdict import Verdict, size_of, verdict


def verdicts(sizes: pd.DataFrame) -> dict[Verdict, list[str]]:
    """The tests of each verdict over all designs, in their usual order."""
    found: dict[Verdict, list[str]] = {}
    for test in TEST_NAMES:
        found.setdefault(verdict_of(sizes, test), []).append(test)
    return found


def verdict_of(sizes: pd.DataFrame, test: str) -> Verdict:
    """Whether a test keeps its size in all designs, see `verdict`."""
    return verdict(size_of(sizes[sizes["test"] == test]))


def kept(sizes: pd.DataFrame) -> str:
    """Say how the tests that summaries choose from fare: which keep their size, which do not."""
    found = {test: verdict_of(sizes, test) for test in RECOMMENDED}
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


_WORDS = {
    "keep": ("keeps its size", "keep their size"),
    "more": ("rejects too often", "reject too often"),
    "less": ("rejects too rarely in some designs", "reject too rarely in some designs"),
    "unsure": ("has too few studies to tell", "have too few studies to tell"),
    "none": ("is not defined", "are not defined"),
}


def names(tests: Sequence[str]) -> str:
    """Test names in code type: "`sign`, `bmp_t`"."""
    return ", ".join(f"`{test}`" for test in tests) or "none"
