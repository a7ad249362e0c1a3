"""Quarters out of what companies filed with the SEC: reported, derived, restated, renamed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.loaders.edgar.facts import length
from analysis.loaders.edgar.loader import read_company
from analysis.loaders.edgar.periods import Period
from tests.servers.edgar import (
    CAPEX,
    CONTRACTS,
    MAY,
    RESTATED,
    REVENUES,
    SPENT,
    YEAR,
    companyfacts,
    fact,
)


def revenue(*entries: Any, tag: str = REVENUES, **others: Any) -> dict[date, Period]:
    """Quarters of revenue by their last day."""
    found, _ = read_company(companyfacts({tag: entries, **others}), "NVIDIA")
    return {period.span[1]: period for period in found["revenue"] if period.frequency == "Q"}


def test_a_repeated_figure_keeps_the_day_on_which_it_was_first_filed() -> None:
    found = revenue(*YEAR, ("2022-01-31", "2022-05-01", 8288.0, "2023-05-26"))
    assert found[date(2022, 5, 1)].filed == date(2022, 5, 27)
    assert "restated" not in found[date(2022, 5, 1)].note


def test_a_restated_figure_carries_the_day_of_its_restatement_and_says_so() -> None:
    found = revenue(
        *YEAR,
        ("2022-01-31", "2022-05-01", 8200.0, "2023-05-26"),
        ("2022-01-31", "2022-05-01", 8200.0, "2024-05-29"),
    )[date(2022, 5, 1)]
    assert (found.value, found.filed) == (8200.0, date(2023, 5, 26))
    assert found.note == (
        "us-gaap:Revenues, 10-Q 0000000000-23-052600; restated, 8288 as filed on 2022-05-27"
    )


def test_a_restatement_that_is_taken_back_is_a_vintage_of_its_own() -> None:
    back = ("2022-01-31", "2022-05-01", 8288.0, "2024-05-29")
    found, _ = read_company(companyfacts({REVENUES: [*YEAR, RESTATED, back]}), "NVIDIA")
    told = [period for period in found["revenue"] if period.span[1] == MAY]
    assert [(one.value, one.filed.year) for one in told] == [
        (8288.0, 2022), (8200.0, 2023), (8288.0, 2024),
    ]  # fmt: skip
    assert told[-1].note.endswith("; restated, 8200 as filed on 2023-05-26")


def test_a_value_that_another_tag_gave_earlier_counts_from_then() -> None:
    early = ("2022-01-31", "2022-05-01", 8288.0, "2022-05-20")
    assert revenue(*YEAR, **{CONTRACTS: [early]})[MAY].filed == date(2022, 5, 20)
    part = ("2022-01-31", "2022-05-01", 8000.0, "2022-05-20")
    found, _ = read_company(companyfacts({REVENUES: YEAR, CONTRACTS: [part]}), "NVIDIA")
    told = [(one.value, one.filed.day) for one in found["revenue"] if one.span[1] == MAY]
    assert told == [(8000.0, 20), (8288.0, 27)]


def test_a_derived_quarter_has_its_vintages_too() -> None:
    nine = ("2022-01-31", "2022-10-30", 20100.0, "2023-11-21")
    year = ("2022-01-31", "2023-01-29", 26000.0, "2024-02-21")
    found, _ = read_company(companyfacts({REVENUES: [*YEAR, nine, year]}), "NVIDIA")
    told = [
        (one.value, one.filed)
        for one in found["revenue"]
        if one.span[1] == date(2023, 1, 29) and one.frequency == "Q"
    ]
    assert told == [(6051.0, date(2023, 2, 24)), (5900.0, date(2024, 2, 21))]


def test_a_restated_year_less_months_that_were_not_is_no_quarter() -> None:
    found = revenue(*YEAR, ("2022-01-31", "2023-01-29", 26000.0, "2024-02-21"))[date(2023, 1, 29)]
    assert found.value == 6051.0  # 26974 - 20923, as first filed; not 26000 - 20923
    assert found.filed == date(2023, 2, 24)
    assert found.flag == "one side of the difference was restated later and the other was not"


def test_once_both_sides_were_restated_the_quarter_is_too() -> None:
    found = revenue(
        *YEAR,
        ("2022-01-31", "2022-10-30", 20100.0, "2023-11-21"),
        ("2022-01-31", "2023-01-29", 26000.0, "2024-02-21"),
    )[date(2023, 1, 29)]
    assert (found.value, found.filed, found.flag) == (5900.0, date(2024, 2, 21), None)


def test_without_nine_months_the_three_quarters_are_taken() -> None:
    nine = ("2022-01-31", "2022-10-30")
    found = revenue(*(entry for entry in YEAR if entry[:2] != nine))[date(2023, 1, 29)]
    assert (found.value, found.basis) == (6051.0, "derived")
    assert found.note == "us-gaap:Revenues, the year less three quarters"


def test_with_a_quarter_missing_the_fourth_is_not_made_up() -> None:
    found = revenue(YEAR[0], YEAR[2], YEAR[4])
    assert sorted(found) == [date(2022, 5, 1), date(2022, 10, 30)]


def test_a_reported_fourth_quarter_goes_before_a_derived_one() -> None:
    found = revenue(*YEAR, ("2022-10-31", "2023-01-29", 6050.5, "2023-02-24"))[date(2023, 1, 29)]
    assert (found.value, found.basis) == (6050.5, "reported")


def test_a_year_of_53_weeks_has_a_fourth_quarter_of_fourteen() -> None:
    assert length((date(2016, 1, 31), date(2017, 1, 29))) == "FY"
    assert length((date(2022, 9, 25), date(2023, 9, 30))) == "FY"  # 53 weeks
    found = revenue(
        ("2022-09-25", "2023-07-01", 293_787.0, "2023-08-04"),
        ("2022-09-25", "2023-09-30", 383_285.0, "2023-11-03"),
    )
    assert {day: period.value for day, period in found.items()} == {date(2023, 9, 30): 89_498.0}


def test_a_short_year_is_not_taken_for_a_whole_one() -> None:
    assert length((date(2022, 1, 1), date(2022, 11, 30))) is None
    assert not revenue(("2022-01-01", "2022-11-30", 90.0, "2023-01-20"))


def test_a_company_that_changes_its_tag_keeps_its_quarters() -> None:
    sales = "us-gaap:SalesRevenueNet"
    old = ("2017-07-01", "2017-09-30", 1000.0, "2017-11-01")
    new = ("2018-07-01", "2018-09-30", 1200.0, "2018-11-01")
    found, complaints = read_company(
        companyfacts({sales: [old], CONTRACTS: [new], CAPEX: [old, new]}), "NVIDIA"
    )
    assert [period.value for period in found["revenue"]] == [1000.0, 1200.0]
    assert not complaints


def test_the_total_goes_before_its_largest_part_and_the_other_is_told() -> None:
    part = ("2022-01-31", "2022-05-01", 8000.0, "2022-05-27")
    found = revenue(*YEAR, **{CONTRACTS: [part]})[date(2022, 5, 1)]
    assert found.value == 8288.0
    assert found.note.endswith(f"; {CONTRACTS} says 8000")


def test_a_difference_over_two_tags_is_flagged() -> None:
    found = revenue(YEAR[3], **{CONTRACTS: [YEAR[4]]})[date(2023, 1, 29)]
    assert (found.value, found.flag) == (6051.0, "the two sides carry different tags")


def test_two_values_of_one_day_are_flagged() -> None:
    amended = fact("2022-01-31", "2022-05-01", 8290.0, "2022-05-27", "10-Q/A") | {
        "accn": "0000000000-22-999999"
    }
    found = revenue(*YEAR, amended)[date(2022, 5, 1)]
    assert found.value == 8290.0
    assert found.flag == "another value was filed on the same day: 8288"


def test_facts_that_are_filed_twice_stand_once() -> None:
    assert revenue(*YEAR, *YEAR) == revenue(*YEAR)


def test_a_quarter_that_ends_on_two_days_is_not_derived_beside_the_reported_one() -> None:
    months = ("2022-01-31", "2022-10-31", 20923.0, "2022-11-18")  # a day off
    half = ("2022-01-31", "2022-07-31", 14992.0, "2022-08-31")
    assert sorted(revenue(*YEAR, half, months)) == [
        date(2022, 5, 1), date(2022, 7, 31), date(2022, 10, 30), date(2023, 1, 29),
    ]  # fmt: skip


def test_a_quarter_that_is_tagged_to_end_on_two_days_stands_once() -> None:
    other = ("2022-01-31", "2022-05-02", 8200.0, "2023-05-26")
    found = revenue(*YEAR, other)
    assert sorted(found) == [MAY, date(2022, 7, 31), date(2022, 10, 30), date(2023, 1, 29)]
    assert (found[MAY].value, found[MAY].filed) == (8200.0, date(2023, 5, 26))
    assert sum(period.value for period in found.values()) == 26974.0 - 88.0


def test_a_year_that_is_tagged_to_end_on_two_days_stands_once_and_so_its_fourth_quarter() -> None:
    other = ("2022-01-30", "2023-01-28", 26000.0, "2024-02-21")
    found, _ = read_company(companyfacts({REVENUES: [*YEAR, other]}), "NVIDIA")
    ends = {(one.frequency, one.span[1]) for one in found["revenue"] if one.span[1].year == 2023}
    assert ends == {("FY", date(2023, 1, 29)), ("Q", date(2023, 1, 29))}
    years = [(one.value, one.filed.year) for one in found["revenue"] if one.frequency == "FY"]
    assert years == [(26974.0, 2023), (26000.0, 2024)]


def test_two_tags_that_end_a_period_on_two_days_are_one_figure() -> None:
    later = ("2022-01-30", "2022-05-02", 8288.0, "2022-05-27")
    early = ("2022-01-30", "2022-05-02", 8288.0, "2022-05-20")
    assert min(revenue(*YEAR, **{CONTRACTS: [later]})) == MAY
    found = revenue(*YEAR, **{CONTRACTS: [early]})
    assert (min(found), len(found)) == (date(2022, 5, 2), 4)


def test_a_null_value_is_no_figure() -> None:
    nothing = fact("2022-01-31", "2022-05-01", 1.0, "2022-06-01") | {"val": None}
    assert revenue(*YEAR, nothing)[date(2022, 5, 1)].value == 8288.0


PROXY = "DEF 14A"
YEAR_SPAN = ("2022-01-31", "2023-01-29")


def fiscal_years(*entries: Any, **others: Any) -> list[Period]:
    found, _ = read_company(companyfacts({REVENUES: entries, **others}), "NVIDIA")
    return [period for period in found["revenue"] if period.frequency == "FY"]


@pytest.mark.parametrize("form", [PROXY, "8-K", "S-4", "424B3"])
@pytest.mark.parametrize("millions", [26.974, 25_000.0])
def test_only_periodic_reports_restate(form: str, millions: float) -> None:
    repeated = fact(*YEAR_SPAN, millions, "2023-05-10", form)
    assert revenue(*YEAR, repeated) == revenue(*YEAR)
    assert [one.value for one in fiscal_years(*YEAR, repeated)] == [26974.0]


@pytest.mark.parametrize("form", ["10-K/A", "20-F", "10-KT", "6-K", "40-F/A"])
def test_amended_and_foreign_periodic_reports_do(form: str) -> None:
    restated = fact(*YEAR_SPAN, 26_900.0, "2023-05-10", form)
    assert [one.value for one in fiscal_years(*YEAR, restated)] == [26974.0, 26900.0]


def test_a_prospectus_counts_until_the_first_periodic_report() -> None:
    early = fact(*YEAR_SPAN, 26_974.0, "2023-02-10", "S-1")
    years = fiscal_years(*YEAR, early)
    assert [(one.value, one.filed, one.flag) for one in years] == [
        (26974.0, date(2023, 2, 10), None)
    ]


def test_a_figure_that_no_periodic_report_gives_is_flagged() -> None:
    alone = fiscal_years(fact(*YEAR_SPAN, 26_974.0, "2023-05-10", PROXY))
    assert [one.flag for one in alone] == ["no periodic report gives it"]


@pytest.mark.parametrize("factor", [1e-3, 1e3, 1e-6])
def test_a_periodic_report_in_other_units_restates_nothing_and_is_named(factor: float) -> None:
    wrong = fact(*YEAR_SPAN, 26_974.0 * factor, "2023-05-10", "10-K/A")
    (year,) = fiscal_years(*YEAR, wrong)
    assert (year.value, year.filed) == (26974.0, date(2023, 2, 24))
    assert "looks like an error of scale" in str(year.flag)
    assert revenue(*YEAR, wrong)[date(2023, 1, 29)].value == 6051.0


def test_a_first_filing_in_other_units_is_corrected_by_the_next() -> None:
    years = [
        (f"{year}-01-31", f"{year + 1}-01-29", 20_000.0 + year, f"{year + 1}-02-24")
        for year in (2018, 2019, 2020)
    ]
    wrong = (*YEAR_SPAN, 26.974, "2023-02-24")
    right = (*YEAR_SPAN, 26_974.0, "2023-05-10")
    found = [one for one in fiscal_years(*years, wrong, right) if one.span[1].year == 2023]
    assert [(one.value, one.filed.month) for one in found] == [(26.974, 2), (26974.0, 5)]
    assert found[0].flag == "looks like an error of scale"
    assert found[1].flag is None


def test_a_quarter_a_thousand_times_its_neighbours_is_flagged() -> None:
    quarters = [
        ("2022-01-31", "2022-05-01", 8288.0, "2022-05-27"),
        ("2022-05-02", "2022-07-31", 6704.0, "2022-08-31"),
        ("2022-08-01", "2022-10-30", 5.931, "2022-11-18"),
        ("2022-10-31", "2023-01-29", 6051.0, "2023-02-24"),
    ]
    found = revenue(*quarters)
    flags = {day: period.flag for day, period in found.items() if period.flag}
    assert flags == {date(2022, 10, 30): "the periods beside it are near 6704"}


def test_a_year_is_known_from_the_first_tag_that_gave_it_and_so_its_last_quarter() -> None:
    again = ("2022-01-31", "2023-01-29", 26974.0, "2024-02-21")
    first = ("2022-01-31", "2023-01-29", 26974.0, "2023-02-24")
    found = revenue(*YEAR[:4], again, **{CONTRACTS: [first]})[date(2023, 1, 29)]
    assert (found.value, found.filed) == (6051.0, date(2023, 2, 24))
    assert found.flag == "the two sides carry different tags"
    assert [one.filed for one in fiscal_years(*YEAR[:4], again, **{CONTRACTS: [first]})] == [
        date(2023, 2, 24)
    ]


def test_tags_that_contradict_each_other_are_not_subtracted_from_each_other() -> None:
    part = [("2022-01-31", "2022-05-01", 7000.0, "2022-05-27"), YEAR[4]]
    found = revenue(*YEAR[:4], **{CONTRACTS: part})
    assert date(2023, 1, 29) not in found


def test_a_quarter_that_is_reported_a_year_after_it_was_derived_keeps_its_first_day() -> None:
    later = ("2022-10-31", "2023-01-29", 6051.0, "2024-02-21")
    found, _ = read_company(companyfacts({REVENUES: [*YEAR, later]}), "NVIDIA")
    told = [
        (one.value, one.filed, one.basis)
        for one in found["revenue"]
        if one.span[1] == date(2023, 1, 29) and one.frequency == "Q"
    ]
    assert told == [(6051.0, date(2023, 2, 24), "reported")]


@given(
    repeats=st.lists(
        st.tuples(
            st.sampled_from(range(len(YEAR))),
            st.sampled_from([REVENUES, CONTRACTS]),
            st.sampled_from(["10-K", "10-Q/A", "8-K", PROXY]),
            st.integers(1, 900),
        ),
        max_size=12,
    )
)
@settings(deadline=None)
def test_a_value_that_is_repeated_in_whatever_filing_keeps_its_first_day(
    repeats: list[tuple[int, str, str, int]],
) -> None:
    entries: dict[str, list[Any]] = {REVENUES: list(YEAR)}
    for place, tag, form, days in repeats:
        first, last, millions, day = YEAR[place]
        later = (date.fromisoformat(day) + timedelta(days=days)).isoformat()
        entries.setdefault(tag, []).append(fact(first, last, millions, later, form))
    found, _ = read_company(companyfacts(entries), "NVIDIA")
    usual, _ = read_company(companyfacts({REVENUES: YEAR}), "NVIDIA")
    shown = [
        [(one.span, one.value, one.filed) for one in kept["revenue"]] for kept in (found, usual)
    ]
    assert shown[0] == shown[1]


def test_a_total_below_its_part_is_not_believed() -> None:
    line = (*YEAR_SPAN, 2_038.0, "2023-02-24")
    total = (*YEAR_SPAN, 19_857.0, "2023-02-24")
    (year,) = fiscal_years(line, **{CONTRACTS: [total]})
    assert (year.value, year.flag) == (19857.0, f"{REVENUES} says 2038, less than its part")


def test_a_hedging_loss_takes_a_total_a_little_below_its_part() -> None:
    part = (*YEAR_SPAN, 27_100.0, "2023-02-24")
    (year,) = fiscal_years(*YEAR, **{CONTRACTS: [part]})
    assert (year.value, year.flag) == (26974.0, None)


def test_payments_filed_as_negative_numbers_are_positive_and_it_is_said() -> None:
    negative = [(first, last, -millions, day) for first, last, millions, day in SPENT]
    found, _ = read_company(companyfacts({REVENUES: YEAR, CAPEX: negative}), "NVIDIA")
    usual, _ = read_company(companyfacts({REVENUES: YEAR, CAPEX: SPENT}), "NVIDIA")
    assert [one.value for one in found["capex"]] == [one.value for one in usual["capex"]]
    assert all(one.note.endswith("filed as a negative number") for one in found["capex"])
    corrected = [*negative, *((*one[:3], "2024-02-21") for one in SPENT)]
    again, _ = read_company(companyfacts({REVENUES: YEAR, CAPEX: corrected}), "NVIDIA")
    assert [one.filed for one in again["capex"]] == [one.filed for one in usual["capex"]]


def test_a_negative_difference_is_flagged() -> None:
    year = ("2022-01-31", "2023-01-29", 20_000.0, "2023-02-24")
    found = revenue(*YEAR[:4], year)[date(2023, 1, 29)]
    assert (found.value, found.flag) == (-923.0, "a negative figure")


def test_a_doubt_about_one_side_reaches_the_difference() -> None:
    amended = fact("2022-01-31", "2023-01-29", 26_980.0, "2023-02-24", "10-K/A") | {
        "accn": "0000000000-23-999999"
    }
    found = revenue(*YEAR, amended)[date(2023, 1, 29)]
    assert found.value == 6057.0
    assert found.flag == "another value was filed on the same day: 26974"
