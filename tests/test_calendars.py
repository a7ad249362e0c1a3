"""Instants to sessions, against published trading hours and a slow walk over the days.

Where a case gives no other source, its day or hour is the exchange's own published holiday
and trading-hours notice for that year (NYSE, HKEX, SSE, KRX, TWSE, JPX).
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.calendars import TIMINGS, Calendars, Instant, event_instant
from analysis.errors import InputError

DEEPSEEK_R1 = "2025-01-20T12:19:44Z"  # publication on the Hub; Martin Luther King day in the US
DEEPSEEK_V4 = "2026-04-24T03:24:09Z"
CLOSURES = {
    "XHKG": {date(2023, 9, 1), date(2023, 9, 8)},  # typhoon Saola, black rain
    "XTAI": {date(2022, 2, 4), date(2023, 1, 18), date(2024, 10, 31), date(2025, 8, 1)},
    "XKRX": {date(2026, 6, 3), date(2026, 7, 17)},
}
EXCHANGES = ["XNYS", "XNAS", "XSHG", "XSHE", "XHKG", "XTAI", "XTKS", "XAMS"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("instant", "exchange", "session"),
    [
        (DEEPSEEK_R1, "XNYS", "2025-01-21"),
        (DEEPSEEK_R1, "XNAS", "2025-01-21"),
        (DEEPSEEK_R1, "XSHG", "2025-01-21"),
        (DEEPSEEK_R1, "XHKG", "2025-01-21"),
        (DEEPSEEK_V4, "XNYS", "2026-04-24"),
        (DEEPSEEK_V4, "XNAS", "2026-04-24"),
        (DEEPSEEK_V4, "XSHG", "2026-04-24"),
        (DEEPSEEK_V4, "XHKG", "2026-04-24"),
        (DEEPSEEK_V4, "XTAI", "2026-04-24"),
        (DEEPSEEK_V4, "XTKS", "2026-04-24"),
        # New York closes at 16:00: 20:00 UTC in summer, 21:00 in winter time. In 2025 the
        # clocks changed on 9 March and 2 November.
        ("2025-03-07T20:30:00Z", "XNYS", "2025-03-07"),
        ("2025-03-10T20:30:00Z", "XNYS", "2025-03-11"),
        ("2025-10-31T20:30:00Z", "XNYS", "2025-11-03"),
        ("2025-11-03T20:30:00Z", "XNYS", "2025-11-03"),
        # Half days: the day after Thanksgiving and Christmas Eve close at 13:00 (18:00 UTC).
        ("2025-11-28T17:59:59Z", "XNYS", "2025-11-28"),
        ("2025-11-28T18:00:00Z", "XNYS", "2025-12-01"),
        ("2025-12-24T18:30:00Z", "XNAS", "2025-12-26"),
        # Hong Kong closes at 12:00 (04:00 UTC) on Christmas Eve, Shanghai at 15:00 as ever.
        ("2025-12-24T04:30:00Z", "XHKG", "2025-12-29"),
        ("2025-12-24T04:30:00Z", "XSHG", "2025-12-24"),
        # An instant exactly at the close is too late for it; a microsecond before is not.
        ("2025-01-27T21:00:00Z", "XNYS", "2025-01-28"),
        ("2025-01-27T20:59:59.999999Z", "XNYS", "2025-01-27"),
        ("2025-01-27T07:00:00Z", "XSHG", "2025-02-05"),
        # Lunch breaks belong to their session: 11:30 to 13:00 in Shanghai, 12 to 13 in Hong Kong.
        ("2025-03-03T04:15:00Z", "XSHG", "2025-03-03"),
        ("2025-03-03T04:15:00Z", "XHKG", "2025-03-03"),
        ("2025-03-03T03:00:00Z", "XTKS", "2025-03-03"),
        # Before the open, the day's own session; at the weekend, Monday's.
        ("2025-03-03T00:30:00Z", "XSHG", "2025-03-03"),
        ("2025-01-25T15:00:00Z", "XNYS", "2025-01-27"),
        ("2025-01-26T15:00:00Z", "XSHG", "2025-01-27"),
        # Holidays: Good Friday, Golden Week of 2025 on the mainland, a Tokyo new year.
        ("2025-04-18T14:00:00Z", "XNYS", "2025-04-21"),
        ("2025-10-01T02:00:00Z", "XSHG", "2025-10-09"),
        ("2024-12-30T06:00:00Z", "XTKS", "2024-12-30"),
        ("2024-12-31T02:00:00Z", "XTKS", "2025-01-06"),
        # Tokyo closes at 15:30 since 5 November 2024, at 15:00 before.
        ("2024-11-01T06:10:00Z", "XTKS", "2024-11-05"),
        ("2024-11-05T06:10:00Z", "XTKS", "2024-11-05"),
        # The state funeral of 9 January 2025 shut New York alone.
        ("2025-01-09T15:00:00Z", "XNYS", "2025-01-10"),
        ("2025-01-09T03:00:00Z", "XHKG", "2025-01-09"),
    ],
)
def test_day_0_is_the_first_session_that_closes_after_the_instant(
    instant: str, exchange: str, session: str
) -> None:
    assert Calendars().day0(utc(instant), exchange) == date.fromisoformat(session)


@pytest.mark.parametrize(
    ("exchange", "session"),
    [
        ("XNYS", date(2025, 1, 27)),
        ("XHKG", date(2025, 1, 27)),
        ("XSHG", date(2025, 1, 27)),  # the mainland shut from the 28th
        ("XTKS", date(2025, 1, 27)),
        ("XKRX", date(2025, 1, 31)),
        ("XTAI", date(2025, 2, 3)),
    ],
)
def test_a_market_closed_for_the_lunar_new_year_reacts_on_its_next_session(
    exchange: str, session: date
) -> None:
    app_store = event_instant(
        date=date(2025, 1, 27), time_utc=None, timezone="Asia/Shanghai", timing="asia_hours"
    )
    assert Calendars(CLOSURES).day0(app_store, exchange) == session


def test_korea_reacts_to_deepseek_v4_the_same_day_and_to_r1_the_next() -> None:
    calendars = Calendars(CLOSURES)
    assert calendars.day0(utc(DEEPSEEK_V4), "XKRX") == date(2026, 4, 24)
    assert calendars.day0(utc(DEEPSEEK_R1), "XKRX") == date(2025, 1, 21)


@pytest.mark.parametrize(
    ("exchange", "day"), [(exchange, day) for exchange in CLOSURES for day in CLOSURES[exchange]]
)
def test_a_closure_that_the_library_misses_is_no_session(exchange: str, day: date) -> None:
    amended, plain = Calendars(CLOSURES), Calendars()
    morning = datetime.combine(day, time(2), UTC)
    assert plain.day0(morning, exchange) == day
    assert amended.day0(morning, exchange) > day
    assert len(amended.sessions(exchange, day, day)) == 0
    with pytest.raises(InputError, match=rf"is not a session of {exchange}"):
        amended.hours(exchange, day)


def test_a_closure_strikes_its_own_exchange_alone() -> None:
    calendars = Calendars({"XHKG": [date(2023, 9, 1)]})
    assert calendars.day0(utc("2023-09-01T02:00:00Z"), "XSHG") == date(2023, 9, 1)


@pytest.mark.parametrize(
    ("timing", "zone", "day", "at", "uncertain"),
    [
        ("before_us_open", "America/New_York", "2025-01-13", "2025-01-13T13:30:00Z", False),
        ("before_us_open", "America/New_York", "2025-07-14", "2025-07-14T12:30:00Z", False),
        ("after_us_close", "America/New_York", "2025-04-15", "2025-04-15T20:00:00Z", False),
        ("after_us_close", "America/New_York", "2025-12-02", "2025-12-02T21:00:00Z", False),
        ("after_us_close", "America/New_York", "2025-11-28", "2025-11-28T18:00:00Z", False),
        ("after_us_close", "America/New_York", "2025-01-20", "2025-01-20T21:00:00Z", False),
        ("asia_hours", "Asia/Seoul", "2025-10-30", "2025-10-30T02:00:00Z", True),
        ("after_asia_close", "Asia/Shanghai", "2025-08-26", "2025-08-26T08:00:00Z", False),
        ("date_only", "Asia/Shanghai", "2025-08-21", "2025-08-21T04:00:00Z", True),
        ("date_only", "America/New_York", "2025-01-15", "2025-01-15T17:00:00Z", True),
        ("weekend", "America/New_York", "2025-08-10", "2025-08-10T16:00:00Z", True),
    ],
)
def test_an_event_without_an_instant_is_placed_by_its_timing(
    timing: str, zone: str, day: str, at: str, uncertain: bool
) -> None:
    instant = event_instant(
        date=date.fromisoformat(day), time_utc=None, timezone=zone, timing=timing
    )
    assert instant.at == utc(at)
    assert instant.at.tzinfo is UTC
    assert instant.uncertain is uncertain
    assert instant.note.endswith(".")


def test_nvidias_h20_filing_after_the_close_meets_the_next_session() -> None:
    filing = event_instant(
        date=date(2025, 4, 15),
        time_utc=None,
        timezone="America/New_York",
        timing="after_us_close",
    )
    assert Calendars().day0(filing, "XNYS") == date(2025, 4, 16)


def test_an_event_after_the_asian_close_of_a_hong_kong_half_day_misses_shanghai_too() -> None:
    late = event_instant(
        date=date(2025, 12, 24), time_utc=None, timezone="Asia/Shanghai", timing="after_asia_close"
    )
    assert Calendars().day0(late, "XSHG") == date(2025, 12, 25)
    assert Calendars().day0(late, "XHKG") == date(2025, 12, 29)
    assert Calendars().day0(late, "XNYS") == date(2025, 12, 24)


def test_a_recorded_instant_decides_and_needs_no_note() -> None:
    recorded = event_instant(
        date=date(2025, 1, 20), time_utc=utc(DEEPSEEK_R1), timezone="UTC", timing="timestamp"
    )
    assert recorded == Instant(utc(DEEPSEEK_R1), False, "")


def test_an_instant_in_another_zone_is_kept_in_utc() -> None:
    shanghai = datetime(2025, 1, 20, 20, 19, 44, tzinfo=ZoneInfo("Asia/Shanghai"))
    instant = event_instant(
        date=date(2025, 1, 20), time_utc=shanghai, timezone="UTC", timing="timestamp"
    )
    assert instant.at.isoformat() == "2025-01-20T12:19:44+00:00"


def test_an_own_close_of_new_york_places_what_came_after_it() -> None:
    day = date(2025, 12, 2)
    calendars = Calendars(hours={"XNYS": [(day, None, time(14))]})
    instant = event_instant(
        date=day, time_utc=None, timezone="America/New_York", timing="after_us_close",
        calendars=calendars,
    )  # fmt: skip
    assert instant.at == utc("2025-12-02T19:00:00Z")
    assert calendars.day0(instant, "XNYS") == date(2025, 12, 3)


def test_an_exchange_own_hours_count_before_those_of_the_calendar_it_shares() -> None:
    # A set of both rows came in another order in each process.
    program = (
        "from datetime import date, time\n"
        "from analysis.calendars import Calendars\n"
        "day = date(2025, 12, 2)\n"
        "hours = {'XNAS': [(day, None, time(15))], 'XNYS': [(day, None, time(14))]}\n"
        "print([Calendars(hours=hours).hours(name, day)[1].hour for name in hours])"
    )
    for seed in range(1, 5):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        )  # fmt: skip
        assert done.stdout == "[20, 19]\n"


def test_a_commit_is_dated_by_its_instant_and_flagged() -> None:
    commit = event_instant(
        date=date(2024, 12, 26),
        time_utc=utc("2024-12-26T11:01:57Z"),
        timezone="UTC",
        timing="commit",
    )
    placement = Calendars().place(commit, "XNYS")
    assert placement.session == date(2024, 12, 26)
    assert placement.uncertain
    assert "commit" in placement.note


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"timing": "private"}, ["'us-h20-notice'", "9 April 2025", "no day 0"]),
        ({"timing": "timestamp"}, ["'us-h20-notice'", "no time_utc"]),
        ({"timing": "commit"}, ["'us-h20-notice'", "no time_utc"]),
        ({"timing": "after_close"}, ["Unknown timing 'after_close'", "'after_us_close'"]),
        ({"timezone": "America/NewYork"}, ["time zone of event", "'America/New_York'"]),
        ({"timezone": ""}, ["Unknown time zone"]),
        ({"timezone": "../UTC"}, ["Unknown time zone"]),
        ({"time_utc": datetime(2025, 4, 9, 20)}, ["2025-04-09T20:00:00", "no time zone"]),
    ],
)
def test_an_event_that_cannot_be_placed_says_which_and_why(
    values: dict[str, object], words: list[str]
) -> None:
    event: dict[str, object] = {
        "date": date(2025, 4, 9),
        "time_utc": None,
        "timezone": "America/New_York",
        "timing": "date_only",
        "event_id": "us-h20-notice",
    }
    with pytest.raises(InputError) as raised:
        event_instant(**{**event, **values})  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


def test_every_timing_is_either_placed_or_refused() -> None:
    for timing in TIMINGS:
        given_time = utc(DEEPSEEK_R1) if timing in ("timestamp", "commit") else None
        values = {"date": date(2025, 1, 20), "time_utc": given_time, "timezone": "UTC"}
        if timing == "private":
            with pytest.raises(InputError):
                event_instant(timing=timing, **values)  # type: ignore[arg-type]
        else:
            placed = event_instant(timing=timing, **values)  # type: ignore[arg-type]
            assert abs(placed.at - datetime(2025, 1, 20, 12, tzinfo=UTC)) < timedelta(days=1)


@given(n=st.integers(-1500, 300), start=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_shift_there_and_back_returns(n: int, start: int) -> None:
    calendars = Calendars(CLOSURES)
    session = calendars.day0(datetime(2024, 6, 1, tzinfo=UTC) + timedelta(days=start), "XHKG")
    there = calendars.shift("XHKG", session, n)
    assert calendars.shift("XHKG", there, -n) == session
    between = calendars.sessions("XHKG", min(session, there), max(session, there))
    assert len(between) == abs(n) + 1


@cache
def library_calendar(name: str) -> exchange_calendars.ExchangeCalendar:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        return exchange_calendars.get_calendar(name, start="2021-01-01", end="2026-12-31")


def slow_day0(instant: datetime, exchange: str) -> date:
    """Walk day by day, asking the library for each close by itself."""
    calendar = library_calendar({"XSHE": "XSHG", "XNAS": "XNYS"}.get(exchange, exchange))
    day = instant.date() - timedelta(days=2)
    while True:
        stamp = pd.Timestamp(day)
        traded = calendar.is_session(stamp) and day not in CLOSURES.get(exchange, ())
        if traded and calendar.session_close(stamp) > pd.Timestamp(instant):
            return day
        day += timedelta(days=1)


INSTANTS = st.datetimes(
    datetime(2021, 6, 1), datetime(2026, 11, 30), timezones=st.just(UTC), allow_imaginary=False
)


@given(instant=INSTANTS, exchange=st.sampled_from(EXCHANGES))
@settings(max_examples=200, deadline=None)
def test_day_0_agrees_with_a_walk_over_the_days(instant: datetime, exchange: str) -> None:
    assert Calendars(CLOSURES).day0(instant, exchange) == slow_day0(instant, exchange)


@given(one=INSTANTS, other=INSTANTS, exchange=st.sampled_from(EXCHANGES))
@settings(max_examples=100, deadline=None)
def test_a_later_instant_never_meets_an_earlier_session(
    one: datetime, other: datetime, exchange: str
) -> None:
    calendars = Calendars(CLOSURES)
    early, late = sorted((one, other))
    assert calendars.day0(early, exchange) <= calendars.day0(late, exchange)


@given(session=st.integers(0, 1000), exchange=st.sampled_from(EXCHANGES))
@settings(max_examples=60, deadline=None)
def test_the_last_microsecond_of_a_session_is_its_own_and_its_close_the_next_ones(
    session: int, exchange: str
) -> None:
    calendars = Calendars(CLOSURES)
    days = calendars.sessions(exchange, date(2022, 1, 1), date(2026, 11, 30))
    day = days[session].date()
    close = calendars.hours(exchange, day)[1]
    assert calendars.day0(close - timedelta(microseconds=1), exchange) == day
    assert calendars.day0(close, exchange) == calendars.shift(exchange, day, 1)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: c.day0(utc(DEEPSEEK_R1), "NYSE"), "Unknown exchange 'NYSE'.*'XNYS'"),
        (lambda c: c.day0(datetime(2025, 1, 20), "XNYS"), "2025-01-20T00:00:00 has no time zone"),
        (lambda c: c.day0(datetime(1, 1, 1, tzinfo=UTC), "XNYS"), "outside the years 1950"),
        (lambda c: c.day0(datetime(9999, 12, 31, tzinfo=UTC), "XNYS"), "outside the years 1950"),
        (lambda c: c.sessions("XTKS", date(1980, 1, 1), date(1999, 1, 1)), "reaches back only to"),
        (lambda c: c.shift("XTKS", date(1997, 1, 6), -2), "session 2 before 6 January 1997"),
        (lambda c: c.shift("XNYS", date(2025, 1, 21), 10**6), "Session 1000000 after"),
        (lambda c: c.shift("XNYS", date(2025, 1, 21), -(10**7)), "Session 10000000 before"),
        (lambda c: c.shift("XNYS", date(2025, 1, 20), 1), r"20 January 2025 \(Monday\) is no"),
        (lambda c: c.hours("XNYS", date(2025, 1, 25)), r"25 January 2025 \(Saturday\) is no"),
        (lambda c: c.sessions("XNYS", date(2025, 2, 1), date(2025, 1, 1)), "before the start"),
    ],
)
def test_a_lookup_that_cannot_be_answered_says_why(ask: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask(Calendars())  # type: ignore[operator]


def test_importing_the_module_does_not_import_the_library() -> None:
    program = (
        "import sys, analysis.calendars; "
        "print([m for m in ('pandas', 'numpy', 'exchange_calendars') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
