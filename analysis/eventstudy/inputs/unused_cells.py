"""Impossible figures that no event of a study reaches: left out and named, not refused.

A panel of thousands of securities holds a wrong figure somewhere. It refuses a study only
where a window of the study reads it. Elsewhere it counts as missing, so that no placebo date
and no control firm takes it up either, and one warning names it. `study` calls this before
anything else looks at returns and factors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy.core.arrays import Bools, Floats
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import Window, check_frame
from analysis.eventstudy.inputs.numbers import MAX_ABS_RETURN, column_range, floats, framed
from analysis.eventstudy.models.linear import BenchmarkModel, Model, benchmark, required_factors
from analysis.eventstudy.models.peers import EqualWeight

# Rows to either side of the windows that lags and leads of a factor can reach.
BESIDE = 30
# Whoever makes the study: above the warning, __post_init__ and __init__.
CALLER = 4

Reached = Callable[[Hashable, pd.DatetimeIndex], Bools]


@dataclass(frozen=True, eq=False)
class Reach:
    """The dates that the windows of a study read, security by security.

    `index` are the dates of the returns, `calendars` the sessions of each security.
    """

    events: pd.DataFrame
    index: pd.DatetimeIndex
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None
    estimation: Window
    window: Window

    def of_any(self, dates: pd.DatetimeIndex, beside: int = 0) -> Bools:
        """Whether the windows of any event hold some dates, or rows beside them."""
        return self._hold(self.events, dates, beside)

    def of(self, security: Hashable, dates: pd.DatetimeIndex) -> Bools:
        """Whether the windows of a security's own events hold some dates."""
        own = (self.events["security"] == security).to_numpy()
        return self._hold(self.events[own], dates, 0)

    def _hold(self, events: pd.DataFrame, dates: pd.DatetimeIndex, beside: int) -> Bools:
        held = np.zeros(len(dates), dtype=np.bool_)
        if self.calendars is None:
            parts = [(self.index, events["date"])]
        else:
            groups = events.groupby("security", sort=False)["date"]
            parts = [(self.calendars.get(one, self.index), days) for one, days in groups]
        at = dates.to_numpy(dtype="datetime64[ns]")
        for calendar, days in parts:
            sessions = pd.DatetimeIndex(calendar).to_numpy(dtype="datetime64[ns]")
            known = days.dropna().to_numpy(dtype="datetime64[ns]")
            if not len(sessions) or not len(known):
                continue
            row = np.searchsorted(sessions, known)
            for first, last in (self.estimation, self.window):
                begins = sessions[np.clip(row + first - beside, 0, len(sessions) - 1)]
                ends = sessions[np.clip(row + last + beside, 0, len(sessions) - 1)]
                held |= ((begins <= at[:, None]) & (at[:, None] <= ends)).any(axis=1)
        return held


@dataclass(frozen=True, eq=False)
class Cleared:
    """A table of floats without the impossible figures that nothing reads.

    `ends` is its `numbers.column_range`; `left_out` names what was left out, for a message.
    """

    table: pd.DataFrame
    ends: tuple[Floats, Floats]
    left_out: tuple[str, ...]


def clear(table: object, name: str, reached: Reached, floor: float) -> Cleared:
    """Make impossible figures missing where nothing reads them.

    Parameters
    ----------
    table : pandas.DataFrame
        Dates × series.
    name : str
        What it is called in messages.
    reached : callable
        Column and dates -> whether the study reads the column there.
    floor : float
        Lowest possible figure.

    Returns
    -------
    Cleared
        What is read and impossible is still there; `numbers.check_finite` and
        `units.check_units` refuse it.

    Raises
    ------
    InputError
        As `frames.check_frame`, and a column that is read and holds no numbers.
    """
    frame = check_frame(table, name)
    index = pd.DatetimeIndex(frame.index)
    unread: dict[Hashable, InputError] = {}
    values = floats(frame, name, unread)
    left_out = []
    for title, error in unread.items():
        if reached(title, index).any():
            raise error
        left_out.append(f"column {title!r} of {name}, which holds no numbers")
    checked = framed(values, frame) if not unread else pd.DataFrame(values, index, frame.columns)
    low, high = column_range(checked)
    blanks: list[tuple[int, np.ndarray]] = []
    for at in map(
        int, np.flatnonzero((low < max(floor, -MAX_ABS_RETURN)) | (high > MAX_ABS_RETURN))
    ):
        cells = np.flatnonzero((values[:, at] < floor) | (np.abs(values[:, at]) > MAX_ABS_RETURN))
        title = frame.columns[at]
        if not reached(title, index[cells]).any():
            blanks.append((at, cells))
            more = f" and on {len(cells) - 1} more dates" if len(cells) > 1 else ""
            percent = (values[cells, at] < floor).sum() > 1
            left_out.append(
                f"the impossible {values[cells[0], at]:g} in column {title!r} of {name} on "
                f"{day(index[cells[0]])}{more}{' (returns in per cent?)' if percent else ''}"
            )
    if blanks:
        values = values.copy()
        for column, cells in blanks:
            values[cells, column] = np.nan
        checked = pd.DataFrame(values, index=frame.index, columns=frame.columns, copy=False)
        low, high = column_range(checked)
    return Cleared(checked, (low, high), tuple(left_out))


def warn_of(left_out: Collection[str], stacklevel: int = CALLER) -> None:
    """Name what was left out, if anything, in one SuspectReturnsWarning."""
    if left_out:
        first, *others = left_out
        more = f", and {len(others)} more such figures or columns" if others else ""
        warnings.warn(
            f"Treated as missing because no window of this study reads it: {first}{more}. Correct "
            "the source before another study does.",
            SuspectReturnsWarning,
            stacklevel=stacklevel,
        )


def innermost(model: Model) -> Model:
    """The model that reads the factors, out of those that wrap another one."""
    inner: Any = model
    while hasattr(getattr(inner, "base", None), "needs"):
        inner = inner.base
    return cast("Model", inner)


def peers_of(model: Model, returns: pd.DataFrame, events: pd.DataFrame) -> frozenset[Hashable]:
    """Columns of returns that a model reads beside those of the events' securities."""
    inner = innermost(model)
    market = getattr(inner, "market", None)
    reads = getattr(market if isinstance(market, EqualWeight) else inner, "peers", None)
    return frozenset() if reads is None else reads(returns, events)


def factors_of(model: Model, securities: list[Hashable]) -> frozenset[str]:
    """Columns of factors, as given, that a model reads."""
    inner = innermost(model)
    market: Any = getattr(inner, "market", None)
    if isinstance(inner, BenchmarkModel) and not isinstance(market, EqualWeight):
        named = [market] if isinstance(market, str) else [benchmark(market, s) for s in securities]
    elif isinstance(market, EqualWeight):
        named = []
    else:
        needs = dict.fromkeys(required_factors(inner, securities))
        named = [column for one in needs for column in one or ()]
    return frozenset(one for one in (*named, model.rf, inner.rf) if one is not None)
