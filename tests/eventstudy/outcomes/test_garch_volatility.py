import sys

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import EventStudy, MarketModel, MeanAdjusted, garch_volatility
from analysis.eventstudy.outcomes import garch
from tests.reference import slow_outcomes
from tests.reference.panels import events, panel

OMEGA, ALPHA, BETA = 2e-5, 0.15, 0.75
OPTIONS = {"estimation": (-200, -6), "window": (-2, 2), "min_observations": 100}


def clustered_volatility(securities=6, days=260, seed=0, shared=0.0):
    """Returns whose variance follows a GARCH(1,1), with a common shock on every day."""
    generator = np.random.default_rng(seed)
    z = generator.standard_normal((days + 100, securities)) * np.sqrt(1 - shared)
    z += generator.standard_normal((days + 100, 1)) * np.sqrt(shared)
    v = np.full(securities, OMEGA / (1 - ALPHA - BETA))
    e = np.empty_like(z)
    for row, shock in enumerate(z):
        e[row] = np.sqrt(v) * shock
        v = OMEGA + ALPHA * e[row] ** 2 + BETA * v
    names = [f"S{at}" for at in range(securities)]
    return pd.DataFrame(e[100:], pd.bdate_range("2024-01-01", periods=days), names)


@pytest.fixture(scope="module")
def wild():
    """Seven firms on dates of their own, three times as volatile on day 0 and day 1."""
    returns = clustered_volatility(7, seed=1)
    rows = [210, 214, 218, 222, 226, 230, 234]
    for row, name in zip(rows, returns, strict=True):
        returns.loc[returns.index[row : row + 2], name] *= 3
    asked = events(returns, rows)
    asked["group"] = ["a", "b", "a", "b", "a", "b", "a"]
    returns.iloc[100, 2] = np.nan
    results = EventStudy(returns, asked, model=MeanAdjusted(), **OPTIONS).fit()
    return results, garch_volatility(results, [(0, 1), (-2, -1)])


def test_multiples_and_forecasts_are_those_of_the_loops(wild):
    results, found = wild
    e, h = [], []
    for at, key in enumerate(results.index):
        n = results.parameters.loc[key, "n"]
        residuals = results.fitted.residuals[at] * np.sqrt(n / (n - 1))
        omega, alpha, beta = found.parameters.loc[key]
        start = results.parameters.loc[key, "sigma"] ** 2
        ahead = slow_outcomes.garch_forecasts(residuals, omega, alpha, beta, start, 8)
        # Day −2 is four rows after the last estimation row, day −6.
        h.append(ahead[-1][3:])
        e.append(results.abnormal.loc[key].to_numpy() / np.sqrt(1 + 1 / n))
    e, h = np.array(e), np.array(h)
    slow = [slow_outcomes.multiple(e[:, day], h[:, day]) for day in range(5)]
    daily = found.daily[found.daily["group"] == "all"]
    assert daily["multiple"].tolist() == pytest.approx(slow, rel=1e-9)
    assert daily["n"].tolist() == [7] * 5
    cav = found.windows.set_index(["group", "window_start"])["cav"]
    assert cav["all", 0] == pytest.approx(slow[2] + slow[3] - 2, rel=1e-9)
    members = [0, 2, 4, 6]
    one = sum(slow_outcomes.multiple(e[members, day], h[members, day]) - 1 for day in (2, 3))
    assert cav["a", 0] == pytest.approx(one, rel=1e-9)


def test_placebos_are_the_same_figure_from_every_estimation_row(wild):
    results, found = wild
    paths, ahead = [], []
    for at, key in enumerate(results.index):
        n = results.parameters.loc[key, "n"]
        paths.append(results.fitted.residuals[at] * np.sqrt(n / (n - 1)))
        start = results.parameters.loc[key, "sigma"] ** 2
        ahead.append(slow_outcomes.garch_forecasts(paths[-1], *found.parameters.loc[key], start, 7))
    usual = []
    # From row s the window (0, 1) lies 6 and 7 rows ahead, as day 0 does from day −6.
    for s in range(195 - 7):
        total = 0.0
        for step in (6, 7):
            known = [at for at in range(7) if not np.isnan(paths[at][s + step])]
            e = [paths[at][s + step] for at in known]
            h = [ahead[at][s][step - 1] for at in known]
            total += slow_outcomes.multiple(e, h) - 1
        usual.append(total)
    row = found.windows[found.windows["group"] == "all"].iloc[0]
    assert row["placebos"] == 188
    assert row["usual"] == pytest.approx(np.mean(usual), rel=1e-9)
    above = sum(one >= row["cav"] for one in usual)
    assert row["p_value"] == pytest.approx(2 * (1 + above) / 189)


def test_the_wild_days_are_found_and_the_quiet_ones_are_not(wild):
    _, found = wild
    p = found.windows.set_index(["group", "window_start"])["p_value"]
    assert p["all", 0] < 0.03
    assert p["all", -2] > 0.05
    assert "Cumulative abnormal volatility" in repr(found)


