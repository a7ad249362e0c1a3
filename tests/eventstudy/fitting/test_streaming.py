"""A large study answers as a small one does: nothing depends on what is kept or shared."""

import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from analysis.eventstudy import (
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.core import threads
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence import overlap
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.fitting import chunks
from analysis.eventstudy.fitting import lazy_fit as pooled
from analysis.eventstudy.inference import estimation_pass as history_module
from analysis.eventstudy.inference import joint_ranks as ranking
from analysis.eventstudy.inference.registry import TEST_NAMES
from tests.reference import slow_statistics
from tests.reference.panels import events, panel, study

CLOSED = [name for name in TEST_NAMES if name not in ("permutation", "calendar_time_t")]
MODELS = [
    MeanAdjusted(),
    MarketAdjusted("F0"),
    MarketModel("F0"),
    FactorModel(("F0", "F1"), rf="F2"),
]


def question(model, *, gaps=0.0, count=40, securities=8, own=True, **options):
    """Ask about events of a few securities, several of each, near enough to cut rows."""
    returns, factors = panel(securities, 260, seed=3, gaps=gaps, factors=3)
    rng = np.random.default_rng(4)
    rows = [*rng.integers(70, 240, count - 4), 3, 62, 256, 258]
    asked = events(returns, rows)
    return study(returns, asked, factors, model=model, exclude_own_events=own, **options)


def close(left, right):
    pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.03])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_residuals_that_are_made_again_are_those_that_were_kept(model, gaps, monkeypatch):
    asked = question(model, gaps=gaps)
    kept = asked.fit()
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    again = asked.fit()
    assert kept.fitted.kept is not None
    assert again.fitted.kept is None
    np.testing.assert_allclose(again.fitted.residuals, kept.fitted.residuals, atol=1e-15)
    close(again.tests([(0, 0), (-1, 1)], CLOSED), kept.tests([(0, 0), (-1, 1)], CLOSED))
    close(again.car((-1, 1)), kept.car((-1, 1)))


@pytest.mark.parametrize("own", [True, False])
def test_a_straight_panel_gives_what_calendars_give(own):
    # The same sessions named one by one, and one more security on a calendar of its own, send
    # the events the general way.
    straight = question(MarketModel("F0"), own=own).fit()
    returns = straight.study.returns
    own_days = dict.fromkeys(returns.columns, returns.index) | {"S0": returns.index[1:]}
    general = question(MarketModel("F0"), own=own, calendars=own_days).fit()
    assert straight.placing.straight is not None
    assert general.placing.straight is None
    close(general.parameters, straight.parameters)
    close(general.abnormal, straight.abnormal)
    names = [name for name in CLOSED if name != "time_series_t"]
    close(general.tests([(-1, 1)], names), straight.tests([(-1, 1)], names))


def test_a_part_of_the_returns_serves_as_the_only_calendar():
    returns, factors = panel(3, 200, seed=1)
    asked = events(returns, [120, 130, 150])
    inner = returns.index[20:190]
    calendars = dict.fromkeys(returns.columns, inner)
    narrow = study(returns, asked, factors, model=MarketModel("F0"), calendars=calendars).fit()
    assert narrow.placing.straight is not None
    whole = study(returns.loc[inner], asked, factors, model=MarketModel("F0")).fit()
    close(narrow.parameters, whole.parameters)
    close(narrow.abnormal, whole.abnormal)


def test_rows_near_earlier_events_of_the_security_are_left_out():
    returns, factors = panel(1, 200, seed=2)
    asked = events(returns, [70, 100, 103, 130], ["S0"] * 4)
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    # Estimation (−60, −11), window (−3, 3): which days are left out is counted by hand.
    taken = {100: range(67, 74), 103: range(67, 74), 130: [*range(67, 74), *range(97, 107)]}
    for number, (zero, days) in enumerate(taken.items(), start=1):
        own = set(range(zero - 60, zero - 10))
        assert results.parameters["n"].iloc[number] == 50 - len(own & set(days))
        missing = np.flatnonzero(np.isnan(results.fitted.residuals[number])) + zero - 60
        assert set(missing) == own & set(days)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    length=st.integers(1, 7),
    width=st.integers(5, 30),
    holes=st.sampled_from([0.0, 0.2, 0.9]),
    shift=st.sampled_from([0.0, 50.0]),
    collected=st.sampled_from([overlap.OverlapSums, overlap.OverlapPairs]),
)
def test_overlap_sums_agree_with_a_loop_over_pairs(seed, length, width, holes, shift, collected):
    rng = np.random.default_rng(seed)
    size = 14
    day0 = rng.integers(100, 100 + 2 * length, size)
    values = rng.standard_normal((size, width)) + shift
    values[rng.random(size) < holes, rng.integers(0, width)] = np.nan
    whole = np.isfinite(values).all(axis=1)
    offsets, window = np.arange(-width - 9, -9), np.arange(length)
    sums = collected(day0, whole, width, length)
    for rows in sums.blocks(5):
        sums.add(sums.part(rows, values[rows]))
    masked = overlap.masked_total(lambda rows: values[rows], day0, whole, offsets, window)
    mean = (sums.total() + masked) / (size * (size - 1))
    slow = slow_statistics.mean_correlation(values, day0[:, None] + offsets, day0[:, None] + window)
    assert mean == pytest.approx(slow, abs=1e-10)


