"""What a study of uncertain dates found, for reading, and where fixed dates say otherwise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.inference.test_result import LEVEL, Outcome
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.summary import MOST_ROWS, Summary, number_text, p_text
from analysis.eventstudy.uncertain_dates.candidate_tests import LIKELIHOOD_PERMUTATION, MAX_TEST

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

# The outcomes of tests, each with its group and window.
Found = Sequence[tuple[str, Window, Outcome]]

# Read in this order: the first with a p-value speaks for the fixed dates.
FIXED_TESTS = ("permutation", "kolari_pynnonen_t", "cross_sectional_t")

WHAT = (
    "The date is one of several: max_permutation takes the largest mean standardised CAR over "
    "the candidate days over its standard error and allows for the search; the likelihood weighs "
    "them (Ball & Torous 1988)."
)
ROUGH = (
    "With fewer than ten events the χ² reference of the likelihood ratio is rough (it rejects "
    "too rarely); read max_permutation and likelihood_permutation."
)
FEW_EVENTS = 10


def fixed_outcomes(fixed: EventStudyResults, windows: list[Window]) -> Found:
    """What a study of fixed dates finds: the p-value of its permutation test, else of another.

    The statistic is the mean SCAR in every case, for its sign.
    """
    table = fixed.tests(windows, FIXED_TESTS).dropna(subset="p_value")
    table = table.drop_duplicates(["group", "window_start", "window_end"])
    columns = table[["group", "window_start", "window_end", "test", "p_value", "n"]]
    found = []
    for group, first, last, test, p, n in columns.itertuples(index=False):
        mean = float(fixed.sample((first, last), group)[0].scar.mean())
        found.append((group, (first, last), Outcome(test, mean, math.nan, p, n)))
    return found


def disagreements(found: Found, fixed: Found, *, loud: bool = False) -> tuple[str, ...]:
    """Compare what was found over candidates with what fixed dates say.

    Parameters
    ----------
    found, fixed : sequence of (str, (int, int), Outcome)
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
    known = {(group, window): one for group, window, one in fixed}
    tests: dict[tuple[str, Window], dict[str, Outcome]] = defaultdict(dict)
    for group, window, one in found:
        if math.isfinite(one.p_value) and (group, window) in known:
            tests[group, window][one.test] = one
    sentences = [
        _sentence(*place, known[place], theirs)
        for place, theirs in tests.items()
        if not loud or any(one.p_value <= LEVEL for one in (known[place], *theirs.values()))
    ]
    return tuple(filter(None, sentences))


def _sentence(group: str, window: Window, fixed: Outcome, tests: dict[str, Outcome]) -> str:
    # Like is compared with like: the same statistic against the same placebos, one day or many.
    largest = tests.get(MAX_TEST)
    if largest is None:
        return ""
    other = (largest.p_value <= LEVEL) != (fixed.p_value <= LEVEL)
    turned = largest.statistic * fixed.statistic < 0
    if not other and not turned:
        return ""
    about = ["significance at 5 %"] * other + ["the sign"] * turned
    calm = "" if other or fixed.p_value <= LEVEL else "; neither is significant at 5 %"
    said = [
        f"{name} p {p_text(tests[name].p_value)}"
        for name in (MAX_TEST, LIKELIHOOD_PERMUTATION)
        if name in tests
    ]
    return (
        f"The date matters: group {group}, window {window}: on the fixed dates the "
        f"mean effect is {_sign(fixed.statistic)} ({fixed.test} p {p_text(fixed.p_value)}); over "
        f"the candidate days the largest effect is {_sign(largest.statistic)} ({', '.join(said)}). "
        f"They disagree about {' and about '.join(about)}{calm}."
    )


def _sign(value: float) -> str:
    return "negative" if value < 0 else "positive" if value > 0 else "zero"


def summarise(
    events: int,
    disagreements: Sequence[str],
    notes: Sequence[str],
    tables: list[tuple[str, pd.DataFrame]],
    skipped: pd.DataFrame,
) -> Summary:
    """Put the summary together, the disagreements with fixed dates first."""
    sentences = [*disagreements, WHAT, *([ROUGH] if events < FEW_EVENTS else []), *notes]
    if len(skipped):
        tables = [*tables, ("Skipped", skipped.head(MOST_ROWS).astype(str))]
    title = f"Event study of uncertain dates: {events} event{'s' if events != 1 else ''}"
    return Summary(title, tuple(sentences), tuple(tables))


def tests_text(
    found: Found, fixed: Found, groups: tuple[str, ...], windows: list[Window]
) -> pd.DataFrame:
    """Write the tests over the candidates beside those of the fixed dates."""
    said = [(group, window, one.test, one) for group, window, one in found]
    said += [(group, window, f"fixed dates: {one.test}", one) for group, window, one in fixed]
    said.sort(key=lambda row: (groups.index(row[0]), windows.index(row[1])))
    rows = [
        (group, str(window), name, number_text(one.statistic), p_text(one.p_value))
        for group, window, name, one in said
    ]
    return pd.DataFrame(rows, columns=["group", "window", "test", "statistic", "p"])


def effects_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write `UncertainResults.effect`."""
    return pd.DataFrame(
        {
            "group": list(table.index),
            "effect": [_percent(value) for value in table["effect"]],
            "se": [_percent(value) for value in table["se"]],
            "variance ratio": [number_text(value) for value in table["variance_ratio"]],
            "events": [str(int(value)) for value in table["events"]],
            "n": [str(int(value)) for value in table["n"]],
        }
    )


def days_text(posterior: pd.DataFrame) -> pd.DataFrame:
    """Write `UncertainResults.posterior`, its first rows."""
    table = posterior.head(MOST_ROWS)
    return pd.DataFrame(
        {
            "event": [str(one) for one in table["event_id"]],
            "candidate": [_day(one) for one in table["candidate"]],
            "weight": [number_text(value) for value in table["weight"]],
            "posterior": [number_text(value) for value in table["posterior"]],
            "mean CAR": [_percent(value) for value in table["mean_car"]],
            "mean SCAR": [number_text(value) for value in table["mean_scar"]],
            "": [
                ", ".join(["fixed"] * bool(fixed) + ["largest"] * bool(chosen))
                for fixed, chosen in zip(table["fixed"], table["chosen"], strict=True)
            ],
        }
    )


def _day(candidate: object) -> str:
    return str(candidate.date()) if isinstance(candidate, pd.Timestamp) else str(candidate)


def _percent(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{100 * value:.2f} %".replace("-", "−")
