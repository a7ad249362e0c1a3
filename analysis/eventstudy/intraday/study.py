"""Event studies on bars within the day: the engine, told where sessions begin and end."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from analysis.errors import unknown_name
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import Window, check_events, check_frame, check_span
from analysis.eventstudy.intraday.bars import by_end, day0, sessions
from analysis.eventstudy.models.linear import MarketModel, Model

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

Calendars = Mapping[Hashable, pd.DatetimeIndex] | None
Span = str | pd.Timedelta | None

NIGHTS = ("keep", "drop")
SEASONALITY = (None, "scale")


def intraday_study(
    returns: pd.DataFrame,
    events: pd.DataFrame,
    *,
    model: Model | None = None,
    factors: pd.DataFrame | None = None,
    estimation: Window = (-400, -14),
    window: Window = (-2, 4),
    label: str = "end",
    bar: Span = None,
    gap: Span = None,
    overnight: str = "keep",
    crossing: bool = True,
    seasonality: str | None = "scale",
    calendars: Calendars = None,
    executor: Executor | None = None,
    **options: Any,
) -> EventStudyResults:
    """Study events on bars: estimation window, event window and day offsets count bars.

    Parameters
    ----------
    returns : pandas.DataFrame
        Bars × securities, simple decimal returns, on the exchange's own clock without time
        zone; see `bars.bar_returns` for prices. A short session simply has fewer bars.
    events : pandas.DataFrame
        As for `EventStudy`, but date holds the instant at which the news was out, on the same
        clock. Day 0 is the first bar whose end is after it.
    model : Model, optional
        The normal return; `MarketModel` by default.
    factors : pandas.DataFrame, optional
        Bars × factors, named as `returns` are.
    estimation, window : (int, int)
        In bars.
    label : {"end", "start"}
        What bars are named by. The results name them by their end.
    bar : str or pandas.Timedelta, optional
        Their length, where they are named by their start; by default the usual distance.
    gap : str or pandas.Timedelta, optional
        Where sessions part, see `bars.sessions`; by default at midnight.
    overnight : {"keep", "drop"}
        Whether the first bar of a session, which holds the night, counts or is missing. For
        a night that is a bar of its own see `bars.bar_returns`.
    crossing : bool
        Whether the event window may reach into another session. If not, such events are
        skipped.
    seasonality : {"scale", None}
        Whether the variance of a bar is that of its time of day, see
        `intraday_variance.TimeOfDay`, or the same all day.
    calendars : mapping, optional
        Security -> its bars, named as `returns` are, where securities trade at different
        hours.
    executor : concurrent.futures.Executor, optional
        As for `EventStudy.fit`.
    **options
        As for `EventStudy`.

    Returns
    -------
    EventStudyResults
        A missing bar makes a hole: with ``overnight="drop"`` an event window that crosses
        into another session has one.

    Raises
    ------
    InputError
        An unknown choice, or whatever `EventStudy` refuses.

    Notes
    -----
    Several exchanges in one study need one clock; then the time of day is that clock's, and
    moves by an hour against the exchange's with summer time. Study exchanges one by one
    where the variance by the time of day matters.

    The permutation test moves all events by the same number of bars, so to other times of
    day: leave ``seasonality="scale"`` on with it.
    """
    from analysis.eventstudy.models.intraday_variance import TimeOfDay
    from analysis.eventstudy.study import EventStudy

    if overnight not in NIGHTS:
        raise unknown_name("choice of overnight", str(overnight), NIGHTS)
    if seasonality not in SEASONALITY:
        raise unknown_name("seasonality", str(seasonality), ["scale"])
    # The figures are looked at by the study, which knows which of them it reads.
    table = check_frame(returns, "returns").copy(deep=False)
    table.index = by_end(cast(pd.DatetimeIndex, table.index), label, bar)
    if factors is not None:
        factors = check_frame(factors, "factors").copy(deep=False)
        factors.index = by_end(cast(pd.DatetimeIndex, factors.index), label, bar)
    if calendars is not None:
        calendars = {one: by_end(index, label, bar) for one, index in calendars.items()}
    if overnight == "drop":
        table = _without_nights(table, calendars, gap)
    asked = check_events(events)
    placed, refused = _place(asked, cast(pd.DatetimeIndex, table.index), calendars)
    if not crossing:
        placed, more = _inside(placed, table.index, calendars, check_span(window, "window"), gap)
        refused = pd.concat([refused, more], ignore_index=True)
    normal: Model = model or MarketModel()
    results = EventStudy(
        table,
        placed,
        model=TimeOfDay(normal) if seasonality == "scale" else normal,
        factors=factors,
        estimation=estimation,
        window=window,
        calendars=calendars,
        **options,
    ).fit(executor)
    return results.with_skipped(refused) if len(refused) else results


def _bars_of(security: Hashable, index: pd.Index, calendars: Calendars) -> pd.DatetimeIndex | None:
    own = index if calendars is None else calendars.get(security)
    return None if own is None or not len(own) else pd.DatetimeIndex(own).as_unit("ns")


def _without_nights(table: pd.DataFrame, calendars: Calendars, gap: Span) -> pd.DataFrame:
    """Make the first bar of every session missing, in a copy."""
    values = table.to_numpy(copy=True)
    if calendars is None:
        values[sessions(cast(pd.DatetimeIndex, table.index), gap)["opening"].to_numpy()] = np.nan
    else:
        for column, security in enumerate(table.columns):
            own = _bars_of(security, table.index, calendars)
            if own is not None:
                first = own[sessions(own, gap)["opening"].to_numpy()]
                values[table.index.isin(first), column] = np.nan
    return pd.DataFrame(values, index=table.index, columns=table.columns)


def _place(
    asked: pd.DataFrame, index: pd.DatetimeIndex, calendars: Calendars
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every instant its bar; list those that have none."""
    placed = asked.copy()
    reasons: dict[int, str] = {}
    for security, rows in asked.groupby("security", sort=False).indices.items():
        own = _bars_of(security, index, calendars)
        if own is None:
            continue
        instants = asked["date"].iloc[rows]
        found = day0(instants, own)
        early = np.asarray(instants < own[0].normalize())
        late = np.asarray(instants.notna()) & np.asarray(found.isna())
        for row, when in zip(np.asarray(rows)[early], instants[early], strict=True):
            reasons[int(row)] = f"{day(when)} is before the first bar {day(own[0])}"
        for row, when in zip(np.asarray(rows)[late], instants[late], strict=True):
            last = day(own[-1])
            reasons[int(row)] = f"no bar ends after {day(when)}: the last one is {last}"
        placed.loc[placed.index[rows], "date"] = found.to_numpy()
    placed.loc[placed.index[list(reasons)], "date"] = pd.NaT
    return placed, _refused(asked, reasons)


