"""Did it last? Cumulative average abnormal return per group, day by day, with its band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.charts.axes import ends_and_zero, few_days, labels_apart, percent_axis
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import checked, direction
from analysis.charts.theme import DASHES, EVENT, Mark, group_marks, new_figure
from analysis.formatting import (
    UNIT,
    is_finite,
    listing,
    number,
    percent,
    relative_day,
    safe,
    sentence,
    words,
)
from analysis.plain_text import count

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_NUMBERS = ("caar", "low", "high", "n")
_TOGETHER = 3  # more groups than this and their bands hide each other: one panel each
_PANEL, _LARGE_PANEL = 130, 210  # px
_LARGE_ROWS = 2  # of two panels each
_TITLES = {
    -1: "Did the fall last?",
    0: "Did the move last?",
    1: "Did the rise last?",
}


def caar_paths(paths: pd.DataFrame, source: str) -> Chart:
    """Draw the cumulative average abnormal return of each group over the event window.

    Up to three groups share a panel; more get a small panel each, on one scale.

    Parameters
    ----------
    paths : pandas.DataFrame
        group (a role or any name), day (relative, whole), caar, low, high (decimal, NaN where
        not computed), n (securities). Groups are drawn in the order in which they come.
    source : str
        ``Source: …; as of ….``, closes the caption.

    Returns
    -------
    Chart
        Key ``caar-paths``; numbers in per cent. Without any CAAR the chart says so.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    frame = checked(paths, "paths", ("group", "day", *_NUMBERS), ("day", *_NUMBERS))
    frame = frame[frame["day"].notna()].assign(group=frame["group"].map(words))
    frame = frame.astype({"day": "int64"})
    known = frame.groupby("group")["caar"].transform("count") > 0
    frame = frame[known].reset_index(drop=True)
    if frame.empty:
        reason = "No cumulative average abnormal return could be computed."
        return nothing_to_show("caar-paths", _TITLES[0], reason, source)
    groups = list(dict.fromkeys(frame["group"]))
    blocks = [frame[frame["group"] == group].sort_values("day") for group in groups]
    marks = group_marks(groups)
    draw = _one_panel if len(groups) <= _TOGETHER else _panels
    return Chart(
        key="caar-paths",
        title=_TITLES[direction([_on_day_zero(block) for block in blocks])],
        figure=draw(blocks, marks),
        caption=_caption(blocks, source),
        table=_table(blocks),
        alt=_alt(blocks, groups),
    )


def _on_day_zero(block: pd.DataFrame) -> float:
    """What day 0 added to the path (decimal); NaN where the days around it are missing."""
    caar = block.drop_duplicates("day").set_index("day")["caar"]
    before = caar.get(-1, 0.0 if block["day"].min() == 0 else float("nan"))
    return float(caar.get(0, float("nan")) - before)


def _one_panel(blocks: list[pd.DataFrame], marks: list[Mark]) -> go.Figure:
    days = _days(blocks)
    ends = [_last(block) for block in blocks]
    labels = [
        f'<span style="color:{mark.colour}">\u25cf</span> {safe(mark.label)}<br>{percent(end, 1)}'
        for mark, end in zip(marks, ends, strict=True)
    ]
    height = 380
    across = percent_axis("CAAR, %", _extent(blocks))
    low, high = across["range"]
    figure = new_figure(
        height,
        xaxis=_day_axis(days, few_days(days)),
        yaxis=across,
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [low, high],
            "tickmode": "array",
            "tickvals": labels_apart(
                [100 * end for end in ends], 40 * (high - low) / (height - 70)
            ),
            "ticktext": labels,
            "showgrid": False,
            "zeroline": False,
        },
        shapes=[_day_zero("x", "y")],
    )
    for place, (block, mark) in enumerate(zip(blocks, marks, strict=True)):
        _add(figure, block, mark, place)
    import plotly.graph_objects as go

    figure.add_trace(go.Scatter(x=[None], y=[None], yaxis="y2", hoverinfo="skip", showlegend=False))
    return figure


