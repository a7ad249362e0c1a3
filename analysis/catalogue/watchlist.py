"""From the watched list to what each loader is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

Names = Mapping[tuple[str, str], list[str]]


def names_for_loader(loader: str, watched: pl.DataFrame) -> tuple[str, ...]:
    """Names that a loader is asked for; empty for one that takes none from the list.

    Parameters
    ----------
    loader : str
        Name of a loader, for instance ``"github_support"``.
    watched : polars.DataFrame
        The catalogue's ``watched`` table.
    """
    pick = _SELECTORS.get(loader)
    if pick is None:
        return ()
    names: dict[tuple[str, str], list[str]] = {}
    for platform, name, kind in watched.select("platform", "name", "kind").iter_rows():
        names.setdefault((platform, kind), []).append(name)
    return tuple(pick(names))


def _of(platform: str, *kinds: str) -> Callable[[Names], list[str]]:
    return lambda names: [name for kind in kinds for name in names.get((platform, kind), [])]


def _counts_names(names: Names) -> list[str]:
    """Authors, and models of others: a model of a watched author is counted with it."""
    authors = names.get(("huggingface", "author"), [])
    others = _of("huggingface", "model", "peer")(names)
    return [*authors, *(name for name in others if name.partition("/")[0] not in authors)]


def _pairs(names: Names) -> list[str]:
    families = names.get(("github", "family"), [])
    engines = names.get(("github", "engine"), [])
    return [f"{engine}:{family}" for engine in engines for family in families]


_SELECTORS: dict[str, Callable[[Names], list[str]]] = {
    "huggingface": _counts_names,
    "huggingface_artefacts": _of("huggingface", "author", "model"),
    "github": _of("github", "repository", "engine", "peer"),
    # The releases of engines are read by github_support, for what they name.
    "github_artefacts": _of("github", "author", "repository"),
    "github_support": _pairs,
    "pypistats": _of("pypi", "package"),
    "openrouter_prices": _of("openrouter", "model"),
}
