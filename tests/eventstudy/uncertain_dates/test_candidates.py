"""Candidate days of an event: how they are made, checked, weighted and put on sessions."""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import EventStudy, MeanAdjusted, candidates_around
from analysis.eventstudy.uncertain_dates.alignment import align_candidates
from analysis.eventstudy.uncertain_dates.candidates import check_candidates
from tests.reference.panels import events, panel

RETURNS, _ = panel(2, 100)
DAYS = RETURNS.index


def frame(**columns):
    """Event e with S0 and S1 on rows 50, 51 and 52."""
    table = pd.DataFrame(
        {"event_id": "e", "security": ["S0"] * 3 + ["S1"] * 3, "date": DAYS[[50, 51, 52] * 2]}
    )
    return table.assign(**columns)


def located(candidates, calendars=None):
    checked = check_candidates(candidates)
    study = EventStudy(
        RETURNS,
        checked.fixed_events(),
        model=MeanAdjusted(),
        estimation=(-40, -11),
        window=(-1, 1),
        min_observations=20,
        calendars=calendars,
    )
    return align_candidates(checked, study)


def test_candidates_lie_around_day_0_on_the_security_s_own_sessions():
    own = {"S0": DAYS, "S1": DAYS.delete(51)}
    made = candidates_around(events(RETURNS, [50, 50]), own, 1)
    assert made["candidate"].tolist() == [-1, 0, 1] * 2
    assert made["date"].tolist() == [*DAYS[[49, 50, 51]], *DAYS[[49, 50, 52]]]
    assert made["fixed"].tolist() == [False, True, False] * 2
    assert made["weight"].tolist() == pytest.approx([1 / 3] * 6)


def test_they_may_reach_further_to_one_side_and_carry_weights():
    made = candidates_around(events(RETURNS, [50]), DAYS, (0, 2), [0.2, 0.3, 0.5])
    assert made["date"].tolist() == list(DAYS[[50, 51, 52]])
    assert made["weight"].tolist() == [0.2, 0.3, 0.5]


def test_beyond_the_calendar_there_is_no_candidate():
    made = candidates_around(events(RETURNS, [0, 99]), DAYS, 1)
    assert made["date"].isna().tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("sessions", "weights", "match"),
    [
        (-1, None, "sessions must be a whole number of at least 0"),
        (1.5, None, "or two such as"),
        ((1, 2, 3), None, "or two such as"),
        (1, [0.5, 0.5], "weights must be 3 numbers"),
        (1, ["a", "b", "c"], "weights must be 3 numbers, not"),
    ],
)
def test_a_reach_that_makes_no_sense_is_refused(sessions, weights, match):
    with pytest.raises(InputError, match=match):
        candidates_around(events(RETURNS, [50]), DAYS, sessions, weights)


def test_weights_that_do_not_sum_to_one_are_divided_and_said():
    checked = check_candidates(frame(weight=[1, 2, 1] * 2))
    assert checked.table["weight"].tolist() == [0.25, 0.5, 0.25] * 2
    assert checked.notes == ("The weights of event 'e' sum to 4; they were divided by it.",)


@pytest.mark.parametrize("weight", [np.nan, None])
def test_blank_weights_are_equal_ones_and_need_no_word(weight):
    checked = check_candidates(frame(weight=weight))
    assert checked.table["weight"].tolist() == pytest.approx([1 / 3] * 6)
    assert checked.notes == ()