@pytest.mark.parametrize("most", [1, 5, 1000])
@pytest.mark.parametrize("lag", [0, 1, 3])
def test_pairs_of_events_are_all_there_and_each_once(most, lag):
    day0 = np.array([3, 3, 3, 4, 6, 6, 7, 9])
    every = [pair for part in overlap._pairs(day0, lag, most) for pair in zip(*part, strict=True)]
    expected = [
        (i, j)
        for i in range(len(day0))
        for j in range(len(day0))
        if day0[j] == day0[i] + lag and (lag or j > i)
    ]
    assert sorted(every) == expected


def test_few_pairs_are_correlated_and_many_are_added_up():
    whole = np.ones(400, dtype=bool)
    apart, together = np.arange(400), np.arange(400) // 100
    assert overlap.OverlapPairs(apart, whole, 50, 3).few
    assert not overlap.OverlapPairs(together, whole, 50, 3).few
    # A long window has one sum for each distance and day: more than there are pairs.
    assert overlap.OverlapPairs(np.arange(400), whole, 200, 150).few


def test_rbar_of_a_study_with_holes_agrees_with_a_loop_over_pairs(monkeypatch):
    monkeypatch.setattr(overlap, "MASKED", 3)
    sample, _ = question(MarketModel("F0"), gaps=0.01).fit().sample((-2, 2))
    fitted = sample.fitted
    assert 0 < (fitted.n == 50).sum() < sample.size
    slow = slow_statistics.mean_correlation(
        fitted.residuals, fitted.residual_days, fitted.days[:, sample.columns]
    )
    assert rbar(sample) == pytest.approx(slow, abs=1e-12)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["continuous", "rounded", "close", "signed zeros", "large"]),
    holes=st.booleans(),
    width=st.integers(0, 12),
    rows=st.integers(1, 40),
)
def test_one_sort_ranks_values_together_with_every_group(seed, kind, holes, width, rows):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, width))
    groups = [rng.standard_normal((rows, extra)) for extra in (3, 3, 1, 1)]
    # A value of one group and one of another may be equal without harm.
    groups[3][:] = groups[2]
    every = [values, *groups]
    if kind == "rounded":
        every = [np.round(one) for one in every]
    elif kind == "close":
        # Other values, but only in the last bits.
        every = [1.0 + np.round(one) * 2.0**-50 for one in every]
    elif kind == "signed zeros":
        every = [np.where(np.abs(one) < 0.4, np.copysign(0.0, one), one) for one in every]
    elif kind == "large":
        every = [one * 1e300 for one in every]
    values, *groups = every
    if holes:
        values[rng.random(values.shape) < 0.3] = -np.nan
        groups[0][rng.random(groups[0].shape) < 0.3] = np.nan
    together = ranking.JointRanks(values, groups)
    for number, group in enumerate(groups):
        expected = ranking.centred_ranks(np.hstack([values, group]))
        sums, counts = together.rank_sums(number)
        np.testing.assert_allclose(sums, np.nansum(expected, axis=0), atol=1e-13)
        np.testing.assert_array_equal(counts, np.isfinite(expected).sum(axis=0))
        np.testing.assert_allclose(together.of_values(number), expected[:, :width], atol=1e-15)
        np.testing.assert_allclose(together.of_group(number), expected[:, width:], atol=1e-15)


