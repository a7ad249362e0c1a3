"""How fast the engine and the store are, beside plain ways to the same numbers and other packages.

``make bench`` runs it: about eight minutes and 8 GB of memory (``make bench QUICK=1``: three
minutes and 2 GB, without the million events). Every measurement is a process of its own whose
linear algebra has one thread; contenders take turns and the best of their rounds counts.
Progress goes to standard error, the tables to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks import peers, report
from tests.benchmarks.sets import PER_SECURITY, made_up

# The engine shares its blocks between cores by itself; nobody's BLAS does.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
ENVIRONMENT = {**os.environ, **ONE_THREAD}
SMALL, MIDDLE = 1_000, 20_000
# Seconds that a peer may take for the twenty thousand.
BEARABLE = 60.0
SIZES = (1_000, 10_000, 20_000, 100_000)
MILLION = 1_000_000
# Peers by where their Python lies, or why there is none.
Ready = dict[peers.Peer, Any]
# Rows of the store's table, as a whole and in a hurry.
STORED = (10_000_000, 1_000_000)


def main() -> None:
    """Measure, and print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the million events out")
    parser.add_argument("--no-peers", action="store_true", help="install and ask no peer")
    asked = parser.parse_args()
    started = time.monotonic()
    print(_header())
    known = () if asked.no_peers else peers.PEERS
    ready = {peer: _try(lambda peer=peer: peers.install(peer)) for peer in known}
    small, others = _small(ready)
    print(f"\n{SMALL:,} events of {SMALL // PER_SECURITY:,} securities")
    print(report.contest_table(SMALL, small, others))
    print(
        f"permutation test, 60 events on one day of 1,600: {small['permutation']['best']:.2f} s "
        f"(p = {small['permutation']['figure']:.3f})"
    )
    middle, alone = _middle()
    fast = _ask(_fast(ready, others), MIDDLE)
    for where, one, beside in (("all cores", middle, fast), ("one core", alone, None)):
        print(f"\n{MIDDLE:,} events of {MIDDLE // PER_SECURITY:,} securities, {where}")
        print(report.contest_table(MIDDLE, one, beside))
    sizes = [_measure("scaling", str(size)) for size in SIZES]
    if not asked.quick:
        sizes.append(_measure("scaling", str(MILLION)))
    print(f"\n{report.scaling_table(sizes)}")
    stored = _measure("store", str(STORED[asked.quick]))
    print(f"\n{report.store_table(stored)}")
    found = report.targets((small, others), (middle, fast), alone, sizes) + report.store_targets(
        stored
    )
    print(f"\n{report.target_table(found)}")
    _say(f"Done in {time.monotonic() - started:.0f} s.")


def _small(ready: Ready) -> tuple[dict[str, Any], dict[str, Any]]:
    """A thousand events: ours, the plain ways and the peers, in two turns."""
    runs, others = [], []
    for _ in range(2):
        runs.append(_measure("contest", str(SMALL), "--rounds", "5"))
        others.append(_ask(ready, SMALL))
    return report.merged(runs), report.merged(others)


def _fast(ready: Ready, others: dict[str, Any]) -> Ready:
    """The peers that answer twenty thousand events within a minute, by what a thousand took."""
    share = SMALL / MIDDLE
    return {
        peer: python
        for peer, python in ready.items()
        if others[peer.name].get("best", float("inf")) < BEARABLE * share
    }


def _ask(ready: Ready, events: int) -> dict[str, Any]:
    """Ask peers for one set of so many events; what went wrong stands in the answer."""
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="faultline-bench-") as folder:
        data = Path(folder) / "set.npz"
        if ready:
            peers.save(made_up(events), data)
        for peer, python in ready.items():
            _say(f"{peer.name} {events} ...")
            answers[peer.name] = (
                python
                if isinstance(python, dict)
                else _try(
                    lambda peer=peer, python=python: peers.ask(peer, python, data, 1, ENVIRONMENT)
                )
            )
    return answers


def _middle() -> tuple[dict[str, Any], dict[str, Any]]:
    """Twenty thousand events on all cores and on one, in turns."""
    many, one = [], []
    for _ in range(2):
        many.append(_measure("contest", str(MIDDLE), "--rounds", "4"))
        one.append(_measure("contest", str(MIDDLE), "--rounds", "3", "--one-core"))
    return report.merged(many), report.merged(one)


def _try(do: Callable[[], Any]) -> Any:
    """Do something with a peer; what goes wrong becomes the reason in its row."""
    try:
        return do()
    except peers.PeerError as reason:
        _say(str(reason))
        return {"reason": str(reason)}


def _measure(module: str, *arguments: str) -> dict[str, Any]:
    """Run one measurement in a process of its own and read its JSON."""
    _say(f"{module} {' '.join(arguments)} ...")
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{module} {' '.join(arguments)} failed with exit code {done.returncode}.")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _header() -> str:
    import numpy as np
    import pandas as pd

    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}, pandas {pd.__version__}; "
        f"{free} cores{load}; one BLAS thread for everybody.\n"
        "Market model, 250 estimation days (−260 to −11), 21-day event window (−10 to 10) and CAR "
        "over all of it,\n2,600 sessions, 4 events a security, nothing missing. The best of "
        "several rounds in turns; ratio: to the first row."
    )


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
