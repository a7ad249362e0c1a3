"""The likelihood of uncertain dates against a slow one, row by row, and by simulation."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from analysis.eventstudy.uncertain_dates.ball_torous import (
    bounded_tail,
    chi_square_tail,
    maximise,
    moments,
    posterior,
    standard_error,
)


def draw(seed, events=6, securities=2, days=4, effect=0.0, ratio=1.0, rho=0.3, data_sets=1):
    """Daily abnormal returns (B, P, K), their sds, events, ρ and weights; one true day each."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(events), securities)
    sd = rng.uniform(0.01, 0.03, (events * securities, 1)) * np.ones(days)
    shape = (data_sets, events, securities, days)
    common = rng.standard_normal((data_sets, events, 1, days))
    own = rng.standard_normal(shape)
    noise = math.sqrt(rho) * common + math.sqrt(1 - rho) * own
    true = rng.integers(0, days, (data_sets, events))
    happens = (np.arange(days) == true[:, :, None])[:, :, None, :]
    noise = np.where(happens, math.sqrt(ratio) * noise, noise)
    values = sd.reshape(1, events, securities, days) * noise + effect * happens
    weight = np.full((events, days), 1 / days)
    flat = values.reshape(data_sets, events * securities, days)
    return flat, np.broadcast_to(sd, flat.shape), event, np.full(events, rho), weight


def log_density(y, mean, covariance):
    distance = y - mean
    _, log_determinant = np.linalg.slogdet(2 * math.pi * covariance)
    return -(log_determinant + distance @ np.linalg.solve(covariance, distance)) / 2


def slow_log_likelihood(A, lam, values, sd, event, rho, weight):
    """Log-density of all rows of the first data set, less that of no event at all."""
    total = 0.0
    for e in range(len(weight)):
        rows = np.flatnonzero(event == e)
        m = len(rows)
        R = np.full((m, m), rho[e]) + (1 - rho[e]) * np.eye(m)
        density, nothing = 0.0, 0.0
        for k in range(weight.shape[1]):
            if weight[e, k] == 0:
                continue
            log = math.log(weight[e, k])
            for t in range(weight.shape[1]):
                if not np.isfinite(values[0, rows, t]).all():
                    continue
                D = np.diag(sd[0, rows, t])
                hit = t == k
                log += log_density(
                    values[0, rows, t],
                    A if hit else 0.0,
                    D @ R @ D * (lam if hit else 1.0),
                )
            density += math.exp(log)
        for t in range(weight.shape[1]):
            if np.isfinite(values[0, rows, t]).all():
                D = np.diag(sd[0, rows, t])
                nothing += log_density(values[0, rows, t], 0.0, D @ R @ D)
        total += math.log(density) - nothing
    return total


@pytest.mark.parametrize(
    ("seed", "effect", "ratio", "securities"),
    [(1, 0.03, 2.0, 2), (2, 0.0, 1.0, 3), (3, -0.02, 4, 1)],
)
def test_the_maximum_is_that_of_the_density_of_every_row(seed, effect, ratio, securities):
    data = draw(seed, securities=securities, effect=effect, ratio=ratio)
    found = maximise(moments(*data))

    def minus(x):
        return -slow_log_likelihood(x[0] / 100, math.exp(x[1]), *data)

    at = slow_log_likelihood(found.effect[0], found.ratio[0], *data)
    assert at == pytest.approx(found.top[0], abs=1e-9)
    # Nothing beside it is better, and no optimiser finds better; where that ends is its own.
    own = np.array([100 * found.effect[0], math.log(found.ratio[0])])
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01], [0.01, 0.01], [-0.01, 0.01]):
        beside = own + step
        if beside[1] >= 0:
            assert -minus(beside) <= found.top[0] + 1e-9
    bounds = [(-30, 30), (0.0, 5.0)]
    for start in (-3.0, 3.0):
        end = optimize.minimize(minus, [start, 0.1], method="L-BFGS-B", bounds=bounds)
        assert -end.fun <= found.top[0] + 1e-9
    # One variable without an effect: a fine grid, then a finer one around its best point.
    grid = np.linspace(0, 5, 201)
    best = grid[np.argmax([slow_log_likelihood(0.0, math.exp(x), *data) for x in grid])]
    finer = np.clip(best + np.linspace(-0.025, 0.025, 101), 0, 5)
    nothing = max(slow_log_likelihood(0.0, math.exp(x), *data) for x in finer)
    assert found.null[0] >= nothing - 1e-9
    assert found.null[0] == pytest.approx(nothing, abs=1e-4)


def test_no_event_at_all_has_the_likelihood_zero():
    data = draw(4)
    assert slow_log_likelihood(0.0, 1.0, *data) == pytest.approx(0.0, abs=1e-12)
    found = maximise(moments(*data))
    assert found.top[0] >= found.null[0] >= 0.0


def test_a_known_date_gives_the_weighted_mean_and_its_standard_error():
    car = np.array([[[0.02], [0.01], [0.012], [0.016]]])
    se = np.array([[[0.01], [0.02], [0.015], [0.03]]])
    data = moments(car, se, np.arange(4), np.zeros(4), np.ones((4, 1)))
    found = maximise(data)
    precision = 1 / se[0, :, 0] ** 2
    mean = (car[0, :, 0] * precision).sum() / precision.sum()
    assert found.effect[0] == pytest.approx(mean)
    assert found.ratio[0] == 1.0
    assert standard_error(data, found.effect[0], 1.0) == pytest.approx(precision.sum() ** -0.5)
    # Against no event at all the likelihood ratio is the square of the z-statistic.
    assert 2 * found.top[0] == pytest.approx(mean**2 * precision.sum())


