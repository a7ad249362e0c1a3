"""The moves of one session, sorted by size: abnormal and raw return of a security on one row."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from analysis.charts.axes import LEGEND_HEIGHT, list_axis, list_height, percent_axis, value_axis
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import (
    DESCRIPTION,
    Slot,
    checked,
    day0_sentence,
    direction,
    security_labels,
)
from analysis.charts.theme import NEUTRAL, SERIES, Mark, new_figure
from analysis.formatting import day, is_finite, p_value, percent, safe, sentence, words
from analysis.plain_text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST = 20
_NUMBERS = ("raw", "abnormal", "se", "df", "p_adjusted")
_OWN = Mark("Named by the event", SERIES[0], "square")
_OTHER = Mark("Other", NEUTRAL, "circle")
_RAW = Mark("Raw return", NEUTRAL, "diamond-open")
_BAR = "rgba(123,127,134,0.6)"
_DAGGER, _STAR = " †", "*"


def largest_moves(
    securities: pd.DataFrame,
    source: str,
    *,
    own: Collection[str] = (),
    confounded: Collection[str] = (),
    explained_by: str = "the market",
) -> Chart:
    """Draw the largest abnormal returns and those of the event's own securities.

    Parameters
    ----------
    securities : pandas.DataFrame
        event_id, security, name, role, exchange, day0, raw, abnormal, se (decimal), df,
        p_adjusted, significant; one row per security. Rows without an abnormal return are left
        out.
    source : str
        ``Source: …; as of ….``, closes the caption.
    own : collection of str
        Securities that the event names; drawn whatever their move.
    confounded : collection of str
        Securities with other news of their own in the session.
    explained_by : str
        What the model takes off, for the title.

    Returns
    -------
    Chart
        Key ``largest-moves``; numbers in per cent, intervals as of `abnormal_by_security`.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    from analysis.charts.abnormal_returns import with_intervals

    frame = checked(securities, "securities", (*DESCRIPTION, *_NUMBERS, "significant"), _NUMBERS)
    shown = frame[frame["abnormal"].notna()].reset_index(drop=True)
    if shown.empty:
        reason = "No abnormal return could be computed for any security."
        return nothing_to_show("largest-moves", "What moved?", reason, source)
    kept = _kept(shown, own)
    down = direction(shown["abnormal"].iloc[kept].tolist()) < 0
    drawn = with_intervals(shown.iloc[kept]).sort_values("abnormal", ascending=down, kind="stable")
    drawn = drawn.reset_index(drop=True).assign(
        own=drawn["security"].isin(own).to_numpy(),
        confounded=drawn["security"].isin(confounded).to_numpy(),
    )
    labels = [
        label + _DAGGER * marked
        for label, marked in zip(security_labels(drawn), drawn["confounded"], strict=True)
    ]
    slots = [
        Slot(row, label, row, _OWN if named else _OTHER)
        for row, (label, named) in enumerate(zip(labels, drawn["own"], strict=True))
    ]
    return Chart(
        key="largest-moves",
        title=f"What moved more than {explained_by} can explain?",
        figure=_draw(drawn, slots),
        caption=_caption(drawn, len(shown), source),
        table=_table(drawn),
        alt=_alt(drawn),
    )


def _kept(shown: pd.DataFrame, own: Collection[str]) -> list[int]:
    """The event's own, then the largest that are significant, then the largest of the others."""
    import numpy as np

    named = shown["security"].isin(own).to_numpy()
    significant = shown["significant"].to_numpy(dtype=bool)
    order = np.lexsort((-shown["abnormal"].abs().to_numpy(), ~significant, ~named))
    return sorted(order[: max(MOST, int(named.sum()))].tolist())


