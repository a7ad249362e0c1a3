"""When did the abnormal returns come? Every security on every day of the event window."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from analysis.charts.axes import list_axis, list_height
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import MOST_DRAWN, Slot, arrange, chosen_sentence, largest
from analysis.charts.theme import EVENT, MISSING_FILL, new_figure
from analysis.errors import InputError
from analysis.formatting import (
    UNIT,
    is_finite,
    number,
    percent,
    relative_day,
    safe,
    sentence,
    short_labels,
    words,
)
from analysis.plain_text import count

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go
    from numpy.typing import NDArray

_LABEL = 30  # characters; on a phone the page's script cuts them shorter
_TITLE = "When did the abnormal returns come?"
_STEPS = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100)


def day_heatmap(
    abnormal: pd.DataFrame,
    roles: Mapping[str, str],
    source: str,
    *,
    always: Collection[str] = (),
) -> Chart:
    """Draw abnormal returns by security and relative day on a scale symmetric about zero.

    Parameters
    ----------
    abnormal : pandas.DataFrame
        Rows: securities, or pairs (event_id, security); columns: relative days (whole);
        values: decimal, NaN where there is none. Missing cells are grey and crossed.
    roles : mapping of str to str
        Security to role, for the grouping; a security that is not in it counts as other.
    source : str
        ``Source: …; as of ….``, closes the caption.
    always : collection of str
        Securities that are drawn whatever their returns, where there are more than
        `frames.MOST_DRAWN`.

    Returns
    -------
    Chart
        Key ``day-heatmap``; numbers in per cent. The scale ends near the 97.5th percentile of
        the absolute values when the largest lies far beyond, and the caption says so. Without
        any abnormal return the chart says so.

    Raises
    ------
    InputError
        When the columns are not whole days or the values are not numbers.
    """
    import numpy as np

    values, days = _cells(abnormal)
    finite = values[np.isfinite(values)]
    if not finite.size:
        reason = "No abnormal return could be computed for any security and day."
        return nothing_to_show("day-heatmap", _TITLE, reason, source)
    names, labels = _names(abnormal)
    zero = values[:, days.index(0)] if 0 in days else np.nansum(values, axis=1)
    of, places = len(names), largest(zero.tolist(), names, always, MOST_DRAWN)
    values, zero = values[places], zero[places]
    names, labels = [names[place] for place in places], [labels[place] for place in places]
    finite = values[np.isfinite(values)]
    slots = arrange(
        labels,
        [roles.get(name, "") for name in names],
        zero.tolist(),
        descending=False,
    )
    limit = _limit(finite)
    missing = int(values.size - finite.size)
    return Chart(
        key="day-heatmap",
        title=_TITLE,
        figure=_draw(values, days, slots, names, limit, missing),
        caption=sentence(
            chosen_sentence(len(names), of, "drawn", always),
            _caption(finite, days, limit, missing, source),
        ),
        table=_table(values, days, slots),
        alt=_alt(values, days, names),
    )


def _cells(abnormal: pd.DataFrame) -> tuple[NDArray[np.float64], list[int]]:
    """Values (securities × days, decimal, NaN for whatever is not finite) and sorted days."""
    import numpy as np
    import pandas as pd

    if not isinstance(abnormal, pd.DataFrame):
        raise InputError(f"abnormal is a {type(abnormal).__name__}; a pandas DataFrame is needed.")
    try:
        days = [int(day) for day in abnormal.columns]
        values = abnormal.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(
            "abnormal must have relative days as columns and decimal numbers as values; it has "
            f"the columns {', '.join(map(str, abnormal.columns))}."
        ) from None
    order = np.argsort(days, kind="stable")
    values = np.where(np.isfinite(values), values, np.nan)[:, order]
    return values, [days[place] for place in order]


def _names(abnormal: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Names of the securities and their labels; with several events the label has both."""
    import pandas as pd

    index = abnormal.index
    if not isinstance(index, pd.MultiIndex):
        names = [words(item) for item in index]
        return names, short_labels(names, names, _LABEL)
    names = [words(item[-1]) for item in index]
    labels = short_labels(names, names, _LABEL)
    events = [words(item[0]) for item in index]
    if len(set(events)) > 1:
        labels = [f"{label}, {event}" for label, event in zip(labels, events, strict=True)]
    return names, labels


def _limit(finite: NDArray[np.float64]) -> float:
    """End of the colour scale in per cent: a round number that one outlier cannot stretch."""
    import numpy as np

    sizes = 100 * np.abs(finite)
    largest, usual = float(sizes.max()), float(np.quantile(sizes, 0.975))
    wanted = usual if largest > 1.5 * usual > 0 else largest
    return next((float(step) for step in _STEPS if step >= wanted), wanted) or 1.0


def _draw(
    values: NDArray[np.float64],
    days: list[int],
    slots: list[Slot],
    names: list[str],
    limit: float,
    missing: int,
) -> go.Figure:
    figure = new_figure(
        list_height(slots, 115 if missing else 95),
        margin={"t": 60 if missing else 40},
        legend={"y": 1 - 34 / list_height(slots, 115)},
        xaxis={
            "title": {"text": "Sessions from day 0"},
            "tickmode": "array",
            "tickvals": days,
            "ticktext": [
                f"<b>{relative_day(day)}</b>" if day == 0 else relative_day(day) for day in days
            ],
            "tickangle": 0,
            "tickfont": {"size": 11},
            "range": [days[0] - 0.5, days[-1] + 0.5],
            "showgrid": False,
            "zeroline": False,
        },
        yaxis=list_axis(slots),
        coloraxis=_colour_axis(limit),
        showlegend=missing > 0,
    )
    figure.add_trace(_known(values, days, slots, names))
    if missing:
        figure.add_traces(_missing(values, days, slots, names))
    if 0 in days:
        figure.add_shape(
            type="rect",
            xref="x",
            yref="y domain",
            x0=-0.5,
            x1=0.5,
            y0=0,
            y1=1,
            line={"color": EVENT, "width": 1.5},
        )
    return figure


