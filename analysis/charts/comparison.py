"""How did the same securities react to several events? One row per security, a mark per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.charts.axes import LEGEND_HEIGHT, list_axis, list_height, percent_axis
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import DESCRIPTION, Slot, checked
from analysis.charts.markup import build
from analysis.charts.table import Table
from analysis.charts.theme import NEUTRAL, SERIES, Mark, new_figure
from analysis.formatting import day, number, p_value, percent, safe, sentence, words
from analysis.plain_text import count

if TYPE_CHECKING:
    import pandas as pd

MOST = 15
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star",
            "hexagon")  # fmt: skip
_TITLE = "How did the same securities react to each event?"


def compare_events(securities: pd.DataFrame, titles: Mapping[str, str], source: str) -> Chart:
    """Draw the abnormal return of each security on day 0 of each event.

    Parameters
    ----------
    securities : pandas.DataFrame
        event_id, security, name, role, exchange, day0, raw, abnormal (decimal), significant;
        one row per event and security.
    titles : mapping of str to str
        Short title of each event, in the order of the legend.
    source : str
        ``Source: …; as of ….``, closes the caption.

    Returns
    -------
    Chart
        Key ``compare-events``; numbers in per cent. The securities with the largest moves, at
        most 15, the largest first; a filled mark is significant.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import plotly.graph_objects as go

    needed = (*DESCRIPTION, "raw", "abnormal", "significant")
    frame = checked(securities, "securities", needed, ("raw", "abnormal"))
    frame = frame[frame["abnormal"].notna()]
    if frame.empty:
        reason = "No abnormal return could be computed for any security."
        return nothing_to_show("compare-events", _TITLE, reason, source)
    sizes = frame.assign(size=frame["abnormal"].abs()).groupby("security")["size"].max()
    shown = list(sizes.sort_values(ascending=False, kind="stable").index[:MOST])
    frame = frame[frame["security"].isin(shown)]
    names = frame.drop_duplicates("security").set_index("security")["name"].map(words)
    rows = {ticker: place for place, ticker in enumerate(shown)}
    slots = [
        Slot(place, names[ticker] or str(ticker), place, Mark("", NEUTRAL, "circle"))
        for ticker, place in rows.items()
    ]
    figure = new_figure(
        list_height(slots, 2 * LEGEND_HEIGHT + 60),
        margin={"t": 2 * LEGEND_HEIGHT},
        xaxis=percent_axis("Abnormal return on day 0, %", 100 * frame["abnormal"].to_numpy()),
        yaxis=list_axis(slots),
        showlegend=True,
    )
    for turn, (event, title) in enumerate(titles.items()):
        own = frame[frame["event_id"] == event]
        symbol = _SYMBOLS[turn % len(_SYMBOLS)]
        figure.add_trace(
            go.Scatter(
                name=safe(title),
                mode="markers",
                x=[100 * value for value in own["abnormal"]],
                y=[rows[ticker] for ticker in own["security"]],
                marker={
                    "color": SERIES[turn % len(SERIES)],
                    "size": 10,
                    "symbol": [symbol if sure else f"{symbol}-open" for sure in own["significant"]],
                },
                hoverinfo="text",
                hovertext=[
                    f"<b>{safe(row['name'])}</b>, {safe(title)}<br>{day(row['day0'])}: raw "
                    f"{percent(row['raw'], unit=True)}, abnormal "
                    f"{percent(row['abnormal'], unit=True)}"
                    for row in own.to_dict("records")
                ],
            )
        )
    return Chart(
        key="compare-events",
        title=_TITLE,
        figure=figure,
        caption=sentence(
            "Abnormal return on day 0 of each event. Filled: significant at 5 % after adjusting "
            "for the securities of the event; hollow: not.",
            f"The {len(shown)} securities with the largest moves of {len(sizes)}."
            if len(sizes) > len(shown)
            else "",
            source,
        ),
        table=_table(frame, titles, shown),
        alt=f"Dot plot of {count(len(shown), 'security', 'securities')} and "
        f"{count(len(titles), 'event')}.",
    )


def _table(frame: pd.DataFrame, titles: Mapping[str, str], shown: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    wide = frame.pivot(index="security", columns="event_id", values="abnormal").loc[list(shown)]
    names = frame.drop_duplicates("security").set_index("security")["name"].map(words)
    cells: dict[str, list[str]] = {
        "Security": [names[ticker] or ticker for ticker in shown],
        "Ticker": list(shown),
    }
    for event, title in titles.items():
        wide[event] = wide.get(event, float("nan"))
        cells[f"{title}, %"] = wide[event].map(percent).to_list()
    return pd.DataFrame(cells)


def events_table(events: pd.DataFrame) -> Table:
    """Tabulate events, one a row.

    Parameters
    ----------
    events : pandas.DataFrame
        title, day0, n, moved, average, low, high (decimal), p_value, lead, raw, abnormal.

    Returns
    -------
    Table
        Key ``events-compared``.
    """
    import pandas as pd

    caption = "The events, one by one"
    cells = pd.DataFrame(
        {
            "Event": events["title"],
            "Day 0": events["day0"].map(day),
            "Securities": events["n"].map(lambda value: number(value, 0)),
            "Significant": events["moved"].map(lambda value: number(value, 0)),
            "Average, %": events["average"].map(percent),
            "95 % low, %": events["low"].map(percent),
            "95 % high, %": events["high"].map(percent),
            "p": events["p_value"].map(p_value),
            "First named": events["lead"],
            "Raw, %": events["raw"].map(percent),
            "Abnormal, %": events["abnormal"].map(percent),
        }
    )
    numbers = [name for name in cells.columns if name not in ("Event", "Day 0", "First named")]
    notes = ["Average: of the abnormal returns of day 0, with the test recommended for the event."]
    markup = build(cells, caption, "events-compared", numbers=numbers, notes=notes)
    return Table("events-compared", caption, cells, markup)
