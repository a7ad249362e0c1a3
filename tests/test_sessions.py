"""Hours and sessions, against the exchanges' own notices, to the edges of their calendars."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import exchange_calendars
import pandas as pd
import pytest

from analysis.calendars import Calendars
from analysis.desk import Desk
from analysis.errors import InputError
from analysis.sessions import _USUAL


@pytest.mark.parametrize(
    ("exchange", "session", "opened", "closed"),
    [
        ("XNYS", date(2025, 1, 27), "14:30", "21:00"),
        ("XNYS", date(2025, 7, 14), "13:30", "20:00"),
        ("XNAS", date(2025, 11, 28), "14:30", "18:00"),
        ("XSHG", date(2025, 1, 27), "01:30", "07:00"),
        ("XHKG", date(2025, 1, 27), "01:30", "08:00"),
        ("XHKG", date(2025, 12, 24), "01:30", "04:00"),
        ("XTAI", date(2025, 2, 3), "01:00", "05:30"),
        ("XTKS", date(2025, 1, 27), "00:00", "06:30"),
    ],
)
def test_hours_are_utc_and_know_early_closes(
    exchange: str, session: date, opened: str, closed: str
) -> None:
    hours = Calendars().hours(exchange, session)
    assert [moment.strftime("%H:%M") for moment in hours] == [opened, closed]
    assert all(moment.tzinfo is UTC and moment.date() == session for moment in hours)


@pytest.mark.parametrize(
    ("exchange", "session", "opened", "closed"),
    [
        # Korea trades an hour later on the day of the college entrance exam.
        ("XKRX", date(2021, 11, 18), "01:00", "07:30"),
        ("XKRX", date(2022, 11, 17), "01:00", "07:30"),
        ("XKRX", date(2023, 11, 16), "01:00", "07:30"),
        ("XKRX", date(2024, 11, 14), "01:00", "07:30"),
        ("XKRX", date(2025, 11, 13), "01:00", "07:30"),
        ("XKRX", date(2026, 11, 19), "01:00", "07:30"),
        ("XKOS", date(2024, 11, 14), "01:00", "07:30"),
        # Its first session of a year opens at 10:00 and closes as usual; so the library says.
        ("XKRX", date(2025, 1, 2), "01:00", "06:30"),
        ("XKRX", date(2024, 11, 15), "00:00", "06:30"),
        # Storms: Hong Kong opened in the afternoon, or closed early.
        ("XHKG", date(2020, 8, 19), "05:30", "08:00"),
        ("XHKG", date(2021, 6, 28), "05:30", "08:00"),
        ("XHKG", date(2022, 8, 25), "05:00", "08:00"),
        ("XHKG", date(2022, 11, 2), "01:30", "05:55"),
        ("XHKG", date(2023, 10, 9), "06:00", "08:00"),
        # It has traded through storms since 23 September 2024 (Ragasa, 2025).
        ("XHKG", date(2025, 9, 24), "01:30", "08:00"),
        # Tokyo closes at 15:30 since 5 November 2024.
        ("XTKS", date(2024, 11, 1), "00:00", "06:00"),
        ("XTKS", date(2024, 11, 5), "00:00", "06:30"),
    ],
)
def test_changed_hours_are_those_of_the_day(
    exchange: str, session: date, opened: str, closed: str
) -> None:
    hours = Desk().calendars.hours(exchange, session)
    assert [moment.strftime("%H:%M") for moment in hours] == [opened, closed]


def test_a_day_on_which_tokyo_could_not_trade_is_no_session() -> None:
    outage = date(2020, 10, 1)
    assert len(Desk().calendars.sessions("XTKS", outage, outage)) == 0


def test_every_line_of_the_catalogue_changes_what_the_library_says() -> None:
    amended, library = Desk().calendars, Calendars()
    for exchange, day in Desk().catalogue.table("hours").select("exchange", "date").iter_rows():
        assert amended.hours(exchange, day) != library.hours(exchange, day), (exchange, day)


def test_news_before_the_later_bell_of_an_exam_day_belongs_to_that_day() -> None:
    news = datetime(2024, 11, 14, 7, 0, tzinfo=UTC)  # 16:00 in Seoul
    assert Calendars().day0(news, "XKRX") == date(2024, 11, 15)
    assert Desk().calendars.day0(news, "XKRX") == date(2024, 11, 14)


def test_news_after_an_early_end_belongs_to_the_next_day() -> None:
    news = datetime(2022, 11, 2, 6, 30, tzinfo=UTC)  # 14:30 in Hong Kong, after signal 8
    assert Calendars().day0(news, "XHKG") == date(2022, 11, 2)
    assert Desk().calendars.day0(news, "XHKG") == date(2022, 11, 3)


def test_a_closure_holds_for_the_exchanges_that_keep_the_same_calendar() -> None:
    election = date(2026, 6, 3)
    assert len(Calendars({"XKRX": [election]}).sessions("XKOS", election, election)) == 0


def test_hours_that_open_after_they_close_are_refused() -> None:
    day = date(2022, 11, 2)
    calendars = Calendars(hours={"XHKG": [(day, time(16, 30), None)]})
    with pytest.raises(InputError, match="XHKG on 2 November 2022 open after they close"):
        calendars.hours("XHKG", day)


def test_own_closures_and_hours_amend_those_of_the_catalogue(tmp_path: Path) -> None:
    own = tmp_path / "catalogue"
    own.mkdir()
    header = "exchange,date,opens,closes,reason,source"
    row = "XHKG,2022-11-02,,14:10,My own reading,notes"
    (own / "hours.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    (own / "closures.csv").write_text(
        "exchange,date,reason,source\nXTKS,2025-03-03,Outage,notes\n", encoding="utf-8"
    )
    calendars = Desk(home=tmp_path).calendars
    assert calendars.hours("XHKG", date(2022, 11, 2))[1] == datetime(2022, 11, 2, 6, 10, tzinfo=UTC)
    assert calendars.hours("XHKG", date(2023, 10, 9))[0] == datetime(2023, 10, 9, 6, 0, tzinfo=UTC)
    assert len(calendars.sessions("XTKS", date(2025, 3, 3), date(2025, 3, 3))) == 0
    assert len(calendars.sessions("XHKG", date(2023, 9, 1), date(2023, 9, 1))) == 0


def test_sessions_are_midnights_without_a_zone_both_ends_included() -> None:
    sessions = Calendars().sessions("XNYS", date(2025, 1, 17), date(2025, 1, 22))
    assert sessions.tz is None
    expected = pd.DatetimeIndex(["2025-01-17", "2025-01-21", "2025-01-22"])
    pd.testing.assert_index_equal(sessions, expected, exact=False)


def test_a_range_without_a_session_is_empty() -> None:
    assert len(Calendars().sessions("XSHG", date(2025, 1, 28), date(2025, 2, 4))) == 0


def test_a_timestamp_serves_as_a_day() -> None:
    calendars = Calendars({"XNYS": [pd.Timestamp("2025-01-22")]})
    day = pd.Timestamp("2025-01-21 15:00")
    assert calendars.shift("XNYS", day, 1) == date(2025, 1, 23)


@pytest.mark.parametrize(
    ("session", "n", "target"),
    [
        (date(2025, 1, 27), 0, date(2025, 1, 27)),
        (date(2025, 1, 27), 1, date(2025, 2, 5)),
        (date(2025, 2, 5), -1, date(2025, 1, 27)),
        # 242 sessions in 2025 according to the SSE's calendar of that year less its 1st.
        (date(2020, 12, 31), -243, date(2019, 12, 31)),
    ],
)
def test_shift_counts_sessions_of_the_exchange(session: date, n: int, target: date) -> None:
    assert Calendars().shift("XSHG", session, n) == target


def test_shanghai_beyond_its_published_calendar_names_the_last_day() -> None:
    calendars = Calendars()
    last = calendars.published_to("XSHG")
    assert last is not None
    assert last >= date(2026, 12, 31)
    end_of_last = datetime.combine(last, time(15), UTC)
    after = last + timedelta(days=5)
    year = str(last.year)
    for ask in (
        lambda: calendars.day0(end_of_last, "XSHG"),
        lambda: calendars.day0(datetime.combine(after, time(3), UTC), "XSHG"),
        lambda: calendars.sessions("XSHG", date(2026, 1, 1), after),
        lambda: calendars.shift("XSHG", date(2025, 1, 27), 5_000),
        lambda: calendars.hours("XSHG", after),
    ):
        with pytest.raises(InputError, match=rf"published only to 31 December {year}"):
            ask()


def test_new_york_has_sessions_through_2027() -> None:
    sessions = Calendars().sessions("XNYS", date(2027, 1, 1), date(2027, 12, 31))
    # 261 weekdays less ten holidays, Independence Day kept on Monday 5 July and Christmas
    # on Friday 24 December, and the new year of 2028 falling on a Saturday is not made up.
    assert len(sessions) == 251
    assert date(2027, 7, 5) not in set(sessions.date)


def test_lookups_in_2027_answer_as_today() -> None:
    # The library reads the clock while it is imported, so the clock is set in a process of
    # its own, before that.
    program = """
