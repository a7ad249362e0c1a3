"""``faultline study``: measure events on securities, from the command line."""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.errors import InputError
from analysis.normal_returns import MODELS
from analysis.plain_text import count, spreadsheet_cell

Window = tuple[int, int]

if TYPE_CHECKING:
    from analysis.cli.measured import Measured, Row

_EXAMPLES = f"""Examples

faultline study ds-appstore-1
    every security with a home benchmark around 27 January 2025

faultline study ds-appstore-1 --tickers NVDA,TSM,SOXX --benchmark ^GSPC
    three names against one benchmark

faultline study ds-r1 ds-appstore-1 --group gpu --model market_adjusted --json
    two events at once, as JSON for a program

faultline study us-h20-8k --window -10 20 --car 0 0 --car 0 20 --csv h20.csv
    a longer event window, the table per security written to a file

Models: {", ".join(MODELS)}.
Day offsets count sessions of each security's own exchange, both ends included.
"""


def register(app: App) -> None:
    """Add the command."""
    app.command(study, name="study", help_epilogue=_EXAMPLES)


def _spell(window: Window) -> str:
    return f"{window[0]} {window[1]}"


def study(
    events: Annotated[list[str], Parameter(metavar="EVENT...")],
    /,
    *,
    tickers: Annotated[str | None, Parameter(metavar="A,B")] = None,
    group: Annotated[str | None, Parameter(metavar="NAME")] = None,
    benchmark: Annotated[str | None, Parameter(metavar="TICKER")] = None,
    model: Annotated[str, Parameter(metavar="NAME")] = "market",
    estimation: Annotated[Window, Parameter(metavar="A B", show_default=_spell)] = (-250, -31),
    window: Annotated[Window, Parameter(metavar="A B", show_default=_spell)] = (-5, 5),
    car: Annotated[list[Window] | None, Parameter(metavar="A B")] = None,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    json: Annotated[bool, Parameter(show_default=False)] = False,
    csv: Annotated[str | None, Parameter(metavar="FILE")] = None,
) -> int:
    """Measure abnormal returns around events and test them.

    Parameters
    ----------
    events
        Ids of events; see faultline events list.
    tickers
        Securities, separated by commas. By default every security that has a role.
    group
        A role, a bloc, role@bloc or a named group, instead of --tickers.
    benchmark
        Ticker that replaces every security's home benchmark.
    model
        Model of the normal return; the names are below.
    estimation
        First and last session of the estimation window.
    window
        First and last session of the event window.
    car
        Window to cumulate over; may be repeated. By default 0 0 and -1 1.
    as_of
        Use only what was known on this day, for instance 2025-02-28.
    json
        One JSON document on standard output, nothing else.
    csv
        Write the table per security to this file, with what is doubtful of each row.
    """
    from analysis.cli import measured

    if json and csv:
        raise InputError("Give --json or --csv FILE, not both.")
    target = _target(csv)
    windows = measured.checked_windows(car, window)
    with _working(f"measuring {', '.join(events)}"):
        found = measured.measure(
            events, tickers, group, benchmark, model, estimation, window, windows, as_of
        )
    if json:
        console.print_json(found.document())
    elif target:
        _write_csv(found.long_table(), target)
    else:
        from analysis.cli.study_tables import print_study

        print_study(found)
    return _code(found)


def _working(message: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    return console.rich_console(stderr=True).status(console.label(message))


def _code(found: Measured) -> int:
    """List what failed; a skipped security is no failure, an event without any figure is."""
    for event_id, reason in found.failed.items():
        console.print_err(f"faultline: nothing was computed for event {event_id!r}: {reason}")
    return 1 if found.failed else 0


def _target(csv: str | None) -> Path | None:
    """Find out before the work whether the file can be made."""
    if csv is None:
        return None
    from analysis.briefings.output_files import prepare

    path = Path(csv).expanduser()
    if path.is_dir():
        raise InputError(f"{csv!r} is a folder: name a file for --csv.")
    try:
        return prepare(path.parent) / path.name
    except InputError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__
        raise InputError(
            f"{csv!r} cannot be written: {reason}. Choose another file for --csv."
        ) from error


def _write_csv(rows: list[Row], target: Path) -> None:
    import csv
    import io

    from analysis.briefings.output_files import put

    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    console.print_err(f"{count(len(rows), 'row')} written to {put(target, file.getvalue())}")


def _cell(value: object) -> object:
    missing = isinstance(value, float) and math.isnan(value)
    return "" if missing else spreadsheet_cell(value)
