import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference import joint_ranks as ranking
from analysis.eventstudy.inference import ranks, signs
from tests.reference import slow_fit, slow_statistics
from tests.reference.by_hand import one_day_sample

ACROSS = ["corrado_rank", "corrado_zivney_rank", "grank_t", "grank_z", "grank_overlap"]
SIGNS = ["sign", "generalized_sign", "wilcoxon"]


def outcome_of(name, sample, mean=0.0):
    if name in SIGNS:
        return getattr(signs, name)(sample)
    return getattr(ranks, name)(sample, *([mean] if name == "grank_overlap" else []))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    events=st.integers(4, 15),
    missing=st.sampled_from([0.0, 0.05, 0.2]),
    model=st.sampled_from(["mean", "adjusted", "market", "factors"]),
    car=st.sampled_from([(0, 0), (-1, 1), (-3, 3)]),
)
def test_every_statistic_agrees_with_its_definition_in_loops(seed, events, missing, model, car):
    sample = slow_fit.random_sample(seed, events, car=car, missing=missing, model=model)
    if sample.size < 2:
        return
    mean = rbar(sample)
    for name in ACROSS + SIGNS:
        outcome = outcome_of(name, sample, mean)
        statistic, df, p_value = getattr(slow_statistics, name)(sample, mean)
        assert outcome.test == name
        assert outcome.n == sample.size
        assert outcome.reason == ""
        assert outcome.statistic == pytest.approx(statistic, rel=1e-10, abs=1e-10)
        assert outcome.p_value == pytest.approx(p_value, rel=1e-9)
        assert outcome.df == df or (df is None and math.isnan(outcome.df))


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 9)),
        elements=st.sampled_from([-1.5, -0.0, 0.0, 0.1, 2.0, 1e300, math.nan]),
    )
)
def test_midranks_are_those_of_scipy(values):
    expected = stats.rankdata(values, axis=1, nan_policy="omit")
    np.testing.assert_array_equal(ranking.midranks(values), expected)


def test_no_columns_have_no_ranks():
    assert ranking.midranks(np.empty((3, 0))).shape == (3, 0)


def test_corrado_rank_by_hand():
    # U of 1..5 among five: -1/3, -1/6, 0, 1/6, 1/3; S² = 1/18; (1/3)·√18 = √2.
    outcome = ranks.corrado_rank(one_day_sample([5.0], [[1.0, 2.0, 3.0, 4.0]]))
    assert outcome.statistic == pytest.approx(math.sqrt(2))
    assert outcome.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(2)))


def test_corrado_rank_weights_a_day_by_the_events_present():
    # The second event has no first day: its ranks 2, 1 | 3 of three, U = 0, -1/4 | 1/4. With
    # the first event's 1, 2, 3 | 4 of four, U = -.3, -.1, .1 | .3 the days' mean U are
    # -.3 (one of two events), -.05, -.075 | .275.
    sample = one_day_sample([9.0, 9.0], [[1.0, 2.0, 3.0], [np.nan, 2.0, 1.0]])
    s = math.sqrt((0.5 * 0.3**2 + 0.05**2 + 0.075**2 + 0.275**2) / 4)
    assert ranks.corrado_rank(sample).statistic == pytest.approx(0.275 / s)


def test_a_variance_that_rises_at_the_event_leaves_corrado_and_zivney_alone():
    fitted = slow_fit.random_fitted(2, 20, spread=0, missing=0.0, model="adjusted")
    louder = slow_fit.random_fitted(2, 20, spread=0, missing=0.0, model="adjusted")
    louder.ar[:] *= 8
    quiet, loud = window_sample(fitted, (-1, 1))[0], window_sample(louder, (-1, 1))[0]
    assert ranks.corrado_zivney_rank(loud).statistic == pytest.approx(
        ranks.corrado_zivney_rank(quiet).statistic
    )
    assert ranks.corrado_rank(loud).statistic != pytest.approx(ranks.corrado_rank(quiet).statistic)


TWO = ([1.0, 3.0], [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])


