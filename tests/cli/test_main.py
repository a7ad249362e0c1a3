"""The command as a whole: help, exit codes, sentences instead of tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from analysis import __version__
from analysis.cli import main
from analysis.cli.main import build_app
from analysis.errors import DataError, EmptyStudyError, InputError, RenderError

COMMANDS = [
    ["study"],
    ["events"],
    ["events", "list"],
    ["events", "show"],
    ["events", "check"],
    ["briefing"],
    ["briefing", "list"],
    ["watch"],
    ["data"],
    ["data", "update"],
    ["data", "status"],
    ["data", "history"],
    ["data", "quarantine"],
    ["data", "compact"],
    ["data", "verify"],
    ["lab"],
    ["doctor"],
    ["completion"],
]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from analysis.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_that_calls_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"Usage: faultline {' '.join(words)}" in printed.out
    examples = printed.out.split("Examples", 1)[1]
    assert f"faultline {' '.join(words)}" in examples


def test_no_command_is_without_a_test_of_its_help() -> None:
    app = build_app()
    names = [[name] for name in app if not name.startswith("-")]
    nested = [
        [name, inner]
        for name in ("events", "briefing", "data")
        for inner in app[name]
        if not inner.startswith("-")
    ]
    assert sorted(COMMANDS) == sorted(names + nested)


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for option, words in {
        "--tickers A,B": "Securities, separated by commas",
        "--group NAME": "role@bloc",
        "--benchmark TICKER": "home benchmark",
        "--model NAME": "Model of the normal return",
        "--estimation A B": "estimation window",
        "--window A B": "event window",
        "--car A B": "may be repeated",
        "--as-of DATE": "was known on this day",
        "--json": "nothing else",
        "--csv FILE": "table per security",
    }.items():
        assert option in text
        assert words in text.split(option, 1)[1][:160]
    assert "[default: -250 -31]" in text


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"faultline {__version__}"


def test_no_word_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["studdy"], 'Unknown command "studdy". Did you mean "study"?'),
        (["events", "shw", "ds-r1"], 'Unknown command "shw". Did you mean "show"?'),
        (["study"], "EVENTS requires an argument"),
        (["study", "ds-r1", "--window", "a", "b"], 'unable to convert "a" into int'),
        (["study", "ds-r1", "--window", "-5"], "--window requires 2"),
        (
            ["study", "ds-r1", "--tickets", "NVDA"],
            "Unknown option: --tickets. Did you mean --tickers?",
        ),
        (["events", "show"], "EVENT_ID requires an argument"),
        (["data", "history"], "TABLE requires an argument. See: faultline data history --help"),
        (["briefing", "x", "-p", "event"], "-p requires 2"),
        (
            ["study", "ds-r1", "--tickers", "NVDA", "TSM"],
            "Unexpected argument: 'TSM'. Separate several values with commas: NVDA,",
        ),
        (["data", "status", "x"], "Unexpected argument: 'x'. See: faultline data status --help"),
    ],
)
def test_words_that_cannot_be_parsed_are_one_sentence_and_exit_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("faultline: ")
    assert sentence in printed.err
    assert "Traceback" not in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.rstrip().endswith("--help")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("Unknown event 'ds-r2'."), 2),
        (DataError("prices: row 3 has no date."), 2),
        (EmptyStudyError("Every event was skipped."), 1),
        (RenderError("Cell 4 failed."), 1),
    ],
)
def test_an_error_on_purpose_is_its_sentence_and_its_exit_code(
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("analysis.cli.doctor.run_checks", raising(error))
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"faultline: {error}\n"


def test_an_unexpected_error_is_a_sentence_that_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FAULTLINE_DEBUG", raising=False)
    monkeypatch.setattr("analysis.cli.doctor.run_checks", raising(ZeroDivisionError("no\nway")))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("faultline: unexpected ZeroDivisionError: no way.")
    assert "FAULTLINE_DEBUG=1" in printed.err
    assert "Traceback" not in printed.err


def test_debugging_shows_the_traceback_of_an_unexpected_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTLINE_DEBUG", "1")
    monkeypatch.setattr("analysis.cli.doctor.run_checks", raising(ZeroDivisionError("no way")))
    assert main(["doctor"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_exits_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.cli.doctor.run_checks", raising(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "faultline: interrupted.\n"


def test_a_reader_that_goes_away_is_no_error_to_shout_about() -> None:
    program = "import sys; from analysis.cli import main; sys.exit(main(['completion', 'bash']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert message == b""


def test_the_installed_command_passes_its_exit_code_on() -> None:
    answer = run("events", "shw")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("faultline: ")


def test_with_standard_error_closed_standard_output_holds_the_answer_alone() -> None:
    program = "import sys; from analysis.cli import main; main(['study', 'ds-r1', 'x', '--json'])"
    answer = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout == ""
    program = program.replace("'x', ", "'--tickers', 'NVDA', ")
    answer = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(answer.stdout)["events"]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from analysis.cli import main; main(['--help']); "
        "heavy = ('numpy', 'pandas', 'polars', 'plotly', 'scipy', 'nbformat', 'dataframely'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stderr.strip() == "[]"


def test_a_stream_that_knows_ascii_only_gets_question_marks_not_a_traceback() -> None:
    answer = run("study", "--help", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert "--estimation A B" in answer.stdout
