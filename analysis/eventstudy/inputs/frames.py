"""Check what an `EventStudy` is given; what cannot be used is refused in one sentence.

Only what makes the whole question meaningless is refused here: a frame out of order, an
infinite return, a window inside the estimation window. What concerns one event goes into
the study's ledger of skipped events instead.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inputs.dates import day, event_dates
from analysis.eventstudy.inputs.numbers import check_finite, column_range, floats, framed
from analysis.eventstudy.models.linear import MarketModel, Model, required_factors

Window = tuple[int, int]

ALL_GROUP = "all"


@dataclass(frozen=True, eq=False)
class StudyInputs:
    """What an `EventStudy` was given; see there for the attributes."""

    returns: pd.DataFrame
    events: pd.DataFrame
    model: Model = field(default_factory=MarketModel)
    factors: pd.DataFrame | None = None
    estimation: Window = (-250, -31)
    window: Window = (-5, 5)
    min_observations: int = 100
    calendars: Mapping[Hashable, pd.DatetimeIndex] | None = None
    exclude_own_events: bool = True
    rbar: str = "overlap"
    preset: str | None = None
    seed: int = 0
    units: str = "decimal"


def check_table(table: object, name: str) -> pd.DataFrame:
    """Check a frame of dates × series: ordered, unique, without time zone, finite.

    Parameters
    ----------
    table : pandas.DataFrame
    name : str
        What it is called in messages: ``"returns"``, ``"factors"``.

    Returns
    -------
    pandas.DataFrame
        The same figures as floats.

    Raises
    ------
    InputError
        Not a frame, index not ascending unique dates without time zone, a column named
        twice, columns of several levels, text, truth values, or an infinite value.
    """
    frame = check_frame(table, name)
    checked = framed(floats(frame, name), frame)
    check_finite(checked, column_range(checked), name)
    return checked


def check_frame(table: object, name: str) -> pd.DataFrame:
    """Check the shape of a frame of dates × series as `check_table` does, not its figures."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{name} must be a pandas DataFrame, not {type(table).__name__}.")
    check_dates(table.index, f"The index of {name}")
    if table.empty:
        raise InputError(f"{name} holds no figures.")
    check_columns(table, name)
    return table


def check_columns(table: pd.DataFrame, name: str) -> None:
    """Refuse columns of several levels, or a name twice (InputError)."""
    if isinstance(table.columns, pd.MultiIndex):
        raise InputError(
            f"{name} has columns of {table.columns.nlevels} levels; keep one "
            "(columns.droplevel, or take one field such as table['Close'])."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(f"{name} has two columns named {twice!r}; keep one.")


def check_dates(index: object, name: str) -> None:
    """Check that an index is ascending unique dates without time zone.

    The InputError names the first date at fault.
    """
    if not isinstance(index, pd.DatetimeIndex):
        raise InputError(
            f"{name} must be dates (a DatetimeIndex), not {type(index).__name__}; "
            "pd.to_datetime reads text and dates."
        )
    if index.tz is not None:
        raise InputError(
            f"{name} carries the time zone {index.tz}; give session dates without one "
            "(index.tz_localize(None))."
        )
    if index.hasnans:
        raise InputError(f"{name} has a blank date; drop that row.")
    for stamp in (index.min(), index.max()) if len(index) else ():
        if not pd.Timestamp.min <= stamp <= pd.Timestamp.max:
            raise InputError(
                f"{name} has {stamp}, beyond {pd.Timestamp.min.year} to {pd.Timestamp.max.year}; "
                "drop that row."
            )
    if not index.is_unique:
        raise InputError(f"{name} has {day(index[index.duplicated()][0])} twice; keep one row.")
    if not index.is_monotonic_increasing:
        late = int(np.flatnonzero(np.diff(index.to_numpy()) < np.timedelta64(0))[0])
        raise InputError(
            f"{name} is not in order: {day(index[late + 1])} comes after {day(index[late])}; "
            "sort it (sort_index())."
        )


def check_events(events: object) -> pd.DataFrame:
    """Check the events and bring them into one shape.

    Returns
    -------
    pandas.DataFrame
        event_id, security, date (datetime64[ns], blank where there is no day 0) and group
        (missing where there is none), one row per event and security, in the order given.

    Raises
    ------
    InputError
        A missing column, a blank name, a date that cannot be read or carries a time zone, or the
        same event and security twice.
    """
    events = check_event_columns(events, "events")
    # Ids that are all different spare the look at pairs.
    once = events["event_id"].is_unique
    if not once and (twice := events.duplicated(["event_id", "security"])).any():
        first = events.iloc[int(np.flatnonzero(twice)[0])]
        raise InputError(
            f"events holds {first['event_id']!r} with {first['security']!r} twice; keep one row."
        )
    return pd.DataFrame(
        {
            "event_id": _names(events["event_id"]),
            "security": _names(events["security"]),
            "date": event_dates(events["date"]),
            "group": group_names(events),
        }
    )


def check_event_columns(events: object, name: str) -> pd.DataFrame:
    """Check that a frame has rows of event_id, security and date, the first two plain names.

    Raises
    ------
    InputError
        Not a frame, a missing column, no row, or a name that is blank or has no hash.
    """
    if not isinstance(events, pd.DataFrame):
        raise InputError(f"{name} must be a pandas DataFrame, not {type(events).__name__}.")
    check_columns(events, name)
    for column in ("event_id", "security", "date"):
        if column not in events.columns:
            have = ", ".join(map(str, events.columns))
            raise InputError(f"{name} has no column {column!r}; it has: {have or 'none'}.")
    if events.empty:
        raise InputError(f"{name} holds no rows; give at least one event_id, security and date.")
    blank = events["event_id"].array.isna() | events["security"].array.isna()
    if blank.any():
        row = int(np.flatnonzero(blank)[0])
        raise InputError(f"{name} has a blank event_id or security in row {row}.")
    for column in ("event_id", "security"):
        if pd.api.types.is_object_dtype(events[column].dtype):
            for row, value in enumerate(events[column]):
                try:
                    hash(value)
                except TypeError:
                    raise InputError(
                        f"{name} holds {value!r} as {column} in row {row}; give one plain name."
                    ) from None
    return events


def _names(column: pd.Series) -> Any:
    """Names without their index; text that is text already is not read anew."""
    return column.array if isinstance(column.dtype, pd.StringDtype) else column.to_numpy()


def check_calendars(calendars: object) -> None:
    """Check that calendars map securities to ascending session dates without time zone."""
    if calendars is None:
        return
    if not isinstance(calendars, Mapping):
        raise InputError(
            f"calendars must map each security to its sessions, not {type(calendars).__name__}."
        )
    seen: set[int] = set()
    for security, sessions in calendars.items():
        # Securities of one exchange usually share one object: one look is enough.
        if id(sessions) not in seen:
            check_dates(sessions, f"The calendar of {security!r}")
            seen.add(id(sessions))


def check_factors(factors: object, model: Model, securities: list[Hashable]) -> pd.DataFrame | None:
    """Check the factors, and that the model finds its columns among them (InputError)."""
    table = None if factors is None else check_table(factors, "factors")
    needs = dict.fromkeys(required_factors(model, securities))
    wanted = [column for one in needs for column in one or ()]
    wanted += [model.rf] if model.rf else []
    for column in dict.fromkeys(wanted):
        if table is None:
            raise InputError(
                f"The {model.name} needs the column {column!r} of factors; give factors=, a "
                "DataFrame of dates × factors."
            )
        if column not in table.columns:
            raise unknown_name("column of factors", column, map(str, table.columns))
    return table


def check_span(window: object, name: str) -> Window:
    """Check that a window is two whole numbers in order (InputError)."""
    try:
        first, last = (operator.index(end) for end in window)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be two whole relative days such as (-5, 5), not {window!r}."
        ) from None
    if first > last:
        raise InputError(f"{name} ({first}, {last}) ends before it begins; swap its ends.")
    return first, last


