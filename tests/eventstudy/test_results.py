import gc
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from scipy import stats

from analysis.errors import InputError
from analysis.eventstudy import MarketModel, MeanAdjusted
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.intervals import caar_interval
from analysis.eventstudy.inference.registry import TEST_NAMES
from tests.reference.panels import events, panel, study

RETURNS, FACTORS = panel(6, 200, seed=1)
GROUPS = ["chips", "chips", "cloud", None, "", "all"]


@pytest.fixture(scope="module")
def results():
    asked = events(RETURNS, [100, 100, 100, 100, 150, 150]).assign(group=GROUPS)
    return study(RETURNS, asked, FACTORS, model=MarketModel("F0")).fit()


@pytest.fixture(scope="module")
def holed():
    """S0 without a return on day 2 and 3, S1 whole."""
    returns = RETURNS.copy()
    returns.iloc[[102, 103], 0] = np.nan
    asked = events(returns, [100, 100])
    return study(returns, asked, FACTORS, model=MarketModel("F0")).fit()


def test_a_car_is_the_sum_of_its_abnormal_returns(results):
    car = results.car((-1, 2))
    assert list(car.columns) == ["car", "se", "t", "df", "p_value", "scar"]
    assert car.index.names == ["event_id", "security"]
    total = results.abnormal[[-1, 0, 1, 2]].sum(axis=1)
    pd.testing.assert_series_equal(car["car"], total, check_names=False)
    assert (car["t"] == car["car"] / car["se"]).all()
    assert (car["scar"] == car["t"]).all()


def test_the_p_value_of_a_car_is_twice_the_tail_of_students_t(results):
    car = results.car((0, 0))
    assert car["p_value"].to_numpy() == pytest.approx(2 * stats.t.sf(car["t"].abs(), car["df"]))


def test_a_tiny_p_value_keeps_its_digits():
    returns, factors = panel(1, 100)
    returns.iloc[90, 0] = 3.0
    results = study(returns, events(returns, [90]), factors, model=MarketModel("F0")).fit()
    assert 0 < results.car((0, 0))["p_value"].iloc[0] < 1e-60


def test_caar_is_the_mean_car_with_the_recommended_test(results):
    caar = results.caar((-1, 1))
    assert list(caar.index) == ["caar", "n", "test", "statistic", "df", "p_value"]
    assert caar["caar"] == pytest.approx(results.car((-1, 1))["car"].mean())
    table = results.tests((-1, 1), ["kolari_pynnonen_t"]).iloc[0]
    assert caar["test"] == "kolari_pynnonen_t"
    assert (caar["n"], caar["df"]) == (6, 5)
    assert (caar["statistic"], caar["p_value"]) == (table["statistic"], table["p_value"])


def test_groups_are_everything_and_then_the_named_ones(results):
    assert results.groups == ("all", "chips", "cloud")
    chips = results.caar((0, 0), "chips")
    assert chips["n"] == 2
    assert chips["caar"] == pytest.approx(results.abnormal[0].iloc[:2].mean())
    assert results.caar((0, 0), "all")["n"] == 6
    with pytest.raises(InputError, match="Unknown group 'chip'"):
        results.caar((0, 0), "chip")


def test_without_groups_there_is_one():
    results = study(RETURNS, events(RETURNS, [100]), model=MeanAdjusted()).fit()
    assert results.groups == ("all",)


def test_the_table_of_tests_is_tidy(results):
    table = results.tests([(0, 0), (-1, 1)])
    assert list(table.columns) == [
        "group",
        "window_start",
        "window_end",
        "test",
        "statistic",
        "df",
        "p_value",
        "p_holm",
        "p_bh",
        "n",
        "reason",
    ]
    assert len(table) == 3 * 2 * len(TEST_NAMES)
    assert table["group"].drop_duplicates().tolist() == ["all", "chips", "cloud"]
    assert not table.duplicated(["group", "window_start", "window_end", "test"]).any()
    assert ((table["reason"] == "") == table["p_value"].notna()).all()


