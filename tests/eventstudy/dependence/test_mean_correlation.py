import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import (
    LEAST_ALIKE,
    RBAR_MODES,
    mean_correlation,
    rbar,
)
from tests.reference import slow_fit, slow_statistics
from tests.reference.by_hand import one_day_sample

UP_DOWN = [1.0, -1.0, 1.0, -1.0]
ORTHOGONAL = [1.0, 1.0, -1.0, -1.0]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    events=st.integers(2, 12),
    spread=st.integers(0, 10),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
    car=st.sampled_from([(0, 0), (-1, 1), (-3, 3)]),
    mode=st.sampled_from(RBAR_MODES),
)
def test_rbar_agrees_with_a_loop_over_pairs(seed, events, spread, missing, car, mode):
    sample = slow_fit.random_sample(
        seed, events, car=car, spread=spread, missing=missing, estimation=25
    )
    if sample.size < 2:
        assert math.isnan(rbar(sample, mode))
    else:
        assert rbar(sample, mode) == pytest.approx(slow_statistics.rbar(sample, mode), abs=1e-12)


def alike_and_holed(seed: int, with_holes: int = 9):
    """Two crowds on two days of the same calendar, and some events with holes between."""
    rng = np.random.default_rng(seed)
    day0 = np.repeat([30, 31], [LEAST_ALIKE + 3, LEAST_ALIKE])
    day0 = np.append(day0, rng.integers(28, 34, with_holes))
    days = day0[:, None] + np.arange(-22, -2)
    values = rng.standard_normal(days.shape) + rng.standard_normal(60)[days]
    values[-with_holes:][rng.random((with_holes, 20)) < 0.3] = np.nan
    shuffle = rng.permutation(len(values))
    windows = day0[:, None] + np.arange(-1, 2)
    return values[shuffle], days[shuffle], windows[shuffle]


@pytest.mark.parametrize("weighted", [True, False])
def test_crowds_that_share_every_row_agree_with_a_loop_over_pairs(weighted):
    values, days, windows = alike_and_holed(3)
    chosen = windows if weighted else None
    slow = slow_statistics.mean_correlation(
        values, days, [[int(d) for d in row] for row in windows] if weighted else None
    )
    assert mean_correlation(values, days, chosen) == pytest.approx(slow, abs=1e-12)


@pytest.mark.parametrize(
    "second",
    [np.arange(1, 21, 2), np.arange(100, 120, 2), np.append(np.arange(1, 17, 2), [16, 18])],
    ids=["interleaved", "far apart", "two dates in common"],
)
def test_crowds_without_common_dates_share_no_correlation(second):
    rng = np.random.default_rng(6)
    days = np.repeat([np.arange(0, 20, 2), second], LEAST_ALIKE, axis=0)
    values = rng.standard_normal(days.shape) + 5 * rng.standard_normal(120)[days]
    within = np.corrcoef(values[:LEAST_ALIKE]).sum() + np.corrcoef(values[LEAST_ALIKE:]).sum()
    size = 2 * LEAST_ALIKE
    expected = (within - size) / (size * (size - 1))
    assert mean_correlation(values, days) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("block", [1, 2, 7, 40, 10_000])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_size_of_a_block_leaves_rbar_as_it_is(block, weighted):
    values, days, windows = alike_and_holed(5, with_holes=15)
    chosen = windows if weighted else None
    expected = mean_correlation(values, days, chosen)
    assert mean_correlation(values, days, chosen, block=block) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("events", [5, 2 * LEAST_ALIKE])
@pytest.mark.parametrize("mode", RBAR_MODES)
def test_events_on_one_date_give_the_plain_mean_correlation(events, mode):
    fitted = slow_fit.random_fitted(1, events, spread=0, missing=0.0, holidays=0.0)
    matrix = np.corrcoef(fitted.residuals)
    plain = (matrix.sum() - events) / (events * (events - 1))
    assert rbar(window_sample(fitted, (-1, 1))[0], mode) == pytest.approx(plain, abs=1e-12)


def test_each_pair_counts_as_far_as_its_windows_overlap():
    # Three events with the same residuals on the same dates, so that each correlation is 1;
    # the windows of the first two share 2 of 3 days, the third shares 1 day with the second.
    values = np.tile(UP_DOWN, (3, 1))
    days = np.tile(np.arange(4), (3, 1))
    windows = np.array([[10, 11, 12], [11, 12, 13], [13, 14, 15]])
    assert mean_correlation(values, days, windows) == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)


def test_windows_that_never_meet_leave_no_dependence():
    sample = one_day_sample([1.0, 2.0], [UP_DOWN, UP_DOWN], day0=[10, 12])
    assert rbar(sample, "overlap") == 0.0


