import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import MarketModel, MeanAdjusted
from analysis.eventstudy.core.panel import Calendars
from tests.reference.panels import events, panel, study


@pytest.fixture
def calendars():
    """Calendar 0 has every day of a union of 10, calendar 1 the even ones."""
    return Calendars.of(10, [np.arange(10), np.arange(0, 10, 2)])


def test_offsets_count_sessions_of_the_own_calendar(calendars):
    days = calendars.days(np.array([0, 1]), np.array([4, 2]), np.array([-1, 0, 1, 2]))
    assert days.tolist() == [[3, 4, 5, 6], [2, 4, 6, 8]]


def test_there_is_no_session_before_the_first_and_after_the_last(calendars):
    days = calendars.days(np.array([0, 1]), np.array([0, 4]), np.array([-1, 0, 1]))
    assert days.tolist() == [[-1, 0, 1], [6, 8, -1]]


def test_a_day_without_a_session_is_met_by_the_next_session(calendars):
    position, exact = calendars.locate(np.array([0, 1, 1]), np.array([3, 3, 9]))
    assert position.tolist() == [3, 2, 5]
    assert exact.tolist() == [True, False, False]


def test_a_day_that_is_no_session_does_not_count():
    returns, _ = panel(2, 100)
    holidays = returns.index[[88, 91]]
    own = returns.index.difference(holidays)
    calendars = {"S0": own, "S1": returns.index}
    asked = events(returns, [90, 90])
    results = study(returns, asked, model=MeanAdjusted(), calendars=calendars).fit()
    dates = results.dates.loc[("e0", "S0")]
    assert dates[1] == returns.index[92]
    assert dates[-2] == returns.index[87]
    assert results.dates.loc[("e1", "S1")][1] == returns.index[91]


def test_a_session_without_a_return_is_missing_data():
    returns, _ = panel(1, 100)
    returns.iloc[91, 0] = np.nan
    calendars = {"S0": returns.index}
    asked = events(returns, [90])
    results = study(returns, asked, model=MeanAdjusted(), calendars=calendars).fit()
    abnormal = results.abnormal.loc[("e0", "S0")]
    assert np.isnan(abnormal[1])
    assert np.isfinite(abnormal.drop(1)).all()


def test_a_session_that_returns_do_not_list_is_missing_data():
    returns, _ = panel(1, 100)
    calendars = {"S0": returns.index}
    asked = events(returns, [90])
    shorter = returns.drop(returns.index[91])
    results = study(shorter, asked, model=MeanAdjusted(), calendars=calendars).fit()
    assert np.isnan(results.abnormal.loc[("e0", "S0"), 1])
    assert results.abnormal.loc[("e0", "S0"), 2] == pytest.approx(
        returns.iloc[92, 0] - returns.iloc[30:80, 0].mean(), abs=1e-15
    )


def test_as_many_other_dates_as_sessions_are_not_taken_for_them():
    # The union of sessions is as long as `returns` and shares both ends, but not the middle.
    returns, _ = panel(1, 100)
    own = returns.index.drop(returns.index[50]).union([pd.Timestamp("2024-01-06")])
    assert len(own) == len(returns)
    asked = events(returns, [90])
    results = study(returns, asked, model=MeanAdjusted(), calendars={"S0": own}).fit()
    assert results.dates.loc[("e0", "S0"), 0] == returns.index[90]
    assert results.parameters.loc[("e0", "S0"), "n"] == 50
    used = returns["S0"].drop(returns.index[50]).iloc[29:79]
    assert results.parameters.loc[("e0", "S0"), "alpha"] == pytest.approx(used.mean(), abs=1e-15)


def test_rows_near_own_other_events_are_cut_from_the_estimation_window():
    returns, factors = panel(2, 160)
    asked = events(returns, [100, 140, 140], ["S0", "S0", "S1"])
    options = {"model": MarketModel("F0")}
    spared = study(returns, asked, factors, **options).fit()
    # Event e1 on row 140 estimates on rows 80 to 129; e0 takes 97 to 103 of them.
    assert spared.parameters["n"].tolist() == [50, 43, 50]
    kept = study(returns, asked, factors, exclude_own_events=False, **options).fit()
    assert kept.parameters["n"].tolist() == [50, 50, 50]
    blanked = returns.copy()
    blanked.iloc[97:104, 0] = np.nan
    alone = study(blanked, asked.iloc[[1]], factors, **options).fit()
    found, expected = spared.parameters.to_numpy()[1], alone.parameters.to_numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_event_of_the_own_security_that_was_skipped_still_takes_its_rows():
    returns, factors = panel(1, 160)
    # e0 has 10 rows before it, far too few; e1 estimates on rows 10 to 59.
    asked = events(returns, [20, 70], ["S0", "S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    assert results.parameters["n"].tolist() == [43]
    assert results.skipped["event_id"].tolist() == ["e0"]