def _panels(blocks: list[pd.DataFrame], marks: list[Mark]) -> go.Figure:
    """Two columns of panels on one scale, the largest groups in large ones."""
    days = _days(blocks)
    pairs = sorted(zip(blocks, marks, strict=True), key=lambda pair: -float(pair[0]["n"].max()))
    rows = (len(pairs) + 1) // 2
    sizes = [_LARGE_PANEL if row < _LARGE_ROWS else _PANEL for row in range(rows)]
    height = 40 + sum(sizes)
    tops = [1 - sum(sizes[:row]) / sum(sizes) for row in range(rows + 1)]
    gap = 40 / height  # room for the two lines above each panel
    extent = _extent(blocks)
    figure = new_figure(height)
    for place, (block, mark) in enumerate(pairs):
        row, column = divmod(place, 2)
        suffix = "" if place == 0 else str(place + 1)
        top = tops[row] - gap
        bottom = tops[row + 1] + 8 / height
        lowest = place + 2 >= len(blocks)
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    **_day_axis(days, ends_and_zero(days)),
                    "anchor": f"y{suffix}",
                    "domain": [0.0, 0.47] if column == 0 else [0.53, 1.0],
                    "showticklabels": lowest,
                    "title": {"text": "Sessions from day 0" if lowest else ""},
                },
                f"yaxis{suffix}": {
                    **percent_axis("", extent, UNIT),
                    "anchor": f"x{suffix}",
                    "domain": [max(bottom, 0.0), top],
                    "showticklabels": column == 0,
                },
            }
        )
        figure.add_annotation(
            text=f"<b>{safe(mark.label)}</b><br>{percent(_last(block), 1, unit=True)}, "
            f"{_size(block)}",
            x=0,
            xref=f"x{suffix} domain",
            y=1,
            yref=f"y{suffix} domain",
            xanchor="left",
            yanchor="bottom",
            align="left",
            showarrow=False,
            font={"size": 12},
        )
        figure.add_shape(_day_zero(f"x{suffix}", f"y{suffix}"))
        _add(figure, block, mark, 0, suffix)
    return figure


def _add(figure: go.Figure, block: pd.DataFrame, mark: Mark, place: int, suffix: str = "") -> None:
    """Add one group: its band, then its line over it."""
    import plotly.graph_objects as go

    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "showlegend": False}
    edge = _band(block)
    if edge["x"]:
        figure.add_trace(
            go.Scatter(
                **edge,
                **axes,
                name=f"{safe(mark.label)}, 95 % band",
                mode="lines",
                line={"width": 0},
                fill="toself",
                fillcolor=_faint(mark.colour),
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            **axes,
            name=safe(mark.label),
            mode="lines+markers",
            x=block["day"].tolist(),
            y=[100 * value if is_finite(value) else None for value in block["caar"]],
            line={"color": mark.colour, "width": 2.2, "dash": DASHES[place % len(DASHES)]},
            marker={"color": mark.colour, "size": 6, "symbol": mark.symbol},
            hoverinfo="text",
            hovertext=[_hover(row, mark) for row in block.to_dict("records")],
        )
    )


def _band(block: pd.DataFrame) -> dict[str, list[float | None]]:
    """Outline of the band: one closed polygon per run of days that have both ends."""
    edge: dict[str, list[float | None]] = {"x": [], "y": []}
    whole = block["low"].notna() & block["high"].notna()
    runs = (whole != whole.shift()).cumsum()
    for _, run in block[whole].groupby(runs[whole]):
        there, back = run, run.iloc[::-1]
        edge["x"] += [*there["day"].tolist(), *back["day"].tolist(), None]
        edge["y"] += [*(100 * there["high"]).tolist(), *(100 * back["low"]).tolist(), None]
    return edge


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.20)"


def _extent(blocks: list[pd.DataFrame]) -> tuple[float, float]:
    """What the scale must hold (per cent): every path, zero, and bands within reason.

    The band of a single volatile security would flatten everybody's path; bands may reach
    beyond the paths by their span (small panels: a third of it) and are cut there.
    """
    lowest, highest = _reach(blocks, "caar", "caar")
    room = (highest - lowest) / (1 if len(blocks) <= _TOGETHER else 3)
    low, high = _reach(blocks, "low", "high")
    return max(low, lowest - room), min(high, highest + room)


