"""One instant, several exchanges: New York reacts on day d, Asia on its next session."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.eventstudy import MarketModel
from analysis.eventstudy.core.fitted import window_sample
from analysis.eventstudy.dependence.mean_correlation import LEAST_ALIKE, rbar
from analysis.eventstudy.inference.clusters import by_date, by_overlap
from tests.reference import slow_fit, slow_order, slow_statistics
from tests.reference.panels import study

DAYS, DAY0 = 150, 100
DEPENDENT = ["kolari_pynnonen_t", "adjusted_patell_z", "grank_overlap"]


def markets(seed, firms=6, *, lag=1, days=DAYS):
    """Half of the firms in New York, half in Asia, where a shock arrives `lag` days later."""
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2024-01-01", periods=days)
    shock, early = rng.standard_normal(days + lag), firms // 2
    values = rng.standard_normal((days, firms))
    values[:, :early] += shock[lag:, None]
    values[:, early:] += shock[: len(shock) - lag, None]
    own = rng.normal(0, 0.01, (days + lag, 2))
    market = pd.DataFrame({"ny": own[lag:, 0], "asia": own[: len(own) - lag, 1]}, index)
    values = 0.02 * values
    values[:, :early] += market[["ny"]].to_numpy()
    values[:, early:] += market[["asia"]].to_numpy()
    names = [f"NY{at}" for at in range(early)] + [f"ASIA{at}" for at in range(firms - early)]
    return pd.DataFrame(values, index, names), market


def events(returns, rows, *, lag=1):
    """Each row of `rows` is an instant that all firms react to, Asia `lag` sessions later."""
    parts = [
        pd.DataFrame(
            {
                "event_id": f"e{row}",
                "security": returns.columns,
                "date": [returns.index[row + lag * name.startswith("ASIA")] for name in returns],
            }
        )
        for row in rows
    ]
    return pd.concat(parts, ignore_index=True)


def fit(returns, market, asked, **options):
    model = MarketModel({name: "ny" if name.startswith("NY") else "asia" for name in returns})
    return study(returns, asked, market, model=model, **options).fit()


def order_of(results):
    return dict(zip(results.index, results.fitted.order.level.tolist(), strict=True))


def test_the_sessions_that_the_instant_pairs_are_correlated():
    returns, market = markets(1)
    results = fit(returns, market, events(returns, [DAY0]))
    sample, _ = results.sample((0, 0))
    # New York's residual of a session beside Asia's of the next, by hand.
    rows = results.fitted.residuals
    expected = (np.corrcoef(rows).sum() - 6) / 30
    assert rbar(sample) == pytest.approx(expected, abs=1e-12)
    assert rbar(sample) > 0.3
    assert rbar(sample, "event") == pytest.approx(expected, abs=1e-12)
    # Calendar dates alone find the pairs within New York and within Asia: 12 of 30.
    assert rbar(sample, "calendar") < 0.7 * expected


@pytest.mark.parametrize("firms", [6, 4 * LEAST_ALIKE])
def test_asia_a_session_later_has_the_dependence_of_one_date(firms):
    returns, market = markets(2, firms)
    # The same returns in New York, and Asia's each a session earlier.
    same, same_market = returns.copy(), market.copy()
    asia = returns.columns.str.startswith("ASIA")
    same.loc[:, asia] = returns.loc[:, asia].shift(-1)
    same_market["asia"] = market["asia"].shift(-1)
    late = fit(returns, market, events(returns, [DAY0]))
    together = fit(same, same_market, events(same, [DAY0], lag=0))
    assert together.fitted.order is None
    expected = together.tests([(0, 0)], DEPENDENT)
    pd.testing.assert_frame_equal(late.tests([(0, 0)], DEPENDENT), expected, rtol=1e-9)
    for window in [(-1, 1), (-3, 3)]:
        found = rbar(late.sample(window)[0], "event")
        assert found == pytest.approx(rbar(together.sample(window)[0]), abs=1e-12)


def test_longer_windows_add_the_dates_that_both_have_to_the_sessions_paired():
    returns, market = markets(3, 2)
    sample, _ = fit(returns, market, events(returns, [DAY0])).sample((-1, 1))
    york, asia = sample.fitted.residuals
    # Windows d−1..d+1 and d..d+2: three pairs of sessions, and two dates in common.
    paired, dated = np.corrcoef(york, asia)[0, 1], np.corrcoef(york[1:], asia[:-1])[0, 1]
    assert rbar(sample) == pytest.approx(paired + 2 / 3 * dated, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gap=st.integers(1, 30),
    car=st.sampled_from([(0, 0), (-1, 1), (-3, 3)]),
    holidays=st.sampled_from([0.0, 0.06]),
    missing=st.sampled_from([0.0, 0.03]),
)
def test_the_engine_agrees_with_a_loop_over_pairs(seed, gap, car, holidays, missing):
    rng = np.random.default_rng(seed)
    returns, market = markets(seed)
    returns = returns.mask(rng.random(returns.shape) < missing)
    # Each has a holiday of its own, if no other: calendars that are alike are one exchange's.
    exchanges = [
        np.setdiff1d(np.flatnonzero(rng.random(DAYS) >= holidays), [own]) for own in range(3)
    ]
    home = [exchanges[at] for at in (0, 0, 1, 2, 2, 1)]
    rows = []
    # Sessions after the first reaction, by exchange: the second and third close before the
    # first, and the third before the second.
    instants = (("a", 100, (0, 1, 1)), ("b", 100 + gap, (0, 0, 1)), ("c", 101, (0, 0, 0)))
    for event_id, start, lag in instants:
        for number, (name, own) in enumerate(zip(returns, home, strict=True)):
            at = int(np.searchsorted(own, start)) + lag[(0, 0, 1, 2, 2, 1)[number]]
            rows.append((event_id, name, number, own, int(own[at])))
    asked = pd.DataFrame(
        [(event, name, returns.index[day]) for event, name, _, _, day in rows],
        columns=["event_id", "security", "date"],
    )
    calendars = {name: returns.index[own] for name, own in zip(returns, home, strict=True)}
    model = MarketModel("ny")
    asking = {"calendars": calendars, "model": model, "exclude_own_events": False}
    fitted = slow_fit.fit(
        returns.to_numpy().T,
        market[["ny"]].to_numpy(),
        [(number, day) for _, _, number, _, day in rows],
        "market",
        (-60, -11),
        (-3, 3),
        home,
    )
    every = [(event, name, own.tolist(), day) for event, name, _, own, day in rows]
    sample, kept = slow_fit.sample(fitted, car, list(map(len, slow_order.missed_days(every))))
    # The order of exchanges follows from all events, the sample from those without a hole.
    if len(kept) < len(every):
        return
    for mode in ("overlap", "calendar", "event"):
        results = study(returns, asked, market, rbar=mode, **asking).fit()
        expected = slow_statistics.rbar(sample, mode, every)
        assert rbar(results.sample(car)[0], mode) == pytest.approx(expected, abs=1e-12)
        table = results.tests([car], DEPENDENT).set_index("test")
        for name in DEPENDENT:
            more = {"mode": mode, "events": every} if name == "grank_overlap" else {}
            statistic, *_ = getattr(slow_statistics, name)(sample, expected, **more)
            assert table.loc[name, "statistic"] == pytest.approx(statistic, rel=1e-9)


def closed_in_asia(closed, firms=6, seed=4, *, lag=1):
    """One instant: New York on DAY0, Asia after days on which it did not trade.

    Asia's first session after them shows the change of all of them, and so does its market.
    """
    returns, market = markets(seed, firms, lag=lag)
    asian = returns.columns.str.startswith("ASIA")
    after = closed[-1] + 1
    returns.iloc[after, asian] += returns.iloc[closed, asian].sum()
    market.iloc[after, 1] += market.iloc[closed, 1].sum()
    asked = events(returns, [DAY0], lag=0)
    late = asked["security"].str.startswith("ASIA")
    asked.loc[late, "date"] = returns.index[after]
    sessions = returns.index.delete(closed)
    calendars = {
        name: sessions if one else returns.index for name, one in zip(returns, asian, strict=True)
    }
    return returns, market, asked, calendars


def test_the_first_session_after_a_closure_holds_all_its_days():
    returns, market, asked, calendars = closed_in_asia(np.arange(DAY0, DAY0 + 6))
    results = fit(returns, market, asked, calendars=calendars)
    order = results.fitted.order
    assert set(order.instant.tolist()) == {0}
    assert order.holds.tolist() == [1] * 3 + [7] * 3
    assert not order.late.any()
    # By hand: Asia's day 0 holds seven days, so two of Asia correlate fully; New York's day
    # meets one of these on its date, and one on the date after, each over √(1 · 7).
    rows = results.fitted.residuals
    york, asia = np.corrcoef(rows[:3]), np.corrcoef(rows[3:])
    same = np.corrcoef(rows)[:3, 3:]
    later = np.corrcoef(rows[:3, :-1], rows[3:, 1:])[:3, 3:]
    across = 2 * (same.sum() + later.sum()) / np.sqrt(7)
    pairs = (york.sum() - 3) + (asia.sum() - 3) + across
    assert rbar(results.sample((0, 0))[0]) == pytest.approx(pairs / 30, abs=1e-12)
    # A window that ends before the closure holds none of its days.
    before, _ = results.sample((-2, -1))
    plain = (np.corrcoef(rows).sum() - 6 + 2 * later.sum() / 2) / 30
    assert rbar(before) == pytest.approx(plain, abs=1e-12)
    # Without the calendar Asia has let six sessions pass: then nothing tells.
    assert fit(returns.fillna(0), market, asked).fitted.order is None


def test_a_closed_exchange_keeps_the_place_that_other_event_ids_give_it():
    returns, market, asked, calendars = closed_in_asia(np.array([DAY0]))
    alone = order_of(fit(returns, market, asked, calendars=calendars))
    assert alone["e100", "ASIA0"] == 1
    both = pd.concat([asked, events(returns, [DAY0 + 20])])
    assert order_of(fit(returns, market, both, calendars=calendars))["e100", "ASIA0"] == 1
    # Asia reacts first to the other news: it is not behind New York.
    other = events(returns, [DAY0 + 21], lag=-1).assign(event_id="e120")
    both = pd.concat([asked, other])
    levels = order_of(fit(returns, market, both, calendars=calendars))
    assert (levels["e100", "NY0"], levels["e100", "ASIA0"]) == (1, 0)
    # News that finds New York closed and Asia early shows no order either.
    shut = closed_in_asia(np.array([DAY0]))[2].assign(event_id="e140")
    york = shut["security"].str.startswith("NY")
    shut["date"] = np.where(york, returns.index[DAY0 + 21], returns.index[DAY0 + 20])
    home = {name: returns.index.delete(DAY0 + 20) for name in returns if name.startswith("NY")}
    both = pd.concat([asked, shut])
    levels = order_of(fit(returns, market, both, calendars=calendars | home))
    assert (levels["e100", "NY0"], levels["e100", "ASIA0"]) == (0, 1)
    assert (levels["e140", "NY0"], levels["e140", "ASIA0"]) == (1, 0)
    # One that no event_id shows stands between the early and the late.
    late = asked["security"].isin(["NY2"])
    asked.loc[late, "date"] = returns.index[DAY0 + 1]
    calendars["NY2"] = returns.index.delete(0)
    levels = order_of(fit(returns, market, asked, calendars=calendars))
    assert (levels["e100", "NY0"], levels["e100", "ASIA0"], levels["e100", "NY2"]) == (0, 1, 2)


def test_a_late_exchange_that_is_closed_on_the_day_after_holds_the_closed_days():
    # Asia trades on New York's day 0 and is closed on the next day, or on the next three.
    for last in (1, 3):
        closed = np.arange(DAY0 + 1, DAY0 + last + 1)
        returns, market, asked, calendars = closed_in_asia(closed)
        results = fit(returns, market, asked, calendars=calendars)
        order = results.fitted.order
        assert order.late.tolist() == [False] * 3 + [True] * 3
        assert order.holds.tolist() == [1] * 3 + [1 + last] * 3
        assert order.level.tolist() == [0] * 3 + [1] * 3
        # By hand: of Asia's days one is the session after New York's day, none its date.
        rows = results.fitted.residuals
        york, asia = np.corrcoef(rows[:3]), np.corrcoef(rows[3:])
        paired = sessions_apart(results, calendars, returns.index)
        pairs = (york.sum() - 3) + (asia.sum() - 3) + 2 * paired.sum() / np.sqrt(1 + last)
        assert rbar(results.sample((0, 0))[0]) == pytest.approx(pairs / 30, abs=1e-12)
        found = results.recommended((0, 0)).conditions
        assert (found.crosses, found.closed, found.dates) == (True, True, 1)


def test_a_late_exchange_and_one_that_is_closed_as_well_meet_on_their_dates():
    # Asia's first firm is open on the day after New York's, the others on the third only.
    returns, market, asked, calendars = closed_in_asia(np.arange(DAY0 + 1, DAY0 + 3))
    open_one = asked["security"] == "ASIA0"
    asked.loc[open_one, "date"] = returns.index[DAY0 + 1]
    returns["ASIA0"] = returns["ASIA0"].fillna(0.0)
    calendars["ASIA0"] = returns.index.delete(0)
    results = fit(returns, market, asked, calendars=calendars)
    assert results.fitted.order.holds.tolist() == [1, 1, 1, 1, 3, 3]
    pair = results.fitted.take(np.array([3, 4]))
    # One day in common, of one and of three.
    expected = common_correlation(pair) / np.sqrt(3)
    assert rbar(window_sample(pair, (0, 0))[0]) == pytest.approx(expected, abs=1e-12)
    # Without an early security nothing crosses exchanges, but a closure it is.
    groups = asked.assign(group=np.where(asked["security"].str.startswith("NY"), "ny", "asia"))
    results = fit(returns, market, groups, calendars=calendars)
    asian = results.recommended((0, 0), "asia").conditions
    assert (asian.crosses, asian.closed) == (False, True)


def test_the_return_of_a_session_after_a_closure_has_the_variance_of_all_its_days():
    returns, market, asked, calendars = closed_in_asia(np.arange(DAY0, DAY0 + 2))
    results = fit(returns, market, asked, calendars=calendars)
    # The same returns, every security asked for alone: then nobody knows of the closure.
    alone = pd.concat(
        fit(returns, market, asked[asked["security"] == name], calendars=calendars).car((0, 0))
        for name in asked["security"]
    )
    s = results.parameters["sigma"]
    found = results.car((0, 0))
    pd.testing.assert_series_equal(found["car"], alone["car"])
    # New York's are as they were; s²(1 + leverage) becomes s²(3 + leverage) in Asia.
    pd.testing.assert_series_equal(found["se"][:3], alone["se"][:3])
    expected = np.sqrt(alone["se"][3:] ** 2 + 2 * s[3:] ** 2)
    pd.testing.assert_series_equal(found["se"][3:], expected, check_names=False)
    longer = results.car((-1, 1))["se"] ** 2 - results.car((-3, -1))["se"] ** 2
    assert np.allclose(longer[3:], 2 * s[3:] ** 2, rtol=0.1)
    assert np.allclose(results.abnormal_se[0] ** 2, found["se"] ** 2)
    assert np.allclose(found["scar"], found["car"] / found["se"])


def sessions_apart(results, calendars, index):
    """Correlations of each of New York's sessions with Asia's next day, by pairs of firms."""
    table = pd.DataFrame(np.nan, index=index, columns=range(6))
    for number, (_, name) in enumerate(results.index):
        own = calendars[name]
        zero = own.get_loc(results.dates.iloc[number][0])
        table.loc[own[zero - 60 : zero - 10], number] = results.fitted.residuals[number]
    before = table.copy()
    for number, (_, name) in enumerate(results.index):
        # What its session k shows lies where its session k - 1 is.
        known = table.loc[calendars[name], number]
        before.loc[calendars[name], number] = known.shift(-1)
    return np.array([[table[york].corr(before[asia]) for asia in range(3, 6)] for york in range(3)])


def common_correlation(pair):
    """Correlation of two events' residuals on the days of both."""
    left, right = (
        pd.Series(values, days)
        for values, days in zip(pair.residuals, pair.residual_days, strict=True)
    )
    return left.corr(right)


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0, 1])
def test_the_dependent_tests_hold_their_size_where_an_exchange_was_closed(lag):
    rejected, repetitions = {}, 200
    for repetition in range(repetitions):
        asked = closed_in_asia(np.array([DAY0]), 16, [15, repetition], lag=lag)
        results = fit(*asked[:3], calendars=asked[3])
        table = results.tests([(0, 0)], ["kolari_pynnonen_t", "grank_overlap"])
        for test, p in table[["test", "p_value"]].itertuples(index=False):
            rejected[test] = rejected.get(test, 0) + (p < 0.05)
    # 5 % of 200 is 10; without the closed day, where it is Asia's usual one, 32 and 40.
    assert max(rejected.values()) <= 20, rejected