import datetime as real, pandas as pd
now = pd.Timestamp("2027-06-15 12:00")
pd.Timestamp.now = classmethod(lambda cls, tz=None: now if tz is None else now.tz_localize(tz))
class Clock(real.datetime):
    @classmethod
    def now(cls, tz=None): return cls(2027, 6, 15, 12, tzinfo=tz)
    @classmethod
    def today(cls): return cls(2027, 6, 15, 12)
real.datetime = Clock
import exchange_calendars.exchange_calendar as library
assert library.GLOBAL_DEFAULT_END.year == 2028, library.GLOBAL_DEFAULT_END
from analysis.calendars import Calendars
from analysis.desk import Desk
calendars = Calendars()
at = real.datetime(2025, 1, 20, 12, 19, 44, tzinfo=real.UTC)
for exchange in ("XSHG", "XNYS", "XTAI"):
    back = calendars.shift(exchange, real.date(2025, 1, 21), -2)
    print(exchange, calendars.day0(at, exchange), back)
print(calendars.sessions("XNYS", real.date(2027, 6, 14), real.date(2027, 6, 15)).size)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split("\n")[:4] == [
        "XSHG 2025-01-21 2025-01-17",
        "XNYS 2025-01-21 2025-01-16",
        "XTAI 2025-01-21 2025-01-17",
        "2",
    ]


