"""What `append` called done survives a power cut; what it did not is taken out or named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable

from analysis.briefings import publish
from analysis.cli.entry import main
from analysis.errors import DataError
from analysis.loaders.archive import Archive
from analysis.store import Store
from analysis.store.delta import DeltaRows
from analysis.store.integrity import LOG, Integrity
from analysis.store.places import Place
from analysis.store.repair import damage, repair_all
from analysis.store.writing import types_of
from analysis.watch.alerts import Alert
from analysis.watch.outbox import Entry, Outbox
from tests.stores.rows import Seen, at, prices, values

pytestmark = pytest.mark.slow

DAYS = [date(2025, 1, day) for day in (6, 7, 8, 9, 10)]


def seen(day: date, ticker: str = "NVDA", value: float = 100.0) -> Seen:
    return Seen(day, ticker, at(day.day), value)


def filled(home: Path, days: int = 3) -> Store:
    store = Store(home, seed=None)
    for day in DAYS[:days]:
        store.append("prices", prices([seen(day)]))
    return store


# Synced before it is said to be done -----------------------------------------------------


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, frozenset[str]]]:
    """What was synced, by inode: the size of a file, the names in a folder at that moment."""
    synced: dict[int, tuple[int, frozenset[str]]] = {}
    real = os.fsync

    def note(descriptor: int) -> None:
        stat = os.fstat(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        names = frozenset(os.listdir(path) if path.is_dir() else ())  # noqa: PTH208
        synced[stat.st_ino] = stat.st_size, names
        real(descriptor)

    monkeypatch.setattr("os.fsync", note)
    return synced


def check_all_synced(folder: Path, synced: dict[int, tuple[int, frozenset[str]]]) -> None:
    """Every file below a folder has its content on the disk, and its name in its folder."""
    found = [
        path
        for path in folder.rglob("*")
        if not {".locks", "lock"} & set(path.parts) and not path.name.endswith(".lock")
    ]
    assert any(path.is_file() for path in found)
    for path in found:
        if path.is_file():
            assert synced[path.stat().st_ino][0] == path.stat().st_size, path
        assert path.name in synced[path.parent.stat().st_ino][1], path


def test_every_file_and_folder_of_a_commit_is_synced_before_the_append_returns(
    tmp_path: Path, synced: dict[int, tuple[int, frozenset[str]]]
) -> None:
    filled(tmp_path / "home", 1)
    check_all_synced(tmp_path, synced)


def test_what_a_source_sent_is_synced_before_it_is_kept(
    tmp_path: Path, synced: dict[int, tuple[int, frozenset[str]]]
) -> None:
    archive = Archive(tmp_path / "home" / "raw", "gpr")
    for number in range(3):
        archive.keep(f"http://a/{number}", b"%d" % number, datetime.now(UTC))
        check_all_synced(tmp_path, synced)


def test_a_file_of_the_watch_and_a_briefing_are_synced_before_they_are_said_to_be_written(
    tmp_path: Path, synced: dict[int, tuple[int, frozenset[str]]]
) -> None:
    outbox = Outbox(tmp_path / "home" / "watch")
    outbox.make()
    outbox.begin({"huggingface deepseek-ai": ["one"]})
    at = datetime(2026, 8, 24, tzinfo=UTC)
    alert = Alert("a" * 16, "release", "github a/b", "A release.", "http://a", at, None, {})
    for entry in (Entry(alert), Entry(alert, printed=True)):
        outbox.put(entry)
        check_all_synced(tmp_path, synced)
    folder = publish.prepare(tmp_path / "reports" / "today")
    for content in ("a page", "another page"):
        publish.put(folder / "event--ds-r1.html", content)
        check_all_synced(tmp_path, synced)
    kept = (folder / "event--ds-r1.html").stat().st_mode
    assert kept & 0o044 == 0o044 & ~os.umask(os.umask(0o022))  # others may read a page
    assert [path.name for path in folder.iterdir()] == ["event--ds-r1.html"]


# A real power cut: the image of a disk, copied while it is in use ------------------------


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A small ext4 file system in a file."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        with mounted(image, tmp_path / "first"):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    return image


APPENDS = """
import sys
from pathlib import Path
from datetime import date, timedelta
from analysis.loaders.archive import Archive
from analysis.store import Store
from analysis.watch.alerts import Alert
from analysis.watch.outbox import Entry, Outbox
from tests.stores.rows import Seen, at, prices

store = Store(Path(sys.argv[1]), seed=None)
print("ready", flush=True)
for number in range(10**6):
    sys.stdin.readline()
    day = date(2020, 1, 1) + timedelta(days=number)
    store.append("prices", prices([Seen(day, "NVDA", at(6), 100.0 + number)]))
    print(number, flush=True)