def _inside(
    placed: pd.DataFrame, index: pd.Index, calendars: Calendars, window: Window, gap: Span
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the bar from events whose window reaches into another session."""
    reasons: dict[int, str] = {}
    for security, rows in placed.groupby("security", sort=False).indices.items():
        own = _bars_of(security, index, calendars)
        if own is None:
            continue
        table = sessions(own, gap)
        number, dates = table["number"].to_numpy(), pd.DatetimeIndex(table["session"])
        at = own.get_indexer(pd.DatetimeIndex(placed["date"].iloc[rows]))
        for row, zero in zip(rows, at, strict=True):
            first, last = zero + window[0], zero + window[1]
            # What reaches beyond the panel is the engine's to say.
            if zero < 0 or first < 0 or last >= len(own) or number[first] == number[last]:
                continue
            reasons[int(row)] = (
                f"the event window {window} reaches from the session {day(dates[int(first)])} into "
                f"that of {day(dates[int(last)])}"
            )
    kept = placed.copy()
    kept.loc[kept.index[list(reasons)], "date"] = pd.NaT
    return kept, _refused(placed, reasons)


def _refused(asked: pd.DataFrame, reasons: dict[int, str]) -> pd.DataFrame:
    rows = sorted(reasons)
    table = asked[["event_id", "security"]].iloc[rows].reset_index(drop=True)
    return table.assign(reason=pd.array([reasons[row] for row in rows], dtype="str"))