def test_an_effect_on_returns_alone_is_no_volatility():
    returns = clustered_volatility(7, seed=2)
    asked = events(returns, [230] * 7)
    asked["security"] = returns.columns
    before = garch_volatility(
        EventStudy(returns, asked, model=MeanAdjusted(), **OPTIONS).fit(), (0, 0)
    )
    returns.iloc[230] += 0.2
    after = garch_volatility(
        EventStudy(returns, asked, model=MeanAdjusted(), **OPTIONS).fit(), (0, 0)
    )
    ours = [one.windows["cav"].iloc[0] for one in (before, after)]
    assert ours[1] == pytest.approx(ours[0], abs=1e-6)


def test_a_multiple_of_one_is_expected_of_independent_events():
    generator = np.random.default_rng(0)
    h = generator.uniform(0.5, 4.0, (9, 1)) * np.ones((1, 20000))
    e = generator.standard_normal(h.shape) * np.sqrt(h)
    assert garch._multiple(e, h).mean() == pytest.approx(1.0, abs=0.015)
    e[3:, 0] = np.nan
    assert garch._multiple(e, h)[0] == pytest.approx(slow_outcomes.multiple(e[:3, 0], h[:3, 0]))
    e[1:, 0] = np.nan
    assert np.isnan(garch._multiple(e, h)[0])


def test_parameters_come_out_near_the_truth():
    returns = clustered_volatility(1, days=2600, seed=5)
    asked = events(returns, [2590])
    options = {**OPTIONS, "estimation": (-2580, -6)}
    results = EventStudy(returns, asked, model=MeanAdjusted(), **options).fit()
    found = garch_volatility(results, (0, 0))
    assert found.parameters.iloc[0].tolist() == pytest.approx([OMEGA, ALPHA, BETA], rel=0.35)
    row = found.windows.iloc[0]
    assert row["reason"] == "needs at least 2 events, has 1"
    assert np.isnan(row["p_value"])


def test_a_hole_leaves_the_event_out_of_the_window():
    returns = clustered_volatility(4, seed=3)
    returns.iloc[231, 0] = np.nan
    asked = events(returns, [230] * 4)
    asked["security"] = returns.columns
    results = EventStudy(returns, asked, model=MeanAdjusted(), **OPTIONS).fit()
    found = garch_volatility(results, [(0, 0), (0, 1)])
    assert found.windows["n"].tolist() == [4, 3]
    assert "no return on day 1" in found.skipped["reason"].iloc[0]


def test_an_estimation_window_without_room_has_no_placebos():
    returns = clustered_volatility(4, seed=3)
    asked = events(returns, [230] * 4)
    asked["security"] = returns.columns
    options = {**OPTIONS, "estimation": (-80, -41), "min_observations": 30}
    results = EventStudy(returns, asked, model=MeanAdjusted(), **options).fit()
    row = garch_volatility(results, (0, 0)).windows.iloc[0]
    assert row["reason"].startswith("the estimation window has room for 0 placebo windows")
    assert np.isfinite(row["cav"])


def test_a_variance_without_a_level_goes_into_the_ledger(monkeypatch):
    returns = clustered_volatility(3, seed=3)
    asked = events(returns, [230] * 3)
    asked["security"] = returns.columns
    results = EventStudy(returns, asked, model=MeanAdjusted(), **OPTIONS).fit()
    calls = iter([(np.array([0.1, 0.3, 0.7]), garch.NOT_STATIONARY)])
    real = garch._likelihood
    monkeypatch.setattr(garch, "_likelihood", lambda *given: next(calls, None) or real(*given))
    found = garch_volatility(results, (0, 0))
    assert found.skipped["reason"].tolist() == [garch.NOT_STATIONARY]
    assert found.skipped["security"].tolist() == ["S0"]
    assert found.windows["n"].iloc[0] == len(found.parameters) == 2


def test_constant_variances_need_no_garch():
    returns, factors = panel(securities=4, days=260, seed=8)
    asked = events(returns, [230] * 4)
    asked["security"] = returns.columns
    results = EventStudy(returns, asked, model=MarketModel("F0"), factors=factors, **OPTIONS).fit()
    found = garch_volatility(results, (0, 0))
    still = found.parameters[found.parameters["alpha"] == 0]
    assert len(still)
    sigma = results.parameters.loc[still.index, "sigma"].to_numpy()
    n = results.parameters.loc[still.index, "n"].to_numpy()
    assert still["omega"].to_numpy() == pytest.approx(sigma**2 * (n - 2) / n)
    assert (still["beta"] == 0).all()


def test_a_missing_package_is_named(monkeypatch, wild):
    results, _ = wild
    monkeypatch.setitem(sys.modules, "arch.univariate", None)
    with pytest.raises(InputError, match='pip install "arch>=8,<9"'):
        garch_volatility(results, (0, 0))


def test_a_model_that_moves_its_variance_is_refused():
    from analysis.eventstudy import TimeOfDay

    returns = clustered_volatility(3, seed=3)
    asked = events(returns, [230])
    results = EventStudy(returns, asked, model=TimeOfDay(MeanAdjusted()), **OPTIONS).fit()
    with pytest.raises(InputError, match="has a moving variance already"):
        garch_volatility(results, (0, 0))
