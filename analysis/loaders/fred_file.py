"""FRED's keyless files, ``fredgraph.csv``: one series, a line per day.

Read line by line: the files quote nothing, and a line that is none does not take others along.
Called by the loaders of prices and of risk indexes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

from analysis.errors import SourceError
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.fields import shorten

FRED_PATH = "/graph/fredgraph.csv"
_MISSING = ("", ".")


def fred_query(series: str, request: Request) -> dict[str, str]:
    """Parameters that ask for a series and the days of a request."""
    query = {"id": series}
    if request.since:
        query["cosd"] = request.since.isoformat()
    if request.until:
        query["coed"] = request.until.isoformat()
    return query


def read_series(text: str, series: str) -> Iterator[tuple[date, float] | Unreadable]:
    """Read the file of one series; days without a figure are left out.

    ``observation_date,DEXCHUS`` (``DATE`` in files before 2024), then a line per day; a missing
    figure is blank or a dot. Anything else is a `SourceError`.
    """
    first, *lines = text.splitlines() or [""]
    header = [cell.strip() for cell in first.split(",", 2)]
    if header not in (["observation_date", series], ["DATE", series]):
        said = first[:80].strip() or "nothing"
        raise SourceError(f"a header {said!r} where observation_date,{series} was expected")
    for line in filter(str.strip, lines):
        try:
            day, value = line.split(",", 2)
            if value.strip() in _MISSING:
                continue
            figure = date.fromisoformat(day.strip()), float(value)
            if not math.isfinite(figure[1]):
                raise ValueError  # noqa: TRY301
        except ValueError:
            said = shorten(line)
            yield Unreadable(f"{series}: {said}", f"the line {said!r} cannot be read")
        else:
            yield figure
