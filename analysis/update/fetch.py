"""One source of a pass: plan, ask, store, and say what came of it."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import DataError, FaultlineError, SourceError, is_panic
from analysis.loaders import Loader, PartialFetchError, Request
from analysis.loaders.base import UNASKED, Unreadable
from analysis.loaders.http.limits import Budget, SpentError, spending
from analysis.loaders.wording import abbreviate, describe_error
from analysis.redaction import redact
from analysis.store.append_result import AppendResult
from analysis.store.location import StoreLocation
from analysis.update.disappearances import ended_series, mark_disappeared
from analysis.update.doubts import new_doubts, with_early_captures
from analysis.update.plan import UpdateContext, full_history_requests, requests_for
from analysis.update.rebasing import new_splits, rescale_missing, tickers_on_new_base

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from analysis.store import Store

# Keys that few have: without one the source is left out, and nothing is wrong.
_NEEDS = {"openrouter": "OPENROUTER_API_KEY"}
# How often and for how long one was asked depends on the time that was left.
_OF_ONE = re.compile(r"https?://\S+| \(asked [^)]*\)|(?<= )[\d.]+ seconds?")
# A document, a dividend or a release may well not have happened; everything else that is
# asked for includes days that are held already, so that no row at all is a fault.
_MAY_BE_EMPTY = ("actions", "artefacts", "policy_documents")


# Told of each step of a source: its name, steps done, steps in all, and what happens now.
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class SourceResult:
    """What one source brought in one pass."""

    # source, table: who was asked, and for which table
    source: str
    table: str
    # new, revised, unchanged, rejected: rows by what the store made of them; rejected ones lie in
    # quarantine
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    seconds: float = 0.0  # from the first question to the last row stored
    # revisions of history that somebody should look at, a sentence each
    alerts: tuple[str, ...] = ()
    news: tuple[str, ...] = ()  # names that the source says are gone or renamed, a sentence each
    # what the checks of prices found for the first time, a sentence each; the figures are kept with
    # a flag
    doubts: tuple[str, ...] = ()
    # what could not be had, a sentence each; empty when all went well
    failures: tuple[str, ...] = ()
    # why the source was not asked although nothing is wrong; blank when it was
    skipped_reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for came."""
        return not self.failures


