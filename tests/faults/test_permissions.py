"""What may not be read or written is named in one sentence, with what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analysis.briefings.output_files import check_output_folder
from analysis.cli.main import main
from analysis.errors import DataError, InputError
from analysis.loaders.http.archive import Archive
from analysis.store import Store
from analysis.watch.outbox import Outbox
from tests.stores.rows import Seen, at, prices

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become somebody else"
)


@contextmanager
def nobody(tmp_path: Path) -> Iterator[None]:
    """Somebody who owns the folder of the test and nothing else."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp/pytest-of-root") or folder.name.startswith("pytest-"):
            folder.chmod(folder.stat().st_mode | 0o055)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    store = Store(home, seed=None)
    store.append("prices", prices([Seen(date(2025, 1, 6), "NVDA", at(6), 100.0)]))
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    return home


def own_closures(home: Path) -> Path:
    file = home / "catalogue" / "closures.csv"
    file.parent.mkdir()
    file.write_text("exchange,date,reason,source\n")
    return file


CASES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "home": (lambda home: home, ["data", "status"]),
    "table": (lambda home: home / "prices", ["data", "status"]),
    "data file": (lambda home: next((home / "prices").rglob("*.parquet")), ["data", "status"]),
    "commit": (lambda home: next((home / "prices").rglob("0*.json")), ["data", "status"]),
    "hashes": (lambda home: home / ".checksums", ["data", "status"]),
    "hashes of a table": (lambda home: home / ".checksums" / "prices.jsonl", ["data", "status"]),
    "catalogue": (lambda home: own_closures(home).parent, ["events", "list"]),
    "closures": (own_closures, ["data", "status"]),
}


@pytest.mark.parametrize("what", CASES)
def test_what_may_not_be_read_is_named_with_a_remedy(
    what: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    find, words = CASES[what]
    closed = find(home)
    main(words)  # what is imported on the way may lie where only root may read
    capsys.readouterr()
    with nobody(tmp_path):
        closed.chmod(0)
        try:
            assert main(words) == 2
        finally:
            closed.chmod(0o700)
    told = capsys.readouterr().err.strip()
    assert told.count("\n") == 0
    assert closed.name in told
    assert "permission denied" in told.lower()
    assert "see that you may read" in told or "permissions" in told or "Name a" in told
    assert "unexpected" not in told


def test_hashes_that_may_not_be_read_are_listed_by_verify(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", "verify"])
    with nobody(tmp_path):
        closed = home / ".checksums" / "prices.jsonl"
        closed.chmod(0)
        try:
            assert main(["data", "verify"]) == 1
        finally:
            closed.chmod(0o700)
    told = " ".join(capsys.readouterr().out.split())
    assert "prices" in told
    assert "Permission denied" in told


def test_a_home_a_report_and_an_answer_that_may_not_be_written(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    study = ["study", "ds-appstore-1", "--tickers", "NVDA", "--csv"]
    main([*study, str(tmp_path / "car.csv")])
    capsys.readouterr()
    archive = Archive(home / "raw", "gpr")
    with nobody(tmp_path):
        reports.chmod(0)
        home.chmod(0o500)
        try:
            assert main([*study, str(reports / "car.csv")]) != 0
            told = capsys.readouterr().err.strip()
            assert str(reports / "car.csv") in told.splitlines()[-1]
            assert "unexpected" not in told
            with pytest.raises(InputError, match=r"reports' cannot be written: Permission denied"):
                check_output_folder(reports)
            with pytest.raises(DataError, match=r"watch cannot be written \(Permission denied\)"):
                Outbox(home / "watch").make()
            with pytest.raises(InputError, match=r"raw/gpr: Permission denied\. .*FAULTLINE_HOME"):
                archive.put("http://a", b"one", datetime.now(UTC))
        finally:
            home.chmod(0o700)
            reports.chmod(0o700)
