"""The readable form of a study: tests first, then the securities, then what was skipped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.cli import console
from analysis.cli.console import Column, number, p_value, percent
from analysis.formatting import MINUS
from analysis.normal_returns import model_spec
from analysis.reports.study_document import by_pair, rows_of, skipped_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.reports.study_document import Row
    from analysis.reports.study_report import StudyReport, Window

_MAX_SOURCES = 2
_MAX_NAMES = 12  # of the securities that share a reason; the rest are counted


def print_study(report: StudyReport) -> None:
    """Print a study for a reader."""
    _print_head(report)
    _print_tests(report)
    _print_securities(report)
    _print_skipped(report)
    _print_doubtful(report)
    _print_sources(report)


def _print_head(report: StudyReport) -> None:
    against = f"benchmark {report.benchmark}" if report.benchmark else "home benchmarks"
    reads = model_spec(report.model).reads
    if reads != "benchmark":
        against = {
            "nothing": "no benchmark",
            "factors": "US factors",
            "peers": "the mean of other securities",
        }[reads]
    console.print_line(
        f"Event study of {', '.join(report.events)}: model {report.model}, {against}, estimation "
        f"{_format_window(report.estimation)}, event window {_format_window(report.window)}"
    )


def _print_tests(report: StudyReport) -> None:
    """Print the recommended tests on all events, then the others, window by window."""
    if not report.tests["n"].any():
        console.print_line(report.recommended.sentence)
        return
    order = {name: position for position, name in enumerate(report.recommended.tests)}
    rows = sorted(
        rows_of(report.tests[report.tests["group"] == "all"]),
        key=lambda row: (order.get(row["test"], len(order)), row["window_start"] != 0),
    )
    columns = [
        Column("test"),
        Column("window"),
        Column("statistic", "right"),
        Column("p", "right"),
        Column("p (BH)", "right"),
        Column("n", "right"),
        Column("reason", fold=True),
    ]
    cells = [
        (
            f"{row['test']}{' ←' if row['test'] in order else ''}",
            _format_window((int(row["window_start"]), int(row["window_end"]))),
            number(row["statistic"]),
            p_value(row["p_value"]),
            p_value(row["p_bh"]),
            str(int(row["n"])),
            row["reason"] or "",
        )
        for row in rows
    ]
    console.print_table(columns, cells, title="Tests of the mean CAR over all securities")
    console.print_line(
        f"← {report.recommended.sentence} p (BH) is adjusted for every test in this study, the "
        "groups' included."
    )


def _print_securities(report: StudyReport) -> None:
    """Print a table for every event, the largest loss first, and what is doubtful about it."""
    columns = [Column("security"), Column("day 0")]
    for window in report.cars:
        columns += [
            Column(f"CAR {_format_window(window)}", "right"),
            Column("t", "right"),
            Column("p", "right"),
        ]
    columns += [Column("beta", "right"), Column("sessions", "right")]
    placed = by_pair(report.placements.set_index(["event_id", "security"]))
    parameters = by_pair(report.results.parameters)
    cars = [by_pair(report.car_tables[window]) for window in report.cars]
    for event_id in report.events:
        pairs = [pair for pair in report.pairs if pair[0] == event_id]
        if not pairs:
            continue
        pairs.sort(key=lambda pair: cars[0][pair]["car"] if pair in cars[0] else math.inf)
        rows = [
            [
                pair[1],
                placed[pair]["day0"].date().isoformat(),
                *(cell for table in cars for cell in _car_cells(table.get(pair))),
                number(parameters[pair].get("beta")),
                str(int(parameters[pair]["n"])),
            ]
            for pair in pairs
        ]
        console.print_table(columns, rows, title=f"{event_id}: abnormal returns by security")
        console.print_line("Sessions: usable rows of the estimation window.")
        own = [placed[pair] for pair in pairs]
        for note in dict.fromkeys(row["note"] for row in own if row["uncertain"]):
            console.print_line(f"Day 0 is uncertain. {note}")
        for flag in dict.fromkeys(row["flag"] for row in own if row.get("flag")):
            console.print_line(f"The record of {event_id} is doubtful. {flag}")


def _car_cells(row: Row | None) -> tuple[str, str, str]:
    if row is None:
        return "–", "–", "–"
    return percent(row["car"]), number(row["t"]), p_value(row["p_value"])


def _print_skipped(report: StudyReport) -> None:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row in rows_of(report.skipped_pairs):
        window = skipped_window(row)
        where = "all" if window is None else _format_window(window)
        rows.setdefault((row["event_id"], where, row["reason"]), []).append(row["security"])
    columns = [
        Column("event"),
        Column("window"),
        Column("securities", fold=True),
        Column("reason", fold=True),
    ]
    cells = [
        (event, window, _abbreviate(names, _MAX_NAMES), reason)
        for (event, window, reason), names in rows.items()
    ]
    if cells:
        console.print_table(columns, cells, title="Skipped")
    else:
        console.print_line("Skipped: nothing.")


def _print_doubtful(report: StudyReport) -> None:
    """Flagged prices of the event windows; a run of days with one flag is one row."""
    by_flag = report.doubtful.drop_duplicates(["ticker", "date"]).groupby(
        ["ticker", "flag"], sort=False
    )["date"]
    rows = [
        (str(ticker), str(len(days)), f"{days.min():%Y-%m-%d}", f"{days.max():%Y-%m-%d}", str(flag))
        for (ticker, flag), days in by_flag
    ]
    if rows:
        columns = [
            Column("ticker"),
            Column("days", "right"),
            Column("first"),
            Column("last"),
            Column("flag", fold=True),
        ]
        console.print_table(columns, rows, title="Doubtful prices within the event windows")


def _print_sources(report: StudyReport) -> None:
    """Say which observations the figures rest on, and as of which day."""
    day = report.desk.as_of or report.last_observation or "the last observation"
    names = report.price_sources
    shown = " | ".join(names[:_MAX_SOURCES]) or "none"
    more = len(names) - _MAX_SOURCES
    shown += f" and {more} more, all in --json" if more > 0 else ""
    console.print_line(f"As of {day}. Sources of the prices: {shown}.")
    console.print_line(
        "Per cent; simple returns from adjusted closes. "
        "* p < 0.10, ** p < 0.05, *** p < 0.01, two-sided."
    )


def _abbreviate(names: Sequence[str], most: int) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _format_window(window: Window) -> str:
    first, last = (str(day).replace("-", MINUS) for day in window)
    return f"[{first}, {last}]" if first != last else f"[{first}]"