def test_the_family_is_all_finite_p_values_of_one_call(results):
    table = results.tests([(0, 0), (-1, 1)], ["sign", "bmp_t"])
    finite = table["p_value"].notna()
    assert not finite.all()  # one event in "cloud" has no BMP t
    p = table.loc[finite, "p_value"].to_numpy()
    assert table.loc[finite, "p_holm"].min() == pytest.approx(min(1.0, p.min() * len(p)))
    assert table.loc[finite, "p_bh"].to_numpy() == pytest.approx(
        stats.false_discovery_control(p), rel=1e-12
    )
    assert table.loc[~finite, ["p_holm", "p_bh"]].isna().all(axis=None)


def test_one_window_may_stand_alone_and_none_counts_twice(results):
    one = results.tests((0, 0), ["sign"])
    pd.testing.assert_frame_equal(results.tests([(0, 0)], "sign"), one)
    pd.testing.assert_frame_equal(results.tests([(0, 0), (0, 0)], ["sign"]), one)
    pd.testing.assert_frame_equal(results.tests([[0, 0]], ["sign"]), one)


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda r: r.car((-4, 0)), r"\(-4, 0\) reaches outside the event window \(-3, 3\)"),
        (lambda r: r.tests([(0, 9)]), r"\(0, 9\) reaches outside"),
        (lambda r: r.car((1, 0)), "ends before it begins"),
        (lambda r: r.car("0,0"), "two whole relative days"),
        (lambda r: r.tests([(0, 0)], ["grank"]), "Unknown test 'grank'. Did you mean 'grank_"),
        (lambda r: r.tests([(0, 0)], "bmp"), "Unknown test 'bmp'. Did you mean 'bmp_t'"),
        (lambda r: r.tests([(0, 0)], ["calendar_time"]), "Unknown test 'calendar_time'. Did you"),
        (lambda r: r.caar_path(level=95), "level must lie between 0 and 1"),
        (lambda r: r.caar_path("nobody"), "Unknown group 'nobody'"),
    ],
)
def test_what_cannot_be_answered_is_refused(results, ask, match):
    with pytest.raises(InputError, match=match):
        ask(results)


def test_a_hole_leaves_an_event_out_of_that_window_alone(holed):
    assert len(holed.car((-3, 3))) == 1
    assert len(holed.car((-1, 1))) == 2
    assert holed.caar((-3, 3))["n"] == 1
    shown = holed.abnormal.loc[("e0", "S0")]
    assert shown.isna().tolist() == [False, False, False, False, False, True, True]


def test_the_ledger_names_the_hole_and_its_window(holed):
    assert holed.skipped.to_dict("records") == [
        {
            "event_id": "e0",
            "security": "S0",
            "window_start": -3,
            "window_end": 3,
            "reason": "no return on day 2 (2024-05-22), and 1 more day of the window",
        }
    ]
    ledger = holed.skipped_in([(0, 0), (3, 3), (2, 3)])
    assert ledger[["window_start", "window_end"]].to_numpy().tolist() == [[3, 3], [2, 3]]
    assert ledger["reason"].iloc[0] == "no return on day 3 (2024-05-23)"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (198, "day 2 is after the last session, and 1 more day of the window"),
        (196, None),
    ],
)
def test_a_window_beyond_the_calendar_is_a_hole(row, reason):
    asked = events(RETURNS, [row])
    results = study(RETURNS, asked, FACTORS, model=MarketModel("F0")).fit()
    assert results.skipped["reason"].tolist() == ([reason] if reason else [])
    assert len(results.car((0, 0))) == 1


def test_a_window_before_the_calendar_is_a_hole():
    # No observation could come before the first session: an estimation window that is short.
    asked = events(RETURNS, [6])
    results = study(
        RETURNS,
        asked,
        model=MeanAdjusted(),
        estimation=(-30, -9),
        window=(-8, 0),
        min_observations=2,
    ).fit()
    assert "0 usable observations" in results.skipped["reason"].iloc[0]


def test_a_missing_factor_is_a_hole_of_its_own_name():
    factors = FACTORS.copy()
    factors.iloc[101, 0] = np.nan
    results = study(RETURNS, events(RETURNS, [100]), factors, model=MarketModel("F0")).fit()
    assert results.skipped["reason"].tolist() == ["no factor figure on day 1 (2024-05-21)"]


