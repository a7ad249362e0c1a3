"""Event studies: returns and events in, abnormal returns and their tests out.

The engine knows no file, no network and no ticker. An `EventStudy` is asked, fitted and
answers with `EventStudyResults`; the models stand beside it. Nothing is imported before it
is used, so that ``import analysis.eventstudy`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.eventstudy.candidates import candidates_around
    from analysis.eventstudy.models import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.study import EventStudy
    from analysis.eventstudy.uncertain import UncertainStudy
    from analysis.eventstudy.uncertain_results import UncertainResults

__all__ = [
    "EventStudy",
    "EventStudyResults",
    "FactorModel",
    "MarketAdjusted",
    "MarketModel",
    "MeanAdjusted",
    "UncertainResults",
    "UncertainStudy",
    "candidates_around",
]

_ROOMS = {
    "EventStudy": "study",
    "EventStudyResults": "results",
    "FactorModel": "models",
    "MarketAdjusted": "models",
    "MarketModel": "models",
    "MeanAdjusted": "models",
    "UncertainResults": "uncertain_results",
    "UncertainStudy": "uncertain",
    "candidates_around": "candidates",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
