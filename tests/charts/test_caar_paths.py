"""Paths of the CAAR: every number once, bands where they are known, day 0 marked."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.charts import ROLES, Chart, caar_paths
from analysis.charts.axes import labels_apart
from analysis.errors import InputError

SOURCE = "Source: exchanges; as of 28 January 2025."


def paths(groups: dict[str, list[float]], half: float = 0.02) -> pd.DataFrame:
    """Made-up paths over -1..n with a band of ±half."""
    rows = [
        (group, day, value, value - half, value + half, 3)
        for group, values in groups.items()
        for day, value in enumerate(values, start=-1)
    ]
    return pd.DataFrame(rows, columns=["group", "day", "caar", "low", "high", "n"])


def lines(chart: Chart) -> dict[str, list[tuple[int, float | None]]]:
    return {
        trace["name"]: list(zip(trace["x"], trace["y"], strict=True))
        for trace in chart.figure_json()["data"]
        if trace.get("mode") == "lines+markers"
    }


def bands(chart: Chart) -> list[dict]:
    return [item for item in chart.figure_json()["data"] if item.get("fill") == "toself"]


FELL = {"gpu": [0.01, -0.13, -0.10], "memory": [0.0, -0.08, -0.09]}
SIX = {role: [0.01 * place, -0.05, -0.04] for place, role in enumerate(list(ROLES)[:6])}


def test_each_group_is_a_line_of_its_numbers_in_per_cent():
    drawn = lines(caar_paths(paths(FELL), SOURCE))
    assert drawn["Chips and processors"] == [(-1, 1.0), (0, -13.0), (1, -10.0)]
    assert [y for _, y in drawn["Memory"]] == pytest.approx([0, -8, -9])


def test_a_band_runs_along_both_ends_of_the_interval():
    band = bands(caar_paths(paths({"gpu": [0.0, -0.13, -0.10]}), SOURCE))[0]
    assert band["x"] == [-1, 0, 1, 1, 0, -1, None]
    assert band["y"][:-1] == pytest.approx([2, -11, -8, -12, -15, -2])


def test_a_hole_in_the_interval_breaks_the_band_and_not_the_line():
    frame = paths({"gpu": [0.0, -0.1, -0.1, -0.1]})
    frame.loc[1, "low"] = np.nan
    chart = caar_paths(frame, SOURCE)
    assert bands(chart)[0]["x"] == [-1, -1, None, 1, 2, 2, 1, None]
    assert len(lines(chart)["Chips and processors"]) == 4


def test_without_intervals_no_band_is_drawn_or_spoken_of():
    chart = caar_paths(paths(FELL).assign(low=np.nan, high=np.nan), SOURCE)
    assert not bands(chart)
    assert "band" not in chart.caption


def test_a_missing_day_leaves_a_gap():
    chart = caar_paths(paths({"gpu": [0.0, np.nan, -0.1]}), SOURCE)
    assert lines(chart)["Chips and processors"][1] == (0, None)
    assert "Infinity" not in json.dumps(chart.figure_json())


def test_the_end_of_each_line_names_it_and_its_value():
    axis = caar_paths(paths(FELL), SOURCE).figure.layout.yaxis2
    assert [text.split("</span>")[1] for text in axis.ticktext] == [
        " Chips and processors<br>−10.0",
        " Memory<br>−9.0",
    ]
    assert axis.tickvals[1] - axis.tickvals[0] > 1


def test_labels_are_pushed_apart_without_losing_their_order():
    assert labels_apart([0.0, 0.1, 9.0], 1.0) == pytest.approx([-0.3, 0.7, 8.7])
    assert labels_apart([5.0, 1.0], 1.0) == [5.0, 1.0]


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(0.1, 10))
def test_labels_keep_their_distance_and_their_middle(values, distance):
    apart = labels_apart(values, distance)
    ordered = sorted(apart)
    assert all(b - a >= distance - 1e-9 for a, b in pairwise(ordered))
    assert np.mean(apart) == pytest.approx(np.mean(values), abs=1e-9)


def test_many_groups_get_a_panel_each_on_one_scale():
    chart = caar_paths(paths(SIX), SOURCE)
    layout = chart.figure_json()["layout"]
    axes = [layout[name] for name in layout if name.startswith("yaxis")]
    assert len(axes) == 6
    assert len({tuple(axis["range"]) for axis in axes}) == 1
    assert len({trace.xaxis for trace in chart.figure.data}) == 6
    titles = [note["text"] for note in layout["annotations"]]
    assert titles[0] == "<b>Chips and processors</b><br>−4.0\u202f%, n 3"
    assert len(layout["shapes"]) == 6


def test_panels_never_overlap():
    layout = caar_paths(paths(SIX), SOURCE).figure_json()["layout"]
    spans = [
        (tuple(layout[f"xaxis{n}"]["domain"]), tuple(layout[f"yaxis{n}"]["domain"]))
        for n in ("", 2, 3, 4, 5, 6)
    ]
    for across, upright in spans:
        assert 0 <= across[0] < across[1] <= 1
        assert 0 <= upright[0] < upright[1] <= 1
    left = sorted(upright for across, upright in spans if across[0] == 0)
    assert all(above[0] > below[1] for below, above in pairwise(left))


def test_one_wide_band_does_not_flatten_the_paths():
    frame = paths(SIX)
    frame.loc[0, ["low", "high"]] = [-0.9, 0.9]
    chart = caar_paths(frame, SOURCE)
    low, high = chart.figure.layout.yaxis.range
    assert high - low < 25
    assert "A band that reaches beyond the scale is cut there." in chart.caption
    assert "cut" not in caar_paths(paths(SIX, 0.001), SOURCE).caption


def test_the_scale_holds_every_path_and_zero():
    low, high = caar_paths(paths({"gpu": [-0.2, -0.3, -0.25]}), SOURCE).figure.layout.yaxis.range
    assert low < -30
    assert high > 0


def test_day_zero_is_marked():
    shape = caar_paths(paths(FELL), SOURCE).figure.layout.shapes[0]
    assert (shape.x0, shape.x1) == (0, 0)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ([0.0, -0.1, -0.1], "Did the fall last?"),
        ([0.0, 0.1, 0.0], "Did the rise last?"),
        ([0.0, np.nan, 0.1], "Did the move last?"),
    ],
)
def test_the_title_asks_after_what_day_zero_did(values, title):
    assert caar_paths(paths({"gpu": values}), SOURCE).title == title


def test_a_window_that_starts_on_day_zero_counts_from_nothing():
    frame = paths({"gpu": [-0.1, -0.2]}).assign(day=[0, 1])
    assert caar_paths(frame, SOURCE).title == "Did the fall last?"


def test_roles_keep_their_colour_and_other_groups_take_one_that_is_free():
    chart = caar_paths(paths({"all": [0, 1, 2], "gpu": [0, 1, 2], "us": [0, 1, 2]}), SOURCE)
    colours = {t.name: t.line.color for t in chart.figure.data if t.mode == "lines+markers"}
    dashes = {t.line.dash for t in chart.figure.data if t.mode == "lines+markers"}
    assert colours["Chips and processors"] == ROLES["gpu"].colour
    assert set(colours) == {"All securities", "Chips and processors", "us"}
    assert len(set(colours.values())) == len(dashes) == 3


def test_the_table_has_one_row_per_group_and_day():
    table = caar_paths(paths(FELL), SOURCE).table
    assert len(table) == 6
    assert table.loc[1].tolist() == ["gpu", "0", "−13.00", "−15.00", "−11.00", "3"]


def test_words_for_screen_readers_name_every_group_and_where_it_ended():
    assert caar_paths(paths(FELL), SOURCE).alt == (
        "Lines of the CAAR of 2 groups, which reach by day +1: "
        "gpu −10.0\u202f% and memory −9.0\u202f%."
    )


def test_groups_without_any_number_vanish_and_none_at_all_is_said():
    frame = paths(FELL)
    frame.loc[frame["group"] == "gpu", "caar"] = np.nan
    assert list(lines(caar_paths(frame, SOURCE))) == ["Memory"]
    for nothing in (frame.head(0), frame.assign(caar=np.nan)):
        assert not caar_paths(nothing, SOURCE).figure.data


def test_group_names_never_become_markup():
    many = {f"<b>{place}</b><script>": [0.0, 0.1, 0.2] for place in range(5)}
    for groups in (many, dict(list(many.items())[:2])):
        chart = caar_paths(paths(groups), SOURCE)
        text = json.dumps(chart.figure_json())
        assert "<script" not in text
        assert "<b>0" not in text
        assert "<script" not in chart.table_html()


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match=r"paths lacks the column\(s\) low"):
        caar_paths(paths(FELL).drop(columns="low"), SOURCE)


number = st.one_of(st.none(), st.floats(-2, 2), st.just(float("inf")))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["all", "gpu", "us", "<b>", "", "memory", "cloud"]),
            st.integers(-8, 8),
            number,
            number,
            number,
            st.integers(0, 60),
        ),
        max_size=40,
        unique_by=lambda row: row[:2],
    )
)
def test_every_finite_caar_is_drawn_once_whatever_the_frame(rows):
    frame = pd.DataFrame(rows, columns=["group", "day", "caar", "low", "high", "n"])
    chart = caar_paths(frame, SOURCE)
    drawn = [
        y
        for trace in chart.figure_json()["data"]
        if trace.get("mode") == "lines+markers"
        for y in trace["y"]
        if y is not None
    ]
    wanted = [100 * row[2] for row in rows if row[2] is not None and np.isfinite(row[2])]
    assert sorted(drawn) == pytest.approx(sorted(wanted))
    assert chart._repr_mimebundle_()
