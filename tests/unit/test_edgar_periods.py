"""Quarters out of what companies filed with the SEC: reported, derived, restated, renamed."""

from __future__ import annotations

from datetime import date
from typing import Any

from analysis.loaders.edgar import read_company
from analysis.loaders.edgar_facts import length
from analysis.loaders.edgar_periods import Period
from tests.servers.edgar import CAPEX, CONTRACTS, MAY, RESTATED, REVENUES, YEAR, companyfacts, fact


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
