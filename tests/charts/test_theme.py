"""The look of the charts: readable on light and dark pages, by the colour blind, and in grey.

Contrast is WCAG 2.2's; colour blindness is simulated with the matrices of Machado, Oliveira &
Fernandes (2009) for severity 1.0, differences are distances in OKLab (Ottosson, 2020) times 100.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.charts import CHART_MIME, CONFIG, PLOTLY_MIME, ROLES, THEMES, Chart, caar_paths
from analysis.charts import theme as look
from analysis.charts.axes import percent_axis, round_ticks
from analysis.charts.theme import (
    DARK_PAGE,
    DIVERGING,
    EVENT,
    FALL,
    LIGHT_PAGE,
    NEUTRAL,
    RISE,
    SERIES,
    group_marks,
    measure_mark,
    new_figure,
    role_mark,
)
from analysis.errors import InputError

DEUTAN = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
PROTAN = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]
TRITAN = [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.303900],
]


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb: np.ndarray) -> float:
    return float(rgb @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(linear(one)), luminance(linear(other))))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    cone = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(lab) @ np.cbrt(np.array(cone) @ rgb)


def difference(one: str, other: str, seen: list[list[float]]) -> float:
    pair = [oklab(np.clip(np.array(seen) @ linear(colour), 0, 1)) for colour in (one, other)]
    return 100 * float(np.linalg.norm(pair[0] - pair[1]))


TRACE_COLOURS = sorted(
    {mark.colour for mark in ROLES.values()}
    | {measure_mark(name).colour for name in ("raw", "market_adjusted", "abnormal")}
    | {*SERIES, NEUTRAL, FALL, RISE, EVENT}
)


@pytest.mark.parametrize("page", [LIGHT_PAGE, DARK_PAGE])
@pytest.mark.parametrize("colour", TRACE_COLOURS)
def test_every_trace_colour_stands_out_on_both_pages(colour, page):
    assert contrast(colour, page) >= 3


@pytest.mark.parametrize(("name", "page"), [("light", LIGHT_PAGE), ("dark", DARK_PAGE)])
def test_text_is_readable_in_both_themes(name, page):
    theme = THEMES[name]
    assert contrast(theme["font.color"], page) >= 7
    assert contrast(theme["hoverlabel.font.color"], theme["hoverlabel.bgcolor"]) >= 7


def test_both_themes_patch_the_same_parts_of_the_layout():
    assert THEMES["light"].keys() == THEMES["dark"].keys()
    for patch in THEMES.values():
        new_figure(100).update_layout(patch)  # plotly refuses what is no part of a layout


def test_no_two_roles_share_a_mark():
    assert len({mark.symbol for mark in ROLES.values()}) == len(ROLES)
    assert len({mark.label for mark in ROLES.values()}) == len(ROLES)


@pytest.mark.parametrize("seen", [np.eye(3).tolist(), DEUTAN, PROTAN, TRITAN])
def test_falls_and_rises_differ_for_everybody(seen):
    assert difference(FALL, RISE, seen) > 15
    for scale in DIVERGING.values():
        assert difference(scale[0][1], scale[-1][1], seen) > 12
        assert difference(scale[0][1], scale[2][1], seen) > 10
        assert difference(scale[-1][1], scale[2][1], seen) > 10


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_diverging_scale_is_monotone_from_the_middle_even_in_grey(name):
    bright = [luminance(linear(colour)) for _, colour in DIVERGING[name]]
    steps = np.diff(bright) * (1 if name == "light" else -1)
    assert (steps[:2] > 0).all()
    assert (steps[2:] < 0).all()
    assert bright[0] == pytest.approx(bright[-1], abs=0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_numbers_in_the_cells_are_readable_on_every_colour_of_the_scale(name):
    # plotly.js writes white on colours of a brightness below 128 (YIQ) and #444 on the others.
    at = [place for place, _ in DIVERGING[name]]
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for _, c in DIVERGING[name]])
    for place in np.linspace(0, 1, 101):
        cell = [round(np.interp(place, at, rgb[:, channel])) for channel in range(3)]
        text = "#ffffff" if np.dot(cell, [299, 587, 114]) / 1000 < 128 else "#444444"
        assert contrast("#{:02x}{:02x}{:02x}".format(*cell), text) >= 4.5


def test_a_figure_has_a_height_and_leaves_the_width_to_the_page():
    layout = json.loads(new_figure(240).to_json())["layout"]
    assert layout["height"] == 240
    assert layout["autosize"] is True
    assert "width" not in layout
    assert "title" not in layout
    style = layout["template"]["layout"]
    assert style["paper_bgcolor"] == style["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert style["dragmode"] is False
    assert style["xaxis"]["automargin"] is True
    assert style["xaxis"]["fixedrange"] is True


def test_the_tool_bar_cannot_upload_anything():
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["plotlyServerURL"] == ""
    assert CONFIG["displaylogo"] is False
    assert CONFIG["responsive"] is True
    assert CONFIG["modeBarButtons"] == [["toImage"]]


@pytest.mark.parametrize(
    ("role", "label"),
    [("gpu", "Chips and processors"), ("Chips and processors", "Chips and processors"),
     ("chips and processors", "Chips and processors"),
     ("quantum_chips", "Quantum chips"), (None, "Other"), (float("nan"), "Other")],
)  # fmt: skip
def test_a_role_is_known_by_key_and_by_name(role, label):
    assert role_mark(role).label == label


def test_more_groups_than_colours_take_turns():
    marks = group_marks([f"group {place}" for place in range(9)])
    assert marks[0].colour == marks[len(SERIES)].colour
    assert group_marks([*ROLES, "mine"])[-1].colour in SERIES


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([-29.9, 3.2], ["−30", "−20", "−10", "0"]),
        ([0.31, -0.12], ["−0.1", "0.0", "+0.1", "+0.2", "+0.3"]),
        ([1200.0], ["0", "+500", "+1,000"]),
        ([], ["−1.0", "−0.5", "0.0", "+0.5", "+1.0"]),
        ([float("nan"), None], ["−1.0", "−0.5", "0.0", "+0.5", "+1.0"]),
    ],
)
def test_ticks_in_per_cent_are_round_signed_and_hold_zero(values, texts):
    assert percent_axis("Return, %", values)["ticktext"] == texts


def test_ticks_are_few_and_inside():
    rng = np.random.default_rng(5)
    for low, high in zip(-rng.exponential(20, 200), rng.exponential(20, 200), strict=True):
        ticks = round_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert low <= ticks[0] <= 0 <= ticks[-1] <= high


@pytest.fixture
def chart() -> Chart:
    rows = [("gpu", day, 0.01 * day, -0.05, 0.05, 3) for day in range(-2, 3)]
    frame = pd.DataFrame(rows, columns=["group", "day", "caar", "low", "high", "n"])
    return caar_paths(frame, "Source: exchanges; as of 28 January 2025.")


def test_a_chart_speaks_to_the_exporter_to_jupyter_and_to_a_terminal(chart):
    bundle = chart._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {CHART_MIME, PLOTLY_MIME, "text/plain"}
    ours = bundle[CHART_MIME]
    assert set(ours) == {"key", "title", "caption", "alt", "table", "figure"}
    assert ours["table"].startswith('<table class="faultline-table"><caption>')
    assert bundle[PLOTLY_MIME]["config"] == CONFIG
    assert bundle[PLOTLY_MIME]["data"] == ours["figure"]["data"]
    assert chart.title in bundle["text/plain"]


def test_the_bytes_of_a_chart_are_the_same_from_run_to_run(chart):
    script = (
        "import json, pandas as pd; from analysis.charts import caar_paths;"
        "rows = [('gpu', d, 0.01 * d, -0.05, 0.05, 3) for d in range(-2, 3)];"
        "f = pd.DataFrame(rows, columns=['group', 'day', 'caar', 'low', 'high', 'n']);"
        "c = caar_paths(f, 'Source: exchanges; as of 28 January 2025.');"
        "print(json.dumps(c._repr_mimebundle_(), sort_keys=True))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert run.stdout.strip() == json.dumps(chart._repr_mimebundle_(), sort_keys=True)


def test_a_chart_names_no_host_and_packs_no_bytes(chart):
    text = json.dumps(chart._repr_mimebundle_())
    assert not re.search(r"https?:|//[a-z]|bdata|NaN|Infinity", text)


def test_a_chart_weighs_little(chart):
    assert len(json.dumps(chart.figure_json())) < 8_000


def test_the_key_of_a_chart_is_a_slug(chart):
    with pytest.raises(InputError, match="is not a slug"):
        Chart("Two words", chart.title, chart.figure, "", chart.table, "")


def test_importing_the_charts_loads_nothing_heavy():
    code = (
        "import sys, analysis.charts;"
        "print([m for m in ('pandas', 'numpy', 'plotly', 'scipy', 'great_tables')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_page_can_find_its_themes_where_they_are_promised():
    assert look.THEMES is THEMES
    assert look.CONFIG is CONFIG
