"""Counterfactual models: abnormal returns against what untouched securities did.

`SyntheticControl`, `AugmentedSyntheticControl`, `SyntheticDiD` and `InteractiveFixedEffects`
are models of an `EventStudy` like any other; the securities without an event are the donors.
`weights` shows which donors made a counterfactual; `placebo_in_space`, `placebo_in_time` and
`conformal` infer from it.
"""

from __future__ import annotations

from analysis.eventstudy.counterfactual.conformal import conformal
from analysis.eventstudy.counterfactual.event_rows import weights
from analysis.eventstudy.counterfactual.interactive_fixed_effects import InteractiveFixedEffects
from analysis.eventstudy.counterfactual.placebos import placebo_in_space, placebo_in_time
from analysis.eventstudy.counterfactual.synthetic import AugmentedSyntheticControl, SyntheticControl
from analysis.eventstudy.counterfactual.synthetic_did import SyntheticDiD

__all__ = [
    "AugmentedSyntheticControl",
    "InteractiveFixedEffects",
    "SyntheticControl",
    "SyntheticDiD",
    "conformal",
    "placebo_in_space",
    "placebo_in_time",
    "weights",
]
