"""Indexes of geopolitical risk, policy uncertainty and expected volatility.

Geopolitical risk (Caldara and Iacoviello) comes as two Excel files of the old kind, a daily
one that is renewed on Mondays and rewrites its last weeks, and a monthly one. Policy
uncertainty (Baker, Bloom and Davis) and the VIX come from FRED as CSV, without a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.errors import SourceError
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each, known_names, wanted_rows
from analysis.loaders.fields import shorten
from analysis.loaders.frames import table_frame
from analysis.loaders.fred_file import FRED_PATH, fred_query, read_series
from analysis.loaders.sandbox import read_sheet

if TYPE_CHECKING:
    import polars as pl

# The files hold single precision, padded to double: beyond the sixth decimal there is only that.
_DECIMALS = 6
_EXCEL_ZERO = date(1899, 12, 30)


@dataclass(frozen=True)
class Sheet:
    """One Excel file and what we take from it: columns that are series of the table."""

    path: str
    day: str
    series: tuple[str, ...]
    monthly: bool = False


SHEETS = (
    Sheet("/gpr_files/data_gpr_daily_recent.xls", "DAY", ("GPRD", "GPRD_ACT", "GPRD_THREAT")),
    Sheet(
        "/gpr_files/data_gpr_export.xls",
        "month",
        ("GPR", "GPRT", "GPRA", "GPRC_CHN", "GPRC_TWN", "GPRC_USA"),
        monthly=True,
    ),
)
FRED_SERIES = ("USEPUINDXD", "VIXCLS")


class Gpr:
    """Geopolitical risk, daily and monthly; `Request.names` are series, without names all."""

    name = "gpr"
    table = "risk_indexes"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the files that hold the series, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        every = [series for sheet in SHEETS for series in sheet.series]
        wanted = known_names(request.names, every, "series of geopolitical risk")
        sheets = {sheet.path: sheet for sheet in SHEETS if set(wanted) & set(sheet.series)}
        with Client(self.name, archive=request.archive) as client:

            def fetch_one(path: str) -> list[dict[str, Any] | Unreadable]:
                response = client.get(path)
                rows = parse_sheet(response.content, sheets[path], response.fetched_at)
                return wanted_rows(
                    response,
                    rows,
                    lambda row: row["series"] in wanted and request.covers(row["date"]),
                )

            return fetch_each(
                self.name, sheets, fetch_one, partial(table_frame, self.table, self.name)
            )


class Fred:
    """Series of FRED; `Request.names` are series, without names those of the table."""

    name = "fred"
    table = "risk_indexes"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the series one by one, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        wanted = known_names(request.names, FRED_SERIES, "series of FRED")
        with Client(self.name, archive=request.archive) as client:

            def fetch_one(series: str) -> list[dict[str, Any] | Unreadable]:
                response = client.get(FRED_PATH, fred_query(series, request))
                rows = parse_csv(response.text(), series, response.fetched_at)
                return wanted_rows(response, rows, lambda row: request.covers(row["date"]))

            return fetch_each(
                self.name, wanted, fetch_one, partial(table_frame, self.table, self.name)
            )


def parse_sheet(
    content: bytes, sheet: Sheet, observed_at: datetime
) -> Iterator[dict[str, Any] | Unreadable]:
    """Read an Excel file: a row of the table for each cell that is not empty.

    A `SourceError` where it is no Excel file, lacks a column, or has one without a figure.
    """
    cells = read_sheet(content, (sheet.day, *sheet.series))
    days = [_day(cell) for cell in cells[sheet.day]]
    for series in sheet.series:
        found, problem = False, f"the column {series} holds no figure"
        for day, cell in zip(days, cells[series], strict=True):
            if day is None or cell is None:
                continue
            if isinstance(day, Unreadable):
                problem = day.reason
                yield Unreadable(f"{series}: {shorten(cell)}", problem)
                continue
            value = _figure(cell, series)
            if isinstance(value, Unreadable):
                problem = value.reason
                yield Unreadable(f"{series}: {shorten(cell)}", problem)
                continue
            found = True
            yield {
                "date": day.replace(day=1) if sheet.monthly else day,
                "series": series,
                "value": value,
                "observed_at": observed_at,
            }
        if not found:
            raise SourceError(problem)


def parse_csv(
    text: str, series: str, observed_at: datetime
) -> Iterator[dict[str, Any] | Unreadable]:
    """Read a series of ``fredgraph.csv``, as `read_series`: a row of the table for each value."""
    for figure in read_series(text, series):
        if isinstance(figure, Unreadable):
            yield figure
        else:
            day, value = figure
            yield {"date": day, "value": value, "series": series, "observed_at": observed_at}


def _day(cell: object) -> date | Unreadable | None:
    """Read a day: ``20260810``, Excel's count of days, ``2026-08-10`` or ``2026M8``."""
    if cell is None or cell == "":
        return None
    try:
        text = str(int(cell)) if isinstance(cell, int | float) else str(cell).strip()
        if re.fullmatch(r"\d{5}", text):
            return _EXCEL_ZERO + timedelta(days=int(text))
        if month := re.fullmatch(r"(\d{4})M(\d{1,2})", text, re.IGNORECASE):
            return date(int(month[1]), int(month[2]), 1)
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        return Unreadable(shorten(cell), f"{shorten(cell)!r} is no day")


def _figure(cell: object, series: str) -> float | Unreadable:
    try:
        return round(float(str(cell)), _DECIMALS)
    except (ValueError, OverflowError):
        said = shorten(cell)
        return Unreadable(said, f"the column {series} holds {said!r} where a figure was expected")
