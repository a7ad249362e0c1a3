"""The heat map shows every abnormal return in its cell and every hole as a hole.

The figures are the abnormal returns of 27 January 2025 and the days around it, rounded; see
`test_charts_securities` for where they come from.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.charts import Chart, day_heatmap
from analysis.errors import InputError

SOURCE = "Source: exchanges; as of 28 January 2025."
ROLES = {"Nvidia": "gpu", "AMD": "gpu", "Micron": "memory"}


@pytest.fixture
def abnormal() -> pd.DataFrame:
    return pd.DataFrame(
        [[-0.0246, -0.1297, 0.0616], [0.0082, -0.0272, np.nan], [-0.0082, -0.0832, -0.0510]],
        index=["Nvidia", "AMD", "Micron"],
        columns=[-1, 0, 1],
    )


def cells(chart: Chart) -> dict[tuple[str, int], float]:
    """Every coloured cell by label and day."""
    trace = chart.figure.data[0]
    axis = chart.figure.layout.yaxis
    names = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    return {
        (names[y], day): value
        for y, line in zip(trace.y, trace.z, strict=True)
        for day, value in zip(trace.x, line, strict=True)
        if value is not None
    }


def test_every_abnormal_return_fills_its_cell_in_per_cent(abnormal):
    drawn = cells(day_heatmap(abnormal, ROLES, SOURCE))
    assert drawn[("Nvidia", 0)] == pytest.approx(-12.97)
    assert drawn[("Micron", 1)] == pytest.approx(-5.10)
    assert len(drawn) == 8


def test_the_scale_is_symmetric_about_zero_and_shared_with_the_page(abnormal):
    axis = day_heatmap(abnormal, ROLES, SOURCE).figure.layout.coloraxis
    assert (axis.cmin, axis.cmax) == (-15, 15)
    assert axis.colorbar.ticktext == ("−15\u202f%", "0\u202f%", "+15\u202f%")


def test_one_outlier_does_not_wash_out_the_rest_and_the_caption_says_so():
    rng = np.random.default_rng(27)
    frame = pd.DataFrame(rng.uniform(-0.03, 0.03, (20, 11)), columns=range(-5, 6))
    frame.iloc[3, 5] = -0.9
    chart = day_heatmap(frame, {}, SOURCE)
    assert chart.figure.layout.coloraxis.cmax == 3
    assert "1 value beyond ±3 % is drawn in the last colour of the scale." in chart.caption
    assert "beyond" not in day_heatmap(frame.clip(-0.03, 0.03), {}, SOURCE).caption


def test_a_missing_cell_is_crossed_and_counted(abnormal):
    chart = day_heatmap(abnormal, ROLES, SOURCE)
    crosses = next(item for item in chart.figure.data if item.name == "no abnormal return")
    axis = chart.figure.layout.yaxis
    row = dict(zip(axis.tickvals, axis.ticktext, strict=True))[crosses.y[0]]
    assert (row, crosses.x) == ("AMD", (1,))
    assert crosses.marker.symbol == "x-thin-open"
    assert "1 crossed cell without an abnormal return." in chart.caption
    assert chart.table.set_index("Security").loc["AMD", "Day +1, %"] == "–"


def test_a_whole_map_has_no_legend_of_holes(abnormal):
    chart = day_heatmap(abnormal.fillna(0.0), ROLES, SOURCE)
    assert len(chart.figure.data) == 1
    assert "crossed" not in chart.caption


def test_numbers_in_the_cells_are_whole_per_cent_and_hover_says_more(abnormal):
    trace = day_heatmap(abnormal, ROLES, SOURCE).figure.data[0]
    assert "−13" in [text for line in trace.text for text in line]
    told = [text for line in trace.hovertext for text in line]
    assert "<b>Nvidia</b>, day 0<br>abnormal return −12.97\u202f%" in told


def test_rows_stand_under_their_role_by_what_day_zero_did(abnormal):
    axis = day_heatmap(abnormal, ROLES, SOURCE).figure.layout.yaxis
    assert axis.ticktext == (
        "<b>Memory</b>",
        "Micron",
        "<b>Chips and processors</b>",
        "Nvidia",
        "AMD",
    )


def test_days_may_come_in_any_order_and_as_text(abnormal):
    turned = abnormal[[1, -1, 0]].set_axis(["1", "-1", "0"], axis=1)
    assert cells(day_heatmap(turned, ROLES, SOURCE)) == cells(day_heatmap(abnormal, ROLES, SOURCE))


def test_pairs_of_event_and_security_are_rows_too(abnormal):
    one = pd.MultiIndex.from_product([["ds"], abnormal.index], names=["event_id", "security"])
    assert ("AMD", 0) in cells(day_heatmap(abnormal.set_axis(one), ROLES, SOURCE))
    two = pd.MultiIndex.from_tuples([("ds", "Nvidia"), ("h20", "Nvidia"), ("ds", "AMD")])
    assert ("Nvidia, h20", 0) in cells(day_heatmap(abnormal.set_axis(two), ROLES, SOURCE))


def test_long_names_leave_room_for_the_cells_of_a_phone(abnormal):
    named = abnormal.set_axis(["Constellation Energy", "Constellation Brands", "AMD"])
    chart = day_heatmap(named, {}, SOURCE)
    labels = chart.figure.layout.yaxis.ticktext
    assert len(set(labels)) == 3
    assert chart.table["Security"].nunique() == 3


def test_without_day_zero_in_the_window_nothing_is_framed(abnormal):
    chart = day_heatmap(abnormal[[1]], ROLES, SOURCE)
    assert not chart.figure.layout.shapes
    assert "framed" not in chart.caption


def test_words_for_screen_readers_name_the_largest(abnormal):
    assert day_heatmap(abnormal, ROLES, SOURCE).alt == (
        "Heat map of the abnormal returns of 3 securities on 3 days; the largest is "
        "−13.0\u202f%, Nvidia, day 0."
    )


def test_nothing_to_draw_is_said(abnormal):
    for nothing in (abnormal * np.nan, abnormal.head(0), pd.DataFrame()):
        chart = day_heatmap(nothing, ROLES, SOURCE)
        assert not chart.figure.data
        assert "No abnormal return" in chart.caption


def test_columns_that_are_no_days_are_named(abnormal):
    with pytest.raises(InputError, match="it has the columns before, 0, 1"):
        day_heatmap(abnormal.rename(columns={-1: "before"}), ROLES, SOURCE)
    with pytest.raises(InputError, match="abnormal is a dict"):
        day_heatmap({}, ROLES, SOURCE)


def test_names_never_become_markup(abnormal):
    evil = abnormal.rename(index={"Nvidia": "<b>N</b><script>alert(1)</script>"})
    chart = day_heatmap(evil, {}, SOURCE)
    assert "<script" not in json.dumps(chart.figure_json())
    assert "<script" not in chart.table_html()


@settings(max_examples=60)
@given(
    st.integers(0, 8).flatmap(
        lambda rows: st.tuples(
            st.lists(st.text(max_size=20), min_size=rows, max_size=rows),
            st.lists(st.integers(-9, 9), min_size=1, max_size=6, unique=True).flatmap(
                lambda days: st.tuples(
                    st.just(days),
                    st.lists(
                        st.lists(
                            st.one_of(st.floats(-1, 3), st.sampled_from([np.nan, np.inf])),
                            min_size=len(days),
                            max_size=len(days),
                        ),
                        min_size=rows,
                        max_size=rows,
                    ),
                )
            ),
        )
    )
)
def test_every_finite_value_is_drawn_once_and_every_hole_crossed(drawn):
    names, (days, values) = drawn
    frame = pd.DataFrame(values, index=pd.Index(names, dtype=object), columns=days, dtype=float)
    chart = day_heatmap(frame, {names[0]: "gpu"} if names else {}, SOURCE)
    finite = np.isfinite(frame.to_numpy(dtype=float))
    if not finite.any():
        assert not chart.figure.data
        return
    shown = [z for line in chart.figure.data[0].z for z in line if z is not None]
    assert sorted(shown) == pytest.approx(sorted(100 * frame.to_numpy()[finite]))
    crossed = [len(item.x) for item in chart.figure.data if item.name == "no abnormal return"]
    assert sum(crossed) == (~finite).sum()
    assert chart._repr_mimebundle_()
