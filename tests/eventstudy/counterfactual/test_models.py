"""Counterfactual models: against the papers' formulas, and as models of a study."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import (
    AugmentedSyntheticControl,
    EventStudy,
    InteractiveFixedEffects,
    MarketModel,
    SyntheticControl,
    SyntheticDiD,
)
from analysis.eventstudy.counterfactual import weights
from tests.reference import slow_counterfactual as slow
from tests.reference.panels import events, panel, study

MODELS = [
    SyntheticControl(),
    AugmentedSyntheticControl(penalty=0.01),
    SyntheticDiD(),
    InteractiveFixedEffects(factors=2),
]
by_name = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def matched(model, rows):
    y, before, _, after = rows
    return model.match(y[None], before, after)[0]


# What the models find, against the papers.


@pytest.mark.parametrize("seed", range(3))
def test_augmented_weights_are_those_of_a_ridge_regression_across_donors(seed):
    rows = slow.panel(seed, donors=10, days=25)
    ours = matched(AugmentedSyntheticControl(penalty=0.004), rows)
    np.testing.assert_allclose(ours.weights, slow.augmented(*rows[:2], 0.004), atol=1e-6)
    assert ours.weights.sum() == pytest.approx(1, abs=1e-9)


def test_a_large_penalty_leaves_synthetic_control_as_it_is():
    rows = slow.panel(4)
    plain = matched(SyntheticControl(), rows)
    ours = matched(AugmentedSyntheticControl(penalty=1e9), rows)
    np.testing.assert_allclose(ours.weights, plain.weights, atol=1e-9)
    np.testing.assert_allclose(ours.forecast, plain.forecast, atol=1e-9)
    assert ours.spent == pytest.approx(plain.spent)


def test_the_penalty_is_cross_validated_over_stretches_of_days():
    y, before, _, after = slow.panel(5, donors=8, days=24)
    model = AugmentedSyntheticControl(folds=4)
    found = model.match(y[None], before, after)[0].tuned
    apart = before - before.mean(axis=1, keepdims=True)
    grid = np.linalg.eigvalsh(apart @ apart.T)[-1] * 1e-8 ** (np.arange(21) / 20)
    errors = np.empty((4, 21))
    for fold in range(4):
        out = np.arange(6 * fold, 6 * fold + 6)
        keep = np.setdiff1d(np.arange(24), out)
        for at, penalty in enumerate(grid):
            left = y[out] - before[out] @ slow.augmented(y[keep], before[keep], penalty)
            errors[fold, at] = np.mean(left**2)
    mean, spread = errors.mean(axis=0), errors.std(axis=0, ddof=1) / 2
    best = mean.argmin()
    assert found == pytest.approx(grid[mean <= mean[best] + spread[best]].max())


@pytest.mark.parametrize("seed", range(3))
def test_difference_in_differences_is_that_of_the_paper(seed):
    # More donors than days: the time weights are unique.
    y, before, y_after, after = slow.panel(seed, donors=20, days=12)
    tau, omega, lam, zeta = slow.difference(y, before, y_after, after)
    ours = matched(SyntheticDiD(), (y, before, y_after, after))
    np.testing.assert_allclose(ours.weights, omega, atol=1e-6)
    assert np.mean(y_after - ours.after) == pytest.approx(tau, abs=1e-7)
    # Two counterfactuals of the days before, one with and one without the shift.
    assert (ours.before - before @ ours.weights) == pytest.approx(
        lam @ (y - before @ omega), abs=1e-7
    )
    assert ours.extras[3] == pytest.approx(zeta)


@pytest.mark.parametrize(("donors", "days"), [(12, 60), (80, 30)])
def test_interactive_effects_are_principal_components_and_least_squares(donors, days):
    y, before, y_after, after = slow.panel(6, donors=donors, days=days)
    for r in (0, 1, 3):
        ours = matched(InteractiveFixedEffects(factors=r), (y, before, y_after, after))
        known, ahead = slow.interactive(y, before, after, r)
        np.testing.assert_allclose(ours.before, known, atol=1e-12)
        np.testing.assert_allclose(ours.after, ahead, atol=1e-12)
        # The same as a mixture of the donors, less their means.
        every = np.vstack([before, after])
        mixed = (every - every.mean(axis=0)) @ ours.weights
        np.testing.assert_allclose(np.diff(mixed[:days]), np.diff(known), atol=1e-12)


def test_the_number_of_factors_is_the_one_that_predicts_days_left_out_best():
    y, before, y_after, after = slow.panel(8, donors=60, days=80, factors=3, noise=0.003)
    errors = [slow.leave_one_out(y, before, after, r) for r in range(6)]
    found = matched(InteractiveFixedEffects(), (y, before, y_after, after)).tuned
    assert found == np.argmin(errors)
    assert found >= 3


@by_name
def test_the_forecast_covariance_is_that_of_small_changes(model):
    """S and P by moving every estimation return a little, the donors that are active held."""
    y, before, _, after = slow.panel(9, donors=10, days=20)
    here = model.match(y[None], before, after)[0]
    step = 1e-8
    smoother, forecast = np.empty((20, 20)), np.empty((5, 20))
    for day in range(20):
        moved = y.copy()
        moved[day] += step
        there = model.match(moved[None], before, after)[0]
        smoother[:, day] = (there.before - here.before) / step
        forecast[:, day] = (there.after - here.after) / step
    np.testing.assert_allclose(here.forecast, forecast, atol=2e-5)
    spent = np.trace(2 * smoother - smoother @ smoother.T)
    assert here.spent == pytest.approx(spent, abs=1e-4)


# As models of a study.


@by_name
def test_abnormal_returns_are_what_is_left_of_the_counterfactual(model):
    returns, _ = panel(12, 160, seed=1)
    asked = events(returns, [100, 100], ["S0", "S1"])
    results = study(returns, asked, model=model).fit()
    donors = returns.iloc[:, 2:]
    for security in ("S0", "S1"):
        y = returns[security].to_numpy()
        match = model.match(
            y[None, 40:90], donors.iloc[40:90].to_numpy(), donors.iloc[97:104].to_numpy()
        )[0]
        key = results.index[results.index.get_level_values("security") == security][0]
        np.testing.assert_allclose(
            results.abnormal.loc[key], y[97:104] - match.after, rtol=1e-9, atol=1e-13
        )
        row = results.parameters.loc[key]
        rss = float(np.sum((y[40:90] - match.before) ** 2))
        sigma2 = rss / (50 - match.spent)
        assert row["sigma"] == pytest.approx(np.sqrt(sigma2))
        assert row["rmspe"] == pytest.approx(np.sqrt(rss / 50))
        assert (row["n"], row["n_donors"], row["n_dropped"]) == (50, 10, 0)
        car = results.car((-1, 1)).loc[key]
        total = match.forecast[2:5].sum(axis=0)
        assert car["se"] == pytest.approx(np.sqrt(sigma2 * (3 + total @ total)))
        assert car["df"] == pytest.approx(50 - match.spent)


@by_name
def test_every_test_of_the_battery_answers(model):
    returns, _ = panel(14, 200, seed=2)
    asked = events(returns, [100, 120, 120, 140], ["S0", "S1", "S2", "S3"])
    table = study(returns, asked, model=model).fit().tests([(0, 0), (-1, 1)])
    leading = table.set_index(["window_start", "test"])["p_value"]
    for test in ("patell_z", "bmp_t", "kolari_pynnonen_t", "grank_t", "corrado_rank", "sign"):
        assert 0 <= leading[(0, test)] <= 1


@by_name
def test_a_known_effect_is_found(model):
    y, before, y_after, after = slow.panel(11, donors=20, days=120, noise=0.004)
    values = np.column_stack([np.concatenate([y, y_after]), np.vstack([before, after])])
    values[120:, 0] += 0.03
    index = pd.bdate_range("2024-01-01", periods=125)
    returns = pd.DataFrame(values, index=index, columns=[f"S{at}" for at in range(21)])
    asked = events(returns, [120], ["S0"])
    results = study(returns, asked, model=model, estimation=(-120, -1), window=(0, 4)).fit()
    car = results.car((0, 4)).iloc[0]
    assert abs(car["car"] - 0.15) < 4 * car["se"] < 0.08


@by_name
def test_t_keeps_its_size_when_nothing_happened(model):
    """300 securities, so that a share of rejections far from 5 % would show."""
    rejected = []
    for seed in range(6):
        returns, _ = panel(70, 110, seed=seed)
        asked = events(returns, [100] * 50, [f"S{at}" for at in range(50)])
        results = study(returns, asked, model=model, estimation=(-90, -6)).fit()
        rejected.append(results.car((-1, 1))["p_value"] < 0.05)
    assert 0.015 < np.mean(rejected) < 0.095


def test_weights_of_donors_are_recovered_and_name_them():
    returns, _ = panel(10, 200, seed=3)
    returns["S0"] = 0.6 * returns["S4"] + 0.4 * returns["S7"]
    returns["S0"] += np.random.default_rng(3).normal(0, 0.001, 200)
    results = study(
        returns, events(returns, [150], ["S0"]), model=SyntheticControl(), estimation=(-120, -11)
    ).fit()
    found = weights(results)
    assert found["donor"].tolist()[:2] == ["S4", "S7"]
    np.testing.assert_allclose(found["weight"][:2], [0.6, 0.4], atol=0.02)
    assert found["weight"].sum() == pytest.approx(1)
    assert results.parameters["active"].iloc[0] == len(found)


@by_name
def test_weights_reproduce_the_abnormal_returns(model):
    returns, _ = panel(12, 160, seed=4, gaps=0.002)
    asked = events(returns, [100, 130], ["S0", "S1"])
    results = study(returns, asked, model=model).fit()
    found = weights(results)
    for event_id, security in results.index:
        own = found[(found["event_id"] == event_id) & (found["security"] == security)]
        mixed = returns[own["donor"]] @ own["weight"].to_numpy()
        row = 100 if event_id == "e0" else 130
        left = (returns[security] - mixed).iloc[row - 3 : row + 4].to_numpy()
        # Up to what the model adds on every day alike.
        np.testing.assert_allclose(
            np.diff(results.abnormal.loc[(event_id, security)]), np.diff(left), atol=1e-12
        )


# Who is a donor.


@by_name
def test_the_shocked_group_is_never_among_the_weights(model):
    returns, factors = panel(12, 160, seed=5)
    asked = events(returns, [100, 100, 130], ["S0", "S1", "S2"])
    results = study(returns, asked, factors, model=replace(model, leave_out=["S3", "S4"])).fit()
    assert not set(weights(results)["donor"]) & {"S0", "S1", "S2", "S3", "S4"}
    assert results.parameters["n_donors"].tolist() == [7, 7, 7]


def test_donors_may_be_named():
    returns, _ = panel(8, 160, seed=6)
    asked = events(returns, [100], ["S0"])
    results = study(returns, asked, model=SyntheticControl(donors=["S5", "S3", "S6"])).fit()
    assert set(weights(results)["donor"]) <= {"S3", "S5", "S6"}
    assert results.parameters["n_donors"].tolist() == [3]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"donors": ["S1", "S2"]}, "'S1' cannot be a donor: it has an event in this study"),
        ({"donors": ["S2"], "leave_out": ["S2"]}, "'S2' cannot be a donor: it is in leave_out"),
        ({"donors": ["S2", "T"]}, "Unknown donor 'T'"),
        ({"leave_out": ["S9"]}, "Unknown security in leave_out 'S9'"),
        ({"donors": ["S2"]}, "at least 2 donors, and returns holds 1"),
        ({"leave_out": ["S2", "S3"]}, "at least 2 donors, and returns holds 0"),
    ],
)
def test_donors_that_cannot_be_are_refused(options, sentence):
    returns, _ = panel(4, 160)
    asked = events(returns, [100, 100], ["S0", "S1"])
    with pytest.raises(InputError, match=sentence):
        study(returns, asked, model=SyntheticControl(**options))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AugmentedSyntheticControl(penalty=0), "penalty must be a number above zero"),
        (lambda: AugmentedSyntheticControl(penalty="large"), "penalty must be a number"),
        (lambda: AugmentedSyntheticControl(folds=1), "folds must be at least 2"),
        (lambda: AugmentedSyntheticControl(folds=2.5), "folds must be at least 2, a whole number"),
        (lambda: InteractiveFixedEffects(factors=-1), "factors must be at least 0"),
        (
            lambda: InteractiveFixedEffects(factors=1.5),
            "factors must be at least 0, a whole number",
        ),
    ],
)
def test_parameters_that_cannot_be_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_factor_of_the_same_name_is_left_alone():
    returns, factors = panel(6, 160, seed=7)
    asked = events(returns, [100], ["S0"])
    clash = factors.rename(columns={"F0": "donor 0: S1"})
    results = study(returns, asked, clash, model=SyntheticControl()).fit()
    alone = study(returns, asked, model=SyntheticControl()).fit()
    pd.testing.assert_frame_equal(results.abnormal, alone.abnormal)
    assert "donor 0: S1" in results.study.factors


def test_a_study_made_again_chooses_its_donors_again():
    returns, factors = panel(8, 160, seed=8)
    first = study(returns, events(returns, [100], ["S0"]), factors, model=SyntheticControl())
    again = replace(first, events=events(returns, [100, 100], ["S0", "S1"]))
    assert again.model.pool == tuple(f"S{at}" for at in range(2, 8))
    assert list(again.factors.columns) == ["F0", *again.model.columns]
    fresh = study(returns, again.events, factors, model=SyntheticControl()).fit()
    pd.testing.assert_frame_equal(again.fit().abnormal, fresh.abnormal)


# Gaps, calendars, workers.


def test_a_donor_with_a_hole_on_a_row_of_the_event_is_dropped_for_it_alone():
    returns, _ = panel(10, 200, seed=9)
    returns.iloc[60, 5] = np.nan
    returns.iloc[102, 6] = np.nan
    asked = events(returns, [100, 180], ["S0", "S1"])
    results = study(returns, asked, model=SyntheticControl()).fit()
    assert results.parameters["n_donors"].tolist() == [6, 8]
    assert results.parameters["n_dropped"].tolist() == [2, 0]
    without = returns.drop(columns=["S5", "S6"])
    alone = study(without, asked, model=SyntheticControl()).fit()
    pd.testing.assert_frame_equal(results.abnormal.iloc[:1], alone.abnormal.iloc[:1])


def test_a_row_that_the_security_misses_asks_nothing_of_its_donors():
    returns, _ = panel(10, 200, seed=10)
    returns.iloc[[60, 101], 0] = np.nan
    returns.iloc[60, 5] = np.nan
    returns.iloc[101, 6] = np.nan
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    assert results.parameters[["n_donors", "n_dropped", "n"]].iloc[0].tolist() == [9, 0, 49]
    assert np.isnan(results.abnormal[1].iloc[0])
    assert results.abnormal.notna().sum().sum() == 6


@by_name
def test_too_few_donors_are_said_in_the_ledger(model):
    returns, _ = panel(6, 200, seed=11)
    returns.iloc[70, 2:6] = np.nan
    results = study(returns, events(returns, [100, 180], ["S0", "S1"]), model=model).fit()
    assert list(results.index) == [("e1", "S1")]
    assert results.skipped["reason"].tolist() == [
        "too few donors have a return on every one of its rows in the estimation window (-60, -11)"
    ]


def test_a_perfect_match_has_no_residual_variance_and_says_so():
    returns, _ = panel(6, 200, seed=12)
    returns["S0"] = 0.5 * returns["S2"] + 0.5 * returns["S3"]
    results = study(returns, events(returns, [100], ["S0"]), model=SyntheticControl()).fit()
    assert "the residual variance is zero" in results.skipped["reason"].iloc[0]


def test_more_donors_than_days_may_leave_no_degree_of_freedom():
    rng = np.random.default_rng(13)
    index = pd.bdate_range("2024-01-01", periods=40)
    returns = pd.DataFrame(rng.normal(0, 0.01, (40, 300)), index=index).rename(columns=str)
    returns["0"] *= 0.01
    asked = events(returns, [20], ["0"])
    options = {"estimation": (-12, -5), "window": (0, 2), "min_observations": 8}
    results = EventStudy(returns, asked, model=SyntheticControl(), **options).fit()
    assert "no degree of freedom" in results.skipped["reason"].iloc[0]


def test_sessions_of_the_security_count_and_not_those_of_its_donors():
    returns, _ = panel(8, 200, seed=14)
    closed = returns.index[[60, 80, 99]]
    returns.loc[closed, "S0"] = np.nan
    own = returns.index.drop(closed)
    calendars = {name: own if name == "S0" else returns.index for name in returns}
    asked = events(returns, [100], ["S0"])
    results = study(returns, asked, model=SyntheticControl(), calendars=calendars).fit()
    cut = study(returns.drop(closed), asked, model=SyntheticControl()).fit()
    pd.testing.assert_frame_equal(results.abnormal, cut.abnormal)
    pd.testing.assert_frame_equal(weights(results), weights(cut))


@by_name
def test_workers_and_companions_change_nothing(model):
    returns, _ = panel(20, 200, seed=15, gaps=0.001)
    names = [f"S{at}" for at in range(6)]
    asked = events(returns, [100, 100, 100, 130, 130, 150], names)
    question = study(returns, asked, model=model)
    alone = question.fit()
    with ThreadPoolExecutor(2) as executor:
        pd.testing.assert_frame_equal(question.fit(executor).abnormal, alone.abnormal)
    assert pickle.loads(pickle.dumps(question.model)) == question.model
    one = study(
        returns, asked.iloc[[1]], model=replace(model, leave_out=[n for n in names if n != "S1"])
    ).fit()
    np.testing.assert_allclose(one.abnormal.iloc[0], alone.abnormal.iloc[1], rtol=1e-7, atol=1e-12)


@by_name
@pytest.mark.parametrize("scale", [1e-3, 100.0])
def test_t_does_not_depend_on_the_unit(model, scale):
    returns, _ = panel(12, 160, seed=16)
    asked = events(returns, [100], ["S0"])
    other = replace(model, penalty=model.penalty * scale**2) if hasattr(model, "penalty") else model
    one = study(returns, asked, model=model).fit().car((-1, 1))
    far = study(returns * scale, asked, model=other, units="any").fit().car((-1, 1))
    np.testing.assert_allclose(far["car"], one["car"] * scale, rtol=1e-7)
    np.testing.assert_allclose(far["t"], one["t"], rtol=1e-7)


def test_only_results_of_these_models_have_weights():
    returns, factors = panel(4, 160)
    results = study(returns, events(returns, [100]), factors, model=MarketModel("F0")).fit()
    with pytest.raises(InputError, match=r"counterfactual model .* not of market model"):
        weights(results)
