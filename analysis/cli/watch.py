"""``faultline watch``: tell what is new at the sources that the press says to monitor."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.dates import parse_optional_day
from analysis.errors import FaultlineError, InputError
from analysis.json_values import jsonable
from analysis.plain_text import count

if TYPE_CHECKING:
    from analysis.watch import Result, Watch

_EXAMPLES = """Examples

faultline watch --once
    one pass, for cron or a systemd timer; alerts as JSON lines

faultline watch --interval 30 >> alerts.jsonl
    a pass every half hour until Ctrl-C

faultline watch --once --notify json://127.0.0.1:8080/alerts
    notices through Apprise as well; the environment's FAULTLINE_NOTIFY keeps
    a URL that holds a token out of the list of processes

faultline watch --once --since 2026-11-01
    on an empty home: report at the first look whatever is no older than this
"""


def register(app: App) -> None:
    """Add the command."""
    app.command(watch, name="watch", help_epilogue=_EXAMPLES)


def watch(
    *,
    once: Annotated[bool, Parameter(show_default=False)] = False,
    notify: Annotated[list[str] | None, Parameter(metavar="URL")] = None,
    interval: Annotated[float, Parameter(metavar="MINUTES")] = 60.0,
    since: Annotated[str | None, Parameter(metavar="DATE")] = None,
) -> int:
    """Watch for new models, releases, rules, providers, prices and chip support.

    Each alert is one line of JSON on standard output; progress goes to standard
    error. What is found at the first look at a subject is no news. A new model is
    drafted as an event in the home's drafts/events.csv. Whom to watch stands in
    data/catalogue/watched.csv. Needs FAULTLINE_HOME. Exit code 1 when a source or
    a notice of --once failed; the rest is done.

    Parameters
    ----------
    once
        Make one pass and end.
    notify
        Also send notices to this Apprise URL; may be repeated. Those in the
        environment's FAULTLINE_NOTIFY, separated by blanks, are added.
    interval
        Minutes from the start of a pass to the start of the next.
    since
        At a first look, tell what its source dates on or after this day.
    """
    if not 0 < interval < float("inf"):
        raise InputError(f"--interval {interval:g} is not a time: give minutes, for instance 60.")
    watching = _prepare(notify or [], parse_optional_day(since, "--since"))
    if once:
        return _report(watching.once())
    with _stopped_by_signals():
        _loop(watching, interval * 60)
    console.print_err("faultline: watch stopped.")
    return 0


def _prepare(urls: list[str], since: date | None) -> Watch:
    from analysis.desk import Desk
    from analysis.store import Store
    from analysis.watch import Watch
    from analysis.watch.notifications import addresses

    desk = Desk()
    return Watch(
        Store(desk.home),
        desk.catalogue,
        desk.calendars,
        emit=_emit,
        say=console.print_err,
        addresses=addresses(urls),
        since=since,
    )


def _loop(watching: Watch, seconds: float) -> None:
    """Pass after pass; what fails is said and tried again with the next."""
    while True:
        started = time.monotonic()
        try:
            _report(watching.once())
        except FaultlineError as problem:
            console.print_err(f"faultline: {problem}")
        wait = max(0.0, started + seconds - time.monotonic())
        console.print_err(f"faultline: next pass in {wait / 60:.1f} minutes.")
        time.sleep(wait)


def _report(result: Result) -> int:
    if result.first_looks:
        found = sum(result.first_looks.values())
        console.print_err(
            f"First look at {count(len(result.first_looks), 'subject')}: {count(found, 'thing')} "
            "found there will not be reported as new."
        )
    for what, why in result.failures.items():
        console.print_err(f"faultline: {what}: {why}")
    waiting = f", {result.waiting} in the outbox" if result.waiting else ""
    console.print_err(f"{count(len(result.alerts), 'new alert')}{waiting}.")
    if result.failures:
        failed = dict.fromkeys(what.partition(" ")[0] for what in result.failures)
        console.print_err(f"faultline: failed: {', '.join(failed)}. The rest is done.")
    return 1 if result.failures else 0


def _emit(document: dict[str, Any]) -> None:
    """Write one line, at once: an alert counts as told when it has left this process."""
    line = jsonlib.dumps(jsonable(document), allow_nan=False)
    console.print_raw(line)
    sys.stdout.flush()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End at Ctrl-C and at the system's request as at an ordinary end of the loop."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
