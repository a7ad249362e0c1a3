"""Colours, marks, fonts and configuration of every chart.

Three families of hues for the roles (cool: who makes chips; warm: what a data centre is built
of; violet: who sells what runs there) and grey for the markets themselves. All trace colours
keep at least 3:1 contrast on the light and on the dark page (WCAG 2.2, 1.4.11), which leaves
them alike in brightness; so every role also has a mark of its own, lines have dashes, and
labels stand beside what they name: nothing is told by colour alone.

A page switches to dark by handing ``THEMES["dark"]`` to ``Plotly.relayout``: text, hover boxes
and the diverging scale live in the layout, everything else suits both pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

LIGHT_PAGE = "#ffffff"
DARK_PAGE = "#15181d"

NEUTRAL = "#7b7f86"  # zero lines, connectors, marks without a role: 4:1 on both pages
GRID = "rgba(123,127,134,0.28)"
MISSING_FILL = "rgba(123,127,134,0.30)"
FALL = "#cf4f14"
RISE = "#2f6fd0"
EVENT = "#c2459a"  # day 0 and the instant

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
FONT_SIZE = 13
TICK_SIZE = 12

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Mark:
    """How a role or a group looks: name for readers, colour, marker symbol."""

    label: str
    colour: str
    symbol: str


ROLES: dict[str, Mark] = {
    "gpu": Mark("Chips and processors", "#2f6fd0", "circle"),
    "foundry": Mark("Foundries", "#0a8bb5", "square"),
    "memory": Mark("Memory", "#5a5fe0", "diamond"),
    "equipment": Mark("Equipment", "#2f8f83", "triangle-up"),
    "networking": Mark("Networking", "#cf4f14", "triangle-down"),
    "servers": Mark("Servers", "#a87400", "pentagon"),
    "power": Mark("Power", "#d2473f", "cross"),
    "cloud": Mark("Cloud", "#8a52cc", "hexagon"),
    "software": Mark("Software", "#c2459a", "star"),
    "consumer": Mark("Consumer and internet", "#a0649a", "triangle-left"),
    "model_maker": Mark("Model makers", "#9a5bb8", "triangle-right"),
    "index": Mark("Indexes", NEUTRAL, "hourglass"),
    "etf": Mark("Funds (ETF)", NEUTRAL, "bowtie"),
    "fx": Mark("Currencies", NEUTRAL, "star-diamond"),
    "volatility": Mark("Volatility", NEUTRAL, "diamond-tall"),
}

# For groups that are no role (blocs, names of one's own): in this order, and each with its dash.
SERIES = ("#2f6fd0", "#cf4f14", "#2f8f83", "#8a52cc", "#a87400", "#c2459a")

_MEASURES: dict[str, Mark] = {
    "raw": Mark("Raw", NEUTRAL, "circle-open"),
    "market_adjusted": Mark("Less market", "#a87400", "diamond"),
    "abnormal": Mark("Abnormal", "#2f6fd0", "square"),
}

# Orange for falls, blue for rises, told apart under every kind of colour blindness; the middle
# fades into the page. The light scale stays pale enough for dark text and the dark one deep
# enough for white text (4.5:1), since plotly.js picks either by the colour of the cell.
DIVERGING: dict[str, list[list[Any]]] = {
    "light": [[0.0, "#f79d67"], [0.25, "#fbcbae"], [0.5, "#f4f4f5"],
              [0.75, "#c3d8f7"], [1.0, "#8fb9f5"]],
    "dark": [[0.0, "#bf4a10"], [0.25, "#73361a"], [0.5, "#24282f"],
             [0.75, "#1f4377"], [1.0, "#2a69c6"]],
}  # fmt: skip


def _patch(scheme: str, text: str, box: str, edge: str) -> dict[str, Any]:
    return {
        "font.color": text,
        "hoverlabel.bgcolor": box,
        "hoverlabel.bordercolor": edge,
        "hoverlabel.font.color": text,
        "coloraxis.colorscale": DIVERGING[scheme],
    }


THEMES: dict[str, dict[str, Any]] = {
    "light": _patch("light", "#24292f", "#ffffff", "#b6bcc4"),
    "dark": _patch("dark", "#e6e8eb", "#262b33", "#59616d"),
}
"""Layout patches for ``Plotly.relayout``; charts are built with the light one."""

CONFIG: dict[str, Any] = {
    "responsive": True,
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "topojsonURL": "",
    "typesetMath": False,
    "scrollZoom": False,
    "doubleClick": False,
    "showTips": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg"},
}
"""Third argument of ``Plotly.newPlot``: one button (save the picture), no logo, no upload."""


def role_mark(role: Any) -> Mark:
    """Look of a role, by key (``gpu``) or by its name for readers; grey for any other."""
    from analysis.formatting import words

    name = words(role)
    found = ROLES.get(name) or _BY_LABEL.get(name.casefold())
    return found or Mark(name.replace("_", " ").capitalize() or "Other", NEUTRAL, "circle")


def measure_mark(measure: str) -> Mark:
    """Look of ``raw``, ``market_adjusted`` or ``abnormal`` returns."""
    return _MEASURES[measure]


def group_marks(groups: Sequence[str]) -> list[Mark]:
    """Looks of groups that stand side by side: roles keep theirs, others take turns."""
    known = {group: role_mark(group) for group in groups}
    taken = {mark.colour for mark in known.values() if mark.label.casefold() in _BY_LABEL}
    free = [colour for colour in SERIES if colour not in taken] or list(SERIES)
    marks, turn = [], 0
    for group in groups:
        mark = known[group]
        if group.casefold() in ("all", "all securities"):
            mark = Mark("All securities", NEUTRAL, "circle")
        elif mark.label.casefold() not in _BY_LABEL:
            mark = Mark(group, free[turn % len(free)], "circle")
            turn += 1
        marks.append(mark)
    return marks


def role_order(roles: Sequence[str]) -> list[str]:
    """Sort roles as the supply chain runs, unknown ones by name at the end."""
    places = {name: place for place, name in enumerate(ROLES)}
    return sorted(set(roles), key=lambda name: (places.get(name, len(places)), name))


def new_figure(height: int, **layout: Any) -> go.Figure:
    """Start a figure in the house style: no width, no title, no zoom, light theme.

    Parameters
    ----------
    height : int
        Pixels; the width follows the page.
    **layout
        Further layout of plotly, laid over the style.
    """
    import plotly.graph_objects as go

    figure = go.Figure(layout={"template": _template(), "height": height, "autosize": True})
    return figure.update_layout(THEMES["light"]).update_layout(layout)


def _template() -> go.layout.Template:
    import plotly.graph_objects as go

    axis = {
        "automargin": True,
        "fixedrange": True,
        "gridcolor": GRID,
        "linecolor": NEUTRAL,
        "zerolinecolor": NEUTRAL,
        "zerolinewidth": 1.5,
        "tickfont": {"size": TICK_SIZE},
        "ticks": "",
        "title": {"font": {"size": TICK_SIZE}, "standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": FONT_SIZE},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(SERIES),
            "margin": {"l": 4, "r": 4, "t": 8, "b": 8, "autoexpand": True},
            "dragmode": False,
            "hovermode": "closest",
            "hoverlabel": {"align": "left", "font": {"family": FONT, "size": FONT_SIZE}},
            "showlegend": False,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xref": "container",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "itemclick": False,
                "itemdoubleclick": False,
                "font": {"size": TICK_SIZE},
            },
            "xaxis": axis,
            "yaxis": axis,
        }
    )


_BY_LABEL = {mark.label.casefold(): mark for mark in ROLES.values()}
