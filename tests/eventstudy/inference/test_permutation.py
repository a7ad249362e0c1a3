"""The permutation test against loops that do what its definition says, one date at a time."""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import (
    Ewma,
    FactorModel,
    Garch,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.inference import permutation as resampling
from analysis.eventstudy.inference.placebo_table import COLUMNS
from tests.reference.panels import events, panel, study
from tests.reference.slow_dates import permutation

ESTIMATION, WINDOW, LEAST = (-60, -11), (-3, 3), 20


def slow(returns, factors, columns, asked, window, calendars=None):
    """Mean SCAR on the real dates and on every admissible placebo date, by loops."""
    return permutation(
        returns,
        factors,
        columns,
        asked,
        window,
        calendars,
        estimation=ESTIMATION,
        event_window=WINDOW,
        least=LEAST,
    )


def agrees(row, observed, placed):
    """Whether a row of the table of tests says what the loops say."""
    expected = (1 + (np.abs(placed) >= abs(observed)).sum()) / (1 + len(placed))
    assert len(placed) >= 39
    assert row["statistic"] == pytest.approx(observed, rel=1e-9)
    assert row["p_value"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (MarketModel("F0"), ["F0"]),
        (MeanAdjusted(), []),
        (FactorModel(["F0", "F1"]), ["F0", "F1"]),
    ],
)
@pytest.mark.parametrize("rows", [[150, 150, 150], [150, 153, 158], [120, 121, 200]])
def test_it_is_what_the_loops_say(model, columns, rows):
    returns, factors = panel(3, 260, seed=11, factors=2)
    returns.iloc[[60, 61, 230], 1] = np.nan
    factors.iloc[[80], :] = np.nan
    if not columns:
        factors = factors.fillna(0.0)
    asked = events(returns, rows)
    results = study(returns, asked, factors, model=model).fit()
    table = results.tests([(0, 0), (-1, 2)], ["permutation"])
    for window, (_, row) in zip([(0, 0), (-1, 2)], table.iterrows(), strict=True):
        observed, placed = slow(returns, factors, columns, asked, window)
        agrees(row, observed, placed)
        assert (row["n"], row["reason"]) == (3, "")
        assert np.isnan(row["df"])


def test_a_moved_event_reacts_on_its_next_session():
    returns, factors = panel(2, 260, seed=12)
    # S1 trades on four days out of five.
    own = returns.index[np.arange(260) % 5 != 2]
    calendars = {"S0": returns.index, "S1": own}
    asked = events(returns, [150, 150])
    results = study(returns, asked, factors, model=MarketModel("F0"), calendars=calendars).fit()
    row = results.tests((-1, 1), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (-1, 1), calendars)
    agrees(row, observed, placed)


@pytest.mark.parametrize("window", [(0, 0), (-1, 1), (-3, -1), (1, 2)])
@pytest.mark.parametrize("first", [150, 151])
def test_a_day_0_that_holds_closed_days_is_compared_with_as_many_sessions(window, first):
    returns, factors = panel(4, 260, seed=12)
    # S2 and S3 were closed on four days from that of the news on, or from the day after on.
    own = returns.index.delete(np.arange(first, first + 4))
    calendars = dict.fromkeys(("S0", "S1"), returns.index) | dict.fromkeys(("S2", "S3"), own)
    # The session after them shows the change of all of them.
    returns.iloc[first + 4, 2:] = returns.iloc[first : first + 5, 2:].sum()
    asked = events(returns, [150, 150, first + 4, first + 4]).assign(event_id="news")
    holds = {"S2": 5, "S3": 5}
    for model in (MarketModel("F0"), MeanAdjusted()):
        results = study(returns, asked, factors, model=model, calendars=calendars).fit()
        assert results.fitted.order.holds.tolist() == [1, 1, 5, 5]
        observed, placed = permutation(
            returns, factors, ["F0"] if model.k == 2 else [], asked, window, calendars,
            estimation=ESTIMATION, event_window=WINDOW, least=LEAST, holds=holds,
        )  # fmt: skip
        agrees(results.tests(window, ["permutation"]).iloc[0], observed, placed)
        # One security of its own: its SCAR against that of five sessions together.
        grouped = asked.assign(group=["a", "a", "b", "c"])
        results = study(returns, grouped, factors, model=model, calendars=calendars).fit()
        observed, placed = permutation(
            returns, factors, ["F0"] if model.k == 2 else [], asked[3:], window, calendars,
            estimation=ESTIMATION, event_window=WINDOW, least=LEAST, holds=holds, everyone=asked,
        )  # fmt: skip
        table = results.tests(window, ["permutation"]).set_index("group")
        agrees(table.loc["c"], observed, placed)


