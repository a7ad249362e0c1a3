import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference import parametric
from analysis.eventstudy.inference.test_result import normal, student
from tests.reference import slow_fit, slow_statistics
from tests.reference.by_hand import one_day_sample

ALONE = ["time_series_t", "cross_sectional_t", "skewness_adjusted_t", "patell_z", "bmp_t"]
CORRECTED = ["adjusted_patell_z", "kolari_pynnonen_t"]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    events=st.integers(4, 15),
    missing=st.sampled_from([0.0, 0.05, 0.2]),
    model=st.sampled_from(["mean", "adjusted", "market", "factors"]),
    car=st.sampled_from([(0, 0), (-1, 1), (-3, 3)]),
)
def test_every_statistic_agrees_with_its_formula_in_loops(seed, events, missing, model, car):
    sample = slow_fit.random_sample(seed, events, car=car, missing=missing, model=model)
    if sample.size < 2:
        return
    mean = rbar(sample)
    for name in ALONE + CORRECTED:
        given_rbar = (mean,) if name in CORRECTED else ()
        outcome = getattr(parametric, name)(sample, *given_rbar)
        statistic, df, p_value = getattr(slow_statistics, name)(sample, mean)
        assert outcome.test == name
        assert outcome.n == sample.size
        assert outcome.reason == ""
        assert outcome.statistic == pytest.approx(statistic, rel=1e-10, abs=1e-10)
        assert outcome.p_value == pytest.approx(p_value, rel=1e-9)
        assert outcome.df == df or (df is None and math.isnan(outcome.df))


def test_time_series_t_by_hand():
    # AAR 1, -1, 2, 0 has mean 1/2 and sd √(5/3); CAAR is 3.
    sample = one_day_sample([2.0, 4.0], [[2.0, -1.0, 4.0, 0.0], [0.0, -1.0, 0.0, np.nan]])
    assert parametric.time_series_t(sample).statistic == pytest.approx(3 / math.sqrt(5 / 3))


def test_an_estimation_day_without_any_event_is_left_out_of_the_time_series_sd():
    hole = one_day_sample([2.0, 4.0], [[2.0, np.nan, -1.0, 4.0], [0.0, np.nan, -1.0, 0.0]])
    whole = one_day_sample([2.0, 4.0], [[2.0, -1.0, 4.0], [0.0, -1.0, 0.0]])
    assert parametric.time_series_t(hole) == parametric.time_series_t(whole)


@pytest.mark.parametrize("name", ["cross_sectional_t", "bmp_t"])
def test_means_over_their_spread_are_the_one_sample_t_test(name):
    values = np.random.default_rng(4).standard_normal(17) + 0.4
    outcome = getattr(parametric, name)(one_day_sample(values, sigma=0.03))
    scipy = stats.ttest_1samp(values, 0.0)
    assert outcome.statistic == pytest.approx(scipy.statistic, rel=1e-12)
    assert outcome.p_value == pytest.approx(scipy.pvalue, rel=1e-12)
    assert outcome.df == scipy.df == 16


def test_symmetric_cars_need_no_correction_for_skewness():
    sample = one_day_sample([1.0, 2.0, 3.0])
    outcome = parametric.skewness_adjusted_t(sample)
    assert outcome.statistic == pytest.approx(parametric.cross_sectional_t(sample).statistic)
    assert outcome.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(12)))


def test_skewness_adjusted_t_by_hand():
    # CARs 0, 0, 3: mean 1, sd √3, S = 1/√3, γ = 2/2^1.5 = 1/√2.
    s, g = 1 / math.sqrt(3), 1 / math.sqrt(2)
    expected = math.sqrt(3) * (s + g * s**2 / 3 + g**2 * s**3 / 27 + g / 18)
    outcome = parametric.skewness_adjusted_t(one_day_sample([0.0, 0.0, 3.0]))
    assert outcome.statistic == pytest.approx(expected, rel=1e-12)


def test_patell_z_by_hand():
    # 6 / √(3 · 4/2) = √6
    assert parametric.patell_z(one_day_sample([1.0, 2.0, 3.0], dof=4)).statistic == pytest.approx(
        math.sqrt(6)
    )