def test_generalized_ranks_by_hand():
    # SCAR* = 1/√2 and 3/√2 rank 3rd and 4th of four: U = .1 and .3, sum .4, mean .2. The
    # estimation U are -.3, -.1, .3 and -.3, -.1, .1; S² = (.09 + .01 + .04 + .04)/4 = .045.
    # Z² = 8/9, so t² = (8/9)·2/(3 − 8/9) = 16/19; z² = .16/(2 · 3/60) = 1.6.
    t = ranks.grank_t(one_day_sample(*TWO))
    assert t.statistic == pytest.approx(math.sqrt(16 / 19))
    assert t.df == 2
    assert t.p_value == pytest.approx(2 * stats.t.sf(math.sqrt(16 / 19), 2))
    z = ranks.grank_z(one_day_sample(*TWO))
    assert z.statistic == pytest.approx(math.sqrt(1.6))
    assert z.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(1.6)))


def test_grank_overlap_by_hand():
    # With r̄ = ½ the SCAR* are ½ and 3/2, ranked as before. On the same dates the U of the
    # two events correlate by .12/√(.56/3 · .08); on dates apart the windows share nothing.
    mean = 0.12 / math.sqrt(0.56 / 3 * 0.08)
    same_day = ranks.grank_overlap(one_day_sample(*TWO), 0.5)
    apart = ranks.grank_overlap(one_day_sample(*TWO, day0=[3, 4]), 0.0)
    assert same_day.statistic == pytest.approx(0.4 / math.sqrt(0.1 * (1 + mean)))
    assert apart.statistic == pytest.approx(math.sqrt(1.6))
    assert apart.df == 1
    assert apart.p_value == pytest.approx(2 * stats.t.sf(math.sqrt(1.6), 1))


def test_a_generalized_rank_at_its_bound_has_no_t():
    # Both events the highest of all, their estimation ranks cancelling: Z² = T' − 1.
    sample = one_day_sample([5.0, 6.0], [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    means = np.array([-0.1, -0.1, -0.1, 0.3])
    assert means[-1] ** 2 / (means**2).mean() == pytest.approx(3.0)
    outcome = ranks.grank_t(sample)
    assert math.isnan(outcome.statistic)
    assert "reaches its bound of 3" in outcome.reason


def test_ranks_that_cancel_in_every_row_have_no_test():
    # Two events ranked in exactly opposite order: every mean is one half.
    mirrored = one_day_sample([4.0, -4.0], [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]])
    for name in ["corrado_rank", "corrado_zivney_rank", "grank_t"]:
        outcome = outcome_of(name, mirrored)
        assert math.isnan(outcome.statistic)
        assert outcome.reason == ranks.BALANCED


def test_a_day_that_cannot_be_standardised_has_no_corrado_zivney_test():
    outcome = ranks.corrado_zivney_rank(one_day_sample([2.0, 2.0, 2.0]))
    assert math.isnan(outcome.statistic)
    assert outcome.reason == "a day of the window cannot be ranked"


@pytest.mark.parametrize("name", ["grank_t", "grank_z", "grank_overlap"])
def test_events_that_do_not_differ_have_no_generalized_rank(name):
    outcome = outcome_of(name, one_day_sample([0.1, 0.1, 0.1]), 0.2)
    assert math.isnan(outcome.statistic)
    assert "the same for every event" in outcome.reason


def test_a_single_estimation_row_is_too_little_to_rank():
    outcome = ranks.grank_t(one_day_sample([1.0, 2.0], [[0.3], [0.1]]))
    assert outcome.reason == "needs more than 2 rows to rank, has 2"


def test_dependence_of_one_has_no_overlap_rank():
    outcome = ranks.grank_overlap(one_day_sample([1.0, 2.0]), 1.0)
    assert "move as one" in outcome.reason
    # The residuals differ in size alone: their ranks are the same although r̄ is below 1.
    alike = one_day_sample([5.0, 6.0], [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.5]])
    mean = rbar(alike)
    assert mean < 1 - 1e-6
    outcome = ranks.grank_overlap(alike, mean)
    assert outcome.reason.startswith("ranks: the events move as one")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("corrado_rank", 1),
        ("corrado_zivney_rank", 2),
        ("grank_t", 2),
        ("grank_z", 2),
        ("grank_overlap", 2),
        ("sign", 1),
        ("generalized_sign", 1),
        ("wilcoxon", 1),
    ],
)
def test_too_few_events_are_said(name, least):
    for size in range(3):
        sample = one_day_sample([2.0, 3.0][:size], [[-1.0, 0.1, 1.0], [-0.1, 4.0, 3.5]][:size])
        outcome = outcome_of(name, sample, 0.1)
        assert (outcome.reason == "") == (size >= least)
        if size < least:
            assert outcome.reason.endswith(f", has {size}")
            assert math.isnan(outcome.statistic)


