"""``faultline events``: list, show and check the catalogued events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.cli.console import Column
from analysis.errors import InputError
from analysis.plain_text import count
from analysis.settings import bundled, store_home

if TYPE_CHECKING:
    from analysis.desk import Desk

_LIST_EXAMPLES = """Examples

faultline events list --category export_control --since 2025-01-01

faultline events list --entity Nvidia --status official --json
"""
_SHOW_EXAMPLES = """Examples

faultline events show ds-r1

faultline events show us-h20-8k --json
"""
_CHECK_EXAMPLES = """Examples

faultline events check
    every table of the bundled catalogue, and your own closures and hours

faultline events check my/events.csv
    one file; the name says which table it is

faultline events check --moves
    the first large move of each event's own securities, where it is beside day 0
"""
_CLOCKS = {"UTC": "UTC", "New York": "America/New_York", "Shanghai": "Asia/Shanghai"}


def register(app: App) -> None:
    """Add the commands."""
    group = App(
        name="events",
        help="List, show and check the catalogued events.",
        help_epilogue=_LIST_EXAMPLES + _SHOW_EXAMPLES.removeprefix("Examples\n"),
    )
    group.command(list_events, name="list", help_epilogue=_LIST_EXAMPLES)
    group.command(show, name="show", help_epilogue=_SHOW_EXAMPLES)
    group.command(check, name="check", help_epilogue=_CHECK_EXAMPLES)
    app.command(group)


def list_events(
    *,
    category: Annotated[str | None, Parameter(metavar="NAME")] = None,
    entity: Annotated[str | None, Parameter(metavar="NAME")] = None,
    status: Annotated[str | None, Parameter(metavar="NAME")] = None,
    since: Annotated[str | None, Parameter(metavar="DATE")] = None,
    until: Annotated[str | None, Parameter(metavar="DATE")] = None,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """List catalogued events, oldest first.

    Parameters
    ----------
    category
        Only this category, for instance release, export_control, earnings or macro.
    entity
        Only events that name this entity, for instance Nvidia.
    status
        Only this status: official, reported, rumoured, denied, false or scheduled.
    since
        First day, for instance 2025-01-01.
    until
        Last day.
    as_of
        Only events up to this day.
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.desk import Desk

    frame = Desk(as_of=as_of).events(category, entity, status, since, until)
    events = frame.to_dicts()
    if json:
        console.print_json({"events": events})
        return 0
    columns = [Column(name) for name in ("id", "date", "category", "status")]
    columns += [Column(name, fold=True) for name in ("entities", "title")]
    rows = [
        (
            event["id"],
            event["date"].isoformat(),
            event["category"] or "",
            event["status"] or "",
            (event["entities"] or "").replace(";", ", "),
            event["title"] or "",
        )
        for event in events
    ]
    console.print_table(columns, rows)
    console.print_err(f"{count(len(rows), 'event')}.")
    return 0


