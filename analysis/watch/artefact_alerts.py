"""Rows of `artefacts` and `policy_documents` into everything that could be told of them.

Pure. What of it is news is decided by the outbox, which knows what was told or found at a first
look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from analysis.update.disappearances import DISAPPEARED, REAPPEARED, request_name
from analysis.watch.alerts import Alert, alert_id

if TYPE_CHECKING:
    import polars as pl

RULES = "federal_register"
_NAMES = " names "  # as github_support writes its revisions
_AWAY = "{name} was deleted, renamed or made private"
_GONE_WORDS = {
    "model": f"Model no longer on Hugging Face: {_AWAY}.",
    "repository": f"Repository no longer on GitHub: {_AWAY}.",
    "provider": "Provider on Hugging Face: {provider} no longer serves {name}.",
}


def artefact_alerts(artefacts: pl.DataFrame) -> Iterator[Alert]:
    """An alert for every change of every artefact, oldest observation first.

    One state often replaces another: that the older one is no longer shown is worth telling
    only where none is left. Under which licence something is first seen is no change.
    """
    standing: dict[tuple[str, ...], set[str]] = {}
    last: dict[tuple[str, ...], str] = {}
    rows = artefacts.sort("observed_at", "created_at", "platform", "owner", "name", "revision")
    for row in rows.iter_rows(named=True):
        thing, revision = _state_key(row), row["revision"]
        states, before = standing.setdefault(thing, set()), last.get(thing)
        if row["flag"] == DISAPPEARED:
            states.discard(revision)
            if not states and row["kind"] in _GONE_WORDS:
                yield _gone(row)
            continue
        if revision in states:
            continue  # another date or address of what stands already
        if row["kind"] != "licence":
            yield _artefact(row, first=before is None, returned=before is not None and not states)
        elif before not in (None, revision):
            yield _licence(row, str(before))
        states.add(revision)
        last[thing] = revision


def rule_alerts(documents: pl.DataFrame) -> Iterator[Alert]:
    """An alert for every rule and proposed rule; notices of meetings are none."""
    for row in documents.sort("observed_at", "document_number").iter_rows(named=True):
        if "rule" in row["kind"].casefold():
            yield _rule(row)


def subject_of(row: Mapping[str, Any]) -> str:
    """What a row of `artefacts` belongs to, as the list of subjects writes it."""
    thing = f"{row['platform']} {request_name(row['owner'], row['name'], row['kind'])}"
    if row["kind"] == "support":
        return f"{thing}:{row['revision'].partition(_NAMES)[2]}"
    return thing


def _state_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What has states: of a model's providers each by itself, whatever its status."""
    thing = row["platform"], row["owner"], row["name"], row["kind"]
    return (*thing, _provider(row)) if row["kind"] == "provider" else thing


def _provider(row: Mapping[str, Any]) -> str:
    return str(row["revision"]).rpartition(" ")[0]


def _artefact(row: Mapping[str, Any], *, first: bool, returned: bool) -> Alert:
    kind = "changed" if row["kind"] == "model" and not first else row["kind"]
    name = f"{row['owner']}/{row['name']}"
    revision = row["revision"]
    again = " again" if row["flag"] == REAPPEARED else ""
    changed = "Model is on Hugging Face again" if returned else "Changed model on Hugging Face"
    words = {
        "model": f"New model on Hugging Face: {name}.",
        "changed": f"{changed}: {name} is at commit {revision[:8]}{again}.",
        "repository": f"Repository on GitHub: {name} is {revision}{again}.",
        "release": f"Release on GitHub: {name} {revision}.",
        "provider": f"Provider on Hugging Face: {name} at {revision}{again}.",
        "support": f"Inference engine: release {revision.partition(_NAMES)[0]} of {name} names "
        f"{revision.partition(_NAMES)[2]}.",
    }
    return _alert(row, kind, words[kind], row["created_at"], revision=revision)


def _licence(row: Mapping[str, Any], before: str) -> Alert:
    was, now = (text.removeprefix("licence ") for text in (before, row["revision"]))
    text = (
        f"Licence on Hugging Face: that of {row['owner']}/{row['name']} went from {was} to {now}."
    )
    return _alert(row, "licence", text, None, before=was, after=now)


def _gone(row: Mapping[str, Any]) -> Alert:
    text = _GONE_WORDS[row["kind"]].format(
        name=f"{row['owner']}/{row['name']}", provider=_provider(row)
    )
    return _alert(row, f"{row['kind']}_gone", text, None, revision=row["revision"])


def _alert(
    row: Mapping[str, Any], kind: str, text: str, created_at: datetime | None, **details: Any
) -> Alert:
    # A state may go and return again and again: then it is the look that tells them apart.
    look = () if row["flag"] not in (DISAPPEARED, REAPPEARED) else (row["flag"], row["observed_at"])
    return Alert(
        id=alert_id(
            row["platform"], row["owner"], row["name"], row["kind"], row["revision"], *look
        ),
        subject=subject_of(row),
        kind=kind,
        text=text,
        url=row["url"],
        observed_at=row["observed_at"],
        created_at=created_at,
        name=f"{row['owner']}/{row['name']}",
        details=details,
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


def dated_since(alerts: Iterable[Alert], first: datetime) -> list[Alert]:
    """Those that their source dates at or after an instant."""
    return [alert for alert in alerts if alert.created_at and alert.created_at >= first]
