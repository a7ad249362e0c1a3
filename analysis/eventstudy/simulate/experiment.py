"""Many repetitions of a design, and how often each test rejected.

Every repetition is a study of its own, asked through `EventStudy` and answered by
`EventStudyResults.tests`: what is measured is what users get. Only counts come back, so
results do not depend on how repetitions were shared out among workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import InputError
from analysis.eventstudy.inference.permutation import MOST_PLACEBOS
from analysis.eventstudy.inference.placebo_statistics import STATISTICS
from analysis.eventstudy.inference.registry import check_names
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.inputs.options import check_count
from analysis.eventstudy.simulate.design import Design
from analysis.eventstudy.simulate.panels import ReturnPanel, calendars, check_source, draw, frames
from analysis.eventstudy.study import EventStudy

# Repetitions of one task: about a second of work, so that workers end together.
BATCH = 25

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class _Task:
    """Some repetitions of designs that share their draws and fits, as a worker gets them."""

    design: Design
    windows: tuple[Window, ...]
    tests: tuple[str, ...]
    levels: tuple[float, ...]
    repetitions: range
    history: int
    seed: int
    panel: ReturnPanel | None


def size_and_power(
    designs: Design | Iterable[Design],
    repetitions: int = 1000,
    tests: Iterable[str] | Literal["all"] = "all",
    *,
    permutation_repetitions: int | None = None,
    placebos: int = MOST_PLACEBOS,
    levels: float | Sequence[float] = 0.05,
    returns: pd.DataFrame | None = None,
    factors: pd.DataFrame | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measure how often tests reject, by simulation.

    Parameters
    ----------
    designs : Design or iterable of Design
        Those that differ in ``window`` alone share their draws and fits. All designs share
        their random numbers, so that they differ from each other by less than their
        standard errors say.
    repetitions : int
        Simulated studies of each design.
    tests : iterable of str or "all"
        Names among `registry.TEST_NAMES`.
    permutation_repetitions : int, optional
        Repetitions in which the permutation tests are run, the first ones; as many as
        ``repetitions`` by default, 0 leaves them out.
    placebos : int
        Sessions drawn before the rows that a study needs, for the placebo dates of the
        permutation test. A panel of real returns offers all its days instead.
    levels : float or sequence of float
        Nominal levels; a test rejects where its p-value is not above one.
    returns : pandas.DataFrame, optional
        A panel of real returns to draw from (dates × securities, decimal, NaN where
        missing), for instance ``Desk.returns``: a random day, random securities that have
        the rows which the windows need, as in Brown & Warner (1980, 1985). The sessions are
        its rows, so it should hold securities of one calendar. Without it the factor model
        of `Design` is drawn.
    factors : pandas.DataFrame, optional
        Factors of the model for ``returns``; without them the column ``"market"`` is the
        equal-weighted mean of the panel.
    seed : int
        Of all draws, not negative. Repetition r of a seed is the same whatever else is
        asked for.
    executor : concurrent.futures.Executor, optional
        Batches of repetitions are mapped over it. The counts are the same.
    progress : callable, optional
        Called as ``progress(batches done, batches in all)``.

    Returns
    -------
    pandas.DataFrame
        One row per design, test and level: the design's columns, test, level, rejections,
        repetitions (of that test), defined (share of them in which the test had a p-value),
        events_used (mean N of the test), share (rejections over the repetitions in which
        the test was defined; NaN where there are none) and standard_error of the share.

    Raises
    ------
    InputError
        Unknown test, a level outside (0, 1), no design, a panel too small for a design, or
        counts that are not whole numbers.

    Source: Brown & Warner (1980, 1985).
    """
    asked = _designs(designs)
    chosen = check_names(tests)
    count = check_count(repetitions, "repetitions", 1)
    permuted = count if permutation_repetitions is None else permutation_repetitions
    permuted = min(count, check_count(permuted, "permutation_repetitions", 0))
    sought = _levels(levels)
    history, seed = check_count(placebos, "placebos", 0), check_count(seed, "seed", 0)
    if returns is None and factors is not None:
        raise InputError("factors are of use with returns alone; give returns= as well.")
    panel = None if returns is None else ReturnPanel.of(returns, factors)
    for design in asked:
        check_source(design, panel)
    plan = []
    for shared, members in _grouped(asked):
        windows = tuple(dict.fromkeys(asked[member].window for member in members))
        task = _Task(shared, windows, chosen, sought, range(count), history, seed, panel)
        plan += [(members, batch) for batch in _batches(task, permuted)]
    run = map if executor is None else executor.map
    totals = np.zeros((len(asked), len(chosen), len(sought) + 3))
    for done, ((members, task), counts) in enumerate(
        zip(plan, run(_count, [task for _, task in plan]), strict=True), start=1
    ):
        columns = [chosen.index(name) for name in task.tests]
        for member in members:
            totals[member, columns] += counts[task.windows.index(asked[member].window)]
        if progress is not None:
            progress(done, len(plan))
    return _frame(asked, chosen, sought, totals, panel=panel is not None)


