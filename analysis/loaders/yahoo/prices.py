"""Prices, splits and dividends from Yahoo Finance, through yfinance.

Two loaders, ``yahoo`` (table ``prices``) and ``yahoo_actions`` (table ``actions``), share what
Yahoo sent: a ticker that one has asked about within the last minutes is not asked about again
for the other (`analysis.loaders.yahoo.fetch`). What the figures mean is read in
`analysis.loaders.yahoo.history`.

``close`` is Yahoo's raw close, which is already adjusted for splits, not for dividends;
``adj_close`` is adjusted for both. Both change in the past when a share is split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from analysis import settings
from analysis.errors import InputError, SourceError
from analysis.loaders.base import UNASKED, PartialFetchError, Request
from analysis.loaders.fred_prices import TICKERS as FROM_FRED
from analysis.loaders.http.limits import SpentError
from analysis.loaders.wording import abbreviate, describe_error
from analysis.loaders.yahoo.fetch import FetchOptions, fetch_tickers
from analysis.loaders.yahoo.history import NOT_ASKED, PriceHistory, TickerFailure, currency_mismatch

if TYPE_CHECKING:
    import polars as pl


class _Yahoo(FetchOptions):
    """What the two loaders have in common."""

    name: str
    table: str

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask Yahoo about tickers of the catalogue, see `analysis.loaders.base.Loader`.

        Those that ``fred_prices`` serves are passed over.
        """
        import polars as pl

        from analysis.tables import schema_of

        names = _checked(request.names)
        told = fetch_tickers(self.name, names, request, self)
        empty = schema_of(self.table).create_empty()
        frames: list[pl.DataFrame] = []
        failures: dict[str, str] = {}
        failed: dict[str, TickerFailure] = {}
        for name, said in told.items():
            currency = request.currencies.get(name)
            if isinstance(said.result, TickerFailure):
                failed[name] = said.result
                failures[name] = said.result.reason
            elif said.result and (wrong := currency_mismatch(said.result.currency, currency)):
                failures[name] = wrong
            elif said.result:
                try:
                    rows = self._rows(said.result, currency).with_columns(
                        ticker=pl.lit(name),
                        source=pl.lit(self.name),
                        observed_at=pl.lit(said.requested_at),
                        backfilled=pl.lit(value=False),
                    )
                    frames.append(pl.concat([empty, rows.select(empty.columns)]))
                except Exception as error:  # whatever is odd about one ticker is its own trouble
                    failures[name] = describe_error(error)
        frame = pl.concat([empty, *frames])
        since, until = request.since or date.min, request.until or date.max
        frame = frame.filter(pl.col("date").is_between(since, until))
        spent = [name for name, what in failed.items() if what.spent]
        if failed and sum(what.not_of_ticker for what in failed.values()) == len(told):
            raise _nothing_came(self.name, failures, spent)
        if any(name not in spent and why != NOT_ASKED for name, why in failures.items()):
            # What failed before used up the time or the size; these are only where it ended.
            failures |= {name: f"{UNASKED} that, as {failures[name]}" for name in spent}
        if failures:
            raise PartialFetchError(self.name, frame, failures)
        return frame

    def _rows(self, found: PriceHistory, currency: str | None) -> pl.DataFrame:
        """Dates, figures and flags."""
        raise NotImplementedError


class Yahoo(_Yahoo):
    """Daily closes and volumes, table ``prices``.

    Closes are held against the splits and dividends of the same response; what does not fit is
    flagged (`analysis.tables.price_checks`).
    """

    name = "yahoo"
    table = "prices"

    def _rows(self, found: PriceHistory, currency: str | None) -> pl.DataFrame:
        import polars as pl

        from analysis.tables.price_checks import listing_doubts, with_doubts

        unnamed = bool(currency) and found.currency is None
        note = f"Yahoo names no currency; {currency} is the catalogue's" if unnamed else None
        idle = pl.col("volume").eq(0).fill_null(value=False)
        still = "no volume: Yahoo may have carried the last close forward"
        doubts = listing_doubts(
            found.ticker, found.closes, found.actions, currency or found.currency
        )
        rows = found.closes.with_columns(
            pl.concat_str(
                pl.lit(note, dtype=pl.String),
                pl.when(idle).then(pl.lit(still)),
                separator="; ",
                ignore_nulls=True,
            )
            .replace("", None)
            .alias("flag"),
        )
        return with_doubts(rows, doubts)


class YahooActions(_Yahoo):
    """Splits and dividends by ex-date, table ``actions``.

    Amounts of dividends are Yahoo's: divided by all later splits.
    """

    name = "yahoo_actions"
    table = "actions"

    def _rows(self, found: PriceHistory, _: str | None) -> pl.DataFrame:
        import polars as pl

        return found.actions.with_columns(flag=pl.lit(None, dtype=pl.String))


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that can be asked for; the others are refused before anything is."""
    from analysis.tables.columns import TICKER

    if not names:
        raise InputError("Name the tickers to fetch from Yahoo; none was given.")
    for name in names:
        if not re.match(TICKER, name):
            raise InputError(f"{name!r} is not a ticker that Yahoo accepts.")
    return tuple(name for name in dict.fromkeys(names) if name not in FROM_FRED)


def _nothing_came(source: str, failures: Mapping[str, str], spent: Sequence[str]) -> SourceError:
    """One sentence: what went wrong with whom, and who was not asked after that."""
    place = settings.base_url("yahoo")
    reasons: dict[str, list[str]] = {}
    for name, why in failures.items():
        reasons.setdefault(why, []).append(name)
    unasked = reasons.pop(NOT_ASKED, [])
    if not reasons:
        return SpentError(source, f"{place} had answered nothing before")
    if len(reasons) == 1 and spent:
        return SpentError(source, failures[spent[0]])
    listed = "; ".join(f"{abbreviate(names)}: {why}" for why, names in reasons.items())
    listed += f"; not asked after that: {abbreviate(unasked)}" if unasked else ""
    return SourceError(f"{source}: no ticker could be fetched from {place} ({listed}).")