@dataclass
class UpdateRun:
    """What the sources of one pass share."""

    store: Store
    context: UpdateContext
    progress: Progress  # safe to call from several threads
    # sources that the user named: they are asked whatever they lack
    named: frozenset[str] = frozenset()
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _yahoo: Budget = field(default_factory=lambda: Budget("yahoo"))

    def fetch_source(self, kind: type[Loader]) -> SourceResult:
        """Ask one source and store its answer; whatever goes wrong stands in the outcome."""
        key = _NEEDS.get(kind.name)
        if key and kind.name not in self.named and settings.token(key) is None:
            self.progress(kind.name, 1, 1, "left out")
            return SourceResult(kind.name, kind.table, skipped_reason=f"{key} is not set.")
        started = time.monotonic()
        messages = Messages()
        added = AppendResult(kind.table)
        doubts: tuple[str, ...] = ()
        # The loaders of Yahoo take turns, so their time is one.
        budget = self._yahoo if kind.name.startswith("yahoo") else Budget(kind.name)
        try:
            with source_lock(self.store, kind.name), spending(budget):
                frame = self._fetch(kind(), messages)
                if kind.table == "prices":
                    held = self.store.read(kind.table)
                    frame = with_early_captures(held, frame, self.context)
                    doubts = new_doubts(held, frame)
                if frame.height or messages.unreadable:
                    # Two sources of one table in one process need not race for the same commit.
                    with self._locks[kind.table]:
                        added = keep(self.store, kind, frame, messages.unreadable)
            messages.failures += added.failures
            empty = _empty_result_failure(kind, added, messages.failures, self.context.since)
            messages.failures += empty
        except BaseException as error:  # one source must not take the others along, nor a panic
            messages.failures.append(describe_error(error, ours=True))
        self.progress(kind.name, 1, 1, "failed" if messages.failures else "done")
        return SourceResult(
            kind.name,
            kind.table,
            seconds=time.monotonic() - started,
            alerts=tuple(redact(str(alert)) for alert in added.alerts),
            news=tuple(map(redact, messages.news)),
            doubts=tuple(map(redact, doubts)),
            failures=tuple(map(redact, messages.failures)),
            new=added.new,
            revised=added.revised,
            unchanged=added.unchanged,
            rejected=added.rejected,
        )

    def _fetch(self, loader: Loader, messages: Messages) -> pl.DataFrame:
        """Everything that a source has to say, as one frame for one commit."""
        self.progress(loader.name, 0, 1, "planning")
        held = self.store.read(loader.table)
        requests = requests_for(loader.name, loader.table, held, self.context)
        frame = self._all(loader, requests, held, messages)
        moved = {"prices": tickers_on_new_base, "actions": new_splits}.get(loader.table)
        rebased = moved(held, frame) if moved else {}
        if not rebased:
            return frame
        # Neither half may stand beside rows of another base: without its whole history a
        # ticker is left as it was, and asked for again next time.
        import polars as pl

        full_requests = full_history_requests(rebased, self.context)
        whole = self._all(loader, full_requests, held, messages)
        others = ~pl.col("ticker").is_in(list(rebased))
        more, lost = rescale_missing(held.filter(~others), whole, loader.table)
        messages.failures.extend(f"{ticker}: {why}" for ticker, why in lost.items())
        whole = whole.filter(~pl.col("ticker").is_in(list(lost)))
        return pl.concat([frame.filter(others), whole, more])

    def _all(
        self, loader: Loader, requests: Sequence[Request], held: pl.DataFrame, messages: Messages
    ) -> pl.DataFrame:
        """Ask one request after the other; a source that fails is not asked the rest.

        What was answered before the failure counts.
        """
        import polars as pl

        from analysis.tables import schema_of

        frames: list[pl.DataFrame] = [schema_of(loader.table).create_empty()]
        missed: dict[str, str] = {}
        for place, request in enumerate(requests):
            self.progress(loader.name, place, len(requests) + 1, _what(request))
            try:
                answer = fetch_complete(loader, request, held)
                frames.append(answer.frame)
                missed |= answer.failures
                messages.news += [f"{name}: {what}" for name, what in answer.news.items()]
                messages.unreadable += answer.unreadable
            except Exception as problem:
                if missed and isinstance(problem, SpentError):
                    rest = [name for one in requests[place:] for name in one.names]
                    missed |= dict.fromkeys(rest, f"{UNASKED} that, as {problem.reason}")
                    break
                # With one request it is the source that failed, whatever the names.
                names = abbreviate(request.names) if len(requests) > 1 else ""
                why = describe_error(problem, ours=True) + _left_out(requests[place + 1 :])
                messages.failures.append(f"{names}: {why}" if names else why)
                break
        messages.failures.extend(f"{names}: {why}" for names, why in by_reason(missed))
        self.progress(loader.name, len(requests), len(requests) + 1, "storing")
        return pl.concat(frames)


@contextmanager
def source_lock(store: Store, source: str) -> Iterator[None]:
    """Be the only one on this machine who asks a source for a store and keeps its answer.

    An update and a watch at once would both be the first to hear of a figure.
    """
    with StoreLocation(store.home).locked(f"asking-{source}"):
        yield


@dataclass
class Messages:
    """What is said of a source besides its rows, a sentence each."""

    failures: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True)
class FetchedRows:
    """Answer of a source to one request."""

    frame: pl.DataFrame  # rows to store
    # names that failed, and why; the others were answered
    failures: dict[str, str] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()  # records for the quarantine
    # names that are gone or renamed at the source, in words
    news: dict[str, str] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()  # names whose answer held a record that cannot be read


