"""Models on Hugging Face and who serves them: what is new, and what has changed.

`Request.names` are authors (``deepseek-ai``: their models, told apart by the hash of their last
commit) and models (``deepseek-ai/DeepSeek-V4-Pro``: the inference providers that serve them,
told apart by provider and status).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import SourceError
from analysis.loaders.each import each
from analysis.loaders.face import Request
from analysis.loaders.hub import Hub, asking, checked
from analysis.loaders.rows import Artefact, artefacts

if TYPE_CHECKING:
    import polars as pl
    from huggingface_hub import ModelInfo

# The Hub gives this day to every model that is older.
_FLOOR = datetime(2022, 3, 3, tzinfo=UTC)


class HuggingfaceArtefacts:
    """Models of authors, and inference providers of models."""

    name = "huggingface_artefacts"
    table = "artefacts"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each author and model, see `analysis.loaders.face.Loader`."""
        names = [checked(name) for name in request.names]
        with asking(request.archive) as hub:

            def ask(name: str) -> Iterable[Artefact]:
                return providers(hub, name) if "/" in name else models(hub, name)

            return each(
                self.name, names, ask, lambda rows: artefacts("huggingface", self.name, rows)
            )


def models(hub: Hub, author: str) -> list[Artefact]:
    """Every public model of an author, at its last commit."""
    found = hub.models(author, ("sha", "createdAt"))
    return [_model(model, seen) for model, seen in found]


def providers(hub: Hub, name: str) -> list[Artefact]:
    """Every provider of a model, with its status in the revision: ``novita live``."""
    return list(_served(hub, name))


def _served(hub: Hub, name: str) -> Iterator[Artefact]:
    for model, seen in hub.models(name, ("inferenceProviderMapping",)):
        owner, _, short = model.id.partition("/")
        for item in model.inference_provider_mapping or []:
            yield Artefact(
                owner, short, f"{item.provider} {item.status}", "provider", None, _page(name), seen
            )


def _model(model: ModelInfo, seen: datetime) -> Artefact:
    if not model.sha:
        raise SourceError(
            f"huggingface on {model.id} answered without its 'sha': its shape has changed, and "
            "the loader must follow."
        )
    owner, _, short = model.id.partition("/")
    created = model.created_at if model.created_at and model.created_at >= _FLOOR else None
    return Artefact(owner, short, model.sha, "model", created, _page(model.id), seen)


def _page(name: str) -> str:
    # The page of a model is on the Hub itself, wherever its interface was asked.
    return f"{settings.SOURCES['huggingface']}/{name}"
