"""The battery of tests as a table, led by the tests that hold when securities move together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.charts.frames import checked
from analysis.charts.markup import build
from analysis.charts.table import Table, nothing_to_tell
from analysis.charts.theme import role_mark
from analysis.formatting import MISSING, is_finite, number, p_value, window_words, words

if TYPE_CHECKING:
    import pandas as pd

_POOLED = "all"
# Without a study whose conditions say more.
RECOMMENDED = ("kolari_pynnonen_t", "permutation", "grank_overlap")

TEST_NAMES = {
    "kolari_pynnonen_t": "Kolari\u2013Pynnönen t",
    "permutation": "Permutation over placebo dates",
    "grank_overlap": "Generalized rank, overlap-weighted",
    "adjusted_patell_z": "Adjusted Patell z",
    "grank_t": "Generalized rank t",
    "grank_z": "Generalized rank z",
    "calendar_time_t": "Calendar-time portfolio t",
    "time_series_t": "Time-series t",
    "cross_sectional_t": "Cross-sectional t",
    "skewness_adjusted_t": "Skewness-adjusted t",
    "patell_z": "Patell z",
    "bmp_t": "Boehmer\u2013Musumeci\u2013Poulsen t",
    "corrado_rank": "Corrado rank",
    "corrado_zivney_rank": "Corrado\u2013Zivney rank",
    "sign": "Sign",
    "generalized_sign": "Generalized sign",
    "wilcoxon": "Wilcoxon signed rank",
}

_WHY = (
    "tests that hold when all securities react on one day and move together; the others then "
    "reject too often."
)
_TEST_NUMBERS = (
    "window_start", "window_end", "statistic", "df", "p_value", "p_holm", "p_bh", "n",
)  # fmt: skip


def _with_printed_names(text: str) -> str:
    """Write the tests in a sentence as the table prints them, not by their names in code."""
    printed = {name: TEST_NAMES[name] for name in RECOMMENDED}
    printed["permutation_mean"] = "A permutation test of the mean CAR"
    return re.sub(rf"\b({'|'.join(printed)})\b", lambda found: printed[found[0]], text)


def test_table(
    tests: pd.DataFrame,
    recommended: Sequence[str] = RECOMMENDED,  # noqa: PT028 - a table, and no test
    why: str = "",  # noqa: PT028
) -> Table:
    """Tabulate the battery of tests, the recommended ones first.

    Parameters
    ----------
    tests : pandas.DataFrame
        As `EventStudyResults.tests`: group, window_start, window_end, test, statistic, df,
        p_value, p_holm, p_bh, n, reason. The group ``all`` is shown with every test, the other
        groups with the recommended ones alone; without it every group is shown in full.
    recommended : sequence of str
        Tests to read first, in order (`EventStudyResults.recommended`).
    why : str
        A sentence that says why.

    Returns
    -------
    Table
        Key ``test-table``; a test that could not be computed gives its reason instead.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    caption = "Tests of the average abnormal return"
    needed = ("group", "test", "reason", *_TEST_NUMBERS)
    frame = checked(tests, "tests", needed, _TEST_NUMBERS)
    frame = frame.assign(group=frame["group"].map(words), test=frame["test"].map(words))
    pooled = (frame["group"] == _POOLED).any()
    if pooled:
        frame = frame[(frame["group"] == _POOLED) | frame["test"].isin(recommended)]
    if frame.empty:
        return nothing_to_tell("test-table", caption, "No test was run.")
    frame = _in_order(frame, recommended)
    cells = pd.DataFrame(
        {
            "Test": [_test_name(name, recommended) for name in frame["test"]],
            "Statistic": frame["statistic"].map(number),
            "df": [number(value, 0) if is_finite(value) else "" for value in frame["df"]],
            "p": frame["p_value"].map(p_value),
            "p Holm": frame["p_holm"].map(p_value),
            "p BH": frame["p_bh"].map(p_value),
            "n": frame["n"].map(lambda size: number(size, 0)),
            "Remark": frame["reason"].map(words),
        }
    ).reset_index(drop=True)
    if not cells["Remark"].any():
        cells = cells.drop(columns="Remark")
    single = pooled and (frame["group"] != _POOLED).any()
    rest = " Single groups: the recommended tests alone." if single else ""
    markup = build(
        cells,
        caption,
        "test-table",
        numbers=["Statistic", "df", "p", "p Holm", "p BH", "n"],
        groups=[_section(row) for row in frame.to_dict("records")],
        notes=[
            f"Recommended: {_with_printed_names(why) or _WHY} p Holm and p BH (Benjamini\u2013"
            f"Hochberg): adjusted for the number of tests run.{rest} {MISSING} not computed."
        ],
    )
    return Table("test-table", caption, cells, markup)


def _in_order(frame: pd.DataFrame, recommended: Sequence[str]) -> pd.DataFrame:
    """The pooled group first, then groups as they came; within them windows and tests."""
    groups = sorted(dict.fromkeys(frame["group"]), key=lambda name: name != _POOLED)
    rest = [*TEST_NAMES, *sorted(set(frame["test"]) - set(TEST_NAMES))]
    tests = [*recommended, *(name for name in rest if name not in recommended)]
    windows = list(dict.fromkeys(zip(frame["window_start"], frame["window_end"], strict=True)))
    keys = frame.assign(
        _group=frame["group"].map(groups.index),
        _window=[
            windows.index(pair)
            for pair in zip(frame["window_start"], frame["window_end"], strict=True)
        ],
        _test=frame["test"].map(tests.index),
    )
    return keys.sort_values(["_group", "_window", "_test"], kind="stable", ignore_index=True)


def _test_name(name: str, recommended: Sequence[str]) -> str:
    label = TEST_NAMES.get(name, name)
    return f"{label} (recommended)" if name in recommended else label


def _section(row: Mapping[Any, Any]) -> str:
    group = "All securities" if row["group"] == _POOLED else role_mark(row["group"]).label
    return f"{group}, {window_words(row['window_start'], row['window_end'])}"