def test_older_years_are_read_on_demand() -> None:
    sessions = Calendars().sessions("XNYS", date(2001, 9, 10), date(2001, 9, 17))
    assert [day.day for day in sessions] == [10, 17]


KOREA = """
import json, sys
from analysis.sessions import _read
for first, last in json.loads(sys.argv[1]):
    found = _read("XKRX", "XKRX", first, last, frozenset(), frozenset())
    held = found.days.astype(str), found.opens, found.closes
    print(json.dumps([column.tolist() for column in held]))
"""


def test_korea_has_the_librarys_sessions_whatever_was_asked_before() -> None:
    """Children's day and Buddha's birthday of 2025 share a day: a later one makes up for it.

    The library remembers for the life of a process which one; a calendar that ends before must
    not teach it another by looking beyond its end at some of the holidays alone.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        whole = exchange_calendars.get_calendar("XKRX", start="2007-01-01", end="2027-12-31")
    assert not whole.is_session("2025-05-06")
    asked = [(2021, 2023), (2021, 2027), (2007, 2013)]
    program = [sys.executable, "-c", KOREA, json.dumps(asked)]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    for (first, last), line in zip(asked, said, strict=True):
        held = whole.schedule.loc[str(first) : str(last)]
        days, opens, closes = json.loads(line)
        assert days == list(held.index.strftime("%Y-%m-%d"))
        assert opens == list(held["open"].dt.as_unit("ns").astype("int64"))
        assert closes == list(held["close"].dt.as_unit("ns").astype("int64"))


def test_the_exchanges_of_the_catalogue_are_names_of_the_library() -> None:
    assert set(exchange_calendars.get_calendar_names(include_aliases=False)) >= _USUAL
