"""Frames and options that no study can be made of: each is refused, in one sentence."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import MarketModel
from tests.reference.panels import events, panel, study
from tests.reference.sound import ASKED, FACTORS, MODELS, RETURNS


def put(value, row=3):
    def spoil(returns):
        spoiled = returns.astype({"S1": object})
        spoiled.iloc[row, 1] = value
        return spoiled

    return spoil


def twice(frame):
    return pd.concat([frame, frame[["S1"]]], axis=1)


def levels(frame):
    return frame.set_axis(pd.MultiIndex.from_product([["Close"], frame.columns]), axis=1)


REFUSED_RETURNS = {
    "text with a comma": (put("1,5"), r"'S1' of returns holds '1,5' on 2024-01-04.*decimal point"),
    "text for a blank": (put("n/a"), r"holds 'n/a' on 2024-01-04.*leave a missing figure blank"),
    "text in per cent": (put("3%"), r"holds '3%' on 2024-01-04.*0\.03 for 3%"),
    "a number as text": (put("0.01"), r"holds '0.01' .*convert the column to floats"),
    "a date among numbers": (put(dt.date(2024, 1, 1)), "which is not a number"),
    "a truth value among numbers": (put(True), r"holds True on 2024-01-04, which is not a number"),
    "a complex number among numbers": (put(1j), "holds 1j on 2024-01-04"),
    "a list among numbers": (put([0.1]), r"holds \[0.1\] on 2024-01-04"),
    "infinity among objects": (put(np.inf, 60), "returns is infinite on 2024-03-25 in column 'S1'"),
    "a column of text": (lambda r: r.assign(S1="0.1"), "'S1' of returns holds '0.1'"),
    "a column of truth values": (
        lambda r: r.assign(S1=r["S1"] > 0),
        "'S1' of returns holds bool, not numbers; give returns",
    ),
    "a column of dates": (lambda r: r.assign(S1=r.index), "holds datetime64.*not numbers"),
    "a column of categories": (
        lambda r: r.assign(S1=pd.Categorical(["a", "b"] * 80)),
        "holds category, not numbers",
    ),
    "a complex column": (lambda r: r.assign(S1=1j), "holds complex128.*take the real part"),
    "an infinite value": (put(-np.inf, 60), "returns is infinite on 2024-03-25"),
    "figures without bounds": (lambda r: r.assign(S1=1e200), r"holds 1e\+200 on 2024-01-01"),
    "two columns of one name": (twice, "returns has two columns named 'S1'; keep one"),
    "columns of two levels": (levels, "returns has columns of 2 levels; keep one"),
    "an index of levels": (
        lambda r: r.set_axis(pd.MultiIndex.from_product([["a"], r.index])),
        "index of returns must be dates",
    ),
    "an index of text": (
        lambda r: r.set_axis(r.index.strftime("%Y-%m-%d")),
        "index of returns must be dates.*pd.to_datetime",
    ),
    "an index of periods": (lambda r: r.to_period("D"), "must be dates .*not PeriodIndex"),
    "a row twice": (lambda r: pd.concat([r, r.iloc[[5]]]).sort_index(), "has 2024-01-08 twice"),
    "dates out of order": (lambda r: r.iloc[::-1], "not in order"),
    "a time zone": (lambda r: r.tz_localize("Asia/Seoul"), "carries the time zone Asia/Seoul"),
    "no rows": (lambda r: r.iloc[:0], "returns holds no figures"),
    "no columns": (lambda r: r[[]], "returns holds no figures"),
    "a series": (lambda r: r["S0"], "returns must be a pandas DataFrame, not Series"),
    "nothing": (lambda r: None, "returns must be a pandas DataFrame, not NoneType"),
    "per cent": (lambda r: r * 100, r"loss of more than 100 %.*[Dd]ivide by 100"),
    "one column in per cent": (
        lambda r: r.assign(S1=100 * r["S1"]),
        r"Column 'S1' of returns holds -\d.*decimal returns are never below −1",
    ),
}


@pytest.mark.parametrize("case", REFUSED_RETURNS)
def test_returns_that_cannot_be_used_are_refused_in_one_sentence(case):
    spoil, match = REFUSED_RETURNS[case]
    with pytest.raises(InputError, match=match) as caught:
        study(spoil(RETURNS.copy()), ASKED, FACTORS, model=MODELS["market"])
    assert "\n" not in str(caught.value)


REFUSED_FACTORS = {
    "text": (lambda f: f.assign(F0="n/a"), "'F0' of factors holds 'n/a'"),
    "infinity": (lambda f: f.assign(F0=np.inf), "factors is infinite"),
    "a time zone": (lambda f: f.tz_localize("UTC"), "index of factors carries the time zone UTC"),
    "a row twice": (lambda f: f.iloc[[0, 1, 1]], "index of factors has 2024-01-02 twice"),
    "columns of two levels": (levels, "factors has columns of 2 levels"),
    "truth values": (lambda f: f > 0, "holds bool, not numbers"),
    "a benchmark in per cent": (lambda f: 100 * f, "'F0' of factors holds .* never below −1"),
}


@pytest.mark.parametrize("case", REFUSED_FACTORS)
def test_factors_that_cannot_be_used_are_refused_in_one_sentence(case):
    spoil, match = REFUSED_FACTORS[case]
    with pytest.raises(InputError, match=match) as caught:
        study(RETURNS, ASKED, spoil(FACTORS.copy()), model=MODELS["market"])
    assert "\n" not in str(caught.value)


REFUSED_EVENTS = {
    "a row twice": (lambda e: e.iloc[[0, 1, 1]], "'e1' with 'S1' twice; keep one row"),
    "two dates of one event": (
        lambda e: pd.concat([e, e.iloc[[1]].assign(date=RETURNS.index[95])]),
        "'e1' with 'S1' twice",
    ),
    "two columns of one name": (
        lambda e: pd.concat([e, e[["date"]]], axis=1),
        "events has two columns named 'date'",
    ),
    "columns of two levels": (levels, "events has columns of 2 levels"),
    "dates of several time zones": (
        lambda e: e.assign(date=["2024-05-20T00:00+09:00", "2024-05-20T00:00-04:00"] * 2),
        "dates of events carry several time zones",
    ),
    "a date of the day before the month": (
        lambda e: e.assign(date="20.05.2024"),
        "'20.05.2024' of events cannot be read; write it as",
    ),
    "an unhashable name": (
        lambda e: e.assign(security=pd.Series([["S0"], "S1", "S2", "S3"], dtype=object)),
        r"events holds \['S0'\] as security in row 0; give one plain name",
    ),
    "truth values for dates": (lambda e: e.assign(date=True), "dates of events"),
}


@pytest.mark.parametrize("case", REFUSED_EVENTS)
def test_events_that_cannot_be_used_are_refused_in_one_sentence(case):
    spoil, match = REFUSED_EVENTS[case]
    with pytest.raises(InputError, match=match) as caught:
        study(RETURNS, spoil(ASKED.copy()), FACTORS, model=MODELS["market"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"estimation": (-60, -3)}, "must end before the event window"),
        ({"estimation": (-60, 3)}, "must end before the event window"),
        ({"estimation": (-13, -11), "min_observations": 2}, "needs at least 3 observations"),
        ({"estimation": (-12, -11), "min_observations": 3}, "cannot be reached"),
        ({"seed": "x"}, "seed must be at least 0, a whole number"),
        ({"seed": -1}, "seed must be at least 0, a whole number"),
        ({"units": "per cent"}, "units must be one of 'decimal', 'any', not 'per cent'"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_sentence(options, match):
    with pytest.raises(InputError, match=match) as caught:
        study(RETURNS, ASKED, FACTORS, **{"model": MODELS["market"], **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("date", ["9999-12-31", "1500-01-01"])
def test_a_date_beyond_the_calendar_is_said_so(date):
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 120])
    asked["date"] = [date, "2024-06-03"]
    with pytest.raises(InputError, match="lies beyond 1677 to 2262"):
        study(returns, asked, factors, model=MarketModel("F0"))


def test_returns_on_dates_beyond_the_calendar_are_said_so():
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 120])
    returns.index = pd.date_range("9990-01-01", periods=160, unit="s")
    with pytest.raises(InputError, match="beyond 1677 to 2262"):
        study(returns, asked, factors, model=MarketModel("F0"))


def test_a_number_among_dates_is_no_date():
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 120])
    asked["date"] = pd.Series([returns.index[100], 20240603], dtype=object)
    with pytest.raises(InputError, match="hold the number 20240603"):
        study(returns, asked, factors, model=MarketModel("F0"))


def test_windows_and_tests_that_are_none_are_said_so():
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 120])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    for windows in (None, 5):
        with pytest.raises(InputError, match="windows must be a window such as"):
            results.tests(windows)
    for names in (None, 5):
        with pytest.raises(InputError, match="'all' or a list of names"):
            results.tests((-1, 1), names)
    for name in (1, ["bmp_t"]):
        with pytest.raises(InputError, match="Unknown test"):
            results.tests((-1, 1), [name])
    one = results.tests((np.int64(-1), np.int64(1)), ["bmp_t"])
    pd.testing.assert_frame_equal(one, results.tests((-1, 1), ["bmp_t"]))
