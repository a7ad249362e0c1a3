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
    from analysis.eventstudy.counterfactual import (
        AugmentedSyntheticControl,
        InteractiveFixedEffects,
        SyntheticControl,
        SyntheticDiD,
    )
    from analysis.eventstudy.intraday import intraday_study
    from analysis.eventstudy.models import (
        CAPM,
        FactorModel,
        MarketAdjusted,
        MarketModel,
        MeanAdjusted,
    )
    from analysis.eventstudy.moving_variance import Ewma, Garch
    from analysis.eventstudy.outcomes.buy_and_hold import buy_and_hold
    from analysis.eventstudy.outcomes.garch import garch_volatility
    from analysis.eventstudy.outcomes.long_horizon import long_horizon
    from analysis.eventstudy.outcomes.volatility import abnormal_volatility, volatility_multiples
    from analysis.eventstudy.outcomes.volume import abnormal_volume
    from analysis.eventstudy.peers import EqualWeight
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.robust import QuantileModel, RobustModel
    from analysis.eventstudy.seasonality import TimeOfDay
    from analysis.eventstudy.study import EventStudy
    from analysis.eventstudy.thin import Dimson, ScholesWilliams
    from analysis.eventstudy.uncertain import UncertainStudy
    from analysis.eventstudy.uncertain_results import UncertainResults

__all__ = [
    "CAPM",
    "AugmentedSyntheticControl",
    "Dimson",
    "EqualWeight",
    "EventStudy",
    "EventStudyResults",
    "Ewma",
    "FactorModel",
    "Garch",
    "InteractiveFixedEffects",
    "MarketAdjusted",
    "MarketModel",
    "MeanAdjusted",
    "QuantileModel",
    "RobustModel",
    "ScholesWilliams",
    "SyntheticControl",
    "SyntheticDiD",
    "TimeOfDay",
    "UncertainResults",
    "UncertainStudy",
    "abnormal_volatility",
    "abnormal_volume",
    "buy_and_hold",
    "candidates_around",
    "garch_volatility",
    "intraday_study",
    "long_horizon",
    "volatility_multiples",
]

_ROOMS = {
    "AugmentedSyntheticControl": "counterfactual",
    "CAPM": "models",
    "Dimson": "thin",
    "EqualWeight": "peers",
    "EventStudy": "study",
    "EventStudyResults": "results",
    "Ewma": "moving_variance",
    "FactorModel": "models",
    "Garch": "moving_variance",
    "InteractiveFixedEffects": "counterfactual",
    "MarketAdjusted": "models",
    "MarketModel": "models",
    "MeanAdjusted": "models",
    "QuantileModel": "robust",
    "RobustModel": "robust",
    "ScholesWilliams": "thin",
    "SyntheticControl": "counterfactual",
    "SyntheticDiD": "counterfactual",
    "TimeOfDay": "seasonality",
    "UncertainResults": "uncertain_results",
    "UncertainStudy": "uncertain",
    "abnormal_volatility": "outcomes.volatility",
    "abnormal_volume": "outcomes.volume",
    "buy_and_hold": "outcomes.buy_and_hold",
    "candidates_around": "candidates",
    "garch_volatility": "outcomes.garch",
    "intraday_study": "intraday",
    "long_horizon": "outcomes.long_horizon",
    "volatility_multiples": "outcomes.volatility",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
