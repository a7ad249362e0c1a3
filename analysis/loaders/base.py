"""The face that every loader has: what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from analysis.errors import SourceError

if TYPE_CHECKING:
    import polars as pl

UNASKED = "not asked for after"
"""How the reason of a name begins that was left out because those before it failed."""


@dataclass(frozen=True)
class Request:
    """What a loader is to fetch."""

    # what to ask for in the source's own words: tickers, models, repositories, packages, companies,
    # series. Empty: what the loader asks for by itself.
    names: tuple[str, ...] = ()
    # since, until: first and last day of the figures; None without a bound. A source that serves no
    # history ignores them.
    since: date | None = None
    until: date | None = None
    # the currency that the catalogue gives a ticker; a figure in another one is suspect
    currencies: Mapping[str, str] = field(default_factory=dict)
    archive: Path | None = None  # folder in which what the source sent is kept; None keeps nothing

    def covers(self, day: date) -> bool:
        """Whether a day lies between the first and the last one."""
        after = self.since is None or day >= self.since
        return after and (self.until is None or day <= self.until)


class Loader(Protocol):
    """One source (``name``, as in rows and messages) of one table of `analysis.tables`."""

    name: str
    table: str

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask the source.

        Returns
        -------
        polars.DataFrame
            Columns and types of the table's schema, ``source`` and ``observed_at`` (UTC)
            included. Rows may still break the schema's rules: the store keeps those apart,
            with the reason.

        Raises
        ------
        InputError
            A name, key or setting that cannot be used; before anything is asked.
        PartialFetchError
            Some names or records failed; the error carries the frame of the others.
        SourceError
            The source refused, failed, or sent what cannot be read.
        """
        ...


@dataclass(frozen=True)
class Unreadable:
    """One record of a response that cannot become a row; the others can."""

    record: str  # what came, cut to a readable length
    reason: str  # what is wrong with it


class PartialFetchError(SourceError):
    """Some of the names or records failed or are gone: the rest is here and is to be kept.

    Parameters
    ----------
    source : str
        Name of the loader, as messages give it.
    frame : polars.DataFrame
        What the others brought, as `Loader.fetch` would have returned it; may be empty.
    failures : mapping of str to str
        Each name that failed, and why, in words.
    unreadable : iterable of Unreadable
        Records for the quarantine; the names that they came under did not fail.
    news : mapping of str to str, optional
        Each name of which the source itself says that it is gone or has another name now.
    incomplete : iterable of str, optional
        Names under which a record could not be read: what their answer does not show may be
        there all the same.
    """

    def __init__(
        self,
        source: str,
        frame: pl.DataFrame,
        failures: Mapping[str, str],
        unreadable: Iterable[Unreadable] = (),
        news: Mapping[str, str] | None = None,
        incomplete: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.frame = frame
        self.failures: dict[str, str] = dict(failures)
        self.unreadable = tuple(unreadable)
        self.news: dict[str, str] = dict(news or {})
        self.incomplete = frozenset(incomplete)
        said = []
        if self.failures:
            listed = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
            said.append(f"{source} failed for {len(self.failures)} of the names asked: {listed}")
        if self.unreadable:
            one = self.unreadable[0]
            said.append(
                f"{source} sent {len(self.unreadable)} records that cannot be read, the first of "
                f"them {one.record}: {one.reason}"
            )
        said += [f"{source}: {name}: {what}" for name, what in self.news.items()]
        super().__init__(" ".join(said))

    def __reduce__(self) -> tuple[type[PartialFetchError], tuple[Any, ...]]:
        """Cross the border between processes whole."""
        return type(self), (
            self.source, self.frame, self.failures, self.unreadable, self.news, self.incomplete,
        )  # fmt: skip
