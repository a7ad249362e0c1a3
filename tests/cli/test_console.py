"""What the command prints: figures, JSON without NaN, text that cannot steer a terminal."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cli import console
from analysis.cli.console import Column


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.16968, "−16.97\u202f%"),
        (0.0191, "1.91\u202f%"),
        (0.0, "0.00\u202f%"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_returns_are_per_cent_with_a_true_minus(value: float | None, text: str) -> None:
    assert console.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.200   "),
        (0.0999, "0.100*  "),
        (0.04, "0.040** "),
        (0.005, "0.005***"),
        (1e-9, "<0.001***"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_stars_stand_behind_a_p_value_never_alone(value: float | None, text: str) -> None:
    assert console.p_value(value) == text


def test_a_figure_without_a_value_is_a_dash() -> None:
    assert console.number(-math.inf) == "–"
    assert console.number(-1.5, 1) == "−1.5"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pd.NaT, None),
        (pd.NA, None),
        (None, None),
        (pd.Timestamp("2025-01-27"), "2025-01-27T00:00:00"),
        (date(2025, 1, 27), "2025-01-27"),
        (datetime(2025, 1, 20, 12, 19, 44, tzinfo=UTC), "2025-01-20T12:19:44+00:00"),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (np.array([1.0, np.nan]), [1.0, None]),
    ],
)
def test_json_holds_null_for_what_is_missing(value: object, expected: object) -> None:
    assert console.jsonable(value) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_document_becomes_json_without_nan(document: object) -> None:
    text = json.dumps(console.jsonable(document), allow_nan=False)
    assert "NaN" not in json.dumps(json.loads(text), allow_nan=False) or "NaN" in str(document)


def test_a_table_takes_brackets_and_markup_for_text(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(
        [Column("id"), Column("title", fold=True)],
        [("a", "[red]not red[/red] :smile: <script>"), ("b", "\x1b[31mred\x1b[0m\x07\nnext")],
        title="[bold]Titles[/bold]",
    )
    printed = capsys.readouterr().out
    assert "[red]not red[/red] :smile: <script>" in printed
    assert "[bold]Titles[/bold]" in printed
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert all(line == line.rstrip() for line in printed.splitlines())


def test_a_piped_table_does_not_cut_an_identifier(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a" * 70
    console.print_table([Column("id"), Column("n", "right")], [(name, "1")])
    assert name in capsys.readouterr().out


def test_a_narrow_terminal_folds_prose_and_cuts_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    columns = [
        Column("security"),
        Column("CAR", "right"),
        Column("entities", fold=True),
        Column("reason", fold=True),
    ]
    reason = "only 37 usable rows of the estimation window, 100 are needed"
    console.print_table(columns, [("005930.KS", console.percent(-0.1697), "Samsung", reason)])
    printed = capsys.readouterr().out
    assert "…" not in printed
    first = next(line for line in printed.splitlines() if "005930.KS" in line)
    assert "−16.97\u202f%" in first
    assert "Samsung" in first
    words = first[first.index("Samsung") + 7 :].split()
    words += [word for line in printed.split(first)[1].splitlines() for word in line.split()]
    assert words == reason.split()


def test_a_sentence_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_err("faultline: two\nlines \x1b[2J")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "faultline: two\\nlines \\x1b[2J\n"