def _draw(drawn: pd.DataFrame, slots: list[Slot]) -> go.Figure:
    import plotly.graph_objects as go

    values = value_axis(slots, drawn["abnormal"].tolist())
    starred = dict(zip(values["tickvals"], values["ticktext"], strict=True))
    for slot in slots:
        if drawn["significant"][slot.y]:
            starred[slot.y] += _STAR
    rows = [len(slots) - 0.4, -1.6]  # the first line is the heading of the numbers
    held = drawn[["raw", "abnormal", "low", "high"]].to_numpy().ravel()
    axis = list_axis(slots)
    axis["ticktext"] = [
        f"<b>{text}</b>" if slot.mark is _OWN else text
        for slot, text in zip(slots, axis["ticktext"], strict=True)
    ]
    figure = new_figure(
        list_height(slots, LEGEND_HEIGHT + 80),
        margin={"t": LEGEND_HEIGHT},
        xaxis=percent_axis("Return in the session, %", 100 * held),
        yaxis={**axis, "range": rows},
        yaxis2={
            **values,
            "ticktext": ["<b>abnormal</b>", *starred.values()],
            "tickvals": [-1, *starred],
            "range": rows,
        },
        showlegend=True,
    )
    for mark in (_OWN, _OTHER):
        places = [slot.y for slot in slots if slot.mark is mark]
        if places:
            figure.add_trace(_abnormal(drawn.loc[places], mark, places))
    known = drawn[drawn["raw"].notna()]
    figure.add_trace(
        go.Scatter(
            name=_RAW.label,
            mode="markers",
            x=[100 * value for value in known["raw"]],
            y=list(known.index),
            marker={"symbol": _RAW.symbol, "size": 8, "color": _RAW.colour},
            hoverinfo="text",
            hovertext=[_hover(row) for row in known.to_dict("records")],
        )
    )
    figure.add_trace(go.Scatter(x=[None], y=[None], yaxis="y2", hoverinfo="skip", showlegend=False))
    return figure


def _abnormal(rows: pd.DataFrame, mark: Mark, places: list[int]) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        name=f"Abnormal return: {mark.label.lower()}",
        mode="markers",
        x=[100 * value for value in rows["abnormal"]],
        y=places,
        error_x={
            "type": "data",
            "array": [100 * half if is_finite(half) else 0.0 for half in rows["half"]],
            "color": mark.colour if mark is _OWN else _BAR,
            "thickness": 1.6,
            "width": 0,
        },
        marker={"color": mark.colour, "size": 10 if mark is _OWN else 8, "symbol": mark.symbol},
        hoverinfo="text",
        hovertext=[_hover(row) for row in rows.to_dict("records")],
    )


def _hover(row: dict[Any, Any]) -> str:
    name, ticker = safe(row["name"]), safe(row["security"])
    lines = [
        f"<b>{name or ticker}</b> ({ticker}), {day(row['day0'])}",
        f"raw return {percent(row['raw'], unit=True)}",
        f"abnormal return {percent(row['abnormal'], unit=True)}, 95 % interval "
        f"{percent(row['low'], unit=True)} to {percent(row['high'], unit=True)}",
        f"adjusted p {p_value(row['p_adjusted'])}",
    ]
    if row["confounded"]:
        lines.append("other news of its own in the session")
    return "<br>".join(lines)


def _caption(drawn: pd.DataFrame, of: int, source: str) -> str:
    chosen = ""
    if len(drawn) < of:
        also = " and the event's own" if drawn["own"].any() else ""
        chosen = (
            f"The largest moves{also}, {len(drawn)} of {of} securities; all are in the appendix."
        )
    star = dagger = ""
    if drawn["significant"].any():
        star = "* Significant at 5 % after adjusting for the number of securities."
    if drawn["confounded"].any():
        dagger = "† Other news of its own in the session."
    return sentence(
        "Abnormal: the part of a return that the model does not explain; bars are 95 % intervals.",
        chosen,
        day0_sentence(drawn),
        star,
        dagger,
        source,
    )


def _table(drawn: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = drawn["name"].map(words)
    return pd.DataFrame(
        {
            "Security": names.where(names != "", drawn["security"]),
            "Ticker": drawn["security"].map(words),
            "Day 0": drawn["day0"].map(day),
            "Raw return, %": drawn["raw"].map(percent),
            "Abnormal return, %": drawn["abnormal"].map(percent),
            "95 % low, %": drawn["low"].map(percent),
            "95 % high, %": drawn["high"].map(percent),
            "p adjusted": drawn["p_adjusted"].map(p_value),
            "Own news": ["yes" if marked else "" for marked in drawn["confounded"]],
        }
    )


def _alt(drawn: pd.DataFrame) -> str:
    first, last = drawn.iloc[0], drawn.iloc[-1]
    ends = f"{words(first['name'])} {percent(first['abnormal'], 1, unit=True)}"
    if len(drawn) > 1:
        ends = f"from {ends} to {words(last['name'])} {percent(last['abnormal'], 1, unit=True)}"
    starred = int(drawn["significant"].sum())
    return f"Dot plot of {count(len(drawn), 'abnormal return')}, {ends}; {starred} significant."
