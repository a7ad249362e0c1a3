"""Names asked one by one, so that one which fails does not take the others with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from analysis.errors import SourceError
from analysis.loaders.face import Partial

if TYPE_CHECKING:
    import polars as pl

Row = TypeVar("Row")

_ENOUGH = 3  # failures in a row after which a source is taken to be down


def each(
    source: str,
    names: Iterable[str],
    ask: Callable[[str], Iterable[Row]],
    build: Callable[[list[Row]], pl.DataFrame],
    news: dict[str, str] | None = None,
) -> pl.DataFrame:
    """Ask for names one by one and build the frame of what came.

    Parameters
    ----------
    source : str
        Name of the loader.
    names : iterable of str
        A name that occurs twice is asked for once.
    ask : callable
        Name to rows; raises `SourceError` when the name fails.
    build : callable
        All rows to the frame.
    news : dict of str to str, optional
        What ``ask`` notes of names that were renamed.

    Raises
    ------
    Partial
        When names failed; after three in a row the rest is not asked for, as each would wait
        for the same host in vain. Names that the source answered are gone (404, 410) stand in
        its news, unless no name at all was found: then the source may have moved.
    """
    from analysis.loaders.http import NotFound

    news = {} if news is None else news
    gone: dict[str, str] = {}
    found = 0
    rows: list[Row] = []
    failures: dict[str, str] = {}
    down = 0
    for name in dict.fromkeys(names):
        if down >= _ENOUGH:
            failures[name] = f"not asked for after {_ENOUGH} failures in a row"
            continue
        try:
            rows += list(ask(name))  # whole, or nothing of it
        except NotFound as problem:
            if problem.status:
                gone[name] = f"{problem} It was deleted, renamed or made private."
            else:
                failures[name] = str(problem)
        except SourceError as problem:
            failures[name] = str(problem)
            down += 1
        else:
            found += 1
            down = 0
    if found:
        news |= gone
    else:
        failures |= gone
    frame = build(rows)
    if failures or news:
        raise Partial(source, frame, failures, news)
    return frame
