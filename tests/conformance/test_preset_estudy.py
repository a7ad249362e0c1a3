"""Stata's `estudy` through the preset: all its tests, four models, three windows, each firm.

Where the figures come from: data/stata_estudy/README.md. estudy keeps abnormal returns, and so
CARs, in single precision; what it makes of their standard errors is in double.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from analysis.eventstudy import EventStudy
from tests.conformance.test_stata_estudy import ESTIMATION, MODELS, STATA, WINDOWS, cases, panel

TESTS = {
    "Norm": "norm",
    "Patell": "patell_z",
    "ADJPatell": "adjusted_patell_z",
    "BMP": "bmp_t",
    "KP": "kolari_pynnonen_t",
    "GRANK": "grank_t",
    "Wilcoxon": "within_firm_ranks",
    "signrank": "wilcoxon",
}
# Of statistics, relative. Norm divides a single-precision CAR; GRANK's ranks are exact, its
# printed scale is not.
CLOSE = {"Norm": 2e-5, "GRANK": 2e-7, "Wilcoxon": 1e-12, "signrank": 1e-12}


@cache
def study(model: str):
    returns, factors, events = panel()
    return EventStudy(
        returns,
        events,
        model=MODELS[model][0],
        factors=factors,
        estimation=ESTIMATION,
        window=(-5, 5),
        preset="estudy",
    ).fit()


def stata(model: str, test: str, window: str, term: str) -> float:
    return float(STATA[model, test, window, "group", term])


@cases
@pytest.mark.parametrize("test", TESTS)
def test_statistics_and_p_values_are_those_of_stata(model, window, test):
    outcome = study(model).tests(WINDOWS[window], [TESTS[test]]).iloc[0]
    close = CLOSE.get(test, 1e-7)
    assert outcome["statistic"] == pytest.approx(stata(model, test, window, "stat"), rel=close)
    # In the tail a p-value moves by more than its t.
    slack = 1e-4 if test == "Norm" else 1e-6
    p = stata(model, test, window, "pv")
    assert outcome["p_value"] == pytest.approx(p, rel=slack, abs=1e-9)


@cases
@pytest.mark.parametrize("test", ["Norm", "GRANK"])
def test_the_degrees_of_freedom_are_those_of_stata(model, window, test):
    df = study(model).tests(WINDOWS[window], [TESTS[test]])["df"].iloc[0]
    p = 2 * stats.t.sf(abs(stata(model, test, window, "stat")), df)
    assert p == pytest.approx(stata(model, test, window, "pv"), rel=1e-10)


@cases
def test_every_firms_car_is_that_of_stata(model, window):
    ours = study(model).car(WINDOWS[window]).droplevel("event_id")
    theirs = STATA[model, "Norm", window].unstack("term").reindex(ours.index)
    np.testing.assert_allclose(ours["car"], theirs["car"], rtol=2e-6)
    np.testing.assert_allclose(ours["se"], theirs["sd"], rtol=2e-8)
    np.testing.assert_allclose(ours["t"], theirs["stat"], rtol=2e-6)
    np.testing.assert_allclose(ours["p_value"], theirs["pv"], rtol=2e-5)


@cases
def test_the_pooled_car_is_that_of_stata(model, window):
    pooled = study(model).caar(WINDOWS[window])
    assert pooled["test"] == "norm"
    assert pooled["caar"] == pytest.approx(stata(model, "Norm", window, "car"), rel=2e-5)
    # Its gap to the plain mean is no rounding.
    mean = study(model).car(WINDOWS[window])["car"].mean()
    assert pooled["caar"] > mean + 1e-4
