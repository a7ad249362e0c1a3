"""The question of a study: frames, windows and options as they were checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.linear import MarketModel, Model


@dataclass(frozen=True, eq=False)
class StudyInputs:
    """What an `EventStudy` was given; see there for the attributes."""

    returns: pd.DataFrame
    events: pd.DataFrame
    model: Model = field(default_factory=MarketModel)
    factors: pd.DataFrame | None = None
    estimation: Window = (-250, -31)
    window: Window = (-5, 5)
    min_observations: int = 100
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None = None
    exclude_own_events: bool = True
    rbar: str = "overlap"
    preset: str | None = None
    seed: int = 0
    units: str = "decimal"
