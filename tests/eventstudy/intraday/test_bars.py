import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy.intraday import bars
from tests.reference.panels import half_hours


def test_a_session_is_a_date_and_an_early_close_has_fewer_bars():
    table = bars.sessions(half_hours("2024-07-01", 5))
    assert table.groupby("session").size().tolist() == [13, 13, 7, 13]
    assert table["opening"].sum() == 4
    assert table.loc["2024-07-05 10:00"].tolist() == [pd.Timestamp("2024-07-05"), 3, 0, True]
    assert table.loc["2024-07-03 13:00", "bar"] == 6


def test_sessions_that_run_past_midnight_part_at_a_gap():
    evening = pd.date_range("2024-07-01 19:00", "2024-07-02 17:00", freq="60min")
    index = evening.append(evening + pd.Timedelta(days=1))
    table = bars.sessions(index, gap="90min")
    assert table["number"].drop_duplicates().tolist() == [0, 1]
    assert table["session"].iloc[0] == pd.Timestamp("2024-07-02")
    assert len(bars.sessions(index)["number"].drop_duplicates()) == 3


def test_an_instant_is_answered_by_the_first_bar_that_ends_after_it():
    index = half_hours("2024-07-01", 5)
    asked = {
        "2024-07-02 11:10": "2024-07-02 11:30",
        "2024-07-02 11:30": "2024-07-02 12:00",
        "2024-07-02 16:00": "2024-07-03 10:00",
        "2024-07-03 13:00": "2024-07-05 10:00",
        "2024-07-04 12:00": "2024-07-05 10:00",
        "2024-07-05 16:00": None,
    }
    found = bars.day0(pd.DatetimeIndex(list(asked)), index)
    pd.testing.assert_index_equal(found, pd.DatetimeIndex(list(asked.values())).as_unit("ns"))
    assert bars.day0(pd.DatetimeIndex([pd.NaT]), index).isna().all()


def test_bars_named_by_their_start_are_renamed():
    index = half_hours("2024-07-01", 5)
    begun = index - pd.Timedelta("30min")
    assert bars.bar_length(begun) == pd.Timedelta("30min")
    assert bars.by_end(begun, "start").equals(index)
    assert bars.by_end(begun, "start", "30min").equals(index)
    assert bars.by_end(index).equals(index)


def prices():
    index = half_hours("2024-07-01", 5)
    generator = np.random.default_rng(0)
    closes = pd.DataFrame(100 * np.exp(generator.normal(0, 0.01, (len(index), 2)).cumsum(axis=0)))
    closes.index, closes.columns = index, ["A", "B"]
    opens = closes * np.exp(generator.normal(0, 0.01, closes.shape))
    return closes, opens


def test_the_night_is_kept_dropped_or_a_bar_of_its_own():
    closes, opens = prices()
    kept = bars.bar_returns(closes)
    last, first = closes.loc["2024-07-03 13:00"], closes.loc["2024-07-05 10:00"]
    opened = opens.loc["2024-07-05 10:00"]
    assert kept.loc["2024-07-05 10:00"].tolist() == pytest.approx((first / last - 1).tolist())
    assert kept.iloc[0].isna().all()
    gone = bars.bar_returns(closes, overnight="drop")
    assert gone.isna().sum().tolist() == [4, 4]
    day = bars.bar_returns(closes, opens, "drop")
    assert day.loc["2024-07-05 10:00"].tolist() == pytest.approx((first / opened - 1).tolist())
    own = bars.bar_returns(closes, opens, "own")
    assert len(own) == len(closes) + 4
    assert own.loc["2024-07-05 09:30"].tolist() == pytest.approx((opened / last - 1).tolist())
    assert bars.sessions(own.index).groupby("session").size().tolist() == [14, 14, 8, 14]
    # However the night is cut, the whole way is the same.
    whole = (1 + own.iloc[1:]).prod() / (1 + day.iloc[0])
    assert whole.tolist() == pytest.approx((1 + kept.iloc[1:]).prod().tolist())


def test_a_missing_price_takes_both_its_returns():
    closes, _ = prices()
    closes.iloc[5, 0] = np.nan
    found = bars.bar_returns(closes)
    assert found["A"].isna().to_numpy().nonzero()[0].tolist() == [0, 5, 6]
    assert found["B"].isna().sum() == 1


def test_the_variance_by_the_time_of_day_is_made_visible():
    index = half_hours("2024-06-03", 120)
    shape = np.where(index.hour * 60 + index.minute == 600, 3.0, 1.0)
    noise = np.random.default_rng(0).standard_normal((len(index), 6)) * shape[:, None]
    returns = pd.DataFrame(noise * [1, 2, 3, 1, 2, 3] * 0.001, index, list("ABCDEF"))
    found = bars.time_of_day(returns)
    level = np.sqrt((9 + 12) / 13)
    assert found["relative_sd"].iloc[0] == pytest.approx(3 / level, rel=0.06)
    assert found["relative_sd"].iloc[1:].to_numpy() == pytest.approx(1 / level, rel=0.1)
    assert (found["relative_sd"] ** 2 * found["n"]).sum() / found["n"].sum() == pytest.approx(1)
    returns["G"] = 0.0
    returns["H"] = np.nan
    pd.testing.assert_frame_equal(bars.time_of_day(returns), found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: bars.sessions(c.index, "soon"), "gap must be a length of time"),
        (lambda c: bars.sessions(c.index, "-1min"), "gap must be a length of time"),
        (lambda c: bars.by_end(c.index, "begin"), "Unknown label 'begin'"),
        (lambda c: bars.bar_length(c.index[:1]), "No session has two bars"),
        (lambda c: bars.bar_returns(c, overnight="skip"), "Unknown choice of overnight"),
        (lambda c: bars.bar_returns(c, overnight="own"), "needs opens="),
        (lambda c: bars.bar_returns(-c), "a price must be positive"),
        (lambda c: bars.sessions(c.index.tz_localize("UTC")), "carries the time zone UTC"),
        (lambda c: bars.day0(c.index.tz_localize("UTC"), c.index), "carry the time zone UTC"),
        (lambda c: bars.day0(pd.Series(["soon"]), c.index), "must be a Series or DatetimeIndex"),
        (lambda c: bars.day0(c.index[0], c.index), "must be a Series or DatetimeIndex"),
        (lambda c: bars.day0(c.index, c.index[:0]), "index of bars is empty"),
    ],
)
def test_what_cannot_be_asked_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call(prices()[0])
