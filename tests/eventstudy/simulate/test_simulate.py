"""The simulation: what it draws, what it counts, and that neither depends on who counts."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import Dimson, FactorModel, MarketAdjusted, MeanAdjusted, ScholesWilliams
from analysis.eventstudy.inference.registry import TEST_NAMES
from analysis.eventstudy.simulate import STANDARD, Design, size_and_power
from analysis.eventstudy.simulate.panels import ReturnPanel, calendars, draw, frames

pytestmark = pytest.mark.slow

QUICK = {"estimation": (-45, -6), "event_window": (-2, 2), "min_observations": 20}


def quick(**options) -> Design:
    return Design(**{"events": 10, **QUICK, **options})


def drawn(design: Design, seed: int = 0, panel: ReturnPanel | None = None, history: int = 0):
    return draw(design, panel, np.random.default_rng(seed), history)


def real_panel(days: int = 200, securities: int = 12, gaps: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.02, (days, securities)) + rng.normal(0, 0.01, (days, 1))
    values[rng.random(values.shape) < gaps] = np.nan
    return pd.DataFrame(values, index=pd.bdate_range("2020-01-01", periods=days))


# What is drawn


@pytest.mark.parametrize("residuals", ["normal", "t", "skewed"])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.6])
def test_residuals_have_the_correlation_and_the_variance_asked_for(residuals, correlation):
    design = Design(
        events=4, correlation=correlation, residuals=residuals, estimation=(-40_000, -6)
    )
    noise = drawn(design).noise
    pairs = [float(np.corrcoef(noise[:, i], noise[:, j])[0, 1]) for i in range(4) for j in range(i)]
    assert pairs == pytest.approx([correlation] * 6, abs=0.03)
    sd = noise.std(axis=0)
    assert ((sd > 0.0095) & (sd < 0.0315)).all()


@pytest.mark.parametrize(
    ("residuals", "skewness", "excess"),
    [("normal", 0.0, 0.0), ("t", 0.0, 6.0), ("skewed", 1.0, 1.5)],
)
def test_residuals_have_the_shape_that_their_name_promises(residuals, skewness, excess):
    design = Design(events=1, correlation=0.0, residuals=residuals, estimation=(-60_000, -6))
    noise = drawn(design).noise[:, 0]
    z = (noise - noise.mean()) / noise.std()
    assert (z**3).mean() == pytest.approx(skewness, abs=0.4 if residuals == "t" else 0.08)
    # The fourth moment of t(5) converges slowly: it is told apart from the others, no more.
    assert (z**4).mean() - 3 == pytest.approx(excess, abs=4.0 if residuals == "t" else 0.4)


def test_returns_are_the_market_times_beta_and_the_residual():
    design = quick()
    one = drawn(design)
    beta = (one.returns - one.noise) / one.factors
    assert np.allclose(beta, beta[0])
    assert ((beta > 0.5) & (beta < 1.5)).all()


@pytest.mark.parametrize("spread", [1, 3, 10])
def test_day_0_falls_on_every_session_of_the_spread_and_on_no_other(spread):
    design = quick(events=200, spread=spread)
    day0 = drawn(design).day0
    assert set(day0 - design.before) == set(range(spread))
    assert len(drawn(design).returns) == design.before + spread + design.after


def test_the_effect_is_added_on_day_0_and_nowhere_else():
    with_effect, without = drawn(quick(effect=0.03, spread=3)), drawn(quick(spread=3))
    added = with_effect.returns - without.returns
    expected = np.zeros_like(added)
    for event, day in enumerate(without.day0):
        expected[day, event] = 0.03
    assert np.allclose(added, expected)


def test_the_variance_rises_on_the_days_of_the_window_alone():
    with_rise = drawn(quick(variance_increase=3.0, spread=3, window=(-1, 1)))
    without = drawn(quick(spread=3, window=(-1, 1)))
    expected = without.returns.copy()
    for event, day in enumerate(without.day0):
        for row in (day - 1, day, day + 1):
            # Four times the variance is twice the residual.
            expected[row, event] += without.noise[row, event]
    assert np.allclose(with_rise.returns, expected)


def test_the_variance_rises_in_the_part_that_is_asked_for():
    usual = drawn(quick(window=(0, 0)))
    assert np.allclose(usual.noise - usual.common, usual.raised("own"))
    for part, share in (("own", usual.noise - usual.common), ("common", usual.common)):
        raised = drawn(quick(window=(0, 0), variance_increase=3.0, raised=part))
        added = raised.returns - usual.returns
        assert np.allclose(added[usual.day0[0]], share[usual.day0[0]])
        assert np.count_nonzero(added.any(axis=1)) == 1


def test_a_shock_reaches_the_second_exchange_a_session_later():
    design = Design(events=6, exchanges=2, correlation=0.5, estimation=(-20_000, -6))
    one = drawn(design)
    assert one.day0.tolist() == [20_000] * 3 + [20_001] * 3
    shock = one.common / one.common[[7, 7, 7, 8, 8, 8], range(6)]
    assert np.allclose(shock[1:, 3:], shock[:-1, :1])
    assert np.allclose(shock[:, :3], shock[:, :1])
    assert np.corrcoef(one.noise[:, 0], one.noise[:, 3])[0, 1] == pytest.approx(0, abs=0.03)
    assert np.corrcoef(one.noise[1:, 3], one.noise[:-1, 0])[0, 1] == pytest.approx(0.5, abs=0.03)
    # Each exchange has its own market.
    assert one.names == ("new_york", "asia")
    for firm, market in ((0, 0), (5, 1)):
        beta = (one.returns[:, firm] - one.noise[:, firm]) / one.factors[:, market]
        assert np.allclose(beta, beta[0])
    assert design.study_model.needs(0) == ("new_york",)
    assert design.study_model.needs(5) == ("asia",)


def test_history_leaves_the_rows_of_two_exchanges_as_they_are():
    design = quick(exchanges=2)
    short, long = drawn(design), drawn(design, history=70)
    assert np.array_equal(long.day0, short.day0 + 70)
    assert np.array_equal(long.returns[70:], short.returns)
    # And the shock before them reaches Asia out of the history.
    scaled = long.common / np.abs(long.common).max(axis=0)
    assert np.allclose(scaled[1:, -1] / scaled[1, -1], scaled[:-1, 0] / scaled[0, 0])


@pytest.mark.parametrize(("closure", "lag"), [("together", 0), ("behind", 1)])
def test_the_first_session_after_a_closure_shows_the_change_of_both_days(closure, lag):
    design = quick(exchanges=2, closure=closure)
    one, day = drawn(design), -design.estimation[0]
    assert one.day0.tolist() == [day] * 5 + [day + 1] * 5
    assert np.isnan(one.returns[day, 5:]).all()
    assert np.isfinite(one.returns[:, :5]).all()
    # What is common reaches Asia on New York's date, or a session later.
    size = one.common / one.common[[7] * 5 + [7 + lag] * 5, range(10)]
    assert np.allclose(size[lag:, 5:], size[: len(size) - lag, :1])
    beta = (one.returns[9, 9] - one.noise[9, 9]) / one.factors[9, 1]
    both = one.noise[day : day + 2, 9].sum() + beta * one.factors[day + 1, 1]
    assert one.returns[day + 1, 9] == pytest.approx(both)
    returns, asked, _ = frames(design, one)
    sessions = calendars(design, one, returns.index)
    assert sessions is not None
    assert returns.index[day] in sessions[0]
    assert returns.index[day] not in sessions[9]
    assert (asked["date"].iloc[5:] == returns.index[day + 1]).all()


@pytest.mark.parametrize(("closure", "first"), [("together", 0), ("behind", 0), ("late", 1)])
def test_a_closure_of_several_days_is_one_return(closure, first):
    design = quick(exchanges=2, closure=closure, closed_days=3)
    one, day = drawn(design), -design.estimation[0]
    shut = np.arange(day + first, day + first + 3)
    assert one.day0.tolist() == [day] * 5 + [shut[-1] + 1] * 5
    assert np.isnan(one.returns[shut, 5:]).all()
    assert np.isfinite(one.returns).sum() == one.returns.size - 15
    assert len(one.returns) > one.day0.max() + design.event_window[1]
    # The market's return after them is that of all of them, and so is the firm's.
    beta = (one.returns[9, 9] - one.noise[9, 9]) / one.factors[9, 1]
    held = one.noise[day + first : shut[-1] + 2, 9].sum() + beta * one.factors[shut[-1] + 1, 1]
    assert one.returns[shut[-1] + 1, 9] == pytest.approx(held)
    sessions = calendars(design, one, pd.DatetimeIndex(frames(design, one)[0].index))
    assert len(sessions[0]) - len(sessions[9]) == 3


def test_dates_of_their_own_are_as_far_apart_as_they_are_said_to_be():
    design = quick(apart=20)
    one = drawn(design)
    assert np.diff(one.day0).tolist() == [20] * 9
    assert len(one.returns) > one.day0[-1] + design.event_window[1]
    assert frames(design, one)[1]["event_id"].is_unique


def test_one_piece_of_news_is_one_event_and_spread_dates_are_events_of_their_own():
    for design, names in ((quick(), 1), (quick(exchanges=2), 1), (quick(spread=3), 10)):
        assert frames(design, drawn(design))[1]["event_id"].nunique() == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exchanges": 3}, "exchanges must be 1 or 2, not 3"),
        ({"exchanges": 2, "spread": 3}, "spread must be 1, and apart 0, with two exchanges"),
        ({"exchanges": 2, "apart": 3}, "spread must be 1, and apart 0, with two exchanges"),
        ({"spread": 2, "apart": 3}, "spread must be 1 with dates of their own"),
        ({"exchanges": 2, "events": 1}, "events must be at least 2"),
        ({"exchanges": 2, "model": MeanAdjusted()}, r"model must be MarketModel\(\)"),
        ({"exchanges": 2, "closure": "always"}, "Unknown closure 'always'"),
        ({"closure": "behind"}, "closure must be"),
        ({"exchanges": 2, "closure": "behind", "untraded": 0.1}, "closure must be"),
        ({"raised": "most"}, "Unknown part of the abnormal return 'most'"),
    ],
)
def test_exchanges_and_parts_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        quick(**options)


@pytest.mark.parametrize("options", [{"exchanges": 2}, {"raised": "own"}, {"apart": 9}])
def test_a_panel_refuses_what_only_the_factor_model_gives(options):
    with pytest.raises(InputError, match="with a panel of real returns"):
        size_and_power(quick(events=4, **options), 1, ["bmp_t"], returns=real_panel())


@pytest.mark.parametrize("model", [Dimson(), ScholesWilliams()])
def test_betas_for_thin_trading_have_the_sessions_that_they_look_ahead(model):
    found = size_and_power(quick(untraded=0.2, window=(-2, 2), model=model), 2, ["bmp_t"])
    assert (found["defined"] == 1).all()
    assert (found["events_used"] == 10).all()


def test_untraded_days_show_zero_and_the_next_trade_the_whole_change():
    design = quick(untraded=0.3)
    seen, full = drawn(design).returns, drawn(quick()).returns
    untraded = np.isclose(seen, 0.0)
    assert untraded[1:].mean() == pytest.approx(0.3, abs=0.06)
    for firm in range(design.events):
        owed = 1.0
        for row in range(len(full)):
            owed *= 1.0 + full[row, firm]
            if not untraded[row, firm]:
                assert seen[row, firm] == pytest.approx(owed - 1.0)
                owed = 1.0


def test_untraded_days_and_the_day_after_are_missing_when_that_is_asked():
    seen = drawn(quick(untraded=0.2, untraded_returns="missing")).returns
    full = drawn(quick()).returns
    missing = np.isnan(seen)
    assert missing.mean() == pytest.approx(1 - 0.8**2, abs=0.06)
    assert np.array_equal(seen[~missing], full[~missing])
    # No hole of a single day: the change over a hole is no daily return.
    alone = missing[1:-1] & ~missing[:-2] & ~missing[2:]
    assert not alone.any()


def test_history_for_placebos_leaves_the_rows_of_the_study_as_they_are():
    design = quick(spread=3, residuals="t")
    short, long = drawn(design), drawn(design, history=70)
    assert np.array_equal(long.day0, short.day0 + 70)
    for name in ("returns", "factors"):
        assert np.array_equal(getattr(long, name)[70:], getattr(short, name))


def test_frames_lay_the_events_on_their_day_0():
    design = quick(spread=3)
    one = drawn(design)
    returns, events, factors = frames(design, one)
    for event in events.itertuples():
        row = returns.index.get_loc(event.date)
        assert row == one.day0[event.security]
    assert list(factors.columns) == ["market"]


# What is drawn from real returns


def test_a_draw_from_a_panel_is_a_stretch_of_it_with_different_securities():
    returns = real_panel()
    panel = ReturnPanel.of(returns, None)
    design = quick(spread=3, events=5)
    values, bases = returns.to_numpy(), set()
    for seed in range(20):
        one = drawn(design, seed, panel)
        start, columns = _found(values, one.returns)
        assert len(set(columns)) == 5
        assert set(one.day0) <= {design.before, design.before + 1, design.before + 2}
        assert np.allclose(one.factors[:, 0], values[start : start + len(one.returns)].mean(axis=1))
        bases.add(start)
    assert len(bases) > 10


def _found(values: np.ndarray, part: np.ndarray) -> tuple[int, list[int]]:
    """Where a part of a panel was taken from, by looking for its figures."""
    rows, columns = zip(*(np.argwhere(values == figure)[0] for figure in part[0]), strict=True)
    assert len(set(rows)) == 1
    assert np.array_equal(values[rows[0] : rows[0] + len(part)][:, columns], part)
    return int(rows[0]), [int(one) for one in columns]


def test_a_security_is_drawn_only_where_its_rows_are_complete_enough():
    panel = ReturnPanel.of(real_panel(gaps=0.03), None)
    design = quick(spread=2, events=3, window=(-1, 1), min_observations=38)
    for seed in range(40):
        one = drawn(design, seed, panel)
        for event, day in enumerate(one.day0):
            assert np.isfinite(one.returns[day - 2 : day + 3, event]).all()
            assert np.isfinite(one.returns[day - 45 : day - 5, event]).sum() >= 38


def test_the_only_day_that_a_panel_offers_is_found():
    returns = real_panel(days=100, securities=3)
    returns.iloc[:30, 0] = np.nan
    returns.iloc[73:, 0] = np.nan
    design = Design(
        events=3, estimation=(-40, -3), event_window=(-2, 2), min_observations=38, spread=1
    )
    panel = ReturnPanel.of(returns, pd.DataFrame({"market": 0.01}, index=returns.index))
    for seed in range(5):
        one = drawn(design, seed, panel, history=1)
        assert (one.day0 == 70).all()


def test_a_panel_too_small_is_refused_with_what_it_holds():
    with pytest.raises(InputError, match=r"no day on which 13 securities .* the most is 12"):
        size_and_power(quick(events=13), 1, ["bmp_t"], returns=real_panel())
    with pytest.raises(InputError, match="the most is 0"):
        size_and_power(quick(events=2), 1, ["bmp_t"], returns=real_panel(days=40))


def test_what_a_panel_decides_is_not_claimed_by_the_design():
    found = size_and_power(quick(), 2, ["bmp_t"], returns=real_panel())
    assert found["correlation"].isna().all()
    assert set(found["residuals"]) == {"as in the panel"}


def test_the_permutation_test_has_all_days_of_a_panel():
    found = size_and_power(
        quick(events=3), 2, ["permutation", "bmp_t"], returns=real_panel(), placebos=1
    )
    assert (found["defined"] == 1).all()


# What is counted


def test_a_seed_says_it_all():
    once, again = (size_and_power(quick(), 10, ["bmp_t", "sign"], seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(once, again)
    many = [
        size_and_power(quick(), 30, ["cross_sectional_t"], seed=seed)["rejections"].iloc[0]
        for seed in range(4)
    ]
    assert len(set(many)) > 1


def test_counts_do_not_depend_on_the_executor():
    designs = [quick(), quick(window=(-1, 1)), quick(spread=4)]
    names = ["bmp_t", "kolari_pynnonen_t", "permutation"]
    options = {"permutation_repetitions": 3, "placebos": 60}
    alone = size_and_power(designs, 30, names, **options)
    with ThreadPoolExecutor(3) as threads:
        pd.testing.assert_frame_equal(
            size_and_power(designs, 30, names, executor=threads, **options), alone
        )
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        pd.testing.assert_frame_equal(
            size_and_power(designs, 30, names, executor=processes, **options), alone
        )


def test_a_design_gives_the_same_counts_alone_and_among_others():
    designs = [quick(window=window, spread=days) for days in (1, 3) for window in ((0, 0), (-2, 2))]
    together = size_and_power(designs, 20, ["bmp_t", "grank_t"])
    apart = [size_and_power(design, 20, ["bmp_t", "grank_t"]) for design in designs]
    pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))


def test_asking_for_the_permutation_test_leaves_the_others_alone():
    names = [name for name in TEST_NAMES if name != "permutation"]
    without = size_and_power(quick(), 15, names)
    beside = size_and_power(quick(), 15, permutation_repetitions=2, placebos=60)
    assert list(beside["test"]) == list(TEST_NAMES)
    assert beside.set_index("test")["repetitions"]["permutation"] == 2
    pd.testing.assert_frame_equal(
        beside[beside["test"] != "permutation"].reset_index(drop=True), without
    )


def test_independent_events_are_rejected_one_time_in_twenty():
    found = size_and_power(quick(correlation=0.0), 600, ["cross_sectional_t", "bmp_t"], seed=1)
    # Four standard errors of 600 draws.
    assert found["share"].between(0.05 - 0.036, 0.05 + 0.036).all()


def test_events_on_one_date_are_rejected_far_more_often_by_tests_for_independent_ones():
    found = size_and_power(quick(correlation=0.5), 60, ["bmp_t"])
    assert found["share"].iloc[0] > 0.3


def test_an_effect_raises_the_power():
    designs = [quick(effect=effect) for effect in (0.0, 0.01, 0.03, 0.06)]
    shares = size_and_power(designs, 60, ["kolari_pynnonen_t"])["share"].to_numpy()
    assert (np.diff(shares) > 0).all()
    assert shares[-1] > 0.95


def test_a_test_that_is_not_defined_counts_as_neither():
    found = size_and_power(quick(events=1), 5, ["bmp_t", "patell_z"]).set_index("test")
    assert found.loc["bmp_t", "defined"] == 0
    assert np.isnan(found.loc["bmp_t", ["share", "standard_error"]].astype(float)).all()
    assert found.loc["patell_z", "defined"] == 1


def test_events_with_holes_are_counted_out():
    design = quick(events=30, untraded=0.05, untraded_returns="missing", window=(-2, 2))
    found = size_and_power(design, 10, ["bmp_t"])
    # Five whole days in a row need six days with a trade.
    assert found["events_used"].iloc[0] / 30 == pytest.approx(0.95**6, abs=0.12)


def test_rejections_rise_with_the_level_and_errors_are_binomial():
    found = size_and_power(quick(), 40, ["bmp_t"], levels=(0.01, 0.05, 0.1))
    assert found["level"].tolist() == [0.01, 0.05, 0.1]
    assert found["rejections"].is_monotonic_increasing
    share = found["rejections"] / 40
    assert found["standard_error"].tolist() == pytest.approx(np.sqrt(share * (1 - share) / 40))


@pytest.mark.parametrize("model", [MeanAdjusted(), MarketAdjusted(), FactorModel(["market"])])
def test_every_normal_return_model_can_be_simulated(model):
    found = size_and_power(quick(model=model), 3, ["bmp_t"])
    assert found["model"].iloc[0] == model.name
    assert found["defined"].iloc[0] == 1


def test_progress_is_told_to_the_end():
    told = []
    size_and_power(quick(), 60, ["sign"], progress=lambda *step: told.append(step))
    assert told[-1] == (len(told), len(told))


# What is shown


def test_the_standard_designs_ask_what_the_docs_say():
    assert {design.spread for design in STANDARD["size"]} == {1, 3, 10}
    lengths = {design.window[1] - design.window[0] + 1 for design in STANDARD["size"]}
    assert lengths == {1, 3, 11}
    assert all(design.effect == 0 for design in (*STANDARD["size"], *STANDARD["robustness"]))
    for designs in STANDARD.values():
        assert len(designs) == len({repr(design) for design in designs})


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 0}, "Design.events must be at least 1"),
        ({"events": 2.5}, "Design.events must be at least 1, a whole number, not 2.5"),
        ({"spread": 0}, "Design.spread must be at least 1"),
        ({"correlation": 1.0}, "Design.correlation must be a share"),
        ({"correlation": "0.2"}, "Design.correlation must be a share"),
        ({"correlation": float("nan")}, "Design.correlation must be a share"),
        ({"untraded": -0.1}, "Design.untraded must be a share"),
        ({"untraded_returns": "none"}, "Unknown return of an untraded day 'none'"),
        ({"residuals": "cauchy"}, "Unknown distribution of residuals 'cauchy'"),
        ({"variance_increase": -0.5}, "Design.variance_increase must be a number of at least 0"),
        ({"effect": float("inf")}, "Design.effect must be a number"),
        ({"window": (-9, 0)}, "reaches outside the event window"),
        ({"estimation": (-45, -1)}, "must end before the event window"),
        ({"min_observations": 100}, "min_observations=100 cannot be reached"),
    ],
)
def test_a_design_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        quick(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repetitions": 0}, "repetitions must be at least 1"),
        ({"tests": ["bmp"]}, "Unknown test 'bmp'"),
        ({"levels": 5}, "levels must lie between 0 and 1"),
        ({"levels": ()}, "levels is empty"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"placebos": -1}, "placebos must be at least 0"),
        ({"permutation_repetitions": -1}, "permutation_repetitions must be at least 0"),
        ({"designs": []}, "designs is empty"),
        ({"designs": [(0, 0)]}, "designs must be Design values"),
        ({"factors": real_panel()}, "factors are of use with returns alone"),
        ({"returns": [1.0]}, "returns must be a pandas DataFrame"),
        ({"designs": quick(model=FactorModel(["smb"]))}, "Unknown column of factors 'smb'"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        size_and_power(**{"designs": quick(), "repetitions": 1, "tests": ["sign"], **options})


def test_factors_of_other_days_are_refused():
    factors = real_panel(securities=1).set_axis(["market"], axis=1)
    factors.index = factors.index + pd.Timedelta(days=10_000)
    with pytest.raises(InputError, match="no day in common"):
        size_and_power(quick(), 1, ["sign"], returns=real_panel(), factors=factors)
