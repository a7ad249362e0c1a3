"""What every peer's script shares: the set comes as an npz, the answer goes out as JSON.

Runs in the peer's own interpreter, whatever NumPy and pandas it brought, and imports nothing
of ours. The clock runs around the package's own call: not its import, nor the making of the
frames that it wants.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd


class Set:
    """The benchmark's set: returns (dates × securities), the market's, events, windows."""

    def __init__(self, path: str) -> None:
        with np.load(path) as file:
            self.dates = pd.DatetimeIndex(file["dates"].astype("datetime64[ns]"))
            self.panel, self.market = file["values"], file["market"]
            self.own, self.row = file["own"], file["row"]
            self.estimation = tuple(int(day) for day in file["estimation"])
            self.window = tuple(int(day) for day in file["window"])
        self.names = [f"S{number:06d}" for number in range(self.panel.shape[1])]

    def around(self, event: int, spare: int = 0) -> slice:
        """Rows from the first estimation day of an event to the last of its window."""
        zero = int(self.row[event])
        return slice(zero + self.estimation[0] - spare, zero + self.window[1] + 1 + spare)


def peer(prepare, study) -> None:
    """Time one peer and print its best seconds and its CAAR.

    Parameters
    ----------
    prepare : callable
        Set -> whatever the package wants to be given; not timed, made anew for every round.
    study : callable
        That -> CAAR; timed.
    """
    path, rounds = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")
    answer, given = sys.stdout, Set(path)
    # Some packages talk on standard output.
    sys.stdout = sys.stderr
    seconds, cpu, caar = [], [], float("nan")
    for _ in range(rounds):
        asked = prepare(given)
        start, worked = time.perf_counter(), time.process_time()
        caar = float(study(asked))
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - worked)
    found = {"best": min(seconds), "cpu": min(cpu), "rounds": rounds, "figure": caar}
    print(json.dumps(found), file=answer)
