"""Models on Hugging Face and who serves them: what is new, and what has changed.

`Request.names` are authors (``deepseek-ai``: their models, told apart by the hash of their last
commit, and the licence of each) and models (``deepseek-ai/DeepSeek-V4-Pro``: the inference
providers that serve them, told apart by provider and status).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import SourceError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each, readable_rows
from analysis.loaders.frames import Artefact, artefacts_frame
from analysis.loaders.huggingface.hub import Hub, check_repo_id, hub_session

if TYPE_CHECKING:
    import polars as pl
    from huggingface_hub import ModelInfo

_TAG = "license:"
_UNSTATED = "unstated"
# The Hub gives this day to every model that is older.
_FLOOR = datetime(2022, 3, 3, tzinfo=UTC)


class HuggingfaceArtefacts:
    """Models of authors, and inference providers of models."""

    name = "huggingface_artefacts"
    table = "artefacts"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each author and model, see `analysis.loaders.base.Loader`."""
        names = [check_repo_id(name) for name in request.names]
        with hub_session(request.archive) as hub:

            def fetch_one(name: str) -> Iterable[Artefact | Unreadable]:
                return providers(hub, name) if "/" in name else models(hub, name)

            return fetch_each(
                self.name, names, fetch_one, partial(artefacts_frame, "huggingface", self.name)
            )


def models(hub: Hub, author: str) -> list[Artefact | Unreadable]:
    """Every public model of an author at its last commit, and under which licence.

    A `SourceError` where no model at all has tags, among which the licence is: their shape has
    changed.
    """
    found, bad = readable_rows(hub.models(author, ("sha", "createdAt", "tags")))
    shown = list(fields.read_each(found, _states, lambda one: one[0].id))
    if all(model.tags is None for model, _ in found):
        raise _lacking(f"{author}'s models", "tags")
    return [*shown, *bad]


def providers(hub: Hub, name: str) -> list[Artefact]:
    """Every provider of a model, with its status in the revision: ``novita live``."""
    # A model that was renamed keeps the name that it is watched under.
    owner, _, short = name.partition("/")
    found, _ = readable_rows(hub.models(name, ("inferenceProviderMapping",)))
    shown = []
    for model, seen in found:
        if model.inference_provider_mapping is None:
            raise _lacking(name, "inferenceProviderMapping")
        for item in model.inference_provider_mapping:
            state = f"{item.provider} {item.status}"
            shown.append(Artefact(owner, short, state, "provider", None, _page(name), seen))
    return shown


def _states(found: tuple[ModelInfo, datetime]) -> Iterator[Artefact]:
    yield _model(*found)
    if found[0].tags is not None:
        yield _licence(*found)


def _model(model: ModelInfo, seen: datetime) -> Artefact:
    if not model.sha:
        raise _lacking(model.id, "sha")
    sha = fields.require_text(vars(model), "sha", f"huggingface on {model.id}")
    owner, _, short = model.id.partition("/")
    created = model.created_at if model.created_at and model.created_at >= _FLOOR else None
    return Artefact(owner, short, sha, "model", created, _page(model.id), seen)


def _licence(model: ModelInfo, seen: datetime) -> Artefact:
    """Licence by its tag: ``licence mit``; several stand side by side."""
    owner, _, short = model.id.partition("/")
    stated = sorted(tag.removeprefix(_TAG) for tag in set(model.tags or ()) if tag.startswith(_TAG))
    licence = ", ".join(stated) or _UNSTATED
    return Artefact(owner, short, f"licence {licence}", "licence", None, _page(model.id), seen)


def _lacking(what: str, field: str) -> SourceError:
    return SourceError(
        f"huggingface on {what} answered without {field!r}: its format has changed; the loader "
        "needs an update."
    )


def _page(name: str) -> str:
    # The page of a model is on the Hub itself, wherever its interface was asked.
    return f"{settings.SOURCES['huggingface']}/{name}"
