"""Instants to exchange sessions: when an event happened, and which session it first met.

Called by the desk and the command. It reads no file: the days on which an exchange did not
trade against its published calendar, or traded at other hours, are handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from analysis.dates import format_day
from analysis.errors import InputError, unknown_name
from analysis.sessions import Hours, Sessions, library_name, read_sessions, to_datetime64

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

TIMINGS = (
    "timestamp", "commit", "before_us_open", "after_us_close", "asia_hours", "after_asia_close",
    "weekend", "date_only", "private",
)  # fmt: skip

_NEW_YORK = ZoneInfo("America/New_York")
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_HONG_KONG = ZoneInfo("Asia/Hong_Kong")
_A_MONTH = timedelta(days=31)  # longer than any exchange stays shut
_SOME_DAY = date(2024, 1, 2)


@dataclass(frozen=True)
class Instant:
    """When the market could first know of an event."""

    at: datetime  # the instant, in UTC
    uncertain: bool  # whether day 0 may be one session off
    # a plain sentence when the instant was placed by convention or is uncertain; blank when it was
    # recorded
    note: str


@dataclass(frozen=True)
class Placement:
    """Day 0 of an event on one exchange."""

    session: date  # the first session whose close comes after the instant
    uncertain: bool  # whether day 0 may be one session off
    note: str  # what a reader must know of it; blank when nothing


def event_instant(
    *,
    date: date,
    time_utc: datetime | None,
    timezone: str,
    timing: str,
    event_id: str = "",
    calendars: Calendars | None = None,
) -> Instant:
    """Place an event in time by its recorded instant, or by the convention of its timing.

    Parameters
    ----------
    date : date
        Calendar day of the event in `timezone`.
    time_utc : datetime or None
        The recorded instant, aware; where there is one it decides.
    timezone : str
        IANA name, for instance ``"Asia/Shanghai"``.
    timing : str
        One of `TIMINGS`. ``date_only`` and ``weekend`` are placed at noon of `timezone`,
        ``before_us_open`` an hour before the New York open, ``after_us_close`` at the New
        York close of that date (an early one included), ``asia_hours`` at 10:00 in
        Shanghai, ``after_asia_close`` at 16:00 in Hong Kong, the last regular close of
        East Asia (on a Hong Kong half day Shanghai still trades until 15:00).
    event_id : str
        Named in the errors.
    calendars : Calendars, optional
        For the close of New York; without it, the library's.

    Returns
    -------
    Instant
        In UTC; uncertain for ``date_only``, ``weekend``, ``asia_hours`` and ``commit``.

    Raises
    ------
    InputError
        For an unknown timing or time zone, a missing or naive instant, and ``private``
        events, which no market could know of.
    """
    name = f"event {event_id!r}" if event_id else "the event"
    zone = _zone(timezone, name)
    if timing not in TIMINGS:
        raise unknown_name("timing", timing, TIMINGS)
    if timing == "private":
        raise InputError(
            f"{name[0].upper()}{name[1:]} was private on {format_day(date)}: no market could know "
            "of it, so it has no day 0. Study the event that made it public instead."
        )
    if time_utc is not None:
        commit = timing == "commit"
        note = "Dated by its commit; publication may have come at another hour." if commit else ""
        return Instant(_utc(time_utc, name), commit, note)
    if timing in ("timestamp", "commit"):
        raise InputError(
            f"{name[0].upper()}{name[1:]} has timing {timing!r} but no time_utc: give its "
            "instant, or use the timing 'date_only'."
        )
    return _instant_by_convention(date, zone, timing, calendars or Calendars())


class Calendars:
    """Sessions of the exchanges, by ISO 10383 market identifier code.

    Parameters
    ----------
    closures : mapping of str to collection of date, optional
        Days on which an exchange did not trade although its calendar says so (typhoons,
        elections called late). They amend the library.
    hours : mapping of str to collection of (date, time or None, time or None), optional
        Sessions that opened or closed at another time than the library says (exam days,
        storms), in the exchange's local time; None where that end of the session is as usual.

    Notes
    -----
    Lookups read no clock. A calendar reaches as far as the library publishes it
    (`published_to`); beyond it, an `InputError` names the last published day. What amends an
    exchange amends those that keep its calendar: Seoul's closures are Kosdaq's too.
    """

    def __init__(
        self,
        closures: Mapping[str, Collection[date]] | None = None,
        hours: Mapping[str, Collection[Hours]] | None = None,
    ) -> None:
        self._closures = {
            exchange: frozenset(_day(day) for day in days)
            for exchange, days in (closures or {}).items()
        }
        self._hours = {exchange: frozenset(rows) for exchange, rows in (hours or {}).items()}

    @classmethod
    def amended(cls, closures: pl.DataFrame, hours: pl.DataFrame) -> Calendars:
        """Calendars with the amendments of the catalogue's tables ``closures`` and ``hours``."""
        shut: dict[str, set[date]] = {}
        for exchange, day in closures.select("exchange", "date").iter_rows():
            shut.setdefault(exchange, set()).add(day)
        changed: dict[str, set[Hours]] = {}
        columns = ("exchange", "date", "opens", "closes")
        for exchange, day, opens, closes in hours.select(columns).iter_rows():
            changed.setdefault(exchange, set()).add((day, _clock(opens), _clock(closes)))
        return cls(shut, changed)

    def sessions(self, exchange: str, start: date, end: date) -> pd.DatetimeIndex:
        """Sessions from `start` to `end`, both included.

        Returns
        -------
        pandas.DatetimeIndex
            Midnight of each session's date, without a time zone.

        Raises
        ------
        InputError
            For an unknown exchange, an end before the start, or days outside its calendar.
        """
        import pandas as pd

        first, last = _day(start), _day(end)
        if last < first:
            raise InputError(f"The end {last} lies before the start {first}: swap them.")
        days = self._read(exchange, first, last).days
        low = days.searchsorted(to_datetime64(first), side="left")
        high = days.searchsorted(to_datetime64(last), side="right")
        return pd.DatetimeIndex(days[low:high].astype("datetime64[ns]"))

    def day0(self, instant: datetime | Instant, exchange: str) -> date:
        """First session whose close comes after the instant.

        An instant exactly at a close belongs to the next session; one in a lunch break or
        before the open belongs to the session of that day.

        Raises
        ------
        InputError
            For a naive instant, an unknown exchange, or an instant outside its calendar.
        """
        at = instant.at if isinstance(instant, Instant) else _utc(instant, "")
        day = at.date()
        sessions = self._read(exchange, day, day, _A_MONTH)
        return sessions.date(sessions.after(at), f"the session after {format_day(day)}")

    def place(self, instant: Instant, exchange: str) -> Placement:
        """Day 0 of an instant on one exchange, with its uncertainty and note."""
        return Placement(self.day0(instant, exchange), instant.uncertain, instant.note)

    def hours(self, exchange: str, session: date) -> tuple[datetime, datetime]:
        """Open and close of a session in UTC, early closes and changed hours included.

        Raises
        ------
        InputError
            For a day that is no session of the exchange.
        """
        day = _day(session)
        sessions = self._read(exchange, day, day)
        return sessions.hours(_position(sessions, day))

    def shortened(self, exchange: str, session: date) -> bool:
        """Whether a session is at least a tenth shorter than one beside it.

        Raises
        ------
        InputError
            For a day that is no session of the exchange.
        """
        day = _day(session)
        sessions = self._read(exchange, day, day, _A_MONTH)
        at = _position(sessions, day)
        lengths = (sessions.closes - sessions.opens)[max(at - 1, 0) : at + 2]
        own = int(sessions.closes[at] - sessions.opens[at])
        return own < 0.9 * int(lengths.max())

    def shift(self, exchange: str, session: date, n: int) -> date:
        """Session that lies `n` sessions after the given one (before it when negative).

        Raises
        ------
        InputError
            For a day that is no session, or a target outside the calendar.
        """
        day = _day(session)
        # A year holds some 240 sessions: 1.7 days for each, and a month for holidays.
        reach = timedelta(days=round(1.7 * n)) + (_A_MONTH if n >= 0 else -_A_MONTH)
        sessions = self._read(exchange, day, day, reach)
        where = f"session {abs(n)} {'after' if n >= 0 else 'before'} {format_day(day)}"
        return sessions.date(_position(sessions, day) + n, where)

    def published_to(self, exchange: str) -> date | None:
        """Last day that the library publishes for an exchange; None where it sets no end."""
        return self._read(exchange, _SOME_DAY, _SOME_DAY).published_to

    def _read(
        self, exchange: str, first: date, last: date, reach: timedelta = timedelta()
    ) -> Sessions:
        # An exchange's own row counts where both change a day.
        names = dict.fromkeys((library_name(exchange), exchange))
        closures = frozenset[date]().union(*(self._closures.get(name, ()) for name in names))
        hours = {row[0]: row for name in names for row in self._hours.get(name, ())}
        return read_sessions(exchange, first, last, reach, closures, frozenset(hours.values()))


