"""Prices from FRED's keyless files: the yuan's noon rate, and three indexes at need.

The catalogue's ``USDCNY`` is a rate of the Federal Reserve, not one of Yahoo's. Where Yahoo is
down, the closes of three indexes can be had here too, by naming their series; they are never
fetched unasked, because two sources of one figure would revise each other for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from analysis.dates import utc_now
from analysis.errors import InputError, SourceError
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each, readable_rows
from analysis.loaders.frames import table_frame
from analysis.loaders.fred_file import FRED_PATH, fred_query, read_series
from analysis.loaders.http.client import Client, RetryPolicy
from analysis.loaders.http.response import NotFoundError

if TYPE_CHECKING:
    import polars as pl

TICKERS = {"USDCNY": "DEXCHUS"}
"""Tickers of the catalogue that come from FRED, and their series."""

AT_NEED = {"SP500": "^GSPC", "NASDAQCOM": "^IXIC", "VIXCLS": "^VIX"}
"""Series that are fetched only when named, and the tickers that they are."""


@dataclass(frozen=True)
class FredPrices:
    """Daily rates and closes from FRED, table ``prices``."""

    policy: RetryPolicy | None = None  # by default as ``FAULTLINE_PATIENCE`` says
    clock: Callable[[], datetime] = utc_now

    name = "fred_prices"
    table = "prices"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for series, see `analysis.loaders.base.Loader`.

        ``names`` are tickers of `TICKERS` or series of `AT_NEED`; tickers that other loaders serve
        are passed over. Empty: all of `TICKERS`.
        """
        wanted = _wanted(request.names or tuple(TICKERS))
        requested_at = self.clock()
        with Client("fred", archive=request.archive, policy=self.policy) as client:

            def fetch_one(ticker: str) -> Iterable[dict[str, Any] | Unreadable]:
                series = wanted[ticker]
                try:
                    response = client.get(FRED_PATH, fred_query(series, request))
                except NotFoundError:
                    raise NotFoundError(f"FRED has no series {series} any more") from None
                text = response.text()
                try:
                    figures, bad = readable_rows(read_series(text, series))
                except SourceError as error:
                    raise response.unusable_error(f"{response.describe_body()}: {error}") from None
                kept = dict(figure for figure in figures if request.covers(figure[0]))
                return (*_rows(ticker, kept, requested_at), *bad)

            return fetch_each(
                self.name, wanted, fetch_one, lambda rows: _frame(self.table, self.name, rows)
            )


def _wanted(names: tuple[str, ...]) -> dict[str, str]:
    """Ticker to series, for the names that are ours."""
    for name in names:
        if not name.strip():
            raise InputError("A blank name is neither a ticker nor a series of FRED.")
    series = {name: TICKERS[name] for name in names if name in TICKERS}
    return series | {AT_NEED[name]: name for name in names if name in AT_NEED}


def _rows(
    ticker: str, figures: Mapping[date, float], requested_at: datetime
) -> Iterator[dict[str, Any]]:
    """Rows of a series; neither a rate nor an index is adjusted, or has a volume."""
    for day, close in figures.items():
        yield {
            "date": day,
            "ticker": ticker,
            "close": close,
            "adj_close": close,
            "observed_at": requested_at,
        }


def _frame(table: str, source: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Frame of all rows, those flagged that move as no session does."""
    import polars as pl

    from analysis.tables.price_checks import jumps, with_doubts

    frame = table_frame(table, source, rows)
    checked = [
        with_doubts(closes, jumps(closes))
        for closes in frame.partition_by("ticker", maintain_order=True)
    ]
    return pl.concat([frame.clear(), *checked])
