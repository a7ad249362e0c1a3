"""Draft rows for the event catalogue: a new model with its instant and its day 0 per exchange.

They go into ``<home>/drafts/events.csv``, in the columns of ``data/catalogue/events.csv``, never
into the curated file: somebody looks at a draft, corrects it and moves it over.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError
from analysis.plain_text import spreadsheet_cell, visible
from analysis.studies.placement import assign_day0
from analysis.watch.alerts import Alert
from analysis.watch.outbox import write

if TYPE_CHECKING:
    from analysis.calendars import Calendars


def draft(
    alert: Alert, entity: str | None, exchanges: Collection[str], calendars: Calendars
) -> tuple[dict[str, str], dict[str, str | None]]:
    """Make the row of an event from a new model.

    Returns
    -------
    row : dict of str to str
        The columns of the catalogue's ``events``, as text; blank where nothing is known.
    day0 : dict of str to str or None
        Exchange to its first session that closed after the instant; None where the calendar
        has none.

    Notes
    -----
    The instant is the repository's creation. It may have been filled in private first, so that
    everybody could see it only later: by when it had, our own look tells.
    """
    instant = alert.created_at
    event: dict[str, Any] = {
        "id": "hf-" + re.sub(r"[^a-z0-9.]+", "-", alert.name.casefold()).strip("-."),
        "date": (instant or alert.observed_at).astimezone(UTC).date(),
        "time_utc": instant,
        "timezone": "UTC",
        "timing": "timestamp" if instant else "date_only",
    }
    days = _day0(event, exchanges, calendars)
    seen = _day0(
        {**event, "time_utc": alert.observed_at, "timing": "timestamp"}, exchanges, calendars
    )
    row = {
        **event,
        "date": event["date"].isoformat(),
        "time_utc": _spell(instant) if instant else "",
        "category": "release",
        "direction": "",
        "status": "official",
        "confidence": "medium",
        "title": f"{alert.name} on Hugging Face",
        "entities": entity or "",
        "source_title": f"Hugging Face, {alert.name}",
        "source_url": alert.url,
        "notes": _notes(alert, days, seen),
    }
    return row, days


def add(path: Path, row: Mapping[str, str]) -> bool:
    """Add a draft to a file, unless its id stands there; what people wrote stays as it is.

    Returns
    -------
    bool
        Whether the row was added.

    Raises
    ------
    DataError
        When the file has other columns, or cannot be read or written.
    """
    from analysis.tables import schema_of

    columns = list(schema_of("events").columns())
    try:
        held = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, ValueError) as problem:
        raise DataError(f"{path} cannot be read ({problem}): correct or remove it.") from None
    rows = list(csv.reader(io.StringIO(held, newline="")))
    if rows and rows[0] != columns:
        raise DataError(
            f"{path} does not have the columns of the catalogue's events: its first line should be "
            f"{','.join(columns)}. Correct it, or move the file away."
        )
    if any(line and line[0] == row["id"] for line in rows[1:]):
        return False
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    if not rows:
        writer.writerow(columns)
    writer.writerow([spreadsheet_cell(visible(row[column])) for column in columns])
    gap = "" if not held or held.endswith("\n") else "\n"
    write(path, f"{held}{gap}{made.getvalue()}".encode())
    return True


def _day0(
    event: Mapping[str, Any], exchanges: Collection[str], calendars: Calendars
) -> dict[str, str | None]:
    placed = assign_day0([event], {exchange: exchange for exchange in exchanges}, calendars)
    return {
        row["exchange"]: None if row["reason"] else row["day0"].date().isoformat()
        for row in placed.to_dict("records")
    }


def _notes(alert: Alert, days: Mapping[str, str | None], seen: Mapping[str, str | None]) -> str:
    first = (
        "Instant of the repository's creation, which may have been private at first"
        if alert.created_at
        else "The source gives no instant of creation"
    )
    later = {exchange: day for exchange, day in seen.items() if day != days[exchange]}
    notes = [
        f"Draft of faultline watch: check it. {first}; first seen {_spell(alert.observed_at)}.",
        f"Day 0: {_listed(days)}.",
    ]
    if later:
        notes.append(f"By the time it was seen: {_listed(later)}.")
    return " ".join(notes)


def _spell(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listed(days: Mapping[str, str | None]) -> str:
    return ", ".join(f"{exchange} {day or 'none'}" for exchange, day in sorted(days.items()))