def test_the_day_0_after_a_closure_is_the_same_without_running_sums(monkeypatch):
    returns, factors = panel(3, 260, seed=16)
    own = returns.index.delete(np.arange(150, 153))
    calendars = {"S0": returns.index, "S1": returns.index, "S2": own}
    asked = events(returns, [150, 150, 153]).assign(event_id="news")
    windows = [(0, 0), (-3, 3)]
    results = study(returns, asked, factors, model=MarketModel("F0"), calendars=calendars).fit()
    expected = results.tests(windows, ["permutation"])
    monkeypatch.setattr(resampling, "runs", lambda model, factors: False)
    pd.testing.assert_frame_equal(results.tests(windows, ["permutation"]), expected)


def test_a_quicker_stand_in_has_its_own_figures_after_a_closure():
    returns, factors = panel(3, 260, seed=16)
    own = returns.index.delete(np.arange(150, 153))
    calendars = {"S0": returns.index, "S1": returns.index, "S2": own}
    asked = events(returns, [150, 150, 153]).assign(event_id="news")
    windows = [(0, 0), (-3, 3)]
    tables = [
        study(returns, asked, factors, model=model(MarketModel("F0")), calendars=calendars)
        .fit()
        .tests(windows, ["permutation"])
        for model in (Garch, Ewma)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_own_other_events_are_cut_and_met_by_no_placebo():
    returns, factors = panel(1, 300, seed=13)
    asked = events(returns, [120, 200], ["S0", "S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.tests((0, 1), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (0, 1))
    agrees(row, observed, placed)


def test_too_few_dates_are_said_and_give_no_number():
    returns, factors = panel(2, 125, seed=14)
    asked = events(returns, [100, 100])
    narrow = study(
        returns, asked, factors, model=MarketModel("F0"), estimation=(-60, -4), min_observations=57
    ).fit()
    row = narrow.tests((0, 0), ["permutation"]).iloc[0]
    assert np.isnan(row["statistic"])
    assert np.isnan(row["p_value"])
    assert row["reason"].endswith("admissible placebo dates, at least 39 are needed")


def test_more_dates_than_needed_are_drawn_with_the_seed(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_PLACEBOS", 60)
    returns, factors = panel(3, 260, seed=15)
    asked = events(returns, [150, 150, 150])

    def p_values(seed):
        question = study(returns, asked, factors, model=MarketModel("F0"), seed=seed)
        return question.fit().tests([(0, 0), (-1, 1)], ["permutation"])["p_value"].tolist()

    assert p_values(1) == p_values(1)
    assert len({tuple(p_values(seed)) for seed in range(6)}) > 1
    # 60 placebos: every p-value is a multiple of 1/61.
    assert np.array(p_values(1)) * 61 == pytest.approx(np.round(np.array(p_values(1)) * 61))


def test_running_sums_are_the_fits_of_every_date(monkeypatch):
    rng = np.random.default_rng(21)
    returns, factors = panel(5, 300, seed=21, gaps=0.01, factors=3)
    # Levels far from zero, one series in another unit, a flat stretch and one wild return.
    returns = returns * [1, 1, 100, 1, 1] + [0, 0.5, 0, 0, 0]
    returns.iloc[40:140, 3] = 0.001
    returns.iloc[20, 4] = 30.0
    factors["F0"] += 0.3
    asked = events(returns, list(150 + rng.integers(0, 6, 5)))
    for row in range(140, 165):
        returns.iloc[row] = returns.iloc[row].fillna(0.01)
    windows = ((0, 0), (-2, 3))
    many = FactorModel(["F0", "F1", "F2"])
    for model in (MarketModel("F0"), MeanAdjusted(), MarketAdjusted("F1"), many):
        results = study(returns, asked, factors, model=model, units="any").fit()
        fast = resampling.Placebos.of(results, windows)
        with monkeypatch.context() as patch:
            patch.setattr(resampling, "runs", lambda model, factors: False)
            slowly = resampling.Placebos.of(results, windows)
            assert not slowly._done.any()
        # The flat stretch, which only a fit can judge.
        assert (~fast._done).any()
        for window in windows:
            _, members = results.sample(window)
            shifts = fast.shifts(window, members)
            assert len(shifts) > 39
            found = fast._statistics(window, members, shifts)
            expected = slowly._statistics(window, members, shifts)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_it_says_on_how_many_dates_it_stands(monkeypatch):
    returns, factors = panel(4, 260, seed=22)
    asked = events(returns, [150] * 4).assign(group=list("aabb"))
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.permutation([(0, 0), (-1, 1)])
    assert list(table.columns) == COLUMNS
    assert table["group"].tolist() == ["all"] * 2 + ["a"] * 2 + ["b"] * 2
    assert table["exact"].all()
    assert (table["placebos"] == table["admissible"]).all()
    monkeypatch.setattr(resampling, "MOST_PLACEBOS", 60)
    drawn = results.permutation((0, 0), "a").iloc[0]
    assert (drawn["placebos"], drawn["exact"]) == (60, False)
    assert drawn["admissible"] == table["admissible"].iloc[2]
    with pytest.raises(InputError, match="Unknown group 'c'"):
        results.permutation((0, 0), "c")


def test_events_on_every_date_leave_none_and_build_no_table(monkeypatch):
    returns, factors = panel(4, 200, seed=23)
    rows = list(range(64, 200, 3))
    asked = events(returns, rows)
    results = study(returns, asked, factors, model=MarketModel("F0"), estimation=(-60, -4)).fit()
    monkeypatch.setattr(resampling.Placebos, "_tables", property(lambda self: 1 / 0))
    row = results.permutation((0, 0)).iloc[0]
    assert row["admissible"] == 0
    assert row["reason"] == "0 admissible placebo dates, at least 39 are needed"


def test_securities_that_are_one_are_told_apart_from_a_lack_of_dates():
    returns, factors = panel(2, 260, seed=16)
    returns["S1"] = returns["S0"]
    asked = events(returns, [150] * 2)
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.permutation((0, 0)).iloc[0]
    assert row["admissible"] >= 39
    assert row["placebos"] == 0
    assert row["reason"] == "the standardised CAR is the same for every event"
    assert results.permutation((0, 0), test="permutation_mean")["p_value"].notna().all()


def test_a_strong_effect_has_the_smallest_p_value_there_is():
    returns, factors = panel(5, 260, seed=16)
    returns.iloc[150] -= 0.2
    asked = events(returns, [150] * 5)
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    _, placed = slow(returns, factors, ["F0"], asked, (0, 0))
    assert results.tests((0, 0), ["permutation"])["p_value"].iloc[0] == pytest.approx(
        1 / (1 + len(placed))
    )


def test_groups_and_windows_asked_together_are_as_asked_alone():
    returns, factors = panel(4, 260, seed=17)
    asked = events(returns, [150, 150, 152, 152]).assign(group=["a", "a", "b", "b"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    together = results.tests([(0, 0), (-2, 2)], ["permutation"])
    for window in [(0, 0), (-2, 2)]:
        alone = results.tests(window, ["permutation"])["p_value"].tolist()
        same = together[together["window_start"] == window[0]]["p_value"].tolist()
        assert same == alone


def test_a_flat_stretch_gives_no_placebo():
    returns, factors = panel(1, 300, seed=18)
    # Nothing moves on rows 0 to 119: a placebo estimated there has no residual variance.
    returns.iloc[:120, 0] = 0.0
    asked = events(returns, [200], ["S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.tests((0, 0), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (0, 0))
    assert len(placed) < 300 - 60 - 7
    agrees(row, observed, placed)


def test_under_the_null_p_values_are_even():
    # 8 firms with a common shock on one day; 120 draws of fresh panels.
    rng = np.random.default_rng(19)
    index = pd.bdate_range("2024-01-01", periods=240)
    p = []
    for _ in range(120):
        values = rng.standard_normal((240, 8)) + rng.standard_normal((240, 1))
        returns = pd.DataFrame(values / 100, index, [f"S{number}" for number in range(8)])
        asked = events(returns, [150] * 8)
        question = study(returns, asked, model=MeanAdjusted())
        p.append(question.fit().tests((-1, 1), ["permutation"])["p_value"].iloc[0])
    counts, _ = np.histogram(p, bins=4, range=(0, 1))
    # 30 expected in each quarter, standard deviation 4.7.
    assert (np.abs(counts - 30) < 15).all()
    assert np.mean(np.array(p) <= 0.05) < 0.12


@pytest.mark.parametrize("model", [MeanAdjusted(), MarketModel("F0")])
def test_a_placebo_date_that_repeats_the_real_one_has_reached_it(model):
    # Returns with a period of 20 sessions: every 20th placebo has the mean SCAR of the real
    # date, however running sums round it.
    one, market = panel(1, 20, seed=44)
    index = pd.bdate_range("2022-01-03", periods=400)
    returns = pd.DataFrame(np.tile(one.to_numpy(), (20, 1)), index, one.columns)
    factors = pd.DataFrame(np.tile(market.to_numpy(), (20, 1)), index, market.columns)
    asked = events(returns, [200])
    options = {"model": model, "estimation": (-50, -11), "min_observations": 40}
    results = study(returns, asked, factors, **options).fit()
    placebos = resampling.Placebos.of(results, ((-1, 1),))
    sample, members = results.sample((-1, 1))
    shifts = placebos.shifts((-1, 1), members)
    again = np.flatnonzero(shifts % 20 == 0)
    placed = placebos._statistics((-1, 1), members, shifts)
    # By SCAR of one period, from fits without running sums.
    by_phase = {int(s) % 20: value for s, value in zip(shifts, placed, strict=True)}
    reached = sum(abs(by_phase[int(s) % 20]) >= abs(by_phase[0]) * (1 - 1e-6) for s in shifts)
    row = results.permutation((-1, 1)).iloc[0]
    assert len(again) > 5
    assert reached >= len(again)
    assert row["p_value"] == (1 + reached) / (1 + len(shifts))
    assert sample.scar.mean() == pytest.approx(by_phase[0], rel=1e-8)


def test_the_plain_mean_is_asked_for_by_name():
    returns, factors = panel(3, 260, seed=11, factors=2)
    asked = events(returns, [150, 150, 158])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    observed, placed = permutation(
        returns, factors, ["F0"], asked, (0, 1), estimation=ESTIMATION, event_window=WINDOW,
        least=LEAST, plain=True,
    )  # fmt: skip
    both = results.tests((0, 1), ["permutation", "permutation_mean"]).set_index("test")
    agrees(both.loc["permutation_mean"], observed, placed)
    assert observed == pytest.approx(results.car((0, 1))["scar"].mean())
    bmp = results.tests((0, 1), ["bmp_t"])["statistic"].iloc[0]
    assert both.loc["permutation", "statistic"] == pytest.approx(bmp)
    table = results.permutation((0, 1), test="permutation_mean").iloc[0]
    assert table["p_value"] == both.loc["permutation_mean", "p_value"]
    with pytest.raises(InputError, match="Unknown permutation test 'median'"):
        results.permutation((0, 1), test="median")


def test_one_event_has_no_spread_and_keeps_its_plain_standardised_car():
    returns, factors = panel(2, 260, seed=31)
    asked = events(returns, [150, 150]).assign(group=["a", "b"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    table = results.tests((0, 0), ["permutation", "permutation_mean"])
    alone = table[table["group"] == "a"]
    assert alone["p_value"].iloc[0] == alone["p_value"].iloc[1]
    assert alone["statistic"].tolist() == [results.car((0, 0))["scar"].iloc[0]] * 2


def test_dates_without_spread_are_no_placebos_and_give_no_statistic():
    returns, factors = panel(1, 300, seed=32)
    # The same series twice up to row 120: until then both react alike on every date.
    returns["S1"] = returns["S0"] * 1.0
    returns.iloc[120:, 1] += np.random.default_rng(1).normal(0, 0.02, 180)
    asked = events(returns, [230, 230])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.permutation((0, 0)).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (0, 0))
    agrees(row, observed, placed)
    assert row["placebos"] == len(placed) < row["admissible"] - 40
    alike = events(returns, [100, 100])
    real = study(returns, alike, factors, model=MarketModel("F0")).fit().permutation((0, 0)).iloc[0]
    assert np.isnan(real["p_value"])
    assert real["reason"] == "the standardised CAR is the same for every event"


def test_a_variance_that_doubles_at_the_event_does_not_read_as_an_effect():
    rng = np.random.default_rng(33)
    index = pd.bdate_range("2024-01-01", periods=260)
    hits = {"permutation": 0, "permutation_mean": 0}
    for _ in range(150):
        values = rng.standard_normal((260, 12)) + 0.5 * rng.standard_normal((260, 1))
        # All of the variance, fourfold: 2 standard deviations where there was one.
        values[150] *= 2.0
        returns = pd.DataFrame(values / 100, index, [f"S{number}" for number in range(12)])
        found = study(returns, events(returns, [150] * 12), model=MeanAdjusted()).fit()
        for row in found.tests((0, 0), list(hits)).itertuples():
            hits[row.test] += row.p_value <= 0.05
    # 7.5 of 150 expected, standard deviation 2.7; the plain mean rejects a third.
    assert hits["permutation"] <= 18
    assert hits["permutation_mean"] > 30
