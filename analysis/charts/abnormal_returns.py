"""Who fell, or rose, more than the market can explain? Abnormal returns with their intervals."""

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
from analysis.charts.theme import NEUTRAL, new_figure, role_mark
from analysis.formatting import (
    day,
    is_finite,
    listing,
    number,
    p_value,
    percent,
    safe,
    sentence,
    words,
)
from analysis.plain_text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_LEVEL = 0.95
_NUMBERS = ("abnormal", "se", "t", "df", "p_value", "p_bh")
_VERBS = {-1: ("fell", "fall"), 0: ("moved", "move"), 1: ("rose", "rise")}
_OUTSIDE, _ACROSS, _UNKNOWN = "", "-open", "-open-dot"
_LEGEND = {
    _OUTSIDE: "95 % interval excludes zero",
    _ACROSS: "95 % interval includes zero",
    _UNKNOWN: "no interval",
}


def abnormal_by_security(
    securities: pd.DataFrame,
    window_label: str,
    source: str,
    *,
    explained_by: str = "the market",
    always: Collection[str] = (),
) -> Chart:
    """Draw each security's abnormal return with its 95 % interval, grouped by role.

    Parameters
    ----------
    securities : pandas.DataFrame
        event_id, security, name, role, exchange, day0, abnormal (decimal), se (decimal), t,
        df, p_value, p_bh; one row per event and security. Rows without an abnormal return are
        left out and named in the caption.
    window_label : str
        The window in words: ``day 0``.
    source : str
        ``Source: …; as of ….``, closes the caption.
    explained_by : str
        What the model takes off, for the title.
    always : collection of str
        Securities that are drawn whatever their return, where there are more than
        `frames.MOST_DRAWN`.

    Returns
    -------
    Chart
        Key ``abnormal-by-security``; numbers in per cent. The interval is the abnormal return
        ± t(df)·se, with the normal quantile where df is missing. With no abnormal return at
        all the chart says so.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    frame = checked(securities, "securities", (*DESCRIPTION, *_NUMBERS), _NUMBERS)
    shown = frame[frame["abnormal"].notna()].reset_index(drop=True)
    left_out = frame[frame["abnormal"].isna()]
    title = _question(shown, explained_by)
    if shown.empty:
        reason = "No abnormal return could be computed for any security."
        return nothing_to_show("abnormal-by-security", title, reason, source)
    shown = with_intervals(shown)
    moves = shown["abnormal"].tolist()
    drawn = shown.iloc[largest(moves, shown["security"].tolist(), always, MOST_DRAWN)]
    drawn = drawn.reset_index(drop=True)
    slots = arrange(
        security_labels(drawn),
        drawn["role"].tolist(),
        drawn["abnormal"].tolist(),
        descending=direction(shown["abnormal"].tolist()) > 0,
    )
    return Chart(
        key="abnormal-by-security",
        title=title,
        figure=_draw(drawn, slots),
        caption=sentence(
            chosen_sentence(len(drawn), len(shown), "drawn", always),
            _caption(shown, left_out, window_label, source),
        ),
        table=_table(drawn, slots),
        alt=_alt(drawn, window_label),
    )


def _question(shown: pd.DataFrame, explained_by: str) -> str:
    past, base = _VERBS[direction(shown["abnormal"].tolist())]
    if len(shown) == 1:
        name = words(shown["name"][0]) or words(shown["security"][0])
        return f"Did {name} {base} more than {explained_by} can explain?"
    return f"Who {past} more than {explained_by} can explain?"


def with_intervals(shown: pd.DataFrame) -> pd.DataFrame:
    """Add half, low, high (decimal) and style, the marker's suffix that tells the interval."""
    import numpy as np
    from scipy.special import ndtri, stdtrit

    tail = 0.5 + _LEVEL / 2
    degrees = shown["df"].where(shown["df"] > 0).to_numpy(dtype=np.float64)
    quantile = np.where(np.isfinite(degrees), stdtrit(degrees, tail), ndtri(tail))
    half = quantile * shown["se"].where(shown["se"] > 0)
    low, high = shown["abnormal"] - half, shown["abnormal"] + half
    style = np.select([half.isna(), (low > 0) | (high < 0)], [_UNKNOWN, _OUTSIDE], default=_ACROSS)
    return shown.assign(half=half, low=low, high=high, style=style)


