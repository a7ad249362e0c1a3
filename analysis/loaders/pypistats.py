"""Daily downloads of Python packages from pypistats.org, without mirrors.

The site keeps 180 days and gains a day each night, in UTC; longer history is in BigQuery alone.
What it counts are requests of files, continuous integration included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.frames import Count, downloads_frame

if TYPE_CHECKING:
    import polars as pl

_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_REQUESTS_PER_SECOND = 1.0  # requests: the site publishes no limit, and refuses bursts


class Pypistats:
    """Downloads per day of each package: `Request.names` are packages."""

    name = "pypistats"
    table = "downloads"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the daily series of each package, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        packages = [normalised(name) for name in request.names]
        with Client(self.name, archive=request.archive, per_second=_REQUESTS_PER_SECOND) as client:

            def fetch_one(package: str) -> Iterator[Count | Unreadable]:
                response = client.get(f"/api/packages/{package}/overall", {"mirrors": "false"})
                series = daily(response.json(), package, response.fetched_at)
                return (
                    item
                    for item in series
                    if isinstance(item, Unreadable) or request.covers(item.date)
                )

            return fetch_each(
                self.name, packages, fetch_one, partial(downloads_frame, "pypi", self.name)
            )


def normalised(package: str) -> str:
    """Name of a package as PyPI spells it, or an `InputError`."""
    if not _PACKAGE.fullmatch(package):
        raise InputError(f"{package!r} is not a package name: write it as vllm or torch-npu.")
    return re.sub(r"[-_.]+", "-", package).lower()


def daily(document: Any, package: str, observed_at: datetime) -> Iterator[Count | Unreadable]:
    """Figures of the days that a response holds."""
    where = f"pypistats on {package}"

    def read(row: Mapping[str, Any]) -> Iterator[Count]:
        if fields.require_text(row, "category", where) == "without_mirrors":
            day = fields.require_day(row, "date", where)
            value = fields.parse_count(row, "downloads", where)
            yield Count(day, package, "downloads_1d", value, observed_at)

    series = fields.require_field(fields.require_object(document, where), "data", where)
    return fields.read_records(series, where, read)
