"""The docs page on the catalogue, written from its files and the prices."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import polars as pl

from analysis.desk import Desk
from analysis.reports.event_moves import DAYS, explain_moves, first_moves
from build.catalogue_corrections import TABLE, read_text_cells

_HEAD = """# The catalogue

Written by `scripts/catalogue_page.py` from `data/catalogue/*.csv`, the bundled prices and
`scripts/build/catalogue_corrections.csv`; do not edit by hand. What each file holds is in
[data/README.md](../data/README.md). Sections: [events](#events), [moves](#moves),
[what stays doubtful](#what-stays-doubtful), [corrections](#corrections).
"""

_MOVES = """## Moves

If an event has its right day 0, the first large move of its own securities is on day 0, or there
is none. `faultline events check --moves` holds every event against the prices: abnormal is the
return less that of the home benchmark (the return itself where there is none), and large is two
and a half standard deviations of the sessions −60 to −11. It looks at two sessions on either side.
"""

_KINDS = {
    "other_news": "other news",
    "anticipation": "known or expected before",
    "late_reaction": "the market took its time",
    "closed_market": "the market had been shut",
    "price_limit": "the price limit",
    "uncertain_hour": "the hour is not known",
    "unexplained": "no reason found",
}


def page() -> str:
    """Write the page."""
    desk = Desk()
    return "\n".join([_HEAD, _events(desk), _moves(desk), _doubts(desk), _corrections()])


def _events(desk: Desk) -> str:
    frame = desk.events()
    categories = frame["category"].value_counts(sort=True, name="events")
    timings = frame["timing"].value_counts(sort=True, name="events")
    uncertain = sum(
        bool(instant and instant.uncertain)
        for instant, _ in map(desk.instant, frame["id"].to_list())
    )
    return (
        f"## Events\n\n{frame.height} events from {frame['date'].min()} to "
        f"{frame['date'].max()}. Day 0 of {uncertain} of them is uncertain by one session.\n\n"
        f"{_table(['category', 'events'], categories.rows())}\n\n"
        f"{_table(['timing', 'events'], timings.rows())}\n"
    )


def _moves(desk: Desk) -> str:
    every = first_moves(desk)
    found, _ = explain_moves(desk, every)
    on_day = every[every["first"] == 0]
    counts = (
        f"{len(every)} pairs of an event and one of its own securities have prices, of "
        f"{every['event_id'].nunique()} events. First large move on day 0: {len(on_day)}. Beside "
        f"it: {len(found)}. No large move: {len(every) - len(on_day) - len(found)}."
    )
    kinds = Counter(_KINDS.get(kind, "none given") for kind in found["kind"])
    reasons_of = "; ".join(f"{words} {count}" for words, count in kinds.most_common())
    heads = ["event", "security", "day 0", *map(_signed, DAYS), "first", "reason"]
    shared = on_day[on_day["news"] != ""]
    return (
        f"{_MOVES}\n{counts}\n\n### Beside day 0\n\nAbnormal returns in per cent. "
        f"Reasons: {reasons_of}.\n\n"
        f"{_table(heads, [_move(row, _reason(row)) for row in found.to_dict('records')])}\n\n"
        "### On day 0, with other news of the same company on that session\n\n"
        f"{_table(heads, [_move(row, row['news']) for row in shared.to_dict('records')])}\n"
    )


def _move(row: dict[str, object], why: str) -> list[str]:
    sizes = [f"{100 * row[day]:.1f}" if pd.notna(row[day]) else "" for day in DAYS]
    day0 = pd.Timestamp(row["day0"]).date().isoformat()
    return [f"`{row['event_id']}`", row["security"], day0, *sizes, _signed(row["first"]), why]


def _reason(row: dict[str, object]) -> str:
    said = f"{_KINDS.get(row['kind'], 'none given')}: {row['reason']}" if row["reason"] else ""
    return f"{said} ([source]({row['source_url']}))" if row["source_url"] else said


def _doubts(desk: Desk) -> str:
    rows = desk.catalogue.table("doubts").select("table", "key", "doubt").rows()
    cells = [[table, f"`{key}`", doubt] for table, key, doubt in rows]
    return (
        "## What stays doubtful\n\nStudies, briefings and `faultline events show` say so.\n\n"
        f"{_table(['file', 'row', 'doubt'], cells)}\n"
    )


def _corrections() -> str:
    lines = read_text_cells(TABLE).filter(pl.col("column") != "flag")
    named = [
        [
            line["file"],
            f"`{line['key']}`",
            line["column"],
            line["was"] or "",
            line["is"] or "",
            line["source"] or "",
            line["confidence"] if line["applied"] == "yes" else "not applied",
        ]
        for line in lines.to_dicts()
        if line["column"] in ("date", "time_utc", "timing", "status", "category", "entities")
        or line["file"] != "events"
    ]
    return (
        "## Corrections\n\nCells that differ from what was collected; titles and notes are in "
        "`scripts/build/catalogue_corrections.csv`.\n\n"
        f"{_table(['file', 'row', 'column', 'was', 'is', 'source', 'sure'], named)}\n"
    )


def _signed(day: object) -> str:
    return f"{int(str(day)):+d}".replace("-", "−") if day else "0"


def _table(heads: list[str], rows: list[object]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
