"""Numbers, days and lists are written one way everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reports import wording


@pytest.mark.parametrize(
    ("value", "decimals", "sign", "text"),
    [
        (-4.93, 1, False, "−4.9"),
        (1.25, 1, True, "+1.2"),
        (0.04, 1, True, "0.0"),
        (-0.04, 1, True, "0.0"),
        (1234.5, 0, False, "1,234"),
        (float("nan"), 1, False, "–"),
        (float("inf"), 1, True, "–"),
    ],
)
def test_a_number_has_a_real_minus_sign_and_zero_has_none(
    value: float, decimals: int, sign: bool, text: str
) -> None:
    assert wording.number(value, decimals, sign=sign) == text


def test_a_decimal_return_is_shown_in_per_cent() -> None:
    assert wording.per_cent(-0.1697) == "−17.0\u202f%"
    assert wording.per_cent(0.0191, 2) == "+1.91\u202f%"
    assert wording.per_cent(float("nan")) == "–"


def test_a_difference_is_in_points_without_a_sign() -> None:
    assert wording.points(-0.130) == "13.0 points"


@given(st.floats(min_value=0, max_value=1))
def test_a_p_value_is_never_written_as_zero(value: float) -> None:
    assert wording.p_value(value) not in ("p\u00a00.000", "p\u00a00")


def test_an_undefined_p_value_says_so() -> None:
    assert wording.p_value(float("nan")) == "p not defined"


def test_lists_read_as_prose() -> None:
    assert wording.listing([]) == ""
    assert wording.listing(["power"]) == "power"
    assert wording.listing(["power", "memory"]) == "power and memory"
    assert wording.listing(["power", "memory", "servers"]) == "power, memory and servers"


def test_windows_and_counts_read_as_prose() -> None:
    assert wording.window_words(0, 0) == "day 0"
    assert wording.window_words(-1, 1) == "days −1 to +1"
    assert wording.count(1, "security", "securities") == "1 security"
    assert wording.count(1200, "test") == "1,200 tests"
    assert wording.weekday("2025-01-27") == "Monday 27 January 2025"