def _designs(designs: Design | Iterable[Design]) -> list[Design]:
    asked = [designs] if isinstance(designs, Design) else list(designs)
    for one in asked:
        if not isinstance(one, Design):
            raise InputError(f"designs must be Design values, not {one!r}.")
    if not asked:
        raise InputError("designs is empty; give at least one Design().")
    return asked


def _levels(levels: float | Sequence[float]) -> tuple[float, ...]:
    sought = (levels,) if isinstance(levels, int | float) else tuple(levels)
    for level in sought:
        if not isinstance(level, float) or not 0 < level < 1:
            raise InputError(f"levels must lie between 0 and 1, such as 0.05, not {level!r}.")
    if not sought:
        raise InputError("levels is empty; give at least one, such as 0.05.")
    return sought


def _grouped(designs: list[Design]) -> list[tuple[Design, list[int]]]:
    """Put together, by their numbers, the designs that share their draws."""
    groups: list[tuple[Design, list[int]]] = []
    for number, design in enumerate(designs):
        shared = design.shared()
        # Compared, not hashed: a model may hold a mapping.
        members = next((members for one, members in groups if one == shared), None)
        if members is None:
            groups.append((shared, [number]))
        else:
            members.append(number)
    return groups


def _batches(task: _Task, permuted: int) -> Iterator[_Task]:
    """Cut a task into batches, the first repetitions with the permutation tests."""
    others = tuple(name for name in task.tests if name not in STATISTICS)
    permuted = permuted if len(others) < len(task.tests) else 0
    # One fit serves all tests; placebo dates need a history that the others do without.
    parts = [(task.tests, task.history, task.repetitions[:permuted])]
    if others:
        parts.append((others, 0, task.repetitions[permuted:]))
    for tests, history, every in parts:
        for start in range(0, len(every), BATCH):
            repetitions = every[start : start + BATCH]
            yield replace(task, tests=tests, history=history, repetitions=repetitions)


def _count(task: _Task) -> NDArray[np.float64]:
    """Count the rejections of a batch, here or in another process.

    Returns
    -------
    (windows, tests, levels + 3) float
        Rejections by level, then repetitions, defined ones, and the sum of N.
    """
    counts = np.zeros((len(task.windows), len(task.tests), len(task.levels) + 3))
    for repetition in task.repetitions:
        found = _test_once(task, repetition)
        p, n = (found[name].to_numpy().reshape(counts.shape[:2]) for name in ("p_value", "n"))
        counts[..., :-3] += p[..., None] <= np.array(task.levels)
        counts[..., -3:] += np.stack([np.ones_like(p), np.isfinite(p), n], axis=-1)
    return counts


def _test_once(task: _Task, repetition: int) -> pd.DataFrame:
    """Simulate one study and run its tests, windows outermost."""
    design = task.design
    rng = np.random.default_rng(np.random.SeedSequence([task.seed, repetition]))
    drawn = draw(design, task.panel, rng, task.history)
    returns, events, factors = frames(design, drawn)
    study = EventStudy(
        returns,
        events,
        model=design.study_model,
        factors=factors,
        estimation=design.estimation,
        window=design.event_window,
        min_observations=design.min_observations,
        calendars=calendars(design, drawn, pd.DatetimeIndex(returns.index)),
        seed=repetition,
        # What is drawn are decimals; to look at them takes a fifth of a study.
        units="decimal" if task.panel is not None else "any",
    )
    return study.fit().tests(list(task.windows), task.tests)


def _frame(
    designs: list[Design],
    tests: tuple[str, ...],
    levels: tuple[float, ...],
    totals: NDArray[np.float64],
    *,
    panel: bool,
) -> pd.DataFrame:
    rows = []
    for number, design in enumerate(designs):
        described = design.columns(panel=panel)
        for at, test in enumerate(tests):
            repetitions, defined, events = totals[number, at, -3:]
            for column, level in enumerate(levels):
                rejections = totals[number, at, column]
                share = rejections / defined if defined else np.nan
                error = np.sqrt(share * (1 - share) / defined) if defined else np.nan
                rows.append(
                    {
                        **described,
                        "test": test,
                        "level": level,
                        "rejections": int(rejections),
                        "repetitions": int(repetitions),
                        "defined": defined / repetitions if repetitions else np.nan,
                        "events_used": events / repetitions if repetitions else np.nan,
                        "share": share,
                        "standard_error": error,
                    }
                )
    return pd.DataFrame(rows)
