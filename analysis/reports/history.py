"""How unusual a day was: its rank among the security's sessions, and similar past events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.reports import wording

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from analysis.desk import Desk
    from analysis.reports.findings import Move

_MOST = 2  # similar events
_RARE = 0.02  # a place beyond this share of all sessions is not worth a word


@dataclass(frozen=True)
class Rank:
    """Place of a day's return among all returns of the security that the tables hold.

    Attributes
    ----------
    place : int
        1 for the largest fall (or rise) of all.
    sessions : int
        Returns known.
    first : datetime.date
        First day with a return.
    """

    place: int
    sessions: int
    first: date
    down: bool

    def __str__(self) -> str:
        what = "fall" if self.down else "rise"
        place = "" if self.place == 1 else f"{ordinal(self.place)}-"
        return (
            f"{place}largest {what} of {self.sessions:,} sessions since "
            f"{self.first:%B} {self.first.year}"
        )


def rank(returns: pd.Series, move: Move) -> Rank | None:
    """Rank the raw return of a move in its security's history; None where it is not rare.

    Parameters
    ----------
    returns : pandas.Series
        Decimal, by date; days after the move count too.
    """
    known = returns.dropna()
    if move.raw == 0 or known.empty:
        return None
    down = move.raw < 0
    beyond = int((known < move.raw).sum() if down else (known > move.raw).sum())
    if beyond >= max(1, _RARE * len(known)):
        return None
    return Rank(beyond + 1, len(known), known.index[0].date(), down)


def ordinal(number: int) -> str:
    """``second``, ``11th``, ``42nd``."""
    words = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return words.get(number) or f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"


def similar_events(desk: Desk, event: str, move: Move) -> pd.DataFrame:
    """Find the events of the same category and direction with the nearest move of the security.

    The move is the security's return less its benchmark's on day 0 of those events.

    Returns
    -------
    pandas.DataFrame
        event_id, title, date, day0, raw, less_benchmark (decimal), of (events compared); at most
        two rows, the nearest first.
    """
    import pandas as pd

    own = desk.event(event)
    columns = ["event_id", "title", "date", "day0", "raw", "less_benchmark", "of"]
    alike = desk.events(category=own["category"]).filter(_others(own))
    placed = desk.placements(alike["id"].to_list(), [move.ticker])
    placed = placed[placed["day0"].notna() & (placed["day0"].dt.date != move.day)]
    benchmark = desk.benchmarks([move.ticker]).get(move.ticker)
    table = desk.returns([move.ticker, *([benchmark] if benchmark else [])])
    raw = table[move.ticker]
    market = table[benchmark] if benchmark else raw * 0
    if pd.Timestamp(move.day) not in raw.index:
        return pd.DataFrame(columns=columns)
    here = raw[pd.Timestamp(move.day)] - market[pd.Timestamp(move.day)]
    titles = dict(alike.select("id", "title").iter_rows())
    found: list[dict[str, Any]] = []
    for event_id, day0 in zip(placed["event_id"], placed["day0"], strict=True):
        if day0 in raw.index and raw[day0] == raw[day0] and market[day0] == market[day0]:
            found.append(
                {
                    "event_id": event_id,
                    "title": titles[event_id],
                    "date": day0,
                    "day0": day0,
                    "raw": float(raw[day0]),
                    "less_benchmark": float(raw[day0] - market[day0]),
                }
            )
    frame = pd.DataFrame(found, columns=columns[:-1])
    # Several events of one session are one move.
    frame = frame.drop_duplicates("day0").assign(of=len(frame))
    distance = (frame["less_benchmark"] - here).abs()
    nearest: pd.DataFrame = frame.loc[distance.sort_values(kind="stable").index[:_MOST]]
    return nearest.reset_index(drop=True)


def _others(own: dict[str, Any]) -> Any:
    import polars as pl

    other = (pl.col("id") != own["id"]) & (pl.col("timing") != "private")
    return other & (pl.col("direction") == own["direction"]) if own["direction"] else other


def similar_sentence(similar: pd.DataFrame) -> str:
    """Name the nearest events with their figures; blank where there is none."""
    if similar.empty:
        return ""
    listed = wording.listing(
        [
            f"{wording.short_title(row['title'])} ({wording.day(row['day0'])}, "
            f"{wording.per_cent(row['raw'])})"
            for row in similar.to_dict("records")
        ]
    )
    count = int(similar["of"].iloc[0])
    return f"Closest of {wording.count(count, 'comparable event')}: {listed}."