def show(
    event_id: Annotated[str, Parameter(metavar="ID")],
    /,
    *,
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Show one event: instant, day 0 on each exchange, source, notes.

    Parameters
    ----------
    event_id
        Id of the event; see faultline events list.
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.desk import Desk

    desk = Desk()
    event = desk.event(event_id)
    timing = _timing(desk, event_id)
    if json:
        console.print_json({**event, **timing})
    else:
        _print_event(event, timing)
    return 0


def _timing(desk: Desk, event_id: str) -> dict[str, Any]:
    """Instant and clocks of an event, and its day 0 on each exchange of the instruments."""
    instruments = desk.instruments().select("exchange", "ticker").to_dicts()
    one_each = {row["exchange"]: row["ticker"] for row in instruments if row["exchange"]}
    placed = desk.placements([event_id], sorted(one_each.values())).to_dict("records")
    instant, reason = desk.instant(event_id)
    return {
        "instant": instant.at if instant else None,
        "clocks": _clocks(instant.at) if instant else {},
        "uncertain": bool(instant and instant.uncertain),
        "placement": instant.note if instant else reason,
        "flag": next((row.get("flag") for row in placed), None) or None,
        "day0": {
            row["exchange"]: None if row["reason"] else row["day0"].date()
            for row in sorted(placed, key=lambda row: str(row["exchange"]))
        },
    }


def _clocks(at: datetime) -> dict[str, datetime]:
    return {city: at.astimezone(ZoneInfo(zone)) for city, zone in _CLOCKS.items()}


def _print_event(event: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    rows = [("date", event["date"].isoformat())]
    rows += [
        (city, f"{clock:%A} {clock.day} {clock:%B %Y, %H:%M}")
        for city, clock in timing["clocks"].items()
    ]
    rows.append(("placement", timing["placement"] or "recorded instant"))
    rows += [
        (f"day 0 {exchange}", day.isoformat() if day else "none")
        for exchange, day in timing["day0"].items()
    ]
    shown = ("category", "direction", "status", "confidence", "entities", "source_title")
    rows += [(name.replace("_", " "), str(event.get(name) or "")) for name in shown]
    rows += [("source", event.get("source_url") or ""), ("notes", event.get("notes") or "")]
    rows.append(("doubtful", timing["flag"] or ""))
    filled = [(name, value) for name, value in rows if value]
    console.print_pairs(filled, title=f"{event['id']}: {event['title']}")


def check(
    file: Path | None = None,
    /,
    *,
    moves: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Check catalogue files: file, line, column and fix for each problem.

    Parameters
    ----------
    file
        A catalogue file; without it, every file of the bundled catalogue, and closures.csv and
        hours.csv of the folder catalogue in FAULTLINE_HOME.
    moves
        Hold the events against the prices instead: list the securities of each event whose
        first large move (two and a half standard deviations, within two sessions) is not on
        day 0, with the reason.
    """
    from analysis.catalogue import own_files

    if moves:
        if file:
            raise InputError("Give a file or --moves, not both.")
        return _check_moves()
    every = [*sorted(bundled("data/catalogue").glob("*.csv")), *own_files(store_home())]
    files = [file] if file else every
    for path in files:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise InputError(f"{str(path)!r} {what}: name a catalogue file.")
    from analysis.catalogue.validation import check_file

    problems = [problem for path in files for problem in check_file(path)]
    for problem in problems:
        console.print_line(str(problem))
    if problems:
        console.print_err(f"faultline: {count(len(problems), 'problem')} in the catalogue.")
        return InputError.exit_code
    console.print_err(f"{count(len(files), 'file')} checked, no problem.")
    return 0


def _check_moves() -> int:
    from analysis.desk import Desk
    from analysis.reports.event_moves import DAYS, explain_moves, first_moves

    desk = Desk()
    every = first_moves(desk)
    found, stale = explain_moves(desk, every)
    columns = [Column(name) for name in ("event", "security", "day 0")]
    columns += [Column(f"{day:+d}" if day else "0", "right") for day in DAYS]
    columns += [Column("first", "right"), Column("reason", fold=True)]
    rows = [
        (
            row["event_id"],
            row["security"],
            row["day0"].date().isoformat(),
            *[console.percent(row[day]) for day in DAYS],
            f"{row['first']:+d}",
            row["reason"] or "none given",
        )
        for row in found.to_dict("records")
    ]
    console.print_table(
        columns, rows, title="First large moves beside day 0: return less the benchmark's, per cent"
    )
    on_day = int((every["first"] == 0).sum())
    console.print_err(
        f"{len(every)} pairs of an event and a security of its own: first large move on day 0: "
        f"{on_day}, beside it: {len(found)}, none: {len(every) - on_day - len(found)}."
    )
    missing = found[found["reason"] == ""]
    for row in missing.to_dict("records"):
        pair = f"{row['event_id']} {row['security']}"
        console.print_err(f"faultline: {pair} has no reason: add a line to moves.csv.")
    for name in stale:
        console.print_err(
            f"faultline: moves.csv explains {name}, which needs no reason: remove the line."
        )
    return InputError.exit_code if len(missing) or stale else 0
