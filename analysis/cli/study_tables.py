"""The readable form of a study: tests first, then the securities, then what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.cli import console
from analysis.cli.console import Column, number, p_value, percent
from analysis.cli.measured import ledger_window
from analysis.normal_returns import READS_BENCHMARK, READS_PEERS

if TYPE_CHECKING:
    from analysis.cli.measured import Measured, Pair, Row, Window

_FEW = 2
_MANY = 12  # reasons shared by more pairs than this are counted, not listed pair by pair


def print_study(found: Measured) -> None:
    """Print a study for a reader."""
    _print_head(found)
    _print_tests(found)
    for event_id in found.events:
        if event_id not in found.failed:
            _print_securities(found, event_id)
    _print_skipped(found)
    _print_doubtful(found)
    _print_sources(found)


def _print_head(found: Measured) -> None:
    against = f"benchmark {found.benchmark}" if found.benchmark else "home benchmarks"
    if found.model not in READS_BENCHMARK:
        against = "no benchmark" if found.model == "mean_adjusted" else "US factors"
        against = "the mean of other securities" if found.model in READS_PEERS else against
    console.print_line(
        f"Event study of {', '.join(found.events)}: model {found.model}, {against}, estimation "
        f"{_window(found.estimation)}, event window {_window(found.window)}"
    )


def _print_tests(found: Measured) -> None:
    """Print the recommended tests on all events, then the others, window by window."""
    if not any(row["n"] for row in found.tests):
        console.print_line(found.recommended.sentence)
        return
    order = {name: place for place, name in enumerate(found.recommended.tests)}
    rows = sorted(
        (row for row in found.tests if row["group"] == "all"),
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
            _window((int(row["window_start"]), int(row["window_end"]))),
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
        f"← {found.recommended.sentence} p (BH) is adjusted for every test in this study, the "
        "groups' included."
    )


def _print_securities(found: Measured, event_id: str) -> None:
    columns = [Column("security"), Column("day 0")]
    for window in found.windows:
        columns += [
            Column(f"CAR {_window(window)}", "right"),
            Column("t", "right"),
            Column("p", "right"),
        ]
    columns += [Column("beta", "right"), Column("sessions", "right")]
    pairs = sorted(
        (pair for pair in found.pairs if pair[0] == event_id),
        key=lambda pair: _missing_last(found.cars[found.windows[0]].get(pair)),
    )
    rows = [_security(found, pair) for pair in pairs]
    console.print_table(columns, rows, title=f"{event_id}: abnormal returns by security")
    console.print_line("Sessions: usable rows of the estimation window.")
    notes = [found.placed[pair]["note"] for pair in pairs if found.placed[pair]["uncertain"]]
    for note in dict.fromkeys(notes):
        console.print_line(f"Day 0 is uncertain. {note}")
    flags = [found.placed[pair].get("flag") for pair in pairs]
    for flag in dict.fromkeys(flags):
        if flag:
            console.print_line(f"The record of {event_id} is doubtful. {flag}")


def _missing_last(row: Row | None) -> tuple[bool, float]:
    return (True, 0.0) if row is None else (False, row["car"])


def _security(found: Measured, pair: Pair) -> list[str]:
    day0 = found.placed[pair]["day0"].date().isoformat()
    cells = [pair[1], day0]
    for table in found.cars.values():
        if pair in table:
            row = table[pair]
            cells += [percent(row["car"]), number(row["t"]), p_value(row["p_value"])]
        else:
            cells += ["–", "–", "–"]
    parameters = found.parameters[pair]
    return [*cells, number(parameters.get("beta")), str(int(parameters["n"]))]


def _print_skipped(found: Measured) -> None:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row in found.skipped:
        window = ledger_window(row)
        where = "all" if window is None else _window(window)
        rows.setdefault((row["event_id"], where, row["reason"]), []).append(row["security"])
    columns = [
        Column("event"),
        Column("window"),
        Column("securities", fold=True),
        Column("reason", fold=True),
    ]
    cells = [
        (event, window, _list(names), reason) for (event, window, reason), names in rows.items()
    ]
    if cells:
        console.print_table(columns, cells, title="Skipped")
    else:
        console.print_line("Skipped: nothing.")


def _print_doubtful(found: Measured) -> None:
    """Flagged prices of the event windows; a run of days with one flag is one row."""
    by_flag = found.doubtful.drop_duplicates(["ticker", "date"]).groupby(
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


def _list(names: list[str]) -> str:
    if len(names) <= _MANY:
        return ", ".join(names)
    return f"{', '.join(names[:_MANY])} and {len(names) - _MANY} more"


def _print_sources(found: Measured) -> None:
    """Say which observations the figures rest on, and as of which day."""
    last = str(found.sources.get("prices", {}).get("observed_to") or "")[:10]
    day = found.as_of.isoformat() if found.as_of else last
    console.print_line(
        f"As of {day or 'the last observation'}. Sources of the prices: "
        f"{_some(found.price_sources)}."
    )
    console.print_line(
        "Per cent; simple returns from adjusted closes. "
        "* p < 0.10, ** p < 0.05, *** p < 0.01, two-sided."
    )


def _some(sources: tuple[str, ...]) -> str:
    """Name a few sources; --json has them all."""
    shown = " | ".join(sources[:_FEW]) or "none"
    more = len(sources) - _FEW
    return f"{shown} and {more} more, all in --json" if more > 0 else shown


def _window(window: Window) -> str:
    first, last = (str(day).replace("-", console.MINUS) for day in window)
    return f"[{first}, {last}]" if first != last else f"[{first}]"