def _known(
    values: NDArray[np.float64], days: list[int], slots: list[Slot], names: list[str]
) -> go.Heatmap:
    import plotly.graph_objects as go

    def lines(write: Any, heading: Any) -> list[list[Any]]:
        return [
            [heading] * len(days)
            if slot.row is None
            else [
                write(value, names[slot.row], day) if is_finite(value) else heading
                for day, value in zip(days, values[slot.row].tolist(), strict=True)
            ]
            for slot in slots
        ]

    return go.Heatmap(
        name="Abnormal return",
        x=days,
        y=[slot.y for slot in slots],
        z=lines(lambda value, *_: 100 * value, None),
        # Whole per cent stay readable in the narrow cells of a phone; hover and table say more.
        text=lines(lambda value, *_: percent(value, 0), ""),
        texttemplate="%{text}",
        hoverinfo="text",
        hovertext=lines(_hover, ""),
        hoverongaps=False,
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
    )


def _missing(
    values: NDArray[np.float64], days: list[int], slots: list[Slot], names: list[str]
) -> list[go.Scatter | go.Heatmap]:
    """Grey cells with a cross where a security has no abnormal return, and their legend."""
    import numpy as np
    import plotly.graph_objects as go

    listed = [slot for slot in slots if slot.row is not None]
    holes = [
        (days[column], slot.y, names[slot.row])
        for slot in listed
        if slot.row is not None
        for column in np.flatnonzero(np.isnan(values[slot.row])).tolist()
    ]
    empty = {(day, y) for day, y, _ in holes}
    ground = go.Heatmap(
        name="missing",
        x=days,
        y=[slot.y for slot in slots],
        z=[[0 if (day, slot.y) in empty else None for day in days] for slot in slots],
        zmin=0,
        zmax=1,
        colorscale=[[0, MISSING_FILL], [1, MISSING_FILL]],
        showscale=False,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
    )
    crosses = go.Scatter(
        name="no abnormal return",
        mode="markers",
        x=[day for day, _, _ in holes],
        y=[y for _, y, _ in holes],
        marker={"symbol": "x-thin-open", "size": 9, "line": {"width": 1.4}, "color": "#7b7f86"},
        hoverinfo="text",
        hovertext=[
            f"<b>{safe(name)}</b>, day {relative_day(day)}<br>no abnormal return"
            for day, _, name in holes
        ],
    )
    return [ground, crosses]


def _hover(value: float, name: str, day: int) -> str:
    return (
        f"<b>{safe(name)}</b>, day {relative_day(day)}<br>"
        f"abnormal return {percent(value, unit=True)}"
    )


def _colour_axis(limit: float) -> dict[str, Any]:
    from analysis.charts.theme import DIVERGING

    ends = [-limit, 0.0, limit]
    return {
        "cmin": -limit,
        "cmax": limit,
        "colorscale": DIVERGING["light"],
        "colorbar": {
            "orientation": "h",
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "xpad": 24,
            "thickness": 10,
            "lenmode": "pixels",
            "len": 240,
            "ticklabeloverflow": "allow",
            "outlinewidth": 0,
            "tickvals": ends,
            "ticktext": [number(end, _decimals(end), sign=True) + UNIT for end in ends],
        },
    }


def _decimals(value: float) -> int:
    return 0 if float(value).is_integer() else 2 if (4 * value) % 2 else 1


def _caption(
    finite: NDArray[np.float64], days: list[int], limit: float, missing: int, source: str
) -> str:
    import numpy as np

    beyond = int((100 * np.abs(finite) > limit).sum())
    return sentence(
        "Abnormal return of each security on each day, in whole per cent"
        + ("; day 0 is framed." if 0 in days else "."),
        f"{count(beyond, 'value')} beyond ±{number(limit, _decimals(limit))} % "
        f"{'is' if beyond == 1 else 'are'} drawn in the last colour of the scale."
        if beyond
        else "",
        f"{count(missing, 'crossed cell')} without an abnormal return." if missing else "",
        source,
    )


def _table(values: NDArray[np.float64], days: list[int], slots: list[Slot]) -> pd.DataFrame:
    import pandas as pd

    rows = [slot.row for slot in slots if slot.row is not None]
    table: dict[str, list[str]] = {
        "Security": [slot.label for slot in slots if slot.row is not None],
        "Role": [slot.mark.label for slot in slots if slot.row is not None],
    }
    for column, day in enumerate(days):
        table[f"Day {relative_day(day)}, %"] = [percent(values[row, column]) for row in rows]
    return pd.DataFrame(table)


def _alt(values: NDArray[np.float64], days: list[int], names: list[str]) -> str:
    import numpy as np

    row, column = np.unravel_index(int(np.nanargmax(np.abs(values))), values.shape)
    return (
        f"Heat map of the abnormal returns of {count(len(names), 'security', 'securities')} on "
        f"{count(len(days), 'day')}; the largest is {percent(values[row, column], 1, unit=True)}, "
        f"{names[int(row)]}, day {relative_day(days[int(column)])}."
    )
