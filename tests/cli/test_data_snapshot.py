"""``faultline data`` on the bundled snapshot: it reads, and says that it is only read."""

from __future__ import annotations

import json

import pytest

from analysis.cli import main


def test_status_tells_of_the_snapshot_and_of_holes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "status"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Bundled snapshot at ")
    assert "bundled snapshot" in out
    title = "Last figure of each series, where they differ"
    ends = out.partition(title)[2].partition("Sessions of the exchange")[0]
    assert len([line for line in ends.splitlines() if line.startswith(" risk_indexes ")]) > 1
    hole = next(line for line in out.splitlines() if "^KS11 " in line)
    assert "2022-05-09" in hole  # see data/README.md


def test_status_as_json_holds_the_series_beside_what_it_held(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "status", "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    keys = {"table", "source", "rows", "last", "observed", "age", "unit", "quarantined", "series"}
    assert all(set(row) == keys for row in tables)
    (risk,) = [row for row in tables if row["table"] == "risk_indexes"]
    assert max(risk["series"].values()) == risk["last"]
    assert set(risk["series"]) >= {"GPRD", "GPR", "USEPUINDXD"}


def test_nothing_is_kept_out_of_the_snapshot_and_nothing_can_be_compacted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "quarantine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": []}
    assert main(["data", "compact"]) == 2
    assert "set FAULTLINE_HOME" in capsys.readouterr().err