def test_a_sort_by_whole_numbers_is_taken_where_no_values_are_equal():
    rng = np.random.default_rng(5)
    values, group = rng.standard_normal((600, 300)), rng.standard_normal((600, 21))
    together = ranking.JointRanks(values, [group, group[:, :1]])
    assert together._packed is not None
    expected = ranking.centred_ranks(np.hstack([values, group]))
    np.testing.assert_allclose(together.rank_sums(0)[0], expected.sum(axis=0), atol=1e-11)
    values[599, 7] = values[599, 200]
    assert ranking.JointRanks(values, [group])._packed is None


def test_rows_too_long_for_one_number_are_ranked_with_ties():
    rng = np.random.default_rng(6)
    values = rng.standard_normal((2, 33_000))
    groups = [rng.standard_normal((2, extra)) for extra in (11, 11, 1, 1)]
    together = ranking.JointRanks(values, groups)
    for number, group in enumerate(groups):
        expected = ranking.centred_ranks(np.hstack([values, group]))
        np.testing.assert_allclose(together.rank_sums(number)[0], expected.sum(axis=0), atol=1e-13)


def test_returns_that_change_after_the_question_change_no_answer(monkeypatch):
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    returns, factors = panel(4, 200, seed=1)
    asked = study(returns, events(returns, [100, 120, 140]), factors, model=MarketModel("F0"))
    results = asked.fit()
    before = results.tests([(0, 0)])
    returns.iloc[:, :] = 0.5
    close(results.tests([(0, 0)]), before)
    close(asked.fit().tests([(0, 0)]), before)


@pytest.mark.parametrize("rows", [[2, 0, 1], [0, 0, 1], [1, 2]], ids=["order", "twice", "part"])
def test_sums_by_day_are_those_of_the_events_taken(rows, monkeypatch):
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    returns, factors = panel(3, 200, seed=1)
    asked = study(returns, events(returns, [100, 120, 140]), factors, model=MarketModel("F0"))
    whole = asked.fit().fitted
    assert whole.day_sums() is not None
    sample = window_sample(whole.take(np.array(rows)), (-1, 1))[0]
    found = history_module.collect(sample, ["time_series_t"]).residuals
    np.testing.assert_allclose(found.sums, whole.residuals[rows].sum(axis=0), atol=1e-15)


def test_blocks_side_by_side_come_back_in_their_order(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 3)
    seen = set()

    def work(number):
        seen.add(threading.current_thread().name)
        return number**2

    assert list(threads.map_ordered(work, range(50))) == [number**2 for number in range(50)]
    assert all(name.startswith("faultline") for name in seen)
    seen.clear()
    assert list(threads.map_ordered(work, range(5))) == [0, 1, 4, 9, 16]
    assert seen == {threading.current_thread().name}


def test_a_block_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        list(threads.map_ordered(lambda number: 1 / (number - 30), range(50)))


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_linear_algebra_keeps_to_the_thread_of_its_block(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 2)

    def outer(number):
        inner = list(threads.map_ordered(lambda _: blas_threads(), range(10)))
        return [blas_threads(), *inner] if number % 2 else [blas_threads()]

    with threadpool_limits(limits=2, user_api="blas"):
        assert blas_threads() == {2}
        seen = list(threads.map_ordered(outer, range(20)))
        assert all(one == {1} for block in seen for one in block)
        assert blas_threads() == {2}
        with pytest.raises(ZeroDivisionError):
            list(threads.map_ordered(lambda number: 1 / (number - 30), range(50)))
        assert blas_threads() == {2}
        unfinished = threads.map_ordered(lambda number: number, range(1000))
        assert next(unfinished) == 0
        unfinished.close()
        assert blas_threads() == {2}


def test_threads_change_nothing_to_the_last_bit(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)
    monkeypatch.setattr(pooled, "MAX_STORED_RESIDUALS", 0)
    asked = question(MarketModel("F0"))
    answers = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "threads", lambda count=count: count)
        results = asked.fit()
        answers.append((results.car((-1, 1)), results.tests([(-1, 1)], CLOSED)))
    for alone, shared in zip(*answers, strict=True):
        pd.testing.assert_frame_equal(alone, shared, check_exact=True)


def test_the_estimation_rows_are_looked_at_once_for_all_tests(monkeypatch):
    sample = window_sample(question(MeanAdjusted()).fit().fitted, (-1, 1))[0]
    looks = []
    look = history_module._look
    monkeypatch.setattr(
        history_module, "_look", lambda *given, **how: looks.append(1) or look(*given, **how)
    )
    history_module.collect(sample, CLOSED)
    assert len(looks) == len(list(sample.fitted.block_rows()))
