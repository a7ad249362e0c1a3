"""A sound study, for tests of bad input to spoil, and everything that can be asked of it."""

from __future__ import annotations

import numpy as np

from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from tests.reference.panels import events, panel

RETURNS, FACTORS = panel(4, 160, factors=2)
ASKED = events(RETURNS, [90, 100, 110, 120])
MODELS = {
    "mean": MeanAdjusted(),
    "adjusted": MarketAdjusted("F0"),
    "market": MarketModel("F0"),
    "factors": FactorModel(["F0", "F1"]),
}


def walk(results):
    """Ask everything; what is no number must say why."""
    table = results.tests([(0, 0), (-1, 1)])
    silent = table["p_value"].isna() & (table["reason"] == "")
    assert not silent.any(), table[silent]
    spoken = table["p_value"].notna() & (table["reason"] != "")
    assert not spoken.any(), table[spoken]
    for window in [(0, 0), (-1, 1), (-3, 3)]:
        car = results.car(window)
        assert np.isfinite(car.to_numpy()).all()
        left = results.skipped_in(window)
        assert len(car) + len(left) == len(results.events)
        assert all(len(reason) > 10 for reason in left["reason"])
        answer = results.caar(window)
        assert answer["n"] == len(car)
        assert np.isfinite(answer["caar"]) == (len(car) > 0)
    assert np.isfinite(results.parameters.drop(columns="r2").to_numpy()).all()
    assert results.caar_path()["n"].is_monotonic_increasing
    assert str(results.summary())
    assert results._repr_html_()
    return results
