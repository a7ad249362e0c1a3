"""Tokens per day and model from OpenRouter's data interface, with a key.

The daily rankings (the fifty models with most tokens, and the sum of all others) are answered to
any OpenRouter key, licensed CC BY 4.0 with the citation "Source: OpenRouter
(openrouter.ai/rankings), as of ...". Without a key nothing of usage can be had: the list of
models, which is open, holds none. Prices are another loader's, `openrouter_prices`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders import fields
from analysis.loaders.base import PartialFetchError, Request, Unreadable
from analysis.loaders.batch import readable_rows
from analysis.loaders.frames import Count, downloads_frame
from analysis.loaders.wording import describe_error

if TYPE_CHECKING:
    import polars as pl

KEY = "OPENROUTER_API_KEY"
_REQUESTS_PER_SECOND = 0.5  # requests: thirty a minute are allowed
_WINDOW = timedelta(days=29)


class Openrouter:
    """Tokens per day of the models that lead the rankings; `Request.names` keep some of them."""

    name = "openrouter"
    table = "downloads"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the days from ``since`` to ``until``, thirty to yesterday by default.

        See `analysis.loaders.base.Loader`; needs a key in ``OPENROUTER_API_KEY``.
        """
        key = settings.token(KEY)
        if key is None:
            raise InputError(
                f"OpenRouter shows usage figures only with an API key: set {KEY}, or "
                "leave the source openrouter out."
            )
        from analysis.loaders.http.client import Client

        headers = {"Authorization": f"Bearer {key}"}
        counts: list[Count] = []
        unreadable: list[Unreadable] = []
        failures: dict[str, str] = {}
        with Client(
            self.name, headers=headers, archive=request.archive, per_second=_REQUESTS_PER_SECOND
        ) as client:
            for first, last in windows(request, datetime.now(UTC).date()):
                try:
                    response = client.get(
                        "/api/v1/datasets/rankings-daily",
                        {"start_date": first.isoformat(), "end_date": last.isoformat()},
                    )
                    found, bad = readable_rows(daily(response.json(), response.fetched_at))
                except SourceError as problem:
                    if not counts:
                        raise
                    failures[f"days from {first}"] = describe_error(problem)
                    break
                counts += found
                unreadable += bad
        wanted = set(request.names)
        kept = (item for item in counts if not wanted or item.entity in wanted)
        frame = downloads_frame("openrouter", self.name, kept)
        if failures or unreadable:
            raise PartialFetchError(self.name, frame, failures, unreadable)
        return frame


def windows(request: Request, today: date) -> Iterator[tuple[date, date]]:
    """First and last day of each request, at most thirty days long, oldest first.

    Today is never asked for: its sum is not yet whole.
    """
    last = min(request.until or today, today - timedelta(days=1))
    first = request.since or last - _WINDOW
    while first <= last:
        end = min(first + _WINDOW, last)
        yield first, end
        first = end + timedelta(days=1)


def daily(document: Any, observed_at: datetime) -> Iterator[Count | Unreadable]:
    """Figures that a response holds; the row ``other`` sums up all models outside the ranking."""
    where = "openrouter's daily rankings"

    def read(row: Mapping[str, Any]) -> Iterator[Count]:
        day = fields.require_day(row, "date", where)
        model = fields.require_text(row, "model_permaslug", where)
        value = fields.parse_count(row, "total_tokens", where)
        yield Count(day, model, "tokens_1d", value, observed_at)

    rows = fields.require_field(fields.require_object(document, where), "data", where)
    return fields.read_records(rows, where, read)
