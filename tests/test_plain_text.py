"""Foreign text does nothing where it is shown, and reads the same where programs read it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.plain_text import STEERING, spreadsheet_cell, visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nvidia\nfaultline: all sources are done.", "Nvidia\\nfaultline: all sources are done."),
        ("\x1b[2J\x1b]8;;http://127.0.0.1/\x07x", "\\x1b[2J\\x1b]8;;http://127.0.0.1/\\x07x"),
        ("\x9b31m\x85\x7f", "\\x9b31m\\x85\\x7f"),
        ("abc\u202egnp.exe\u2066\u200f", "abc\\u202egnp.exe\\u2066\\u200f"),
        ("a\r\tb\u2028c\0", "a\\r\\tb\\u2028c\\x00"),
        ("\ud800", "\\ud800"),
        (
            "−17.0\u202f% <b> [bold] 寒武纪\u3000\u00a0é",
            "−17.0\u202f% <b> [bold] 寒武纪\u3000\u00a0é",
        ),
    ],
)
def test_what_steers_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_words_of_any_script_and_spaces_of_any_width_stay() -> None:
    text = "−17.0\u202f% <b> [bold] 寒武纪\u3000\u00a0é"
    assert visible(text) == text


@given(st.text())
def test_visible_text_is_one_line_without_control_characters(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not STEERING.search(shown)
    assert visible(shown) == shown


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_visible_json_reads_the_same(document: object) -> None:
    shown = visible_json(json.dumps(document, ensure_ascii=False, indent=1))
    assert json.loads(shown) == document
    assert not STEERING.search(shown)


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "－1a",
        "-",
        "=",
    ],
)
def test_a_cell_that_begins_like_a_formula_is_text(formula: str) -> None:
    assert spreadsheet_cell(formula) == f"'{formula}"


@pytest.mark.parametrize("value", ["-5", "+0.25", "-1e-05", "NVDA", "^GSPC", "", -5, -0.25, None])
def test_numbers_and_words_stay_as_they_are(value: object) -> None:
    assert spreadsheet_cell(value) is value
