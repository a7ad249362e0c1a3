"""Events × securities -> day 0 on each security's exchange, or the reason why there is none.

Called by the desk, which owns the catalogue and the calendars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.calendars import Calendars, Instant, event_instant
from analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

# A currency has no exchange; the quotes in the tables are New York's days.
CURRENCY_EXCHANGE = "XNYS"


def instant_of(
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


def place(
    events: Sequence[Mapping[str, Any]],
    exchanges: Mapping[str, str],
    calendars: Calendars,
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

    rows: list[dict[str, Any]] = []
    for event in events:
        instant, refusal = instant_of(event, calendars)
        for exchange in dict.fromkeys(exchanges.values()):
            day: pd.Timestamp | None = None
            reason = refusal
            if instant:
                try:
                    day = pd.Timestamp(calendars.day0(instant, exchange or CURRENCY_EXCHANGE))
                except InputError as problem:
                    reason = str(problem)
            rows.extend(
                {
                    "event_id": event["id"],
                    "security": security,
                    "exchange": exchange,
                    "day0": day,
                    "instant": instant.at if instant else None,
                    "uncertain": bool(instant and instant.uncertain),
                    "note": instant.note if instant else "",
                    "reason": reason,
                    "flag": event.get("flag") or "",
                }
                for security, own in exchanges.items()
                if own == exchange
            )
    frame = pd.DataFrame(
        rows,
        columns=[
            "event_id", "security", "exchange", "day0", "instant", "uncertain", "note", "reason",
            "flag",
        ],
    )  # fmt: skip
    frame["day0"] = pd.to_datetime(frame["day0"]).astype("datetime64[ns]")
    frame["instant"] = pd.to_datetime(frame["instant"], utc=True)
    # In the order in which the events and the securities were asked for.
    order = {security: position for position, security in enumerate(exchanges)}
    position = frame["security"].map(order)
    turn = frame["event_id"].map({event["id"]: turn for turn, event in enumerate(events)})
    return (
        frame.assign(turn=turn, position=position)
        .sort_values(["turn", "position"], ignore_index=True)
        .drop(columns=["turn", "position"])
    )
