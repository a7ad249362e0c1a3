"""An update when it is killed, doubled, or out of room."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analysis.catalogue import Catalogue
from analysis.store import Store
from analysis.tables import TABLES, keys_of
from tests.servers import figures
from tests.servers.forks import Forks
from tests.servers.local import LocalServer, stall
from tests.servers.sources import Sources
from tests.stores.updates import observations, one_pass

pytestmark = pytest.mark.slow

PROGRAM = "import sys; from analysis.cli import main; sys.exit(main())"
QUICK = ("factors", "risk_indexes")
FACTORS_A_DAY = 8


def start(*words: str) -> subprocess.Popen[str]:
    """A whole update in a process of its own, as a user has it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "data", "update", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def new_vintage(server: LocalServer, number: int) -> None:
    """Let French's library revise every factor of its two days."""
    row = [f"{number / 100:.2f}"] * 6
    days = {"20260929": row, "20260930": row}
    five = figures.french_zip(figures.FIVE, days)
    server.on(f"{figures.FRENCH}/F-F_Research_Data_5_Factors_2x3_daily", five)
    three = figures.french_zip(figures.THREE, days)
    server.on(f"{figures.FRENCH}/F-F_Research_Data_Factors_daily", three)
    server.on(f"{figures.FRENCH}/F-F_Momentum_Factor_daily", figures.french_zip(("Mom",), days))


@pytest.fixture
def updated() -> Iterator[Callable[..., int]]:
    """Updates the quick tables in a process of its own, and says how that ended."""
    with Forks() as forks:

        def update_killed(after: float | None = None) -> int:
            """Update; with a number, killed after so many seconds."""
            child = forks.start("data", "update", *QUICK, environment=os.environ)
            if after is not None:
                time.sleep(after)
                child.kill()
            return child.wait()

        yield update_killed


def test_an_update_killed_many_times_loses_nothing_and_leaves_nothing_half_done(
    sources: Sources, home: Path, updated: Callable[..., int], pytestconfig: pytest.Config
) -> None:
    deaths = 100 if pytestconfig.getoption("whole_trials") else 25
    assert updated() == 0
    new_vintage(sources.server, 1)
    first = time.monotonic()
    assert updated() == 0
    whole = time.monotonic() - first
    chance = random.Random(4)
    committed = {table: observations(home, table) for table in QUICK}
    killed, number = 0, 1
    # Some end before they are killed; the last vintage is 3.00 %.
    while killed < deaths:
        number += 1
        assert number < 3 * deaths, f"only {killed} of {number} were alive when they were killed"
        new_vintage(sources.server, number)
        after = chance.uniform(0.1, 1.1) * whole
        if updated(after) == -signal.SIGKILL:
            killed += 1
        else:
            # Done before: the machine is faster than when the whole was measured.
            whole = min(whole, after)
        for table, before in committed.items():
            now = observations(home, table)  # valid rows alone: reading checks the schema
            assert before.join(now, on=now.columns, how="anti", nulls_equal=True).is_empty()
            committed[table] = now
    live = committed["factors"].filter(~pl.col("backfilled"))
    seen = live.group_by("date", "factor").len()["len"]
    # What was answered together was stored together: no factor is a vintage ahead of another.
    assert (len(seen), seen.n_unique()) == (2 * FACTORS_A_DAY, 1)
    new_vintage(sources.server, number + 1)
    assert updated() == 0
    last = Store(home).read("factors", where={"date": date(2026, 9, 30)})
    assert last["value"].unique().to_list() == [(number + 1) / 10_000]


def test_two_updates_at_once_both_finish_and_double_nothing(sources: Sources, home: Path) -> None:
    children = [start(*QUICK, "--json") for _ in range(2)]
    answers = [child.communicate(timeout=180) for child in children]
    assert [child.returncode for child in children] == [0, 0], answers
    documents = [json.loads(out) for out, _ in answers]
    for table in QUICK:
        new = [
            sum(source["new"] for source in document["sources"] if source["table"] == table)
            for document in documents
        ]
        live = observations(home, table).filter(~pl.col("backfilled"))
        assert live.select(keys_of(table)).is_duplicated().sum() == 0
        assert sum(new) == live.height > 0
        seeded = observations(home, table).filter("backfilled")
        assert not seeded.select(*keys_of(table), "observed_at").is_duplicated().any()


def test_an_interrupted_update_ends_at_once_whatever_stalls(sources: Sources, home: Path) -> None:
    """Yahoo is asked by a pool of threads, which an ordinary end of Python would wait for."""
    sources.server.on("/v8", stall(600))
    child = start("prices", "factors")
    while not (home / "factors").exists() or not any("/v8" in it for it in sources.server.paths()):
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    try:
        _, said = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 130, said
    assert said.endswith("faultline: interrupted.\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("room", [0, 2_000])
def test_a_full_disk_is_said_and_the_store_still_reads(
    room: int, sources: Sources, home: Path, few: Catalogue
) -> None:
    """A limit on the size of a file stands for the disk: both refuse the write half-way."""
    one_pass(home, few, "french")
    before = observations(home, "factors")
    new_vintage(sources.server, 7)
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, "data", "update", "factors"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert child.returncode == 1
    assert "failed: french" in child.stderr
    assert "Traceback" not in child.stderr
    assert observations(home, "factors").equals(before)
    (french,) = one_pass(home, few, "french")
    assert french.revised == 2 * FACTORS_A_DAY


assert set(QUICK) <= set(TABLES)
assert os.name == "posix"
