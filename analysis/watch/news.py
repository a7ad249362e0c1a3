"""Rows of `artefacts` and `policy_documents` into everything that could be told of them.

Pure. What of it is news is decided by the outbox, which knows what was told or found at a first
look. An artefact that returns to an earlier state (a model's commit taken back, a repository
public again) adds no row to the store and is therefore not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from analysis.watch.alerts import Alert, alert_id

if TYPE_CHECKING:
    import polars as pl

RULES = "federal_register"
_NAMES = " names "  # as github_support writes its revisions


def of_artefacts(artefacts: pl.DataFrame) -> Iterator[Alert]:
    """An alert for every state of every artefact, oldest observation first."""
    seen: set[tuple[Any, ...]] = set()
    rows = artefacts.sort("observed_at", "created_at", "platform", "owner", "name", "revision")
    for row in rows.iter_rows(named=True):
        thing = row["platform"], row["owner"], row["name"], row["kind"]
        yield _artefact(row, first=thing not in seen)
        seen.add(thing)


def of_rules(documents: pl.DataFrame) -> Iterator[Alert]:
    """An alert for every rule and proposed rule; notices of meetings are none."""
    for row in documents.sort("observed_at", "document_number").iter_rows(named=True):
        if "rule" in row["kind"].casefold():
            yield _rule(row)


def subject_of(row: Mapping[str, Any]) -> str:
    """What a row of `artefacts` belongs to, as the list of subjects writes it."""
    if row["kind"] in ("model", "repository"):
        return f"{row['platform']} {row['owner']}"
    thing = f"{row['platform']} {row['owner']}/{row['name']}"
    if row["kind"] == "support":
        return f"{thing}:{row['revision'].partition(_NAMES)[2]}"
    return thing


def _artefact(row: Mapping[str, Any], *, first: bool) -> Alert:
    kind = "changed" if row["kind"] == "model" and not first else row["kind"]
    name = f"{row['owner']}/{row['name']}"
    revision = row["revision"]
    words = {
        "model": f"New model on Hugging Face: {name}.",
        "changed": f"Changed model on Hugging Face: {name} is at commit {revision[:8]}.",
        "repository": f"Repository on GitHub: {name} is {revision}.",
        "release": f"Release on GitHub: {name} {revision}.",
        "provider": f"Provider on Hugging Face: {name} at {revision}.",
        "support": f"Inference engine: release {revision.partition(_NAMES)[0]} of {name} names "
        f"{revision.partition(_NAMES)[2]}.",
    }
    return Alert(
        id=alert_id(row["platform"], row["owner"], row["name"], row["kind"], revision),
        subject=subject_of(row),
        kind=kind,
        text=words[kind],
        url=row["url"],
        observed_at=row["observed_at"],
        created_at=row["created_at"],
        name=name,
        details={"revision": revision},
    )


def _rule(row: Mapping[str, Any]) -> Alert:
    days = ("public_inspection_date", "publication_date", "effective_on")
    known = {name: row[name] for name in days if row[name] is not None}
    dated = "".join(f", {name.replace('_', ' ')} {day}" for name, day in known.items())
    first = min((day for name, day in known.items() if name != "effective_on"), default=None)
    return Alert(
        id=alert_id(RULES, row["document_number"]),
        subject=RULES,
        kind="rule",
        text=f"{row['kind']} of {row['agency']}: {row['title'].rstrip('.')} "
        f"({row['document_number']}{dated}).",
        url=row["url"],
        observed_at=row["observed_at"],
        created_at=datetime.combine(first, time(), UTC) if first else None,
        name=row["document_number"],
        details={name: day.isoformat() for name, day in known.items()},
    )


def since(alerts: Iterable[Alert], first: datetime) -> list[Alert]:
    """Those that their source dates at or after an instant."""
    return [alert for alert in alerts if alert.created_at and alert.created_at >= first]
