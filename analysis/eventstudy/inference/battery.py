"""One family of tests: every group, window and test of one question, adjusted together.

`EventStudyResults.tests` is its only caller; the permutation test's placebo fits are made
once here and serve all windows and groups.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.inference.calendar_time import Portfolio
from analysis.eventstudy.inference.permutation import Placebos
from analysis.eventstudy.inference.placebo_statistics import MEAN_TEST
from analysis.eventstudy.inference.registry import adjust, run
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults


def family(
    results: EventStudyResults, windows: list[Window], names: tuple[str, ...]
) -> pd.DataFrame:
    """Run tests on every group and window and adjust their p-values as one family.

    Parameters
    ----------
    results : EventStudyResults
    windows : list of (int, int)
        Checked, none twice.
    names : tuple of str
        Checked names of tests.

    Returns
    -------
    pandas.DataFrame
        group, window_start, window_end, test, statistic, df, p_value, p_holm, p_bh, n,
        reason.
    """
    placebos, portfolio = Placebos.of(results, tuple(windows)), Portfolio.of(results)
    rows = []
    for group in results.groups:
        for window in windows:
            sample, members = results.sample(window, group)
            outcomes = run(
                sample,
                names,
                results.study.rbar,
                partial(placebos.test, members=members),
                partial(portfolio.test, members=members),
                partial(placebos.test, members=members, test=MEAN_TEST),
            )
            rows += [(group, *window, one) for one in outcomes]
    holm, bh = adjust(np.array([outcome.p_value for *_, outcome in rows], dtype=np.float64))
    return pd.DataFrame(
        {
            "group": [group for group, *_ in rows],
            "window_start": [first for _, first, _, _ in rows],
            "window_end": [last for _, _, last, _ in rows],
            "test": [outcome.test for *_, outcome in rows],
            "statistic": [outcome.statistic for *_, outcome in rows],
            "df": [outcome.df for *_, outcome in rows],
            "p_value": [outcome.p_value for *_, outcome in rows],
            "p_holm": holm,
            "p_bh": bh,
            "n": [outcome.n for *_, outcome in rows],
            "reason": [outcome.reason for *_, outcome in rows],
        }
    )
