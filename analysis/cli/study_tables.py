"""The readable form of a study: the securities, a line per group, then what was skipped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.cli import console
from analysis.cli.console import Column, number, p_value, percent
from analysis.eventstudy.inference.registry import RECOMMENDED
from analysis.formatting import MINUS
from analysis.reports.study_document import by_pair, rows_of, skipped_window
from analysis.reports.terms import TEST_NAMES, role_name
from analysis.studies.models import model_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from analysis.reports.study_document import Row
    from analysis.reports.study_report import StudyReport, Window

_MAX_SOURCES = 2
_MAX_NAMES = 12  # of the securities that share a reason; the rest are counted


def print_study(report: StudyReport, *, tests: bool = False) -> None:
    """Print a study for a reader; ``tests`` adds the whole battery."""
    if not report.pairs:
        console.print_line(report.recommended.sentence)
        return
    _print_head(report)
    _print_securities(report)
    _print_groups(report)
    if tests:
        _print_tests(report)
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


def _print_groups(report: StudyReport) -> None:
    """Print a line per group: its average and the three tests that allow for shared dates."""
    first = report.windows[0]
    rows = report.tests[
        (report.tests["window_start"] == first[0]) & (report.tests["window_end"] == first[1])
    ]
    p_values = {(row["group"], row["test"]): row["p_value"] for row in rows_of(rows)}
    names = [name for name in report.averaged.groups if name != "all"]
    caars = {row["group"]: row for row in rows_of(report.groups[_of_window(report.groups, first)])}
    columns = [Column("group"), Column("n", "right"), Column("average", "right")]
    columns += [Column(f"p, {TEST_NAMES[test]}", "right") for test in RECOMMENDED]
    cells = [
        (
            "all securities" if name == "all" else role_name(name),
            str(int(caars[name]["n"])),
            percent(caars[name]["caar"]),
            *(p_value(p_values.get((name, test), math.nan)) for test in RECOMMENDED),
        )
        for name in (["all", *names] if len(names) > 1 else ["all"])
        if name in caars and caars[name]["n"]
    ]
    if not cells:
        return
    title = f"Average abnormal return of each group, {_format_window(first)}"
    console.print_table(columns, cells, title=title)
    first_sentence = report.recommended.sentence.partition(". ")[0].rstrip(".")
    console.print_line(f"{first_sentence}. Why, and all tests: --tests.")


def _of_window(table: pd.DataFrame, window: Window) -> pd.Series[bool]:
    return (table["window_start"] == window[0]) & (table["window_end"] == window[1])


def _print_tests(report: StudyReport) -> None:
    """Print every test on all events, the recommended first, window by window."""
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
    """Print a table for every event, the largest fall first, and what is doubtful about it."""
    columns = [Column("security"), Column("ticker"), Column("day 0"), Column("raw", "right")]
    for window in report.cars:
        head = "abnormal" if window == (0, 0) else f"CAR {_format_window(window)}"
        columns += [Column(head, "right"), Column("t", "right"), Column("p", "right")]
    columns += [Column("p adj.", "right")]
    placed = by_pair(report.placements.set_index(["event_id", "security"]))
    described = by_pair(report.securities.set_index(["event_id", "security"]))
    cars = [by_pair(report.car_tables[window]) for window in report.cars]
    for event_id in report.events:
        pairs = [pair for pair in report.pairs if pair[0] == event_id]
        if not pairs:
            continue
        pairs.sort(key=lambda pair: cars[0][pair]["car"] if pair in cars[0] else math.inf)
        rows = [
            [
                described.get(pair, {}).get("name") or pair[1],
                pair[1],
                placed[pair]["day0"].date().isoformat(),
                percent(described.get(pair, {}).get("raw", math.nan)),
                *(cell for table in cars for cell in _car_cells(table.get(pair))),
                p_value(described.get(pair, {}).get("p_bh", math.nan)),
            ]
            for pair in pairs
        ]
        console.print_table(columns, rows, title=f"{event_id}: returns in per cent")
        own = [placed[pair] for pair in pairs]
        for note in dict.fromkeys(row["note"] for row in own if row["uncertain"]):
            console.print_line(f"Day 0 is uncertain. {note}")
        for flag in dict.fromkeys(row["flag"] for row in own if row.get("flag")):
            console.print_line(f"The record of {event_id} is doubtful. {flag}")
    console.print_line(
        "Abnormal: the part of the day 0 return that the model does not explain. p adj.: of day 0, "
        "Benjamini\u2013Hochberg over the securities."
    )


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
