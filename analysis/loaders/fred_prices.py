"""Prices from FRED's keyless files: the yuan's noon rate, and three indexes at need.

The catalogue's ``USDCNY`` is a rate of the Federal Reserve, not one of Yahoo's. Where Yahoo is
down, the closes of three indexes can be had here too, by naming their series; they are never
fetched unasked, because two sources of one figure would revise each other for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from analysis.errors import InputError, SourceError
from analysis.loaders.each import apart
from analysis.loaders.face import Partial, Request, Unreadable
from analysis.loaders.fred_file import read_series
from analysis.loaders.http import Client, NotFound, Timing

if TYPE_CHECKING:
    import polars as pl

TICKERS = {"USDCNY": "DEXCHUS"}
"""Tickers of the catalogue that come from FRED, and their series."""

AT_NEED = {"SP500": "^GSPC", "NASDAQCOM": "^IXIC", "VIXCLS": "^VIX"}
"""Series that are fetched only when named, and the tickers that they are."""


class FredPrices:
    """Daily rates and closes from FRED, table ``prices``.

    Parameters
    ----------
    timing : analysis.loaders.http.Timing, optional
        How patient to be; by default as ``FAULTLINE_PATIENCE`` says.
    clock : callable
        Gives the present moment (UTC).
    """

    name = "fred_prices"
    table = "prices"

    def __init__(
        self,
        timing: Timing | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timing = timing
        self._clock = clock

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for series.

        Parameters
        ----------
        request : Request
            ``names`` are tickers of `TICKERS` or series of `AT_NEED`; tickers that other
            loaders serve are passed over. Empty: all of `TICKERS`.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        Partial
            A series is gone or unreadable.
        SourceError
            FRED could not be asked.
        """
        import polars as pl

        from analysis.tables import schema_of
        from analysis.tables.price_checks import jumps, with_doubts

        wanted = _wanted(request.names or tuple(TICKERS))
        asked_at = self._clock()
        frames: list[pl.DataFrame] = [schema_of(self.table).create_empty()]
        failures: dict[str, str] = {}
        unreadable: list[Unreadable] = []
        with Client("fred", archive=request.archive, timing=self._timing) as client:
            for ticker, series in wanted.items():
                try:
                    answer = client.get("/graph/fredgraph.csv", _query(series, request))
                except NotFound:
                    failures[ticker] = f"FRED has no series {series} any more"
                    continue
                try:
                    figures, bad = apart(read_series(answer.text(), series))
                except SourceError as error:
                    failures[ticker] = f"fred_prices: {str(error).rstrip('.')}."
                    continue
                unreadable += bad
                rows = _rows(ticker, figures, self.name, asked_at, request)
                frames.append(with_doubts(rows, jumps(rows)))
        frame = pl.concat(frames)
        if failures or unreadable:
            raise Partial(self.name, frame, failures, unreadable)
        return frame


def _wanted(names: tuple[str, ...]) -> dict[str, str]:
    """Ticker to series, for the names that are ours."""
    for name in names:
        if not name.strip():
            raise InputError("A blank name is neither a ticker nor a series of FRED.")
    series = {name: TICKERS[name] for name in names if name in TICKERS}
    return series | {AT_NEED[name]: name for name in names if name in AT_NEED}


def _query(series: str, request: Request) -> dict[str, str]:
    query = {"id": series}
    if request.since:
        query["cosd"] = request.since.isoformat()
    if request.until:
        query["coed"] = request.until.isoformat()
    return query


def _rows(
    ticker: str,
    figures: list[tuple[date, float]],
    source: str,
    asked_at: datetime,
    request: Request,
) -> pl.DataFrame:
    """Rows of the days asked for; neither a rate nor an index is adjusted, or has a volume."""
    import polars as pl

    from analysis.tables import schema_of

    first, last = request.since or date.min, request.until or date.max
    empty = schema_of("prices").create_empty()
    kept = dict(figure for figure in figures if first <= figure[0] <= last)
    return pl.DataFrame(
        {"date": list(kept), "close": list(kept.values())},
        schema={"date": pl.Date, "close": pl.Float64},
    ).select(
        "date",
        pl.lit(ticker).alias("ticker"),
        "close",
        pl.col("close").alias("adj_close"),
        pl.lit(None, dtype=pl.Int64).alias("volume"),
        pl.lit(source).alias("source"),
        pl.lit(asked_at).cast(empty.schema["observed_at"]).alias("observed_at"),
        pl.lit(value=False).alias("backfilled"),
        pl.lit(None, dtype=pl.String).alias("flag"),
    )
