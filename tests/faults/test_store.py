"""The store when processes die, race, find the disk full or the log damaged."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from analysis.errors import DataError
from analysis.store import Store
from tests.stores.rows import Seen, at, prices
from tests.stores.writer import SIZE, batch

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PARTS, WRITERS = 4, 5
ENDLESS = 10_000


def start(
    home: Path | str, writer: int, first: int, last: int, *more: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.stores.writer",
            str(home),
            str(writer),
            str(first),
            str(last),
            *more,
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(children: list[subprocess.Popen[str]]) -> None:
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()


def said(child: subprocess.Popen[str]) -> list[int]:
    """Batches that a writer had been told are stored."""
    assert child.stdout
    told = child.stdout.read()
    child.stdin.close()  # type: ignore[union-attr]
    child.stdout.close()
    # What was cut off while it was being said was not said.
    return [int(line) for line in told.splitlines(keepends=True) if line.endswith("\n")]


def killed(child: subprocess.Popen[str], fate: tuple[int, float]) -> list[int]:
    """Kill a writer after so many batches, a share of a batch later; the batches that it said.

    A moment counted from its own batches lies within one, however loaded the machine is; one
    that may not finish its first is killed while it begins the store, or its first commit.
    """
    after, share = fate
    told, took = [], 0.4
    assert child.stdout
    for _ in range(after):
        begun = time.monotonic()
        told.append(int(child.stdout.readline()))
        took = time.monotonic() - begun
    time.sleep(share * took)
    child.kill()
    told += said(child)
    assert child.wait() == -9
    return told


def batches(home: Path | str, writer: int) -> dict[int, int]:
    """Rows that are stored of each batch of a writer."""
    store = Store(home, seed=None)
    rows = store.history("prices").filter(pl.col("ticker").str.starts_with(f"W{writer}."))
    assert not rows.select("date", "ticker", "observed_at").is_duplicated().any()
    return {int(value - 1): count for value, count in rows["adj_close"].value_counts().iter_rows()}


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_many_times_it_loses_no_row_and_shows_no_half(
    tmp_path: Path, part: int, pytestconfig: pytest.Config
) -> None:
    """Five writers at once, each killed at a random moment; four stores."""
    waves = 5 if pytestconfig.getoption("whole_trials") else 2  # a hundred deaths, or forty
    home, seed = tmp_path / "home", tmp_path / "seed"
    seed.mkdir()
    first = prices([Seen(at(27).date(), "SEED", at(27), 1.0)])
    first.write_parquet(seed / "prices.parquet")
    chance = random.Random(20250127 + part)
    next_one, stored = [0] * WRITERS, [set[int]() for _ in range(WRITERS)]
    for _ in range(waves):
        children = [start(home, one, next_one[one], ENDLESS, str(seed)) for one in range(WRITERS)]
        go(children)
        fates = [(chance.randrange(4), chance.random()) for _ in children]
        with ThreadPoolExecutor(WRITERS) as pool:
            told_by = list(pool.map(killed, children, fates))
        for one, told in enumerate(told_by):
            stored[one].update(told)
            next_one[one] = max([next_one[one], *(number + 1 for number in told)])
        for one in range(WRITERS):
            found = batches(home, one) if home.is_dir() else {}
            assert set(found.values()) <= {SIZE}, "half a batch is visible"
            assert stored[one] <= set(found), "a row that was committed is lost"
            # One that died before it could say so may have stored its batch.
            next_one[one] = max([next_one[one], *(number + 1 for number in found)])
    store = Store(home, seed=seed)
    assert store.append("prices", batch(9, 0)).new == SIZE
    assert store.history("prices", "SEED").height == 1
    assert sum(map(len, stored)) > waves
    before = store.read("prices")
    store.compact()
    assert store.read("prices").equals(before)


@pytest.mark.parametrize("address", [False, True], ids=["folder with locks", "address without"])
def test_writers_of_the_same_rows_double_nothing(tmp_path: Path, *, address: bool) -> None:
    home = (tmp_path / "home").as_uri() if address else tmp_path / "home"
    children = [start(home, 0, 0, 10) for _ in range(3)]
    go(children)
    for child in children:
        assert said(child) == list(range(10))
        assert child.wait() == 0
    assert batches(home, 0) == dict.fromkeys(range(10), SIZE)


def test_writers_of_other_rows_both_finish(tmp_path: Path) -> None:
    children = [start(tmp_path / "home", one, 0, 20) for one in (1, 2)]
    go(children)
    for one, child in zip((1, 2), children, strict=True):
        assert said(child) == list(range(20))
        assert child.wait() == 0
        assert batches(tmp_path / "home", one) == dict.fromkeys(range(20), SIZE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home", seed=None)
    for number in range(4):
        store.append("prices", batch(0, number))
    return store


FULL = """
import resource, sys
from pathlib import Path
from analysis.errors import DataError
from analysis.store import Store
from tests.stores.rows import Seen, at, prices
from datetime import timedelta
store = Store(Path(sys.argv[1]), seed=None)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
days = (at(1).date() - timedelta(days=number) for number in range(9000))
rows = prices(Seen(day, "FULL", at(27), day.toordinal() / 7) for day in days)
try:
    store.append("prices", rows)
except DataError as problem:
    print(problem)
"""


@pytest.mark.parametrize("room", [0, 300, 20_000])
def test_a_full_disk_is_said_and_the_store_still_reads(store: Store, room: int) -> None:
    """A limit on the size of a file stands for the disk: both refuse the write half-way."""
    before = store.read("prices")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(store.home), str(room)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"Table 'prices' of the store {store.home} cannot be written" in done.stdout
    assert "free some space there and try again" in done.stdout
    assert done.stdout.count("\n") == 1
    after = Store(store.home, seed=None)
    assert after.read("prices").equals(before)
    assert after.append("prices", batch(5, 0)).new == SIZE


def log(store: Store, number: int) -> Path:
    assert isinstance(store.home, Path)
    return store.home / "prices" / "_delta_log" / f"{number:020d}.json"


def test_a_damaged_log_is_named_with_its_mend(store: Store) -> None:
    log(store, 3).write_text('{"add": {"pa')
    for ask in (
        lambda: Store(store.home).read("prices"),
        lambda: Store(store.home).append("prices", batch(0, 9)),
    ):
        with pytest.raises(DataError, match=r"'prices' of the store .* cannot be read") as caught:
            ask()
        assert "differs from what was stored; restore it from a good copy" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_hole_in_the_log_is_named(store: Store) -> None:
    log(store, 1).unlink()
    with pytest.raises(DataError, match="cannot be opened"):
        Store(store.home).read("prices")


def test_a_missing_file_of_rows_is_named(store: Store) -> None:
    assert isinstance(store.home, Path)
    next((store.home / "prices").rglob("part-*.parquet")).unlink()
    with pytest.raises(DataError, match="cannot be read") as caught:
        Store(store.home).read("prices")
    assert "(No such file or directory); restore it from a good copy" in str(caught.value)


def test_what_a_killed_writer_left_is_no_table(tmp_path: Path) -> None:
    """Killed before its first commit, a writer leaves files and an empty log."""
    left = tmp_path / "prices"
    (left / "_delta_log").mkdir(parents=True)
    (left / "_delta_log" / "_commit_0.json.tmp").write_text("{")
    (left / "part-0.parquet").write_bytes(b"half")
    store = Store(tmp_path, seed=None)
    assert store.read("prices").is_empty()
    assert store.append("prices", batch(0, 0)).new == SIZE
