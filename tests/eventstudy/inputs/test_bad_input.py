"""All that can be wrong with one event has its place in the ledger; the others are answered.

Warnings are errors here (see pyproject), so nothing below leaves NumPy to speak.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy import EqualWeight, MarketModel, SyntheticControl
from tests.reference.panels import events, study
from tests.reference.sound import ASKED, FACTORS, MODELS, RETURNS, walk

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


def _day0(security):
    return RETURNS.index.get_loc(ASKED.set_index("security")["date"][security])


# What is impossible -> where it is -> what the warning names.
UNUSED = {
    "a column that no event uses": (
        lambda r, f: (r.assign(S9=np.where(np.arange(160) == 60, -2.5, 0.01)), f),
        r"no window of this study reads it: the impossible -2.5 in column 'S9' of returns on "
        r"2024-03-25\.",
    ),
    "an infinite figure in such a column": (
        lambda r, f: (r.assign(S9=np.where(np.arange(160) > 60, np.inf, 0.01)), f),
        r"inf in column 'S9' of returns on 2024-03-26 and on 98 more dates",
    ),
    "a column of text": (
        lambda r, f: (r.assign(S9="chips"), f),
        "column 'S9' of returns, which holds no numbers",
    ),
    "a day that no window of the security reads": (
        lambda r, f: (r.assign(S1=r["S1"].where(np.arange(160) != 20, -2.5)), f),
        "-2.5 in column 'S1' of returns on 2024-01-29",
    ),
    "a day between the estimation and the event window": (
        lambda r, f: (r.assign(S1=r["S1"].where(np.arange(160) != _day0("S1") - 7, -2.5)), f),
        "-2.5 in column 'S1' of returns on",
    ),
    "several days, as of returns in per cent": (
        lambda r, f: (r.assign(S9=np.where(np.arange(160) % 50 == 0, -2.5, 0.01)), f),
        r"-2.5 in column 'S9' of returns on 2024-01-01 and on 3 more dates \(returns in per cent\?",
    ),
    "a factor that the model does not read": (
        lambda r, f: (r, f.assign(F9=np.inf)),
        "inf in column 'F9' of factors on 2024-01-01 and on 159 more dates",
    ),
    "a factor of text": (
        lambda r, f: (r, f.assign(note="holiday")),
        "column 'note' of factors, which holds no numbers",
    ),
    "several": (
        lambda r, f: (r.assign(S8=-3.0, S9=-2.0), f),
        "'S8' of returns .*, and 1 more such figures or columns",
    ),
}


@pytest.mark.parametrize("case", UNUSED)
def test_an_impossible_figure_that_nothing_reads_is_named_and_changes_nothing(case):
    spoil, said = UNUSED[case]
    plain = study(RETURNS, ASKED, FACTORS, model=MODELS["market"]).fit()
    returns, factors = spoil(RETURNS.copy(), FACTORS.copy())
    before = returns.copy()
    with pytest.warns(SuspectReturnsWarning, match=said) as caught:
        results = study(returns, ASKED, factors, model=MODELS["market"]).fit()
    assert [one.filename for one in caught] == [study.__code__.co_filename]
    pd.testing.assert_frame_equal(results.abnormal, plain.abnormal)
    pd.testing.assert_frame_equal(returns, before)
    # No placebo date reads it either.
    assert np.isfinite(results.tests((0, 0), ["permutation"])["statistic"]).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r, f: (r.assign(S1=r["S1"].where(np.arange(160) != 60, -2.5)), f),
        lambda r, f: (r, f.assign(F0=f["F0"].where(np.arange(160) != 60, -2.5))),
    ],
)
def test_one_that_a_window_reads_refuses_the_study(spoil):
    with pytest.raises(InputError, match=r"holds -2.5 on 2024-03-25, a loss of more than 100 %"):
        study(*_asked(*spoil(RETURNS, FACTORS)), model=MODELS["market"])


def _asked(returns, factors):
    return returns, ASKED, factors


@pytest.mark.parametrize("model", [MarketModel(EqualWeight(minimum=2)), SyntheticControl()])
def test_peers_and_donors_are_read_in_every_window(model):
    more = pd.DataFrame(
        np.random.default_rng(1).normal(0, 0.01, (160, 4)), RETURNS.index, list("ABCD")
    )
    for row, refused in ((60, True), (20, False)):
        spoiled = more.assign(B=more["B"].where(np.arange(160) != row, -2.5))
        returns = pd.concat([RETURNS, spoiled], axis=1)
        if refused:
            with pytest.raises(InputError, match=r"'B' of returns holds -2.5"):
                study(returns, ASKED, model=model)
        else:
            with pytest.warns(SuspectReturnsWarning, match=r"-2.5 in column 'B' of returns"):
                study(returns, ASKED, model=model)


def test_windows_are_counted_on_the_calendar_of_each_security():
    # Every second row is a session of S1: its windows reach back twice as far.
    calendars = dict.fromkeys(RETURNS.columns, RETURNS.index) | {"S1": RETURNS.index[::2]}
    asked = ASKED.assign(date=RETURNS.index[[130, 130, 130, 130]])
    options = {"model": MODELS["mean"], "calendars": calendars}
    spoiled = RETURNS.assign(S1=RETURNS["S1"].where(np.arange(160) != 30, -2.5))
    with pytest.raises(InputError, match=r"'S1' of returns holds -2.5"):
        study(spoiled, asked, **options)
    with pytest.warns(SuspectReturnsWarning, match="'S1'"):
        study(spoiled, asked, model=MODELS["mean"])
