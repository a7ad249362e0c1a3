"""Where fixed dates and candidate days lead to different conclusions, in plain sentences.

`results` asks for the sentences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.eventstudy.inference.test_result import Outcome
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.summary import p_text
from analysis.eventstudy.uncertain_dates.candidate_tests import LIKELIHOOD_PERMUTATION, MAX_TEST

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

LEVEL = 0.05
# Read in this order: the first with a p-value speaks for the fixed dates.
FIXED_TESTS = ("permutation", "kolari_pynnonen_t", "cross_sectional_t")


@dataclass(frozen=True)
class Conclusion:
    """What one test concludes for one group and window."""

    group: str
    window: Window
    test: str
    statistic: float
    p_value: float

    @classmethod
    def of(cls, group: str, window: Window, outcome: Outcome) -> Conclusion:
        """Read an outcome."""
        return cls(group, window, outcome.test, outcome.statistic, outcome.p_value)

    @property
    def significant(self) -> bool:
        """Whether it rejects at 5 %."""
        return self.p_value <= LEVEL


def fixed_verdicts(fixed: EventStudyResults, windows: list[Window]) -> list[Conclusion]:
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
                found.append(Conclusion(group, window, test, mean, float(defined[test])))
    return found


def disagreements(
    verdicts: Sequence[Conclusion], fixed: Sequence[Conclusion], *, loud: bool = False
) -> tuple[str, ...]:
    """Compare what was found over candidates with what fixed dates say.

    Parameters
    ----------
    verdicts, fixed : sequence of Conclusion
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
    by_place: dict[tuple[str, Window], dict[str, Conclusion]] = {}
    for one in verdicts:
        if math.isfinite(one.p_value):
            by_place.setdefault((one.group, one.window), {})[one.test] = one
    for place, tests in by_place.items():
        if place in known:
            loud_enough = any(one.significant for one in (known[place], *tests.values()))
            sentences += _sentence(known[place], tests) if loud_enough or not loud else []
    return tuple(sentences)


def _sentence(fixed: Conclusion, tests: dict[str, Conclusion]) -> list[str]:
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
        f"{name} p {p_text(tests[name].p_value)}"
        for name in (MAX_TEST, LIKELIHOOD_PERMUTATION)
        if name in tests
    ]
    return [
        f"The date matters: group {fixed.group}, window {fixed.window}: on the fixed dates the "
        f"mean effect is {_sign(fixed.statistic)} ({fixed.test} p {p_text(fixed.p_value)}); over "
        f"the candidate days the largest effect is {_sign(largest.statistic)} ({', '.join(said)}). "
        f"They disagree about {' and about '.join(about)}{calm}."
    ]


def _sign(value: float) -> str:
    return "negative" if value < 0 else "positive" if value > 0 else "zero"
