"""How often the tests reject a true null: 5 % of the time, or they are not to be led with.

Firms with a common shock (residual correlation 0.2) and no event effect, simulated with a
fixed seed. The bounds leave three standard errors of 400 draws (1.1 points at 5 %).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analysis.eventstudy import battery
from analysis.eventstudy.fitted import Fitted, cumulate

DRAWS, EVENTS, ESTIMATION, CORRELATION = 400, 30, 100, 0.2
NAMES = ["bmp_t", "patell_z", "grank_t", "kolari_pynnonen_t", "grank_overlap"]


def study(rng: np.random.Generator, days_apart: int) -> Fitted:
    """Mean-adjusted returns of correlated firms, day 0 anywhere within `days_apart` days."""
    offsets, estimation = np.arange(-2, 3), np.arange(-ESTIMATION - 3, -3)
    day0 = ESTIMATION + 5 + rng.integers(0, days_apart + 1, EVENTS)
    total = ESTIMATION + days_apart + 10
    common, own = rng.standard_normal(total), rng.standard_normal((EVENTS, total))
    returns = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own
    days, residual_days = day0[:, None] + offsets, day0[:, None] + estimation
    before = np.take_along_axis(returns, residual_days, axis=1)
    mean = before.mean(axis=1, keepdims=True)
    return Fitted(
        offsets=offsets,
        estimation_offsets=estimation,
        ar=np.take_along_axis(returns, days, axis=1) - mean,
        days=days,
        residuals=before - mean,
        residual_days=residual_days,
        x=np.ones((EVENTS, len(offsets), 1)),
        xtx_inv=np.full((EVENTS, 1, 1), 1.0 / ESTIMATION),
        sigma=before.std(axis=1, ddof=1),
        dof=np.full(EVENTS, ESTIMATION - 1.0),
        n=np.full(EVENTS, ESTIMATION),
    )


@cache
def rejections(days_apart: int) -> dict[str, float]:
    """Share of true nulls that each test rejects at 5 %."""
    rng = np.random.default_rng(20250127 + days_apart)
    rejected = dict.fromkeys(NAMES, 0)
    for _ in range(DRAWS):
        sample, _ = cumulate(study(rng, days_apart), (-2, 2))
        for outcome in battery.run(sample, NAMES):
            rejected[outcome.test] += outcome.p_value < 0.05
    return {name: count / DRAWS for name, count in rejected.items()}


@pytest.mark.parametrize("days_apart", [0, 4])
@pytest.mark.parametrize("name", ["bmp_t", "patell_z"])
def test_tests_that_take_the_events_for_independent_reject_far_too_often(days_apart, name):
    assert rejections(days_apart)[name] > 0.25


@pytest.mark.parametrize("days_apart", [0, 4])
@pytest.mark.parametrize("name", ["kolari_pynnonen_t", "grank_overlap"])
def test_the_recommended_tests_hold_their_size_when_events_share_dates(days_apart, name):
    assert 0.02 <= rejections(days_apart)[name] <= 0.09


def test_the_generalized_rank_test_holds_its_size_on_one_date_alone():
    assert 0.02 <= rejections(0)["grank_t"] <= 0.09
    assert rejections(4)["grank_t"] > 0.15