def test_corrections_for_dependence_by_hand():
    sample = one_day_sample([1.0, 2.0, 3.0], dof=4)
    # 1 + 2 · ½ = 2: √6/√2, and BMP = 2√3 times √(½/2).
    patell = parametric.adjusted_patell_z(sample, 0.5)
    bmp = parametric.kolari_pynnonen_t(sample, 0.5)
    assert patell.statistic == pytest.approx(math.sqrt(3))
    assert bmp.statistic == pytest.approx(math.sqrt(3))
    assert patell.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(3)))
    assert bmp.p_value == pytest.approx(2 * stats.t.sf(math.sqrt(3), 2))


def test_no_dependence_leaves_patell_and_bmp_as_they_are():
    sample = one_day_sample([1.0, 2.0, 5.0])
    assert (
        parametric.adjusted_patell_z(sample, 0.0).statistic == parametric.patell_z(sample).statistic
    )
    assert parametric.kolari_pynnonen_t(sample, 0.0).statistic == parametric.bmp_t(sample).statistic


@pytest.mark.parametrize("name", CORRECTED)
@pytest.mark.parametrize(
    ("mean", "reason"),
    [
        (1.0, "move as one"),
        (1.0 - 1e-15, "move as one"),
        (-0.5, "too negative for 3 events"),
        (-0.9, "too negative for 3 events"),
        (math.nan, "not defined"),
    ],
)
def test_an_unusable_mean_correlation_is_said(name, mean, reason):
    outcome = getattr(parametric, name)(one_day_sample([1.0, 2.0, 4.0]), mean)
    assert math.isnan(outcome.statistic)
    assert math.isnan(outcome.p_value)
    assert reason in outcome.reason


@pytest.mark.parametrize("name", ["patell_z", "adjusted_patell_z"])
def test_two_degrees_of_freedom_have_no_patell_variance(name):
    sample = one_day_sample([1.0, 2.0], dof=2)
    outcome = getattr(parametric, name)(sample, *([0.1] if name in CORRECTED else []))
    assert math.isnan(outcome.statistic)
    assert "2 degrees of freedom, needs more than 2" in outcome.reason


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("time_series_t", 1),
        ("cross_sectional_t", 2),
        ("skewness_adjusted_t", 2),
        ("patell_z", 1),
        ("adjusted_patell_z", 2),
        ("bmp_t", 2),
        ("kolari_pynnonen_t", 2),
    ],
)
def test_too_few_events_are_said(name, least):
    for size in range(3):
        sample = one_day_sample([1.0, 3.0][:size])
        outcome = getattr(parametric, name)(sample, *([0.1] if name in CORRECTED else []))
        assert (outcome.reason == "") == (size >= least)
        if size < least:
            assert outcome.reason.endswith(f", has {size}")
            assert math.isnan(outcome.statistic)


@pytest.mark.parametrize("name", ["cross_sectional_t", "skewness_adjusted_t", "bmp_t"])
@pytest.mark.parametrize("same", [0.0, 0.1])
def test_events_that_do_not_differ_have_no_cross_sectional_test(name, same):
    outcome = getattr(parametric, name)(one_day_sample([same] * 7))
    assert math.isnan(outcome.statistic)
    assert "the same for every event" in outcome.reason


def test_an_estimation_window_without_variation_has_no_time_series_test():
    still = one_day_sample([1.0, 2.0], [[0.1] * 4, [0.3] * 4])
    short = one_day_sample([1.0, 2.0], [[0.1], [0.3]])
    assert "never varies" in parametric.time_series_t(still).reason
    assert "at least 2 estimation days" in parametric.time_series_t(short).reason


def test_far_tails_keep_their_digits():
    # Closed forms: the normal tail by erfc; Student's t(2) by 2/(r(r+t)), r = √(2+t²).
    assert normal("x", 30.0, 5).p_value == pytest.approx(math.erfc(30 / math.sqrt(2)), rel=1e-12)
    r = math.sqrt(2 + 1e12)
    assert student("x", 1e6, 2, 5).p_value == pytest.approx(2 / (r * (r + 1e6)), rel=1e-9)
    assert student("x", -1e6, 2, 5).p_value == student("x", 1e6, 2, 5).p_value


@pytest.mark.parametrize("refer", [lambda v: normal("x", v, 5), lambda v: student("x", v, 3, 5)])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_statistic_that_is_no_number_has_a_reason(refer, value):
    outcome = refer(value)
    assert math.isnan(outcome.statistic)
    assert math.isnan(outcome.p_value)
    assert outcome.reason == "the statistic is not a finite number"