def _reach(blocks: list[pd.DataFrame], low: str, high: str) -> tuple[float, float]:
    import numpy as np
    import pandas as pd

    rows = pd.concat(blocks)
    lowest = np.nanmin(rows[["caar", low]].to_numpy())
    highest = np.nanmax(rows[["caar", high]].to_numpy())
    return 100 * min(0.0, float(lowest)), 100 * max(0.0, float(highest))


def _days(blocks: list[pd.DataFrame]) -> list[int]:
    days = {int(day) for block in blocks for day in block["day"]}
    return list(range(min(days), max(days) + 1))


def _day_axis(days: list[int], ticks: list[int]) -> dict[str, Any]:
    return {
        "title": {"text": "Sessions from day 0"},
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [relative_day(day) for day in ticks],
        "range": [days[0] - 0.4, days[-1] + 0.4],
        "zeroline": False,
        "showgrid": False,
    }


def _day_zero(x: str, y: str) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": x,
        "yref": f"{y} domain",
        "x0": 0,
        "x1": 0,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": EVENT, "width": 1.5, "dash": "dot"},
    }


def _hover(row: dict[Any, Any], mark: Mark) -> str:
    lines = [
        f"<b>{safe(mark.label)}</b>, day {relative_day(row['day'])}",
        f"CAAR {percent(row['caar'], unit=True)}",
    ]
    if is_finite(row["low"]) and is_finite(row["high"]):
        low, high = percent(row["low"], unit=True), percent(row["high"], unit=True)
        lines.append(f"95 % interval {low} to {high}")
    if is_finite(row["n"]):
        lines.append(count(int(row["n"]), "security", "securities"))
    return "<br>".join(lines)


def _last(block: pd.DataFrame) -> float:
    return float(block["caar"].dropna().iloc[-1])


def _size(block: pd.DataFrame) -> str:
    sizes = sorted({int(size) for size in block["n"].dropna()})
    if not sizes:
        return "n not known"
    ends = (sizes[0], sizes[-1])
    return f"n {ends[0]}" if ends[0] == ends[1] else f"n {ends[0]} to {ends[1]}"


def _caption(blocks: list[pd.DataFrame], source: str) -> str:
    days = _days(blocks)
    bands = any(block[["low", "high"]].notna().all(axis=1).any() for block in blocks)
    caution = ""
    if bands and len(blocks) > 1:
        caution = (
            f"With {len(blocks)} groups one of the bands is likelier to exclude zero by chance "
            "than a single band."
        )
    low, high = _reach(blocks, "low", "high")
    cut = (low, high) != _extent(blocks)
    return sentence(
        "Cumulative average abnormal return (CAAR) from day "
        f"{relative_day(days[0])} on"
        + (", with a band of the 95 % interval at each day" if bands else "")
        + "; the dotted line is day 0.",
        "A band that reaches beyond the scale is cut there." if cut else "",
        caution,
        source,
    )


def _table(blocks: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    rows = pd.concat(blocks, ignore_index=True)
    return pd.DataFrame(
        {
            "Group": rows["group"],
            "Day": rows["day"].map(relative_day),
            "CAAR, %": rows["caar"].map(percent),
            "95 % low, %": rows["low"].map(percent),
            "95 % high, %": rows["high"].map(percent),
            "Securities": rows["n"].map(lambda size: number(size, 0)),
        }
    )


def _alt(blocks: list[pd.DataFrame], groups: list[str]) -> str:
    ends = [
        f"{group} {percent(_last(block), 1, unit=True)}"
        for group, block in zip(groups, blocks, strict=True)
    ]
    last = relative_day(_days(blocks)[-1])
    lines = f"Lines of the CAAR of {count(len(groups), 'group')}"
    return f"{lines}, which reach by day {last}: {listing(ends, 12)}."
