"""What the store, a watch and a briefing called done survives a power cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.briefings import output_files
from analysis.files import write_atomic
from analysis.loaders.http.archive import Archive
from analysis.store import Store
from analysis.store.delta_log import LOG
from analysis.store.repair import repair_all, repair_store, take_out_ahead
from analysis.watch.alerts import Alert
from analysis.watch.outbox import Entry, Outbox
from tests.stores.cut import DAYS, filled, last_entry, unsaid
from tests.stores.rows import at

pytestmark = pytest.mark.slow

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
            assert synced.get(path.stat().st_ino, (None,))[0] == path.stat().st_size, path
        assert path.name in synced[path.parent.stat().st_ino][1], path


def append_once(home: Path) -> None:
    filled(home, 1)


def append_until_a_checkpoint(home: Path) -> None:
    filled(home, 25)
    assert (home / "prices" / LOG / "_last_checkpoint").exists()


def compact(home: Path) -> None:
    assert filled(home).compact() == 1


def clear_away(home: Path) -> None:
    store = filled(home, 1)
    left = home / "prices" / "year=2025" / "part-of-one-that-was-killed.parquet"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    store.compact()
    assert not left.exists()


def take_rows_out(home: Path) -> None:
    filled(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.store.repair.latest_possible", lambda: at(DAYS[1].day))
        patch.setattr("analysis.store.repair._check_clock", lambda _: None)
        assert [step.done for step in take_out_ahead(home)] == [True]


def repair_the_last_commit(home: Path) -> None:
    filled(home)
    write_atomic(unsaid(home, DAYS[3]), b"")
    assert [step.done for step in repair_all(home)] == [True]


def repair_a_commit_between_others(home: Path) -> None:
    filled(home)
    entry = unsaid(home, DAYS[3])
    content = entry.read_bytes()
    unsaid(home, DAYS[4])
    write_atomic(entry, content[:40])
    assert [step.done for step in repair_all(home)] == [True]


def repair_the_first_commit(home: Path) -> None:
    filled(home, 1)
    (home / ".checksums" / "prices.jsonl").unlink()
    write_atomic(last_entry(home), b"")
    assert [step.done for step in repair_all(home)] == [True]


def record_checksums(home: Path) -> None:
    filled(home)
    shutil.rmtree(home / ".checksums")
    assert [step.done for step in repair_store(home)] == [True]


@pytest.mark.parametrize(
    "work",
    [
        append_once,
        append_until_a_checkpoint,
        compact,
        clear_away,
        take_rows_out,
        repair_the_last_commit,
        repair_a_commit_between_others,
        repair_the_first_commit,
        record_checksums,
    ],
)
def test_every_file_and_folder_is_synced_before_it_is_said_to_be_done(
    work: Callable[[Path], None],
    tmp_path: Path,
    synced: dict[int, tuple[int, frozenset[str]]],
) -> None:
    work(tmp_path / "home")
    check_all_synced(tmp_path, synced)


def test_what_a_source_sent_is_synced_before_it_is_kept(
    tmp_path: Path, synced: dict[int, tuple[int, frozenset[str]]]
) -> None:
    archive = Archive(tmp_path / "home" / "raw", "gpr")
    for number in range(3):
        archive.put(f"http://a/{number}", b"%d" % number, datetime.now(UTC))
        check_all_synced(tmp_path, synced)


def test_a_file_of_the_watch_and_a_briefing_are_synced_before_they_are_said_to_be_written(
    tmp_path: Path, synced: dict[int, tuple[int, frozenset[str]]]
) -> None:
    outbox = Outbox(tmp_path / "home" / "watch")
    outbox.make()
    outbox.set_baseline({"huggingface deepseek-ai": ["one"]})
    at = datetime(2026, 8, 24, tzinfo=UTC)
    alert = Alert("a" * 16, "release", "github a/b", "A release.", "http://a", at, None, {})
    for entry in (Entry(alert), Entry(alert, printed=True)):
        outbox.put(entry)
        check_all_synced(tmp_path, synced)
    folder = output_files.check_output_folder(tmp_path / "reports" / "today")
    for content in ("a page", "another page"):
        output_files.write_file(folder / "event--ds-r1.html", content)
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
from analysis.loaders.http.archive import Archive
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
