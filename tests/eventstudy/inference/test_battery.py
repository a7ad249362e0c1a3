import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.errors import InputError
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import RBAR_MODES
from analysis.eventstudy.inference import estimation_pass as history
from analysis.eventstudy.inference import registry as battery
from analysis.eventstudy.inference.test_result import Outcome
from tests.reference import slow_fit, slow_statistics
from tests.reference.by_hand import one_day_sample

PINNED = [
    "time_series_t",
    "cross_sectional_t",
    "skewness_adjusted_t",
    "patell_z",
    "adjusted_patell_z",
    "bmp_t",
    "kolari_pynnonen_t",
    "corrado_rank",
    "corrado_zivney_rank",
    "grank_t",
    "grank_z",
    "grank_overlap",
    "sign",
    "generalized_sign",
    "wilcoxon",
    "calendar_time_t",
    "permutation",
]
FROM_STUDY = ["calendar_time_t", "permutation"]
COMPUTED = [name for name in PINNED if name not in FROM_STUDY]


def results_of(sample):
    return {outcome.test: outcome for outcome in battery.run_tests(sample, COMPUTED)}


def assert_same(left, right, sign=1.0):
    for name in COMPUTED:
        turned = 1.0 if name == "wilcoxon" else sign
        assert left[name].statistic == pytest.approx(
            turned * right[name].statistic, rel=1e-8, abs=1e-9, nan_ok=True
        ), name
        assert left[name].p_value == pytest.approx(right[name].p_value, rel=1e-7, nan_ok=True)
        assert left[name].df == pytest.approx(right[name].df, nan_ok=True)
        assert left[name].reason == right[name].reason


random_studies = given(seed=st.integers(0, 10**6), events=st.integers(2, 14))


def test_the_names_and_their_order_are_pinned():
    assert list(battery.TEST_NAMES) == PINNED
    assert set(battery.RECOMMENDED) < set(PINNED)


def test_all_runs_every_test_in_order_and_names_keep_theirs():
    sample = slow_fit.random_sample(1)
    assert [outcome.test for outcome in battery.run_tests(sample)] == PINNED
    chosen = battery.run_tests(sample, ["sign", "bmp_t", "sign"])
    assert [outcome.test for outcome in chosen] == ["sign", "bmp_t"]
    assert battery.run_tests(sample, "bmp_t") == [chosen[1]]


@pytest.mark.parametrize("mode", RBAR_MODES)
def test_the_mode_of_rbar_reaches_the_corrected_tests(mode):
    sample = slow_fit.random_sample(3)
    mean = slow_statistics.rbar(sample, mode)
    names = ["adjusted_patell_z", "kolari_pynnonen_t", "grank_overlap"]
    for outcome in battery.run_tests(sample, names, mode):
        paired = {"mode": mode} if outcome.test == "grank_overlap" else {}
        expected = getattr(slow_statistics, outcome.test)(sample, mean, **paired)[0]
        assert outcome.statistic == pytest.approx(expected, rel=1e-10)


def test_rbar_is_computed_once_and_only_when_asked_for(monkeypatch):
    calls = []
    monkeypatch.setattr(history, "rbar", lambda sample, mode: calls.append(mode) or 0.1)
    sample = slow_fit.random_sample(1)
    battery.run_tests(sample, ["bmp_t", "sign", "grank_t"])
    assert calls == []
    battery.run_tests(sample, "all", "event")
    assert calls == ["event"]


@pytest.mark.parametrize("name", ["permutation", "permutation_mean", "calendar_time_t"])
def test_what_the_study_gives_answers_for_the_tests_that_need_more_than_a_sample(name):
    sample = slow_fit.random_sample(1)
    given_samples = []

    def answer(asked):
        given_samples.append(asked)
        return Outcome(name, 1.5, math.nan, 0.25, asked.size)

    assert battery.run_tests(sample, [name], from_study={name: answer})[0].p_value == 0.25
    assert given_samples == [sample]


def test_the_plain_permutation_is_run_by_name_and_not_with_all():
    assert battery.check_names("all") == battery.TEST_NAMES
    assert "permutation_mean" not in battery.TEST_NAMES
    assert battery.check_names(["permutation_mean", "bmp_t"]) == ("permutation_mean", "bmp_t")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("permutation", "no placebo dates were given"),
        ("permutation_mean", "no placebo dates were given"),
        ("calendar_time_t", "no calendar of returns was given"),
    ],
)
def test_a_test_that_needs_the_study_says_so_without_it(name, reason):
    outcome = battery.run_tests(slow_fit.random_sample(1), [name])[0]
    assert math.isnan(outcome.p_value)
    assert outcome.reason == reason


def test_an_unknown_test_names_its_neighbours():
    with pytest.raises(InputError, match=r"Unknown test 'bmp'.*'bmp_t'"):
        battery.run_tests(slow_fit.random_sample(1), ["bmp"])


def test_an_unknown_mode_is_refused_even_where_no_test_needs_it():
    with pytest.raises(InputError, match="Unknown r̄ mode 'overlaps'"):
        battery.run_tests(slow_fit.random_sample(1), ["sign"], "overlaps")