def test_one_event_id_for_many_dates_says_nothing():
    returns, market = markets(5)
    asked = events(returns, [DAY0], lag=0)
    asked["date"] = returns.index[[DAY0, DAY0 + 1, DAY0 + 2, DAY0, DAY0 + 1, DAY0]]
    own = asked.assign(event_id=[f"e{at}" for at in range(6)])
    assert fit(returns, market, asked).fitted.order is None
    # To the last digit what each event has under a name of its own.
    pd.testing.assert_frame_equal(
        fit(returns, market, asked).tests([(0, 0), (-1, 1)]),
        fit(returns, market, own).tests([(0, 0), (-1, 1)]),
    )


def test_one_date_is_what_it_was():
    returns, market = markets(6)
    asked = events(returns, [DAY0], lag=0)
    own = asked.assign(event_id=[f"e{at}" for at in range(6)])
    pd.testing.assert_frame_equal(
        fit(returns, market, asked).tests([(0, 0), (-1, 1)]),
        fit(returns, market, own).tests([(0, 0), (-1, 1)]),
    )


def test_names_and_the_order_of_rows_do_not_matter():
    returns, market = markets(7)
    asked = events(returns, [DAY0, DAY0 + 4])
    table = fit(returns, market, asked).tests([(-1, 1)], DEPENDENT)
    again = asked.assign(event_id=asked["event_id"].map({"e100": "z", "e104": "a"}))
    again = again.sample(frac=1.0, random_state=1)
    found = fit(returns, market, again).tests([(-1, 1)], DEPENDENT)
    pd.testing.assert_frame_equal(found, table, rtol=1e-9)


