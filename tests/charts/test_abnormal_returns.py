"""Charts of single securities show the numbers that they were given, and nothing else.

The figures are those of 27 January 2025 and the later day 0 of Seoul and Taipei: adjusted closes
of the bundled snapshot, market model on the home index over (-250, -31), worked out with
numpy's least squares apart from the engine; p_bh is over the eight of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.charts import Chart, abnormal_by_security, largest_moves
from analysis.errors import InputError

MONDAY = Path(__file__).parent / "data" / "deepseek_monday.csv"
SOURCE = "Source: exchanges; as of 28 January 2025."
NUMBERS = ("raw", "market_adjusted", "abnormal", "se", "t", "df", "p_value", "p_bh")


@pytest.fixture
def monday() -> pd.DataFrame:
    frame = pd.read_csv(MONDAY, parse_dates=["day0"])
    return frame.assign(p_adjusted=frame["p_bh"], significant=frame["p_bh"] < 0.05)


def dots(chart: Chart) -> list[tuple[float, float]]:
    """Every marker drawn, as (x, y)."""
    return [
        (x, y)
        for trace in chart.figure_json()["data"]
        if trace["type"] == "scatter" and trace.get("mode") == "markers"
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if x is not None
    ]


def row_labels(chart: Chart) -> dict[float, str]:
    axis = chart.figure.layout.yaxis
    return dict(zip(axis.tickvals, axis.ticktext, strict=True))


def by_name(chart: Chart) -> dict[str, float]:
    names = row_labels(chart)
    return {names[y]: x for x, y in dots(chart)}


def test_every_abnormal_return_stands_on_the_line_of_its_security_in_per_cent(monday):
    drawn = by_name(abnormal_by_security(monday, "day 0", SOURCE))
    known = monday.dropna(subset="abnormal").set_index("name")["abnormal"]
    assert drawn == pytest.approx((100 * known).to_dict())
    assert drawn["Nvidia"] == pytest.approx(-12.9654)


def test_the_interval_is_students_with_the_degrees_of_freedom_of_the_security(monday):
    monday.loc[monday["name"] == "Nvidia", "df"] = 4.0
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    trace = next(item for item in chart.figure.data if item.name == "Chips and processors")
    assert trace.x == pytest.approx((-12.9654, -2.7239))
    nvidia, amd = 100 * stats.t.ppf(0.975, 4) * 0.026199, 100 * stats.t.ppf(0.975, 218) * 0.024132
    assert trace.error_x.array == pytest.approx((nvidia, amd))


def test_without_degrees_of_freedom_the_interval_is_normal(monday):
    monday["df"] = np.nan
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    trace = next(item for item in chart.figure.data if item.name == "Networking")
    assert trace.error_x.array[0] == pytest.approx(100 * stats.norm.ppf(0.975) * 0.021738)


def test_filled_marks_are_those_whose_interval_excludes_zero(monday):
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    names = row_labels(chart)
    filled, hollow = set(), set()
    for trace in chart.figure.data:
        if trace.x[0] is not None:
            for y, symbol in zip(trace.y, trace.marker.symbol, strict=True):
                (hollow if symbol.endswith("-open") else filled).add(names[y])
    # |t| against the 97.5 % quantile of t(218), 1.971: AMD 1.13 and Microsoft 0.37 stay below.
    assert hollow == {"AMD", "Microsoft"}
    assert filled == {
        "Nvidia", "TSMC (New York)", "Micron", "Broadcom", "Meta", "SK hynix",
    }  # fmt: skip
    legend = [trace.name for trace in chart.figure.data if trace.showlegend is not False]
    assert legend == ["95 % interval excludes zero", "95 % interval includes zero"]


@pytest.mark.parametrize("se", [np.nan, 0.0, -0.01, np.inf])
def test_a_security_without_a_standard_error_is_drawn_without_an_interval(monday, se):
    monday.loc[monday["name"] == "Nvidia", "se"] = se
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    trace = next(item for item in chart.figure.data if item.name == "Chips and processors")
    assert trace.error_x.array[0] == 0
    assert trace.marker.symbol[0] == "circle-open-dot"
    assert "no interval" in [item.name for item in chart.figure.data]


def test_securities_stand_under_their_role_sorted_within_it(monday):
    labels = list(row_labels(abnormal_by_security(monday, "day 0", SOURCE)).values())
    assert labels == [
        "<b>Networking</b>", "Broadcom",
        "<b>Foundries</b>", "TSMC (New York)",
        "<b>Memory</b>", "SK hynix", "Micron",
        "<b>Chips and processors</b>", "Nvidia", "AMD",
        "<b>Cloud</b>", "Microsoft", "Meta",
    ]  # fmt: skip


def test_lines_do_not_share_a_place(monday):
    for chart in (abnormal_by_security(monday, "day 0", SOURCE), largest_moves(monday, SOURCE)):
        places = list(chart.figure.layout.yaxis.tickvals)
        assert places == list(range(len(places)))


def test_direct_labels_repeat_the_numbers_with_one_decimal(monday):
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    names, right = row_labels(chart), chart.figure.layout.yaxis2
    told = {names[y]: text for y, text in zip(right.tickvals, right.ticktext, strict=True)}
    assert told["Nvidia"] == "−13.0"
    assert told["Meta"] == "+4.2"
    assert len(told) == 8
    # plotly leaves out an axis without a trace of its own.
    assert any(trace.yaxis == "y2" for trace in chart.figure.data)


def test_what_has_no_abnormal_return_is_named_in_the_caption(monday):
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    assert "Without an abnormal return, so not drawn: TSMC." in chart.caption
    assert "TSMC" not in by_name(chart)


@pytest.mark.parametrize(
    ("sign", "title"),
    [
        (-1, "Who fell more than the market can explain?"),
        (1, "Who rose more than the market can explain?"),
        (0, "Who moved more than the market can explain?"),
    ],
)
def test_the_title_follows_the_direction_of_the_moves(monday, sign, title):
    size = monday["abnormal"].abs()
    turns = np.where(np.arange(len(monday)) % 2, 1, -1)
    monday["abnormal"] = size * (sign or turns)
    assert abnormal_by_security(monday, "day 0", SOURCE).title == title


def test_the_title_of_one_security_names_it(monday):
    nvidia = monday[monday["name"] == "Nvidia"]
    chart = abnormal_by_security(nvidia, "day 0", SOURCE, explained_by="its average")
    assert chart.title == "Did Nvidia fall more than its average can explain?"
    assert "by chance" not in chart.caption
    assert list(row_labels(chart).values()) == ["Nvidia"]


def test_the_caption_warns_of_many_intervals_and_closes_with_the_source(monday):
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    assert "among 8, about 0.4 would exclude zero by chance" in chart.caption
    assert "Day 0 lies between 27\u00a0Jan\u00a02025 and 31\u00a0Jan\u00a02025" in chart.caption
    assert chart.caption.endswith(SOURCE)
    assert "signific" not in (chart.title + chart.caption + chart.alt).lower()


def test_words_for_screen_readers_give_both_ends(monday):
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    assert chart.alt == (
        "Dot plot of 8 abnormal returns, day 0, from −13.6\u202f% (Broadcom) to +4.2\u202f% "
        "(Meta); 6 of 8 with a 95 % interval that excludes zero."
    )


def test_the_table_under_the_chart_holds_the_same_numbers(monday):
    table = abnormal_by_security(monday, "day 0", SOURCE).table.set_index("Security")
    assert table.loc["Nvidia", "Abnormal return, %"] == "−12.97"
    assert table.loc["Nvidia", "95 % low, %"] == "−18.13"
    assert table.loc["Nvidia", "95 % high, %"] == "−7.80"
    assert table.loc["Nvidia", "p"] == "< 0.001"
    assert table.loc["Meta", "p"] == "0.043"
    assert table.loc["SK hynix", "Day 0"] == "31\u00a0Jan\u00a02025"


def test_a_note_shows_when_the_reader_points_at_the_security(monday):
    monday["note"] = ["<i>halted</i>", *[None] * 8]
    chart = abnormal_by_security(monday, "day 0", SOURCE)
    hover = next(
        item for item in chart.figure.data if item.name == "Chips and processors"
    ).hovertext
    assert hover[0].endswith("&lt;i&gt;halted&lt;/i&gt;")
    assert "None" not in hover[1]


def test_raw_and_abnormal_return_of_a_security_share_its_row(monday):
    chart = largest_moves(monday, SOURCE, own=["NVDA"])
    names = row_labels(chart)
    raw = next(item for item in chart.figure.data if item.name == "Raw return")
    drawn = {names[y]: x for x, y in zip(raw.x, raw.y, strict=True)}
    known = monday[monday["abnormal"].notna()].set_index("name")
    assert drawn.pop("<b>Nvidia</b>") == pytest.approx(100 * known.loc["Nvidia", "raw"])
    assert drawn == pytest.approx((100 * known["raw"].drop("Nvidia")).to_dict())
    own = next(item for item in chart.figure.data if item.name.endswith("named by the event"))
    assert own.x == pytest.approx([100 * known.loc["Nvidia", "abnormal"]])
    assert own.marker.symbol != raw.marker.symbol


def test_moves_are_sorted_by_size_with_their_numbers_and_marks(monday):
    chart = largest_moves(monday, SOURCE, own=["NVDA"], confounded=["AVGO"])
    known = monday[monday["abnormal"].notna()].sort_values("abnormal")
    labels = list(row_labels(chart).values())
    assert [label.strip("<b>/ †") for label in labels] == list(known["name"])
    assert labels[0] == "Broadcom †"
    assert "† Other news of its own in the session." in chart.caption
    numbers = chart.figure.layout.yaxis2.ticktext
    assert numbers[0] == "<b>abnormal</b>"
    starred = [text.endswith("*") for text in numbers[1:]]
    assert starred == known["significant"].to_list()


def test_of_many_moves_the_largest_and_the_events_own_are_drawn(monday):
    many = pd.concat(
        [monday.assign(security=monday["security"] + f".{n}", event_id="e") for n in range(5)]
    )
    small = "MSFT.0"
    chart = largest_moves(many, SOURCE, own=[small])
    assert len(chart.table) == 20
    assert small in set(chart.table["Ticker"])
    assert "20 of 40 securities" in chart.caption
    # Of the others those that are significant come first, whatever their size.
    odd = many.assign(significant=many["security"].eq("AMD.3"))
    assert {"AMD.3", small} <= set(largest_moves(odd, SOURCE, own=[small]).table["Ticker"])


@pytest.mark.parametrize("rows", [0, 9])
def test_nothing_to_draw_is_said_instead_of_an_empty_frame(monday, rows):
    empty = monday.head(rows).assign(raw=np.nan, market_adjusted=np.nan, abnormal=np.nan)
    for chart in (abnormal_by_security(empty, "day 0", SOURCE), largest_moves(empty, SOURCE)):
        assert not chart.figure.data
        assert chart.figure.layout.annotations[0].text in chart.caption
        assert chart.alt.startswith("No chart: ")
        assert SOURCE in chart.caption


def test_events_are_told_apart_when_a_security_comes_twice(monday):
    other = monday.assign(event_id="h20-filing", abnormal=monday["abnormal"] / 2)
    both = pd.concat([monday, other])
    chart = abnormal_by_security(both, "day 0", SOURCE)
    assert by_name(chart)["Nvidia, ds-appstore-1"] == pytest.approx(-12.9654)
    assert by_name(chart)["Nvidia, h20-filing"] == pytest.approx(-12.9654 / 2)


def test_a_missing_column_is_named(monday):
    with pytest.raises(InputError, match=r"securities lacks the column\(s\) se, df; it has event"):
        abnormal_by_security(monday.drop(columns=["se", "df"]), "day 0", SOURCE)
    with pytest.raises(InputError, match=r"lacks the column\(s\) raw"):
        largest_moves(monday.drop(columns="raw"), SOURCE)


def test_text_where_numbers_belong_is_refused(monday):
    with pytest.raises(InputError, match="'abnormal' of securities does not hold numbers"):
        abnormal_by_security(monday.assign(abnormal="much"), "day 0", SOURCE)
    with pytest.raises(InputError, match="securities is a list"):
        abnormal_by_security([1], "day 0", SOURCE)


def test_the_frame_given_is_left_as_it_was(monday):
    before = monday.copy(deep=True)
    abnormal_by_security(monday, "day 0", SOURCE)
    largest_moves(monday, SOURCE)
    pd.testing.assert_frame_equal(monday, before)


def test_names_from_outside_never_become_markup(monday):
    evil = "<b>Bold</b><script>alert(1)</script>"
    monday.loc[0, ["name", "role", "security"]] = [evil, "<i>role</i>", "<a href='x'>T</a>"]
    for chart in (abnormal_by_security(monday, "day 0", SOURCE), largest_moves(monday, SOURCE)):
        figure = json.dumps(chart.figure_json())
        for tag in ("<script", "<i>", "<a ", "<b>Bold"):
            assert tag not in figure
            assert tag not in chart.table_html()
        assert "&lt;b&gt;Bold" in figure


maybe = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32))
decimal = st.one_of(st.just(float("nan")), st.floats(-0.9, 3))
text = st.one_of(st.none(), st.text(max_size=30), st.sampled_from(["gpu", "memory", "Nvidia"]))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 12))
    columns = {
        name: draw(st.lists(text, min_size=size, max_size=size))
        for name in ("event_id", "security", "name", "role", "bloc", "exchange")
    }
    for name in ("raw", "market_adjusted", "abnormal"):
        columns[name] = draw(st.lists(decimal, min_size=size, max_size=size))
    for name in ("se", "t", "df", "p_value", "p_bh"):
        columns[name] = draw(st.lists(maybe, min_size=size, max_size=size))
    days = st.sampled_from([None, "2025-01-27", pd.Timestamp("2025-01-31"), pd.NaT])
    columns["day0"] = draw(st.lists(days, min_size=size, max_size=size))
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


@settings(max_examples=60)
@given(frames())
def test_every_finite_abnormal_return_is_drawn_once_whatever_the_frame(frame):
    chart = abnormal_by_security(frame, "day 0", SOURCE)
    values = pd.to_numeric(frame["abnormal"]).astype(float)
    wanted = sorted(100 * values[np.isfinite(values)])
    assert sorted(x for x, _ in dots(chart)) == pytest.approx(wanted)
    assert chart._repr_mimebundle_()
    assert chart.title.endswith("?")


@settings(max_examples=60)
@given(frames())
def test_every_finite_move_is_drawn_with_its_raw_return_whatever_the_frame(frame):
    flagged = frame.assign(p_adjusted=frame["p_bh"], significant=False)
    chart = largest_moves(flagged, SOURCE)
    values = frame[["raw", "abnormal"]].astype(float)
    values = values[np.isfinite(values["abnormal"])].to_numpy()
    wanted = sorted(100 * values[np.isfinite(values)])
    assert sorted(x for x, _ in dots(chart)) == pytest.approx(wanted)
    assert chart._repr_mimebundle_()


def test_in_a_notebook_a_chart_has_its_title_and_on_a_page_none(monday):
    bundle = abnormal_by_security(monday, "day 0", SOURCE)._repr_mimebundle_()
    plotly = bundle["application/vnd.plotly.v1+json"]["layout"]
    ours = bundle["application/vnd.faultline.chart+json"]["figure"]["layout"]
    assert plotly["title"]["text"].startswith("Who ")
    assert plotly["height"] == ours["height"] + 40
    assert "title" not in ours or not ours["title"].get("text")
