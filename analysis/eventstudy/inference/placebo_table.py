"""The permutation tests of a study as a table, with the number of dates behind each p-value.

`EventStudyResults.permutation` asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy.inference.permutation import Placebos
from analysis.eventstudy.inference.placebo_statistics import STATISTICS, TEST
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

COLUMNS = ["group", "window_start", "window_end", "statistic", "p_value"]
COLUMNS += ["placebos", "admissible", "exact", "n", "reason"]


def placebo_table(
    results: FittedStudy, windows: list[Window], groups: tuple[str, ...], test: str = TEST
) -> pd.DataFrame:
    """Tabulate a permutation test, see `EventStudyResults.permutation`.

    Windows and groups are checked; another `test` raises `InputError`.
    """
    if test not in STATISTICS:
        raise unknown_name("permutation test", str(test), STATISTICS)
    placebos = Placebos.of(results, tuple(windows))
    rows = []
    for group in groups:
        for window in windows:
            placed = placebos.answer(*results.sample(window, group), test)
            one = placed.outcome
            stand = (placed.placebos, placed.admissible, placed.exact, one.n, one.reason)
            rows.append((group, *window, one.statistic, one.p_value, *stand))
    return pd.DataFrame(rows, columns=COLUMNS)
