"""``faultline briefing``: what it hands to the machinery, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.cli import main
from analysis.errors import RenderError

CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = []


@pytest.fixture(autouse=True)
def _made_machinery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def render(*values: Any, progress: Callable[..., None], **options: Any) -> list[Path]:
        CALLS.append((values, options))
        progress(1, 2, "cell 1 [bold]")
        return [tmp_path / f"x.{kind}" for kind in options["formats"]]

    CALLS.clear()
    monkeypatch.setattr("analysis.briefings.render.render", render)


def test_every_path_is_a_line_on_standard_output_and_progress_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["briefing", "event_briefing", "--format", "html, ipynb"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'x.html'}\n{tmp_path / 'x.ipynb'}\n"
    assert printed.err == "event_briefing: 1/2 cell 1 [bold]\n"


def test_parameters_are_handed_on_as_typed_negative_ones_too() -> None:
    words = ["-p", "event", "ds-r1", "-p", "window", "-5 5", "--parameter", "cars", "-1,1"]
    assert main(["briefing", "event_briefing", *words, "--out", "r", "--as-of", "2025-02-28"]) == 0
    values, options = CALLS[0]
    assert values == (
        "event_briefing",
        {"event": "ds-r1", "window": "-5 5", "cars": "-1,1"},
        "r",
    )
    assert options == {"as_of": "2025-02-28", "formats": ["html"], "note_only": False}


def test_the_folder_is_reports_unless_another_is_named() -> None:
    assert main(["briefing", "event_briefing"]) == 0
    assert CALLS[0][0] == ("event_briefing", {}, "reports")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--as-of", "2025-02-28", "-p", "as_of", "2025-03-01"],
            "as_of is given twice, as --as-of 2025-02-28 and as -p as_of 2025-03-01",
        ),
        (["-p", "event", "ds-r1", "-p", "event", "ds-v3"], "'event' is given twice"),
    ],
)
def test_a_parameter_given_twice_differently_is_bad_input(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["briefing", "event_briefing", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert CALLS == []


def test_the_same_value_twice_is_harmless() -> None:
    words = ["--as-of", "2025-02-28", "-p", "as_of", "2025-02-28"]
    assert main(["briefing", "event_briefing", *words]) == 0


def test_a_failed_run_prints_no_path_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RenderError("Cell 3 of event_briefing failed: ValueError. Kept: failed/x.ipynb")

    monkeypatch.setattr("analysis.briefings.render.render", fail)
    assert main(["briefing", "event_briefing"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("faultline: Cell 3 of event_briefing failed")


def test_the_notebooks_are_listed_with_their_parameters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["briefing", "list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("event_briefing: ")
    row = next(line for line in out.splitlines() if line.split()[:1] == ["event"])
    assert "required" in row
    assert "-250 -31" in out


def test_the_list_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["briefing", "list", "--json"]) == 0
    printed = capsys.readouterr()
    notebooks = {item["name"]: item for item in json.loads(printed.out)["notebooks"]}
    event = notebooks["event_briefing"]["parameters"][0]
    assert event["name"] == "event"
    assert event["required"] is True


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["event_brifing"], "Did you mean 'event_briefing' or"),
        (["../event_briefing"], "is not the name of a notebook"),
        (["event_briefing", "--format", "docx"], "Unknown format 'docx'"),
    ],
)
def test_what_the_machinery_refuses_is_a_sentence_and_exit_2(
    words: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()
    assert main(["briefing", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["briefing", "event_briefing"]) == 0
    printed = capsys.readouterr()
    assert "event_briefing: 1/2" not in printed.err
    assert "x.html" in printed.out
