"""Nothing reads other figures without a word, and `data verify` vouches for what it checked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from analysis.cli.main import main
from analysis.errors import DataError
from analysis.store import Store
from analysis.store.checksums import size_and_hash
from analysis.store.delta import DeltaRows
from analysis.store.delta_log import LOG
from analysis.store.location import StoreLocation
from analysis.store.repair import damage, repair_store, unrecorded
from analysis.store.writer import types_of
from tests.stores.cut import DAYS, filled, last_entry, seen
from tests.stores.rows import at, prices, values

pytestmark = pytest.mark.slow


def test_a_log_that_is_gone_is_an_error_and_not_the_snapshot(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / "prices" / LOG)
    with pytest.raises(DataError, match=r"The log of table 'prices' in the store .* is gone"):
        Store(home).read("prices")


@pytest.mark.parametrize("left", ["nothing", "an empty index", "an empty log"])
def test_a_log_that_is_gone_with_the_checksums_is_an_error_too(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / ".checksums")
    shutil.rmtree(home / "prices" / LOG)
    if left == "an empty index":
        (home / ".checksums").mkdir()
        (home / ".checksums" / "prices.jsonl").write_bytes(b"")
    if left == "an empty log":
        (home / "prices" / LOG).mkdir()
    with pytest.raises(DataError, match=r"The log of table 'prices' in the store .* is gone"):
        Store(home).read("prices")
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damaged"] == [
        {"table": "prices", "file": LOG, "problem": "is gone"}
    ]
    (step,) = repair_store(home)
    assert step.sentence == f"prices: {LOG} is gone: restore it from a good copy."
    assert not step.done


def test_what_one_left_that_died_while_it_made_a_table_is_no_table(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeltaRows, "_sorted", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            filled(home, 1)
    # Its data files were complete, and its commit was not made.
    filled(tmp_path / "other", 1)
    shutil.copytree(tmp_path / "other" / "prices" / "year=2025", home / "prices" / "year=2025")
    assert Store(home, seed=None).read("prices").is_empty()
    assert list(damage(home)) == []
    assert len(values(filled(home, 2).read("prices"))) == 2
    # From now on a log that is gone is one.
    shutil.rmtree(home / "prices" / LOG)
    shutil.rmtree(home / ".checksums")
    with pytest.raises(DataError, match=r"The log of table 'prices' in the store .* is gone"):
        Store(home).read("prices")


def test_a_home_without_a_table_is_not_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTLINE_HOME", str(tmp_path))
    assert main(["data", "verify"]) == 1
    told = f"faultline: {tmp_path} holds no table, so nothing was checked.\n"
    assert capsys.readouterr().err == told


def test_a_last_commit_that_is_gone_is_an_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    last_entry(home).unlink()
    with pytest.raises(DataError, match=r"00002\.json is gone; restore it from a good copy"):
        Store(home, seed=None).read("prices")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_log_that_may_not_be_listed_is_an_error_and_not_the_snapshot(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    log = home / "prices" / LOG
    log.chmod(0)
    for folder in (home, *home.parents):
        if tmp_path.is_relative_to(folder) and folder.owner() == "root" and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    store = Store(home)
    os.seteuid(65534)
    try:
        with pytest.raises(DataError, match=r"_delta_log cannot be listed \(Permission denied\)"):
            store.read("prices")
    finally:
        os.seteuid(0)


def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    file = next((home / "prices").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"has 100 bytes where [\d,]+ were stored; restore it"):
        Store(home, seed=None).read("prices")


def test_no_flipped_bit_gives_other_figures(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    import random

    home = tmp_path / "home"
    filled(home, 5)
    right = Store(home, seed=None).read("prices")
    files = sorted(
        path for path in home.rglob("*") if path.is_file() and ".locks" not in path.parts
    )
    chance = random.Random(1)
    named = 0
    flips = 400 if pytestconfig.getoption("whole_trials") else 150
    for _ in range(flips):
        file = chance.choice(files)
        content = bytearray(file.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        whole = file.read_bytes()
        file.write_bytes(content)
        try:
            assert Store(home, seed=None).read("prices").equals(right)
        except DataError:
            named += 1
        finally:
            file.write_bytes(whole)
    assert named > flips / 2
    assert Store(home, seed=None).read("prices").equals(right)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_damage_is_found_by_verify_and_rewritten_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    file = min((home / "prices").rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    flip_a_bit(file)
    version = DeltaTable(str(home / "prices")).version()
    rows = DeltaRows(StoreLocation(home), "prices", types_of("prices"), ["date"], "date")
    for rewrite in (lambda: rows.compact(many=2), lambda: rows.delete_after(at(DAYS[1].day))):
        with pytest.raises(DataError, match="differs from what was stored; restore it"):
            rewrite()
    assert DeltaTable(str(home / "prices")).version() == version
    assert [one.path for _, one in damage(home)] == [str(file.relative_to(home / "prices"))]
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify", "--json"]) == 1
    (told,) = json.loads(capsys.readouterr().out)["damaged"]
    assert told["problem"] == "differs from what was stored"


def test_each_file_is_hashed_once_whatever_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    filled(home)
    hashed: list[Path] = []

    def noted(file: Path, **options: bool) -> tuple[int, str]:
        hashed.append(file)
        return size_and_hash(file, **options)

    monkeypatch.setattr("analysis.store.integrity.size_and_hash", noted)
    store = Store(home, seed=None)
    for _ in range(2):
        list(store.pieces("prices", ["adj_close"]))
        store.read("prices", where={"ticker": "NVDA"})
    files = sorted(path for path in hashed if path.suffix == ".parquet")
    assert files == sorted((home / "prices").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("year=2025/*.parquet", "year=2025/"),
        (f"{LOG}/*2.json", f"{LOG}/00000000000000000002.json"),
        (f"{LOG}/*0.json", f"{LOG}/00000000000000000000.json"),
        (LOG, LOG),
        (".", LOG),
    ],
)
def test_what_is_gone_is_found_by_verify(
    lost: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    filled(home)
    table = home / "prices"
    gone = table if lost == "." else next(table.glob(lost))
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["damaged"]
    assert found["file"].startswith(told)
    assert found["problem"] == "is gone"


def test_files_that_compaction_cleared_away_are_not_missed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 5)
    table = DeltaTable(str(home / "prices"))
    assert DeltaRows(StoreLocation(home), "prices", types_of("prices"), ["date"], "date").compact(
        many=2
    )
    table.update_incremental()
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert list(damage(home)) == []


def test_a_store_without_checksums_is_read_and_an_append_vouches_for_its_own_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home, 25)
    for path in (home / "prices" / LOG).glob("*.json"):
        if int(path.stem) < 24:
            path.unlink()  # as it goes with commits that a checkpoint has made unneeded
    shutil.rmtree(home / ".checksums")
    assert len(values(Store(home, seed=None).read("prices"))) == 25
    before = unrecorded(home)
    Store(home, seed=None).append("prices", prices([seen(DAYS[0], "TSM")]))
    assert unrecorded(home) == before
    # Nor are files put together that nothing vouches for.
    assert Store(home, seed=None).compact("prices") == 0
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify"]) == 0
    assert "without a checksum could not be checked" in capsys.readouterr().err
    assert [step.done for step in repair_store(home)] == [True]
    assert unrecorded(home) == {}
    assert Store(home, seed=None).compact("prices") == 1
    assert list(damage(home)) == []
