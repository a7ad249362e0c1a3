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
from analysis.plain_text import count, spreadsheet_cell
from analysis.studies.models import model_names

if TYPE_CHECKING:
    from analysis.reports.study_document import Row
    from analysis.reports.study_report import StudyReport

Window = tuple[int, int]
_DEFAULT_CARS: tuple[Window, ...] = ((0, 0), (-1, 1))

_EXAMPLES = """Examples

faultline study ds-appstore-1
    every security with a home benchmark around 27 January 2025

faultline study ds-appstore-1 --tickers NVDA,TSM,SOXX --benchmark ^GSPC
    three names against one benchmark

faultline study ds-r1 ds-appstore-1 --group gpu --model market_adjusted --json
    two events at once, as JSON for a program

faultline study us-h20-8k --window -10 20 --car 0 0 --car 0 20 --csv h20.csv
    a longer event window, the table per security written to a file

faultline study ds-v4-preview --exclude-confounded --tests --group gpu
    without securities that had news of their own, with every test

Models: {models}.
Day offsets count sessions of each security's own exchange, both ends included.
"""


def register(app: App) -> None:
    """Add the command."""
    app.command(
        study, name="study", help_epilogue=_EXAMPLES.format(models=", ".join(model_names()))
    )


def _format_window(window: Window) -> str:
    return f"{window[0]} {window[1]}"


_WINDOW = Parameter(metavar="A B", show_default=_format_window)


def study(
    events: Annotated[list[str], Parameter(metavar="EVENT...")],
    /,
    *,
    tickers: Annotated[str | None, Parameter(metavar="A,B")] = None,
    group: Annotated[str | None, Parameter(metavar="NAME")] = None,
    benchmark: Annotated[str | None, Parameter(metavar="TICKER")] = None,
    model: Annotated[str, Parameter(metavar="NAME")] = "market",
    estimation: Annotated[Window, _WINDOW] = (-250, -31),
    window: Annotated[Window, _WINDOW] = (-5, 5),
    car: Annotated[list[Window] | None, Parameter(metavar="A B")] = None,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    json: Annotated[bool, Parameter(show_default=False)] = False,
    csv: Annotated[str | None, Parameter(metavar="FILE")] = None,
    xlsx: Annotated[str | None, Parameter(metavar="FILE")] = None,
    tests: Annotated[bool, Parameter(show_default=False)] = False,
    exclude_confounded: Annotated[bool, Parameter(show_default=False)] = False,
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
    xlsx
        Write every table to this workbook, a sheet each, numbers as numbers.
    tests
        Print all tests, not only a line per group.
    exclude_confounded
        Leave out securities with other news of their own on day 0.
    """
    from analysis.desk import Desk
    from analysis.reports.study_document import to_document, to_rows
    from analysis.reports.study_report import StudyReport

    if sum(map(bool, (json, csv, xlsx))) > 1:
        raise InputError("Give one of --json, --csv FILE and --xlsx FILE.")
    target = _check_path(csv or xlsx, "--csv" if csv else "--xlsx")
    cars = _check_cars(car, window)
    with _spinner(f"measuring {', '.join(events)}"):
        report = StudyReport.of(
            Desk(as_of=as_of),
            events,
            tickers,
            group,
            benchmark=benchmark,
            model=model,
            estimation=estimation,
            window=window,
            cars=cars,
            exclude_confounded=exclude_confounded,
        )
        # Everything that can fail comes before the first line is printed.
        _ = report.failed, report.tests, report.doubtful, report.price_sources
    if json:
        console.print_json(to_document(report))
    elif target and csv:
        _write_csv(to_rows(report), target)
    elif target:
        _write_workbook(report, target)
    else:
        from analysis.cli.study_tables import print_study

        print_study(report, tests=tests)
    return _exit_code(report)


def _check_cars(car: list[Window] | None, window: Window) -> tuple[Window, ...]:
    """Windows of the CARs: the given ones, which must fit, else the default ones that do."""
    if not car:
        inside = tuple(item for item in _DEFAULT_CARS if _within(item, window))
        return inside or (window,)
    for first, last in car:
        if first > last:
            raise InputError(f"--car {first} {last} ends before it starts: write {last} {first}.")
        if not _within((first, last), window):
            raise InputError(
                f"--car {first} {last} reaches outside the event window {window[0]} {window[1]}: "
                f"widen it with --window {min(first, window[0])} {max(last, window[1])}."
            )
    return tuple(dict.fromkeys(car))


def _within(inner: Window, outer: Window) -> bool:
    return outer[0] <= inner[0] <= inner[1] <= outer[1]


def _spinner(message: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    return console.rich_console(stderr=True).status(console.label(message))


def _exit_code(report: StudyReport) -> int:
    """List what failed; a skipped security is no failure, an event without any figure is."""
    for event_id, reason in report.failed.items():
        console.print_err(f"faultline: nothing was computed for event {event_id!r}: {reason}")
    return 1 if report.failed else 0


def _check_path(name: str | None, option: str) -> Path | None:
    """Check that a file can be written before anything is computed."""
    if name is None:
        return None
    from analysis.briefings.output_files import check_output_folder

    path = Path(name).expanduser()
    if path.is_dir():
        raise InputError(f"{name!r} is a folder: name a file for {option}.")
    try:
        return check_output_folder(path.parent) / path.name
    except InputError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__
        raise InputError(
            f"{name!r} cannot be written: {reason}. Choose another file for {option}."
        ) from error


def _write_workbook(report: StudyReport, target: Path) -> None:
    from analysis.briefings.forms import workbook
    from analysis.briefings.output_files import write_files
    from analysis.json_values import jsonable, records
    from analysis.reports.study_document import to_document, to_rows

    document = to_document(report)
    tables = {
        "securities": jsonable(to_rows(report)),
        "groups": records(report.groups),
        "tests": records(report.tests),
        "skipped": jsonable(document["skipped"]),
        "doubtful": jsonable(document["doubtful"]),
    }
    names = ("as_of", "model", "benchmark", "estimation", "window", "units", "price_sources")
    sources = {name: jsonable(document[name]) for name in names}
    (path,) = write_files({target: workbook(tables, sources | {"tables": document["tables"]})})
    console.print_err(f"{count(len(tables), 'table')} written to {path}")


def _write_csv(rows: list[Row], target: Path) -> None:
    import csv
    import io

    from analysis.briefings.output_files import write_file

    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    console.print_err(f"{count(len(rows), 'row')} written to {write_file(target, file.getvalue())}")


def _cell(value: object) -> object:
    missing = isinstance(value, float) and math.isnan(value)
    return "" if missing else spreadsheet_cell(value)
