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
    from analysis.eventstudy.intraday.study import intraday_study
    from analysis.eventstudy.models.conditional_variance import Ewma, Garch
    from analysis.eventstudy.models.intraday_variance import TimeOfDay
    from analysis.eventstudy.models.linear import (
        CAPM,
        FactorModel,
        MarketAdjusted,
        MarketModel,
        MeanAdjusted,
    )
    from analysis.eventstudy.models.peers import EqualWeight
    from analysis.eventstudy.models.robust import QuantileModel, RobustModel
    from analysis.eventstudy.models.thin_trading import Dimson, ScholesWilliams
    from analysis.eventstudy.outcomes.buy_and_hold import buy_and_hold
    from analysis.eventstudy.outcomes.garch import garch_volatility
    from analysis.eventstudy.outcomes.long_horizon import long_horizon
    from analysis.eventstudy.outcomes.volatility import abnormal_volatility, volatility_multiples
    from analysis.eventstudy.outcomes.volume import abnormal_volume
    from analysis.eventstudy.results import EventStudyResults
    from analysis.eventstudy.study import EventStudy
    from analysis.eventstudy.uncertain_dates.candidates import candidates_around
    from analysis.eventstudy.uncertain_dates.results import UncertainResults
    from analysis.eventstudy.uncertain_dates.study import UncertainStudy

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
    "CAPM": "models.linear",
    "Dimson": "models.thin_trading",
    "EqualWeight": "models.peers",
    "EventStudy": "study",
    "EventStudyResults": "results",
    "Ewma": "models.conditional_variance",
    "FactorModel": "models.linear",
    "Garch": "models.conditional_variance",
    "InteractiveFixedEffects": "counterfactual",
    "MarketAdjusted": "models.linear",
    "MarketModel": "models.linear",
    "MeanAdjusted": "models.linear",
    "QuantileModel": "models.robust",
    "RobustModel": "models.robust",
    "ScholesWilliams": "models.thin_trading",
    "SyntheticControl": "counterfactual",
    "SyntheticDiD": "counterfactual",
    "TimeOfDay": "models.intraday_variance",
    "UncertainResults": "uncertain_dates.results",
    "UncertainStudy": "uncertain_dates.study",
    "abnormal_volatility": "outcomes.volatility",
    "abnormal_volume": "outcomes.volume",
    "buy_and_hold": "outcomes.buy_and_hold",
    "candidates_around": "uncertain_dates.candidates",
    "garch_volatility": "outcomes.garch",
    "intraday_study": "intraday.study",
    "long_horizon": "outcomes.long_horizon",
    "volatility_multiples": "outcomes.volatility",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
