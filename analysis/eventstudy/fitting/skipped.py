"""Why an event was skipped: it has no day 0, could not be fitted, or misses a day of a window."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Bools, Ints
from analysis.eventstudy.core.fitted import Fitted
from analysis.eventstudy.core.panel import offsets_of
from analysis.eventstudy.fitting.alignment import EventAlignment
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.models.least_squares import FIT_FAILURES, Fit

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

# Row of the events table, first and last day of the window (None: of every window), reason.
Skip = tuple[int, int | None, int | None, str]


def skipped_table(results: FittedStudy, windows: list[Window]) -> pd.DataFrame:
    """List the events left out altogether, and those with a hole in one of some windows.

    event_id, security, window_start, window_end (blank: left out of every window), reason.
    Pairs that never reached the study come first. Windows are checked.
    """
    rows = results.placing.rows
    reasons = results.placing.skipped | {int(rows[at]): why for at, why in results.unfitted.items()}
    skips: list[Skip] = [(row, None, None, reasons[row]) for row in sorted(reasons)]
    for window in windows:
        skips += _incomplete(results.placing, results.numbers, results.fitted, window)
    table = _frame(skips, results.study.events)
    if results.refused is None or results.refused.empty:
        return table
    before = results.refused.reindex(columns=table.columns)
    pairs = ["event_id", "security"]
    known = pd.MultiIndex.from_frame(before[pairs])
    table = table[~pd.MultiIndex.from_frame(table[pairs]).isin(known)]
    blank = ["window_start", "window_end"]
    before[blank] = before[blank].astype(table[blank].dtypes)
    return before if table.empty else pd.concat([before, table], ignore_index=True)


def unfit_reasons(
    placing: EventAlignment, numbers: Ints, fit: Fit, estimation: Window, window: Window, least: int
) -> dict[int, str]:
    """Say why placed events cannot be used at all: placed event -> reason.

    `numbers`, (N,), are the placed events of the rows of `fit`; `least` is ``min_observations``.
    """
    empty: Bools = np.isnan(fit.fitted.ar[:, 0])
    for column in range(1, fit.fitted.ar.shape[1]):
        empty &= np.isnan(fit.fitted.ar[:, column])
    few: Bools = np.less(fit.fitted.n, least)
    lost: Bools = np.logical_or.reduce([empty, few, fit.flaws > 0])
    reasons: dict[int, str] = {}
    for at in np.flatnonzero(lost):
        number = int(numbers[at])
        if empty[at]:
            days = _days(placing, number, window)
            reasons[number] = _nothing_in_window(placing, number, days, window)
        elif few[at]:
            found = int(fit.fitted.n[at])
            reasons[number] = (
                f"{found} usable observation{'' if found == 1 else 's'} in the estimation "
                f"window {estimation}, at least {least} are needed"
            )
        else:
            reasons[number] = (
                f"{FIT_FAILURES[int(fit.flaws[at])]} in the estimation window {estimation}"
            )
    return reasons


def _incomplete(
    placing: EventAlignment, numbers: Ints, fitted: Fitted, window: Window
) -> list[Skip]:
    """List the fitted events without an abnormal return on every day of a window."""
    inside = (fitted.offsets >= window[0]) & (fitted.offsets <= window[1])
    offsets, ar = fitted.offsets[inside], fitted.ar[:, inside]
    skips: list[Skip] = []
    for at in np.flatnonzero(~np.isfinite(ar.sum(axis=1))):
        number, gone = int(numbers[at]), ~np.isfinite(ar[at])
        reason = _hole(placing, number, offsets[gone], _days(placing, number, window)[gone])
        skips.append((int(placing.rows[number]), *window, reason))
    return skips


def _frame(skips: list[Skip], events: pd.DataFrame) -> pd.DataFrame:
    rows = [row for row, *_ in skips]
    return pd.DataFrame(
        {
            "event_id": events["event_id"].to_numpy()[rows],
            "security": events["security"].to_numpy()[rows],
            "window_start": pd.array([first for _, first, _, _ in skips], dtype="Int64"),
            "window_end": pd.array([last for _, _, last, _ in skips], dtype="Int64"),
            "reason": pd.array([reason for *_, reason in skips], dtype="str"),
        }
    )


def _hole(placing: EventAlignment, number: int, offsets: Ints, days: Ints) -> str:
    """Say what a window lacks: some relative days, at these positions on the union."""
    first, at = int(offsets[0]), int(days[0])
    if at < 0:
        sessions = "first" if first < 0 else "last"
        what = f"day {first} is {'before' if first < 0 else 'after'} the {sessions} session"
    else:
        what = f"no {_missing(placing, number, at)} on day {first} ({day(placing.dates[at])})"
    more = len(offsets) - 1
    return what + (f", and {more} more day{'s' if more > 1 else ''} of the window" * (more > 0))


def _days(placing: EventAlignment, number: int, window: Window) -> Ints:
    """Days of a placed event's window on the union of all calendars."""
    one = placing.places.take(np.array([number]))
    days: Ints = placing.calendars.days(one.calendar, one.position, offsets_of(window))[0]
    return days


def _nothing_in_window(placing: EventAlignment, number: int, days: Ints, window: Window) -> str:
    security, series = _series(placing, number)
    known = np.flatnonzero(np.isfinite(series))
    if not len(known):
        return f"no returns for {security}"
    present = days[days >= 0]
    where = f"no abnormal return in the event window {window}"
    if not len(present):
        side = "before the first" if window[1] < 0 else "after the last"
        return f"{where}: all of it is {side} session of {security}"
    if present[0] > known[-1]:
        return f"{where}: the returns of {security} end on {day(placing.dates[known[-1]])}"
    if present[-1] < known[0]:
        return f"{where}: the returns of {security} begin on {day(placing.dates[known[0]])}"
    lost = _missing(placing, number, int(present[0]))
    first, last = placing.dates[present[0]], placing.dates[present[-1]]
    return f"{where}: no {lost} from {day(first)} to {day(last)}"


def _missing(placing: EventAlignment, number: int, at: int) -> str:
    """Name what an abnormal return lacks on a day: the return itself, or the factors."""
    _, series = _series(placing, number)
    return "return" if not np.isfinite(series[at]) else "factor figure"


def _series(placing: EventAlignment, number: int) -> tuple[Hashable, np.ndarray]:
    """Name of an event's security, and its returns on the union of days."""
    column = int(placing.places.security[number])
    values = placing.returns[:, column][placing.source]
    return placing.securities[column], np.where(placing.source >= 0, values, np.nan)
