"""Events × securities -> day 0 on each security's exchange, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.calendars import Calendars, Instant, event_instant
from analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

# A currency has no exchange; the quotes in the tables are New York's days.
CURRENCY_EXCHANGE = "XNYS"


def event_instant_or_reason(
    event: Mapping[str, Any], calendars: Calendars | None = None
) -> tuple[Instant | None, str]:
    """When an event became public (UTC), or None and the reason why it has no instant."""
    try:
        found = event_instant(
            date=event["date"],
            time_utc=event["time_utc"],
            timezone=event["timezone"],
            timing=event["timing"],
            event_id=event["id"],
            calendars=calendars,
        )
    except InputError as problem:
        return None, str(problem)
    return found, ""


def assign_day0(
    events: Sequence[Mapping[str, Any]], exchanges: Mapping[str, str], calendars: Calendars
) -> pd.DataFrame:
    """Find day 0 of each event for each security.

    Parameters
    ----------
    events : sequence of mapping
        Rows of the catalogue's ``events`` table.
    exchanges : mapping of str to str
        Security to the MIC of its exchange, blank for a currency.
    calendars : Calendars
        Sessions of every exchange.

    Returns
    -------
    pandas.DataFrame
        Columns event_id, security, exchange, day0 (NaT where there is none), instant
        (UTC), uncertain, note (how the event was placed), reason (why it has no day 0), flag
        (what of the event's row is doubtful, blank when nothing).
    """
    import pandas as pd

    rows = []
    for event in events:
        instant, refusal = event_instant_or_reason(event, calendars)
        placed: dict[str, tuple[pd.Timestamp | None, str]] = {}
        for exchange in dict.fromkeys(exchanges.values()):
            placed[exchange] = None, refusal
            if instant:
                try:
                    day = calendars.day0(instant, exchange or CURRENCY_EXCHANGE)
                    placed[exchange] = pd.Timestamp(day), ""
                except InputError as problem:
                    placed[exchange] = None, str(problem)
        at, uncertain, note = (
            (instant.at, instant.uncertain, instant.note) if instant else (None, False, "")
        )
        for security, exchange in exchanges.items():
            day0, reason = placed[exchange]
            where = event["id"], security, exchange, day0
            rows.append((*where, at, uncertain, note, reason, event.get("flag") or ""))
    columns = ["event_id", "security", "exchange", "day0", "instant", "uncertain", "note",
               "reason", "flag"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame["day0"] = pd.to_datetime(frame["day0"]).astype("datetime64[ns]")
    frame["instant"] = pd.to_datetime(frame["instant"], utc=True)
    return frame


def flagged_prices(
    flagged: pl.DataFrame,
    placements: pd.DataFrame,
    sessions: Mapping[Hashable, pd.DatetimeIndex],
    benchmarks: Mapping[str, str],
    window: tuple[int, int],
) -> pd.DataFrame:
    """Find the flagged prices of securities and their benchmarks within the event windows.

    ``flagged`` are rows of ``prices``; the rest is as `analysis.desk.Desk.doubtful` says.
    """
    import pandas as pd

    rows = flagged.select("ticker", "date", "flag").sort("date", "ticker").to_pandas()
    rows["date"] = pd.to_datetime(rows["date"])
    found = []
    for pair in placements.to_dict("records"):
        security = pair["security"]
        own = sessions.get(security)
        if own is None or pair["day0"] not in own:
            continue
        zero = int(own.searchsorted(pair["day0"]))
        first, last = max(zero + window[0], 0), min(zero + window[1], len(own) - 1)
        tickers = {security, benchmarks.get(security)}
        near = rows["date"].between(own[first], own[last]) & rows["ticker"].isin(tickers)
        found.append(rows[near].assign(event_id=pair["event_id"], security=security))
    columns = ["event_id", "security", "ticker", "date", "flag"]
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return whole[columns]