def test_the_fixed_day_is_the_heaviest_and_among_equals_the_middle_one():
    def fixed(**columns):
        table = check_candidates(frame(**columns)).table
        return table.loc[table["fixed"], "date"].unique().tolist()

    assert fixed() == [DAYS[51]]
    assert fixed(weight=[0.2, 0.2, 0.6] * 2) == [DAYS[52]]
    assert fixed(weight=[0.4, 0.4, 0.2] * 2) == [DAYS[50]]
    assert fixed(fixed=[True, False, False] * 2) == [DAYS[50]]


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda c: c.to_dict(), "candidates must be a pandas DataFrame, not dict"),
        (lambda c: c.drop(columns="date"), "no column 'date'; it has: event_id, security"),
        (lambda c: c.iloc[:0], "candidates holds no rows"),
        (lambda c: c.assign(security=["S0", None] * 3), "blank event_id or security in row 1"),
        (lambda c: c.assign(date=pd.NaT), "a blank date in row 0"),
        (lambda c: c.assign(date="soon"), "The date 'soon' of candidates cannot be read"),
        (
            lambda c: c.assign(date=c["date"].dt.tz_localize("UTC")),
            "dates of candidates carry the time zone",
        ),
        (lambda c: c.iloc[[0, 1, 1, 3, 4, 4]], "'e' with 'S0' on 2024-03-12 twice"),
        (lambda c: c.iloc[:5], "'S1' has 2 of 3"),
        (lambda c: c.assign(weight=[0.2, -0.1, 0.9] * 2), "weight -0.1 in row 1"),
        (lambda c: c.assign(weight=[0.2, np.inf, 0.9] * 2), "weight inf in row 1"),
        (lambda c: c.assign(weight="much"), "weights of candidates are not numbers"),
        (lambda c: c.assign(weight=[0.2, 0.3, 0.5, 0.5, 0.3, 0.2]), "differ between its securiti"),
        (lambda c: c.assign(weight=[0.5, 0.5, np.nan] * 2), "weights for some of its candidates"),
        (lambda c: c.assign(weight=[0.2, 0.3, 0.5] + [np.nan] * 3), "weights for some"),
        (lambda c: c.assign(weight=0), "sum to 0; one must be positive"),
        (lambda c: c.assign(fixed=[True, True, False] * 2), "more than one fixed candidate"),
        (lambda c: c.assign(fixed=[True] + [False] * 5), "more than one fixed candidate"),
        (lambda c: c.assign(fixed="yes"), "fixed of candidates must hold True or False"),
        (lambda c: c.assign(candidate=[1, 2, None] * 2), "a blank candidate in row 2"),
    ],
)
def test_candidates_that_make_no_sense_are_refused(spoil, match):
    with pytest.raises(InputError, match=match) as caught:
        check_candidates(spoil(frame()))
    assert "\n" not in str(caught.value)


def test_a_name_ties_days_of_different_exchanges_together():
    own = {"S0": DAYS, "S1": DAYS.delete(51)}
    days = DAYS[[50, 51, 52, 50, 52, 53]]
    found, lost = located(frame(date=days, candidate=[0, 1, 2] * 2), own)
    assert lost.empty
    assert found.offset.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert found.days(found.position).tolist() == [[50, 51, 52], [50, 52, 53]]
    assert found.reach == 3


def test_a_pair_without_a_session_for_a_candidate_is_left_out_with_its_reason():
    own = {"S0": DAYS, "S1": DAYS.delete(51)}
    found, lost = located(frame(), own)
    assert found.pairs["security"].tolist() == ["S0"]
    assert lost["reason"].tolist() == ["candidate 2024-03-12 is not a session of S1"]
    _, lost = located(candidates_around(events(RETURNS, [99]), DAYS))
    assert lost["reason"].tolist() == ["candidate 1 has no session of S0"]
    _, lost = located(frame(), {"S0": DAYS})
    assert lost["reason"].tolist() == ["no returns or no calendar for S1"]


def test_events_may_have_different_numbers_of_candidates_in_any_order():
    days = pd.DataFrame(
        {
            "event_id": ["b", "a", "b", "a", "b"],
            "security": "S0",
            "date": DAYS[[62, 50, 60, 53, 61]],
            "weight": [0.2, 0.5, 0.3, 0.5, 0.5],
        }
    )
    found, _ = located(days)
    assert found.pairs["event_id"].tolist() == ["b", "a"]
    assert found.offset.tolist() == [[0, 1, 2], [0, 3, -1]]
    assert found.weight.tolist() == [[0.3, 0.5, 0.2], [0.5, 0.5, 0.0]]
    assert found.reach == 3
