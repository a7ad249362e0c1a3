"""Models that take another model's residuals, in studies small and too large to keep them."""

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import (
    Ewma,
    Garch,
    MarketModel,
    MeanAdjusted,
    TimeOfDay,
)
from analysis.eventstudy.fitting import lazy_fit as pooled
from analysis.eventstudy.outcomes.volatility import Volatility
from tests.reference.panels import events, panel, study

MODELS = {
    "ewma": Ewma(MarketModel("F0")),
    "garch": Garch(MarketModel("F0")),
    "log volatility": Volatility(MarketModel("F0")),
    "volatility of raw returns": Volatility(None, "ratio"),
    "time of day": TimeOfDay(MarketModel("F0")),
    "time of day about the mean": TimeOfDay(MeanAdjusted()),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_study_too_large_to_keep_its_residuals_has_them_for_a_model_that_needs_them(
    model, monkeypatch
):
    returns, factors = panel(6, 200, seed=11)
    asked = study(returns, events(returns, [120, 120, 130, 140, 150, 160]), factors, model=model)
    kept = asked.fit()
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    again = asked.fit()
    assert len(kept.fitted) == len(again.fitted) > 3
    names = ["kolari_pynnonen_t", "corrado_zivney_rank", "grank_overlap", "generalized_sign"]
    left, right = (one.tests([(0, 0), (-1, 1)], names) for one in (kept, again))
    np.testing.assert_allclose(left["statistic"], right["statistic"], rtol=1e-9)
    assert (left["reason"] == "").all()
    pd.testing.assert_frame_equal(kept.car((-1, 1)), again.car((-1, 1)), rtol=1e-9)
