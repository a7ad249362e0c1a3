"""Names asked one by one, so that one which fails does not take the others with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from analysis.errors import InputError, SourceError
from analysis.loaders.face import Partial, Unreadable
from analysis.loaders.limits import SpentError
from analysis.loaders.pacing import ClockError
from analysis.loaders.wording import worded

if TYPE_CHECKING:
    import polars as pl

Row = TypeVar("Row")

_ENOUGH = 3  # failures in a row after which a source is taken to be down


def each(
    source: str,
    names: Iterable[str],
    ask: Callable[[str], Iterable[Row | Unreadable]],
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
        Name to rows, and records that cannot be read; raises when the name fails.
    build : callable
        All rows to the frame.

    Raises
    ------
    Partial
        When names or records failed; after three names in a row the rest is not asked for, as
        each would wait for the same host in vain.
    """
    from analysis.loaders.http import NotFound

    rows: list[Row] = []
    failures: dict[str, str] = {}
    unreadable: list[Unreadable] = []
    stopped = ""
    down = 0
    for name in dict.fromkeys(names):
        if stopped:
            failures[name] = stopped
            continue
        try:
            good, bad = apart(ask(name))  # whole, or nothing of it
        except InputError:
            raise
        except Exception as problem:
            failures[name] = worded(problem)
            down += not isinstance(problem, NotFound)
            if isinstance(problem, SpentError | ClockError):
                stopped = "not asked for after that"
            elif down >= _ENOUGH:
                stopped = f"not asked for after {_ENOUGH} failures in a row"
        else:
            rows += good
            unreadable += bad
            down = 0
    frame = build(rows)
    if failures or unreadable:
        raise Partial(source, frame, failures, unreadable)
    return frame


def apart(found: Iterable[Row | Unreadable]) -> tuple[list[Row], list[Unreadable]]:
    """Part rows from records that cannot be read.

    Raises
    ------
    SourceError
        There are only such records: the answer has changed its shape.
    """
    rows, unreadable = parted(found)
    if unreadable and not rows:
        raise SourceError(unreadable[0].reason)
    return rows, unreadable


def parted(found: Iterable[Row | Unreadable]) -> tuple[list[Row], list[Unreadable]]:
    """Part rows from records that cannot be read, also where there are only such."""
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for item in found:
        if isinstance(item, Unreadable):
            unreadable.append(item)
        else:
            rows.append(item)
    return rows, unreadable
