"""All that can be wrong with what is given, each with its sentence or its place in the ledger.

Warnings are errors here (see pyproject), so nothing below leaves NumPy to speak.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import Desk
from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import (
    EventStudy,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    ScholesWilliams,
)
from analysis.eventstudy.units import check_units
from analysis.returns import adjusted_closes
from tests.reference.panels import events, panel, study

DATA = Path(__file__).parent / "data"
RETURNS, FACTORS = panel(4, 160, factors=2)
ROWS = [90, 100, 110, 120]
ASKED = events(RETURNS, ROWS)
MODELS = {
    "mean": MeanAdjusted(),
    "adjusted": MarketAdjusted("F0"),
    "market": MarketModel("F0"),
    "factors": FactorModel(["F0", "F1"]),
}


def walk(results):
    """Ask everything; what is no number must say why."""
    table = results.tests([(0, 0), (-1, 1)])
    silent = table["p_value"].isna() & (table["reason"] == "")
    assert not silent.any(), table[silent]
    spoken = table["p_value"].notna() & (table["reason"] != "")
    assert not spoken.any(), table[spoken]
    for window in [(0, 0), (-1, 1), (-3, 3)]:
        car = results.car(window)
        assert np.isfinite(car.to_numpy()).all()
        left = results.skipped_in(window)
        assert len(car) + len(left) == len(results.events)
        assert all(len(reason) > 10 for reason in left["reason"])
        answer = results.caar(window)
        assert answer["n"] == len(car)
        assert np.isfinite(answer["caar"]) == (len(car) > 0)
    assert np.isfinite(results.parameters.drop(columns="r2").to_numpy()).all()
    assert results.caar_path()["n"].is_monotonic_increasing
    assert str(results.summary())
    assert results._repr_html_()
    return results


# What is given -> how it is spoiled -> the events that are left, and what the ledger says.
LEDGER = {
    "a constant series": (
        lambda r, f, e: (r.assign(S1=0.01), f, e),
        "the residual variance is zero in the estimation window",
        {"adjusted": None},
    ),
    "a series of zeros": (
        lambda r, f, e: (r.assign(S1=0.0), f, e),
        "the residual variance is zero",
        {"adjusted": None},
    ),
    "a series that is its benchmark": (
        lambda r, f, e: (r.assign(S1=f["F0"]), f, e),
        "the residual variance is zero",
        {"mean": None},
    ),
    "a return on the event day alone": (
        lambda r, f, e: (r.assign(S1=r["S1"].where(r.index == r.index[100])), f, e),
        "0 usable observations in the estimation window",
        {},
    ),
    "fewer observations than needed": (
        lambda r, f, e: (r.assign(S1=r["S1"].where(np.arange(160) >= 75)), f, e),
        "15 usable observations in the estimation window (-60, -11), at least 20 are needed",
        {},
    ),
    "a return that is missing on day 0": (
        lambda r, f, e: (r.assign(S1=r["S1"].where(np.arange(160) != 100)), f, e),
        "no return on day 0 (2024-05-20)",
        {},
    ),
    "a day 0 without a session": (
        lambda r, f, e: (r, f, e.assign(date=e["date"].where(e.index != 1, "2024-05-19"))),
        "day 0 2024-05-19 is not a session of S1",
        {},
    ),
    "a date with a clock": (
        lambda r, f, e: (r, f, e.assign(date=e["date"].where(e.index != 1, "2024-05-20T16:00"))),
        "day 0 2024-05-20 16:00:00 is not a session of S1",
        {},
    ),
    "a blank date": (
        lambda r, f, e: (r, f, e.assign(date=e["date"].where(e.index != 1))),
        "no day 0: the date is blank",
        {},
    ),
    "an unknown security": (
        lambda r, f, e: (r, f, e.assign(security=["S0", "XX", "S2", "S3"])),
        "no returns for XX",
        {},
    ),
    "a security named by a number": (
        lambda r, f, e: (r, f, e.assign(security=pd.Series(["S0", 1, "S2", "S3"], dtype=object))),
        "no returns for 1",
        {},
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", LEDGER)
def test_what_concerns_one_event_is_in_the_ledger(case, model):
    spoil, reason, exceptions = LEDGER[case]
    returns, factors, asked = spoil(RETURNS.copy(), FACTORS.copy(), ASKED.copy())
    results = walk(study(returns, asked, factors, model=MODELS[model]).fit())
    left = results.skipped_in((0, 0))
    if exceptions.get(model, reason) is None:
        assert left.empty
    else:
        assert left["event_id"].tolist() == ["e1"]
        assert reason in left["reason"].iloc[0]


FACTOR_LEDGER = {
    "a constant factor": (lambda f: f.assign(F0=0.001), "a factor does not vary"),
    "collinear factors": (lambda f: f.assign(F1=2 * f["F0"] + 0.001), "collinear"),
    "factors on other dates": (
        lambda f: f.set_axis(f.index + pd.Timedelta(days=4000)),
        "no factor figure from",
    ),
    "factors that end too early": (lambda f: f.iloc[:50], "no factor figure from"),
    "factors of every second day": (lambda f: f.iloc[::4], "observations in the estimation"),
    "factors that are all missing": (lambda f: f * np.nan, "no factor figure from"),
}


@pytest.mark.parametrize("case", FACTOR_LEDGER)
def test_factors_that_fit_no_event_leave_every_event_with_its_reason(case):
    spoil, reason = FACTOR_LEDGER[case]
    results = walk(study(RETURNS, ASKED, spoil(FACTORS), model=MODELS["factors"]).fit())
    left = results.skipped
    assert len(left) == 4
    assert left["reason"].str.contains(reason).all() or reason in set(left["reason"]).pop()


ACCEPTED = {
    "numbers held as objects": lambda r: r.astype(object),
    "decimals held as objects": lambda r: r.map(lambda x: Decimal(repr(x))).astype(object),
    "nullable floats": lambda r: r.astype("Float64"),
    "single precision": lambda r: r.astype(np.float32).astype(np.float64),
    "columns in another order": lambda r: r[["S3", "S1", "S0", "S2"]],
    "columns that nobody asked for": lambda r: r.assign(S9=np.nan),
    "an index in seconds": lambda r: r.set_axis(r.index.as_unit("s")),
    "rows that are all missing before": lambda r: pd.concat(
        [pd.DataFrame(np.nan, [r.index[0] - pd.Timedelta(days=3)], r.columns), r]
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_same_figures_in_another_guise_give_the_same_answers(case):
    expected = study(RETURNS, ASKED, FACTORS, model=MODELS["market"]).fit().car((-1, 1))
    returns = ACCEPTED[case](RETURNS.copy())
    found = walk(study(returns, ASKED, FACTORS, model=MODELS["market"]).fit()).car((-1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-4 if "single" in case else 1e-10)


def test_blanks_among_objects_are_missing_data():
    holed = RETURNS.astype(object)
    holed.iloc[60, 0], holed.iloc[61, 0], holed.iloc[62, 0] = None, pd.NA, np.nan
    results = walk(study(holed, ASKED, FACTORS, model=MODELS["market"]).fit())
    assert results.parameters["n"].tolist() == [47, 50, 50, 50]


def test_whole_numbers_are_returns_like_others():
    returns = RETURNS.assign(S1=np.tile([0, 1, 0, -1], 40))
    results = walk(study(returns, ASKED, FACTORS, model=MODELS["mean"], units="any").fit())
    assert len(results.car((0, 0))) == 4


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
    "infinity among objects": (put(np.inf), "returns is infinite on 2024-01-04 in column 'S1'"),
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
    "an infinite value": (put(-np.inf), "returns is infinite on 2024-01-04"),
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
    "per cent": (lambda r: r * 100, r"loss of more than everything.*[Dd]ivide by 100"),
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
        ({"seed": "x"}, "seed must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"units": "per cent"}, "units must be one of 'decimal', 'any', not 'per cent'"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_sentence(options, match):
    with pytest.raises(InputError, match=match) as caught:
        study(RETURNS, ASKED, FACTORS, **{"model": MODELS["market"], **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_events_have_a_number_or_a_reason_for_every_test(model, count):
    results = walk(study(RETURNS, ASKED.iloc[:count], FACTORS, model=MODELS[model]).fit())
    assert len(results.car((0, 0))) == count


@pytest.mark.parametrize("model", MODELS)
def test_as_many_observations_as_parameters_and_one_more_are_enough_to_say_so(model):
    k = max(MODELS[model].k, 1)
    options = {"model": MODELS[model], "estimation": (-11 - k, -11), "min_observations": k + 1}
    results = walk(study(RETURNS, ASKED, FACTORS, **options).fit())
    table = results.tests((0, 0), ["patell_z"])
    assert table["reason"].str.len().iloc[0] > 0


def test_two_events_of_one_security_on_one_day_are_no_accident_to_hide():
    twins = pd.concat([ASKED, ASKED.assign(event_id=["f0", "f1", "f2", "f3"])])
    results = walk(study(RETURNS, twins, FACTORS, model=MODELS["market"]).fit())
    assert len(results.car((0, 0))) == 8


def test_a_single_security_asked_again_and_again_is_answered():
    asked = events(RETURNS, [80, 95, 120], ["S0"] * 3)
    walk(study(RETURNS, asked, FACTORS, model=MODELS["market"]).fit())


@pytest.mark.parametrize("ticker", ["BTC", "MEME"])
def test_wild_decimals_and_single_huge_moves_pass(ticker):
    rng = np.random.default_rng(1)
    wild = {"BTC": 0.06, "MEME": 0.15}[ticker] * rng.standard_t(3, 160)
    wild = np.maximum(wild, -0.99)
    wild[50], wild[51] = 40.0, -1.0
    walk(study(RETURNS.assign(S1=wild), ASKED, FACTORS, model=MODELS["market"]).fit())


def test_the_bundled_returns_pass_and_in_per_cent_each_of_them_is_found():
    # Over all closes: the desk's returns, and a few over holes.
    table = adjusted_closes(Desk().table("prices")).pct_change(fill_method=None)
    for security in table.columns:
        check_units("decimal", table[[security]], None, MeanAdjusted(), [security])
        with pytest.raises(InputError, match="Divide by 100 if they are in per cent"):
            check_units("decimal", 100 * table[[security]], None, MeanAdjusted(), [security])


def test_indexes_of_september_2001_in_per_cent_are_found():
    returns = pd.read_csv(DATA / "september_2001.csv", index_col=0, parse_dates=True)
    for name in returns.columns:
        with pytest.raises(InputError, match="Divide by 100 if they are in per cent"):
            check_units("decimal", returns[[name]], None, MeanAdjusted(), [name])
        check_units("decimal", returns[[name]] / 100, None, MeanAdjusted(), [name])


def test_prices_are_warned_of():
    prices = 100 * (1 + RETURNS).cumprod()
    with pytest.warns(SuspectReturnsWarning, match="100% of the moves .*Prices, or") as caught:
        study(prices, ASKED, model=MeanAdjusted())
    assert len(caught) == 1
    assert "and 3 more" in str(caught[0].message)


def test_the_warning_points_at_the_line_that_asked():
    prices = 100 * (1 + RETURNS).cumprod()
    with pytest.warns(SuspectReturnsWarning) as caught:
        EventStudy(prices, ASKED, model=MeanAdjusted())
    assert caught[0].filename == __file__


def test_factors_and_rates_in_per_cent_are_warned_of():
    with pytest.warns(SuspectReturnsWarning, match="Fama–French files are in per cent"):
        study(RETURNS, ASKED, 100 * FACTORS, model=MODELS["factors"])
    yearly = FACTORS.assign(rf=0.05)
    with pytest.warns(SuspectReturnsWarning, match="risk-free rate 'rf' is 0.05 at its median"):
        study(RETURNS, ASKED, yearly, model=FactorModel(["F0"], rf="rf"))


def test_other_measures_are_taken_as_they_are_when_said_so():
    decimal = study(RETURNS, ASKED, FACTORS, model=MODELS["market"]).fit().car((0, 0))
    hundred = study(100 * RETURNS, ASKED, 100 * FACTORS, model=MODELS["market"], units="any").fit()
    np.testing.assert_allclose(walk(hundred).car((0, 0))["t"], decimal["t"], rtol=1e-9)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    volatility=st.floats(1e-4, 0.12),
    tails=st.sampled_from([3, 5, 30]),
    days=st.integers(40, 300),
)
def test_drawn_decimals_of_any_volatility_pass_and_in_per_cent_do_not(
    seed, volatility, tails, days
):
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2020-01-01", periods=days)
    values = np.maximum(volatility * rng.standard_t(tails, (days, 3)), -0.999)
    values[rng.random(values.shape) < 0.05] = 0.0
    returns = pd.DataFrame(values, index, ["A", "B", "C"])
    asked = events(returns, [days - 5] * 3)
    study(returns, asked, model=MeanAdjusted())
    if returns.min().min() < -0.0101:
        with pytest.raises(InputError, match="Divide by 100"):
            study(100 * returns, asked, model=MeanAdjusted())


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


@pytest.mark.parametrize("scale", [1e-90, 1e90])
@pytest.mark.parametrize("model", [MarketModel("F0"), ScholesWilliams("F0")])
def test_measures_of_any_size_stay_within_floats(model, scale):
    returns, factors = panel(3, 160)
    asked = events(returns, [100, 110, 120])
    plain = study(returns, asked, factors, model=model).fit().tests((-1, 1))
    options = {"model": model, "units": "any"}
    scaled = study(returns * scale, asked, factors * scale, **options).fit().tests((-1, 1))
    for column in ("statistic", "p_value"):
        np.testing.assert_allclose(scaled[column], plain[column], rtol=1e-8)