def check_inside(window: object, whole: Window) -> Window:
    """Check that a window lies inside the event window that was fitted (InputError)."""
    first, last = check_span(window, "The window")
    if first < whole[0] or last > whole[1]:
        raise InputError(
            f"The window ({first}, {last}) reaches outside the event window "
            f"({whole[0]}, {whole[1]}); fit with a wider window=."
        )
    return first, last


def check_windows(windows: object, whole: Window) -> list[Window]:
    """Check a window or a list of them as `check_inside` does; each is kept once."""
    if not isinstance(windows, Iterable):
        raise InputError(
            f"windows must be a window such as (-1, 1) or a list of them, not {windows!r}."
        )
    asked = list(cast("Iterable[object]", windows))
    # Two whole numbers are the ends of one window.
    if asked and all(isinstance(end, Integral) for end in asked):
        asked = [tuple(asked)]
    return list(dict.fromkeys(check_inside(one, whole) for one in asked))


def check_options(
    estimation: object, window: object, min_observations: object, model: Model
) -> tuple[Window, Window]:
    """Check the windows and the least number of observations against each other.

    Raises
    ------
    InputError
        The estimation window reaches into the event window, or cannot hold
        ``min_observations``, or these cannot identify the model.
    """
    before = check_span(estimation, "estimation")
    during = check_span(window, "window")
    if before[1] >= during[0]:
        raise InputError(
            f"The estimation window {before} must end before the event window {during} begins."
        )
    try:
        least = operator.index(min_observations)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(
            f"min_observations must be a whole number, not {min_observations!r}."
        ) from None
    days, needed = before[1] - before[0] + 1, max(model.k, 1) + 1
    if least > days:
        raise InputError(
            f"min_observations={least} cannot be reached: the estimation window {before} has "
            f"{days} days."
        )
    if least < needed:
        raise InputError(
            f"min_observations={least} is too small: the {model.name} needs at least {needed} "
            "observations for a residual variance."
        )
    return before, during


@cache
def _no_group() -> pd.Index:
    return pd.Index([None], dtype="str")


def group_names(events: pd.DataFrame) -> pd.Index:
    """Names of groups; missing where blank or where the name says the group of everything."""
    if "group" not in events.columns:
        return _no_group().repeat(len(events))
    names = events["group"].astype("str").str.strip()
    return pd.Index(names.where(~names.isin(["", ALL_GROUP])), dtype="str")
