"""Sizes and powers drawn and tabulated: what is shown is what was simulated."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.charts.size_and_power import power_chart, size_chart, size_table
from analysis.errors import InputError


def sizes() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test": ["bmp_t", "kolari_pynnonen_t", "bmp_t", "kolari_pynnonen_t", "mine<b>"],
            "series": ["1 day", "1 day", "3 days", "3 days", "3 days"],
            "under": ["one date"] * 5,
            "share": [0.48, 0.052, 0.44, 0.049, float("nan")],
            "standard_error": [0.005, 0.002, 0.005, 0.002, float("nan")],
        }
    )


def test_the_chart_marks_every_share_under_the_recommended_tests_first():
    chart = size_chart(sizes(), "Source.", key="size-1", title="How often?")
    labels = list(chart.figure.layout.yaxis.ticktext)
    assert labels[0] == "<b>Kolari–Pynnönen t</b>"
    assert [trace.name for trace in chart.figure.data] == ["1 day", "3 days"]
    assert list(chart.figure.data[0].x) == [48.0, 5.2]
    assert list(chart.figure.data[0].y) == [1, 0]
    assert chart.figure.layout.shapes[0].x0 == 5
    assert chart.table.iloc[0].tolist() == ["Kolari–Pynnönen t (recommended)", "5.2", "4.9"]
    assert chart.table.iloc[2].tolist() == ["mine<b>", "–", "–"]
    assert "recommended tests reject 4.9 to 5.2 per cent" in chart.alt


def test_a_name_from_outside_is_never_markup():
    chart = size_chart(sizes(), "", key="size-1", title="How often?")
    assert chart.figure.layout.yaxis.ticktext[2] == "mine&lt;b&gt;"
    assert "mine<b>" not in chart.table_html()


def test_the_table_sets_shares_with_their_errors_under_their_dates():
    table = size_table(sizes(), key="size-table", caption="Size")
    assert list(table.frame.columns) == ["Test", "one date, 1 day", "one date, 3 days"]
    assert table.frame.iloc[1].tolist()[1:] == ["48.0 ± 0.5", "44.0 ± 0.5"]
    assert table.frame.iloc[2].tolist()[1:] == ["–", "–"]
    assert "one date" in table.markup


def test_a_table_of_nothing_says_so():
    table = size_table(sizes().iloc[:0], key="size-table", caption="Size")
    assert "Nothing was simulated" in table.markup


def test_the_power_chart_draws_a_line_per_test_in_order_of_effects():
    powers = pd.DataFrame(
        {
            "test": ["grank_overlap", "kolari_pynnonen_t"] * 2,
            "effect": [0.02, 0.02, 0.01, 0.01],
            "share": [0.5, 0.6, 0.2, 0.25],
        }
    )
    chart = power_chart(powers, "Source.", key="power", title="How large?")
    assert [trace.name for trace in chart.figure.data] == [
        "Kolari–Pynnönen t",
        "Generalized rank, overlap-weighted",
    ]
    assert list(chart.figure.data[0].x) == [1.0, 2.0]
    assert list(chart.figure.data[0].y) == [25.0, 60.0]
    assert chart.table.columns.tolist() == ["Test", "1.0 %", "2.0 %"]


@pytest.mark.parametrize("column", ["test", "series", "share", "standard_error"])
def test_a_missing_column_is_named(column):
    with pytest.raises(InputError, match=column):
        size_chart(sizes().drop(columns=column), "", key="size-1", title="How often?")
