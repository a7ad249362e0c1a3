"""What a power cut left half written is taken out and named; what is sound is left alone."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from deltalake import DeltaTable

from analysis.cli.main import main
from analysis.errors import DataError
from analysis.files import sync_folder, write_atomic
from analysis.store import Store
from analysis.store.checksums import Checksums, line_of, size_and_hash
from analysis.store.delta_log import LOG
from analysis.store.repair import Step, damage, repair_all, repair_store, unrecorded
from tests.stores.cut import DAYS, filled, last_entry, seen, unsaid
from tests.stores.rows import Seen, at, prices, values

pytestmark = pytest.mark.slow


def sentences(steps: Iterable[Step]) -> list[str]:
    return [step.sentence for step in steps]


@pytest.mark.parametrize("content", [b"", b'{"add": {"pa'])
def test_an_incomplete_commit_is_named_and_repaired(
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    filled(home)
    before = values(Store(home, seed=None).read("prices"))
    entry = unsaid(home, DAYS[3])
    entry.write_bytes(content)
    wanted = f"{LOG}/{entry.name} is incomplete, as after a power cut; repair it with"
    with pytest.raises(DataError, match=wanted):
        Store(home, seed=None).read("prices")
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify"]) == 1
    main(["doctor", "--repair"])
    assert "repaired: prices: commit 3 was incomplete and was moved to" in capsys.readouterr().err
    assert values(Store(home, seed=None).read("prices")) == before
    assert main(["data", "verify"]) == 0
    Store(home, seed=None).append("prices", prices([seen(DAYS[4])]))
    assert len(values(Store(home, seed=None).read("prices"))) == len(before) + 1


def test_a_repair_names_what_only_a_copy_brings_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    file = next((home / "prices").glob("**/*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["doctor", "--repair"]) == 1
    printed = capsys.readouterr()
    name = file.relative_to(home / "prices").as_posix()
    assert f"not repaired: prices: {name} differs from what was stored" in printed.err
    assert "failed: tables." in printed.err


def test_an_empty_commit_between_others_is_taken_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    entry = unsaid(home, DAYS[3])
    filled(home, 5)
    index = home / ".checksums" / "prices.jsonl"
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join(line for line in lines if entry.name.encode() not in line))
    entry.write_bytes(b"")
    (step,) = repair_all(home)
    (copy,) = (home / ".damaged" / "prices").iterdir()
    assert step.sentence == (
        f"prices: commit 3 was incomplete and was moved to {copy}; the next update fetches its "
        "rows again."
    )
    assert (copy / entry.name).read_bytes() == b""
    assert set(values(Store(home, seed=None).read("prices"))) == {
        (day, "NVDA") for day in DAYS[:5] if day != DAYS[3]
    }


def tear(home: Path, entry: Path, torn: str) -> None:
    """Leave the data file of a commit as a power cut may."""
    (added,) = [
        json.loads(line)["add"] for line in entry.read_text().splitlines() if '"add":' in line
    ]
    file = entry.parents[1] / added["path"]
    file.write_bytes(b"") if torn == "empty" else file.unlink()


@pytest.mark.parametrize("torn", ["empty", "missing"])
def test_an_unsaid_commit_with_torn_data_is_named_and_repaired(torn: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    tear(home, unsaid(home, DAYS[3]), torn)
    said = "repair it with faultline doctor --repair"
    with pytest.raises(DataError, match=said if torn == "empty" else "cannot be read"):
        Store(home, seed=None).read("prices")
    other_part = prices([Seen(date(2024, 1, 8), "TSM", at(6), 5.0)])
    with pytest.raises(DataError, match=f"is incomplete, as after a power cut; {said}"):
        Store(home, seed=None).append("prices", other_part)
    with pytest.raises(DataError, match=said):
        Store(home, seed=None).compact("prices")
    assert sentences(repair_all(home))
    assert len(values(Store(home, seed=None).read("prices"))) == 3
    Store(home, seed=None).append("prices", other_part)
    assert list(damage(home)) == []
    assert unrecorded(home) == {}


def test_a_torn_file_of_the_quarantine_is_not_sealed_by_the_rejects_of_another_table(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    store = Store(home, seed=None)
    store.refuse("factors", "french", [("a row", "a reason")])
    index = home / ".checksums" / "quarantine.jsonl"
    before = index.read_bytes()
    store.refuse("prices", "yahoo", [("another row", "a reason")])
    index.write_bytes(before)
    tear(home, last_entry(home, "quarantine"), "empty")
    with pytest.raises(DataError, match="repair it with faultline doctor --repair"):
        Store(home, seed=None).refuse("factors", "french", [("a third row", "a reason")])
    (sentence,) = sentences(repair_all(home))
    assert sentence.startswith("quarantine: commit 1 was incomplete")
    assert Store(home, seed=None).quarantined("factors").height == 1
    assert list(damage(home)) == []


def test_a_torn_file_that_an_earlier_version_recorded_as_good_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    entry = last_entry(home)
    tear(home, entry, "empty")
    (file,) = (path for path in (home / "prices").rglob("*.parquet") if not path.stat().st_size)
    name = file.relative_to(home / "prices").as_posix()
    Checksums(home, "prices").note([line_of(name, *size_and_hash(file))])
    ((table, found),) = damage(home)
    assert (table, found.path) == ("prices", name)
    assert "bytes that were stored" in found.what


def test_a_home_whose_first_commit_is_empty_begins_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 1)
    (home / ".checksums" / "prices.jsonl").unlink()
    last_entry(home).write_bytes(b"")
    with pytest.raises(DataError, match="repair it with faultline doctor --repair"):
        Store(home, seed=None).read("prices")
    told = "prices: its first commit was incomplete; the table begins anew."
    assert sentences(repair_all(home)) == [told]
    assert len(list((home / ".damaged" / "prices").rglob("*.parquet"))) == 1
    filled(home, 2)
    assert len(values(Store(home, seed=None).read("prices"))) == 2


def test_a_torn_checkpoint_is_taken_out_with_its_commit(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 23)
    entry = unsaid(home, DAYS[23])  # and puts the rows together, with a checkpoint
    checkpoint = next((home / "prices" / LOG).glob("*.checkpoint.parquet"))
    assert checkpoint.name[:20] == entry.name[:20]
    write_atomic(checkpoint, checkpoint.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"is incomplete, .* repair it with faultline doctor"):
        Store(home, seed=None).read("prices")
    assert sentences(repair_all(home))[0].startswith("prices: checkpoint 24 was incomplete")
    assert len(values(Store(home, seed=None).read("prices"))) == 24
    assert list(damage(home)) == []


def test_a_checkpoint_of_torn_data_is_taken_out_with_its_commit(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 23)
    entry = unsaid(home, DAYS[23])  # and puts the rows together, with a checkpoint
    (file,) = (
        json.loads(line)["add"]["path"]
        for line in entry.read_text().splitlines()
        if '"add":' in line
    )
    (home / "prices" / file).write_bytes(b"")
    assert len(sentences(repair_all(home))) == 2
    assert len(values(Store(home, seed=None).read("prices"))) == 24
    assert list(damage(home)) == []


class Died(BaseException):
    """The power fails."""


@pytest.mark.parametrize("last", [False, True], ids=["between others", "the newest"])
def test_a_repair_that_dies_anywhere_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, last: bool
) -> None:
    whole = tmp_path / "whole"
    filled(whole)
    entry = unsaid(whole, DAYS[3])
    content = entry.read_bytes()
    if not last:
        unsaid(whole, DAYS[4])
    write_atomic(entry, content[:40])
    rows = 3 if last else 4
    for steps in range(20):
        home = tmp_path / f"home{steps}"
        shutil.copytree(whole, home)
        left = [steps]

        def dying(work, left=left):  # type: ignore[no-untyped-def]
            def do(*given: object) -> None:
                if not left[0]:
                    raise Died
                left[0] -= 1
                work(*given)

            return do

        with monkeypatch.context() as patch, suppress(Died):
            patch.setattr("analysis.store.repair.write_atomic", dying(write_atomic))
            patch.setattr("analysis.store.repair.sync_folder", dying(sync_folder))
            patch.setattr("pathlib.Path.unlink", dying(Path.unlink))
            list(repair_all(home))
        copies = list((home / ".damaged").rglob("*.json"))
        assert copies or (home / "prices" / LOG / entry.name).read_bytes() == content[:40]
        list(repair_all(home))
        assert len(values(Store(home, seed=None).read("prices"))) == rows
        if left[0]:
            return
    raise AssertionError("the repair never ended")


@pytest.mark.parametrize("days", [5, 25])
def test_a_sound_store_without_checksums_is_left_alone(tmp_path: Path, days: int) -> None:
    home = tmp_path / "home"
    filled(home, days).compact()
    table = DeltaTable(str(home / "prices"))
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    shutil.rmtree(home / ".checksums")
    assert list(damage(home)) == []
    assert list(repair_all(home)) == []
    assert len(values(Store(home, seed=None).read("prices"))) == days


@pytest.mark.parametrize("kind", ["commit", "data"])
def test_what_cannot_be_read_is_not_taken_for_half_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / ".checksums")
    ending = ".json" if kind == "commit" else ".parquet"

    def fails(work):  # type: ignore[no-untyped-def]
        def do(path: Path, *given: object, **named: object) -> object:
            if path.name.endswith(ending) and path.is_relative_to(home / "prices"):
                raise OSError(errno.EMFILE, "Too many open files", str(path))
            return work(path, *given, **named)

        return do

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", fails(Path.open))
        patch.setattr("pathlib.Path.read_bytes", fails(Path.read_bytes))
        (step,) = repair_all(home)
        assert not step.done
        assert "cannot be read (Too many open files); see that you may read it" in step.sentence
        ((table, one),) = damage(home)
        assert table == "prices"
        assert "cannot be read (Too many open files)" in one.what
    assert not (home / ".damaged").exists()
    assert len(values(Store(home, seed=None).read("prices"))) == 3


def test_a_table_that_cannot_be_repaired_stops_no_other_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    # One for the quarantine.
    Store(home, seed=None).append("prices", prices([seen(DAYS[5], value=-1.0)]))
    write_atomic(unsaid(home, DAYS[3]), b"")
    quarantine = last_entry(home, "quarantine")
    quarantine.write_bytes(quarantine.read_bytes()[:-9] + b"somewhat}")
    recorded = next((home / "prices" / LOG).glob("*1.json"))
    recorded.write_bytes(recorded.read_bytes()[:-1])
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["doctor", "--repair", "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert not document["ok"]
    (repaired,) = document["repaired"]
    assert repaired.startswith("prices: commit 3 was incomplete and was moved to")
    assert f"repaired: {repaired}\n" in err
    told = {sentence.partition(":")[0] for sentence in document["not_repaired"]}
    assert told == {"prices", "quarantine"}
    for sentence in document["not_repaired"]:
        assert f"faultline: not repaired: {sentence}\n" in err


def test_a_mistyped_home_is_not_made_by_a_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "mistyped"
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    for command in (["doctor", "--repair"], ["data", "verify"]):
        assert main(command) == 2
        assert f"The store folder {home} does not exist" in capsys.readouterr().err
    assert not home.exists()


def test_a_repair_records_the_checksums_that_a_sound_store_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / ".checksums")
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify"]) == 0
    told = "6 files without a checksum could not be checked; faultline doctor --repair records"
    assert told in capsys.readouterr().err
    (step,) = repair_store(home)
    assert step.sentence == "prices: 6 files had no checksum; recorded as they are now."
    assert unrecorded(home) == {}
    assert main(["data", "verify"]) == 0
    assert capsys.readouterr().err == f"6 files checked in {home}, none damaged.\n"
    file = next((home / "prices").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert main(["data", "verify"]) == 1
