"""Figures of Stata's `estudy` and of the textbook formulas, on one synthetic panel.

Where they come from, and which conventions they follow: data/stata_estudy/README.md.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import EventStudy, FactorModel, MarketAdjusted, MarketModel, MeanAdjusted
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.registry import run_tests
from tests.reference import slow_fit

DATA = Path(__file__).parent / "data" / "stata_estudy"
MODELS = {
    "SIM": (MarketModel(market="mkt"), "market"),
    "MAM": (MarketAdjusted(market="mkt"), "adjusted"),
    "HMM": (MeanAdjusted(), "mean"),
    "MFM": (FactorModel(columns=("mkt", "smb", "hml")), "factors"),
}
WINDOWS = {"m1_p1": (-1, 1), "0_0": (0, 0), "m5_p5": (-5, 5)}
ESTIMATION = (-200, -11)
OF_CALENDAR_TIME = {
    "cross_sectional": "cross_sectional_t",
    "grank": "grank_t",
    "Patell_cal": "patell_z",
    "ADJPatell_cal": "adjusted_patell_z",
    "BMP_cal": "bmp_t",
    "KP_cal": "kolari_pynnonen_t",
}
OF_EVENT_TIME = {"ADJPatell_evt": "adjusted_patell_z", "KP_evt": "kolari_pynnonen_t"}
COMPUTED = [*OF_CALENDAR_TIME.values(), "wilcoxon"]
TEXTBOOK = json.loads((DATA / "textbook_values.json").read_text())
STATA = (
    pd.read_csv(DATA / "stata_18_estudy.csv")
    .set_index(["model", "test", "window", "security", "term"])["value"]
    .sort_index()
)

cases = pytest.mark.parametrize(
    ("model", "window"), [(model, window) for model in MODELS for window in WINDOWS]
)


@cache
def panel() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns, factors and events as the engine takes them."""
    rows = pd.read_csv(DATA / "event_study_returns.csv", parse_dates=["date"])
    events = pd.read_csv(DATA / "event_study_events.csv", parse_dates=["event_date"])
    returns = rows.pivot_table(index="date", columns="id", values="ret", dropna=False)
    factors = rows.groupby("date")[["mkt", "smb", "hml"]].first()
    return (
        returns,
        factors,
        pd.DataFrame(
            {
                "event_id": [f"event of {name}" for name in events["id"]],
                "security": events["id"],
                "date": events["event_date"],
            }
        ),
    )


@cache
def study(model: str, mode: str):
    returns, factors, events = panel()
    return EventStudy(
        returns,
        events,
        model=MODELS[model][0],
        factors=factors,
        estimation=ESTIMATION,
        window=(-5, 5),
        rbar=mode,
    ).fit()


def statistics(model: str, window: str, mode: str) -> dict[str, float]:
    table = study(model, mode).tests([WINDOWS[window]], tests=COMPUTED)
    return dict(zip(table["test"], table["statistic"], strict=True))


@cases
def test_statistics_are_the_textbook_values(model, window):
    expected = TEXTBOOK[f"{model}|{window}"]
    calendar = statistics(model, window, "calendar")
    event = statistics(model, window, "event")
    computed = {key: calendar[name] for key, name in OF_CALENDAR_TIME.items()}
    computed |= {key: event[name] for key, name in OF_EVENT_TIME.items()}
    results = study(model, "calendar")
    sample, _ = window_sample(results.fitted, WINDOWS[window])
    computed["caar"] = results.caar(WINDOWS[window])["caar"]
    computed["rbar_calendar"] = rbar(sample, "calendar")
    computed["rbar_event"] = rbar(sample, "event")
    assert computed.keys() == expected.keys()
    for name, value in expected.items():
        assert computed[name] == pytest.approx(value, abs=1e-10), name


@cases
def test_statistics_of_a_slow_fit_are_the_textbook_values(model, window):
    returns, factors, events = panel()
    day = {date: position for position, date in enumerate(returns.index)}
    fitted = slow_fit.fit(
        returns.to_numpy().T,
        factors.to_numpy(),
        [
            (returns.columns.get_loc(name), day[date])
            for name, date in zip(events["security"], events["date"], strict=True)
        ],
        MODELS[model][1],
        ESTIMATION,
        (-5, 5),
    )
    sample, _ = window_sample(fitted, WINDOWS[window])
    expected = TEXTBOOK[f"{model}|{window}"]
    for outcome in run_tests(sample, OF_CALENDAR_TIME.values(), "calendar"):
        key = next(key for key, name in OF_CALENDAR_TIME.items() if name == outcome.test)
        assert outcome.statistic == pytest.approx(expected[key], abs=1e-10), key


@cases
def test_cars_are_those_of_stata(model, window):
    results = study(model, "calendar").car(WINDOWS[window]).droplevel("event_id")
    stata = STATA[model, "Norm", window].unstack("term").reindex(results.index)
    # estudy keeps abnormal returns in single precision.
    np.testing.assert_allclose(results["car"], stata["car"], rtol=2e-6)
    if model in ("MAM", "HMM"):
        np.testing.assert_allclose(results["se"], stata["sd"], rtol=2e-8)


@pytest.mark.parametrize("model", ["MAM", "HMM"])
@pytest.mark.parametrize("window", WINDOWS)
def test_bmp_and_kolari_pynnonen_are_those_of_stata(model, window):
    event = statistics(model, window, "event")
    bmp, kp = (STATA[model, test, window, "group", "stat"] for test in ("BMP", "KP"))
    assert event["bmp_t"] == pytest.approx(bmp, rel=5e-8)
    assert event["kolari_pynnonen_t"] == pytest.approx(kp, rel=5e-8)


@cases
def test_signed_ranks_are_those_of_stata(model, window):
    # Stata reports z of the sum of positive ranks: n(n+1)/4 = 39, variance n(n+1)(2n+1)/24.
    w = statistics(model, window, "calendar")["wilcoxon"]
    z = (39 - w) / math.sqrt(12 * 13 * 25 / 24)
    assert z == pytest.approx(abs(STATA[model, "signrank", window, "group", "stat"]), rel=1e-12)
