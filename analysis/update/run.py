"""The pass itself: every source in a thread of its own, and none of them stops another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import settings
from analysis.concurrency import run_concurrently
from analysis.errors import InputError, unknown_name
from analysis.files import make_folder
from analysis.loaders import Loader, loaders
from analysis.update.fetch import Progress, SourceResult, UpdateRun
from analysis.update.plan import UpdateContext, read_calendars

if TYPE_CHECKING:
    from analysis.calendars import Calendars
    from analysis.catalogue import Catalogue
    from analysis.store import Store


def update(
    store: Store,
    catalogue: Catalogue,
    calendars: Calendars,
    *,
    tables: Sequence[str] = (),
    sources: Sequence[str] = (),
    since: date | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> list[SourceResult]:
    """Ask every source for what is missing, and put the answers into the store.

    Parameters
    ----------
    store : Store
        Must be live: the bundled snapshot is only read.
    tables, sources : sequence of str
        Only these; all when empty. A source that needs a key which is not set is left out,
        unless it is named.
    since : datetime.date, optional
        First day to ask for, instead of what is missing.
    now : datetime, optional
        The time of asking, UTC.
    progress : callable, optional
        See `Progress`; called from several threads, one at a time.

    Returns
    -------
    list of SourceResult
        One per source, in the order of the registry. A source that failed says so in
        `SourceResult.failures` and has not stopped the others.

    Raises
    ------
    InputError
        For an unknown table or source, a store that is not live, and in offline mode; before
        anything is asked.
    """
    chosen = choose(tables, sources)
    if settings.offline():
        raise InputError(
            "FAULTLINE_OFFLINE forbids every request, so nothing can be updated: unset it, or "
            "read what is stored."
        )
    now = now or datetime.now(UTC)
    if since is not None and since > now.date():
        raise InputError(
            f"--since {since} is in the future: no source has figures for that day yet."
        )
    context = UpdateContext(catalogue, calendars, now, archive=prepare(store), since=since)
    if any(kind.table == "prices" for kind in chosen):
        # Reading a calendar hushes a warning of pandas for a moment, for the whole process, and
        # so does a visit to Yahoo: side by side they would restore each other's filters.
        read_calendars(context)
    one_pass = UpdateRun(store, context, _one_at_a_time(progress), named=frozenset(sources))
    outcomes = dict(
        run_concurrently({kind.name: partial(one_pass.fetch_source, kind) for kind in chosen})
    )
    return [outcomes[kind.name] for kind in chosen]


def prepare(store: Store) -> Path | None:
    """Make the folder of a live store; returns where raw answers are kept.

    None for an object store, where they are not. An `InputError` where the store is only read, or
    its folder cannot be made.
    """
    if not store.is_live:
        raise InputError(
            "The bundled figures are only read: set FAULTLINE_HOME to a folder of your own, "
            "where the store can grow."
        )
    if not isinstance(store.home, Path):
        return None
    try:
        make_folder(store.home)
    except OSError as problem:
        raise InputError(
            f"The store folder {store.home} cannot be made ({problem.strerror}): set "
            "FAULTLINE_HOME to another folder."
        ) from None
    return store.home / "raw"


def choose(tables: Sequence[str] = (), sources: Sequence[str] = ()) -> list[type[Loader]]:
    """Loaders of the named tables and sources; an `InputError` names what does not exist.

    A table that no source fills has none: see `unfilled`.
    """
    from analysis.tables import TABLES

    known = loaders()
    for table in tables:
        if table in known and table not in TABLES:
            raise InputError(
                f"{table!r} is a source, not a table: faultline data update --source {table}"
            )
        if table not in TABLES:
            raise unknown_name("table", table, TABLES)
    for source in sources:
        if source not in known:
            raise unknown_name("source", source, known)
    chosen = [
        loader
        for name, loader in known.items()
        if (not tables or loader.table in tables) and (not sources or name in sources)
    ]
    if not chosen and sources:
        filled = ", ".join(f"{name} fills {known[name].table}" for name in sources)
        raise InputError(
            f"No source is left: {filled}, and not {' or '.join(tables)}. Name one of them alone."
        )
    return chosen


def unfilled(tables: Sequence[str]) -> str:
    """Say which of these tables no source fills; blank when each has one."""
    from analysis.tables import TABLES

    filled = {loader.table for loader in loaders().values()}
    without = [name for name in TABLES if name in tables and name not in filled]
    if not without:
        return ""
    named = ", ".join(without)
    return f"No source fills {named} yet: what is held comes with the package."


def _one_at_a_time(progress: Progress | None) -> Progress:
    lock = threading.Lock()

    def tell(source: str, done: int, total: int, what: str) -> None:
        if progress is not None:
            # Nobody may be reading any more: the figures are stored all the same.
            with lock, suppress(OSError):
                progress(source, done, total, what)

    return tell
