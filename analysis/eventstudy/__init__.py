"""Event studies: returns and events in, abnormal returns and their tests out.

The engine knows no file, no network and no ticker. An `EventStudy` is asked, fitted and
answers with `EventStudyResults`; the models stand beside it. Nothing is imported before it
is used, so that ``import analysis.eventstudy`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.eventstudy.counterfactual import (
        AugmentedSyntheticControl,
        InteractiveFixedEffects,
        SyntheticControl,
        SyntheticDiD,
    )
    from analysis.eventstudy.models import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.study import EventStudy

__all__ = [
    "AugmentedSyntheticControl",
    "EventStudy",
    "EventStudyResults",
    "FactorModel",
    "InteractiveFixedEffects",
    "MarketAdjusted",
    "MarketModel",
    "MeanAdjusted",
    "SyntheticControl",
    "SyntheticDiD",
]

_ROOMS = {
    "AugmentedSyntheticControl": "counterfactual",
    "EventStudy": "study",
    "EventStudyResults": "results",
    "FactorModel": "models",
    "InteractiveFixedEffects": "counterfactual",
    "MarketAdjusted": "models",
    "MarketModel": "models",
    "MeanAdjusted": "models",
    "SyntheticControl": "counterfactual",
    "SyntheticDiD": "counterfactual",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
