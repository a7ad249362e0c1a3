import datetime as dt
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

import analysis.eventstudy
from analysis.errors import InputError
from analysis.eventstudy import (
    EventStudy,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.fitting import chunks
from tests.reference.panels import events, panel, study

RETURNS, FACTORS = panel(4, 160, factors=2)
ASKED = events(RETURNS, [90, 100, 110, 120])


def refused(match, returns=RETURNS, asked=ASKED, factors=FACTORS, **options):
    options = {"model": MarketModel("F0"), **options}
    with pytest.raises(InputError, match=match) as caught:
        study(returns, asked, factors, **options).fit()
    assert "\n" not in str(caught.value)


def skipped(returns=RETURNS, asked=ASKED, factors=FACTORS, **options):
    results = study(returns, asked, factors, **{"model": MarketModel("F0"), **options}).fit()
    return results, results.skipped


def test_importing_the_engine_imports_nothing_heavy():
    code = (
        "import sys, analysis.eventstudy as e; dir(e);"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'pandas', 'scipy', 'plotly')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_engine_lists_what_it_offers_and_nothing_else():
    assert dir(analysis.eventstudy) == sorted(analysis.eventstudy.__all__)
    for name in analysis.eventstudy.__all__:
        assert getattr(analysis.eventstudy, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = analysis.eventstudy.Nonsense


def test_the_defaults_are_the_pinned_ones():
    asked = EventStudy(RETURNS, ASKED, factors=FACTORS.rename(columns={"F0": "market"}))
    assert asked.model == MarketModel(market="market")
    assert (asked.estimation, asked.window, asked.min_observations) == ((-250, -31), (-5, 5), 100)
    assert (asked.calendars, asked.exclude_own_events, asked.rbar) == (None, True, "overlap")
    assert asked.preset is None


def test_the_frames_that_were_given_stay_as_they_were():
    returns, asked, factors = RETURNS.copy(), ASKED.copy(), FACTORS.copy()
    study(returns, asked, factors, model=FactorModel(["F0"], rf="F1")).fit().tests([(0, 0)])
    pd.testing.assert_frame_equal(returns, RETURNS)
    pd.testing.assert_frame_equal(asked, ASKED)
    pd.testing.assert_frame_equal(factors, FACTORS)


@pytest.mark.parametrize(("pool", "chunk"), [("threads", 1), ("threads", 512), ("processes", 3)])
def test_an_executor_changes_nothing_to_the_last_bit(pool, chunk, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    returns, factors = panel(4, 200, seed=2, gaps=0.05)
    asked = events(returns, [90, 100, 110, 120, 130, 140, 150])
    question = study(returns, asked, factors, model=MarketModel("F0"))
    alone = question.fit()
    if pool == "threads":
        executor = ThreadPoolExecutor(2)
    else:
        executor = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
    with executor:
        shared = question.fit(executor)
    pd.testing.assert_frame_equal(shared.abnormal, alone.abnormal, check_exact=True)
    pd.testing.assert_frame_equal(shared.parameters, alone.parameters, check_exact=True)
    pd.testing.assert_frame_equal(shared.car((-1, 1)), alone.car((-1, 1)), check_exact=True)


def test_the_executor_gets_the_chunks():
    class Counting(ThreadPoolExecutor):
        calls = 0

        def submit(self, function, /, *arguments, **options):
            Counting.calls += 1
            return super().submit(function, *arguments, **options)

    with Counting(1) as executor:
        study(RETURNS, ASKED, FACTORS, model=MarketModel("F0")).fit(executor)
    assert Counting.calls == 1


def test_how_events_are_cut_into_chunks_changes_nothing(monkeypatch):
    returns, factors = panel(4, 200, seed=2, gaps=0.05)
    asked = events(returns, [90, 100, 110, 120, 130, 140, 150])
    question = study(returns, asked, factors, model=MarketModel("F0"))
    whole = question.fit()
    monkeypatch.setattr(chunks, "CHUNK", 2)
    pieces = question.fit()
    pd.testing.assert_frame_equal(pieces.abnormal, whole.abnormal, rtol=1e-12)
    pd.testing.assert_frame_equal(pieces.parameters, whole.parameters, rtol=1e-12)


def test_answers_stand_in_the_order_of_the_question():
    asked = ASKED.iloc[[2, 0, 3, 1]]
    results, _ = skipped(asked=asked)
    assert list(results.abnormal.index) == list(
        zip(asked["event_id"], asked["security"], strict=True)
    )


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda r: r.to_numpy(), "returns must be a pandas DataFrame, not ndarray"),
        (lambda r: r.reset_index(drop=True), "index of returns must be dates"),
        (lambda r: r.tz_localize("UTC"), "index of returns carries the time zone UTC"),
        (lambda r: r.iloc[[0, 1, 1, 2]], "index of returns has 2024-01-02 twice"),
        (lambda r: r.iloc[[0, 2, 1]], "2024-01-02 comes after 2024-01-03"),
        (lambda r: r.set_axis([pd.NaT, *r.index[1:]]), "index of returns has a blank date"),
        (lambda r: r.set_axis(["S0", "S0", "S2", "S3"], axis=1), "two columns named 'S0'"),
        (
            lambda r: r.assign(S1="text"),
            "Column 'S1' of returns holds 'text' on 2024-01-01, which is not a number",
        ),
        (lambda r: r.assign(S1=1j), "Column 'S1' of returns holds complex"),
        (lambda r: r.assign(S1=np.inf), "returns is infinite on 2024-01-01 in column 'S1'"),
        (lambda r: r.iloc[:0], "returns holds no figures"),
    ],
)
def test_returns_that_make_no_sense_are_refused(spoil, match):
    refused(match, returns=spoil(RETURNS))