def _position(sessions: Sessions, day: date) -> int:
    position = sessions.position(day)
    if position is None:
        raise InputError(
            f"{format_day(day)} ({day:%A}) is not a session of {sessions.exchange}: take a day on "
            "which it traded."
        )
    return position


def _instant_by_convention(day: date, zone: ZoneInfo, timing: str, calendars: Calendars) -> Instant:
    """Place a dated event where the convention of its timing class says."""
    if timing in ("date_only", "weekend"):
        note = (
            f"Only the date is known: placed at noon in {zone.key}, "
            "so day 0 may be one session off."
        )
        return Instant(_local(day, time(12), zone), True, note)
    if timing == "before_us_open":
        at, note = _local(day, time(8, 30), _NEW_YORK), "an hour before the New York open"
    elif timing == "after_us_close":
        at = _new_york_close(day, calendars)
        note = "at the New York close, so the next session reacts"
    elif timing == "asia_hours":
        note = (
            "Only the part of the day is known: placed at 10:00 in Shanghai, "
            "so day 0 may be one session off."
        )
        return Instant(_local(day, time(10), _SHANGHAI), True, note)
    else:
        at, note = _local(day, time(16), _HONG_KONG), "at 16:00 in Hong Kong"
    return Instant(at, False, f"Only the part of the day is known: placed {note}.")


def _new_york_close(day: date, calendars: Calendars) -> datetime:
    """Close of New York on a day; 16:00 where there was no session."""
    if len(calendars.sessions("XNYS", day, day)):
        return calendars.hours("XNYS", day)[1]
    return _local(day, time(16), _NEW_YORK)


def _local(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(UTC)


def _zone(name: str, event: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(available_timezones())
        raise unknown_name(f"time zone of {event}", name, known) from None


def _utc(instant: datetime, event: str) -> datetime:
    if instant.tzinfo is None:
        raise InputError(
            f"The instant {instant.isoformat()}{' of ' if event else ''}{event} has no time "
            "zone: give it in UTC, for instance 2025-01-20T12:19:44Z."
        )
    return instant.astimezone(UTC)


def _clock(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def _day(value: date) -> date:
    """Drop the time of day from a datetime or Timestamp, which are dates too."""
    return value.date() if isinstance(value, datetime) else value
