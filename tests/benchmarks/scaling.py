"""One set of any size: the engine against copying and sorting the same windows with NumPy.

``python -m tests.benchmarks.scaling EVENTS`` prints JSON; `run` asks it once per size, so that
the memory of one size never hides in that of another.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.benchmarks import engine, plain
from tests.benchmarks.sets import ESTIMATION, WINDOW, Case, made_up
from tests.benchmarks.timing import Contender, above, contest, peak_of_process

# Events whose windows are copied and sorted together: 4.4 MB.
BLOCK = 2048
# The plain model takes whole arrays at once, ten of them: beyond this they do not fit.
PLAIN_UP_TO = 100_000
# Events that are measured in all rounds together, as long as there are three rounds: neighbours
# on the machine slow whatever waits for memory, and large sets wait for it most.
TOGETHER = 150_000


def main() -> None:
    """Measure one size and print what came out as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.events)))


def measure(events: int) -> dict[str, object]:
    """Time copying, sorting and the engine, and measure the engine's memory."""
    warm = made_up(40)
    for tests in (engine.PARAMETRIC, engine.CLOSED_FORMS):
        engine.answer(warm, tests)
    case = made_up(events)
    # The first calls in a fresh process: nothing that was freed before is used again.
    first = {
        "parametric": above(lambda: engine.answer(case, engine.PARAMETRIC)),
        "battery": above(lambda: engine.battery(case)),
    }
    rounds = max(3, min(7, TOGETHER // events))
    windows: list[tuple[float, float]] = []
    whole = Contender("plain", lambda _: plain.vectorised(case).caar, rounds)
    taken = contest(
        [
            Contender("windows", lambda _: windows.append(copy_and_sort(case)) or 0.0, rounds),
            Contender("parametric", lambda _: engine.answer(case, engine.PARAMETRIC), rounds),
            Contender("battery", lambda _: engine.battery(case), rounds),
            *([whole] if events <= PLAIN_UP_TO else []),
        ]
    )
    del taken["windows"]
    best = {name: took["best"] for name, took in taken.items()}
    copied, ordered = zip(*windows, strict=True)
    return {
        "events": events,
        "rounds": rounds,
        "inputs": case.returns.to_numpy().nbytes,
        "seconds": best
        | {"copy": min(copied), "sort": min(ordered)}
        | {name: min(best[name], seconds) for name, (seconds, _) in first.items()},
        "cpu": {name: took["cpu"] for name, took in taken.items()},
        "above": {name: memory for name, (_, memory) in first.items()},
        "peak": peak_of_process(),
    }


def copy_and_sort(case: Case) -> tuple[float, float]:
    """Seconds to copy all windows out of the panel, and to sort them with one np.sort each.

    The estimation and the event window of an event lie behind each other: one slice of 271
    days. The blocks bound the memory; each is copied, then sorted.
    """
    views = sliding_window_view(case.returns.to_numpy(), WINDOW[1] - ESTIMATION[0] + 1, axis=0)
    copying = sorting = 0.0
    for start in range(0, case.size, BLOCK):
        rows = slice(start, start + BLOCK)
        first = case.row[rows] + ESTIMATION[0]
        begun = time.perf_counter()
        block = views[first, case.own[rows]]
        copied = time.perf_counter()
        np.sort(block, axis=1)
        sorting += time.perf_counter() - copied
        copying += copied - begun
    return copying, sorting


if __name__ == "__main__":
    main()
