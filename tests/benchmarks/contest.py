"""One set, the engine and the plain ways to the same numbers in turns; a process of its own.

``python -m tests.benchmarks.contest EVENTS`` prints JSON; `run` asks it for 1,000 and for
20,000 events, on all cores and on one.
"""

from __future__ import annotations

import argparse
import json
import os

from analysis.eventstudy.dependence.mean_correlation import rbar
from tests.benchmarks import engine, plain
from tests.benchmarks.sets import CAR, TESTED, made_up
from tests.benchmarks.timing import Contender, contest

LOOPS_UP_TO = 1_000


def main() -> None:
    """Time every contender on one set and print what came out as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one-core", action="store_true", help="leave the process one core")
    asked = parser.parse_args()
    if asked.one_core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(contest(contenders(asked.events, asked.rounds))))


def contenders(events: int, rounds: int) -> list[Contender]:
    """Who takes part in a set of so many events."""
    case = made_up(events)
    warm = made_up(40)
    for tests in (engine.PARAMETRIC, engine.CLOSED_FORMS):  # what is imported late, now
        engine.answer(warm, tests)

    def sample(*, exclude_own_events: bool) -> object:
        return engine.fit(case, exclude_own_events=exclude_own_events).sample(TESTED)[0]

    few = min(rounds, 3)
    taking_part = [
        Contender("plain", lambda _: plain.vectorised(case).caar, rounds),
        Contender("parametric", lambda _: engine.answer(case, engine.PARAMETRIC), rounds),
        Contender("with rbar", lambda _: engine.answer(case, engine.WITH_RBAR), rounds),
        Contender("battery", lambda _: engine.battery(case), rounds),
        Contender("battery, 21 days", lambda _: engine.battery(case, CAR), few),
        Contender(
            "rbar",
            lambda found: rbar(found, "overlap"),
            rounds,
            lambda: sample(exclude_own_events=False),
        ),
        Contender(
            "rbar, holes",
            lambda found: rbar(found, "overlap"),
            few,
            lambda: sample(exclude_own_events=True),
        ),
        Contender(
            "battery, holes",
            lambda _: engine.battery(case, exclude_own_events=True),
            few,
        ),
    ]
    if events <= LOOPS_UP_TO:
        plain.statsmodels_loop(warm)
        taking_part += [
            Contender("numpy loop", lambda _: plain.numpy_loop(case).caar, few),
            Contender("statsmodels loop", lambda _: plain.statsmodels_loop(case).caar, few),
            Contender("permutation", lambda _: engine.permutation(case)[1], 1),
        ]
    return taking_part


if __name__ == "__main__":
    main()
