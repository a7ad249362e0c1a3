"""Which exchange could react first? Sessions around the event, on one clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.frames import checked
from analysis.charts.theme import EVENT, NEUTRAL, RISE, new_figure
from analysis.errors import InputError
from analysis.formatting import listing, safe, sentence, words

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_COLUMNS = ("exchange", "city", "open_utc", "close_utc", "is_day0", "label")
_TITLE = "Which exchange could react first?"
_PALE = "rgba(123,127,134,0.35)"
_TICK_HOURS = (3, 6, 12, *(24 * days for days in (1, 2, 3, 5, 7, 14, 28, 92, 366, 3660, 36600)))


def session_timeline(
    sessions: pd.DataFrame,
    instant: datetime | pd.Timestamp | str | None,
    source: str,
    *,
    placed: str = "",
) -> Chart:
    """Draw the sessions of each exchange as bars in UTC, with the event's instant.

    Parameters
    ----------
    sessions : pandas.DataFrame
        exchange, city, open_utc, close_utc (UTC; without a zone taken as UTC), is_day0, label
        (the local day, ``Mon 27 Jan``). A row without hours is a day on which the exchange was
        closed; its label says why. Lunch breaks are not drawn.
    instant : datetime, pandas.Timestamp, str or None
        When the event became public (UTC without a zone); None draws no line.
    source : str
        ``Source: …; as of ….``, closes the caption.
    placed : str
        How an event whose hour was not recorded was placed, as a sentence; blank for an
        event with a recorded instant.

    Returns
    -------
    Chart
        Key ``session-timeline``. Without any session the chart says so.

    Raises
    ------
    InputError
        When columns are missing, times are no times, or a session closes before it opens.
    """
    frame = _with_times(checked(sessions, "sessions", _COLUMNS, ()))
    moment = _moment(instant)
    held = frame[frame["open_utc"].notna() & frame["close_utc"].notna()]
    if held.empty:
        reason = "No session is known around the event."
        return nothing_to_show("session-timeline", _TITLE, reason, source)
    if (held["close_utc"] <= held["open_utc"]).any():
        wrong = held[held["close_utc"] <= held["open_utc"]].iloc[0]
        raise InputError(
            f"A session of {words(wrong['exchange'])} closes at {wrong['close_utc']}, which is "
            f"not after its opening at {wrong['open_utc']}."
        )
    closed = frame[frame["open_utc"].isna() | frame["close_utc"].isna()]
    lines = _lines(held, closed)
    return Chart(
        key="session-timeline",
        title=_TITLE,
        figure=_draw(held, closed, moment, lines, placed),
        caption=_caption(held, closed, moment, source, placed),
        table=_table(held, closed, lines),
        alt=_alt(held, moment),
    )


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    times = {}
    for column in ("open_utc", "close_utc"):
        try:
            times[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
        except (TypeError, ValueError) as problem:
            raise InputError(
                f"Column {column!r} of sessions does not hold times: {problem}"
            ) from None
    # A missing mark is no mark.
    return frame.assign(**times, is_day0=frame["is_day0"].isin([True]))


def _moment(instant: Any) -> pd.Timestamp | None:
    import pandas as pd

    if instant is None:
        return None
    try:
        moment = pd.to_datetime(instant, utc=True)
    except (TypeError, ValueError):
        raise InputError(f"The instant {instant!r} is not a time.") from None
    return None if pd.isna(moment) else moment


def _lines(held: pd.DataFrame, closed: pd.DataFrame) -> dict[str, int]:
    """Places of the exchanges from the top, in the order in which the day reaches them."""
    opens = held["open_utc"].dt.hour * 60 + held["open_utc"].dt.minute
    first = opens.groupby(held["exchange"].map(words)).median()
    order = sorted(first.index, key=lambda name: (first[name], name))
    order += [name for name in dict.fromkeys(closed["exchange"].map(words)) if name not in order]
    return {name: place for place, name in enumerate(order)}


def _draw(
    held: pd.DataFrame,
    closed: pd.DataFrame,
    moment: pd.Timestamp | None,
    lines: dict[str, int],
    placed: str,
) -> go.Figure:
    figure = new_figure(
        115 + 28 * max(len(lines), 2),
        margin={"t": 48},
        barmode="overlay",
        bargap=0.35,
        showlegend=True,
        xaxis=_clock(held, moment),
        yaxis={
            "tickmode": "array",
            "tickvals": list(lines.values()),
            "ticktext": [safe(_city(held, closed, name)) for name in lines],
            "range": [len(lines) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
        },
    )
    zero = held["is_day0"]
    figure.add_trace(_bars(held[~zero], lines, "Session", _PALE))
    figure.add_trace(_bars(held[zero], lines, "Day 0", RISE))
    _note_closures(figure, closed, lines, moment)
    if moment is not None:
        figure.add_shape(
            type="line",
            xref="x",
            yref="y domain",
            x0=_iso(moment),
            x1=_iso(moment),
            y0=0,
            y1=1,
            line={"color": EVENT, "width": 2, "dash": "dash"},
        )
        figure.add_annotation(
            x=_iso(moment),
            xref="x",
            y=1,
            yref="y domain",
            yanchor="bottom",
            xanchor=_anchor(held, moment),
            showarrow=False,
            text=f"<b>event</b>{', about' if placed else ''} {moment:%H:%M}",
            font={"size": 12},
        )
    return figure


def _anchor(held: pd.DataFrame, moment: pd.Timestamp) -> str:
    """Side to which the event's label grows, so that the edge of the chart never cuts it."""
    if moment <= held["open_utc"].quantile(0.2):
        return "left"
    return "right" if moment >= held["close_utc"].quantile(0.8) else "center"