def test_what_never_reached_the_study_can_be_put_into_its_ledger(holed):
    early = pd.DataFrame({"event_id": ["e9"], "security": ["S9"], "reason": ["private event"]})
    more = holed.with_skipped(early)
    assert more.skipped["reason"].tolist() == ["private event", *holed.skipped["reason"]]
    assert more.skipped["window_start"].isna().tolist() == [True, False]
    assert (more.skipped.dtypes == holed.skipped.dtypes).all()
    assert len(holed.skipped) == 1
    whole = study(RETURNS, events(RETURNS, [100]), model=MeanAdjusted()).fit()
    assert whole.with_skipped(early).skipped["event_id"].tolist() == ["e9"]
    assert whole.with_skipped(early.iloc[:0]).skipped.empty


def test_a_study_can_be_asked_again_with_another_model(results):
    again = replace(results.study, model=MeanAdjusted()).fit()
    assert again.groups == results.groups
    assert list(again.parameters.columns) == ["alpha", "sigma", "n", "r2"]


def test_the_events_are_shown_as_they_were_asked(results):
    shown = results.events
    assert shown["security"].tolist() == [f"S{number}" for number in range(6)]
    assert shown["group"].dropna().tolist() == ["chips", "chips", "cloud"]
    shown.loc[0, "security"] = "changed"
    assert results.events["security"].iloc[0] == "S0"


def test_answers_cannot_be_changed_from_outside(results):
    before = results.abnormal
    before.iloc[0, 0] = 99.0
    assert results.abnormal.iloc[0, 0] != 99.0
    before.index.names = ["event", "firm"]
    assert results.abnormal.index.names == ["event_id", "security"]


def test_writing_into_abnormal_returns_leaves_the_results_alone(results):
    kept, ours = results.fitted.ar.copy(), results.abnormal
    part = ours.iloc[:3]
    ours.loc[:, 0] = 99.0
    part.iloc[0, 1] = 99.0
    ours *= 2
    ours.columns.name = "session"
    assert np.array_equal(results.fitted.ar, kept)
    assert np.array_equal(results.abnormal, kept)
    assert results.abnormal.columns.name == "day"
    assert not results.abnormal.to_numpy().flags.writeable


def test_a_table_that_outlives_its_results_shares_nothing_with_others_of_the_fit():
    asked = events(RETURNS, [100] * 6)
    first = study(RETURNS, asked, FACTORS, model=MarketModel("F0")).fit()
    refused = pd.DataFrame({"event_id": ["z"], "security": ["z"], "reason": ["none"]})
    table, second = first.abnormal, first.with_skipped(refused)
    before = second.car((-1, 1))
    del first
    gc.collect()
    table.iloc[0] = 99.0
    pd.testing.assert_frame_equal(second.car((-1, 1)), before)
    assert second.abnormal.iloc[0, 0] != 99.0


def test_a_pickle_holds_no_figure_twice(results):
    before = len(pickle.dumps(replace(results)))
    assert len(results.abnormal) == 6
    assert len(results.car((0, 0))) == 6
    assert len(pickle.dumps(results)) == before


def test_results_survive_a_pickle(results):
    again = pickle.loads(pickle.dumps(results))
    pd.testing.assert_frame_equal(again.car((-1, 1)), results.car((-1, 1)))


def test_the_path_cumulates_from_the_first_day(results):
    path = results.caar_path()
    assert path["day"].tolist() == list(range(-3, 4))
    assert path["caar"].to_numpy() == pytest.approx(results.abnormal.mean().cumsum().to_numpy())
    assert path["n"].tolist() == [6] * 7
    assert ((path["low"] < path["caar"]) & (path["caar"] < path["high"])).all()
    wider = results.caar_path(level=0.99)
    assert (wider["high"] > path["high"]).all()


def test_the_path_keeps_the_same_events_on_every_day(holed):
    assert holed.caar_path()["n"].tolist() == [1] * 7
    assert holed.caar_path()["se"].isna().all()


def test_the_band_answers_as_the_kolari_pynnonen_t_where_the_errors_are_equal(results):
    sample, _ = results.sample((-1, 1))
    even = np.full(sample.size, 0.02)
    same = replace(sample, se=even, car=sample.scar * even)
    correlation = rbar(sample)
    assert correlation != 0
    se, low, high = caar_interval(same, correlation, 0.95)
    t = results.tests((-1, 1), ["kolari_pynnonen_t"])["statistic"].iloc[0]
    assert same.car.mean() / se == pytest.approx(t, rel=1e-12)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 5) * se)


