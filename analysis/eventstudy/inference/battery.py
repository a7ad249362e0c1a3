"""CARs, their average and all tests of a study by our own conventions.

`results` and `summary` call these. The p-values of one table are adjusted together; the
permutation test's placebo fits are made once and serve all windows and groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from analysis.eventstudy.fitting.fitted_study import FittedStudy
from analysis.eventstudy.inference.calendar_time import CalendarTimePortfolio
from analysis.eventstudy.inference.intervals import two_sided
from analysis.eventstudy.inference.permutation import Placebos
from analysis.eventstudy.inference.placebo_statistics import MEAN_TEST
from analysis.eventstudy.inference.registry import (
    LEADING_TEST,
    adjust_p_values,
    check_names,
    run_tests,
)
from analysis.eventstudy.inference.test_result import Outcome
from analysis.eventstudy.inputs.frames import ALL_GROUP, Window


def car_table(results: FittedStudy, window: Window) -> pd.DataFrame:
    """Tabulate the CARs of a window, see `EventStudyResults.car`."""
    sample, rows = results.sample(window)
    return pd.DataFrame(
        {
            "car": sample.car,
            "se": sample.se,
            "t": sample.scar,
            "df": sample.fitted.dof,
            "p_value": two_sided(sample.scar, sample.fitted.dof),
            "scar": sample.scar,
        },
        index=results.index if len(rows) == len(results.index) else results.index[rows],
    )


def caar(results: FittedStudy, window: Window, group: str | None = None) -> pd.Series:
    """Average the CARs of a group, with the leading test, see `EventStudyResults.caar`."""
    sample, _ = results.sample(window, group)
    outcome = run_tests(sample, [LEADING_TEST], results.study.rbar)[0]
    mean = float(sample.car.mean()) if sample.size else float("nan")
    return caar_row(mean, sample.size, outcome, group)


def caar_row(mean: float, n: int, outcome: Outcome, group: str | None) -> pd.Series:
    """Write a CAAR beside its test: caar, n, test, statistic, df, p_value."""
    return pd.Series(
        {
            "caar": mean,
            "n": n,
            "test": outcome.test,
            "statistic": outcome.statistic,
            "df": outcome.df,
            "p_value": outcome.p_value,
        },
        name=group or ALL_GROUP,
        dtype=object,
    )


def test_table(
    results: FittedStudy, windows: list[Window], tests: Iterable[str] | Literal["all"]
) -> pd.DataFrame:
    """Run tests on every group and window and adjust their p-values as one family.

    Windows are checked, none twice; an unknown test raises `InputError`. See
    `EventStudyResults.tests`.
    """
    names = check_names(tests)
    placebos, portfolio = Placebos.of(results, tuple(windows)), CalendarTimePortfolio.of(results)
    rows = []
    for group in results.groups:
        for window in windows:
            sample, members = results.sample(window, group)
            from_study = {
                "calendar_time_t": partial(portfolio.test, members=members),
                "permutation": partial(placebos.test, members=members),
                "permutation_mean": partial(placebos.test, members=members, test=MEAN_TEST),
            }
            outcomes = run_tests(sample, names, results.study.rbar, from_study)
            rows += [(group, window, one) for one in outcomes]
    return outcome_table(rows)


def outcome_table(rows: list[tuple[str, Window, Outcome]]) -> pd.DataFrame:
    """Tabulate outcomes by group and window, their finite p-values adjusted as one family."""
    holm, bh = adjust_p_values(np.array([one.p_value for *_, one in rows], dtype=np.float64))
    return pd.DataFrame(
        {
            "group": [group for group, _, _ in rows],
            "window_start": [window[0] for _, window, _ in rows],
            "window_end": [window[1] for _, window, _ in rows],
            "test": [one.test for *_, one in rows],
            "statistic": [one.statistic for *_, one in rows],
            "df": [one.df for *_, one in rows],
            "p_value": [one.p_value for *_, one in rows],
            "p_holm": holm,
            "p_bh": bh,
            "n": [one.n for *_, one in rows],
            "reason": [one.reason for *_, one in rows],
        }
    )