def test_calendar_and_event_time_pair_different_residuals():
    # Two days apart, an alternating series meets itself on common dates, and so it does in
    # event time when both start alike; one day apart the common dates are out of step.
    two_apart = one_day_sample([1.0, 2.0], [UP_DOWN * 2, UP_DOWN * 2], day0=[10, 12])
    one_apart = one_day_sample([1.0, 2.0], [UP_DOWN * 2, UP_DOWN * 2], day0=[10, 11])
    assert rbar(two_apart, "calendar") == pytest.approx(1.0)
    assert rbar(one_apart, "calendar") == pytest.approx(-1.0)
    assert rbar(one_apart, "event") == pytest.approx(1.0)


def test_two_events_of_one_security_count_as_a_pair():
    # The same returns, read one day later: identical on the 7 common dates; of the window's
    # 3 days they share 2.
    series = np.array([0.3, -0.1, 0.4, 0.1, -0.5, 0.9, -0.2, 0.6, -0.4])
    values, days = np.array([series[:8], series[1:]]), np.array([np.arange(8), np.arange(1, 9)])
    windows = np.array([[9, 10, 11], [10, 11, 12]])
    assert mean_correlation(values, days, windows) == pytest.approx(2 / 3)


def test_two_common_dates_are_too_few():
    values = np.array([[1.0, 2.0, 3.0, np.nan], [np.nan, 2.0, 3.0, 5.0]])
    days = np.tile(np.arange(4), (2, 1))
    assert mean_correlation(values, days) == 0.0
    values[0, 3] = 9.0
    expected = np.corrcoef([2.0, 3.0, 9.0], [2.0, 3.0, 5.0])[0, 1]
    assert mean_correlation(values, days) == pytest.approx(expected)


def test_moments_are_taken_on_the_common_dates_alone():
    # The first row's outlier lies on a date that the second does not have.
    values = np.array([[1.0, 2.0, 3.0, 5.0, 1000.0], [2.0, 2.5, 3.0, 7.0, np.nan]])
    days = np.tile(np.arange(5), (2, 1))
    expected = np.corrcoef(values[:, :4])[0, 1]
    assert mean_correlation(values, days) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("copies", [1, LEAST_ALIKE])
@pytest.mark.parametrize("constant", [0.0, 0.1, -3e-5])
def test_a_series_without_variance_contributes_nothing(copies, constant):
    values = np.array([UP_DOWN, UP_DOWN, [constant] * 4] * copies)
    days = np.tile(np.arange(4), (len(values), 1))
    moving = 2 * copies
    expected = moving * (moving - 1) / (len(values) * (len(values) - 1))
    assert mean_correlation(values, days) == pytest.approx(expected, abs=1e-12)


def test_an_event_without_residuals_counts_in_the_mean():
    values = np.array([UP_DOWN, UP_DOWN, [np.nan] * 4])
    days = np.tile(np.arange(4), (3, 1))
    assert mean_correlation(values, days) == pytest.approx(1 / 3)


def test_a_row_without_a_session_is_no_common_date():
    values = np.array([UP_DOWN, UP_DOWN])
    days = np.array([[0, 1, 2, -1], [-1, 1, 2, 3]])
    assert mean_correlation(values, days) == 0.0


def test_uncorrelated_events_have_no_dependence():
    sample = one_day_sample([1.0, 2.0], [UP_DOWN, ORTHOGONAL])
    assert rbar(sample) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("scar", [[], [1.0]])
def test_one_event_has_no_pair(scar):
    assert math.isnan(rbar(one_day_sample(scar)))


def test_the_origin_of_the_time_line_and_added_missing_rows_do_not_matter():
    sample = slow_fit.random_sample(8)
    fitted = sample.fitted
    moved = replace(
        fitted,
        estimation_offsets=np.append(fitted.estimation_offsets[0] - 1, fitted.estimation_offsets),
        days=fitted.days + 1000,
        residuals=np.insert(fitted.residuals, 0, np.nan, axis=1),
        residual_days=np.insert(
            np.where(fitted.residual_days < 0, -1, fitted.residual_days + 1000), 0, 3, axis=1
        ),
    )
    for mode in RBAR_MODES:
        expected = rbar(sample, mode)
        assert rbar(replace(sample, fitted=moved), mode) == pytest.approx(expected, abs=1e-12)


def test_many_events_never_make_a_matrix_of_all_pairs():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3000, 30))
    values[rng.random(values.shape) < 0.1] = np.nan
    days = np.tile(np.arange(30), (3000, 1))
    tracemalloc.start()
    try:
        mean_correlation(values, days, days[:, :1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3000 * 3000 * 8


def test_an_unknown_mode_names_the_known_ones():
    with pytest.raises(InputError, match="Did you mean 'calendar'"):
        rbar(one_day_sample([1.0, 2.0]), "calender")
