"""All presets beside our own conventions: who would have concluded what.

The table is tidy; the sentences in its ``attrs`` say where the conclusions differ.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from analysis.eventstudy.inference.battery import test_table
from analysis.eventstudy.inference.registry import LEADING_TEST
from analysis.eventstudy.inference.test_result import LEVEL, Outcome, undefined
from analysis.eventstudy.inputs.frames import ALL_GROUP, Window
from analysis.eventstudy.presets import NAMES, preset
from analysis.eventstudy.presets.case import PresetSample

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy
    from analysis.eventstudy.presets.convention import Preset

OURS = "faultline"
# Our tests that some package has too, and the two closed forms that lead our summaries.
OUR_TESTS = (
    LEADING_TEST,
    "grank_overlap",
    "time_series_t",
    "cross_sectional_t",
    "patell_z",
    "adjusted_patell_z",
    "bmp_t",
    "corrado_rank",
    "grank_t",
    "sign",
    "generalized_sign",
    "wilcoxon",
)
COLUMNS = ["preset", "package_test", "test", "window_start", "window_end", "statistic", "df",
           "p_value", "significant", "n", "reason", "note"]  # fmt: skip


def table(results: FittedStudy, windows: list[Window], group: str | None = None) -> pd.DataFrame:
    """Run every preset and our own conventions on the same abnormal returns.

    See `EventStudyResults.compare_presets`; ``attrs["differences"]`` holds the sentences. The
    windows are checked, none twice.
    """
    ours = test_table(results, windows, OUR_TESTS)
    ours = ours[ours["group"] == (group or ALL_GROUP)]
    rows: list[tuple[object, ...]] = []
    for window in windows:
        sample = PresetSample.of(results, window, group)
        here = ours[(ours["window_start"] == window[0]) & (ours["window_end"] == window[1])]
        outcomes = here[["test", "statistic", "df", "p_value", "n", "reason"]]
        rows += [
            _row(OURS, test, test, window, Outcome(test, *rest))
            for test, *rest in outcomes.itertuples(index=False)
        ]
        for name in NAMES:
            rows += _rows(preset(name), window, sample)
    found = pd.DataFrame(rows, columns=COLUMNS).astype({"significant": "boolean"})
    found.attrs["differences"] = differences(found)
    return found


def differences(found: pd.DataFrame) -> tuple[str, ...]:
    """Say where the packages' conclusions differ from ours, one sentence a window.

    Ours is that of `LEADING_TEST`. A package's test that answers another question by a known
    error is told by name and not counted. Windows without a difference are silent.
    """
    sentences = []
    for window in dict.fromkeys(zip(found["window_start"], found["window_end"], strict=True)):
        rows = found[(found["window_start"] == window[0]) & (found["window_end"] == window[1])]
        ours = rows[(rows["preset"] == OURS) & (rows["test"] == LEADING_TEST)].iloc[0]
        if pd.isna(ours["significant"]):
            continue
        decided = rows[(rows["preset"] != OURS) & rows["significant"].notna()]
        unsound = [note.startswith("no ") for note in decided["note"]]
        other = decided[
            (decided["significant"] != ours["significant"]) & ~pd.Series(unsound, decided.index)
        ]
        if len(other):
            sentences.append(_sentence(window, ours, other))
    return tuple(sentences)


def _sentence(window: Window, ours: pd.Series, other: pd.DataFrame) -> str:
    against = "; ".join(
        f"{name} ({', '.join(rows['package_test'])})"
        for name, rows in other.groupby("preset", sort=False)
    )
    here = f"In the window ({_signed(window[0])}, {_signed(window[1])})"
    p = f"p {_p(float(ours['p_value']))}"
    what, other_way = ("an effect", "none") if ours["significant"] else ("no effect", "one")
    return (
        f"{here} {LEADING_TEST} finds {what} at 5 % ({p}); by these packages' conventions "
        f"there would have been {other_way}: {against}."
    )


def _rows(chosen: Preset, window: Window, sample: PresetSample) -> list[tuple[object, ...]]:
    if reason := chosen.unable(sample.model):
        return [_row(chosen.name, "", "", window, undefined("", sample.size, reason))]
    return [
        _row(chosen.name, one.theirs, one.ours, window, one.outcome(sample), one.note)
        for one in chosen.statistics
    ]


def _row(
    name: str, theirs: str, ours: str, window: Window, outcome: Outcome, note: str = ""
) -> tuple[object, ...]:
    significant = outcome.p_value < LEVEL if math.isfinite(outcome.p_value) else pd.NA
    figures = outcome.statistic, outcome.df, outcome.p_value, significant, outcome.n
    return (name, theirs, ours, *window, *figures, outcome.reason, note)


def _signed(day: int) -> str:
    return f"{day:+d}".replace("-", "−") if day else "0"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
