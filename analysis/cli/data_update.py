"""``faultline data update``: ask the sources, show what they brought, name those that failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from analysis.cli import console
from analysis.cli.console import Column, discreet
from analysis.dates import parse_optional_day
from analysis.errors import FaultlineError
from analysis.plain_text import count

if TYPE_CHECKING:
    from analysis.loaders import Loader
    from analysis.update import Progress, SourceResult

ENDS = ("done", "failed", "left out")
SECONDS_BETWEEN_LINES = 10.0
LONGEST_DAYS = 365 * 1000
EXAMPLES = """Examples

faultline data update
    fetch what is missing from every source

faultline data update prices factors
    only these tables

faultline data update downloads --source pypistats --json
    one source of a table; the summary for a program

faultline data update prices --since 2015-01-01
    more history than is held
"""


def update(
    *tables: Annotated[str, Parameter(name="TABLE")],
    source: Annotated[list[str] | None, Parameter(metavar="NAME")] = None,
    since: Annotated[str | None, Parameter(metavar="DATE")] = None,
    json: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Ask the sources for what is missing, and store what they answer.

    Sources are asked side by side: one that fails is named and does not stop the
    others. Needs FAULTLINE_HOME; the SEC also FAULTLINE_CONTACT, an e-mail address.
    Answers older than FAULTLINE_RAW_DAYS (90) are deleted from raw/ afterwards.
    A source whose key is not set is left out, and the summary says so.
    Exit code 1 when a source failed.

    Parameters
    ----------
    tables
        Tables to update, for instance prices; without any, all of them.
    source
        Only this source; may be repeated. docs/sources.md lists them, and the summary
        of an update names those of its tables.
    since
        Ask from this day on, instead of for what is missing.
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.desk import Desk
    from analysis.settings import raw_days
    from analysis.store import Store
    from analysis.update import update as run

    first = parse_optional_day(since, "--since")
    chosen = _chosen(tables, source or ())
    desk = Desk()
    with _progress([kind.name for kind in chosen]) as progress:
        outcomes = run(
            Store(desk.home),
            desk.catalogue,
            desk.calendars,
            tables=tables,
            sources=source or (),
            since=first,
            progress=progress,
        )
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if json:
        console.print_json(_document(desk.location, first, outcomes))
    elif outcomes:
        _print_summary(outcomes)
    _say_what_to_look_at(outcomes)
    for outcome in failed:
        for failure in _failures(outcome):
            console.print_err(f"faultline: {outcome.source} ({outcome.table}): {failure}")
    if failed:
        named = ", ".join(outcome.source for outcome in failed)
        done = any(outcome.ok and not outcome.skipped_reason for outcome in outcomes)
        others = " The other sources are done." if done else ""
        console.print_err(f"faultline: failed: {named}.{others}")
    try:
        clear_raw(desk.home, raw_days(), patience=0)
    except (FaultlineError, OSError) as problem:
        console.print_err(f"faultline: old responses stay in raw/: {problem}")
    return 1 if failed else 0


def clear_raw(home: Path | str, days: float, patience: float | None = None) -> None:
    """Delete answers that are older than so many days, and say how many there were.

    Parameters
    ----------
    home : pathlib.Path or str
        Home of the store; an object store keeps no answers.
    days : float
        The newest answer to each question is kept, however old.
    patience : float, optional
        As `analysis.loaders.http.archive.clear_archives` takes it.
    """
    from analysis.loaders.http.archive import clear_archives

    if not isinstance(home, Path):
        return
    before = datetime.now(UTC) - timedelta(days=min(days, LONGEST_DAYS))
    done = clear_archives(home / "raw", before, patience=patience)
    if done.contents:
        console.print_err(
            f"Deleted {done.contents:,} file{'' if done.contents == 1 else 's'} "
            f"({done.size / 1e6:,.1f} MB) from raw/: responses older than {days:g} days."
        )


def _say_what_to_look_at(outcomes: Sequence[SourceResult]) -> None:
    """Figures that came, and deserve a look: revised, doubtful, gone or renamed, kept out."""
    for word, kind in (("revised", "alerts"), ("doubtful", "doubts"), ("note", "news")):
        for outcome in outcomes:
            for what in getattr(outcome, kind):
                console.print_err(f"{word}: {outcome.source}: {what}")
    for outcome in outcomes:
        if outcome.rejected:
            console.print_err(
                f"faultline: {outcome.source} ({outcome.table}): {_rejected(outcome)}"
            )


def _chosen(tables: Sequence[str], sources: Sequence[str]) -> list[type[Loader]]:
    """Loaders to ask; tables that have none are named."""
    from analysis.update import choose, unfilled

    chosen = choose(tables, sources)
    if told := unfilled(tables):
        console.print_err(f"faultline: {told}")
    return chosen


def _document(home: str, since: date | None, outcomes: Sequence[SourceResult]) -> dict[str, Any]:
    return {
        "home": home,
        "since": since,
        "sources": [{**asdict(outcome), "ok": outcome.ok} for outcome in outcomes],
        "failed": [outcome.source for outcome in outcomes if not outcome.ok],
    }


def _print_summary(outcomes: Sequence[SourceResult]) -> None:
    counts = ("new", "revised", "unchanged", "rejected")
    columns = [Column("source"), Column("table")]
    columns += [Column(heading, "right") for heading in (*counts, "seconds")]
    columns.append(Column("problem", fold=True))
    rows = [
        (
            outcome.source,
            outcome.table,
            *(f"{getattr(outcome, kind):,}" for kind in counts),
            f"{outcome.seconds:.1f}",
            _problem(outcome),
        )
        for outcome in outcomes
    ]
    console.print_table(columns, rows)


def _problem(outcome: SourceResult) -> str:
    if outcome.skipped_reason:
        return f"left out: {outcome.skipped_reason}"
    if outcome.ok:
        return _rejected(outcome) if outcome.rejected else ""
    first, *more = _failures(outcome)
    return first + (f" (and {len(more)} more, see below)" if more else "")


def _failures(outcome: SourceResult) -> list[str]:
    """What went wrong, without the source's name, which stands before it already."""
    return [failure.removeprefix(f"{outcome.source}: ") for failure in outcome.failures]


def _rejected(outcome: SourceResult) -> str:
    """A row that is kept apart is no figure: its reader should hear of it."""
    rows = count(outcome.rejected, "row was", "rows were")
    return f"{rows} rejected: see faultline data quarantine {outcome.table}."


@contextmanager
def _progress(sources: Sequence[str]) -> Iterator[Progress]:
    """One bar per source on a terminal; elsewhere a line when a source ends, and now and then."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[source]}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console.rich_console(stderr=True), transient=True) as bars:
        tasks = {name: bars.add_task("waiting", total=1, source=discreet(name)) for name in sources}

        def show(source: str, done: int, total: int, what: str) -> None:
            bars.update(tasks[source], completed=done, total=total, description=discreet(what))
            if what in ENDS:
                bars.stop_task(tasks[source])

        yield show


def _lines() -> Progress:
    """A log has room for how each source ended, and for a step of one that takes long."""
    said: dict[str, float] = {}

    def show(source: str, _done: int, _total: int, what: str) -> None:
        now = time.monotonic()
        if what in ENDS or now - said.setdefault(source, now) >= SECONDS_BETWEEN_LINES:
            said[source] = now
            console.print_err(f"{source}: {what}")

    return show