def _clock(held: pd.DataFrame, moment: pd.Timestamp | None) -> dict[str, Any]:
    import pandas as pd

    first, last = held["open_utc"].min(), held["close_utc"].max()
    if moment is not None:
        first, last = min(first, moment), max(last, moment)
    air = max((last - first) * 0.04, pd.Timedelta(hours=1))
    first, last = first - air, last + air
    hours = next(step for step in _TICK_HOURS if (last - first) / pd.Timedelta(hours=step) <= 5)
    ticks = pd.date_range(first.floor("D"), last, freq=f"{hours}h")
    ticks = ticks[ticks >= first]
    return {
        "type": "date",
        "title": {"text": "Time in UTC"},
        "range": [_iso(first), _iso(last)],
        "tickmode": "array",
        "tickvals": [_iso(tick) for tick in ticks],
        "ticktext": [
            f"{tick:%H:%M}<br>{tick.day} {tick:%b}"
            if hours < 24
            else f"{tick:%a}<br>{tick.day} {tick:%b}"
            for tick in ticks
        ],
        "tickangle": 0,
        "showgrid": True,
        "zeroline": False,
    }


def _bars(rows: pd.DataFrame, lines: dict[str, int], name: str, colour: str) -> go.Bar:
    import plotly.graph_objects as go

    spans = (rows["close_utc"] - rows["open_utc"]).dt.total_seconds() * 1000
    return go.Bar(
        name=name,
        orientation="h",
        base=[_iso(time) for time in rows["open_utc"]],
        x=spans.tolist(),
        y=[lines[words(exchange)] for exchange in rows["exchange"]],
        marker={
            "color": colour,
            "line": {"color": RISE if name == "Day 0" else NEUTRAL, "width": 1},
        },
        hoverinfo="text",
        hovertext=[_hover(row) for row in rows.to_dict("records")],
    )


def _note_closures(
    figure: go.Figure, closed: pd.DataFrame, lines: dict[str, int], moment: pd.Timestamp | None
) -> None:
    """Write ``closed`` on the lines of closed exchanges; the caption has the reasons."""
    for name in dict.fromkeys(closed["exchange"].map(words)):
        figure.add_annotation(
            x=0 if moment is None else _iso(moment),
            xref="x domain" if moment is None else "x",
            xanchor="left",
            xshift=5,
            y=lines[name],
            yref="y",
            showarrow=False,
            font={"size": 11},
            text="closed",
        )


