"""Event studies: returns and events in, abnormal returns and their tests out.

The engine knows no file, no network and no ticker. An `EventStudy` is asked, fitted and
answers with `EventStudyResults`; the models stand beside it. Nothing is imported before it
is used, so that ``import analysis.eventstudy`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.eventstudy.models import (
        CAPM,
        FactorModel,
        MarketAdjusted,
        MarketModel,
        MeanAdjusted,
    )
    from analysis.eventstudy.moving_variance import Ewma, Garch
    from analysis.eventstudy.peers import EqualWeight
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.robust import QuantileModel, RobustModel
    from analysis.eventstudy.study import EventStudy
    from analysis.eventstudy.thin import Dimson, ScholesWilliams

__all__ = [
    "CAPM",
    "Dimson",
    "EqualWeight",
    "EventStudy",
    "EventStudyResults",
    "Ewma",
    "FactorModel",
    "Garch",
    "MarketAdjusted",
    "MarketModel",
    "MeanAdjusted",
    "QuantileModel",
    "RobustModel",
    "ScholesWilliams",
]

_ROOMS = {
    "CAPM": "models",
    "Dimson": "thin",
    "EqualWeight": "peers",
    "EventStudy": "study",
    "EventStudyResults": "results",
    "Ewma": "moving_variance",
    "FactorModel": "models",
    "Garch": "moving_variance",
    "MarketAdjusted": "models",
    "MarketModel": "models",
    "MeanAdjusted": "models",
    "QuantileModel": "robust",
    "RobustModel": "robust",
    "ScholesWilliams": "thin",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
