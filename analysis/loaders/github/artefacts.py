"""Repositories and releases on GitHub: what model makers and chip software publish there.

`Request.names` are organisations (``deepseek-ai``: their repositories, newest first) and
repositories (``vllm-project/vllm``: their releases). A commit is no artefact: repositories are
told apart by public and archived, releases by their tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.frames import Artefact, artefacts_frame
from analysis.loaders.github.usage import github_client, pages, repository

if TYPE_CHECKING:
    import polars as pl

    from analysis.loaders.http.client import Client, Response

_ORGANISATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_NEWEST: Mapping[str, str | int] = {"sort": "created", "direction": "desc"}


class GithubArtefacts:
    """Repositories of organisations, and releases of repositories."""

    name = "github_artefacts"
    table = "artefacts"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for each name, see `analysis.loaders.base.Loader`.

        An organisation is read to its oldest repository, a repository to its hundredth-last
        release: what is older was there at the first look.
        """
        names = [_known_form(name) for name in request.names]
        with github_client(request.archive) as client:

            def fetch_one(name: str) -> Iterable[Artefact | Unreadable]:
                if "/" in name:
                    return fields.read_each(releases(client, name), lambda found: found[:1])
                return repositories(client, name)

            return fetch_each(
                self.name, names, fetch_one, partial(artefacts_frame, "github", self.name)
            )


def repositories(client: Client, owner: str) -> list[Artefact | Unreadable]:
    """Every public repository of an organisation; a watched one has some, else `NotFoundError`."""
    from analysis.loaders.http.response import NotFoundError

    found = pages(client, f"/orgs/{owner}/repos", _NEWEST)
    shown = list(
        fields.read_each(found, lambda one: [repository_of(one[0], owner, one[1])], itemgetter(0))
    )
    if not shown:
        raise NotFoundError(
            f"github shows no repository of {owner}: it was renamed, or the response is empty."
        )
    return shown


def releases(client: Client, name: str) -> Iterator[tuple[Artefact, str] | Unreadable]:
    """Latest releases of a repository, each with its title and notes; drafts are left out."""
    owner, _, short = name.partition("/")
    where = f"github's releases of {name}"

    def read(found: tuple[Mapping[str, Any], Response]) -> Iterator[tuple[Artefact, str]]:
        item, response = found
        if item.get("draft"):
            return
        tag = fields.require_text(item, "tag_name", where)
        created = fields.parse_instant(item, "published_at", where)
        url = fields.require_text(item, "html_url", where)
        words = f"{item.get('name') or ''}\n{fields.require_field(item, 'body', where) or ''}"
        yield Artefact(owner, short, tag, "release", created, url, response.fetched_at), words

    return fields.read_each(pages(client, f"/repos/{name}/releases", most=1), read, itemgetter(0))


def repository_of(item: Mapping[str, Any], owner: str, response: Response) -> Artefact:
    """State of one repository: public, or archived."""
    where = f"github's repositories of {owner}"
    return Artefact(
        owner=owner,
        name=fields.require_text(item, "name", where),
        revision="archived" if item.get("archived") else "public",
        kind="repository",
        created_at=fields.parse_instant(item, "created_at", where),
        url=fields.require_text(item, "html_url", where),
        observed_at=response.fetched_at,
    )


def _known_form(name: str) -> str:
    if "/" in name:
        return repository(name)
    if not _ORGANISATION.fullmatch(name):
        raise InputError(f"{name!r} is not an organisation on GitHub: write it as deepseek-ai.")
    return name
