"""Bars shorter than a day: which session a bar belongs to, and what happens overnight.

The engine counts rows, whatever their length; nothing in it knows that a market sleeps. Here
bars are assigned to sessions and instants to bars, and the return from one session to the next
is kept, dropped or made a bar of its own.

Bars are named by their end and carry the exchange's own clock, without a time zone: a bar of
10:00 holds what happened from 9:30 to 10:00.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import check_dates, check_table

OVERNIGHT = ("keep", "drop", "own")
LABELS = ("end", "start")


def sessions(index: pd.DatetimeIndex, gap: str | pd.Timedelta | None = None) -> pd.DataFrame:
    """Assign bars to sessions.

    Parameters
    ----------
    index : pandas.DatetimeIndex
        Bars by their end, ascending, without time zone.
    gap : str or pandas.Timedelta, optional
        A new session begins where bars lie further apart than this, for markets whose
        sessions run past midnight. By default with every date.

    Returns
    -------
    pandas.DataFrame
        One row per bar: session (date of its last bar), number (of the session, from 0), bar
        (its place in the session, from 0), opening (whether it is the first).

    Raises
    ------
    InputError
        No ascending dates without time zone, or a gap that is none.

    Examples
    --------
    >>> bars = pd.DatetimeIndex(["2024-07-03 12:30", "2024-07-03 13:00", "2024-07-05 10:00"])
    >>> sessions(bars)["bar"].tolist()
    [0, 1, 0]
    """
    check_dates(index, "The index of bars")
    if gap is None:
        apart = np.diff(index.normalize().asi8) > 0
    else:
        apart = np.asarray(np.diff(index.to_numpy()) > _span(gap, "gap").to_timedelta64())
    opening = np.concatenate([np.ones(min(1, len(index)), np.bool_), apart])
    number = np.cumsum(opening) - 1
    first = np.flatnonzero(opening)
    last = np.append(first[1:], len(index)) - 1
    return pd.DataFrame(
        {
            "session": index.normalize()[last[number]],
            "number": number,
            "bar": np.arange(len(index)) - first[number],
            "opening": opening,
        },
        index=index,
    )


def bar_length(index: pd.DatetimeIndex, gap: str | pd.Timedelta | None = None) -> pd.Timedelta:
    """Find the usual distance of two bars of one session; an `InputError` if none has two."""
    table = sessions(index, gap)
    apart = np.diff(index.to_numpy())[~table["opening"].to_numpy()[1:]]
    if not len(apart):
        raise InputError("No session has two bars, so their length is unknown; give bar=.")
    lengths, counts = np.unique(apart, return_counts=True)
    return pd.Timedelta(lengths[counts.argmax()])


def by_end(
    index: pd.DatetimeIndex, label: str = "end", bar: str | pd.Timedelta | None = None
) -> pd.DatetimeIndex:
    """Name bars by their end.

    Parameters
    ----------
    index : pandas.DatetimeIndex
    label : {"end", "start"}
        What the bars are named by.
    bar : str or pandas.Timedelta, optional
        Their length, ``"30min"``; by default the usual distance within a session.
    """
    if label not in LABELS:
        raise unknown_name("label", str(label), LABELS)
    if label == "end":
        return index
    return index + (bar_length(index) if bar is None else _span(bar, "bar"))


def day0(instants: pd.Series | pd.DatetimeIndex, index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Find the bar in which each instant is answered: the first whose end is after it.

    As with sessions, what becomes known at the very end of a bar is answered by the next one.
    What happens while the market sleeps is answered by the first bar of the next session.

    Parameters
    ----------
    instants : Series or DatetimeIndex
        On the exchange's own clock, without time zone.
    index : pandas.DatetimeIndex
        Bars by their end.

    Returns
    -------
    pandas.DatetimeIndex
        Blank where the instant is blank or no bar ends after it. An instant long before the
        first bar is given that bar: nothing here knows when the first session began.

    Raises
    ------
    InputError
        Instants that are no dates or carry a time zone, or bars that are not ascending.
    """
    check_dates(index, "The index of bars")
    if not len(index):
        raise InputError("The index of bars is empty, so no instant has a bar.")
    try:
        asked = pd.DatetimeIndex(instants)
    except (TypeError, ValueError):
        raise InputError(
            "The instants must be a Series or DatetimeIndex of dates and times "
            "(pd.to_datetime reads text)."
        ) from None
    if asked.tz is not None:
        raise InputError(
            f"The instants carry the time zone {asked.tz}; give them on the exchange's own clock, "
            "as the bars are (dt.tz_convert(...).dt.tz_localize(None))."
        )
    asked = asked.as_unit("ns")
    at = index.as_unit("ns").searchsorted(asked, side="right")
    found = (at < len(index)) & np.asarray(asked.notna())
    labels = index.as_unit("ns")[np.minimum(at, len(index) - 1)]
    return pd.DatetimeIndex(labels.where(found))