"""


def test_a_power_cut_takes_nothing_back_that_was_said_to_be_stored(
    disk: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    cuts = 50 if pytestconfig.getoption("whole_trials") else 10
    with (
        mounted(disk, tmp_path / "disk") as folder,
        subprocess.Popen(
            [sys.executable, "-c", APPENDS, str(folder / "home")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        ) as child,
    ):
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        for cut in range(cuts):
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == f"{cut}\n"
            # What the file system had not written to its disk is not in the copy.
            shutil.copy(disk, tmp_path / f"cut{cut}.img")
        child.kill()
    for cut in range(cuts):
        with mounted(tmp_path / f"cut{cut}.img", tmp_path / f"cut{cut}") as folder:
            found = Store(folder / "home", seed=None).read("prices")["adj_close"].to_list()
        assert found == [100.0 + number for number in range(cut + 1)]


# What a cut left half written ------------------------------------------------------------


def last_entry(home: Path) -> Path:
    return max((home / "prices" / LOG).glob("*.json"))


def unsaid(home: Path) -> Path:
    """A commit whose append never returned: as another process would have left it."""
    index = home / ".checksums" / "prices.jsonl"
    before = index.read_bytes()
    Store(home, seed=None).append("prices", prices([seen(DAYS[3])]))
    index.write_bytes(before)
    return last_entry(home)


@pytest.mark.parametrize("content", [b"", b'{"add": {"pa'])
def test_a_commit_that_is_not_whole_is_named_and_repaired(
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    filled(home)
    before = values(Store(home, seed=None).read("prices"))
    entry = unsaid(home)
    entry.write_bytes(content)
    wanted = f"{LOG}/{entry.name} is not whole, as after a power cut; repair it with"
    with pytest.raises(DataError, match=wanted):
        Store(home, seed=None).read("prices")
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify"]) == 1
    main(["doctor", "--repair"])
    assert "repaired: prices: commit 3 was not whole and is taken out" in capsys.readouterr().err
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
    entry = unsaid(home)
    filled(home, 5)
    index = home / ".checksums" / "prices.jsonl"
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join(line for line in lines if entry.name.encode() not in line))
    entry.write_bytes(b"")
    (done,) = repair_all(home)
    assert done.startswith("prices: commit 3 was not whole and is taken out")
    assert set(values(Store(home, seed=None).read("prices"))) == {
        (day, "NVDA") for day in DAYS if day != DAYS[3]
    }


def test_an_unsaid_commit_with_torn_data_is_named_and_repaired(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    entry = unsaid(home)
    (added,) = [
        json.loads(line)["add"] for line in entry.read_text().splitlines() if '"add":' in line
    ]
    (home / "prices" / added["path"]).write_bytes(b"")
    with pytest.raises(DataError, match=r"has 0 bytes where .* repair it with faultline doctor"):
        Store(home, seed=None).read("prices")
    assert repair_all(home)
    assert len(values(Store(home, seed=None).read("prices"))) == 3


def test_a_home_whose_first_commit_is_empty_begins_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 1)
    (home / ".checksums" / "prices.jsonl").unlink()
    last_entry(home).write_bytes(b"")
    with pytest.raises(DataError, match="repair it with faultline doctor --repair"):
        Store(home, seed=None).read("prices")
    assert repair_all(home) == ["prices: its first commit was not whole; the table begins anew."]
    assert len(list((home / ".damaged" / "prices").rglob("*.parquet"))) == 1
    filled(home, 2)
    assert len(values(Store(home, seed=None).read("prices"))) == 2


# Nothing reads other figures without a word ----------------------------------------------


def test_a_log_that_is_gone_is_an_error_and_not_the_snapshot(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / "prices" / LOG)
    with pytest.raises(DataError, match=r"The log of table 'prices' in the store .* is gone"):
        Store(home).read("prices")


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


def test_damage_that_is_too_large_to_hash_on_reading_is_found_by_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    filled(home)
    monkeypatch.setattr("analysis.store.integrity.HASHED_ON_READ", 0)
    file = next((home / "prices").rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert [one.path for _, one in damage(home)] == [str(file.relative_to(home / "prices"))]
    monkeypatch.setenv("FAULTLINE_HOME", str(home))
    assert main(["data", "verify", "--json"]) == 1
    (told,) = json.loads(capsys.readouterr().out)["damaged"]
    assert told["problem"] == "differs from what was stored"


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
    assert DeltaRows(Place(home), "prices", types_of("prices"), ["date"], "date").compact(many=2)
    table.update_incremental()
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert list(damage(home)) == []


def test_a_store_without_checksums_is_read_and_gets_them_with_the_next_append(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    filled(home)
    shutil.rmtree(home / ".checksums")
    assert len(values(Store(home, seed=None).read("prices"))) == 3
    filled(home, 4)
    recorded = Integrity(home, "prices").recorded()
    assert {f"{LOG}/{one.name}" for one in (home / "prices" / LOG).glob("0*.json")} <= set(recorded)
    with suppress(StopIteration):
        raise AssertionError(next(damage(home)))
