"""Tables of a briefing: right numbers, recommended tests first, text that stays text.

Returns are those of 27 January 2025; see `test_charts_securities` for where they come from.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.charts import Table, event_table, security_table, skipped_table
from analysis.charts import test_table as battery_table
from analysis.charts.group_table import family_table
from analysis.charts.markup import TABLE_CSS, build, plain_table
from analysis.errors import InputError

MONDAY = Path(__file__).parent / "data" / "deepseek_monday.csv"
EVIL = "<b>x</b><script>alert(1)</script>"


@pytest.fixture
def monday() -> pd.DataFrame:
    frame = pd.read_csv(MONDAY, parse_dates=["day0"])
    return frame.assign(p_adjusted=frame["p_bh"])


@pytest.fixture
def cars(monday) -> dict[tuple[int, int], pd.DataFrame]:
    index = pd.MultiIndex.from_frame(monday[["event_id", "security"]])
    car = pd.DataFrame({"car": -0.0926, "t": -2.0, "p_value": 0.0468}, index=index[:3])
    return {(0, 0): car, (-1, 1): car}


def battery(groups=("all",), windows=((0, 0),)) -> pd.DataFrame:
    names = ["sign", "patell_z", "grank_overlap", "kolari_pynnonen_t", "permutation", "bmp_t"]
    rows = [
        (group, *window, test, -2.125, 29.0 if test.endswith("_t") else None, 0.0004, 0.0421)
        for group in groups
        for window in windows
        for test in names
    ]
    columns = ["group", "window_start", "window_end", "test", "statistic", "df", "p_value", "p_bh"]
    return pd.DataFrame(rows, columns=columns).assign(p_holm=0.5, n=30, reason="")


def parsed(table: Table | str) -> ET.Element:
    """The markup as a tree: it must be well-formed to get here."""
    return ET.fromstring(table if isinstance(table, str) else table.markup)


def rows_of(table: Table) -> dict[str, list[str]]:
    """Row heading to the texts of its cells."""
    return {
        row.find("th").text: [cell.text or "" for cell in row.findall("td")]
        for row in parsed(table).iter("tr")
        if row.find("th") is not None and row.find("th").get("scope") == "row"
    }


def headings_of(table: Table) -> list[str]:
    return [
        cell.text for cell in parsed(table).iter("th") if cell.get("class") == "gt_group_heading"
    ]


def test_a_security_has_its_returns_in_per_cent_and_its_p_values(monday, cars):
    row = rows_of(security_table(monday, cars))["Nvidia"]
    assert row == [
        "NVDA", "27\u00a0Jan", "−16.97", "−15.51", "−12.97", "−4.95", "< 0.001", "< 0.001",
        "−9.26", "−2.00", "0.047",
    ]  # fmt: skip


def test_what_was_not_computed_has_a_dash_and_never_a_zero(monday, cars):
    row = rows_of(security_table(monday, cars))["TSMC"]
    assert row[2:] == ["−5.73", *["–"] * 8]


def test_day_zero_of_the_car_is_not_repeated(monday, cars):
    table = security_table(monday, cars)
    assert [name for name in table.frame if name.startswith("CAR")] == ["CAR (−1, +1)"]


def test_a_common_day_zero_stands_in_the_note_and_not_in_every_row(monday):
    table = security_table(monday[monday["bloc"] == "us"])
    assert "Day 0" not in table.frame
    assert "Day 0 is 27\u00a0Jan\u00a02025." in table.markup
    assert "Day 0" in security_table(monday).frame


def test_securities_are_grouped_by_role(monday):
    assert headings_of(security_table(monday)) == [
        "Networking", "Foundries", "Memory", "Chips and processors", "Cloud",
    ]  # fmt: skip


def test_numbers_are_set_to_the_right_with_the_same_decimals(monday, cars):
    table = security_table(monday, cars)
    for row in parsed(table).iter("tr"):
        cells = row.findall("td")
        if len(cells) == 11:
            assert all("gt_right" in cell.get("class") for cell in cells[2:])
            assert all(cell.text[-3] == "." for cell in cells[2:6] if cell.text != "–")


def test_no_number_carries_a_hyphen_for_a_minus_or_a_star(monday, cars):
    for table in (security_table(monday, cars), battery_table(battery())):
        cells = [cell.text or "" for cell in parsed(table).iter("td")]
        assert not any(text.startswith("-") or "*" in text for text in cells)


def test_every_head_and_row_is_announced_with_its_scope(monday, cars):
    tree = parsed(security_table(monday, cars))
    assert tree[0].tag == "caption"
    assert all(cell.get("scope") for cell in tree.iter("th"))
    # What every cell would repeat stays out; it was most of a page's tables.
    assert not [cell for cell in tree.iter() if cell.get("id") or cell.get("headers")]


def test_several_events_are_told_apart(monday):
    both = pd.concat([monday, monday.assign(event_id="h20")])
    assert "Nvidia, h20" in rows_of(security_table(both))


def test_a_car_frame_without_its_index_or_columns_is_refused(monday, cars):
    with pytest.raises(InputError, match=r"window \(−1, \+1\) must be indexed by \(event_id"):
        security_table(monday, {(-1, 1): cars[(-1, 1)].reset_index()})
    with pytest.raises(InputError, match=r"window \(−1, \+1\) lacks the column\(s\) t"):
        security_table(monday, {(-1, 1): cars[(-1, 1)].drop(columns="t")})


def test_the_recommended_tests_lead_and_are_named_as_such():
    names = list(rows_of(battery_table(battery())))
    assert names == [
        "Kolari–Pynnönen t (recommended)",
        "Permutation over placebo dates (recommended)",
        "Generalized rank, overlap-weighted (recommended)",
        "Patell z",
        "Boehmer–Musumeci–Poulsen t",
        "Sign",
    ]


def test_a_test_shows_its_statistic_and_both_adjusted_p_values():
    rows = rows_of(battery_table(battery()))
    assert rows["Boehmer–Musumeci–Poulsen t"] == ["−2.12", "29", "< 0.001", "0.500", "0.042", "30"]
    assert rows["Sign"][1] == ""


def test_single_groups_show_the_recommended_tests_alone():
    table = battery_table(battery(groups=("gpu", "all"), windows=((0, 0), (-1, 1))))
    assert headings_of(table) == [
        "All securities, day 0",
        "All securities, days −1 to +1",
        "Chips and processors, day 0",
        "Chips and processors, days −1 to +1",
    ]
    assert len(table.frame) == 2 * 6 + 2 * 3
    assert "Single groups: the recommended tests alone." in table.markup


def test_without_a_pooled_group_every_test_is_shown():
    table = battery_table(battery(groups=("gpu", "memory")))
    assert len(table.frame) == 12
    assert "Single groups" not in table.markup


def test_a_test_that_failed_gives_its_reason():
    frame = battery()
    frame.loc[0, ["statistic", "p_value", "reason"]] = [np.nan, np.nan, f"fewer than 12 {EVIL}"]
    table = battery_table(frame)
    assert rows_of(table)["Sign"][-1] == f"fewer than 12 {EVIL}"
    assert "<script" not in table.markup
    assert "Remark" not in battery_table(battery()).frame


def test_the_windows_of_one_reason_share_a_line():
    skipped = pd.DataFrame(
        {
            "event_id": "ds",
            "security": ["2330.TW", "6857.T", "6857.T"],
            "window_start": [None, 0, -1],
            "window_end": [None, 0, 1],
            "reason": ["no home benchmark", "a hole in the window", "a hole in the window"],
        }
    )
    rows = rows_of(skipped_table(skipped))
    assert rows == {
        "2330.TW": ["every window", "no home benchmark"],
        "6857.T": ["day 0; days −1 to +1", "a hole in the window"],
    }
    assert "Event" in skipped_table(pd.concat([skipped, skipped.assign(event_id="h20")])).frame


def test_the_event_is_told_in_the_order_given_without_blanks():
    facts = pd.DataFrame({"fact": ["Event", "Notes", "Status"], "value": [EVIL, None, "official"]})
    table = event_table(facts)
    assert rows_of(table) == {"Event": [EVIL], "Status": ["official"]}
    assert "<script" not in table.markup
    assert event_table({"Event": EVIL, "Status": "official"}).markup == table.markup


def test_nothing_to_tell_is_said_in_a_sentence(monday):
    assert battery_table(battery().head(0)).markup == "<p>No test was run.</p>"
    assert (
        "Nothing was skipped."
        in skipped_table(
            pd.DataFrame(columns=["event_id", "security", "window_start", "window_end", "reason"])
        )._repr_html_()
    )
    assert "No security" in security_table(monday.head(0)).markup
    assert "Nothing is known" in event_table({}).markup


def test_missing_columns_are_named(monday):
    for build_it, frame, column in (
        (security_table, monday, "raw"),
        (battery_table, battery(), "p_holm"),
        (event_table, pd.DataFrame({"fact": [], "value": []}), "value"),
    ):
        with pytest.raises(InputError, match=f"lacks the column.s. {column}"):
            build_it(frame.drop(columns=column))


def test_names_never_become_markup(monday, cars):
    monday.loc[0, ["name", "role", "security"]] = [EVIL, "<i>role</i>", "<a href='x'>T</a>"]
    markup = security_table(monday, cars).markup
    assert "<script" not in markup
    assert "<i>" not in markup
    assert "&lt;b&gt;x" in markup


def test_the_same_frame_gives_the_same_bytes(monday, cars):
    assert security_table(monday, cars)._repr_html_() == security_table(monday, cars)._repr_html_()
    frame = pd.DataFrame({"Name": ["a"], "Value": ["+1.00"]})
    assert plain_table(frame, "c", "data-x") == plain_table(frame, "c", "data-x")


def test_the_markup_brings_no_colour_script_or_address(monday, cars):
    html = security_table(monday, cars)._repr_html_()
    for bad in ("<script", "http", "#fff", "#FFF", "#333", "url(", "style="):
        assert bad not in html
    assert html.count("<style>") == 1
    assert "@media print" in TABLE_CSS
    assert "overflow-x:auto" in TABLE_CSS


def test_only_columns_of_numbers_are_set_to_the_right():
    frame = pd.DataFrame(
        {
            "Name": ["a", "b"],
            "Number": ["−1.00", "–"],
            "Small": ["< 0.001", "0.5"],
            "Date": ["2025-01-27 00:00", "x"],
            "Blank": ["", "–"],
        }
    )
    row = next(parsed(plain_table(frame, "c", "data-x")).find("tbody").iter("tr"))
    right = ["gt_right" in cell.get("class") for cell in row.findall("td")]
    assert right == [True, True, False, False]


def test_a_key_that_is_no_slug_is_refused():
    with pytest.raises(InputError, match="not a slug"):
        build(pd.DataFrame({"a": ["b"]}), "caption", "A key")


def test_text_form_carries_caption_and_cells(monday):
    text = repr(security_table(monday))
    assert text.startswith("Returns on day 0")
    assert "−16.97" in text


def test_the_frame_given_is_left_as_it_was(monday, cars):
    before, frame = monday.copy(deep=True), battery()
    security_table(monday, cars)
    battery_table(frame)
    pd.testing.assert_frame_equal(monday, before)
    pd.testing.assert_frame_equal(frame, battery())


def families() -> pd.DataFrame:
    """Families of 27 January 2025: CAAR and interval made up, in the engine's form."""
    rows = [
        ("gpu", 0, 0, 3, -0.0785, -0.11, -0.04, 0.0002, 0.0021),
        ("power", 0, 0, 4, -0.2301, -0.27, -0.19, 0.0, 0.0),
        ("all", 0, 0, 30, -0.0611, -0.08, -0.04, 0.0, None),
        ("gpu", -1, 1, 3, -0.05, -0.11, 0.01, 0.1, 0.4),
        ("memory", 0, 0, 0, None, None, None, None, None),
    ]
    columns = ["group", "window_start", "window_end", "n", "caar", "low", "high", "p_value"]
    return pd.DataFrame(rows, columns=[*columns, "p_holm"])


def test_families_stand_below_all_securities_hardest_hit_first():
    table = family_table(families())
    assert headings_of(table) == ["Day 0", "Days −1 to +1"]
    assert table.frame["Group"].tolist() == [
        "All securities", "Power", "Chips and processors", "Chips and processors",
    ]  # fmt: skip
    assert rows_of(table)["Power"] == ["4", "−23.01", "−27.00", "−19.00", "< 0.001", "< 0.001"]


def test_no_measured_family_is_said():
    assert "No group could be measured." in family_table(families().tail(1)).markup


def test_a_folded_table_opens_on_a_click(monday):
    table = replace(security_table(monday), folded="The rest")
    assert table._repr_html_().startswith("<details><summary>The rest</summary><div")
    assert table._repr_html_().endswith("</div></details>")