def fetch_complete(loader: Loader, request: Request, held: pl.DataFrame) -> FetchedRows:
    """Ask a source; of artefacts and counts also find what it no longer shows.

    ``held`` is what the store has of the loader's table. What goes wrong in the loader is raised as
    a `FaultlineError`, in words.
    """
    try:
        answer = FetchedRows(loader.fetch(request))
    except PartialFetchError as problem:
        answer = FetchedRows(
            problem.frame, problem.failures, problem.unreadable, problem.news, problem.incomplete
        )
    except FaultlineError:
        raise
    except BaseException as problem:
        if not isinstance(problem, Exception) and not is_panic(problem):
            raise
        raise SourceError(describe_error(problem)) from None
    whole = succeeded_names(request.names, answer.failures) - answer.incomplete
    now = datetime.now(UTC)
    if loader.table == "downloads":
        ended = ended_series(loader.name, whole, held, answer.frame, now.date())
        return replace(answer, news={**answer.news, **ended})
    if loader.table == "artefacts":
        frame = mark_disappeared(loader.name, whole, held, answer.frame, now)
        return replace(answer, frame=frame)
    return answer


def keep(
    store: Store, kind: type[Loader], frame: pl.DataFrame, unreadable: Sequence[Unreadable]
) -> AppendResult:
    """Store an answer, and put records that cannot be read into the quarantine.

    Where the quarantine cannot be written, the good rows are stored all the same.
    """
    failures: list[str] = []
    try:
        store.refuse(kind.table, kind.name, [(item.record, item.reason) for item in unreadable])
    except DataError as problem:
        failures.append(str(problem))
    added = store.append(kind.table, frame)
    return replace(
        added,
        rejected=added.rejected + len(unreadable),
        failures=tuple(dict.fromkeys([*failures, *added.failures])),
    )


def by_reason(failures: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names that failed in the same way, and how: one sentence for all, whatever its address.

    ``failures`` is name to what went wrong; the name is blank where that is of no single one. Of
    many names the first three are given.
    """
    unasked = {name: why for name, why in failures.items() if why.startswith(UNASKED)}
    ways: dict[str, list[str]] = {}
    for name, why in failures.items():
        if name not in unasked:
            way = _OF_ONE.sub("", why).replace(name, "") if name else why
            ways.setdefault(way, []).append(name)
    for place, names in enumerate(ways.values(), start=1):
        why = failures[names[0]]
        alike = all(failures[name] == why for name in names)
        shown = names if alike else names[:1]
        also = "" if alike else f" Likewise: {abbreviate(names[1:])}."
        if unasked and place == len(ways):
            also += _unasked(unasked)
        yield abbreviate(shown), (why.rstrip(".") + "." + also if also else why)
    if unasked and not ways:
        reason = next(iter(unasked.values())).partition(", ")[2] or "after others had failed"
        yield abbreviate(list(unasked)), f"not asked for, {reason}"


def _unasked(failures: Mapping[str, str]) -> str:
    """Sentence on names that were left out; the first says why, unless a failure was enough."""
    reason = next(iter(failures.values())).partition(", ")[2]
    return (
        f" Not asked for after that{f', {reason}' if reason else ''}: {abbreviate(list(failures))}."
    )


def succeeded_names(names: Collection[str], failures: Collection[str]) -> set[str]:
    """Names that did not fail; none when a failure is of no single name: it may be of any."""
    return set(names) - set(failures) if set(failures) <= set(names) else set()


def _what(request: Request) -> str:
    names = f"{len(request.names)} names" if len(request.names) > 1 else "".join(request.names)
    since = f"from {request.since.isoformat()}" if request.since else ""
    return " ".join(filter(None, ("asking", names, since)))


def _left_out(requests: Sequence[Request]) -> str:
    names = [name for request in requests for name in request.names]
    return f" Therefore not asked for: {abbreviate(names)}." if names else ""


def _empty_result_failure(
    kind: type[Loader], added: AppendResult, failures: Sequence[str], since: date | None
) -> list[str]:
    """Say so when a source that did not fail brought nothing that can be used."""
    if failures or added.new or added.revised or added.unchanged:
        return []
    if added.rejected:
        return [
            f"All {added.rejected} rows were rejected: see faultline data quarantine {kind.table}."
        ]
    # Of days that the user named there need not be any figure.
    if kind.table in _MAY_BE_EMPTY or since is not None:
        return []
    return ["It answered without a single row: it may have changed its shape."]