def test_a_security_keeps_its_place_where_an_event_id_does_not_tell():
    returns, market = markets(8)
    # Known on a weekend: all exchanges react on the same date, three sessions after the first.
    asked = pd.concat([events(returns, [DAY0]), events(returns, [DAY0 + 3], lag=0)])
    levels = order_of(fit(returns, market, asked))
    assert levels["e103", "NY0"] == 0
    assert levels["e103", "ASIA0"] == 1
    # Two events of one security in overlapping windows move together by calendar date.
    one = asked[asked["security"] == "ASIA0"]
    sample, _ = fit(returns, market, one).sample((-3, 3))
    assert fit(returns, market, asked).sample((-3, 3))[0].fitted.order is not None
    assert rbar(sample) == pytest.approx(5 / 7, abs=0.01)


def test_a_security_that_is_now_early_and_now_late_has_the_place_of_each_event():
    returns, market = markets(9)
    asked = events(returns, [DAY0, DAY0 + 20])
    later = asked["event_id"] == "e120"
    asian = asked["security"].str.startswith("ASIA")
    asked.loc[later, "date"] = np.where(
        asian[later], returns.index[DAY0 + 20], returns.index[DAY0 + 21]
    )
    asked = pd.concat([asked, events(returns, [DAY0 + 40], lag=0)])
    levels = order_of(fit(returns, market, asked))
    assert (levels["e100", "NY0"], levels["e100", "ASIA0"]) == (0, 1)
    assert (levels["e120", "NY0"], levels["e120", "ASIA0"]) == (1, 0)
    assert levels["e140", "NY0"] == 0


