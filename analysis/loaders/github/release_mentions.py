"""Which models the releases of inference engines name: the sign that a chip can run them.

`Request.names` pair a repository with the family of models to look for in the notes of its
releases: ``vllm-project/vllm-ascend:DeepSeek-V4``. Silence proves nothing: support often lands
before a release says so, or without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.fields import read_each
from analysis.loaders.frames import Artefact, artefacts_frame
from analysis.loaders.github.artefacts import releases
from analysis.loaders.github.usage import github_client, repository

if TYPE_CHECKING:
    import polars as pl


class GithubReleaseMentions:
    """Releases of engines that name a family of models."""

    name = "github_support"
    table = "artefacts"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the releases of each engine once, see `analysis.loaders.base.Loader`."""
        wanted = pairs(request.names)
        with github_client(request.archive) as client:

            def fetch_one(engine: str) -> Iterable[Artefact | Unreadable]:
                def support(found: tuple[Artefact, str]) -> Iterator[Artefact]:
                    release, words = found
                    for family in wanted[engine]:
                        if mentions(family, words):
                            revision = f"{release.revision} names {family}"
                            yield replace(release, revision=revision, kind="support")

                return read_each(releases(client, engine), support)

            return fetch_each(
                self.name, wanted, fetch_one, partial(artefacts_frame, "github", self.name)
            )


def pairs(names: Iterable[str]) -> dict[str, list[str]]:
    """Engine to the families that are looked for in its releases."""
    wanted: dict[str, list[str]] = {}
    for pair in names:
        engine, colon, family = pair.partition(":")
        if not colon or not family.strip():
            raise InputError(
                f"{pair!r} is not ENGINE:FAMILY: write it as vllm-project/vllm:DeepSeek-V4."
            )
        wanted.setdefault(repository(engine), []).append(family.strip())
    return wanted


def mentions(family: str, words: str) -> bool:
    """Tell whether a text names a family, however it is spelled.

    ``DeepSeek-V4`` is found as "DeepSeek V4", "deepseek_v4" and "DeepSeek-V4-Pro", and not in
    "DeepSeek-V4.1" nor in "DeepSeek-V45", which are others.
    """
    parts = [re.escape(part) for part in re.split(r"[-_\s]+", family) if part]
    spelled = r"[-_\s]?".join(parts)
    return re.search(rf"(?<![a-z0-9]){spelled}(?![0-9]|\.[0-9]|[a-z])", words, re.I) is not None
