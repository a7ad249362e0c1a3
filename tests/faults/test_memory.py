"""Memory stays bounded: all sources attacked at once, and a table larger than what may be held.

Of an update only patience is shorter than usual; sizes are those of every update.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.loaders import loaders
from analysis.settings import SOURCES
from tests.benchmarks.store import filled
from tests.servers import hostile
from tests.servers.hostile import Attack, Hostile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read in /proc"),
]

MOST = 2**30

# An update that says what failed and how much memory it and its children took at most. A child
# that has not begun its own program yet shares the memory of its parent, and its command line.
CHILD = """
import json, os, threading, time

def peak(process):
    with open(f"/proc/{process}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

def line(process):
    with open(f"/proc/{process}/cmdline") as file:
        return file.read()

def children():
    own = line("self")
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            for process in file.read().split():
                if line(process) not in ("", own):
                    yield peak(process)

beside, done = 0, threading.Event()

def watch():
    global beside
    while not done.wait(0.01):
        try:
            beside = max(beside, sum(children()))
        except (OSError, StopIteration):  # one has ended meanwhile
            pass

watching = threading.Thread(target=watch)
watching.start()
try:
    from analysis.calendars import Calendars
    from analysis.catalogue import Catalogue
    from analysis.settings import bundled
    from analysis.store import Store
    from analysis.update import update
    home, catalogue = Store(os.environ["FAULTLINE_HOME"]), Catalogue(bundled("data/catalogue"))
    outcomes = update(home, catalogue, Calendars())
finally:
    done.set()
    watching.join()
failures = {one.source: one.failures for one in outcomes}
print(json.dumps({"failures": failures, "peak": peak("self") + beside}))
"""


@pytest.mark.parametrize(
    ("attack", "pause", "patience"),
    [
        # What ends by its size does so on a busy machine too.
        (hostile.gzip_bomb(1024), 0.0, 45),
        (hostile.nested_json(15), 0.0, 45),
        (hostile.endless_chunks, 0.0, 1),
        (hostile.dripped_headers, 0.5, 2),
    ],
    ids=["gzip bomb", "nested JSON", "endless chunks", "dripped headers"],
)
def test_all_sources_attacked_at_once_stay_below_a_gigabyte(
    attack: Attack, pause: float, patience: int, tmp_path: Path
) -> None:
    with Hostile(attack, pause) as server:
        environment = {
            **os.environ,
            **{f"FAULTLINE_{name.upper()}_URL": server.url for name in SOURCES},
            "FAULTLINE_HOME": str(tmp_path / "home"),
            "FAULTLINE_CONTACT": "tests@example.org",
            "FAULTLINE_PATIENCE": str(patience),
            "FAULTLINE_SOURCE_PATIENCE": str(2 * patience),
            "FAULTLINE_PACE": "1000",
            "OPENROUTER_API_KEY": "a-key",
        }
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["peak"] < MOST
    assert set(found["failures"]) == set(loaders())
    for source, said in found["failures"].items():
        assert len(said) == 1, (source, said)
        assert len(said[0]) < 800
        assert "\n" not in said[0]
        assert "Unexpected" not in said[0]


# What a status of the store takes at most, and what reading its prices whole takes after that.
STATUS = """
import sys
from analysis.cli.main import main
from analysis.settings import store_home
from analysis.store import Store

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

assert main(["data", "status"]) == 0
status = peak()
Store(store_home(), seed=None).read("prices")
print(status, peak(), file=sys.stderr)
"""


def test_a_status_of_a_large_table_does_not_hold_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home, 250_000)
    done = subprocess.run(
        [sys.executable, "-c", STATUS],
        env={**os.environ, "FAULTLINE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    status, whole = map(int, done.stderr.split()[-2:])
    assert whole - status > 50 * 2**20
