"""One pass of the watch: look, store, derive what is new, tell it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.errors import InputError
from analysis.watch import artefact_alerts, price_alerts
from analysis.watch.alerts import Alert
from analysis.watch.dispatch import AlertDispatcher
from analysis.watch.outbox import Entry, Outbox
from analysis.watch.poll import PollResult, SourceQuery, build_queries, last_rule, poll

if TYPE_CHECKING:
    from analysis.calendars import Calendars
    from analysis.catalogue import Catalogue
    from analysis.store import Store
    from analysis.watch.notifications import Target


@dataclass(frozen=True)
class Result:
    """What a pass did."""

    alerts: tuple[Alert, ...]  # made in this pass
    # subjects looked at for the first time, and how many things were found there
    first_looks: dict[str, int] = field(default_factory=dict)
    waiting: int = 0  # alerts that stay in the outbox
    # sources, notices and drafts that failed, and why
    failures: dict[str, str] = field(default_factory=dict)


class Watch:
    """Looks at what is watched, and tells what is new.

    Parameters
    ----------
    store : Store
        Must be live and lie in a folder: the outbox lies beside the tables.
    catalogue : Catalogue
        Whom to watch, and whom events name.
    calendars : Calendars
        For the day 0 of drafted events.
    emit : callable
        Takes each alert's document once.
    say : callable
        Takes a sentence of progress.
    addresses : sequence of Target
        Where notices go.
    since : datetime.date, optional
        At the first look at a subject, what its source dates on or after this day is told;
        without it a first look tells nothing.

    Raises
    ------
    InputError
        For a store that is only read or lies elsewhere, and in offline mode.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        calendars: Calendars,
        *,
        emit: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
        addresses: Sequence[Target] = (),
        since: date | None = None,
    ) -> None:
        self._home = _folder(store)
        self._store, self._catalogue, self._calendars = store, catalogue, calendars
        self._emit, self._say, self._addresses = emit, say, addresses
        self._since = datetime.combine(since, time(), UTC) if since else None
        self._outbox = Outbox(self._home / "watch")

    def once(self) -> Result:
        """Make one pass.

        Raises
        ------
        DataError
            When the outbox cannot be read or written. A source, notice or draft that fails
            stands in the result instead.
        """
        self._outbox.make()
        today = datetime.now(UTC).date()
        wanted = build_queries(
            self._catalogue, today, self._home / "raw", self._rules_known_to(today)
        )
        result = poll(self._store, wanted, self._say)
        with self._outbox.lock():
            made, first = self._derive(_subjects(wanted), result)
            dispatcher = AlertDispatcher(
                self._outbox,
                self._catalogue,
                self._calendars,
                self._addresses,
                self._emit,
                self._home / "drafts" / "events.csv",
            )
            waiting = dispatcher.dispatch()
        return Result(tuple(made), first, waiting, {**result.failures, **dispatcher.failures})

    def _rules_known_to(self, today: date) -> date | None:
        """Day up to which rules were seen: the last stored one's, else that of the first look."""
        stored = last_rule(self._store, today)
        if stored:
            return stored
        begun = self._outbox.subjects().get(artefact_alerts.RULES)
        return begun.at.date() if begun else None

    def _derive(self, watched: set[str], result: PollResult) -> tuple[list[Alert], dict[str, int]]:
        """Write new alerts into the outbox, before anything is told of them.

        An alert is new when its subject was looked at before, and it neither stood there at
        the first look nor was made since: that asks nothing of the order in which rows came.
        """
        begun = self._outbox.subjects()
        found: dict[str, list[Alert]] = {}
        for alert in all_alerts(self._store, watched):
            found.setdefault(alert.subject, []).append(alert)
        first = {
            subject: found.get(subject, []) for subject in sorted(result.polled - begun.keys())
        }
        made = [
            alert
            for subject in sorted(watched & begun.keys())
            for alert in found.get(subject, ())
            if begun[subject].is_new(alert)
        ]
        told = {subject: self._told_at_first(alerts) for subject, alerts in first.items()}
        made += [alert for alerts in told.values() for alert in alerts]
        made = self._put(made)
        if first:
            self._outbox.set_baseline(
                {
                    subject: {alert.id for alert in alerts} - {one.id for one in told[subject]}
                    for subject, alerts in first.items()
                }
            )
        return made, {subject: len(alerts) for subject, alerts in first.items()}

    def _told_at_first(self, alerts: Iterable[Alert]) -> list[Alert]:
        return artefact_alerts.dated_since(alerts, self._since) if self._since else []

    def _put(self, alerts: Iterable[Alert]) -> list[Alert]:
        to = tuple(address.fingerprint for address in self._addresses)
        new = [alert for alert in alerts if not self._outbox.has(alert.id)]
        for alert in new:
            self._outbox.put(Entry(alert, to))
        return new


def all_alerts(store: Store, watched: Collection[str]) -> Iterator[Alert]:
    """All that the store's observations of watched subjects could ever have told, new or not."""
    import polars as pl

    yield from artefact_alerts.artefact_alerts(store.history("artefacts"))
    documents = store.history("policy_documents")
    yield from artefact_alerts.rule_alerts(
        documents.unique("document_number", keep="first", maintain_order=True)
    )
    # The table may hold the list prices of every model that there is.
    subject = pl.concat_str(pl.lit("openrouter "), pl.col("model"))
    yield from price_alerts.price_alerts(
        store.history("model_prices").filter(subject.is_in(list(watched)))
    )


def _subjects(wanted: Iterable[SourceQuery]) -> set[str]:
    return {name for query in wanted for names in query.subjects.values() for name in names}


def _folder(store: Store) -> Path:
    """Where the store lies, if a watch can work there."""
    if not store.is_live:
        raise InputError(
            "The bundled figures are only read: set FAULTLINE_HOME to a folder of your own, "
            "where faultline watch keeps what it has seen and told."
        )
    if not isinstance(store.home, Path):
        raise InputError(
            f"faultline watch keeps its outbox beside the tables, and {store.location} is no "
            "folder: set FAULTLINE_HOME to one on this machine."
        )
    if settings.offline():
        raise InputError(
            "FAULTLINE_OFFLINE forbids every request, so nothing can be watched: unset it."
        )
    return store.home
