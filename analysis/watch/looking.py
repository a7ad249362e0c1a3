"""Whom to ask in a pass, and the asking: every source in a thread of its own.

What a source answers goes into the store at once; that one fails is noted and stops no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import FaultlineError
from analysis.loaders import Loader, Request
from analysis.loaders.face import Partial
from analysis.watch.news import RULES

if TYPE_CHECKING:
    import polars as pl

    from analysis.catalogue import Catalogue
    from analysis.store import Store

# A document may be entered some days after its date.
_RULES_BACK = timedelta(days=30)
_SECRETS = ("HF_TOKEN", "GITHUB_TOKEN", "OPENROUTER_API_KEY")


@dataclass(frozen=True)
class Look:
    """One source to ask.

    Attributes
    ----------
    loader : type of Loader
    request : Request
    subjects : mapping of str to tuple of str
        Each name asked for, and the subjects that it tells about.
    """

    loader: type[Loader]
    request: Request
    subjects: Mapping[str, tuple[str, ...]]


@dataclass
class Seen:
    """What came of asking.

    Attributes
    ----------
    looked : set of str
        Subjects that were looked at, whole and stored.
    failures : dict of str to str
        Source and name to what went wrong.
    """

    looked: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)


def looks(catalogue: Catalogue, today: date, archive: Path | None) -> list[Look]:
    """Every source with what the watched list names for it; a source without names is left out."""
    from analysis.loaders.federal_register import FederalRegister
    from analysis.loaders.github_artefacts import GithubArtefacts
    from analysis.loaders.github_support import GithubSupport, pairs
    from analysis.loaders.huggingface_artefacts import HuggingfaceArtefacts
    from analysis.loaders.openrouter_prices import OpenrouterPrices

    platforms: list[tuple[type[Loader], str]] = [
        (HuggingfaceArtefacts, "huggingface"),
        (GithubArtefacts, "github"),
        (OpenrouterPrices, "openrouter"),
    ]
    found = [
        Look(FederalRegister, Request((), today - _RULES_BACK, archive=archive), {RULES: (RULES,)})
    ]
    for loader, platform in platforms:
        names = catalogue.watched_by(loader.name)
        subjects = {name: (f"{platform} {name}",) for name in names}
        found.append(Look(loader, Request(names, archive=archive), subjects))
    wanted = catalogue.watched_by(GithubSupport.name)
    engines = {
        engine: tuple(f"github {engine}:{family}" for family in families)
        for engine, families in pairs(wanted).items()
    }
    found.append(Look(GithubSupport, Request(wanted, archive=archive), engines))
    return [look for look in found if look.subjects]


def ask(store: Store, wanted: Sequence[Look], say: Callable[[str], None]) -> Seen:
    """Ask all at once, and store each answer as it comes.

    The threads are daemons: an interrupted command ends at once instead of waiting for a
    source that stalls.
    """
    answers: SimpleQueue[tuple[Look, pl.DataFrame | None, dict[str, str]]] = SimpleQueue()

    def run(look: Look) -> None:
        answers.put((look, *_fetch(look)))

    for look in wanted:
        threading.Thread(target=run, args=(look,), name=look.loader.name, daemon=True).start()
    seen = Seen()
    for _ in wanted:
        look, frame, failures = answers.get()
        if frame is not None:
            failures |= _stored(store, look, frame, say)
        seen.looked |= _whole(look, failures)
        seen.failures |= {
            f"{look.loader.name} {name}".strip(): _without_secrets(why)
            for name, why in failures.items()
        }
    return seen


def _fetch(look: Look) -> tuple[pl.DataFrame | None, dict[str, str]]:
    try:
        return look.loader().fetch(look.request), {}
    except Partial as problem:
        return problem.frame, dict(problem.failures)
    except Exception as problem:  # one source must not take the others along
        return None, {"": _sentence(problem)}


def _stored(
    store: Store, look: Look, frame: pl.DataFrame, say: Callable[[str], None]
) -> dict[str, str]:
    """Append an answer; rows that were refused are said."""
    name, table = look.loader.name, look.loader.table
    try:
        added = store.append(table, frame)
    except FaultlineError as problem:
        return {"": str(problem)}
    say(f"{name}: {added.new} new, {added.revised} revised, {added.unchanged} unchanged.")
    if added.rejected:
        return {"": f"{added.rejected} rows were rejected: see faultline data quarantine {table}."}
    return {}


def _whole(look: Look, failures: Mapping[str, str]) -> set[str]:
    """Subjects of the names that did not fail; none when a failure is of no single name."""
    if set(failures) - set(look.subjects):
        return set()
    return {
        subject
        for name, subjects in look.subjects.items()
        if name not in failures
        for subject in subjects
    }


def _sentence(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    if isinstance(problem, FaultlineError):
        return text
    return f"unexpected {type(problem).__name__}: {text or 'without words'}"


def _without_secrets(text: str) -> str:
    """Errors of other packages may quote a header or an address."""
    for name in _SECRETS:
        secret = settings.token(name)
        if secret:
            text = text.replace(secret, f"<{name}>")
    return text
