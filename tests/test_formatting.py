"""Charts write numbers and foreign text one way everywhere."""

from __future__ import annotations

from datetime import date
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import formatting


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.1697, "−16.97"),
        (0.0191, "+1.91"),
        (0.00001, "0.00"),
        (-0.00001, "0.00"),
        (12.5, "+1,250.00"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (None, "–"),
        (pd.NA, "–"),
        ("n/a", "–"),
    ],
)
def test_a_return_is_written_in_per_cent_with_its_sign(value, text):
    assert formatting.percent(value) == text


def test_the_unit_never_parts_from_its_number():
    assert formatting.percent(-0.1697, 1, unit=True) == "−17.0\u202f%"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (0.000999, "< 0.001"), (0.001, "0.001"), (0.0468, "0.047"), (1, "1.000"),
     (np.nan, "–"), (None, "–")],
)  # fmt: skip
def test_a_p_value_is_never_written_as_zero(value, text):
    assert formatting.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("2025-01-27", "27\u00a0Jan\u00a02025"), (date(2025, 2, 3), "3\u00a0Feb\u00a02025"),
     (None, "–"), (pd.NaT, "–"), ("soon", "–")],
)  # fmt: skip
def test_a_day_is_written_in_words(value, text):
    assert formatting.day(value) == text


def test_a_day_may_go_without_its_year():
    assert formatting.day("2025-01-27", year=False) == "27\u00a0Jan"


@given(st.text())
def test_escaped_text_shows_as_written_and_holds_no_tag(text):
    escaped = formatting.safe(text)
    assert not {"<", ">"} & set(escaped)
    # `unescape` knows more names than the three that are written here.
    plain = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == formatting.words(text)
    assert unescape(escaped) is not None


@pytest.mark.parametrize("value", [None, float("nan"), pd.NaT, pd.NA, "", "  \n "])
def test_missing_text_is_empty(value):
    assert formatting.words(value) == ""


def test_a_name_that_spells_a_missing_value_is_a_name():
    assert formatting.words("nan") == "nan"


def test_white_space_is_folded_but_unbreakable_spaces_stay():
    assert formatting.words(" a\n\tb\u00a0c\u202f% ") == "a b\u00a0c\u202f%"


def test_long_names_end_in_an_ellipsis():
    assert formatting.short_labels(["Taiwan Semiconductor (ADR)"], ["TSM"]) == [
        "Taiwan Semiconducto…"
    ]


def test_names_that_would_look_alike_get_their_ticker():
    names = ["Alibaba", "Alibaba", None]
    assert formatting.short_labels(names, ["BABA", "9988.HK", "NVDA"]) == [
        "BABA Alibaba", "9988.HK Alibaba", "NVDA",
    ]  # fmt: skip


def test_one_security_twice_keeps_its_name():
    assert formatting.short_labels(["Nvidia", "Nvidia"], ["NVDA", "NVDA"]) == ["Nvidia", "Nvidia"]


def test_cut_names_without_a_ticker_of_their_own_stay_whole():
    names = ["Constellation Energy", "Constellation Brands"]
    assert formatting.short_labels(names, names, 13) == names


@given(
    st.lists(
        st.tuples(st.text("ab ", max_size=25), st.text("XYZ", min_size=1, max_size=4)),
        unique_by=lambda pair: pair[1],
    )
)
def test_different_securities_never_share_a_label(pairs):
    names, tickers = [name for name, _ in pairs], [ticker for _, ticker in pairs]
    assert len(set(formatting.short_labels(names, tickers))) == len(pairs)


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"),
     (list("abcdefgh"), "a, b, c, d, e and 3 more")],
)  # fmt: skip
def test_lists_read_as_sentences(items, text):
    assert formatting.listing(items) == text


@pytest.mark.parametrize(
    ("window", "text"),
    [((0, 0), "day 0"), ((-1, 1), "days −1 to +1"), ((None, 1), "every window")],
)
def test_windows_are_told_in_words(window, text):
    assert formatting.window_words(*window) == text
