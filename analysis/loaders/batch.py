"""Names asked one by one, so that one which fails does not take the others with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from analysis.errors import InputError, SourceError, unknown_name
from analysis.loaders.base import UNASKED, PartialFetchError, Unreadable
from analysis.loaders.fields import limit_unreadable, shorten
from analysis.loaders.http.limits import SpentError
from analysis.loaders.http.rate_limit import ClockError
from analysis.loaders.http.response import NotFoundError
from analysis.loaders.wording import describe_error

if TYPE_CHECKING:
    import polars as pl

    from analysis.loaders.http.response import Response

Row = TypeVar("Row")

_GONE = " It was deleted, renamed or made private."
_MAX_CONSECUTIVE_FAILURES = 3  # failures in a row after which a source is taken to be down


def fetch_each(
    source: str,
    names: Iterable[str],
    fetch_one: Callable[[str], Iterable[Row | Unreadable]],
    build: Callable[[list[Row]], pl.DataFrame],
    news: dict[str, str] | None = None,
) -> pl.DataFrame:
    """Ask for names one by one and build the frame of what came.

    Parameters
    ----------
    names : iterable of str
        A name that occurs twice is asked for once.
    fetch_one : callable
        Name to rows, and records that cannot be read; raises when the name fails.
    build : callable
        All rows to the frame.
    news : dict of str to str, optional
        What ``fetch_one`` notes of names that were renamed.

    Raises
    ------
    PartialFetchError
        When names or records failed; after three names in a row the rest is not asked for, as
        each would wait for the same host in vain. Names that the source answered are gone (404,
        410) are news, unless no name at all was found: then the source may have moved.
    """
    news = {} if news is None else news
    gone: dict[str, str] = {}
    found: dict[str, list[Row]] = {}
    failures: dict[str, str] = {}
    unreadable: list[Unreadable] = []
    incomplete: set[str] = set()
    down = 0
    stopped = ""
    for name in dict.fromkeys(names):
        if stopped:
            failures[name] = stopped
            continue
        try:
            good, bad = readable_rows(fetch_one(name))  # whole, or nothing of it
        except InputError:
            raise
        except Exception as problem:
            missing = _is_missing(problem)
            down += not isinstance(problem, NotFoundError)
            stopped = _stopped(problem, down)
            (gone if missing else failures)[name] = _said(problem, stopped, first=not failures)
        else:
            found[name] = good
            unreadable += bad
            incomplete |= {name} if bad else set()
            down = 0
    (news if found else failures).update(gone)
    try:
        frame = build([*chain.from_iterable(found.values())])
    except Exception:  # a value that its column cannot hold
        for name, rows in list(found.items()):
            try:
                good, bad = readable_rows(_fitting(rows, build))
            except SourceError as problem:
                failures[name] = describe_error(problem)
                del found[name]
                continue
            found[name] = good
            unreadable += bad
            incomplete |= {name} if bad else set()
        frame = build([*chain.from_iterable(found.values())])
    if failures or unreadable or news:
        raise PartialFetchError(source, frame, failures, unreadable, news, incomplete)
    return frame


def _fitting(rows: Sequence[Row], build: Callable[[list[Row]], pl.DataFrame]) -> Iterator[Any]:
    """Rows of which a frame can be built, and the others as records that cannot be read."""
    try:
        build(list(rows))
    except Exception as problem:
        if len(rows) > 1:
            yield from _fitting(rows[: len(rows) // 2], build)
            yield from _fitting(rows[len(rows) // 2 :], build)
        elif rows:
            yield Unreadable(shorten(rows[0]), describe_error(problem))
    else:
        yield from rows


def wanted_rows(
    response: Response, parsed: Iterable[Row | Unreadable], is_wanted: Callable[[Row], bool]
) -> list[Row | Unreadable]:
    """Read a file to its end and keep what was asked for; more may come all the same.

    Where it cannot be read, the next request for it is unconditional.
    """
    try:
        rows = list(limit_unreadable(parsed))
    except SourceError as error:
        raise response.unusable_error(f"{response.describe_body()}: {error}") from None
    return [row for row in rows if isinstance(row, Unreadable) or is_wanted(row)]


def known_names(names: tuple[str, ...], known: Sequence[str], kind: str) -> tuple[str, ...]:
    """The names, or all known ones where none was given; an unknown one is an `InputError`."""
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)
    return tuple(dict.fromkeys(names)) or tuple(known)


def _is_missing(problem: Exception) -> bool:
    """Whether the source itself answered that there is nothing of this name."""
    return isinstance(problem, NotFoundError) and bool(problem.status)


def _said(problem: Exception, stopped: str, *, first: bool) -> str:
    """What became of a name."""
    if isinstance(problem, SpentError) and not first:
        return stopped  # those that failed before used up the time; it merely ended here
    return describe_error(problem) + (_GONE if _is_missing(problem) else "")


def _stopped(problem: Exception, down: int) -> str:
    """Why the rest is not asked for; blank where it is."""
    if isinstance(problem, SpentError):
        return f"{UNASKED} that, as {problem.reason}"
    if isinstance(problem, ClockError):
        return f"{UNASKED} that"
    many = down >= _MAX_CONSECUTIVE_FAILURES
    return f"{UNASKED} {_MAX_CONSECUTIVE_FAILURES} failures in a row" if many else ""


def readable_rows(found: Iterable[Row | Unreadable]) -> tuple[list[Row], list[Unreadable]]:
    """Part rows from records that cannot be read.

    A `SourceError` where there are only such records, or too many: the response has changed its
    shape.
    """
    rows, unreadable = split_rows(found)
    if unreadable and not rows:
        raise SourceError(unreadable[0].reason)
    return rows, unreadable


def split_rows(found: Iterable[Row | Unreadable]) -> tuple[list[Row], list[Unreadable]]:
    """As `readable_rows`, also where there are only records that cannot be read."""
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for item in limit_unreadable(found):
        if isinstance(item, Unreadable):
            unreadable.append(item)
        else:
            rows.append(item)
    return rows, unreadable
