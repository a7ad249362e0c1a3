"""``faultline study``: measure events on securities, from the command line."""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import App, Parameter

from analysis.cli import output
from analysis.errors import InputError

if TYPE_CHECKING:
    from analysis.cli.measured import Measured, Row

_EXAMPLES = """Examples

faultline study ds-appstore-1
    every security with a home benchmark around 27 January 2025

faultline study ds-appstore-1 --tickers NVDA,TSM,SOXX --benchmark ^GSPC
    three names against one benchmark

faultline study ds-r1 ds-appstore-1 --group gpu --model market_adjusted --json
    two events at once, as JSON for a program

faultline study us-h20-8k --window -10 20 --car 0 0 --car 0 20 --csv h20.csv
    a longer event window, the table per security written to a file

Models: market, market_adjusted, mean_adjusted, ff3, ff5, carhart.
Day offsets count sessions of each security's own exchange, both ends included.
"""


def register(app: App) -> None:
    """Add the command."""
    app.command(study, name="study", help_epilogue=_EXAMPLES)


def study(
    events: Annotated[list[str], Parameter(metavar="EVENT...")],
    /,
    *,
    tickers: Annotated[str | None, Parameter(metavar="A,B")] = None,
    group: Annotated[str | None, Parameter(metavar="NAME")] = None,
    benchmark: Annotated[str | None, Parameter(metavar="TICKER")] = None,
    model: Annotated[str, Parameter(metavar="NAME")] = "market",
    estimation: Annotated[tuple[int, int], Parameter(metavar="A B")] = (-250, -31),
    window: Annotated[tuple[int, int], Parameter(metavar="A B")] = (-5, 5),
    car: Annotated[list[tuple[int, int]] | None, Parameter(metavar="A B")] = None,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    json: bool = False,
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
        Write the table per security to this file; - is standard output.
    """
    from analysis.cli import measured

    if json and csv:
        raise InputError("Give --json or --csv FILE, not both.")
    target = _writable(csv)
    windows = measured.checked_windows(car, window)
    with _working(f"measuring {', '.join(events)}"):
        found = measured.measure(
            events, tickers, group, benchmark, model, estimation, window, windows, as_of
        )
    if json:
        output.print_json(found.document())
    elif csv:
        _write_csv(found.long_table(), target)
    else:
        from analysis.cli.study_tables import print_study

        print_study(found)
    return _code(found)


def _working(message: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    return output.console(stderr=True).status(output.plain(message))


def _code(found: Measured) -> int:
    """List what failed; a skipped security is no failure, an event without any figure is."""
    for event_id, reason in found.failed.items():
        output.say(f"faultline: nothing was computed for event {event_id!r}: {reason}")
    return 1 if found.failed else 0


def _writable(csv: str | None) -> Path | None:
    """Find out before the work whether the file can be made."""
    if csv is None or csv == "-":
        return None
    path = Path(csv).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise InputError(
            f"{csv!r} cannot be written: {error.strerror or error}. Choose another file for --csv."
        ) from None
    return path


def _write_csv(rows: list[Row], target: Path | None) -> None:
    import csv

    stream = (
        nullcontext(sys.stdout)
        if target is None
        else target.open("w", encoding="utf-8", newline="")
    )
    with stream as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: _blank_if_missing(value) for name, value in row.items()} for row in rows
        )
    if target is not None:
        output.say(f"{len(rows)} rows written to {target.resolve()}")


def _opened(target: Path | None) -> AbstractContextManager[TextIO]:
    if target is None:
        return nullcontext(sys.stdout)
    return target.open("w", encoding="utf-8", newline="")


def _blank_if_missing(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value
