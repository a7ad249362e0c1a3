"""How long an update of all sources takes, beside the slowest of them asked alone.

``python -m tests.benchmarks.update`` asks a local server that answers every question after
200 ms. Each measurement is a whole command in a process of its own; the store is filled before.
The target: all together in less than twice the time of the slowest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.loaders import loaders
from tests.servers.sources import Sources, serving

LATENCY = 0.2
LIMIT = 2.0
PROGRAM = "import sys; from analysis.cli import main; sys.exit(main())"


def main() -> None:
    """Measure, and print the table and the verdict."""
    with serving() as sources, tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        _run(sources, home)
        sources.server.latency = LATENCY
        alone = {name: _run(sources, home, "--source", name) for name in loaders()}
        before = len(sources.server.requests)
        together = _run(sources, home)
        asked = len(sources.server.requests) - before
    print(f"Update of a filled store, {1000 * LATENCY:.0f} ms an answer, {asked} questions")
    for name, seconds in sorted(alone.items(), key=lambda pair: -pair[1]):
        print(f"{name:<24}{seconds:6.1f} s")
    slowest = max(alone.values())
    verdict = "reached" if together < LIMIT * slowest else "missed"
    print(f"{'all side by side':<24}{together:6.1f} s  (one after the other "
          f"{sum(alone.values()):.1f} s)")  # fmt: skip
    print(f"{together / slowest:.2f} x the slowest source; target {LIMIT:g} x: {verdict}")


def _run(sources: Sources, home: Path, *words: str) -> float:
    """Seconds of one update in a process of its own."""
    environment = {
        **os.environ,
        **sources.environment(),
        "FAULTLINE_HOME": str(home),
        "OPENROUTER_API_KEY": "a-key-of-the-benchmark",
    }
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "data", "update", "--json", *words],
        env=environment,
        check=True,
        capture_output=True,
    )
    return time.monotonic() - started


if __name__ == "__main__":
    main()