def test_exchanges_that_close_one_after_the_other_are_in_that_order():
    returns, market = markets(14)
    # After Seoul's close and before Hong Kong's; after both, before New York's.
    between, after = events(returns, [DAY0]), events(returns, [DAY0 + 20])
    seoul = between["security"].isin(["ASIA0", "ASIA1"])
    hong_kong = between["security"] == "ASIA2"
    between.loc[hong_kong, "date"] = returns.index[DAY0]
    results = fit(returns, market, pd.concat([between, after]))
    level = np.where(seoul, 2, np.where(hong_kong, 1, 0)).tolist()
    assert results.fitted.order.level.tolist() == level * 2
    # The second instant reaches Seoul and Hong Kong on one date: they are paired by date.
    rows = [results.index.get_loc(("e120", name)) for name in ("ASIA0", "ASIA2")]
    both = fit(returns, market, after).fitted.take(np.array(rows) - 6)
    expected = np.corrcoef(both.residuals)[0, 1]
    assert rbar(window_sample(both, (0, 0))[0]) == pytest.approx(expected, abs=1e-12)


def test_event_ids_that_contradict_each_other_leave_the_order_of_the_others():
    returns, market = markets(14)
    # Hong Kong is behind Seoul in one event_id and ahead of it in the next: a half day, say.
    york = returns.columns.str.startswith("NY")
    seoul = returns.columns.isin(["ASIA0", "ASIA1"])
    first, second = events(returns, [DAY0 + 10]), events(returns, [DAY0 + 20])
    for asked, early in ((first, seoul), (second, ~seoul)):
        day = DAY0 + (10 if asked is first else 20)
        asked["date"] = np.where(york | early, returns.index[day], returns.index[day + 1])
    plain, last = events(returns, [DAY0]), events(returns, [DAY0 + 30], lag=0)
    every = pd.concat([plain, first, second, last])
    results = fit(returns, market, every, exclude_own_events=False)
    levels = order_of(results)
    # Behind New York they both are; in each event_id the late one is behind the early.
    for event_id in ("e100", "e130"):
        assert [levels[event_id, name] for name in ("NY0", "ASIA0", "ASIA2")] == [0, 1, 1]
    assert levels["e110", "ASIA2"] > levels["e110", "ASIA0"] == 1
    assert levels["e120", "ASIA0"] > levels["e120", "ASIA2"] == 1
    # The last event is on one date: New York's sessions meet Asia's next ones in its windows.
    rows = [results.index.get_loc(("e130", name)) for name in ("NY0", "ASIA0")]
    pair = results.fitted.take(np.array(rows))
    same = np.corrcoef(pair.residuals)[0, 1]
    later = np.corrcoef(pair.residuals[0, :-1], pair.residuals[1, 1:])[0, 1]
    expected = same + 2 / 3 * later
    assert rbar(window_sample(pair, (-1, 1))[0]) == pytest.approx(expected, abs=1e-12)


