"""Stars, forks and the number of releases of GitHub repositories, as they stand now.

Who starred a repository and when has been closed to outsiders since July 2026: the history of
the stars is what was stored day by day. Without ``GITHUB_TOKEN`` sixty requests an hour are
answered, and each repository takes two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.frames import Count, downloads_frame, renamed
from analysis.loaders.http.response import HTTPStatusError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from analysis.loaders.http.client import Client, Response

PAGE = 100
_MOST_PAGES = 50
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_FIGURES = {"stargazers_count": "stars", "forks_count": "forks"}


class Github:
    """Stars, forks and releases: `Request.names` are repositories, ``deepseek-ai/DeepSeek-V3``."""

    name = "github"
    table = "downloads"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each repository, see `analysis.loaders.base.Loader`."""
        names = [repository(name) for name in request.names]
        news: dict[str, str] = {}
        with github_client(request.archive) as client:

            def fetch_one(name: str) -> list[Count]:
                response = get(client, f"/repos/{name}")
                seen = response.fetched_at
                document = response.json()
                found = list(figures(document, name, response))
                now = str(document.get("full_name") or name)
                if now.casefold() != name.casefold():
                    news[name] = renamed(name, now)
                releases = 0
                for release in pages(client, f"/repos/{name}/releases"):
                    if isinstance(release, Unreadable):  # a count has to be exact
                        raise SourceError(release.reason)
                    releases += 1
                return [*found, Count(seen.date(), name, "releases", releases, seen)]

            return fetch_each(
                self.name, names, fetch_one, partial(downloads_frame, "github", self.name), news
            )


def github_client(archive: Path | None) -> Client:
    """Client for GitHub's interface, with the token of the environment if there is one."""
    from analysis.loaders.http.client import Client

    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    token = settings.token("GITHUB_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client("github", headers=headers, archive=archive)


def repository(name: str) -> str:
    """Pass on the name of a repository, or raise an `InputError`."""
    if not _REPOSITORY.fullmatch(name):
        raise InputError(
            f"{name!r} is not a repository: write its owner and name, as deepseek-ai/DeepSeek-V3."
        )
    return name


def get(client: Client, path: str, params: Mapping[str, str | int] | None = None) -> Response:
    """Ask once; which limit is reached, or what else a refusal means, is said in words."""
    try:
        return client.get(path, params)
    except HTTPStatusError as problem:
        if problem.status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
            raise SourceError(f"{problem} {_refusal(problem)}") from None
        raise


def _refusal(problem: HTTPStatusError) -> str:
    """Tell GitHub's limits apart, as its documentation of the REST interface does.

    The hourly (primary) limit has nothing remaining and says when it is renewed; a secondary
    limit is about many requests at once; any other 403 is no limit at all.
    """
    headers, has_token = problem.headers, settings.token("GITHUB_TOKEN") is not None
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        allowed = headers.get("x-ratelimit-limit", "").strip() or ("5,000" if has_token else "60")
        reset = headers.get("x-ratelimit-reset", "").strip()
        until = (
            f" until {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC"
            if reset.isdecimal() and len(reset) < 12
            else ""
        )
        advice = "ask for fewer names" if has_token else "set GITHUB_TOKEN, or ask for fewer names"
        return f"The hourly limit of {allowed} requests is used up{until}: {advice}."
    if "retry-after" in headers or b"secondary rate limit" in problem.content.lower():
        return (
            "This is GitHub's secondary limit, on many requests in a short time: try again later."
        )
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "GitHub does not say which limit was reached: try again later."
    if has_token:
        return "This is not a rate limit: check that GITHUB_TOKEN is valid and may read this."
    return "This is not a rate limit: GitHub does not show this to anonymous readers."


def pages(
    client: Client,
    path: str,
    params: Mapping[str, str | int] | None = None,
    *,
    most: int | None = None,
) -> Iterator[tuple[Mapping[str, Any], Response] | Unreadable]:
    """Every object of a list, page after page; one that came on two pages comes once.

    The response names the next page: a page may hold fewer objects than were asked for although
    others follow, as GitHub leaves out what it does not show. After ``most`` pages the others are
    left; without it a list of more than 50 pages, or one that leads in a circle, is a
    `SourceError`.
    """
    where = f"github's {path}"
    seen: set[float | None] = set()
    visited: set[str] = set()

    def identified(item: Mapping[str, Any]) -> Iterator[tuple[float | None, Mapping[str, Any]]]:
        yield fields.parse_count(item, "id", where), item

    response = get(client, path, {**(params or {}), "per_page": PAGE})
    for page in range(1, _MOST_PAGES + 1):
        for found in fields.read_records(response.json(), where, identified):
            if isinstance(found, Unreadable):
                yield found
            elif found[0] not in seen:
                seen.add(found[0])
                yield found[1], response
        try:
            following = next_page(response.headers.get("link", ""))
        except ValueError:
            # Kept, it would stand for every later answer that nothing has changed.
            raise response.unusable_error("a Link header that cannot be read") from None
        if following is None or page == most:
            return
        if following in visited:
            raise SourceError(f"{where} loops: page {page} names one that was read.")
        visited.add(following)
        if page < _MOST_PAGES:
            response = get(client, following)
    raise SourceError(f"{where} has more than {_MOST_PAGES} pages of {PAGE}: it is not counted.")


def next_page(link: str) -> str | None:
    """Address of the next page in a ``Link`` header (RFC 8288); None on the last page."""
    from httpx2 import Headers, Response

    found = Response(200, headers=Headers({"Link": link})).links if link else {}
    return found.get("next", {}).get("url")


def figures(document: Any, name: str, response: Response) -> Iterator[Count]:
    """Counts of one repository; its name stays as it was asked for, also after a renaming."""
    where = f"github on {name}"
    item = fields.require_object(document, where)
    for key, metric in _FIGURES.items():
        value = fields.parse_count(item, key, where)
        yield Count(response.fetched_at.date(), name, metric, value, response.fetched_at)
