"""Seconds and bytes: contenders take turns, and memory is what the system says of a process."""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Contender:
    """Something to time: what it is called, the call, how often, what comes before untimed.

    `run` is given what `before` returned, and returns a figure that shows what it computed.
    """

    name: str
    run: Callable[[Any], float]
    rounds: int = 5
    before: Callable[[], Any] = lambda: None


def contest(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """Time contenders in turns (A B A B), so that a machine that drifts favours none.

    Returns
    -------
    dict
        Name -> best and median seconds, least seconds of all its cores together, rounds,
        and the figure of the last round.
    """
    seconds: dict[str, list[float]] = {one.name: [] for one in contenders}
    cpu: dict[str, list[float]] = {one.name: [] for one in contenders}
    figures: dict[str, float] = {}
    for turn in range(max(one.rounds for one in contenders)):
        for one in contenders:
            if turn < one.rounds:
                given = one.before()
                gc.collect()
                start, worked = time.perf_counter(), time.process_time()
                figures[one.name] = one.run(given)
                seconds[one.name].append(time.perf_counter() - start)
                cpu[one.name].append(time.process_time() - worked)
    return {
        name: {
            "best": min(took),
            "median": statistics.median(took),
            "cpu": min(cpu[name]),
            "rounds": len(took),
            "figure": figures[name],
        }
        for name, took in seconds.items()
    }


def above(run: Callable[[], object]) -> tuple[float, float | None]:
    """Seconds of a call, and the bytes it needs at its peak above what was held before it.

    The bytes are None where the system does not tell a process its memory as Linux does.
    """
    gc.collect()
    seen = STATUS.exists() and CLEAR.exists()
    held = _kilobytes("VmRSS") if seen else 0
    if seen:
        # Forget the peak so far, which was that of making the inputs.
        CLEAR.write_text("5", encoding="ascii")
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    return seconds, max(_kilobytes("VmHWM") - held, 0) * 1024.0 if seen else None


def peak_of_process() -> float:
    """Bytes at the peak of this process since it began, inputs included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def _kilobytes(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"{STATUS} has no {name}.")
