"""Which tests a study is told to read first, by its own conditions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import (
    EventStudy,
    MarketModel,
)
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference import recommendation
from analysis.eventstudy.inference.conditions import Conditions
from analysis.eventstudy.inference.measured_sizes import SIZES
from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.eventstudy.inference.size_verdict import MOST_ERROR, Size, verdict
from analysis.eventstudy.simulate import Design
from analysis.eventstudy.simulate.panels import calendars, draw, frames
from tests.reference.panels import events, panel, study

KOLARI, PERMUTATION, RANK = RECOMMENDED
CALM = Conditions(30, 1, crosses=False, untraded=0.0, variance_ratio=1.0)


def ask(returns, asked, factors, **options):
    return study(returns, asked, factors, model=MarketModel("F0"), **options)


# Draws in which chance alone raises no variance.
SEED = 8


def simulated(seed: int = SEED, **options):
    design = Design(estimation=(-110, -11), **options)
    drawn = draw(design, None, np.random.default_rng(seed), 150)
    returns, asked, factors = frames(design, drawn)
    options = {"estimation": design.estimation, "min_observations": 50}
    options["calendars"] = calendars(design, drawn, returns.index)
    return EventStudy(returns, asked, model=design.study_model, factors=factors, **options).fit()


def sized(monkeypatch, **cases):
    """Pretend that the three tests were measured like this: case=(low and high in per cent)."""
    for case, shares in cases.items():
        made = {
            name: None if share is None else Size(share / 100, 0.002, share / 100, 0.002)
            for name, share in zip(RECOMMENDED, shares, strict=True)
        }
        monkeypatch.setitem(SIZES, case, {**SIZES["one_date"], **made})


@pytest.mark.parametrize(
    ("options", "cases"),
    [
        ({}, ("one_date",)),
        ({"spread": 10}, ("spread_dates",)),
        ({"exchanges": 2}, ("exchanges",)),
        ({"exchanges": 2, "variance_increase": 3.0}, ("exchanges_raised",)),
        ({"exchanges": 2, "closure": "together"}, ("closure",)),
        ({"exchanges": 2, "closure": "behind"}, ("closure",)),
        ({"exchanges": 2, "closure": "late"}, ("exchanges", "closure")),
        ({"apart": 60}, ("separate_dates",)),
        ({"apart": 11, "events": 24}, ("separate_dates",)),
        ({"events": 3}, ("events_3",)),
        ({"events": 5}, ("events_5",)),
        ({"events": 12}, ("events_10",)),
        ({"events": 12, "spread": 10}, ("spread_dates", "events_10")),
        ({"untraded": 0.2}, ("thin_trading",)),
        ({"variance_increase": 3.0}, ("raised_variance",)),
        ({"variance_increase": 3.0, "raised": "common"}, ("one_date",)),
    ],
)
def test_the_conditions_of_a_study_are_measured_on_it(options, cases):
    assert simulated(SEED, **options).recommended().conditions.cases == cases


def test_the_figures_of_the_conditions_are_those_of_the_sample():
    results = simulated(untraded=0.2, spread=3)
    sample, _ = results.sample((0, 0))
    found = results.recommended().conditions
    mean = rbar(sample, "overlap")
    assert found.variance_ratio == pytest.approx(sample.scar.var(ddof=1) / (1 - mean), rel=1e-9)
    assert found.dates == len(results.study.events["date"].unique())
    used = [
        results.study.returns[security].to_numpy()[day - 110 : day - 10]
        for security, day in zip(
            results.study.events["security"],
            results.study.returns.index.get_indexer(results.study.events["date"]),
            strict=True,
        )
    ]
    assert found.untraded == pytest.approx(np.mean(np.array(used) == 0.0))
    again = results.recommended(tests=results.tests((0, 0)))
    assert again.conditions.variance_ratio == pytest.approx(found.variance_ratio, rel=1e-9)
    assert again.tests == results.recommended().tests


def test_one_event_id_on_dates_far_apart_is_no_crossing_of_exchanges():
    returns, factors = panel(6, 200, seed=2)
    asked = events(returns, [120, 120, 121, 150, 150, 151]).assign(event_id=list("aaabbb"))
    found = ask(returns, asked, factors).fit().recommended().conditions
    assert (found.crosses, found.dates) == (True, 2)
    one = ask(returns, asked.assign(event_id="a"), factors).fit().recommended().conditions
    assert (one.crosses, one.dates) == (False, 4)


@pytest.mark.parametrize("first", [120, 121])
def test_holidays_do_not_make_dates_of_one_instant(first):
    # The last two were closed for a week: their next session is the first one's instant still.
    returns, factors = panel(6, 200, seed=2)
    closed = returns.index.delete(np.arange(first, 126))
    calendars = {name: closed if name in ("S4", "S5") else returns.index for name in returns}
    asked = events(returns, [120, 120, 120, 120, 126, 126]).assign(
        event_id="news", group=["early"] * 4 + ["late"] * 2
    )
    results = ask(returns, asked, factors, calendars=calendars).fit()
    found = results.recommended().conditions
    # Those who traded on day 120 and did not react are a session behind; who could not, are not.
    shut = first == 120
    assert (found.crosses, found.closed, found.dates) == (not shut, True, 1)
    assert found.cases == ("closure", "events_5") if shut else ("exchanges", "closure", "events_5")
    assert "an exchange closed on days before its day 0" in found.described()
    assert "a common shock that is larger on that day" in results.recommended().sentence
    # A group on one side of the world crosses nothing.
    for group in ("early", "late"):
        side = results.recommended(group=group).conditions
        assert (side.crosses, side.closed, side.dates) == (False, False, 1)


def test_two_days_of_one_exchange_are_no_two_exchanges():
    returns, factors = panel(6, 200, seed=2)
    asked = events(returns, [120, 121] * 3).assign(event_id="a week of earnings")
    unknown = ask(returns, asked, factors).fit().recommended().conditions
    assert unknown.crosses
    assert "one piece of news, day 0 a session apart" in unknown.described()
    assert "different exchanges" not in unknown.described()
    # With calendars, all of them alike, it is known to be one exchange.
    one = dict.fromkeys(returns, returns.index)
    results = ask(returns, asked, factors, calendars=one).fit()
    assert results.fitted.order is None
    found = results.recommended().conditions
    assert (found.crosses, found.dates) == (False, 2)
    # Of two exchanges the first security of the second that reacts early is early alone.
    other = returns.index.delete(10)
    two = one | dict.fromkeys(("S3", "S4", "S5"), other)
    asked = events(returns, [120, 120, 121, 121, 121, 121]).assign(event_id="news")
    results = ask(returns, asked, factors, calendars=two).fit()
    assert results.fitted.order.late.tolist() == [False] * 3 + [True] * 3
    known = results.recommended().conditions
    assert "day 0 a session apart on different exchanges" in known.described()


def test_windows_that_share_a_day_are_not_separate():
    returns, factors = panel(4, 200, seed=2)
    asked = events(returns, [120, 123, 126, 129])
    results = ask(returns, asked, factors).fit()
    for window, separate in (((0, 0), True), ((-1, 1), True), ((-1, 2), False)):
        found = results.recommended(window).conditions
        assert (found.dates, found.separate) == (4, separate)
        assert ("4 separate dates" in found.described()) == separate
    same = results.recommended().sentence
    assert "Tests that treat events as independent" not in same


def test_a_permutation_test_without_placebo_dates_is_not_promised(monkeypatch):
    sized(monkeypatch, one_date=(5.0, 5.0, 4.5))
    returns, factors = panel(20, 118, seed=3)
    options = {"estimation": (-60, -4), "min_observations": 57}
    # Of the rows before the event few leave an estimation window of their own.
    results = ask(returns, events(returns, [100] * 20), factors, **options).fit()
    assert results.permutation((0, 0))["reason"].iloc[0].endswith("at least 39 are needed")
    found = results.recommended(tests=results.tests((0, 0), [KOLARI, RANK]))
    assert PERMUTATION not in found.tests
    assert found.tests == results.recommended().tests
    assert "permutation keeps its size here" not in results._repr_html_()


def test_days_on_which_an_exchange_was_closed_are_no_raised_variance():
    results = simulated(exchanges=2, closure="together")
    sample, _ = results.sample((0, 0))
    # Half of the firms show two days, and their SCARs are in units of these.
    expected = sample.scar.var(ddof=1) / (1 - rbar(sample))
    found = results.recommended().conditions
    assert found.variance_ratio == pytest.approx(expected, rel=1e-9)


def test_the_tests_that_keep_their_size_under_all_conditions_lead(monkeypatch):
    sized(monkeypatch, one_date=(5.0, 5.0, 4.5), thin_trading=(11.0, 5.5, 12.0))
    thin = Conditions(30, 1, crosses=False, untraded=0.18, variance_ratio=1.0)
    assert recommendation.choose(CALM).tests == RECOMMENDED
    chosen = recommendation.choose(thin)
    assert (chosen.tests, chosen.keep) == ((PERMUTATION,), True)
    assert chosen.others == (KOLARI, RANK)
    assert chosen.order == (PERMUTATION, KOLARI, RANK)
    assert chosen.sentence.startswith(
        "Read permutation first (conditions: 30 event–security pairs, one date, thin trading: 18 "
        "% of returns are zero). It keeps the size of 5 % under these conditions: it rejects 5.5 "
        "% of true nulls in simulations"
    )
    assert "kolari_pynnonen_t rejects 11.0 % there." in chosen.sentence


def test_conditions_that_were_simulated_one_by_one_are_said_to_be(monkeypatch):
    sized(monkeypatch, spread_dates=(5.0, 5.0, 4.5), events_10=(4.5, 5.5, 4.5))
    both = Conditions(12, 3, crosses=False, untraded=0.0, variance_ratio=1.0)
    said = recommendation.choose(both).sentence
    assert "They keep the size of 5 % under each of these conditions alone: they reject" in said
    sized(monkeypatch, events_10=(1.0, 1.0, 1.0))
    said = recommendation.choose(both).sentence
    assert "No test keeps the size of 5 % under all of these conditions." in said
    # Both at once were simulated.
    raised = Conditions(30, 1, crosses=True, untraded=0.0, variance_ratio=4.0)
    assert raised.cases == ("exchanges_raised",)
    assert "alone" not in recommendation.choose(raised).sentence


@pytest.mark.parametrize(
    ("found", "case", "where"),
    [
        (Conditions(3, 1, False, 0.0, 1.0), "events_3", "with 3 events"),
        (CALM, "one_date", "on one date"),
        (Conditions(30, 1, False, 0.0, 4.0), "raised_variance", "where the event doubles"),
    ],
)
def test_sizes_of_the_other_tests_are_those_of_the_studys_own_case(found, case, where):
    said = recommendation.choose(found).sentence
    names = ("bmp_t", "patell_z", "sign", "generalized_sign", "wilcoxon")
    sizes = [SIZES[case][name] for name in names if SIZES[case][name]]
    low, high = 100 * min(one.low for one in sizes), 100 * max(one.high for one in sizes)
    assert (
        "Tests that treat events as independent (BMP, Patell, sign, Wilcoxon) reject "
        f"{low:.1f} to {high:.1f} % {where}"
    ) in said


def test_a_test_that_rejects_too_rarely_and_one_that_was_not_defined_do_not_lead(monkeypatch):
    sized(monkeypatch, events_3=(1.0, 5.0, None))
    few = Conditions(3, 1, crosses=False, untraded=0.0, variance_ratio=1.0)
    found = recommendation.choose(few)
    assert (found.tests, found.others) == ((PERMUTATION,), (KOLARI, RANK))
    assert "kolari_pynnonen_t rejects 1.0 % there." in found.sentence
    assert "grank_overlap rejects" not in found.sentence
    nothing = recommendation.choose(few, [])
    assert (nothing.lead, nothing.tests) == ("", ())
    assert "is defined here" in nothing.sentence


def test_where_all_reject_too_rarely_or_too_often_those_that_never_exceed_it_lead(monkeypatch):
    sized(monkeypatch, events_3=(1.0, 9.0, 2.0))
    few = Conditions(3, 1, crosses=False, untraded=0.0, variance_ratio=1.0)
    found = recommendation.choose(few)
    assert (found.tests, found.keep) == ((KOLARI, RANK), False)
    assert (
        "No test keeps the size of 5 % under these conditions. None rejects too often, but in "
        "some designs they reject too rarely: 1.0 to 2.0 % of true nulls" in found.sentence
    )
    one = recommendation.choose(few, [KOLARI])
    assert one.tests == (KOLARI,)
    assert "This one does not reject too often, but in some designs too rarely: 1.0 %" in (
        one.sentence
    )


def test_where_none_keeps_it_the_nearest_leads_and_the_sentence_says_so(monkeypatch):
    sized(monkeypatch, exchanges=(16.0, 9.0, 15.0))
    found = recommendation.choose(Conditions(30, 1, True, 0.0, 1.0))
    assert (found.tests, found.keep) == ((PERMUTATION,), False)
    assert "These conditions. This one exceeds it least: it rejects 9.0 %".lower() in (
        found.sentence.lower()
    )


def test_too_few_simulations_do_not_make_a_test_keep_its_size(monkeypatch):
    assert verdict(Size(0.05, 0.005, 0.06, MOST_ERROR)) == "keep"
    assert verdict(Size(0.05, 0.005, 0.06, 0.0075)) == "unsure"
    assert verdict(Size(0.1, 0.1, 0.1, 0.07)) == "unsure"
    # Each end has its own error.
    assert verdict(Size(0.031, 0.004, 0.05, 0.02)) == "less"
    assert verdict(Size(0.05, 0.004, 0.08, 0.005)) == "more"
    # Enough studies: a share just outside is outside. Too few: that may be chance.
    assert verdict(Size(0.0396, 0.0028, 0.05, 0.003)) == "less"
    assert verdict(Size(0.05, 0.003, 0.0651, 0.0035)) == "more"
    assert verdict(Size(0.035, 0.009, 0.05, 0.01)) == "unsure"
    assert verdict(Size(0.04, 0.002, 0.065, 0.0055)) == "keep"
    assert verdict(None) == "none"
    loose = {**SIZES["thin_trading"], PERMUTATION: Size(0.2, 0.2, 0.2, 0.07)}
    monkeypatch.setitem(SIZES, "thin_trading", loose)
    found = recommendation.choose(Conditions(30, 1, False, 0.2, 1.0))
    assert not found.keep
    assert "No test keeps the size of 5 % under these conditions." in found.sentence


def test_what_no_test_can_tell_is_said():
    single = recommendation.choose(Conditions(1, 1, False, 0.0, math.nan), [PERMUTATION])
    assert "A single event has no spread" in single.sentence
    # No figure is of a single event.
    assert single.sentence.startswith("Read permutation first (conditions: 1 event). A single")
    assert (
        "a result that is not significant is only weak evidence of no effect. permutation_mean has "
        "more power but assumes that the event leaves the variance unchanged."
        in recommendation.choose(Conditions(4, 1, False, 0.0, 1.0)).sentence
    )
    assert "a common shock that is larger on that day" in recommendation.choose(CALM).sentence
    several = recommendation.choose(Conditions(30, 9, False, 0.0, 1.0))
    assert "a common shock that is larger" not in several.sentence
    assert "% on dates spread over 3 or 10 sessions; time-series" in several.sentence


def test_a_study_of_nothing_recommends_nothing():
    returns, factors = panel(1, 100)
    empty = ask(returns, events(returns, [5]), factors).fit()
    assert empty.recommended().tests == ()
    assert "Skipped" in str(empty.summary())


def test_the_summary_orders_its_tests_and_says_why(monkeypatch):
    sized(monkeypatch, one_date=(5.0, 5.0, 5.0), thin_trading=(11.0, 5.5, 12.0))
    results = simulated(untraded=0.2)
    summary = results.summary()
    assert list(summary.tables[0][1].columns[-3:]) == [PERMUTATION, KOLARI, RANK]
    assert results.recommended().sentence in summary.sentences
    # The notebook's view does not run it, and says that it is the one to read.
    view = results._repr_html_()
    assert "For all events in (0, 0), read permutation first" in view
    assert "permutation keeps its size here and is not shown in this view: call summary()." in view
    assert "No test keeps" not in view
    assert "permutation</th>" not in view
    assert results.caar((0, 0))["test"] == KOLARI


def test_a_group_or_a_window_of_its_own():
    returns, factors = panel(6, 200, seed=2)
    asked = events(returns, [120] * 6).assign(group=["a"] * 2 + ["b"] * 4)
    results = ask(returns, asked, factors).fit()
    assert results.recommended(group="a").conditions.events == 2
    assert results.recommended(group="a").sentence.startswith("For group 'a' in (0, 0), read ")
    said = results.recommended((-1, 1)).sentence
    assert said.startswith("For all events in (−1, 1), read ")
    assert results.recommended((-1, 1)).conditions.events == 6
    # A test that was not run may still be the one to read.
    named = results.recommended((-1, 1), tests=results.tests((-1, 1), [KOLARI]))
    assert named.tests == results.recommended((-1, 1)).tests
    # A table that does not hold the window, or none of the tests, is not taken for an answer.
    for tests in (results.tests((0, 0)), results.tests((-1, 1), ["bmp_t"])):
        assert results.recommended((-1, 1), tests=tests) == results.recommended((-1, 1))
    with pytest.raises(InputError, match="Unknown group"):
        results.recommended(group="c")
    with pytest.raises(InputError, match="window"):
        results.recommended((-9, 0))


def test_the_share_of_zeros_counts_known_returns_alone():
    returns, factors = panel(2, 200, seed=5)
    returns.iloc[80:120, 0] = np.nan
    returns.iloc[60:80, 0] = 0.0
    asked = events(returns, [140, 140])
    found = ask(returns, asked, factors).fit().recommended().conditions
    # Estimation rows 80 to 129: S0 has ten of them, S1 fifty; none is zero.
    assert found.untraded == 0.0
    returns.iloc[120:125, 0] = 0.0
    found = ask(returns, asked, factors, min_observations=5).fit().recommended().conditions
    assert found.untraded == pytest.approx(5 / 60)
    assert pd.notna(found.variance_ratio)
