"""What happened around an event: when, which sessions followed, and what other news there was.

Reads the desk's catalogue and calendars; returns plain frames for the page and the charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analysis.reports import wording

if TYPE_CHECKING:
    import pandas as pd

    from analysis.desk import Desk

CITIES = {
    "XNYS": "New York",
    "XNAS": "New York",
    "ARCX": "New York",
    "XCBO": "Chicago",
    "XHKG": "Hong Kong",
    "XSHG": "Shanghai",
    "XSHE": "Shenzhen",
    "XTKS": "Tokyo",
    "XTAI": "Taipei",
    "XKRX": "Seoul",
    "XAMS": "Amsterdam",
}

_NO_HOURS = {"open_utc": None, "close_utc": None, "is_day0": False}

_STATUS = {
    "official": "official",
    "reported": "reported by the press, not announced by the party itself",
    "rumoured": "a rumour",
    "denied": "denied by the party concerned",
    "false": "a report that proved false",
    "scheduled": "scheduled",
}


def event_facts(desk: Desk, event_id: str, placements: pd.DataFrame) -> pd.DataFrame:
    """Describe one event: columns ``fact`` and ``value``, in reading order.

    Parameters
    ----------
    desk : Desk
        Gives the event's row and instant.
    event_id : str
        Id in the catalogue.
    placements : pandas.DataFrame
        As `Desk.placements` returns it.
    """
    import pandas as pd

    event = desk.event(event_id)
    instant, reason = desk.instant(event_id)
    rows: list[tuple[str, str]] = [
        ("Event", str(event["title"])),
        ("Status", _STATUS.get(event["status"], str(event["status"]))),
        ("Confidence", str(event["confidence"] or "")),
        ("Kind", str(event["category"]).replace("_", " ")),
    ]
    if instant is None:
        rows.append(("Instant", reason))
    else:
        for zone in ("UTC", "America/New_York", "Asia/Shanghai"):
            label = zone.split("/")[-1].replace("_", " ")
            rows.append((f"Instant, {label}", wording.clock(instant.at.astimezone(ZoneInfo(zone)))))
        if instant.note:
            rows.append(("How it was placed", instant.note))
    own = placements[(placements["event_id"] == event_id) & placements["day0"].notna()]
    by_day: dict[str, list[str]] = {}
    for exchange, day in own.groupby("exchange")["day0"].first().sort_values().items():
        city = CITIES.get(str(exchange), str(exchange))
        cities = by_day.setdefault(wording.weekday(day), [])
        if city not in cities:
            cities.append(city)
    rows.extend((f"Day 0: {day}", wording.listing(cities)) for day, cities in by_day.items())
    rows.append(("Entities", ", ".join((event["entities"] or "").split(";"))))
    address = f" ({event['source_url']})" if event["source_url"] else ""
    rows.append(("Source", f"{event['source_title']}{address}"))
    if event["notes"] and desk.as_of is None:  # notes look back
        rows.append(("Notes", str(event["notes"])))
    return pd.DataFrame(rows, columns=["fact", "value"])


def open_sessions(
    desk: Desk, event_id: str, placements: pd.DataFrame, window: tuple[int, int]
) -> dict[int, set[str]]:
    """Sessions beside day 0 on which an event of uncertain hour may have been heard of.

    Returns
    -------
    dict of int to set of str
        -1 and 1, where some exchange allows them within the window, to those exchanges.
    """
    event = desk.event(event_id)
    if not placements["uncertain"].any():
        return {}
    zone = ZoneInfo(event["timezone"])
    start = datetime.combine(event["date"], time(), zone)
    if event["timing"] == "commit":
        start = event["time_utc"]
    ends = {-1: start, 1: start + timedelta(days=1, seconds=-1)}
    zero = placements[placements["day0"].notna() & (placements["exchange"] != "")]
    found: dict[int, set[str]] = {}
    for exchange, day0 in zero.groupby("exchange")["day0"].first().items():
        for offset, instant in ends.items():
            placed = desk.calendars.day0(instant, str(exchange))
            if offset * (placed - day0.date()).days > 0 and window[0] <= offset <= window[1]:
                found.setdefault(offset, set()).add(str(exchange))
    return dict(sorted(found.items()))


def other_events(desk: Desk, placements: pd.DataFrame, window: tuple[int, int]) -> pd.DataFrame:
    """Other events of the catalogue whose day 0 lies in the event window of some exchange.

    Parameters
    ----------
    desk : Desk
    placements : pandas.DataFrame
        Of the one event, as `Desk.placements` returns it.
    window : (int, int)
        Sessions around day 0.

    Returns
    -------
    pandas.DataFrame
        date, id, category, title, entities, status, same_day (whether the two share a day 0
        on some exchange), oldest first.
    """
    import pandas as pd
    import polars as pl

    placed = placements[placements["day0"].notna() & (placements["exchange"] != "")]
    zero = placed.drop_duplicates("exchange").set_index("exchange")
    if zero.empty:
        frame = desk.events().clear().to_pandas()
        return frame.assign(same_day=pd.Series(dtype=bool))
    reach = timedelta(days=2 * max(abs(window[0]), abs(window[1])) + 14)
    near = desk.events(
        since=zero["day0"].min().date() - reach, until=zero["day0"].max().date() + reach
    ).filter(pl.col("id") != placements["event_id"].iloc[0])
    found = desk.placements(near["id"].to_list(), zero["security"].to_list())
    inside, same = set(), set()
    for row in found[found["day0"].notna()].to_dict("records"):
        day0 = zero.loc[row["exchange"], "day0"].date()
        first, last = (desk.calendars.shift(row["exchange"], day0, end) for end in window)
        if first <= row["day0"].date() <= last:
            inside.add(row["event_id"])
        if row["day0"].date() == day0:
            same.add(row["event_id"])
    kept = near.filter(pl.col("id").is_in(inside | same))
    kept = kept.select("date", "id", "category", "title", "entities", "status")
    return kept.to_pandas().assign(same_day=[item in same for item in kept["id"]])


def session_rows(desk: Desk, event_id: str, exchanges: Sequence[str]) -> pd.DataFrame:
    """Opening hours around the event, from the day before it to the last day 0.

    An exchange that stayed closed on a weekday before its day 0 has one more row, without
    hours. Exchanges that keep the same hours in one city (NYSE and Nasdaq) make one line.

    Returns
    -------
    pandas.DataFrame
        exchange, city, open_utc, close_utc (UTC), is_day0, label.
    """
    import pandas as pd

    columns = ["exchange", "city", "open_utc", "close_utc", "is_day0", "label"]
    instant, _ = desk.instant(event_id)
    if instant is None:
        return pd.DataFrame(columns=columns)
    # NYSE, Nasdaq and Arca keep one line: the first stands for its city.
    listed = {CITIES.get(mic, mic): mic for mic in reversed(exchanges) if mic}
    zero = {mic: desk.calendars.day0(instant, mic) for mic in listed.values()}
    start, end = instant.at.date() - timedelta(days=1), max(zero.values())
    rows: list[dict[str, Any]] = []
    for mic, day0 in zero.items():
        city = {"exchange": mic, "city": CITIES.get(mic, mic)}
        for session in desk.calendars.sessions(mic, start, end):
            opened, closed = desk.calendars.hours(mic, session.date())
            rows.append(
                city
                | {
                    "open_utc": opened,
                    "close_utc": closed,
                    "is_day0": session.date() == day0,
                    "label": f"{session:%a} {session.day} {session:%b}",
                }
            )
        waited = pd.bdate_range(instant.at.date(), day0 - timedelta(days=1))
        if len(waited.difference(desk.calendars.sessions(mic, start, day0))):
            label = f"no session before {day0:%a} {day0.day} {day0:%b}"
            rows.append(city | _NO_HOURS | {"label": label})
    frame = pd.DataFrame(rows, columns=columns)
    for column in ("open_utc", "close_utc"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.sort_values(["open_utc", "exchange"], ignore_index=True)
