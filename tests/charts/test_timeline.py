"""The time line of sessions: hours as given, day 0 apart, closures said.

Hours of 27 January 2025 in UTC: Tokyo 00:00 to 06:00, Hong Kong 01:30 to 08:00, New York 14:30
to 21:00 (the exchanges' own trading hours); Seoul was closed for the Lunar New Year until the
31st.
"""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.charts import session_timeline
from analysis.errors import InputError

SOURCE = "Source: exchange_calendars."
INSTANT = pd.Timestamp("2025-01-27T02:00", tz="UTC")
COLUMNS = ["exchange", "city", "open_utc", "close_utc", "is_day0", "label"]


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture
def sessions() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("XNYS", "New York", utc("2025-01-27T14:30"), utc("2025-01-27T21:00"), True, "Mon 27"),
            ("XNYS", "New York", utc("2025-01-28T14:30"), utc("2025-01-28T21:00"), False, "Tue 28"),
            ("XTKS", "Tokyo", utc("2025-01-27T00:00"), utc("2025-01-27T06:00"), True, "Mon 27"),
            ("XHKG", "Hong Kong", utc("2025-01-27T01:30"), utc("2025-01-27T08:00"), True, "Mon 27"),
            ("XKRX", "Seoul", utc("2025-01-31T00:00"), utc("2025-01-31T06:30"), True, "Fri 31"),
            ("XKRX", "Seoul", pd.NaT, pd.NaT, False, "27 to 30 Jan, Lunar New Year"),
        ],
        columns=COLUMNS,
    )


def bars(chart) -> list[tuple[str, str, str, float]]:
    """Every bar as (kind, city, opening, hours)."""
    axis = chart.figure.layout.yaxis
    cities = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    return [
        (trace.name, cities[y], base, width / 3_600_000)
        for trace in chart.figure.data
        for y, base, width in zip(trace.y, trace.base, trace.x, strict=True)
    ]


def test_every_session_is_a_bar_from_opening_to_close(sessions):
    drawn = bars(session_timeline(sessions, INSTANT, SOURCE))
    assert ("Day 0", "New York", "2025-01-27T14:30:00", 6.5) in drawn
    assert ("Session", "New York", "2025-01-28T14:30:00", 6.5) in drawn
    assert len(drawn) == 5


def test_exchanges_stand_in_the_order_in_which_the_day_reaches_them(sessions):
    cities = session_timeline(sessions, INSTANT, SOURCE).figure.layout.yaxis.ticktext
    assert cities == ("Seoul", "Tokyo", "Hong Kong", "New York")


def test_the_event_is_a_line_at_its_instant(sessions):
    layout = session_timeline(sessions, INSTANT, SOURCE).figure.layout
    assert layout.shapes[0].x0 == layout.shapes[0].x1 == "2025-01-27T02:00:00"
    assert "<b>event</b> 02:00" in [note.text for note in layout.annotations]


@pytest.mark.parametrize(
    "instant",
    ["2025-01-27T02:00Z", "2025-01-27 10:00+08:00", datetime(2025, 1, 27, 2)],
)
def test_the_instant_may_come_in_any_zone_and_without_one_is_utc(sessions, instant):
    chart = session_timeline(sessions, instant, SOURCE)
    assert chart.figure.layout.shapes[0].x0 == "2025-01-27T02:00:00"
    assert "became public at 02:00 UTC on 27 January 2025" in chart.caption


def test_an_event_whose_hour_is_not_recorded_is_not_dated_to_the_minute(sessions):
    placed = "Only the part of the day is known: placed at 10:00 in Shanghai."
    chart = session_timeline(sessions, INSTANT, SOURCE, placed=placed)
    assert placed in chart.caption
    assert "became public at" not in chart.caption
    assert [note.text for note in chart.figure.layout.annotations][
        -1
    ] == "<b>event</b>, about 02:00"


def test_an_event_without_an_instant_gets_no_line(sessions):
    chart = session_timeline(sessions, None, SOURCE)
    assert not chart.figure.layout.shapes
    assert "public" not in chart.caption


def test_closed_exchanges_are_marked_and_explained(sessions):
    chart = session_timeline(sessions, INSTANT, SOURCE)
    closed = [note for note in chart.figure.layout.annotations if note.text == "closed"]
    assert [note.y for note in closed] == [0]
    assert "Closed: Seoul (27 to 30 Jan, Lunar New Year)." in chart.caption


