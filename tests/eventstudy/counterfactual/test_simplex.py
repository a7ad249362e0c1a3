"""Least squares over the simplex: against an exact solution, and by its own conditions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.eventstudy.counterfactual.ridge_simplex import project, simplex_ridge
from analysis.eventstudy.counterfactual.simplex import frank_wolfe, simplex_least_squares
from tests.reference import slow_counterfactual as slow


def conditions(y, x, w, ridge=0.0):
    """The Karush–Kuhn–Tucker conditions: in the simplex, and no column would improve the fit."""
    # What rounding leaves of the gradient is a share of both terms of it, Xw and y.
    size = float(y @ y + (x**2).sum(axis=0).max()) or 1.0
    gradient = ridge * w - (y - x @ w) @ x
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1, abs=1e-9)
    level = w @ gradient
    assert gradient.min() >= level - 1e-9 * size
    # Complementary slackness: every column with a weight lies on the lowest level.
    assert np.abs((gradient - level) * w).max() <= 1e-9 * size


@pytest.mark.parametrize("seed", range(6))
def test_the_fit_is_the_best_there_is(seed):
    y, x, _, _ = slow.panel(seed, donors=15, days=40)
    found = simplex_least_squares(y[None], x)
    size = float(y @ y)
    ours, theirs = (slow.objective(y, x, w) for w in (found.weights[0], slow.simplex(y, x)))
    assert abs(ours - theirs) <= 1e-10 * size
    assert found.gap[0] <= 1e-10 * size


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_the_ridge_fit_is_the_best_there_is(ridge):
    y, x, _, _ = slow.panel(7, donors=15, days=40)
    w, gap = simplex_ridge(y, x, ridge)
    size = float(y @ y)
    theirs = slow.simplex(y, x, ridge)
    assert abs(slow.objective(y, x, w, ridge) - slow.objective(y, x, theirs, ridge)) <= 1e-10 * size
    assert gap <= 1e-10 * size


@given(
    seed=st.integers(0, 10_000),
    days=st.integers(2, 40),
    donors=st.integers(2, 60),
    scale=st.sampled_from([1e-4, 0.01, 1.0, 100.0]),
)
def test_the_weights_meet_the_optimality_conditions(seed, days, donors, scale):
    rng = np.random.default_rng(seed)
    x = scale * (rng.normal(size=(days, donors)) + rng.normal(size=(days, 1)))
    y = scale * rng.normal(size=(2, days))
    found = simplex_least_squares(y, x)
    for series, w, gap in zip(y, found.weights, found.gap, strict=True):
        conditions(series, x, w)
        assert gap <= 1e-9 * (series @ series)


@given(seed=st.integers(0, 10_000), donors=st.integers(2, 60), ridge=st.sampled_from([0.01, 1, 50]))
def test_the_ridge_weights_meet_the_optimality_conditions(seed, donors, ridge):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(20, donors)), rng.normal(size=20)
    w, _ = simplex_ridge(y, x, ridge)
    conditions(y, x, w, ridge)


@given(seed=st.integers(0, 10_000), doubled=st.integers(1, 5))
def test_donors_that_are_the_same_series_do_no_harm(seed, doubled):
    y, x, _, _ = slow.panel(seed, donors=8, days=30)
    twice = np.hstack([x, x[:, :doubled]])
    w = simplex_least_squares(y[None], twice).weights[0]
    conditions(y, twice, w)
    alone = slow.objective(y, x, simplex_least_squares(y[None], x).weights[0])
    assert slow.objective(y, twice, w) == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("shape", [(250, 40), (30, 400), (250, 2000)])
def test_the_weights_that_made_a_series_are_found(shape):
    rng = np.random.default_rng(1)
    x = rng.normal(size=shape)
    truth = np.zeros(shape[1])
    truth[[3, 11, 20]] = [0.5, 0.3, 0.2]
    w = simplex_least_squares((x @ truth)[None], x).weights[0]
    np.testing.assert_allclose(w, truth, atol=1e-6)


def test_series_are_matched_together_as_each_alone():
    _, x, _, _ = slow.panel(3, donors=50, days=80)
    y = np.random.default_rng(3).normal(0, 0.01, (5, 80)) + x[:, :5].T
    together = simplex_least_squares(y, x).weights
    for at in range(5):
        np.testing.assert_allclose(
            simplex_least_squares(y[at : at + 1], x).weights[0], together[at], atol=1e-12
        )


def test_a_series_in_the_middle_of_its_donors_is_matched_perfectly():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(10, 300))
    y = x.mean(axis=1)
    found = simplex_least_squares(y[None], x)
    assert np.linalg.norm(y - x @ found.weights[0]) <= 1e-9 * np.linalg.norm(y)


@pytest.mark.parametrize("y", [np.zeros(20), np.ones(20)])
def test_a_series_or_donors_that_do_not_move_are_no_trouble(y):
    x = np.zeros((20, 4))
    found = simplex_least_squares(y[None], x)
    assert found.weights[0].sum() == pytest.approx(1)
    assert found.gap[0] == 0


def test_frank_wolfe_begins_with_the_nearest_donor():
    y, x, _, _ = slow.panel(0, donors=30)
    nearest = np.argmin(((x - y[:, None]) ** 2).sum(axis=0))
    assert frank_wolfe(y[None], x)[0, 0] == nearest


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_the_projection_is_the_nearest_point_of_the_simplex(values):
    values = np.array(values)
    w = project(values)
    conditions(values, np.eye(len(values)), w)
