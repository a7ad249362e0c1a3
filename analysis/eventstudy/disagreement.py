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

from analysis.eventstudy.inputs import Window
from analysis.eventstudy.outcome import Outcome
from analysis.eventstudy.presentation import Summary
from analysis.eventstudy.searching import LIKELIHOOD_PERMUTATION, MAX_TEST

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.uncertain import UncertainResults

LEVEL = 0.05
MOST_ROWS = 20
# Read in this order: the first with a p-value speaks for the fixed dates.
FIXED_TESTS = ("permutation", "kolari_pynnonen_t", "cross_sectional_t")

WHAT = (
    "The date is one of several: max_permutation takes the largest mean standardised CAR over "
    "the candidate days and pays for the search; the likelihood weighs them (Ball & Torous 1988)."
)
ROUGH = (
    "With fewer than ten events the χ² reference of the likelihood ratio is rough; read "
    "max_permutation and likelihood_permutation."
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
    for (group, first, last), rows in table.groupby(
        ["group", "window_start", "window_end"], sort=False
    ):
        defined = rows[rows["p_value"].notna()]
        if len(defined):
            best = defined.set_index("test").loc[[t for t in FIXED_TESTS if t in set(defined["test"])]]
            window = (int(first), int(last))
            mean = float(fixed.sample(window, str(group))[0].scar.mean())
            p = float(best["p_value"].iloc[0])
            found.append(Verdict(str(group), window, str(best.index[0]), mean, p))
    return found


def disagreements(verdicts: Sequence[Verdict], fixed: Sequence[Verdict]) -> tuple[str, ...]:
    """Compare what was found over candidates with what fixed dates say.

    Returns
    -------
    tuple of str
        One sentence per group and window where a test over the candidates (the maximum, or
        the likelihood by permutation) is significant at 5 % and the fixed dates are not, or
        the other way round, or where the largest mean SCAR has another sign.
    """
    known = {(one.group, one.window): one for one in fixed}
    sentences = []
    by_place: dict[tuple[str, Window], dict[str, Verdict]] = {}
    for one in verdicts:
        if math.isfinite(one.p_value):
            by_place.setdefault((one.group, one.window), {})[one.test] = one
    for place, tests in by_place.items():
        if place in known:
            sentences += _sentence(known[place], tests)
    return tuple(sentences)


def _sentence(fixed: Verdict, tests: dict[str, Verdict]) -> list[str]:
    asked = [tests[name] for name in (MAX_TEST, LIKELIHOOD_PERMUTATION) if name in tests]
    other = [one for one in asked if one.significant != fixed.significant]
    largest = tests.get(MAX_TEST)
    turned = largest is not None and largest.statistic * fixed.statistic < 0
    if not other and not turned:
        return []
    about = ["significance at 5 %"] * bool(other) + ["the sign"] * turned
    said = ", ".join(f"{one.test} p {_p(one.p_value)}" for one in asked)
    sign = "" if largest is None else f"the largest effect is {_sign(largest.statistic)}, "
    return [
        f"The date matters: group {fixed.group}, window {fixed.window}: on the fixed dates the "
        f"mean effect is {_sign(fixed.statistic)} ({fixed.test} p {_p(fixed.p_value)}); over the "
        f"candidate days {sign}{said}. They disagree about {' and about '.join(about)}."
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
    rows = []
    for one in results.verdicts(windows):
        rows.append((one.group, str(one.window), one.test, _n(one.statistic), _p(one.p_value)))
    for one in fixed_verdicts(results.fixed, windows):
        name = f"fixed dates: {one.test}"
        rows.append((one.group, str(one.window), name, _n(one.statistic), _p(one.p_value)))
    order = {group: at for at, group in enumerate(results.groups)}
    rows.sort(key=lambda row: (order[row[0]], row[1]))
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