def test_factors_are_looked_at_as_returns_are():
    refused("factors is infinite on 2024-01-01 in column 'F0'", factors=FACTORS.assign(F0=-np.inf))
    refused("index of factors carries the time zone", factors=FACTORS.tz_localize("UTC"))


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda e: e.to_dict(), "events must be a pandas DataFrame, not dict"),
        (lambda e: e.drop(columns="security"), "no column 'security'; it has: event_id, date"),
        (lambda e: e.iloc[:0], "events holds no rows"),
        (lambda e: e.iloc[[0, 1, 0]], "events holds 'e0' with 'S0' twice"),
        (
            lambda e: e.assign(security=["S0", None, "S2", "S3"]),
            "blank event_id or security in .*1",
        ),
        (lambda e: e.assign(date=e["date"].dt.tz_localize("UTC")), "carry the time zone UTC"),
        (lambda e: e.assign(date=20240101), "dates of events are numbers"),
        (
            lambda e: e.assign(date="soon"),
            "The date 'soon' of events cannot be read; write it as 2025-01-27",
        ),
    ],
)
def test_events_that_make_no_sense_are_refused(spoil, match):
    refused(match, asked=spoil(ASKED))


@pytest.mark.parametrize(
    "dates",
    [
        ASKED["date"].dt.strftime("%Y-%m-%d"),
        [stamp.date() for stamp in ASKED["date"]],
        ASKED["date"].astype("datetime64[s]"),
    ],
)
def test_dates_may_be_text_days_or_coarser_stamps(dates):
    results, ledger = skipped(asked=ASKED.assign(date=dates))
    assert ledger.empty
    assert results.dates[0].tolist() == ASKED["date"].tolist()
    assert isinstance(ASKED["date"][0].date(), dt.date)


def test_indexes_may_be_of_different_resolution():
    coarse = RETURNS.set_axis(RETURNS.index.as_unit("s"))
    one = study(coarse, ASKED, FACTORS, model=MarketModel("F0")).fit()
    pd.testing.assert_frame_equal(one.abnormal, skipped()[0].abnormal)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"estimation": (-60, -3)}, r"\(-60, -3\) must end before the event window \(-3, 3\)"),
        ({"estimation": (-11, -60)}, "ends before it begins"),
        ({"window": (0.5, 1)}, "window must be two whole relative days"),
        ({"window": 3}, "window must be two whole relative days"),
        ({"window": (1, 2, 3)}, "window must be two whole relative days"),
        ({"min_observations": 51}, "min_observations=51 cannot be reached.* 50 days"),
        ({"min_observations": 2}, "min_observations=2 is too small: the market model needs .* 3"),
        ({"min_observations": 20.5}, "min_observations must be a whole number, not 20.5"),
        ({"rbar": "overlaps"}, "Unknown r̄ mode 'overlaps'. Did you mean 'overlap'"),
        ({"preset": "e-study"}, "Unknown preset 'e-study'. Did you mean 'estudy'"),
        ({"model": MarketModel}, "instance|not MarketModel"),
        ({"model": "market"}, "normal-return model such as MarketModel.., not 'market'"),
        ({"model": MarketModel("F9")}, "Unknown column of factors 'F9'. Did you mean"),
        ({"model": FactorModel(["F0"], rf="rf")}, "Unknown column of factors 'rf'"),
        ({"factors": None}, "market model needs the column 'F0' of factors; give factors="),
        ({"calendars": [1]}, "calendars must map each security to its sessions, not list"),
        ({"calendars": {"S0": ["2024-01-01"]}}, "calendar of 'S0' must be dates"),
        (
            {"calendars": {"S0": RETURNS.index.tz_localize("UTC")}},
            "calendar of 'S0' carries the time zone",
        ),
        ({"calendars": {"S0": RETURNS.index[::-1]}}, "calendar of 'S0' is not in order"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    refused(match, **options)


def test_market_adjusted_and_mean_adjusted_returns_need_two_observations():
    for model in (MeanAdjusted(), MarketAdjusted("F0")):
        refused("needs at least 2 observations", model=model, min_observations=1)


def test_a_security_without_returns_is_skipped_and_the_rest_computed():
    results, ledger = skipped(asked=events(RETURNS, [90, 100], ["S0", "XYZ"]))
    assert list(results.abnormal.index) == [("e0", "S0")]
    assert list(ledger.columns) == ["event_id", "security", "window_start", "window_end", "reason"]
    assert ledger.iloc[0].dropna().to_dict() == {
        "event_id": "e1",
        "security": "XYZ",
        "reason": "no returns for XYZ",
    }


def test_a_security_whose_returns_are_all_missing_is_skipped():
    _, ledger = skipped(returns=RETURNS.assign(S1=np.nan))
    assert ledger["reason"].tolist() == ["no returns for S1"]


def test_a_security_without_a_calendar_is_skipped():
    calendars = {"S0": RETURNS.index, "S1": RETURNS.index[:0], "S2": RETURNS.index.copy()}
    results, ledger = skipped(calendars=calendars)
    assert ledger["reason"].tolist() == ["no calendar for S1", "no calendar for S3"]
    assert len(results.abnormal) == 2


def test_without_any_calendar_everything_is_skipped():
    results, ledger = skipped(calendars={})
    assert len(ledger) == 4
    assert results.abnormal.shape == (0, 7)


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("2024-05-04", "day 0 2024-05-04 is not a session of S0"),
        ("2020-01-01", "day 0 2020-01-01 is before the first session 2024-01-01 of S0"),
        ("2030-01-01", "day 0 2030-01-01 is after the last session 2024-08-09 of S0"),
        (None, "no day 0: the date is blank"),
        ("2024-05-06 09:30", "day 0 2024-05-06 09:30:00 is not a session of S0"),
    ],
)
def test_an_event_without_a_session_is_skipped(date, reason):
    asked = pd.DataFrame({"event_id": ["e"], "security": ["S0"], "date": pd.DatetimeIndex([date])})
    results, ledger = skipped(asked=asked)
    assert ledger["reason"].tolist() == [reason]
    assert len(results.car((0, 0))) == 0


