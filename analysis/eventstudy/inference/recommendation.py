"""Which tests to read first under a study's own conditions, and the sentence that says why.

Summaries, the command and briefings all ask here. The sizes are those of
`measured_sizes`, written from the stored simulations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from analysis.eventstudy.inference.battery import test_table
from analysis.eventstudy.inference.conditions import Conditions, conditions
from analysis.eventstudy.inference.measured_sizes import SIZES
from analysis.eventstudy.inference.permutation import LEAST_PLACEBOS, Placebos
from analysis.eventstudy.inference.placebo_statistics import TEST as PERMUTATION
from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.eventstudy.inference.size_verdict import Size, verdict
from analysis.eventstudy.inputs.frames import ALL_GROUP, Window

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

INDEPENDENT = ("bmp_t", "patell_z", "sign", "generalized_sign", "wilcoxon")
HISTORY = ("time_series_t", "corrado_rank", "corrado_zivney_rank", "grank_t")
FEW_FOR_POWER = 5
# Events for which placebo dates are counted where the test was not run: it takes a moment.
MOST_COUNTED = 1_000

HOW = "windows of 1 to 11 days, residual correlation 0.2"
WHERE = {
    "one_date": "on one date",
    "spread_dates": "on dates spread over 3 or 10 sessions",
    "separate_dates": "on dates 60 sessions apart",
    "exchanges": "where exchanges react a session apart",
    "exchanges_raised": "where exchanges react a session apart and the event doubles the variance",
    "closure": "where an exchange was closed on days before its day 0",
    "events_3": "with 3 events",
    "events_5": "with 5 events",
    "events_10": "with 10 events",
    "raised_variance": "where the event doubles the variance",
    "thin_trading": "where a fifth of the days pass without a trade",
}


@dataclass(frozen=True)
class Recommendation:
    """The tests to read first.

    Attributes
    ----------
    tests : tuple of str
        Those that keep their size under all conditions of the study and are defined, as far
        as that is known, the first one to lead with; where none does, those that never exceed
        it, or else the one that exceeds it least.
    others : tuple of str
        The other tests that allow for events which share dates, in order.
    keep : bool
        Whether they keep their size; of a single event nothing is known.
    conditions : Conditions
    sentence : str
        Why these, with their measured sizes, and what they cannot tell.
    """

    tests: tuple[str, ...]
    others: tuple[str, ...]
    keep: bool
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
    results: FittedStudy,
    tests: pd.DataFrame | None = None,
    *,
    window: Window | None = None,
    group: str | None = None,
) -> Recommendation:
    """Choose the tests that keep their size under the conditions of a study.

    Without ``tests``, which is ``results.tests(...)``, or where it holds none of the tests that
    may lead, these are run. One of them that it does not hold may be recommended all the same.
    See `EventStudyResults.recommended`.

    Raises
    ------
    InputError
        Unknown group, or a window outside the event window.
    """
    first, last = results.study.window
    asked = window or ((0, 0) if first <= 0 <= last else results.study.window)
    name = group or ALL_GROUP
    sample, members = results.sample(asked, group)
    here = None if tests is None else _rows(tests, name, asked)
    if here is None or not here.index.isin(RECOMMENDED).any():
        here = _rows(test_table(results, [asked], RECOMMENDED), name, asked)
    # A test that was not run is not one that is undefined.
    defined = set(RECOMMENDED) - set(here.index[here["p_value"].isna()])
    if PERMUTATION not in here.index and 0 < sample.size <= MOST_COUNTED:
        placebos = Placebos.of(results, (asked,))
        if len(placebos.shifts(asked, members)) < LEAST_PLACEBOS:
            defined.discard(PERMUTATION)
    known = here["statistic"].get("kolari_pynnonen_t", math.nan)
    found = conditions(results, sample, members, float(known))
    whose = "all events" if name == ALL_GROUP else f"group {name!r}"
    where = f"({asked[0]}, {asked[1]})".replace("-", "−")
    return choose(found, defined, f"{whose} in {where}")


def _rows(tests: pd.DataFrame, group: str, window: Window) -> pd.DataFrame:
    rows = (
        (tests["group"] == group)
        & (tests["window_start"] == window[0])
        & (tests["window_end"] == window[1])
    )
    return tests[rows].set_index("test")


def choose(
    found: Conditions, defined: Collection[str] = RECOMMENDED, whose: str = ""
) -> Recommendation:
    """Choose among the tests that are defined, for the conditions of some events in a window."""
    candidates = tuple(name for name in RECOMMENDED if name in defined)
    keep = tuple(name for name in candidates if _verdicts(name, found) <= {"keep"})
    # One that rejects far too rarely in some design misleads whoever takes it for a test of 5 %.
    modest = tuple(name for name in candidates if _verdicts(name, found) <= {"keep", "less"})
    chosen = keep or modest
    if candidates and not chosen:
        chosen = (min(candidates, key=lambda name: _highest(_sizes(name, found))),)
    others = tuple(name for name in RECOMMENDED if name not in chosen)
    sentence = _sentence(chosen, candidates, found, whose, keep=bool(keep), modest=bool(modest))
    return Recommendation(chosen, others, bool(keep and found.cases), found, sentence)


def _verdicts(name: str, found: Conditions) -> set[str]:
    return {verdict(SIZES[case][name]) for case in found.cases}


def _highest(sizes: Iterable[Size]) -> float:
    return max((size.high for size in sizes), default=1.0)


def _sizes(name: str, found: Conditions) -> list[Size]:
    return _of((name,), found.cases)


def _sentence(
    tests: tuple[str, ...],
    candidates: Iterable[str],
    found: Conditions,
    whose: str,
    *,
    keep: bool,
    modest: bool,
) -> str:
    if not found.events:
        return "No event could be measured, so there is nothing to test."
    if not tests:
        return "No test that allows for events which share dates is defined here."
    read = f"For {whose}, read" if whose else "Read"
    parts = [f"{read} {_listing(tests)} first (conditions: {found.described()})."]
    if found.cases:
        shares = f"{_range(_of(tests, found.cases))} of true nulls in simulations ({HOW})."
        parts.append(f"{_claim(found, some=len(tests) > 1, keep=keep, modest=modest)} {shares}")
        parts += [
            f"{name} rejects {_range(_sizes(name, found))} there."
            for name in candidates
            if name not in tests and _sizes(name, found)
        ]
    # Events on separate dates are independent.
    if found.cases and not found.separate:
        where = _listing(tuple(WHERE[case] for case in found.cases))
        parts.append(
            "Tests that treat events as independent (BMP, Patell, sign, Wilcoxon) reject "
            f"{_range(_of(INDEPENDENT, found.cases))} {where}; time-series, Corrado and GRANK-t "
            f"tests reject {_range(_of(HISTORY, found.cases))}."
        )
    parts += _limits(tests, found)
    return " ".join(parts)


def _claim(found: Conditions, *, some: bool, keep: bool, modest: bool) -> str:
    alone = len(found.cases) > 1
    where = "each of these conditions alone" if alone else "these conditions"
    if keep:
        lead = f"{'They keep' if some else 'It keeps'} the size of 5 % under {where}:"
        return f"{lead} {'they reject' if some else 'it rejects'}"
    lead = f"No test keeps the size of 5 % under {'all of ' if alone else ''}these conditions."
    if not modest:
        return f"{lead} This one exceeds it least: it rejects"
    if some:
        return f"{lead} None rejects too often, but in some designs they reject too rarely:"
    return f"{lead} This one does not reject too often, but in some designs too rarely:"


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
            f"With {found.events} event–security pairs these tests have little power: a result "
            "that is not significant is only weak evidence of no effect. permutation_mean has more "
            "power but assumes that the event leaves the variance unchanged."
        )
    if found.dates <= 1 and found.events > 1:
        common = _of(RECOMMENDED, ("common_shock",))
        if common:
            said.append(
                "No test of one date can tell a common shock that is larger on that day from an "
                f"effect: with four times its variance these reject {_range(common)}."
            )
    return said


def _of(names: Iterable[str], cases: Iterable[str]) -> list[Size]:
    found = (SIZES[case][name] for name, case in product(names, cases))
    return [size for size in found if size is not None]


def _range(sizes: list[Size]) -> str:
    if not sizes:
        return "an unknown share"
    low = 100 * min(size.low for size in sizes)
    high = 100 * max(size.high for size in sizes)
    return f"{low:.1f} to {high:.1f} %" if f"{low:.1f}" != f"{high:.1f}" else f"{low:.1f} %"


def _listing(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
