"""First large moves of the securities that an event names: on its day 0, or beside it.

A check of the catalogue: a move beside day 0 points to a wrong timing class, to other news, or
to a reaction that a closed market or a price limit put off. ``faultline events check --moves``
prints it, and ``docs/catalogue.md`` is written from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from analysis.desk import Desk

_MAX_OFFSET = 2
_MIN_DEVIATIONS = 2.5
_SIGMA_WINDOW = (-60, -11)
_MIN_SESSIONS = 30
DAYS = tuple(range(-_MAX_OFFSET, _MAX_OFFSET + 1))


def first_moves(desk: Desk, events: Sequence[str] | None = None) -> pd.DataFrame:
    """Find the first large move of each event's own securities around its day 0.

    Parameters
    ----------
    desk : Desk
        Gives catalogue, calendars and prices.
    events : sequence of str, optional
        Event ids; by default every event of the catalogue.

    Returns
    -------
    pandas.DataFrame
        One row per event and security that the event names and that has prices there:
        event_id, security, day0, sigma (standard deviation of the abnormal return on the
        sessions −60 to −11, decimal), the abnormal returns of the sessions −2 to 2 (columns
        -2, -1, 0, 1, 2, decimal; NaN where missing), first (session of the first large move
        relative to day 0, missing when there is none), session (its date) and news (what else
        the catalogue has of the same entity on that session, blank when nothing).

    Notes
    -----
    Abnormal is the return less that of the home benchmark, or the return itself where the
    tables hold no benchmark. A move is large from two and a half standard deviations on.
    """
    import pandas as pd

    ids = desk.events()["id"].to_list() if events is None else list(events)
    own = {event: _own(desk, event) for event in ids}
    tickers = list(dict.fromkeys(ticker for names in own.values() for ticker in names))
    abnormal = _abnormal(desk, tickers)
    placed = [desk.placements(event, names) for event, names in own.items() if names]
    nothing = pd.DataFrame(columns=["event_id", "security", "day0"])
    pairs = pd.concat(placed, ignore_index=True) if placed else nothing
    pairs = pairs[pairs["day0"].notna() & pairs["security"].isin(list(abnormal))]
    rows = [
        row
        for pair in pairs.to_dict("records")
        if (row := _move(pair["event_id"], pair["security"], pair["day0"], abnormal)) is not None
    ]
    frame = pd.DataFrame(
        rows, columns=["event_id", "security", "day0", "sigma", *DAYS, "first", "session"]
    )
    frame["first"] = frame["first"].astype("Int64")
    return frame.assign(news=_other_news(desk, frame, pairs))


def moves_off_day0(moves: pd.DataFrame) -> pd.DataFrame:
    """Rows whose first large move is not on day 0."""
    return moves[moves["first"].notna() & (moves["first"] != 0)].reset_index(drop=True)


def explain_moves(desk: Desk, moves: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Join the moves beside day 0 with the reasons of the catalogue.

    Parameters
    ----------
    desk : Desk
        Gives the catalogue's ``moves``.
    moves : pandas.DataFrame
        As `first_moves` returns it, of all events.

    Returns
    -------
    frame : pandas.DataFrame
        Rows of `moves_off_day0` with kind, reason and source_url; blank where no reason is known.
        What the catalogue itself has on that session counts as other news.
    stale : list of str
        Event and security of each reason that explains no move any more.
    """
    found = moves_off_day0(moves)
    table = {
        (row["event_id"], row["security"]): row
        for row in desk.catalogue.table("moves").iter_rows(named=True)
    }
    rows = []
    for move in found.to_dict("records"):
        row = table.pop((move["event_id"], move["security"]), None)
        if row:
            rows.append((row["kind"], row["reason"], row["source_url"] or ""))
        elif move["news"]:
            rows.append(("other_news", f"{move['news']}.", ""))
        else:
            rows.append(("", "", ""))
    found[["kind", "reason", "source_url"]] = rows or None
    return found, [" ".join(key) for key in table]


def _own(desk: Desk, event_id: str) -> list[str]:
    entities = (desk.event(event_id)["entities"] or "").split(";")
    return desk.catalogue.entities_to_tickers(entities)


def _abnormal(desk: Desk, tickers: list[str]) -> dict[str, pd.Series]:
    """Abnormal return of each security on its own sessions; those without a price are left out."""
    homes = desk.benchmarks(tickers)
    returns = desk.returns([*tickers, *dict.fromkeys(homes.values())])
    found = {}
    for ticker, sessions in desk.sessions(tickers).items():
        name = str(ticker)
        series = returns[name].reindex(sessions)
        if name in homes:
            series = series - returns[homes[name]].reindex(sessions)
        found[name] = series
    return found


def _move(
    event_id: str, security: str, day0: pd.Timestamp, abnormal: dict[str, pd.Series]
) -> dict[Any, Any] | None:
    """One row; None where the prices do not reach the days around day 0."""
    series = abnormal[security]
    if day0 not in series.index:
        return None
    position = int(series.index.searchsorted(day0))
    first, last = max(position + _SIGMA_WINDOW[0], 0), max(position + _SIGMA_WINDOW[1] + 1, 0)
    history = series.iloc[first:last].dropna()
    if len(history) < _MIN_SESSIONS:
        return None
    sigma = float(history.std())
    around = {
        day: float(series.iloc[position + day]) if position + day < len(series) else math.nan
        for day in DAYS
    }
    large = [day for day, move in around.items() if abs(move) >= _MIN_DEVIATIONS * sigma]
    return {
        "event_id": event_id,
        "security": security,
        "day0": day0,
        "sigma": sigma,
        **around,
        "first": large[0] if large else None,
        "session": series.index[position + large[0]] if large else None,
    }


def _other_news(desk: Desk, moves: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Other events that name the same security and have their day 0 on that session."""
    days = pairs.groupby(["security", "day0"])["event_id"].agg(list).to_dict()
    titles = dict(desk.events().select("id", "title").iter_rows())
    found = []
    for row in moves.to_dict("records"):
        others = days.get((row["security"], row["session"]), [])
        named = [f"{titles[item]} ({item})" for item in others if item != row["event_id"]]
        found.append("; ".join(named))
    return found