def test_too_few_observations_are_counted_in_the_ledger():
    returns = RETURNS.copy()
    returns.iloc[40:72, 0] = np.nan
    _, ledger = skipped(returns=returns)
    assert ledger["reason"].tolist() == [
        "18 usable observations in the estimation window (-60, -11), at least 20 are needed"
    ]
    _, ledger = skipped(asked=events(RETURNS, [12]))
    assert ledger["reason"].tolist() == [
        "2 usable observations in the estimation window (-60, -11), at least 20 are needed"
    ]


@pytest.mark.parametrize(
    ("blank", "reason"),
    [
        (slice(80, None), "the returns of S0 end on 2024-04-19"),
        (slice(0, 100), "the returns of S0 begin on 2024-05-20"),
        (slice(87, 94), "no return from 2024-05-01 to 2024-05-09"),
    ],
)
def test_an_event_outside_the_returns_is_skipped_altogether(blank, reason):
    returns = RETURNS.copy()
    returns.iloc[blank, 0] = np.nan
    _, ledger = skipped(returns=returns)
    assert ledger["window_start"].isna().all()
    assert ledger["reason"].tolist() == [
        f"no abnormal return in the event window (-3, 3): {reason}"
    ]


def test_an_event_outside_the_factors_is_skipped_altogether():
    _, ledger = skipped(factors=FACTORS.iloc[:115])
    assert ledger["reason"].tolist() == [
        "no abnormal return in the event window (-3, 3): "
        "no factor figure from 2024-06-12 to 2024-06-20"
    ]


def test_every_event_may_be_skipped():
    results, ledger = skipped(asked=events(RETURNS, [90, 100], ["X", "Y"]))
    assert len(ledger) == 2
    assert results.abnormal.empty
    assert results.parameters.empty
    assert results.car((-1, 1)).empty
    assert results.caar((-1, 1))["n"] == 0
    assert np.isnan(results.caar((-1, 1))["caar"])
    tests = results.tests([(0, 0)])
    assert tests["statistic"].isna().all()
    assert (tests["reason"] != "").all()
    assert results.caar_path()["n"].tolist() == [0] * 7
    assert "0 of 2 events" in str(results.summary())


def test_windows_without_a_single_session_are_skipped_with_their_side():
    last, first = RETURNS.index[-1], RETURNS.index[0]
    asked = events(RETURNS, [100, 159], ["S0", "S1"])
    _, ledger = skipped(asked=asked, window=(5, 10))
    assert asked["date"].iloc[1] == last
    assert ledger["reason"].tolist() == [
        "no abnormal return in the event window (5, 10): all of it is after the last session of S1"
    ]
    asked = events(RETURNS, [100, 0], ["S0", "S1"])
    _, ledger = skipped(asked=asked, window=(-9, -5))
    assert asked["date"].iloc[1] == first
    assert ledger["reason"].tolist() == [
        "no abnormal return in the event window (-9, -5): "
        "all of it is before the first session of S1"
    ]


def test_a_panel_shorter_than_its_windows_may_have_no_event_at_all():
    results, ledger = skipped(returns=RETURNS.iloc[:30], asked=events(RETURNS, [100]))
    assert len(ledger) == 1
    assert len(results.fitted) == 0
    assert (results.tests([(0, 0)])["n"] == 0).all()