def test_an_exchange_that_never_opened_still_has_its_line(sessions):
    shut = pd.DataFrame([("XTAI", "Taipei", pd.NaT, pd.NaT, False, "holiday")], columns=COLUMNS)
    chart = session_timeline(pd.concat([sessions, shut]), None, SOURCE)
    assert chart.figure.layout.yaxis.ticktext[-1] == "Taipei"
    assert len([n for n in chart.figure.layout.annotations if n.text == "closed"]) == 2


def test_a_late_day_zero_is_pointed_out(sessions):
    caption = session_timeline(sessions, INSTANT, SOURCE).caption
    assert "More than a day after the first: Seoul (Fri 31)." in caption
    prompt = session_timeline(sessions.iloc[:4], INSTANT, SOURCE).caption
    assert "More than a day" not in prompt


def test_words_for_screen_readers_name_the_first_day_zero(sessions):
    assert session_timeline(sessions, INSTANT, SOURCE).alt == (
        "Sessions of 4 exchanges in UTC around the event of 2025-01-27 02:00; the first day 0 "
        "to open is Tokyo, 2025-01-27 00:00."
    )
    bare = session_timeline(sessions.assign(is_day0=None), INSTANT, SOURCE)
    assert bare.alt.endswith("none of them is a day 0.")


def test_the_table_lists_every_session_and_closure(sessions):
    table = session_timeline(sessions, INSTANT, SOURCE).table
    assert len(table) == 6
    seoul = table[table["Exchange"] == "Seoul"]
    assert seoul["Opens, UTC"].tolist() == ["2025-01-31 00:00", "closed"]
    assert seoul["Day 0"].tolist() == ["yes", ""]


def test_ticks_never_crowd_whatever_the_span(sessions):
    for late in ("2025-01-29", "2025-02-20", "2026-02-20", "2040-01-01"):
        sessions.loc[4, ["open_utc", "close_utc"]] = [utc(late), utc(f"{late}T06:00")]
        axis = session_timeline(sessions, INSTANT, SOURCE).figure.layout.xaxis
        assert 1 <= len(axis.tickvals) <= 6
        assert all(axis.range[0] <= tick <= axis.range[1] for tick in axis.tickvals)


def test_a_session_that_closes_before_it_opens_is_refused(sessions):
    sessions.loc[0, "close_utc"] = utc("2025-01-27T14:00")
    with pytest.raises(InputError, match="A session of XNYS closes at"):
        session_timeline(sessions, INSTANT, SOURCE)


def test_what_is_no_time_is_refused(sessions):
    with pytest.raises(InputError, match="'open_utc' of sessions does not hold times"):
        session_timeline(sessions.assign(open_utc="soon"), INSTANT, SOURCE)
    with pytest.raises(InputError, match="The instant 'soon' is not a time"):
        session_timeline(sessions, "soon", SOURCE)
    with pytest.raises(InputError, match=r"lacks the column\(s\) is_day0, label"):
        session_timeline(sessions.drop(columns=["is_day0", "label"]), INSTANT, SOURCE)


def test_no_session_at_all_is_said(sessions):
    for nothing in (sessions.head(0), sessions.tail(1)):
        chart = session_timeline(nothing, INSTANT, SOURCE)
        assert not chart.figure.data
        assert chart.caption == f"No session is known around the event. {SOURCE}"


def test_names_never_become_markup(sessions):
    evil = sessions.assign(city="<b>Gotham</b><script>", label="<i>Mon</i><script>")
    chart = session_timeline(evil, INSTANT, SOURCE)
    text = json.dumps(chart.figure_json())
    assert "<script" not in text
    assert "<i>" not in text
    assert "<script" not in chart.table_html()


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["XNYS", "XTKS", "XHKG"]),
            st.datetimes(datetime(2021, 1, 1), datetime(2026, 12, 31)),
            st.floats(0.5, 9),
            st.sampled_from([True, False, None]),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.one_of(st.none(), st.datetimes(datetime(2021, 1, 1), datetime(2026, 12, 31))),
)
def test_every_session_is_drawn_once_whatever_the_frame(rows, instant):
    frame = pd.DataFrame(
        [
            (
                mic,
                mic.lower(),
                pd.NaT if shut else pd.Timestamp(opened),
                pd.NaT if shut else pd.Timestamp(opened) + pd.Timedelta(hours=hours),
                zero,
                "day",
            )
            for mic, opened, hours, zero, shut in rows
        ],
        columns=COLUMNS,
    )
    chart = session_timeline(frame, instant, SOURCE)
    if chart.figure.data:
        assert len(bars(chart)) == sum(not row[4] for row in rows)
    else:
        assert all(row[4] for row in rows)
    assert chart._repr_mimebundle_()
