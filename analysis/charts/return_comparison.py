"""How much of each move was the market's? Three measures of one return, side by side."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from analysis.charts.axes import LEGEND_HEIGHT, list_axis, list_height, percent_axis, value_axis
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import (
    DESCRIPTION,
    MOST_DRAWN,
    Slot,
    arrange,
    checked,
    chosen_sentence,
    day0_sentence,
    direction,
    largest,
    security_labels,
)
from analysis.charts.theme import GRID, measure_mark, new_figure, role_mark
from analysis.formatting import day, listing, percent, safe, sentence, words
from analysis.plain_text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_MEASURES = ("raw", "market_adjusted", "abnormal")


def three_returns(securities: pd.DataFrame, source: str, *, always: Collection[str] = ()) -> Chart:
    """Draw raw, market-adjusted and abnormal return of each security on one line.

    Dots on a line rather than bars: thirty securities with three bars each would be ninety
    bars, and what matters is the distance between the three.

    Parameters
    ----------
    securities : pandas.DataFrame
        event_id, security, name, role, exchange, day0, raw, market_adjusted, abnormal
        (decimal, NaN where not computed). A security with only a raw return is drawn with it.
    source : str
        ``Source: …; as of ….``, closes the caption.
    always : collection of str
        Securities that are drawn whatever their return, where there are more than
        `frames.MOST_DRAWN`.

    Returns
    -------
    Chart
        Key ``three-returns``; numbers in per cent. Without any return the chart says so.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    frame = checked(securities, "securities", (*DESCRIPTION, *_MEASURES), _MEASURES)
    shown = frame[frame[list(_MEASURES)].notna().any(axis=1)].reset_index(drop=True)
    title = "How much of each move was the market's?"
    if shown.empty:
        return nothing_to_show("three-returns", title, "No return is known for day 0.", source)
    if shown[["market_adjusted", "abnormal"]].isna().all(axis=None):
        title = "How far did each security move?"
    # The raw return orders the lines; where it is missing the next best does.
    order = shown["raw"].fillna(shown["market_adjusted"]).fillna(shown["abnormal"]).tolist()
    places = largest(order, shown["security"].tolist(), always, MOST_DRAWN)
    drawn = shown.iloc[places].reset_index(drop=True)
    slots = arrange(
        security_labels(drawn),
        drawn["role"].tolist(),
        [order[place] for place in places],
        descending=direction(order) > 0,
    )
    return Chart(
        key="three-returns",
        title=title,
        figure=_draw(drawn, slots),
        caption=sentence(
            chosen_sentence(len(drawn), len(shown), "drawn", always), _caption(shown, source)
        ),
        table=_table(drawn, slots),
        alt=_alt(drawn),
    )


def _draw(shown: pd.DataFrame, slots: list[Slot]) -> go.Figure:
    import plotly.graph_objects as go

    listed = [slot for slot in slots if slot.row is not None]
    own = shown.loc[[slot.row for slot in listed]]
    figure = new_figure(
        list_height(slots, LEGEND_HEIGHT + 60),
        margin={"t": LEGEND_HEIGHT},
        xaxis=percent_axis("Return on day 0, %", 100 * shown[list(_MEASURES)].to_numpy().ravel()),
        yaxis=list_axis(slots),
        yaxis2=value_axis(slots, shown["raw"].tolist()),
        showlegend=True,
    )
    spans: dict[str, list[float | None]] = {"x": [], "y": []}
    for slot, row in zip(listed, own[list(_MEASURES)].itertuples(index=False), strict=True):
        known = [100 * value for value in row if value == value]
        spans["x"] += [min(known), max(known), None]
        spans["y"] += [slot.y, slot.y, None]
    figure.add_trace(
        go.Scatter(
            x=spans["x"],
            y=spans["y"],
            name="span",
            mode="lines",
            line={"color": GRID, "width": 5},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    hover = [_hover(row) for row in own.to_dict("records")]
    for measure in _MEASURES:
        figure.add_trace(_dots(measure, own[measure], listed, hover))
    figure.add_trace(go.Scatter(x=[None], y=[None], yaxis="y2", hoverinfo="skip", showlegend=False))
    return figure


def _dots(measure: str, values: pd.Series, listed: list[Slot], hover: list[str]) -> go.Scatter:
    import plotly.graph_objects as go

    mark = measure_mark(measure)
    known = values.notna().tolist()
    return go.Scatter(
        name=mark.label,
        mode="markers",
        x=[100 * value for value, kept in zip(values, known, strict=True) if kept],
        y=[slot.y for slot, kept in zip(listed, known, strict=True) if kept],
        marker={
            "color": mark.colour,
            "symbol": mark.symbol,
            "size": 10 if measure == "raw" else 9,
            "line": {"color": mark.colour, "width": 1.8 if measure == "raw" else 0},
        },
        hoverinfo="text",
        hovertext=[text for text, kept in zip(hover, known, strict=True) if kept],
    )


def _hover(row: dict[Any, Any]) -> str:
    name, ticker = safe(row["name"]), safe(row["security"])
    lines = [f"<b>{name or ticker}</b> ({ticker}), {day(row['day0'])}"]
    lines += [
        f"{measure_mark(measure).label}: {percent(row[measure], unit=True)}"
        for measure in _MEASURES
    ]
    return "<br>".join(lines)


def _caption(shown: pd.DataFrame, source: str) -> str:
    bare = shown[shown["raw"].notna() & shown["abnormal"].isna()]
    only_raw = ""
    if len(bare):
        names = list(dict.fromkeys(security_labels(bare)))
        only_raw = f"No abnormal return for {listing(names)}."
    return sentence(
        "Raw return on day 0, the same less the return of the security's benchmark, and the "
        "abnormal return, which is less what the model expects; the raw return in per cent is at "
        "the right.",
        day0_sentence(shown),
        only_raw,
        source,
    )


def _table(shown: pd.DataFrame, slots: list[Slot]) -> pd.DataFrame:
    import pandas as pd

    own = shown.loc[[slot.row for slot in slots if slot.row is not None]]
    names = own["name"].map(words)
    return pd.DataFrame(
        {
            "Security": names.where(names != "", own["security"].map(words)),
            "Ticker": own["security"].map(words),
            "Role": [role_mark(role).label for role in own["role"]],
            "Day 0": own["day0"].map(day),
            "Raw, %": own["raw"].map(percent),
            "Less market, %": own["market_adjusted"].map(percent),
            "Abnormal, %": own["abnormal"].map(percent),
        }
    ).reset_index(drop=True)


def _alt(shown: pd.DataFrame) -> str:
    def span(measure: str) -> str:
        known = shown[measure].dropna()
        if known.empty:
            return "not known"
        low, high = percent(known.min(), 1, unit=True), percent(known.max(), 1, unit=True)
        return low if low == high else f"{low} to {high}"

    return (
        f"Dot plot of {count(len(shown), 'security', 'securities')} on day 0: raw returns "
        f"{span('raw')}, less the market {span('market_adjusted')}, abnormal {span('abnormal')}."
    )
