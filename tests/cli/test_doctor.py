"""``faultline doctor``: each check finds its own fault and none stops the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from analysis.cli import main
from analysis.cli.doctor import Check, run_checks
from analysis.errors import DataError


def found(out: Path, **options: Any) -> dict[str, Check]:
    return {check.name: check for check in run_checks(out, **options)}


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_whole_installation_passes(tmp_path: Path) -> None:
    checks = found(tmp_path / "reports")
    assert list(checks) == [
        *("Python", "packages", "tables", "catalogue", "notebooks", "store", "sources"),
        *("calendars", "reports", "JupyterLab", "browser"),
    ]
    failed = {name: check.detail for name, check in checks.items() if check.state == "failed"}
    assert failed == {}
    assert not (tmp_path / "reports").exists()


def test_the_document_says_whether_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--out", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["ok"] is True
    assert {"name", "state", "detail"} == set(document["checks"][0])
    assert printed.err == ""


def _damaged(_: object, table: str) -> list[int]:
    if table in ("prices", "factors"):
        raise DataError(f"{table}: no column date.")
    return []


def test_damaged_tables_are_named_and_the_rest_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.desk.Desk.table", _damaged)
    assert main(["doctor", "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "prices: no column date" in printed.out
    assert "factors: no column date" in printed.out
    others = {tuple(line.split()[:2]) for line in printed.out.splitlines()}
    assert {("catalogue", "ok"), ("notebooks", "ok"), ("reports", "ok")} <= others
    assert printed.err == "faultline: failed: tables.\n"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = metadata.version

    def version(name: str) -> str:
        if name in ("papermill", "jupyterlab"):
            raise metadata.PackageNotFoundError(name)
        return original(name)

    monkeypatch.setattr(metadata, "version", version)
    checks = found(tmp_path)
    assert checks["packages"].state == "failed"
    assert "papermill" in checks["packages"].detail
    # Nobody needs JupyterLab to render a briefing.
    assert checks["JupyterLab"].state == "note"


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    checks = found(tmp_path / "file" / "reports")
    assert checks["reports"].state == "failed"


def test_a_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    check = found(tmp_path)["reports"]
    assert check.state == "failed"
    assert "1 MB left" in check.detail


def test_no_browser_is_only_worth_knowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    check = found(tmp_path)["browser"]
    assert check.state == "note"
    assert "only the browser tests" in check.detail


def test_a_calendar_near_its_end_asks_for_a_newer_package(tmp_path: Path) -> None:
    early = found(tmp_path, today=date(2026, 1, 15))["calendars"]
    assert early.state == "ok"
    assert "XSHG to 20" in early.detail
    late = found(tmp_path, today=date(2049, 12, 1))["calendars"]
    assert late.state == "note"
    assert "pip install -U exchange-calendars" in late.detail


def test_an_empty_store_reads_the_bundled_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    checks = found(tmp_path)
    assert checks["tables"].state == "ok"
    assert "prices 225," in checks["tables"].detail
    assert str(tmp_path / "empty") in checks["store"].detail
    assert "FAULTLINE_OFFLINE" in checks["store"].detail


def test_a_store_that_is_not_there_says_which_variable_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path / "gone"))
    checks = found(tmp_path)
    assert checks["tables"].state == "failed"
    assert "FAULTLINE_HOME" in checks["tables"].detail