def test_a_chain_of_exchanges_has_a_level_for_each_link():
    returns, market = markets(14, 12)
    # Each security is a session behind the one before it, in an event_id of the two.
    names = list(returns.columns)
    asked = pd.concat(
        pd.DataFrame(
            {
                "event_id": f"e{at}",
                "security": names[at : at + 2],
                "date": returns.index[[DAY0 + at, DAY0 + at + 1]],
            }
        )
        for at in range(11)
    )
    levels = order_of(fit(returns, market, asked))
    assert [levels[f"e{at}", names[at]] for at in range(11)] == list(range(11))


def test_a_group_keeps_what_all_events_say():
    returns, market = markets(10)
    asked = events(returns, [DAY0])
    asked["group"] = np.where(asked["security"].str.startswith("ASIA"), "asia", "ny")
    asked.loc[asked["security"].isin(["NY0", "ASIA0"]), "group"] = "one of each"
    results = fit(returns, market, asked)
    sample, _ = results.sample((0, 0), "one of each")
    expected = np.corrcoef(sample.fitted.residuals)[0, 1]
    assert rbar(sample) == pytest.approx(expected, abs=1e-12)
    within, _ = results.sample((0, 0), "asia")
    plain = np.corrcoef(within.fitted.residuals)[0, 1]
    assert rbar(within) == pytest.approx(plain, abs=1e-12)