@settings(max_examples=15, deadline=None)
@random_studies
def test_units_do_not_matter(seed, events):
    sample = slow_fit.random_sample(seed, events)
    fitted = sample.fitted
    per_cent = replace(
        fitted,
        ar=fitted.ar * 100,
        residuals=fitted.residuals * 100,
        sigma=fitted.sigma * 100,
    )
    assert_same(results_of(window_sample(per_cent, sample.window)[0]), results_of(sample))


@settings(max_examples=15, deadline=None)
@random_studies
def test_the_opposite_returns_give_the_opposite_statistics(seed, events):
    sample = slow_fit.random_sample(seed, events)
    fitted = sample.fitted
    opposite = replace(fitted, ar=-fitted.ar, residuals=-fitted.residuals)
    assert_same(
        results_of(window_sample(opposite, sample.window)[0]), results_of(sample), sign=-1.0
    )


@settings(max_examples=15, deadline=None)
@random_studies
def test_the_order_of_events_does_not_matter(seed, events):
    sample = slow_fit.random_sample(seed, events)
    shuffle = np.random.default_rng(seed).permutation(sample.size)
    shuffled = window_sample(sample.fitted.take(shuffle), sample.window)[0]
    assert_same(results_of(shuffled), results_of(sample))


@settings(max_examples=15, deadline=None)
@random_studies
def test_rows_without_a_return_do_not_matter(seed, events):
    sample = slow_fit.random_sample(seed, events)
    fitted = sample.fitted
    longer = replace(
        fitted,
        estimation_offsets=np.append(fitted.estimation_offsets[0] - 1, fitted.estimation_offsets),
        residuals=np.insert(fitted.residuals, 0, np.nan, axis=1),
        residual_days=np.insert(fitted.residual_days, 0, -1, axis=1),
        offsets=np.append(fitted.offsets, fitted.offsets[-1] + 1),
        ar=np.append(fitted.ar, np.full((sample.size, 1), np.nan), axis=1),
        days=np.append(fitted.days, np.full((sample.size, 1), -1), axis=1),
        x=np.append(fitted.x, np.full((sample.size, 1, fitted.x.shape[2]), np.nan), axis=1),
    )
    assert_same(results_of(window_sample(longer, sample.window)[0]), results_of(sample))


@pytest.mark.parametrize(
    ("sample", "missing"),
    [
        (one_day_sample([]), COMPUTED),
        (one_day_sample([1.0]), None),
        (one_day_sample([1.0, 1.0, 1.0]), None),
        (one_day_sample([0.0, 0.0]), None),
        (one_day_sample([1.0, 2.0], np.zeros((2, 4))), None),
        (one_day_sample([1.0, 2.0], np.full((2, 4), np.nan)), None),
        (one_day_sample([1.0, 2.0], np.empty((2, 0))), None),
        (one_day_sample([1.0, 2.0], dof=1.0), None),
        (one_day_sample([1e-300, 2e-300]), None),
        (one_day_sample([1.0, 2.0], sigma=1e-100), None),
    ],
    ids=[
        "no event",
        "one event",
        "the same CARs",
        "zero CARs",
        "zero residuals",
        "missing residuals",
        "no estimation rows",
        "one degree of freedom",
        "tiny standardised CARs",
        "tiny returns",
    ],
)
def test_a_statistic_is_a_number_or_has_a_reason_and_nothing_warns(sample, missing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = battery.run_tests(sample, COMPUTED)
    for outcome in outcomes:
        out_of_reach = outcome.least > 0.05
        assert math.isfinite(outcome.statistic) == (outcome.reason == "" or out_of_reach), outcome
        assert math.isfinite(outcome.p_value) == (outcome.reason == ""), outcome
    if missing:
        assert [outcome.test for outcome in outcomes if outcome.reason] == missing


@pytest.mark.parametrize(
    "p_values",
    [
        [0.04],
        [0.2, 0.001, 0.03, 0.9, 0.03],
        [0.0, 1.0, 0.0, 1.0],
        list(np.random.default_rng(7).random(40) ** 3),
    ],
    ids=["one", "with ties", "at the ends", "forty"],
)
def test_adjusted_p_values_are_those_of_statsmodels(p_values):
    holm, bh = battery.adjust_p_values(np.array(p_values))
    np.testing.assert_allclose(holm, multipletests(p_values, method="holm")[1], rtol=1e-12)
    np.testing.assert_allclose(bh, multipletests(p_values, method="fdr_bh")[1], rtol=1e-12)


def test_the_family_is_the_finite_p_values():
    p_values = np.array([np.nan, 0.01, 0.04, np.nan, 0.03])
    holm, bh = battery.adjust_p_values(p_values)
    np.testing.assert_allclose(holm, [np.nan, 0.03, 0.06, np.nan, 0.06])
    np.testing.assert_allclose(bh, [np.nan, 0.03, 0.04, np.nan, 0.04])


@pytest.mark.parametrize("p_values", [[], [np.nan, np.nan]])
def test_nothing_to_adjust_stays_missing(p_values):
    holm, bh = battery.adjust_p_values(np.array(p_values, dtype=float))
    assert holm.shape == bh.shape == (len(p_values),)
    assert np.isnan(holm).all()
    assert np.isnan(bh).all()


def test_adjusting_leaves_the_given_p_values_as_they_are():
    p_values = np.array([0.02, 0.01])
    battery.adjust_p_values(p_values)
    np.testing.assert_array_equal(p_values, [0.02, 0.01])
