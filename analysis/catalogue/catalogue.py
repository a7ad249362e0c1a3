"""The curated files of a folder as frames and look-ups.

Called by the desk. A file is read once per `Catalogue`, with every check: a file that does not
pass is not used.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.catalogue.validation import read_good
from analysis.catalogue.watchlist import names_for_loader
from analysis.errors import DataError, InputError, unknown_name
from analysis.forks import check_usable

if TYPE_CHECKING:
    import polars as pl

_OWN_KINDS = ("closures", "hours")
_SEE_EVENTS = "faultline events list"
_SEE_INSTRUMENTS = "data/catalogue/instruments.csv"
_SEE_GROUPS = "data/catalogue/groups.csv"


class Catalogue:
    """What people decided: events, claims, instruments, chips, groups and so on.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with files like ``events.csv``.
    own : iterable of pathlib.Path, optional
        The user's own ``closures.csv`` and ``hours.csv``, see `own_files`: their rows are
        added, and replace rows of the same exchange and day.
    """

    def __init__(self, folder: Path, own: Iterable[Path] = ()) -> None:
        self.folder = Path(folder)
        self.own = tuple(own)
        self._frames: dict[str, pl.DataFrame] = {}

    def __repr__(self) -> str:
        return f"Catalogue({str(self.folder)!r})"

    def table(self, kind: str) -> pl.DataFrame:
        """One file, in the order of its lines, with the columns of `analysis.tables.curated`.

        Parameters
        ----------
        kind : str
            ``"events"``, ``"claims"``, ``"instruments"``, ``"chips"``, ``"groups"``,
            ``"closures"``, ``"hours"``, ``"watched"``, ``"doubts"`` or ``"moves"``.

        Raises
        ------
        DataError
            The file is not there, or something in it is wrong.
        """
        check_usable()
        if kind not in self._frames:
            path = self.folder / f"{kind}.csv"
            if not path.is_file():
                raise DataError(
                    f"The catalogue file {path} does not exist: restore it from a good copy."
                )
            frame = read_good(path, kind)
            for added in self.own:
                if added.stem == kind:
                    frame = _amended(frame, read_good(added, kind), kind)
            self._frames[kind] = frame
        return self._frames[kind]

    def doubt(self, table: str, key: str) -> str | None:
        """What is doubtful in one row of ``events``, ``claims`` or ``chips``; None when nothing.

        A folder without ``doubts.csv`` doubts nothing.
        """
        import polars as pl

        if not (self.folder / "doubts.csv").is_file():
            return None
        rows = self.table("doubts").filter((pl.col("table") == table) & (pl.col("key") == key))
        return str(rows["doubt"][0]) if len(rows) else None

    def watched_by(self, loader: str) -> tuple[str, ...]:
        """What a loader is asked for, in its source's own words.

        Parameters
        ----------
        loader : str
            Name of a loader: ``"huggingface"``, ``"github_support"``.

        Returns
        -------
        tuple of str
            Empty for a loader that takes no names from the catalogue.
        """
        return names_for_loader(loader, self.table("watched"))

    def event(self, event_id: str) -> dict[str, Any]:
        """Look an event up by its id.

        Returns
        -------
        dict
            Column to value; missing ones are None.

        Raises
        ------
        InputError
            For an unknown id; the message has the nearest ones.
        """
        return _row(self.table("events"), "event", "id", event_id, _SEE_EVENTS)

    def instrument(self, ticker: str) -> dict[str, Any]:
        """Look an instrument up by its ticker.

        Returns
        -------
        dict
            Column to value; missing ones are None.

        Raises
        ------
        InputError
            For an unknown ticker; the message has the nearest ones.
        """
        return _row(self.table("instruments"), "ticker", "ticker", ticker, _SEE_INSTRUMENTS)

    def members(self, group: str) -> list[str]:
        """Tickers of a group, in the order of their file.

        Parameters
        ----------
        group : str
            A role (``gpu``), a bloc (``china``), both (``gpu@china``), or a name in
            groups.csv (``power_names``). A bloc leaves out what no study takes by itself:
            indexes, funds, currencies and volatility.

        Raises
        ------
        InputError
            For a group that does not exist, with the nearest names, or that has no member.
        """
        import polars as pl

        from analysis.tables.curated import BLOCS, NOT_TRADED, ROLES

        instruments, named = self.table("instruments"), self.table("groups")
        role, both, bloc = group.partition("@")
        if group in named["name"]:
            return named.filter(pl.col("name") == group)["ticker"].to_list()
        if both:
            if role not in ROLES:
                raise unknown_name("role", role, ROLES)
            if bloc not in BLOCS:
                raise unknown_name("bloc", bloc, BLOCS)
            chosen = (pl.col("role") == role) & (pl.col("bloc") == bloc)
        elif group in ROLES:
            chosen = pl.col("role") == group
        elif group in BLOCS:
            chosen = (pl.col("bloc") == group) & ~pl.col("role").is_in(NOT_TRADED)
        else:
            raise unknown_name("group", group, self.group_names(), see=_SEE_GROUPS)
        members = instruments.filter(chosen)["ticker"].to_list()
        if not members:
            raise InputError(
                f"Group {group!r} has no member: take a wider one, for instance {role!r}, or name "
                "the tickers."
            )
        return members

    def group_names(self) -> list[str]:
        """Roles, blocs and named groups, without the pairs ``role@bloc``."""
        from analysis.tables.curated import BLOCS, ROLES

        named = self.table("groups")["name"].unique(maintain_order=True)
        return [*ROLES, *BLOCS, *named]

    def entities_to_tickers(self, entities: Iterable[str]) -> list[str]:
        """Tickers of companies, in the order of the names as events write them.

        Many entities have no listed security (DeepSeek, Huawei): they add none.
        """
        import polars as pl

        instruments = self.table("instruments")
        found = [
            ticker
            for entity in entities
            for ticker in instruments.filter(pl.col("entity") == entity.strip())["ticker"]
        ]
        return list(dict.fromkeys(found))


def own_files(home: Path | str) -> list[Path]:
    """Files with which a user amends the catalogue: in ``catalogue`` of the store's folder."""
    if not isinstance(home, Path):
        return []
    files = [home / "catalogue" / f"{kind}.csv" for kind in _OWN_KINDS]
    return [path for path in files if path.is_file()]


def _amended(frame: pl.DataFrame, own: pl.DataFrame, kind: str) -> pl.DataFrame:
    import polars as pl

    from analysis.tables import keys_of

    return pl.concat([frame.join(own, on=keys_of(kind), how="anti"), own])


def _row(frame: pl.DataFrame, kind: str, key: str, name: str, see: str) -> dict[str, Any]:
    import polars as pl

    rows = frame.filter(pl.col(key) == name)
    if not len(rows):
        raise unknown_name(kind, name, frame[key], see=see)
    return rows.row(0, named=True)
