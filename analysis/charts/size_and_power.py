"""Simulated size and power: how often each test rejects, drawn and tabulated.

Frames come from `analysis.eventstudy.simulate`, narrowed to one nominal level by whoever
asks; shares are decimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from analysis.charts.chart import Chart
from analysis.charts.frames import checked
from analysis.charts.markup import build
from analysis.charts.table import Table, nothing_to_tell
from analysis.charts.tests_table import RECOMMENDED, TEST_NAMES
from analysis.charts.theme import DASHES, NEUTRAL, SERIES, new_figure
from analysis.formatting import MISSING, is_finite, number, safe, sentence

if TYPE_CHECKING:
    import pandas as pd

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
_ROW, _HEAD = 22, 90  # px


def size_chart(
    sizes: pd.DataFrame, source: str, *, key: str, title: str, level: float = 0.05
) -> Chart:
    """Draw the share of rejections of every test, one row a test, one mark a series.

    Parameters
    ----------
    sizes : pandas.DataFrame
        test, series (words, at most six of them), share, standard_error (decimal).
    source : str
        Source line.
    key, title : str
        As of a `Chart`.
    level : float
        The nominal level, drawn as a line.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd
    import plotly.graph_objects as go

    frame = checked(sizes, "sizes", ("test", "series", *_NUMBERS), _NUMBERS)
    tests = _in_order(frame["test"])
    figure = new_figure(
        _HEAD + _ROW * len(tests),
        showlegend=True,
        margin={"t": 40},
        xaxis={"title": {"text": "rejections, %"}, "rangemode": "tozero", "showgrid": True},
        yaxis={
            "tickmode": "array",
            "tickvals": list(range(len(tests))),
            "ticktext": [_label(test) for test in tests],
            "range": [len(tests) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
        },
    )
    figure.add_vline(x=100 * level, line={"color": NEUTRAL, "width": 1.5, "dash": "dash"})
    series = list(dict.fromkeys(frame["series"]))
    for place, name in enumerate(series):
        part = frame[frame["series"] == name]
        figure.add_trace(
            go.Scatter(
                x=100 * part["share"],
                y=[tests.index(test) for test in part["test"]],
                mode="markers",
                name=safe(name),
                marker={"size": 8, "symbol": SYMBOLS[place], "color": SERIES[place]},
                hovertemplate="%{x:.1f} %<extra>" + safe(name) + "</extra>",
            )
        )
    cells = pd.DataFrame({"Test": [_named(test) for test in tests]})
    for name in series:
        shares = _by_test(frame[frame["series"] == name], "share")
        cells[f"{name}, %"] = [_percent(shares.get(test)) for test in tests]
    caption = sentence(
        f"Share of true nulls that each test rejects at a nominal level of {level:.0%} (dashed "
        "line); to the right of it a test finds effects where there are none. Bold: recommended.",
        source,
    )
    return Chart(key, title, figure, caption, cells, _spoken(frame, title))


def power_chart(powers: pd.DataFrame, source: str, *, key: str, title: str) -> Chart:
    """Draw how often tests find an effect, by its size.

    Parameters
    ----------
    powers : pandas.DataFrame
        test (at most six), effect, share (decimal).
    source : str
        Source line.
    key, title : str
        As of a `Chart`.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd
    import plotly.graph_objects as go

    numbers = ("effect", "share")
    frame = checked(powers, "powers", ("test", *numbers), numbers).sort_values("effect")
    tests = _in_order(frame["test"])
    effects = sorted(set(frame["effect"]))
    figure = new_figure(
        360,
        showlegend=True,
        margin={"t": 60},
        xaxis={"title": {"text": "abnormal return added on day 0, %"}, "showgrid": True},
        yaxis={"title": {"text": "rejections, %"}, "range": [0, 102]},
    )
    cells = pd.DataFrame({"Test": [_named(test) for test in tests]})
    for effect in effects:
        shares = _by_test(frame[frame["effect"] == effect], "share")
        cells[f"{number(100 * effect, 1)} %"] = [_percent(shares.get(test)) for test in tests]
    for place, test in enumerate(tests):
        part = frame[frame["test"] == test]
        figure.add_trace(
            go.Scatter(
                x=100 * part["effect"],
                y=100 * part["share"],
                mode="lines+markers",
                name=safe(TEST_NAMES.get(test, test)),
                line={"color": SERIES[place], "dash": DASHES[place]},
                marker={"size": 7, "symbol": SYMBOLS[place]},
                hovertemplate="%{y:.1f} %<extra>" + safe(TEST_NAMES.get(test, test)) + "</extra>",
            )
        )
    caption = sentence("Share of simulated studies in which each test finds the effect.", source)
    return Chart(key, title, figure, caption, cells, title)


def size_table(sizes: pd.DataFrame, *, key: str, caption: str, notes: Sequence[str] = ()) -> Table:
    """Tabulate the share of rejections: tests down, designs across.

    Parameters
    ----------
    sizes : pandas.DataFrame
        test, under (words over several columns), series (words of one column), share and
        standard_error (decimal).
    key, caption : str
        As of a `Table`.
    notes : sequence of str
        Plain text under the table.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    frame = checked(sizes, "sizes", ("test", "under", "series", *_NUMBERS), _NUMBERS)
    if frame.empty:
        return nothing_to_tell(key, caption, "Nothing was simulated.")
    tests = _in_order(frame["test"])
    columns: dict[str, Any] = {"Test": [_named(test) for test in tests]}
    spanners: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for under, series in dict.fromkeys(zip(frame["under"], frame["series"], strict=True)):
        part = frame[(frame["under"] == under) & (frame["series"] == series)]
        shares, errors = _by_test(part, "share"), _by_test(part, "standard_error")
        name = f"{under}, {series}"
        columns[name] = [_with_error(shares.get(test), errors.get(test)) for test in tests]
        spanners.setdefault(under, []).append(name)
        labels[name] = series
    cells = pd.DataFrame(columns)
    markup = build(
        cells,
        caption,
        key,
        numbers=list(cells.columns[1:]),
        spanners=spanners,
        labels=labels,
        notes=[*notes, f"Per cent, with the standard error of simulation. {MISSING} not defined."],
    )
    return Table(key, caption, cells, markup)


_NUMBERS = ("share", "standard_error")


def _in_order(tests: Iterable[str]) -> list[str]:
    held = list(dict.fromkeys(tests))
    known = [name for name in TEST_NAMES if name in held]
    return known + [name for name in held if name not in TEST_NAMES]


def _named(test: str) -> str:
    label = TEST_NAMES.get(test, test)
    return f"{label} (recommended)" if test in RECOMMENDED else label


def _label(test: str) -> str:
    """Name on the axis; phones have no room for a remark, so the recommended are bold."""
    name = safe(TEST_NAMES.get(test, test))
    return f"<b>{name}</b>" if test in RECOMMENDED else name


def _by_test(frame: pd.DataFrame, column: str) -> dict[str, float]:
    return dict(zip(frame["test"], frame[column], strict=True))


def _percent(share: float | None) -> str:
    return number(100 * share, 1) if share is not None and is_finite(share) else MISSING


def _with_error(share: float | None, error: float | None) -> str:
    text = _percent(share)
    return text if text == MISSING or error is None else f"{text} ± {number(100 * error, 1)}"


def _spoken(frame: pd.DataFrame, title: str) -> str:
    led = frame[frame["test"].isin(RECOMMENDED)]["share"].dropna()
    rest = frame[~frame["test"].isin(RECOMMENDED)]["share"].dropna()
    parts = [title]
    for name, shares in (("The recommended tests", led), ("The other tests", rest)):
        if len(shares):
            low, high = _percent(shares.min()), _percent(shares.max())
            parts.append(f"{name} reject {low} to {high} per cent of true nulls.")
    return " ".join(parts)
