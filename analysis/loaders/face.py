"""The face that every loader has: what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Request:
    """What a loader is to fetch.

    Attributes
    ----------
    names : tuple of str
        What to ask for in the source's own words: tickers, models, repositories, packages,
        companies, series. Empty: what the loader asks for by itself.
    since, until : datetime.date or None
        First and last day of the figures; None without a bound. A source that serves no
        history ignores them.
    currencies : mapping of str to str
        The currency that the catalogue gives a ticker; a figure in another one is suspect.
    archive : pathlib.Path or None
        Folder in which what the source sent is kept; None keeps nothing.
    """

    names: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    currencies: Mapping[str, str] = field(default_factory=dict)
    archive: Path | None = None


class Loader(Protocol):
    """One source of one table.

    Attributes
    ----------
    name : str
        The source, as rows and messages name it: ``"pypistats"``.
    table : str
        The table of `analysis.tables` that it fills.
    """

    name: str
    table: str

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask the source.

        Parameters
        ----------
        request : Request

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
        SourceError
            The source refused, failed, or sent what cannot be read.
        """
        ...
