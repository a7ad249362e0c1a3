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
    from analysis.eventstudy.presets.case import PresetSample
    from analysis.eventstudy.presets.convention import Preset, Statistic

NAMES = ("eventstudy2", "estudy", "estudy2", "lemaire", "eventstudy_r")


def check(preset: object) -> None:
    """Refuse what is neither None nor one of `NAMES`."""
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

    As `EventStudyResults.tests`; a test that the package does not have is an `InputError`.
    """
    chosen = preset(str(results.study.preset))
    statistics = _named(chosen, names)
    return outcome_table(
        [
            (group, window, outcome)
            for group in results.groups
            for window in windows
            for outcome in chosen.outcomes(_sample(results, window, group), statistics)
        ]
    )


def car(results: FittedStudy, window: Window) -> pd.DataFrame:
    """Judge every event's CAR as the study's preset does, see `EventStudyResults.car`.

    The p-value is the package's, of one side where the package's is. A model that the package
    cannot handle is an `InputError`.
    """
    from analysis.eventstudy.presets.convention import Cars

    chosen = _able(results)
    sample = _sample(results, window)
    # Without an event there is no security either whose factors could be looked up.
    found = chosen.car(sample) if sample.size else Cars(*np.empty((3, 0)))
    t = sample.car / found.se
    columns = {"car": sample.car, "se": found.se, "t": t, "df": found.df, "p_value": found.p_value}
    return pd.DataFrame({**columns, "scar": t}, index=results.index[sample.members])


def caar(results: FittedStudy, window: Window, group: str | None = None) -> pd.Series:
    """Average the CARs as the study's preset does, with its leading test; raises as `car`."""
    chosen = _able(results)
    sample = _sample(results, window, group)
    (outcome,) = chosen.outcomes(sample, _named(chosen, [chosen.lead]))
    return caar_row(chosen.caar(sample), sample.size, outcome, group)


def _able(results: FittedStudy) -> Preset:
    chosen = preset(str(results.study.preset))
    if reason := chosen.unable(results.study.model):
        raise InputError(f"{reason}; take another model or leave preset=None.")
    return chosen


def _sample(results: FittedStudy, window: Window, group: str | None = None) -> PresetSample:
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
