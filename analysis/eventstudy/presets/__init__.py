"""Presets: what a reader of another package would have got from the same abnormal returns.

``EventStudy(..., preset="estudy")`` answers `tests`, `car` and `caar` by that package's
conventions; nothing else changes, and no preset is ever the default. One module per package
declares its tests; `comparison` sets all of them beside our own. The estimation and event
windows, the model and the returns stay the caller's: a preset knows nothing of the package's
defaults for those.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inference.battery import caar_row, outcome_table
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy
    from analysis.eventstudy.inference.test_result import Outcome
    from analysis.eventstudy.presets.case import PresetSample
    from analysis.eventstudy.presets.convention import Preset, Statistic

NAMES = ("eventstudy2", "estudy", "estudy2", "lemaire", "eventstudy_r")


def check(preset: object) -> None:
    """Refuse what is no preset.

    Raises
    ------
    InputError
        Not None, and not one of `NAMES`.
    """
    if preset is None or preset in NAMES:
        return
    if isinstance(preset, str):
        raise unknown_name("preset", preset, NAMES)
    raise InputError(f"preset must be one of {', '.join(NAMES)}, or None, not {preset!r}.")


def preset(name: str) -> Preset:
    """Load a preset by its name."""
    check(name)
    found: Preset = import_module(f"{__name__}.{name}").PRESET
    return found


def tests(
    results: FittedStudy, windows: list[Window], names: Iterable[str] | Literal["all"]
) -> pd.DataFrame:
    """Run the tests of the study's preset on every group and window.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a preset.
    windows : list of (int, int)
        Checked.
    names : iterable of str or "all"
        Names of the preset's tests: ours where it is that test, else the package's own.

    Returns
    -------
    pandas.DataFrame
        As `EventStudyResults.tests`.

    Raises
    ------
    InputError
        A test that the package does not have.
    """
    chosen = _preset_of(results)
    statistics = _named(chosen, names)
    return outcome_table(
        [
            (group, window, outcome)
            for group in results.groups
            for window in windows
            for outcome in _outcomes(chosen, statistics, _case(results, window, group))
        ]
    )


def car(results: FittedStudy, window: Window) -> pd.DataFrame:
    """Judge every event's CAR as the study's preset does, see `EventStudyResults.car`.

    Returns
    -------
    pandas.DataFrame
        (event_id, security) × car, se, t, df, p_value, scar. The p-value is the package's,
        of one side where the package's is.

    Raises
    ------
    InputError
        The package cannot handle the study's model.
    """
    from analysis.eventstudy.presets.convention import Cars

    chosen = _able(results)
    case = _case(results, window)
    # Without an event there is no security either whose factors could be looked up.
    found = chosen.car(case) if case.size else Cars(*np.empty((3, 0)))
    t = case.car / found.se
    columns = {"car": case.car, "se": found.se, "t": t, "df": found.df, "p_value": found.p_value}
    return pd.DataFrame({**columns, "scar": t}, index=results.index[case.members])


def caar(results: FittedStudy, window: Window, group: str | None = None) -> pd.Series:
    """Average the CARs as the study's preset does, with its leading test.

    Raises
    ------
    InputError
        The package cannot handle the study's model.
    """
    chosen = _able(results)
    case = _case(results, window, group)
    (outcome,) = _outcomes(chosen, _named(chosen, [chosen.lead]), case)
    return caar_row(chosen.caar(case), case.size, outcome, group)


def _preset_of(results: FittedStudy) -> Preset:
    return preset(str(results.study.preset))


def _able(results: FittedStudy) -> Preset:
    chosen = _preset_of(results)
    if reason := chosen.unable(results.study.model):
        raise InputError(f"{reason}; take another model or leave preset=None.")
    return chosen


def _case(results: FittedStudy, window: Window, group: str | None = None) -> PresetSample:
    from analysis.eventstudy.presets.case import PresetSample

    return PresetSample.of(results, window, group)


def _named(chosen: Preset, names: Iterable[str] | Literal["all"]) -> tuple[Statistic, ...]:
    """The preset's tests by their names; ``"all"``, or a single name, stands without a list."""
    if isinstance(names, str):
        names = chosen.names if names == "all" else (names,)
    by_name = {one.name: one for one in chosen.statistics}
    asked = tuple(dict.fromkeys(names))
    for name in asked:
        if name not in by_name:
            raise unknown_name(f"test of {chosen.package}", name, chosen.names)
    return tuple(by_name[name] for name in asked)


def _outcomes(
    chosen: Preset, statistics: tuple[Statistic, ...], case: PresetSample
) -> list[Outcome]:
    from analysis.eventstudy.inference.test_result import undefined

    if reason := chosen.unable(case.model):
        return [undefined(one.name, case.size, reason) for one in statistics]
    return [one.outcome(case) for one in statistics]