def _hover(row: dict[Any, Any]) -> str:
    kind = ", day 0" if row["is_day0"] else ""
    return (
        f"<b>{safe(row['city']) or safe(row['exchange'])}</b> ({safe(row['exchange'])}), "
        f"{safe(row['label'])}{kind}<br>"
        f"{row['open_utc']:%H:%M} to {row['close_utc']:%H:%M} UTC"
    )


def _iso(time: pd.Timestamp) -> str:
    return str(time.tz_convert(None).isoformat(timespec="seconds"))


def _city(held: pd.DataFrame, closed: pd.DataFrame, exchange: str) -> str:
    for rows in (held, closed):
        own = rows[rows["exchange"].map(words) == exchange]
        if len(own):
            return words(own["city"].iloc[0]) or exchange
    return exchange


def _caption(
    held: pd.DataFrame,
    closed: pd.DataFrame,
    moment: pd.Timestamp | None,
    source: str,
    placed: str,
) -> str:
    shut = list(dict.fromkeys(f"{words(r.city)} ({words(r.label)})" for r in closed.itertuples()))
    event = (
        f"; the event became public at {moment:%H:%M} UTC on {moment.day} {moment:%B %Y}"
        if moment is not None and not placed
        else ""
    )
    return sentence(
        f"Trading sessions from opening to close, lunch breaks not drawn{event}.",
        placed if moment is not None else "",
        "Day 0 of an exchange is its first session that closes after the event."
        if held["is_day0"].any()
        else "",
        _late(held),
        f"Closed: {listing(shut, 10)}." if shut else "",
        source,
    )


def _late(held: pd.DataFrame) -> str:
    """Name the exchanges whose day 0 opens more than a day after the first one."""
    import pandas as pd

    zero = held[held["is_day0"]].sort_values("open_utc", kind="stable")
    if zero.empty:
        return ""
    late = zero[zero["open_utc"] - zero["open_utc"].iloc[0] > pd.Timedelta(days=1)]
    names = [
        f"{words(row.city) or words(row.exchange)} ({words(row.label)})"
        for row in late.itertuples()
    ]
    return f"More than a day after the first: {listing(names, 10)}." if names else ""


def _table(held: pd.DataFrame, closed: pd.DataFrame, lines: dict[str, int]) -> pd.DataFrame:
    import pandas as pd

    rows = pd.concat([held, closed], ignore_index=True)
    rows["place"] = rows["exchange"].map(words).map(lines)
    rows = rows.sort_values(["place", "open_utc"], kind="stable", na_position="last")

    def clock(time: pd.Timestamp) -> str:
        return "closed" if pd.isna(time) else f"{time:%Y-%m-%d %H:%M}"

    return pd.DataFrame(
        {
            "Exchange": rows["city"].map(words),
            "MIC": rows["exchange"].map(words),
            "Session": rows["label"].map(words),
            "Opens, UTC": rows["open_utc"].map(clock),
            "Closes, UTC": rows["close_utc"].map(clock),
            "Day 0": ["yes" if zero else "" for zero in rows["is_day0"]],
        }
    ).reset_index(drop=True)


def _alt(held: pd.DataFrame, moment: pd.Timestamp | None) -> str:
    zero = held[held["is_day0"]].sort_values("open_utc")
    start = f"Sessions of {held['exchange'].nunique()} exchanges in UTC"
    if moment is not None:
        start += f" around the event of {moment:%Y-%m-%d %H:%M}"
    if zero.empty:
        return f"{start}; none of them is a day 0."
    first = zero.iloc[0]
    return (
        f"{start}; the first day 0 to open is {words(first['city'])}, "
        f"{first['open_utc']:%Y-%m-%d %H:%M}."
    )
