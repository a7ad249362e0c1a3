"""First large moves against day 0: what lies beside it has a reason; a wrong day is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import Desk
from analysis.cli import main
from analysis.reports.event_moves import DAYS, explain_moves, first_moves, moves_off_day0

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def moves(desk: Desk) -> pd.DataFrame:
    return first_moves(desk)


def test_every_move_beside_day_0_has_a_reason_and_no_reason_is_left_over(
    desk: Desk, moves: pd.DataFrame
) -> None:
    found, stale = explain_moves(desk, moves)
    assert found.loc[found["reason"] == "", ["event_id", "security"]].to_numpy().tolist() == []
    assert stale == []
    assert len(found) == len(moves_off_day0(moves)) > 20


def test_an_event_that_names_no_listed_security_has_no_moves(
    desk: Desk, moves: pd.DataFrame
) -> None:
    alone = first_moves(desk, ["us-macau-2023"])
    assert alone.empty
    assert list(alone.columns) == list(moves.columns)


def test_a_large_move_is_two_and_a_half_standard_deviations(moves: pd.DataFrame) -> None:
    row = moves.set_index(["event_id", "security"]).loc[("ds-appstore-1", "NVDA")]
    # -16.97 % for Nvidia less -1.46 % for the S&P 500.
    assert row[0] == pytest.approx(-0.1697 + 0.0146, abs=1e-4)
    assert row["first"] == 0
    sizes = moves[list(DAYS)].abs().ge(2.5 * moves["sigma"], axis=0)
    assert (sizes.any(axis=1) == moves["first"].notna()).all()


@pytest.mark.parametrize(
    ("event", "security"),
    [("us-supermicro", "SMCI"), ("ds-v31", "688256.SS"), ("peer-qwen25max", "BABA")],
)
def test_a_corrected_event_has_its_move_on_day_0(
    moves: pd.DataFrame, event: str, security: str
) -> None:
    assert moves.set_index(["event_id", "security"]).loc[(event, security), "first"] == 0


class Misdated(Desk):
    """A desk whose catalogue has the fall of Super Micro a session early."""

    def event(self, event_id: str) -> dict[str, Any]:
        row = super().event(event_id)
        return row | ({"timing": "date_only"} if event_id == "us-supermicro" else {})


def test_a_wrong_timing_class_is_found() -> None:
    found, _ = explain_moves(Misdated(), first_moves(Misdated(), ["us-supermicro"]))
    row = found.set_index("security").loc["SMCI"]
    assert (row["first"], row["reason"]) == (1, "")
    assert row[1] < -0.3


def test_other_news_of_the_same_company_is_named(moves: pd.DataFrame) -> None:
    news = moves.set_index(["event_id", "security"])["news"]
    assert "(nvda-q4fy26)" in news[("rum-v4-withheld", "NVDA")]
    # Intel reported the evening before DeepSeek-V4: its day 0 is the same session.
    assert "(intc-q1-26)" in news[("ds-v4-preview", "INTC")]


def test_the_command_lists_what_is_beside(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "check", "--moves"]) == 0
    printed = capsys.readouterr()
    assert "intc-q4-25" in printed.out
    assert "first large move on day 0" in printed.err


def test_a_file_and_the_moves_are_not_checked_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "check", "events.csv", "--moves"]) == 2
    assert "not both" in capsys.readouterr().err


def test_the_page_is_what_the_script_writes() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "catalogue_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
