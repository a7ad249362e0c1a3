"""What was asked for, read and checked before anything starts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.briefings.notebooks import NotebookInfo, ParameterSpec, find_notebook
from analysis.briefings.parameters import KnownNames, needs_known_names, validate
from analysis.catalogue import Catalogue
from analysis.errors import InputError
from analysis.settings import bundled

KNOWN = KnownNames(
    events=("ds-r1", "ds-v4"), tickers=("NVDA", "AMD", "^GSPC"), groups=("gpu", "gpu@us")
)


def notebook(*specs: ParameterSpec) -> NotebookInfo:
    return NotebookInfo("trial", "Trial", "", specs, Path("trial.ipynb"))


def read(kind: str, value: object, **details: Any) -> Any:
    info = notebook(ParameterSpec("x", kind, **details))
    return validate(info, {"x": value}, known_names=KNOWN)["x"]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("event", " ds-r1 ", "ds-r1"),
        ("ticker", "^GSPC", "^GSPC"),
        ("tickers", "NVDA, AMD,NVDA,", ["NVDA", "AMD"]),
        ("tickers", ["AMD"], ["AMD"]),
        ("tickers", "", None),
        ("tickers", [], None),
        ("group", "gpu@us", "gpu@us"),
        ("window", "-250 -31", [-250, -31]),
        ("window", "-250,-31", [-250, -31]),
        ("window", " -1 , +1 ", [-1, 1]),
        ("window", (0, 0), [0, 0]),
        ("windows", "0,0; -1,1;", [[0, 0], [-1, 1]]),
        ("windows", [(0, 0), [-1, 1]], [[0, 0], [-1, 1]]),
        ("date", "2025-01-27", "2025-01-27"),
        ("date", date(2025, 1, 27), "2025-01-27"),
        ("date", datetime(2025, 1, 27, 23, tzinfo=UTC), "2025-01-27"),
        ("text", "<b>plain</b>", "<b>plain</b>"),
        ("number", "3", 3),
        ("number", "-0.5", -0.5),
        ("number", 2.0, 2),
    ],
)
def test_a_value_is_read_by_its_kind(kind: str, given: object, value: object) -> None:
    assert read(kind, given) == value


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("event", "ds-r2", "Unknown event 'ds-r2'. Did you mean 'ds-r1'"),
        ("ticker", "nvda", "Unknown ticker 'nvda'. Did you mean 'NVDA'"),
        ("tickers", "NVDA,AMZ", "Unknown ticker 'AMZ'"),
        ("tickers", ",", "names no ticker"),
        ("tickers", 3, "not a list"),
        ("group", "gpus", "Unknown group 'gpus'. Did you mean 'gpu'"),
        ("window", "1,-1", "ends before it starts; write '-1,1'"),
        ("window", "-1", "not a window"),
        ("window", "-1,1,2", "not a window"),
        ("window", "a,b", "not a window"),
        ("window", [0, 1.5], "not a window"),
        ("window", [False, True], "not a window"),
        ("window", 3, "not a list"),
        ("windows", "0,0;x", "not a window"),
        ("windows", 3, "not a list"),
        ("date", "27.1.2025", "write it as 2025-01-27"),
        ("date", "2025-02-30", "write it as 2025-01-27"),
        ("text", "a\0b", "not text"),
        ("text", 3, "not text"),
        ("number", "nan", "not a number"),
        ("number", "inf", "not a number"),
        ("number", "three", "not a number"),
        ("number", True, "not a number"),
        ("number", [1], "not a number"),
    ],
)
def test_a_value_outside_its_kind_is_refused(kind: str, given: object, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        read(kind, given)


def test_a_choice_offers_the_nearest() -> None:
    assert read("choice", "market", choices=("market", "ff3")) == "market"
    with pytest.raises(InputError, match=r"Unknown x 'markt'\. Did you mean 'market'"):
        read("choice", "markt", choices=("market", "ff3"))


def test_an_unknown_parameter_offers_the_nearest() -> None:
    info = notebook(ParameterSpec("benchmark", "text"))
    with pytest.raises(
        InputError, match=r"Unknown parameter 'benchmrk'\. Did you mean 'benchmark'"
    ):
        validate(info, {"benchmrk": "x"})


def test_a_missing_required_parameter_is_named_with_its_help() -> None:
    info = notebook(ParameterSpec("event", "event", required=True, help="An event's id."))
    for blank in ({}, {"event": ""}, {"event": None}):
        with pytest.raises(InputError, match=r"needs the parameter 'event'.*An event's id\."):
            validate(info, blank, known_names=KNOWN)


def test_defaults_are_filled_in_and_checked_too() -> None:
    info = notebook(ParameterSpec("w", "window", default=(-1, 1)), ParameterSpec("t", "text"))
    assert validate(info, {}) == {"w": [-1, 1], "t": None}
    with pytest.raises(InputError, match="ends before it starts"):
        validate(notebook(ParameterSpec("w", "window", default=[1, -1])), {})


def test_two_that_exclude_each_other_are_refused() -> None:
    info = notebook(
        ParameterSpec("tickers", "tickers", default=[], excludes=("group",)),
        ParameterSpec("group", "group", default=""),
    )
    assert validate(info, {"group": "gpu", "tickers": ""}, known_names=KNOWN)["group"] == "gpu"
    with pytest.raises(InputError, match="'tickers' or 'group', not both"):
        validate(info, {"group": "gpu", "tickers": "AMD"}, known_names=KNOWN)


def test_as_of_given_twice_must_agree() -> None:
    info = notebook(ParameterSpec("as_of", "date"))
    day = date(2025, 2, 3)
    assert validate(info, {}, day) == {"as_of": "2025-02-03"}
    assert validate(info, {"as_of": "2025-02-03"}, day) == {"as_of": "2025-02-03"}
    with pytest.raises(InputError, match="given twice and differently: 2025-02-03 and 2025-02-04"):
        validate(info, {"as_of": "2025-02-04"}, day)


def test_as_of_needs_a_notebook_that_takes_it() -> None:
    with pytest.raises(InputError, match="has no parameter 'as_of'"):
        validate(notebook(), {}, "2025-02-03")


def test_the_catalogue_is_read_only_where_names_are_checked() -> None:
    assert needs_known_names(notebook(ParameterSpec("x", "event")))
    assert not needs_known_names(notebook(ParameterSpec("x", "window")))


@given(st.integers(-400, 400), st.integers(0, 300), st.sampled_from([" ", ",", " , ", "  "]))
def test_every_written_window_is_read_back(start: int, length: int, between: str) -> None:
    assert read("window", f"{start}{between}{start + length}") == [start, start + length]


@given(st.dictionaries(st.sampled_from(["x", "y"]), st.text()))
def test_whatever_comes_out_is_json(values: dict[str, str]) -> None:
    info = notebook(ParameterSpec("x", "text"), ParameterSpec("y", "windows", default=((0, 0),)))
    try:
        checked = validate(info, values)
    except InputError:
        return
    assert json.loads(json.dumps(checked)) == checked


def test_the_names_of_the_bundled_catalogue_are_known() -> None:
    known = KnownNames.of(Catalogue(bundled("data/catalogue")))
    assert {"ds-r1", "ds-appstore-1"} <= set(known.events)
    assert {"NVDA", "^GSPC"} <= set(known.tickers)
    assert {"gpu", "china", "gpu@us"} <= set(known.groups)
    assert "gpu@" not in known.groups


@pytest.mark.parametrize(
    ("kind", "given", "details", "message"),
    [
        ("number", "1e308", {"maximum": 100_000}, "'1e308': give a number of at most 100,000"),
        ("number", "0", {"minimum": 1}, "'0': give a number of at least 1"),
        ("number", "-1", {"minimum": 0, "maximum": 0.99}, "give a number from 0 to 0.99"),
        ("number", "1.5", {"whole": True}, "'1.5': give a whole number"),
        ("window", "-999999999,0", {}, "up to 25,000 sessions from day 0"),
        ("window", [-(10**400), 0], {}, "up to 25,000 sessions from day 0"),
        ("window", f"-{'9' * 5000},0", {}, "not a window"),
        ("windows", ";".join(["0,0"] * 51), {}, "holds 51 windows: give 50 at most"),
    ],
)
def test_a_value_beyond_its_bounds_is_refused(
    kind: str, given: object, details: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(kind, given, **details)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["repetitions", "permutations", "events", "spread"])
def test_the_size_page_takes_no_number_that_never_ends(name: str) -> None:
    info = find_notebook("size_and_power")
    with pytest.raises(InputError, match=f"Parameter '{name}' is '1e308': give a number from"):
        validate(info, {name: "1e308"})
    assert validate(info, {})[name] == next(s.default for s in info.parameters if s.name == name)
