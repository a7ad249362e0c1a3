"""The command on the figures that ship with Faultline, once in a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from analysis.cli import main

PROGRAM = "import sys; from analysis.cli import main; sys.exit(main())"


def faultline(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command here, in the folder ``cwd``; the calendars are read once for all."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def apart(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    environment = {name: value for name, value in os.environ.items() if name != "FAULTLINE_HOME"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """DeepSeek Monday, 27 January 2025, on four names against the S&P 500."""
    answer = apart(
        *("study", "ds-appstore-1", "--tickers", "NVDA,TSM,AMD,SOXX"),
        *("--benchmark", "^GSPC", "--car", "0", "0", "--car", "-1", "1", "--json"),
        cwd=tmp_path_factory.mktemp("empty"),
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    document: dict[str, Any] = json.loads(answer.stdout)
    return document


@pytest.mark.parametrize(
    ("security", "abnormal"),
    # Market model on ^GSPC, estimation (-250, -31), worked out by ordinary least squares from
    # the same closes; per cent, to the tenth.
    [("NVDA", -13.0), ("TSM", -10.7), ("AMD", -2.7), ("SOXX", -4.4)],
)
def test_deepseek_monday_on_the_command_line(
    monday: dict[str, Any], security: str, abnormal: float
) -> None:
    row = next(item for item in monday["events"] if item["security"] == security)
    assert row["day0"] == "2025-01-27"
    assert 100 * row["abnormal"]["0"] == pytest.approx(abnormal, abs=0.05)
    assert row["car"]["0,0"]["car"] == pytest.approx(row["abnormal"]["0"])


def test_every_figure_comes_with_its_conventions(monday: dict[str, Any]) -> None:
    assert monday["model"] == "market"
    assert monday["benchmark"] == "^GSPC"
    assert monday["estimation"] == [-250, -31]
    assert monday["as_of"] is None
    assert "prices" in monday["tables"]


def test_an_event_shows_its_days(tmp_path: Path) -> None:
    answer = faultline("events", "show", "ds-r1", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    days = json.loads(answer.stdout)["day0"]
    assert {days[name] for name in ("XNYS", "XNAS", "XSHG", "XHKG")} == {"2025-01-21"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["study", "ds-appstor-1"], "Did you mean 'ds-appstore-1'"),
        (["study", "ds-r1", "--tickers", "NVDIA"], "Did you mean 'NVDA'"),
        (["study", "ds-r1", "--tickers", "NVDA", "--model", "carhat"], "carhat"),
        (["study", "ds-r1", "--tickers", "NVDA", "--benchmark", "^GSCP"], "'^GSPC'"),
        (["study", "ds-r1", "--group", "gpuu"], "Did you mean 'gpu'"),
        (["study", "ds-r1", "--group", "gpu", "--tickers", "NVDA"], "not both"),
        (["study", "ds-r1", "--tickers", "NVDA", "--as-of", "soon"], "'soon'"),
        (["events", "list", "--category", "releases"], "Did you mean 'release'"),
        (["events", "list", "--since", "yesterday"], "'yesterday'"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    answer = faultline(*words, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("faultline: ")
    assert sentence in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_private_event_has_nothing_left_and_says_why(tmp_path: Path) -> None:
    answer = faultline("study", "us-h20-notice", "--tickers", "NVDA", cwd=tmp_path)
    assert answer.returncode == 1
    assert "no day 0" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_index_alone_has_no_home_benchmark(tmp_path: Path) -> None:
    answer = faultline("study", "ds-appstore-1", "--tickers", "^TWII", cwd=tmp_path)
    assert answer.returncode == 1
    assert "no home benchmark in the tables" in answer.stderr


def test_a_day_before_the_first_price_has_nothing_left(tmp_path: Path) -> None:
    words = ("study", "ds-r1", "--tickers", "NVDA", "--as-of", "2020-01-01")
    answer = faultline(*words, cwd=tmp_path)
    assert answer.returncode == 1
    assert answer.stdout == "No event could be measured, so there is nothing to test.\n"
    assert "nothing was computed for event 'ds-r1'" in answer.stderr


def test_an_event_after_the_last_price_is_skipped_with_its_reason(tmp_path: Path) -> None:
    answer = faultline(
        *("study", "ds-appstore-1", "--tickers", "NVDA", "--as-of", "2025-01-24", "--json"),
        cwd=tmp_path,
    )
    assert answer.returncode == 1
    document = json.loads(answer.stdout)
    assert document["events"] == []
    assert document["skipped"][0]["security"] == "NVDA"
    assert document["skipped"][0]["reason"]
