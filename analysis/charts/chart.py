"""A chart as a whole: the figure with its question, caption, data and words for the blind.

Built by the chart functions; shown by JupyterLab as a plotly figure, and turned by the exporter
into a heading, a figure, a caption and a data table.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.charts.theme import CONFIG
from analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CHART_MIME = "application/vnd.faultline.chart+json"
_TITLE = 40  # px above a chart in a notebook
PLOTLY_MIME = "application/vnd.plotly.v1+json"


@dataclass(frozen=True, eq=False)
class Chart:
    """One chart and everything that a page says about it.

    Attributes
    ----------
    key : str
        Slug that stays the same from run to run, for ids and tests.
    title : str
        The question that the chart answers; plain text, for the page's heading.
    figure : plotly.graph_objects.Figure
        Without title and width.
    caption : str
        What it shows, source and as of; plain text.
    table : pandas.DataFrame
        The chart's data written for readers, text only, row labels in the first column.
    alt : str
        One sentence for screen readers; plain text.
    """

    key: str
    title: str
    figure: go.Figure
    caption: str
    table: pd.DataFrame
    alt: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.key):
            raise InputError(
                f"Chart key {self.key!r} is not a slug; use a form like 'day-heatmap'."
            )

    def figure_json(self) -> dict[str, Any]:
        """The figure as plotly.js takes it: ``data`` and ``layout``, numbers as plain lists."""
        document: dict[str, Any] = json.loads(self.figure.to_json())
        return {"data": document["data"], "layout": document["layout"]}

    def table_html(self) -> str:
        """The data as an accessible HTML table, all text escaped."""
        from analysis.charts.markup import plain_table

        return plain_table(self.table, f"Data of the chart: {self.title}", f"data-{self.key}")

    def __repr__(self) -> str:
        return f"Chart {self.key!r}: {self.title} {self.caption}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        figure = self.figure_json()
        return {
            CHART_MIME: {
                "key": self.key,
                "title": self.title,
                "caption": self.caption,
                "alt": self.alt,
                "table": self.table_html(),
                "figure": figure,
            },
            PLOTLY_MIME: {**_titled(figure, self.title), "config": dict(CONFIG)},
            "text/plain": repr(self),
        }


def _titled(figure: dict[str, Any], title: str) -> dict[str, Any]:
    """The figure with its title inside, for a notebook, where no heading stands above it."""
    from analysis.formatting import safe

    layout = dict(figure["layout"])
    height = (layout.get("height") or 400) + _TITLE
    margin = layout.get("margin", {})
    layout["title"] = {"text": safe(title), "x": 0, "xref": "container", "yref": "container",
                       "y": 1, "yanchor": "top", "pad": {"t": 8}}  # fmt: skip
    layout["height"] = height
    layout["margin"] = {**margin, "t": margin.get("t", 8) + _TITLE}
    layout["legend"] = {**layout.get("legend", {}), "y": 1 - _TITLE / height}
    return {**figure, "layout": layout}


def nothing_to_show(key: str, title: str, reason: str, source: str) -> Chart:
    """Build the chart that stands where there is nothing to draw, and says why.

    Parameters
    ----------
    key, title, source : str
        As of the chart that it replaces.
    reason : str
        A sentence for readers.
    """
    import pandas as pd

    from analysis.charts.theme import new_figure
    from analysis.formatting import safe, sentence

    figure = new_figure(
        120,
        xaxis={"visible": False},
        yaxis={"visible": False},
        annotations=[
            {
                "text": safe(reason),
                "showarrow": False,
                "x": 0.5,
                "y": 0.5,
                "xref": "paper",
                "yref": "paper",
            }
        ],
    )
    table = pd.DataFrame({"Nothing to show": [reason]})
    return Chart(key, title, figure, sentence(reason, source), table, f"No chart: {reason}")