def _draw(shown: pd.DataFrame, slots: list[Slot]) -> go.Figure:
    import plotly.graph_objects as go

    places = {slot.row: slot for slot in slots if slot.row is not None}
    figure = new_figure(
        list_height(slots, LEGEND_HEIGHT + 60),
        margin={"t": LEGEND_HEIGHT},
        xaxis=percent_axis(
            "Abnormal return, %", 100 * shown[["abnormal", "low", "high"]].to_numpy().ravel()
        ),
        yaxis=list_axis(slots),
        yaxis2=value_axis(slots, shown["abnormal"].tolist()),
        showlegend=True,
    )
    for role in dict.fromkeys(slot.mark.label for slot in slots):
        rows = [row for row, slot in places.items() if slot.mark.label == role]
        mark = places[rows[0]].mark
        own = shown.loc[rows]
        figure.add_trace(
            go.Scatter(
                name=safe(role),
                mode="markers",
                x=[100 * value for value in own["abnormal"]],
                y=[places[row].y for row in rows],
                error_x={
                    "type": "data",
                    "array": [100 * half if is_finite(half) else 0.0 for half in own["half"]],
                    "color": mark.colour,
                    "thickness": 1.6,
                    "width": 0,
                },
                marker={
                    "color": mark.colour,
                    "size": 10,
                    "symbol": [mark.symbol + style for style in own["style"]],
                    "line": {"color": mark.colour, "width": 1.6},
                },
                hoverinfo="text",
                hovertext=[_hover(row) for row in own.to_dict("records")],
                showlegend=False,
            )
        )
    _explain_marks(figure, set(shown["style"]))
    return figure


def _explain_marks(figure: go.Figure, styles: set[str]) -> None:
    """Add the legend of filled and hollow marks, and the trace that the right axis needs."""
    import plotly.graph_objects as go

    for style, text in _LEGEND.items():
        if style in styles:
            figure.add_trace(
                go.Scatter(
                    name=text,
                    mode="markers",
                    x=[None],
                    y=[None],
                    marker={"symbol": f"circle{style}", "size": 10, "color": NEUTRAL},
                    hoverinfo="skip",
                )
            )
    figure.add_trace(go.Scatter(x=[None], y=[None], yaxis="y2", hoverinfo="skip", showlegend=False))


def _hover(row: dict[Any, Any]) -> str:
    name, ticker = safe(row["name"]), safe(row["security"])
    lines = [
        f"<b>{name or ticker}</b> ({ticker}), {day(row['day0'])}",
        f"abnormal return {percent(row['abnormal'], unit=True)}",
    ]
    if is_finite(row["half"]):
        low, high = percent(row["low"], unit=True), percent(row["high"], unit=True)
        lines.append(f"95 % interval {low} to {high}")
    lines.append(f"t {number(row['t'])}, p {p_value(row['p_value'])}")
    lines.append(f"p {p_value(row['p_bh'])} adjusted (Benjamini–Hochberg)")
    if words(row.get("note")):
        lines.append(safe(row["note"]))
    return "<br>".join(lines)


def _caption(shown: pd.DataFrame, left_out: pd.DataFrame, window_label: str, source: str) -> str:
    size = int(shown["half"].notna().sum())
    caution = ""
    if size > 1:
        caution = (
            f"The intervals are not adjusted for their number: among {size}, about "
            f"{number(size / 20, 1)} would "
            "exclude zero by chance, and securities hit on one day move together; "
            "adjusted p-values are in the table."
        )
    absent = ""
    if len(left_out):
        names = list(dict.fromkeys(security_labels(left_out)))
        absent = f"Without an abnormal return, so not drawn: {listing(names)}."
    return sentence(
        f"Abnormal return ({window_label}) with its 95 % interval (t distribution).",
        day0_sentence(shown),
        caution,
        absent,
        source,
    )


def _table(shown: pd.DataFrame, slots: list[Slot]) -> pd.DataFrame:
    import pandas as pd

    own = shown.loc[[slot.row for slot in slots if slot.row is not None]]
    return pd.DataFrame(
        {
            "Security": own["name"].map(words).where(own["name"].map(words) != "", own["security"]),
            "Ticker": own["security"].map(words),
            "Role": [role_mark(role).label for role in own["role"]],
            "Day 0": own["day0"].map(day),
            "Abnormal return, %": own["abnormal"].map(percent),
            "95 % low, %": own["low"].map(percent),
            "95 % high, %": own["high"].map(percent),
            "t": own["t"].map(number),
            "p": own["p_value"].map(p_value),
            "p adjusted": own["p_bh"].map(p_value),
        }
    ).reset_index(drop=True)


def _alt(shown: pd.DataFrame, window_label: str) -> str:
    ordered = shown.sort_values("abnormal", kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    outside = int((shown["style"] == _OUTSIDE).sum())
    ends = f"{percent(low['abnormal'], 1, unit=True)} ({words(low['name'])})"
    if len(shown) > 1:
        ends = f"from {ends} to {percent(high['abnormal'], 1, unit=True)} ({words(high['name'])})"
    return (
        f"Dot plot of {count(len(shown), 'abnormal return')}, {window_label}, {ends}; "
        f"{outside} of {len(shown)} with a 95 % interval that excludes zero."
    )
