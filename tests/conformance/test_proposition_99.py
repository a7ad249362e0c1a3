"""California's Proposition 99, the common example of the counterfactual literature.

Expected figures: table 1 of Arkhangelsky et al. (2021) and a port of the authors' R package; see
data/prop99/README.md.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import EventStudy, SyntheticControl, SyntheticDiD
from analysis.eventstudy.counterfactual import placebo_in_space, weights

DATA = Path(__file__).parent / "data" / "prop99" / "packs_per_capita.csv"


def smoking(model):
    packs = pd.read_csv(DATA, index_col="year")
    packs.index = pd.to_datetime(packs.index.astype(str) + "-12-31")
    event = pd.DataFrame(
        {"event_id": ["p99"], "security": ["California"], "date": pd.to_datetime(["1989-12-31"])}
    )
    return EventStudy(
        packs,
        event,
        model=model,
        estimation=(-19, -1),
        window=(0, 11),
        min_observations=19,
        units="any",
    ).fit()


def test_synthetic_difference_in_differences_is_that_of_the_paper():
    results = smoking(SyntheticDiD())
    effect = results.car((0, 11))["car"].iloc[0] / 12
    # The package prints −15.60383, and −15.60542 when its Frank–Wolfe steps go on for longer.
    assert effect == pytest.approx(-15.604, abs=1e-3)
    assert results.parameters["active_days"].iloc[0] == 3
    found = weights(results)
    assert found["donor"].tolist()[:8] == [
        "Nevada",
        "New Hampshire",
        "Connecticut",
        "Delaware",
        "Colorado",
        "Illinois",
        "Nebraska",
        "Montana",
    ]
    np.testing.assert_allclose(
        found["weight"][:8], [0.124, 0.105, 0.078, 0.070, 0.058, 0.053, 0.048, 0.045], atol=1e-3
    )


def test_synthetic_control_on_the_outcomes_is_near_that_of_the_paper():
    results = smoking(SyntheticControl())
    effect = results.car((0, 11))["car"].iloc[0] / 12
    # Table 1 prints −19.6, the package −19.61966, and −19.52101 when its steps go on for longer.
    assert effect == pytest.approx(-19.52, abs=0.01)
    found = weights(results).set_index("donor")["weight"]
    np.testing.assert_allclose(
        found[["Utah", "Montana", "Nevada", "Connecticut"]],
        [0.394, 0.232, 0.205, 0.109],
        atol=1e-3,
    )


def test_only_few_states_show_a_gap_as_large_against_their_past():
    row = placebo_in_space(smoking(SyntheticDiD()), (0, 11)).iloc[0]
    assert (row["n"], row["p_value"]) == (38, pytest.approx(1 / 39))
