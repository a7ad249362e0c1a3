"""Downloads, likes and inference providers of models on Hugging Face, as they stand now.

The Hub serves no history: what is not stored on its day is lost. ``downloads`` counts the last
thirty days (any request of a model's query files, those of continuous integration included),
``downloadsAllTime`` everything since the model was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from analysis.errors import SourceError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each, readable_rows
from analysis.loaders.frames import Count, downloads_frame, renamed
from analysis.loaders.huggingface.hub import check_repo_id, hub_session

if TYPE_CHECKING:
    import polars as pl
    from huggingface_hub import ModelInfo

_PROPERTIES = ("downloads", "downloadsAllTime", "likes", "inferenceProviderMapping")
# What every model has; the others are left out where the Hub leaves them out.
_ALWAYS = ("downloads_30d", "likes")


class Huggingface:
    """Counts of models: `Request.names` are authors (``Qwen``) and models (``Qwen/Qwen3-8B``)."""

    name = "huggingface"
    table = "downloads"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each author and model, see `analysis.loaders.base.Loader`."""
        names = [check_repo_id(name) for name in request.names]
        news: dict[str, str] = {}
        with hub_session(request.archive) as hub:

            def fetch_one(name: str) -> list[Count | Unreadable]:
                models, bad = readable_rows(hub.models(name, _PROPERTIES))
                if "/" in name and models[0][0].id != name:
                    news[name] = renamed(name, models[0][0].id)
                    models[0][0].id = name
                return [*counted(models, name), *bad]

            return fetch_each(
                self.name, names, fetch_one, partial(downloads_frame, self.name, self.name), news
            )


def counted(models: Sequence[tuple[ModelInfo, datetime]], name: str) -> list[Count | Unreadable]:
    """Counts of all models of one response.

    A `SourceError` where no model at all has a count that every model should have: it was renamed.
    """
    counts, bad = readable_rows(fields.read_each(models, figures, lambda found: found[0].id))
    missing = set(_ALWAYS) - {item.metric for item in counts}
    if missing:
        raise SourceError(
            f"huggingface on {name} answered without {' and '.join(sorted(missing))} for all "
            f"{len(models)} models: its format has changed; the loader needs an update."
        )
    return [*counts, *bad]


def figures(found: tuple[ModelInfo, datetime]) -> Iterator[Count]:
    """Counts of one model that the Hub gives."""
    model, seen = found
    providers = model.inference_provider_mapping
    live = None if providers is None else sum(item.status == "live" for item in providers)
    values = {
        "downloads_30d": model.downloads,
        "downloads_cumulative": model.downloads_all_time,
        "likes": model.likes,
        "inference_providers": live,
    }
    for metric in values:
        value = fields.parse_count(values, metric, f"huggingface on {model.id}")
        if value is not None:
            yield Count(seen.date(), model.id, metric, value, seen)
