"""Daily US factors from Kenneth French's data library.

Three zipped CSV files, each with prose above and below one table in per cent. The library is
one to two months behind and rewrites its history with each vintage, so every response holds all
days and the store finds out which of them are revised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.errors import SourceError
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each, known_names, wanted_rows
from analysis.loaders.fields import shorten
from analysis.loaders.frames import table_frame
from analysis.loaders.sandbox import read_zip

if TYPE_CHECKING:
    import polars as pl

_FOLDER = "/pages/faculty/ken.french/ftp"
# Their codes of missing data, in per cent; no day of the US market comes near.
_MISSING = {Decimal("-99.99"), Decimal(-999)}


@dataclass(frozen=True)
class File:
    """One file of the library and the factors that we take from it."""

    name: str
    factors: Mapping[str, str]  # our name -> the file's column


# The size factor of three is another than that of five; all else is the same in both files.
FILES = (
    File(
        "F-F_Research_Data_5_Factors_2x3_daily_CSV.zip",
        {"mkt_rf": "Mkt-RF", "smb": "SMB", "hml": "HML", "rmw": "RMW", "cma": "CMA", "rf": "RF"},
    ),
    File("F-F_Research_Data_Factors_daily_CSV.zip", {"smb_ff3": "SMB"}),
    File("F-F_Momentum_Factor_daily_CSV.zip", {"mom": "Mom"}),
)
FACTORS = tuple(sorted(factor for file in FILES for factor in file.factors))


class French:
    """Daily factors, decimal; `Request.names` are factors of the table, without names all."""

    name = "french"
    table = "factors"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the files that hold the factors, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        wanted = known_names(request.names, FACTORS, "factor of French's library")
        files = {file.name: file for file in FILES if set(wanted) & set(file.factors)}
        with Client(self.name, archive=request.archive) as client:

            def fetch_one(name: str) -> list[dict[str, Any] | Unreadable]:
                response = client.get(f"{_FOLDER}/{name}")
                rows = parse(response.content, files[name], response.fetched_at)
                return wanted_rows(
                    response,
                    rows,
                    lambda row: row["factor"] in wanted and request.covers(row["date"]),
                )

            return fetch_each(
                self.name, files, fetch_one, partial(table_frame, self.table, self.name)
            )


def parse(
    content: bytes, file: File, observed_at: datetime
) -> Iterator[dict[str, Any] | Unreadable]:
    """Read the daily table of a zipped file: a row of the table for each value, decimal.

    A `SourceError` where it is no ZIP, or its table is not where and what it used to be.
    """
    lines = read_zip(content, ".csv").splitlines()
    start, places = _header(lines, file)
    found, problem = False, f"{file.name} holds no day below its header"
    for line in lines[start + 1 :]:
        cells = [cell.strip() for cell in line.split(",")]
        if not (len(cells[0]) == 8 and cells[0].isdecimal()):
            break  # the end of the table: a blank line, yearly figures or the copyright
        try:
            day = _day(cells[0])
            values = {factor: _value(cells, place, line) for factor, place in places.items()}
        except SourceError as error:
            problem = str(error)
            yield Unreadable(f"{file.name}: {shorten(line.strip())}", problem)
            continue
        for factor, value in values.items():
            if value not in _MISSING:
                found = True
                yield {
                    "date": day,
                    "factor": factor,
                    "value": float(value / 100),
                    "observed_at": observed_at,
                }
    if not found:
        raise SourceError(problem)


def _header(lines: list[str], file: File) -> tuple[int, dict[str, int]]:
    """Find the line that names the columns, and where each factor stands."""
    wanted = set(file.factors.values())
    nearest: list[str] = []
    for number, line in enumerate(lines):
        cells = [cell.strip() for cell in line.split(",")]
        if wanted <= set(cells):
            places = {factor: cells.index(column) for factor, column in file.factors.items()}
            return number, places
        if len(cells) > 1 and cells[0] == "" and any(cells):
            nearest = nearest or cells[1:]
    missing = ", ".join(sorted(wanted - set(nearest)))
    raise SourceError(
        f"{file.name} has no column {missing} (it has {', '.join(nearest) or 'no header'}): its "
        "format has changed; the loader needs an update"
    )


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise SourceError(f"{text!r} is no day") from None


def _value(cells: list[str], place: int, line: str) -> Decimal:
    try:
        value = Decimal(cells[place])
        if not value.is_finite():
            raise InvalidOperation  # noqa: TRY301
    except (InvalidOperation, IndexError):
        raise SourceError(f"the line {shorten(line.strip())!r} cannot be read") from None
    return value
