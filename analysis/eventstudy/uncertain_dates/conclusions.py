"""Where fixed dates and candidate days lead to different conclusions, in plain sentences.

`uncertain` asks for the sentences and for its summary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.inference.test_result import Outcome
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.summary import Summary
from analysis.eventstudy.uncertain_dates.candidate_tests import LIKELIHOOD_PERMUTATION, MAX_TEST

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.uncertain_dates.results import UncertainResults

LEVEL = 0.05
MOST_ROWS = 20
# Read in this order: the first with a p-value speaks for the fixed dates.
FIXED_TESTS = ("permutation", "kolari_pynnonen_t", "cross_sectional_t")

WHAT = (
    "The date is one of several: max_permutation takes the largest mean standardised CAR over "
    "the candidate days over its standard error and pays for the search; the likelihood weighs "
    "them (Ball & Torous 1988)."
)
ROUGH = (
    "With fewer than ten events the χ² reference of the likelihood ratio is rough (it rejects "
    "too rarely); read max_permutation and likelihood_permutation."
)
FEW_EVENTS = 10


@dataclass(frozen=True)
class Verdict:
    """What one test concludes for one group and window."""

    group: str
    window: Window
    test: str
    statistic: float
    p_value: float

    @classmethod
    def of(cls, group: str, window: Window, outcome: Outcome) -> Verdict:
        """Read an outcome."""
        return cls(group, window, outcome.test, outcome.statistic, outcome.p_value)

    @property
    def significant(self) -> bool:
        """Whether it rejects at 5 %."""
        return self.p_value <= LEVEL


def fixed_verdicts(fixed: EventStudyResults, windows: list[Window]) -> list[Verdict]:
    """What a study of fixed dates concludes: its permutation test, else another.

    The statistic is the mean SCAR in every case, for its sign.
    """
    table = fixed.tests(windows, FIXED_TESTS)
    found = []
    for group in fixed.groups:
        for window in windows:
            here = (table["group"] == group) & (table["window_start"] == window[0])
            rows = table[here & (table["window_end"] == window[1]) & table["p_value"].notna()]
            defined = dict(zip(rows["test"], rows["p_value"], strict=True))
            test = next((name for name in FIXED_TESTS if name in defined), None)
            if test is not None:
                mean = float(fixed.sample(window, group)[0].scar.mean())
                found.append(Verdict(group, window, test, mean, float(defined[test])))
    return found


def disagreements(
    verdicts: Sequence[Verdict], fixed: Sequence[Verdict], *, loud: bool = False
) -> tuple[str, ...]:
    """Compare what was found over candidates with what fixed dates say.

    Parameters
    ----------
    verdicts, fixed : sequence of Verdict
    loud : bool
        Only where something is significant: the sign of what is not is half the time
        another one by chance.

    Returns
    -------
    tuple of str
        One sentence per group and window where the maximum over the candidates is
        significant at 5 % and the fixed dates are not, or the other way round, or where the
        largest mean SCAR has another sign.
    """
    known = {(one.group, one.window): one for one in fixed}
    sentences = []
    by_place: dict[tuple[str, Window], dict[str, Verdict]] = {}
    for one in verdicts:
        if math.isfinite(one.p_value):
            by_place.setdefault((one.group, one.window), {})[one.test] = one
    for place, tests in by_place.items():
        if place in known:
            loud_enough = any(one.significant for one in (known[place], *tests.values()))
            sentences += _sentence(known[place], tests) if loud_enough or not loud else []
    return tuple(sentences)


def _sentence(fixed: Verdict, tests: dict[str, Verdict]) -> list[str]:
    # Like is compared with like: the same statistic against the same placebos, one day or many.
    largest = tests.get(MAX_TEST)
    if largest is None:
        return []
    other = largest.significant != fixed.significant
    turned = largest.statistic * fixed.statistic < 0
    if not other and not turned:
        return []
    about = ["significance at 5 %"] * other + ["the sign"] * turned
    calm = "" if other or fixed.significant else "; neither is significant at 5 %"
    said = [
        f"{name} p {_p(tests[name].p_value)}"
        for name in (MAX_TEST, LIKELIHOOD_PERMUTATION)
        if name in tests
    ]
    return [
        f"The date matters: group {fixed.group}, window {fixed.window}: on the fixed dates the "
        f"mean effect is {_sign(fixed.statistic)} ({fixed.test} p {_p(fixed.p_value)}); over the "
        f"candidate days the largest effect is {_sign(largest.statistic)} ({', '.join(said)}). "
        f"They disagree about {' and about '.join(about)}{calm}."
    ]


def summarise(results: UncertainResults, windows: list[Window]) -> Summary:
    """Write a study of uncertain dates for reading."""
    study = results.study
    events = study.candidates["event_id"].nunique()
    sentences = [*results.disagreements(windows), WHAT]
    if events < FEW_EVENTS:
        sentences.append(ROUGH)
    sentences += results.notes
    tables: list[tuple[str, pd.DataFrame]] = [("Tests", _tests(results, windows))]
    for window in windows:
        tables.append((f"Maximum likelihood in {window}", _effects(results, window)))
        tables.append((f"Candidate days in {window}", _days(results, window)))
    if len(results.skipped):
        tables.append(("Skipped", results.skipped.head(MOST_ROWS).astype(str)))
    title = f"Event study of uncertain dates: {events} event{'s' if events != 1 else ''}"
    return Summary(title, tuple(sentences), tuple(tables))


def _tests(results: UncertainResults, windows: list[Window]) -> pd.DataFrame:
    fixed = fixed_verdicts(results.fixed, windows)
    said = [(one, one.test) for one in results.verdicts(windows)]
    said += [(one, f"fixed dates: {one.test}") for one in fixed]
    order = {group: at for at, group in enumerate(results.groups)}
    said.sort(key=lambda pair: (order[pair[0].group], windows.index(pair[0].window)))
    rows = [
        (one.group, str(one.window), name, _n(one.statistic), _p(one.p_value)) for one, name in said
    ]
    return pd.DataFrame(rows, columns=["group", "window", "test", "statistic", "p"])


def _effects(results: UncertainResults, window: Window) -> pd.DataFrame:
    table = results.effect(window)
    return pd.DataFrame(
        {
            "group": list(table.index),
            "effect": [_percent(value) for value in table.get("effect", [])],
            "se": [_percent(value) for value in table.get("se", [])],
            "variance ratio": [_n(value) for value in table.get("variance_ratio", [])],
            "events": [str(int(value)) for value in table.get("events", [])],
            "n": [str(int(value)) for value in table.get("n", [])],
        }
    )


def _days(results: UncertainResults, window: Window) -> pd.DataFrame:
    table = results.posterior(window).head(MOST_ROWS)
    return pd.DataFrame(
        {
            "event": [str(one) for one in table["event_id"]],
            "candidate": [_day(one) for one in table["candidate"]],
            "weight": [_n(value) for value in table["weight"]],
            "posterior": [_n(value) for value in table["posterior"]],
            "mean CAR": [_percent(value) for value in table["mean_car"]],
            "mean SCAR": [_n(value) for value in table["mean_scar"]],
            "": [
                ", ".join(["fixed"] * bool(fixed) + ["largest"] * bool(chosen))
                for fixed, chosen in zip(table["fixed"], table["chosen"], strict=True)
            ],
        }
    )


def _day(candidate: object) -> str:
    return str(candidate.date()) if isinstance(candidate, pd.Timestamp) else str(candidate)


def _sign(value: float) -> str:
    return "negative" if value < 0 else "positive" if value > 0 else "zero"


def _p(value: float) -> str:
    return "n/a" if np.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _n(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def _percent(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{100 * value:.2f} %".replace("-", "−")