def test_correlated_securities_count_as_the_less():
    # Two securities with correlation ρ: the mean has variance σ²(1+ρ)/2.
    car, se = np.full((1, 2, 1), 0.01), np.full((1, 2, 1), 0.02)
    data = moments(car, se, np.zeros(2, dtype=int), np.array([0.6]), np.ones((1, 1)))
    assert standard_error(data, 0.01, 1.0) == pytest.approx(0.02 * math.sqrt(1.6 / 2))


def test_the_standard_error_is_the_curvature_of_the_likelihood():
    data = draw(5, events=12, effect=0.03, ratio=2.5)
    m = moments(*data)
    found = maximise(m)
    A, lam, h = found.effect[0], found.ratio[0], 1e-4
    assert lam > 1.05

    def at(a, b):
        return slow_log_likelihood(A + a * h, lam + b * h * 100, *data)

    hessian = np.array(
        [
            [
                at(1, 0) - 2 * at(0, 0) + at(-1, 0),
                (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4,
            ],
            [0.0, at(0, 1) - 2 * at(0, 0) + at(0, -1)],
        ]
    )
    hessian[1, 0] = hessian[0, 1]
    hessian /= np.outer([h, 100 * h], [h, 100 * h])
    expected = math.sqrt(np.linalg.inv(-hessian)[0, 0])
    assert standard_error(m, A, lam) == pytest.approx(expected, rel=1e-3)


def test_a_heavy_prior_holds_its_day_against_a_little_noise():
    car = np.array([[[0.010, 0.012, np.nan]]])
    data = moments(
        car, np.full_like(car, 0.02), np.zeros(1, int), np.zeros(1), np.array([[0.9, 0.1, 0]])
    )
    weight = posterior(data, np.array([0.01]), np.array([1.0]))[0, 0]
    assert weight.sum() == pytest.approx(1.0)
    assert weight[2] == 0.0
    odds = 0.9 / 0.1 * math.exp((2 * 0.01 * 0.010 - 2 * 0.01 * 0.012) / (2 * 0.02**2))
    assert weight[0] / weight[1] == pytest.approx(odds)


def test_data_sets_in_one_call_are_as_in_calls_of_their_own():
    data = draw(6, data_sets=5)
    together = maximise(moments(*data))
    for number in range(5):
        part = (data[0][number : number + 1], data[1][number : number + 1], *data[2:])
        alone = maximise(moments(*part))
        assert alone.effect[0] == pytest.approx(together.effect[number], rel=1e-6)
        assert alone.top[0] == pytest.approx(together.top[number], rel=1e-9, abs=1e-12)


def test_the_order_of_candidates_and_the_unit_change_nothing_but_their_own():
    values, sd, event, rho, weight = draw(7, effect=0.02)
    here = maximise(moments(values, sd, event, rho, weight))
    turned = maximise(moments(-100 * values[:, :, ::-1], 100 * sd, event, rho, weight))
    assert turned.effect[0] == pytest.approx(-100 * here.effect[0], rel=1e-6)
    assert turned.ratio[0] == pytest.approx(here.ratio[0], rel=1e-6)
    assert turned.statistic[0] == pytest.approx(here.statistic[0], rel=1e-9, abs=1e-9)


def test_the_effect_and_the_rise_of_the_variance_are_recovered():
    # 300 data sets of 60 events with 3 candidate days each; effect 1.5 standard deviations.
    data = draw(8, events=60, securities=1, days=3, effect=0.03, ratio=2.0, rho=0.0, data_sets=300)
    m = moments(*data)
    found = maximise(m)
    assert found.effect.mean() == pytest.approx(0.03, abs=0.0008)
    assert found.ratio.mean() == pytest.approx(2.0, abs=0.15)
    errors = [
        standard_error(type(m)(m.q[[b]], m.b[[b]], m.a[[b]], m.size, m.log_weight),
                       float(found.effect[b]), float(found.ratio[b]))
        for b in range(100)
    ]  # fmt: skip
    assert np.mean(errors) == pytest.approx(found.effect.std(), rel=0.15)


@pytest.mark.parametrize(("securities", "rho"), [(1, 0.0), (3, 0.4)])
def test_the_likelihood_ratio_holds_its_size(securities, rho):
    # 1,000 data sets of 40 events with 3 candidate days and no effect: binomial sd 0.7 %.
    data = draw(9, events=40, securities=securities, days=3, rho=rho, data_sets=1000)
    found = maximise(moments(*data))
    share = np.mean(found.statistic > stats.chi2.ppf(0.95, 1))
    assert 0.03 <= share <= 0.075
    both = np.mean([bounded_tail(2 * top) <= 0.05 for top in found.top])
    assert 0.02 <= both <= 0.075


def test_the_references_are_those_of_scipy():
    assert chi_square_tail(3.0) == pytest.approx(stats.chi2.sf(3.0, 1))
    assert bounded_tail(3.0) == pytest.approx((stats.chi2.sf(3.0, 1) + stats.chi2.sf(3.0, 2)) / 2)