def test_one_instant_is_one_cluster():
    returns, market = markets(11)
    results = fit(returns, market, events(returns, [DAY0, DAY0 + 10]))
    sample, members = results.sample((0, 0))
    expected = np.repeat([0, 1], 6)
    assert by_overlap(sample).tolist() == expected.tolist()
    assert by_date(results, members).tolist() == expected.tolist()


def test_the_summary_counts_one_instant_on_two_exchanges_as_one_date():
    returns, market = markets(11, 2)
    said = fit(returns, market, events(returns, [DAY0])).summary().sentences
    assert "2 events share 1 date of first reaction: they move together." in said


def test_residuals_that_are_made_again_give_the_same(monkeypatch):
    returns, market = markets(12)
    asked = events(returns, [DAY0, DAY0 + 2])
    table = fit(returns, market, asked).tests([(0, 0), (-1, 1)], DEPENDENT)
    monkeypatch.setattr("analysis.eventstudy.fitting.lazy_fit.MAX_STORED_RESIDUALS", 0)
    found = fit(returns, market, asked).tests([(0, 0), (-1, 1)], DEPENDENT)
    pd.testing.assert_frame_equal(found, table, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [None, 2])
def test_the_dependent_tests_hold_their_size_across_exchanges(apart):
    rejected, repetitions, windows = {}, 200, [(0, 0), (-3, 3)]
    for repetition in range(repetitions):
        returns, market = markets([13, repetition], 16, days=130)
        rows = [90] if apart is None else [90, 90 + apart]
        asked = events(returns, rows)
        if apart is not None:
            asked = asked[(asked.index % 2 == 0) == (asked["event_id"] == "e90")]
        table = fit(returns, market, asked).tests(windows, DEPENDENT)
        for test, start, p in table[["test", "window_start", "p_value"]].itertuples(index=False):
            rejected[test, start] = rejected.get((test, start), 0) + (p < 0.05)
    # 5 % of 200 is 10; by calendar date alone it is more than 50 on one day.
    assert max(rejected.values()) <= 22, rejected