def test_a_car_of_zero_counts_but_is_not_positive():
    # 3 of 5 against 5/2: ½ / (√5/2)
    assert signs.sign(one_day_sample([1.0, 2.0, 3.0, 0.0, -1.0])).statistic == pytest.approx(
        1 / math.sqrt(5)
    )


def test_generalized_sign_by_hand():
    # Shares of positive residuals ½ and 0 of the days present: p̂ = ¼; 2 of 2 positive.
    sample = one_day_sample([1.0, 2.0], [[1.0, -1.0, np.nan], [0.0, -1.0, -2.0]])
    assert signs.generalized_sign(sample).statistic == pytest.approx(1.5 / math.sqrt(2 * 3 / 16))


@pytest.mark.parametrize(("residual", "which"), [(-1.0, "no"), (1.0, "every")])
def test_an_estimation_window_of_one_sign_has_no_generalized_sign_test(residual, which):
    outcome = signs.generalized_sign(one_day_sample([1.0, 2.0], np.full((2, 3), residual)))
    assert math.isnan(outcome.statistic)
    assert outcome.reason.startswith(f"{which} abnormal return")


def test_an_event_without_estimation_days_has_no_generalized_sign_test():
    outcome = signs.generalized_sign(one_day_sample([1.0, 2.0], [[1.0, -1.0], [np.nan, np.nan]]))
    assert outcome.reason == "an event has no estimation day"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-6, 6).map(float), st.floats(-1, 1, width=32)),
        min_size=1,
        max_size=60,
    )
)
def test_wilcoxon_is_that_of_scipy(car):
    outcome = signs.wilcoxon(one_day_sample(car))
    if not any(car):
        assert outcome.reason == "every CAR is zero"
        return
    statistic, _, p_value = slow_statistics.wilcoxon(one_day_sample(car), None)
    assert outcome.statistic == statistic
    assert outcome.p_value == pytest.approx(p_value, rel=1e-10)


@pytest.mark.parametrize(("n", "method"), [(50, "exact"), (51, "asymptotic")])
def test_wilcoxon_is_exact_up_to_fifty_events(n, method):
    car = np.random.default_rng(n).standard_normal(n) + 0.2
    expected = stats.wilcoxon(car, method=method)
    assert signs.wilcoxon(one_day_sample(car)).p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_wilcoxon_exact_by_hand():
    # All of 4 positive: W = 0, one of 16 signings on either side.
    outcome = signs.wilcoxon(one_day_sample([1.0, 2.0, 3.0, 4.0]))
    assert (outcome.statistic, outcome.p_value) == (0.0, 2 / 16)


def test_ranks_do_not_depend_on_how_the_values_lie_in_memory():
    rng = np.random.default_rng(5)
    values, one = rng.standard_normal((40, 30)), rng.standard_normal((40, 1))
    usual = ranking.JointRanks(values, [one])
    turned = ranking.JointRanks(np.asfortranarray(values), [np.asfortranarray(one)])
    assert np.array_equal(usual.of_values(0), turned.of_values(0))
    assert np.array_equal(usual.of_group(0), turned.of_group(0))
    assert np.array_equal(usual.rank_sums(0)[0], turned.rank_sums(0)[0])
