"""Stars, forks and the number of releases of GitHub repositories, as they stand now.

Who starred a repository and when has been closed to outsiders since July 2026: the history of
the stars is what was stored day by day. Without ``GITHUB_TOKEN`` sixty requests an hour are
answered, and each repository takes two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders import answers
from analysis.loaders.each import each
from analysis.loaders.face import Request
from analysis.loaders.rows import Count, downloads

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from analysis.loaders.http import Answer, Client

PAGE = 100
_MOST_PAGES = 50
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_FIGURES = {"stargazers_count": "stars", "forks_count": "forks"}


class Github:
    """Stars, forks and releases: `Request.names` are repositories, ``deepseek-ai/DeepSeek-V3``."""

    name = "github"
    table = "downloads"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each repository, see `analysis.loaders.face.Loader`."""
        names = [repository(name) for name in request.names]
        with client(request.archive) as asked:

            def ask(name: str) -> list[Count]:
                answer = get(asked, f"/repos/{name}")
                seen = answer.fetched_at
                found = list(figures(answer.json(), name, answer))
                releases = sum(1 for _ in pages(asked, f"/repos/{name}/releases"))
                return [*found, Count(seen.date(), name, "releases", releases, seen)]

            return each(self.name, names, ask, lambda rows: downloads("github", self.name, rows))


def client(archive: Path | None) -> Client:
    """Client for GitHub's interface, with the token of the environment if there is one."""
    from analysis.loaders.http import Client

    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    token = settings.token("GITHUB_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client("github", headers=headers, archive=archive)


def repository(name: str) -> str:
    """Pass on the name of a repository, or raise an `InputError`."""
    if not _REPOSITORY.fullmatch(name):
        raise InputError(
            f"{name!r} is no repository: write its owner and name, as deepseek-ai/DeepSeek-V3."
        )
    return name


def get(asked: Client, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
    """Ask once; a spent limit is said in words of what to do."""
    try:
        return asked.get(path, params)
    except SourceError as problem:
        if settings.token("GITHUB_TOKEN") is None and re.search(r"\b(403|429)\b", str(problem)):
            raise SourceError(
                f"{problem} GitHub answers sixty requests an hour without a token: set "
                "GITHUB_TOKEN, or ask for less."
            ) from None
        raise


def pages(
    asked: Client,
    path: str,
    params: Mapping[str, str | int] | None = None,
    *,
    most: int = _MOST_PAGES,
) -> Iterator[tuple[Mapping[str, Any], Answer]]:
    """Every object of a list, page after page; one that came on two pages comes once."""
    seen: set[Any] = set()
    for page in range(1, most + 1):
        answer = get(asked, path, {**(params or {}), "per_page": PAGE, "page": page})
        where = f"github's {path}"
        items = answers.records(answer.json(), where)
        for item in items:
            key = answers.field(item, "id", where)
            if key not in seen:
                seen.add(key)
                yield item, answer
        if len(items) < PAGE:
            return


def figures(document: Any, name: str, answer: Answer) -> Iterator[Count]:
    """Counts of one repository; its name stays as it was asked for, also after a renaming."""
    where = f"github on {name}"
    item = answers.record(document, where)
    for key, metric in _FIGURES.items():
        value = answers.count(answers.field(item, key, where), key, where)
        yield Count(answer.fetched_at.date(), name, metric, value, answer.fetched_at)
