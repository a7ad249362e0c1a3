"""Placebos and conformal inference: against loops, and when nothing happened."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import (
    AugmentedSyntheticControl,
    InteractiveFixedEffects,
    MarketModel,
    SyntheticControl,
    SyntheticDiD,
)
from analysis.eventstudy.counterfactual import conformal, placebo_in_space, placebo_in_time
from analysis.eventstudy.counterfactual.conformal import cyclic_shift_p_value
from tests.reference.panels import events, panel, study
from tests.reference.slow_counterfactual import simplex

COLUMNS = ["event_id", "security", "statistic", "p_value", "n", "reason"]


def ratio(y, x, before, window):
    """Synthetic control by the general optimiser, and its ratio of errors."""
    left = y - x @ simplex(y[before], x[before])
    return np.sqrt(np.mean(left[window] ** 2) / np.mean(left[before] ** 2))


def test_in_space_every_donor_is_compared_with_the_others():
    returns, _ = panel(21, 110, seed=1)
    asked = events(returns, [100], ["S0"])
    results = study(returns, asked, model=SyntheticControl()).fit()
    values = returns.to_numpy()
    before, window = slice(40, 90), slice(99, 102)
    own = ratio(values[:, 0], values[:, 1:], before, window)
    others = [
        ratio(values[:, j], np.delete(values, [0, j], axis=1), before, window) for j in range(1, 21)
    ]
    found = results.placebos((-1, 1))
    assert list(found.columns) == COLUMNS
    row = found.iloc[0]
    assert row["statistic"] == pytest.approx(own, rel=1e-4)
    assert row["p_value"] == (1 + sum(one >= own for one in others)) / 21
    assert (row["n"], row["reason"]) == (20, "")


def test_in_time_the_event_moves_to_earlier_sessions():
    returns, _ = panel(8, 260, seed=2)
    asked = events(returns, [250, 180], ["S0", "S0"])
    results = study(returns, asked, model=SyntheticControl()).fit()
    values = returns.to_numpy()
    x = values[:, 1:]

    def estimation(day0):
        near = np.arange(max(day0 - 60, 0), day0 - 10)
        return near[[abs(day - 180) > 3 for day in near]]

    def at(day0):
        near = estimation(day0)
        return ratio(values[:, 0], x, near, np.arange(day0 - 1, day0 + 2))

    own = at(250)
    # Event windows of 7 days: none meets those of the events on 180 and 250; the estimation
    # window of at least 20 days reaches back to the first day.
    days = [day for day in range(243, 0, -3) if abs(day - 180) > 6 and len(estimation(day)) >= 20]
    others = [at(day) for day in days]
    row = placebo_in_time(results, (-1, 1)).iloc[0]
    assert row["statistic"] == pytest.approx(own, rel=1e-4)
    assert row["n"] == len(days)
    assert row["p_value"] == pytest.approx(
        (1 + sum(one >= own for one in others)) / (1 + len(days))
    )
    few = placebo_in_time(results, (-1, 1), most=20)
    assert few["n"].iloc[0] == 20


def test_conformal_refits_with_the_window_and_shifts_the_residuals():
    returns, _ = panel(10, 110, seed=3)
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    values = returns.to_numpy()
    rows = [*range(40, 90), 99, 100, 101]
    y, x = values[rows, 0], values[rows, 1:]

    def p_value(effect):
        imposed = y - effect * (np.arange(53) >= 50)
        left = imposed - x @ simplex(imposed, x)
        sums = [abs(np.roll(left, shift)[50:].sum()) for shift in range(53)]
        return abs(left[50:].sum()) / np.sqrt(3), np.mean(np.array(sums) >= sums[0] - 1e-12)

    row = conformal(results, (-1, 1)).iloc[0]
    statistic, p = p_value(0.0)
    assert row["statistic"] == pytest.approx(statistic, rel=1e-4)
    assert row["p_value"] == pytest.approx(p)
    assert row["n"] == 53
    assert row["car"] == pytest.approx(results.car((-1, 1))["car"].iloc[0])
    # Inside the interval effects are kept, outside rejected.
    width = row["high"] - row["low"]
    for end, inwards in ((row["low"], 1), (row["high"], -1)):
        assert p_value((end + inwards * 0.02 * width) / 3)[1] > 0.05
        assert p_value((end - inwards * 0.02 * width) / 3)[1] <= 0.05


def test_a_shift_brings_every_stretch_of_residuals_into_the_window_once():
    residuals = np.array([3.0, -1.0, 0.5, 2.0, 0.0, -4.0])
    # Pairs: 2, −0.5, 2.5, 2, −4 (the window's own), and −1 around the end.
    assert cyclic_shift_p_value(residuals, 2) == 1 / 6
    assert cyclic_shift_p_value(residuals, 1) == 1 / 6
    assert cyclic_shift_p_value(np.array([3.0, -1.0, 0.5, 2.0, -4.0, 0.0]), 1) == 1


MODELS = [
    SyntheticControl(),
    AugmentedSyntheticControl(penalty=0.01),
    SyntheticDiD(),
    InteractiveFixedEffects(factors=1),
]
by_name = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


@by_name
def test_under_the_null_the_p_values_are_spread_evenly(model):
    """48 securities without an effect: neither way rejects much more than it says."""
    space, permuted = [], []
    for seed in range(6):
        returns, _ = panel(28, 110, seed=seed)
        asked = events(returns, [100] * 8, [f"S{at}" for at in range(8)])
        results = study(returns, asked, model=model).fit()
        space.append(placebo_in_space(results, (-1, 1))["p_value"])
        permuted.append(conformal(results, (-1, 1), interval=False)["p_value"])
    for p in (np.concatenate(space), np.concatenate(permuted)):
        assert len(p) == 48
        assert 0.36 < p.mean() < 0.64
        # Three standard errors of a share of 10 % among 48, and some for the shared days.
        assert 0.0 < np.mean(p <= 0.1) < 0.25


@by_name
@pytest.mark.parametrize("kind", ["space", "time", "conformal"])
def test_an_effect_is_found_by_every_kind(model, kind):
    returns, _ = panel(30, 240, seed=5)
    returns.iloc[230, 0] += 0.15
    results = study(returns, events(returns, [230], ["S0"]), model=model).fit()
    row = results.placebos((0, 0), kind).iloc[0]
    assert row["p_value"] <= 0.05
    assert row["reason"] == ""
    if kind == "conformal":
        assert row["low"] < 0.15 < row["high"]
        assert row["low"] > 0


def test_what_cannot_be_inferred_says_why():
    returns, _ = panel(8, 110, seed=6)
    returns.iloc[101, 1] = np.nan
    asked = events(returns, [100, 100], ["S0", "S1"])
    results = study(returns, asked, model=SyntheticControl()).fit()
    space, time, permuted = (results.placebos((-1, 1), k) for k in ("space", "time", "conformal"))
    assert space["reason"].tolist() == [
        "6 placebos, at least 19 are needed",
        "a day of the window has no return",
    ]
    assert time["reason"].tolist()[1] == "a day of the window has no return"
    assert permuted["reason"].tolist() == ["", "a day of the window has no return"]
    for table in (space, time, permuted):
        assert table["p_value"].isna().tolist() == (table["reason"] != "").tolist()


def test_an_interval_that_no_permutation_bounds_is_infinite():
    returns, _ = panel(8, 110, seed=7)
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    row = conformal(results, (-1, 1), level=0.99).iloc[0]
    assert (row["low"], row["high"]) == (-np.inf, np.inf)


def test_an_interval_that_leaves_out_its_own_estimate_is_none_and_says_so(monkeypatch):
    returns, _ = panel(8, 110, seed=7)
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    # As though every effect were rejected.
    monkeypatch.setattr(
        import_module(conformal.__module__), "cyclic_shift_p_value", lambda *_: 0.01
    )
    row = conformal(results, (-1, 1)).iloc[0]
    assert np.isnan([row["low"], row["high"]]).all()
    assert "the estimate itself is rejected" in row["reason"]
    assert conformal(results, (-1, 1), interval=False)["reason"].tolist() == [""]


def test_bad_questions_are_refused():
    returns, factors = panel(6, 110, seed=8)
    asked = events(returns, [100], ["S0"])
    results = study(returns, asked, model=SyntheticControl()).fit()
    with pytest.raises(
        InputError, match=r"Unknown kind of placebos 'spaces'\. Did you mean 'space'"
    ):
        results.placebos((0, 0), "spaces")
    with pytest.raises(InputError, match="reaches outside the event window"):
        results.placebos((0, 9))
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        conformal(results, (0, 0), level=95)
    with pytest.raises(InputError, match="most must be at least 19"):
        placebo_in_space(results, (0, 0), most=5)
    with pytest.raises(InputError, match="step must be at least 1"):
        placebo_in_time(results, (0, 0), step=0)
    with pytest.raises(InputError, match="step must be at least 1 session, a whole number"):
        placebo_in_time(results, (0, 0), step=1.5)
    with pytest.raises(InputError, match="seed must be at least 0"):
        placebo_in_space(results, (0, 0), seed=-1)
    other = study(returns, asked, factors, model=MarketModel("F0")).fit()
    with pytest.raises(InputError, match="not of market model"):
        other.placebos((0, 0))


def test_draws_among_many_donors_are_repeatable():
    returns, _ = panel(40, 110, seed=9)
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    one, other = (placebo_in_space(results, (0, 0), most=25, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    assert one["n"].tolist() == [25]
