"""Whom to ask in a pass, and the asking: every source in a thread of its own.

What a source answers goes into the store at once; that one fails is noted and stops no other.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.concurrency import run_concurrently
from analysis.loaders import Loader, Request
from analysis.loaders.http.limits import Budget, spending
from analysis.loaders.wording import describe_error
from analysis.redaction import redact
from analysis.update.disappearances import request_name
from analysis.update.fetch import by_reason, fetch_complete, keep, source_lock, succeeded_names
from analysis.watch.artefact_alerts import RULES

if TYPE_CHECKING:
    from analysis.catalogue import Catalogue
    from analysis.store import AppendResult, Store

# A document may be entered some days after its date.
_RULES_BACK = timedelta(days=30)


@dataclass(frozen=True)
class SourceQuery:
    """One source to ask."""

    loader: type[Loader]
    request: Request
    # each name asked for, and the subjects that it tells about
    subjects: Mapping[str, tuple[str, ...]]


@dataclass
class PollResult:
    """What came of asking."""

    polled: set[str] = field(default_factory=set)  # subjects that were looked at, whole and stored
    failures: dict[str, str] = field(default_factory=dict)  # source and names to what went wrong


def build_queries(
    catalogue: Catalogue, today: date, archive: Path | None, rules_to: date | None = None
) -> list[SourceQuery]:
    """Every source with what the watched list names for it; a source without names is left out.

    Parameters
    ----------
    archive : pathlib.Path or None
        Where what the sources send is kept.
    rules_to : datetime.date, optional
        Day up to which rules were seen: after a pause they are asked for from there.
    """
    from analysis.loaders.federal_register import FederalRegister
    from analysis.loaders.github.artefacts import GithubArtefacts
    from analysis.loaders.github.release_mentions import GithubReleaseMentions, pairs
    from analysis.loaders.huggingface.artefacts import HuggingfaceArtefacts
    from analysis.loaders.openrouter.prices import OpenrouterPrices

    platforms: list[tuple[type[Loader], str]] = [
        (HuggingfaceArtefacts, "huggingface"),
        (GithubArtefacts, "github"),
        (OpenrouterPrices, "openrouter"),
    ]
    # One on inspection carries a planned day, which lies ahead.
    since = min(today, rules_to or today) - _RULES_BACK
    found = [SourceQuery(FederalRegister, Request((), since, archive=archive), {RULES: (RULES,)})]
    for loader, platform in platforms:
        names = catalogue.watched_by(loader.name)
        subjects = {name: (f"{platform} {name}",) for name in names}
        found.append(SourceQuery(loader, Request(names, archive=archive), subjects))
    wanted = catalogue.watched_by(GithubReleaseMentions.name)
    engines = {
        engine: tuple(f"github {engine}:{family}" for family in families)
        for engine, families in pairs(wanted).items()
    }
    found.append(SourceQuery(GithubReleaseMentions, Request(wanted, archive=archive), engines))
    return [query for query in found if query.subjects]


def last_rule(store: Store, today: date) -> date | None:
    """Last day of publication that the Federal Register's loader has stored, up to today."""
    import polars as pl

    said = store.read("policy_documents").filter(
        pl.col("source") == RULES, pl.col("publication_date") <= today
    )
    last = said["publication_date"].max()
    return last if isinstance(last, date) else None


def poll(store: Store, wanted: Sequence[SourceQuery], say: Callable[[str], None]) -> PollResult:
    """Ask all at once, and store each answer as it comes."""
    # Two sources of one table in one process need not race for the same commit.
    tables = {query.loader.table: threading.Lock() for query in wanted}
    queries = {query.loader.name: query for query in wanted}
    jobs = {
        source: partial(_poll_source, store, query, tables[query.loader.table])
        for source, query in queries.items()
    }
    result = PollResult()
    for source, (failures, refused, said) in run_concurrently(jobs):
        query = queries[source]
        for line in said:
            say(redact(line))
        # One wrong document must not keep all rules from their first look while it is there.
        apart = {} if query.loader.table == "policy_documents" else refused
        missed = {**apart, **failures}
        result.polled |= {
            subject
            for name in succeeded_names(query.subjects, missed)
            for subject in query.subjects[name]
        }
        result.failures |= {
            f"{source} {names}".strip(): redact(why)
            for names, why in by_reason({**refused, **failures})
        }
    return result


def _poll_source(
    store: Store, query: SourceQuery, table: threading.Lock
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Ask a source and store its answer.

    Returns what failed and what was refused, by name, and what else to say.
    """
    failures: dict[str, str] = {}
    kind = query.loader
    try:
        with source_lock(store, kind.name), spending(Budget(kind.name)):
            answer = fetch_complete(kind(), query.request, store.read(kind.table))
            failures = answer.failures
            with table:
                added = keep(store, kind, answer.frame, answer.unreadable)
    except BaseException as problem:  # one source must not take the others along, nor a panic
        return {**failures, "": describe_error(problem, ours=True)}, {}, ()
    if added.failures:
        failures = {**failures, "": " ".join(added.failures)}
    said = f"{added.new} new, {added.revised} revised, {added.unchanged} unchanged"
    if answer.unreadable:
        count = len(answer.unreadable)
        said += f", {count} unreadable (see faultline data quarantine {kind.table})"
    news = (f"{kind.name}: {name}: {what}" for name, what in answer.news.items())
    return failures, _refused(query, added), (f"{kind.name}: {said}.", *news)


def _refused(query: SourceQuery, added: AppendResult) -> dict[str, str]:
    """Name by name, how many rows the store refused: other names were looked at all the same."""
    if added.refused is None:
        return {}
    counts = Counter(_name_of(query, json.loads(row)) for row in added.refused["row"])
    where = f"see faultline data quarantine {query.loader.table}."
    return {
        name: f"{count} row{'s were' if count > 1 else ' was'} rejected: {where}"
        for name, count in counts.items()
    }


def _name_of(query: SourceQuery, row: Mapping[str, Any]) -> str:
    """Name whose answer held a row; blank where none can be told."""
    if "model" in row:
        name = row["model"]
    elif "kind" in row and "owner" in row:
        name = request_name(row["owner"] or "", row["name"] or "", row["kind"] or "")
    else:
        name = next(iter(query.subjects))
    return name if name in query.subjects else ""
