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
    hole = next(line for line in out.splitlines() if "^KS11 " in line)
    assert "2022-05-09" in hole  # see data/README.md


def test_nothing_is_kept_out_of_the_snapshot_and_nothing_can_be_compacted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "quarantine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": []}
    assert main(["data", "compact"]) == 2
    assert "set FAULTLINE_HOME" in capsys.readouterr().err
