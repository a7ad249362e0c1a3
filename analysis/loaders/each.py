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

    Raises
    ------
    Partial
        When names failed; after three in a row the rest is not asked for, as each would wait
        for the same host in vain.
    """
    from analysis.loaders.http import NotFound

    rows: list[Row] = []
    failures: dict[str, str] = {}
    down = 0
    for name in dict.fromkeys(names):
        if down >= _ENOUGH:
            failures[name] = f"not asked for after {_ENOUGH} failures in a row"
            continue
        try:
            rows += list(ask(name))  # whole, or nothing of it
        except SourceError as problem:
            failures[name] = str(problem)
            down += not isinstance(problem, NotFound)
        else:
            down = 0
    frame = build(rows)
    if failures:
        raise Partial(source, frame, failures)
    return frame