def test_the_band_widens_with_the_correlation_of_the_events(results):
    sample, _ = results.sample((-1, 1))
    errors = [caar_interval(sample, r, 0.95)[0] for r in (0.0, 0.2, 0.5)]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("correlation", [1.0, -0.5, np.nan])
def test_a_correlation_that_leaves_no_variance_leaves_no_band(results, correlation):
    sample, _ = results.sample((-1, 1))
    assert np.isnan(caar_interval(sample, correlation, 0.95)).all()


def test_the_band_covers_a_true_null_about_as_often_as_it_says():
    # 30 firms on one day, residual correlation 0.2, 300 draws: 95 % ± 3 standard errors.
    rng = np.random.default_rng(7)
    days, firms, held = 80, 30, 0
    index = pd.bdate_range("2024-01-01", periods=days)
    for _ in range(300):
        shared = rng.standard_normal((days, 1)) * np.sqrt(0.2)
        values = shared + rng.standard_normal((days, firms)) * np.sqrt(0.8)
        returns = pd.DataFrame(values / 100, index, [f"S{number}" for number in range(firms)])
        asked = events(returns, [70] * firms, list(returns.columns))
        question = study(returns, asked, model=MeanAdjusted(), window=(0, 0))
        band = question.fit().caar_path().iloc[0]
        held += band["low"] <= 0 <= band["high"]
    assert 0.91 < held / 300 < 0.99


def test_the_summary_leads_with_the_tests_that_keep_their_size(results):
    text = str(results.summary())
    assert "6 of 6 events" in text
    assert "Market model, estimation window (−60, −11)" in text
    assert "6 events share 2 dates" in text
    for name in ("kolari_pynnonen_t", "permutation", "grank_overlap"):
        assert name in text
    assert "cross_sectional_t" not in text
    for window in ("(0, 0)", "(−1, 1)", "(−3, 3)"):
        assert window in text
    assert repr(results.summary()) == text


def test_the_summary_says_what_was_skipped(holed):
    assert "no return on day 2 (2024-05-22)" in str(holed.summary())


def test_the_summary_shows_the_largest_of_many_and_counts_the_rest():
    returns, factors = panel(30, 100)
    asked = events(returns, [80] * 30 + [95] * 30, list(returns.columns) * 2)
    asked.loc[30:, "security"] = [f"X{number}" for number in range(30)]
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    text = str(results.summary())
    assert "Events by their t, 10 more not shown" in text
    assert "Skipped, 10 more not shown" in text
    assert "30 of 60 events" in text
    assert "30 events share 1 date:" in text


def test_the_notebook_view_escapes_what_came_from_outside():
    returns = RETURNS.rename(columns={"S0": "<b>S0</b>"})
    asked = events(returns, [100, 100], ["<b>S0</b>", "S1 & co"]).assign(group="<i>g</i>")
    results = study(returns, asked, FACTORS, model=MarketModel("F0")).fit()
    html = results._repr_html_()
    assert "<table" in html
    assert "<b>" not in html
    assert "&lt;b&gt;S0&lt;/b&gt;" in html
    assert "no returns for S1 &amp; co" in html
    assert "permutation" in html  # said to be left out of the quick view
    assert "<i>" not in results.plot().to_json()


def test_the_plot_has_a_line_and_a_band_for_every_group(results):
    drawn = results.plot()
    assert isinstance(drawn, go.Figure)
    lines = [trace for trace in drawn.data if trace.mode == "lines+markers"]
    assert [line.name for line in lines] == ["all (N = 6)", "chips (N = 2)", "cloud (N = 1)"]
    assert list(lines[0].y) == pytest.approx(results.caar_path()["caar"].tolist())
    assert drawn.layout.yaxis.tickformat == ".1%"


def test_results_say_in_a_line_what_they_are(results):
    assert repr(results) == (
        "<EventStudyResults: 6 of 6 events, market model, estimation (-60, -11), window (-3, 3)>"
    )