def bar_returns(
    closes: pd.DataFrame,
    opens: pd.DataFrame | None = None,
    overnight: str = "keep",
    gap: str | pd.Timedelta | None = None,
) -> pd.DataFrame:
    """Turn prices of bars into returns, and say what becomes of the night.

    Parameters
    ----------
    closes : pandas.DataFrame
        Bars (by their end) × securities, price at the end of the bar.
    opens : pandas.DataFrame, optional
        The same bars and securities, price at the beginning; only those of the first bar of
        each session are read.
    overnight : {"keep", "drop", "own"}
        ``"keep"``: the first bar of a session holds the night, from the last price of the
        session before. ``"drop"``: the night is left out; the first bar is its own return
        from `opens`, or missing where there are none. ``"own"``: the night is a bar of its
        own, named by the instant at which the first bar begins; needs `opens`.
    gap : str or pandas.Timedelta, optional
        See `sessions`.

    Returns
    -------
    pandas.DataFrame
        Simple decimal returns between consecutive bars; missing where either price is.

    Raises
    ------
    InputError
        A price that is not positive, an unknown choice, or ``"own"`` without `opens`.
    """
    if overnight not in OVERNIGHT:
        raise unknown_name("choice of overnight", str(overnight), OVERNIGHT)
    prices = _prices(closes, "closes")
    index = cast(pd.DatetimeIndex, prices.index)
    opening = sessions(index, gap)["opening"].to_numpy()
    returns = prices / prices.shift(1) - 1.0
    if overnight == "keep":
        return returns
    if opens is None:
        if overnight == "own":
            raise InputError("overnight='own' needs opens=, the price at which each bar begins.")
        returns[opening] = np.nan
        return returns
    first = _prices(opens, "opens").reindex(index=index, columns=prices.columns)[opening]
    returns[opening] = prices[opening] / first - 1.0
    if overnight == "drop":
        return returns
    night = first / prices.shift(1)[opening] - 1.0
    night.index = cast(pd.DatetimeIndex, night.index) - bar_length(index, gap)
    return pd.concat([returns, night]).sort_index()


def time_of_day(returns: pd.DataFrame) -> pd.DataFrame:
    """Show how the variance of returns depends on the time of day.

    Parameters
    ----------
    returns : pandas.DataFrame
        Bars (by their end) × securities.

    Returns
    -------
    pandas.DataFrame
        time (of day) -> relative_sd (root mean square return at that time over that at all
        times, every security in units of its own standard deviation), n (returns).

    Source: Taylor & Xu (1997, eq. 7); Andersen & Bollerslev (1997) on why it matters.
    """
    table = check_table(returns, "returns")
    values = table.to_numpy()
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(known, values - mean, 0.0) ** 2
    level = squares.sum(axis=0) / np.maximum(n, 1)
    used = known & (level > 0)
    shares = np.where(used, squares / np.where(level > 0, level, 1.0), 0.0)
    rows = pd.DataFrame({"sum": shares.sum(axis=1), "n": used.sum(axis=1)}, table.index)
    by = rows.groupby(cast(pd.DatetimeIndex, table.index).time).sum()
    by.index.name = "time"
    by["relative_sd"] = np.sqrt(by["sum"] / by["n"].where(by["n"] > 0))
    return by[["relative_sd", "n"]].astype({"n": np.int64})


def _prices(table: pd.DataFrame, name: str) -> pd.DataFrame:
    prices = check_table(table, name)
    bad = prices.to_numpy() <= 0
    if bad.any():
        row, column = np.argwhere(bad)[0]
        price, when = prices.to_numpy()[row, column], day(prices.index[row])
        raise InputError(
            f"{name} holds {price:g} on {when} in column {prices.columns[column]!r}; a price "
            "must be positive, leave it blank if unknown."
        )
    return prices


def _span(value: str | pd.Timedelta, name: str) -> pd.Timedelta:
    try:
        span = pd.Timedelta(value)
    except ValueError:
        span = pd.Timedelta(0)
    if pd.isna(span) or span <= pd.Timedelta(0):
        raise InputError(f"{name} must be a length of time such as '30min', not {value!r}.")
    return span
