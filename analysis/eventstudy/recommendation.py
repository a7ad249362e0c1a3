"""Which tests to read first under a study's own conditions, and the sentence that says why.

Summaries, the command and briefings all ask here. The sizes are those of
`measured_sizes`, written from the stored simulations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.eventstudy.battery import RECOMMENDED
from analysis.eventstudy.conditions import Conditions, conditions
from analysis.eventstudy.inputs import EVERYTHING, Window
from analysis.eventstudy.measured_sizes import SIZES, Size
from analysis.eventstudy.placebo_statistics import TEST as PERMUTATION

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

# A test of 5 % keeps its size where it rejects a share of true nulls between these.
LOW, HIGH = 0.04, 0.065
INDEPENDENT = ("bmp_t", "patell_z", "sign", "generalized_sign", "wilcoxon")
HISTORY = ("time_series_t", "corrado_rank", "corrado_zivney_rank", "grank_t")
FEW_FOR_POWER = 5

HOW = "windows of 1 to 11 days, residual correlation 0.2, one condition at a time"


@dataclass(frozen=True)
class Recommendation:
    """The tests to read first.

    Attributes
    ----------
    tests : tuple of str
        Those that are defined and keep their size under all conditions of the study, the
        first one to lead with; where none does, those that never exceed it, or else the one
        that exceeds it least.
    others : tuple of str
        The other tests that allow for events which share dates, in order.
    conditions : Conditions
    sentence : str
        Why these, with their measured sizes, and what they cannot tell.
    """

    tests: tuple[str, ...]
    others: tuple[str, ...]
    conditions: Conditions
    sentence: str

    @property
    def lead(self) -> str:
        """The test to lead with; empty where none is defined."""
        return self.tests[0] if self.tests else ""

    @property
    def order(self) -> tuple[str, ...]:
        """All the tests that allow for events which share dates, those to read first in front."""
        return self.tests + self.others


def recommend(
    results: EventStudyResults,
    tests: pd.DataFrame | None = None,
    *,
    window: Window | None = None,
    group: str | None = None,
) -> Recommendation:
    """Choose the tests that keep their size under the conditions of a study.

    Parameters
    ----------
    results : EventStudyResults
    tests : pandas.DataFrame, optional
        ``results.tests(...)``, so that nothing is computed twice; without it, or where it
        holds none of the tests that may lead, these are run.
    window : (int, int), optional
        (0, 0) by default, or the event window where that does not hold it.
    group : str, optional
        All events by default.

    Returns
    -------
    Recommendation

    Raises
    ------
    InputError
        Unknown group, or a window outside the event window.
    """
    first, last = results.study.window
    asked = window or ((0, 0) if first <= 0 <= last else results.study.window)
    name = group or EVERYTHING
    sample, members = results.sample(asked, group)
    here = None if tests is None else _rows(tests, name, asked)
    if here is None or not here.index.isin(RECOMMENDED).any():
        here = _rows(results.tests(asked, list(RECOMMENDED)), name, asked)
    defined = [test for test in here.index[here["p_value"].notna()] if test in RECOMMENDED]
    known = here["statistic"].get("kolari_pynnonen_t", math.nan)
    return choose(conditions(results, sample, members, float(known)), defined)


def _rows(tests: pd.DataFrame, group: str, window: Window) -> pd.DataFrame:
    rows = (
        (tests["group"] == group)
        & (tests["window_start"] == window[0])
        & (tests["window_end"] == window[1])
    )
    return tests[rows].set_index("test")


def choose(found: Conditions, defined: Collection[str] = RECOMMENDED) -> Recommendation:
    """Choose among the tests that are defined, for given conditions."""
    candidates = [name for name in RECOMMENDED if name in defined]
    modest = [name for name in candidates if not any(map(_exceeds, _sizes(name, found)))]
    # One that rejects far too rarely in some design misleads whoever takes it for a test of 5 %.
    keep = [name for name in modest if not any(map(_timid, _sizes(name, found)))] or modest
    if candidates and not keep:
        keep = [min(candidates, key=lambda name: max(size.high for size in _sizes(name, found)))]
    others = tuple(name for name in RECOMMENDED if name not in keep)
    return Recommendation(tuple(keep), others, found, _sentence(tuple(keep), candidates, found))


def _exceeds(size: Size) -> bool:
    """Whether a test rejects more than it may, by more than two standard errors."""
    return size.high - 2.0 * size.error > HIGH


def _timid(size: Size) -> bool:
    """Whether it rejects less than it should, by more than two standard errors."""
    return size.low + 2.0 * size.error < LOW


def _sizes(name: str, found: Conditions) -> list[Size]:
    measured = (SIZES[case][name] for case in found.cases)
    return [size for size in measured if size is not None]


def _sentence(tests: tuple[str, ...], candidates: Iterable[str], found: Conditions) -> str:
    if not found.events:
        return "No event could be measured, so there is nothing to test."
    if not tests:
        return "No test that allows for events which share dates is defined here."
    listed = _listing(tests)
    sizes = [size for name in tests for size in _sizes(name, found)]
    some = len(tests) > 1
    parts = [f"Read {listed} first (conditions: {found.described()})."]
    if sizes:
        parts.append(
            f"{_claim(sizes, some=some)} {'they reject' if some else 'it rejects'} "
            f"{_range(sizes)} of true nulls in simulations ({HOW})."
        )
    parts += [
        f"{name} rejects {_range(_sizes(name, found))} there."
        for name in candidates
        if name not in tests
    ]
    dates = "spread_dates" if found.dates > 1 else "one_date"
    when = "dates spread over 3 or 10 sessions" if found.dates > 1 else "one date"
    if found.events > 1:
        parts.append(
            "Tests that take the events for independent (BMP, Patell, sign, Wilcoxon) reject "
            f"{_range(_of(INDEPENDENT, dates))} on {when}, time-series, Corrado and GRANK-t tests "
            f"{_range(_of(HISTORY, dates))}."
        )
    parts += _limits(tests, found)
    return " ".join(parts)


def _claim(sizes: list[Size], *, some: bool) -> str:
    if any(map(_exceeds, sizes)):
        return "No test keeps the size of 5 % under these conditions, this one exceeds it least:"
    if any(map(_timid, sizes)):
        return (
            "No test keeps the size of 5 % under these conditions: "
            f"{'these reject' if some else 'this one rejects'} too rarely in some designs, and "
            "none too often:"
        )
    return f"{'They keep' if some else 'It keeps'} the size of 5 % under these conditions:"


def _limits(tests: tuple[str, ...], found: Conditions) -> list[str]:
    """What the tests cannot tell."""
    said = []
    if found.events == 1:
        said.append(
            "A single event has no spread: permutation compares the standardised CAR itself, "
            "and a variance that rises at the event reads as an effect. The simulations are of "
            "several events."
        )
    elif PERMUTATION in tests and found.events <= FEW_FOR_POWER:
        said.append(
            f"With {found.events} events these tests have little power: no finding is weak "
            "evidence of no effect. permutation_mean has more and takes the variance at the "
            "event for that of any day."
        )
    if found.dates <= 1 and found.events > 1:
        common = _of(RECOMMENDED, "common_shock")
        if common:
            said.append(
                "No test of one date can tell a common shock that is larger on that day from an "
                f"effect: with four times its variance these reject {_range(common)}."
            )
    return said


def _of(names: Iterable[str], case: str) -> list[Size]:
    found = (SIZES[case][name] for name in names)
    return [size for size in found if size is not None]


def _range(sizes: list[Size]) -> str:
    if not sizes:
        return "an unknown share"
    low = 100 * min(size.low for size in sizes)
    high = 100 * max(size.high for size in sizes)
    return f"{low:.1f} to {high:.1f} %" if f"{low:.1f}" != f"{high:.1f}" else f"{low:.1f} %"


def _listing(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
