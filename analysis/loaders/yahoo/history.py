"""What Yahoo's daily figures mean: exchange days, sessions that have closed, currencies, troubles.

Pure: `analysis.loaders.yahoo.prices` asks and hands in what came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analysis.errors import SourceError
from analysis.loaders.base import UNASKED
from analysis.loaders.http.limits import SpentError
from analysis.loaders.http.rate_limit import ClockError
from analysis.loaders.http.transport import TransientError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from analysis.loaders.yahoo.session import LastResponse

# Quotes come up to twenty minutes late, and closing auctions run for up to ten minutes more.
SETTLED = timedelta(minutes=30)

# The last trade of a session may precede the bell; a quote older than this is of its middle.
_LAST_TRADES = timedelta(minutes=5)

NOT_ASKED = f"{UNASKED} that, as Yahoo answered none of those before"

# A listing without a trade for so long is not merely on holiday.
_SILENT = timedelta(days=30)

_NO_VOLUME = ("INDEX", "CURRENCY")


@dataclass(frozen=True)
class PriceHistory:
    """One ticker's daily figures as Yahoo gave them, on dates of its exchange."""

    ticker: str  # as we name it
    currency: str | None  # in which Yahoo says that it quotes
    kind: str  # Yahoo's word for it: ``"EQUITY"``, ``"ETF"``, ``"INDEX"``, ``"CURRENCY"``
    # ``date``, ``close``, ``adj_close``, ``volume``; sessions that have ended only
    closes: pl.DataFrame
    actions: pl.DataFrame  # ``date``, ``action``, ``value``, ``currency``


@dataclass(frozen=True)
class TickerFailure:
    """Why there is no listing."""

    reason: str  # in words, to stand behind the ticker's name
    may_pass: bool = False  # whether asking again may help
    wait: float | None = None  # seconds that Yahoo wants to be left alone, when it said so
    blocked: bool = False  # whether Yahoo turned us away, and not this ticker
    # whether there was no response of any kind, or none that stays within the limits
    unreachable: bool = False
    spent: bool = False  # whether time or size of all responses together ran out

    @property
    def not_of_ticker(self) -> bool:
        """Whether the trouble was Yahoo's and not the ticker's."""
        return self.blocked or self.may_pass


def chart_of(content: bytes) -> Mapping[str, Any]:
    """Read the one result of a chart response; an empty mapping where there is none."""
    try:
        result = json.loads(content)["chart"]["result"][0]
    except (ValueError, KeyError, TypeError, IndexError):
        return {}
    return result if isinstance(result, dict) and isinstance(result.get("meta"), dict) else {}


def price_history(
    ticker: str, history: pd.DataFrame, chart: Mapping[str, Any], requested_at: datetime
) -> PriceHistory:
    """Make a listing of yfinance's frame and the response that it came from, `chart_of`.

    The frame is from ``Ticker.history`` with ``auto_adjust=False``: midnights of the exchange's
    days. What had not ended by ``requested_at`` (UTC) is left out.
    """
    import polars as pl

    from analysis.tables.price_checks import DIVIDENDS_IN

    meta = chart["meta"]
    kind = str(meta.get("instrumentType") or "")
    columns = {
        "date": [moment.date() for moment in history.index],
        "close": [float(value) for value in history["Close"]],
        "adj_close": [float(value) for value in history["Adj Close"]],
        "volume": [int(value) for value in history["Volume"]],
        "dividend": [float(value) for value in history["Dividends"]],
        "split": [float(value) for value in history["Stock Splits"]],
    }
    types = dict.fromkeys(columns, pl.Float64) | {"date": pl.Date, "volume": pl.Int64}
    # Yahoo now and then gives the running day twice; the later row is the newer.
    days = (
        pl.DataFrame(columns, schema=types)
        .with_columns(pl.col("close", "adj_close", "dividend", "split").fill_nan(None))
        .unique("date", keep="last")
        .sort("date")
        .filter(pl.col("date") <= requested_at.date())
    )
    ended = [day for day in days["date"] if session_closed(day, meta, requested_at)]
    # A row without any close is Yahoo's way to say that it has none.
    closes = (
        days.filter(pl.col("date").is_in(ended))
        .filter(pl.col("close").is_not_null() | pl.col("adj_close").is_not_null())
        .select("date", "close", "adj_close", "volume")
    )
    if kind in _NO_VOLUME:  # a zero there means that nobody counts
        closes = closes.with_columns(
            pl.when(pl.col("volume") > 0).then(pl.col("volume")).alias("volume")
        )
    currency = meta.get("currency") or None
    paid = DIVIDENDS_IN.get(ticker, currency)
    return PriceHistory(ticker, currency, kind, closes, _actions(days, chart, paid))


def session_closed(day: date, meta: Mapping[str, Any], now: datetime) -> bool:
    """Whether a session is over and its close is in the figures.

    Days before the exchange's present one are; the present one is over half an hour after the end
    of the hours that Yahoo gives for it (``meta``), if Yahoo's last trade is as late as that too
    (our clock may be wrong). Without hours, the present day is never over.
    """
    zone = _zone(meta)
    today = now.astimezone(zone).date()
    if day != today:
        return day < today
    try:
        end = datetime.fromtimestamp(meta["currentTradingPeriod"]["regular"]["end"], UTC)
        last = datetime.fromtimestamp(meta["regularMarketTime"], UTC)
    except (KeyError, TypeError, ValueError, OSError, OverflowError):
        return False
    if end.astimezone(zone).date() != day:
        return False
    return now >= end + SETTLED and last >= end - _LAST_TRADES


def currency_mismatch(found: str | None, wanted: str | None) -> str:
    """Say why figures are not in the catalogue's currency; blank when they are, or may be."""
    if not wanted or not found or found == wanted:
        return ""
    return (
        f"Yahoo quotes it in {found} and the catalogue in {wanted}: nothing was taken. Correct the"
        " currency in data/catalogue/instruments.csv if the listing has changed"
    )


def no_new_data(chart: Mapping[str, Any], now: datetime) -> TickerFailure | None:
    """Judge a response that names a listing but holds no day; None when that is a quiet spell."""
    last = chart["meta"].get("regularMarketTime")
    if not isinstance(last, int | float):
        return TickerFailure("Yahoo has no prices, and does not say when it last traded")
    try:
        traded = datetime.fromtimestamp(last, UTC)
    except (ValueError, OSError, OverflowError):
        return TickerFailure(
            f"Yahoo says that it last traded at {last:g}, which is not a valid time"
        )
    if now - traded > _SILENT:
        return TickerFailure(f"no trade since {traded.date()}: delisted, suspended or renamed")
    return None


def diagnose(last: LastResponse | None, error: Exception) -> TickerFailure:
    """Say why yfinance gave up on a ticker, from Yahoo's last response about it.

    The words of yfinance's error fit a delisted ticker, a refused crumb and a failing server alike.
    """
    problem = last.problem if last is not None and last.problem else error
    if isinstance(problem, SourceError):  # a limit of ours, and no word of Yahoo's
        if isinstance(problem, SpentError):
            return TickerFailure(problem.reason, blocked=True, unreachable=True, spent=True)
        away = isinstance(problem, ClockError)
        return TickerFailure(str(problem).rstrip("."), blocked=away, unreachable=True)
    # Not told of the ticker: the crumb was refused, or the connection failed.
    limited = type(error).__name__ == "YFRateLimitError"
    if last is None and not limited:
        # The words of the libraries below differ from ticker to ticker, and say no more.
        why = str(error) if isinstance(error, TransientError) else type(error).__name__
        return TickerFailure(f"no response ({why})", may_pass=True, unreachable=True)
    if limited or (last is not None and last.status == 429):
        wait = last.wait if last else None
        return TickerFailure("Yahoo refuses: too many requests (429)", True, wait, blocked=True)
    assert last is not None
    return _refused(last) or _unreadable(last, error)


def _refused(last: LastResponse) -> TickerFailure | None:
    said = _description(last.content)
    if last.status in (401, 403):
        words = said or "access denied"
        return TickerFailure(
            f"Yahoo refuses: {words} ({last.status})", True, last.wait, blocked=True
        )
    if last.status >= 500:
        return TickerFailure(f"Yahoo failed ({last.status})", True, last.wait)
    if said:
        return TickerFailure(f"Yahoo says: {said}")
    if last.status >= 400:
        return TickerFailure(f"Yahoo does not know it ({last.status})")
    return None


def _unreadable(last: LastResponse, error: Exception) -> TickerFailure:
    start = last.content[:100].lstrip().lower()
    if not start:
        return TickerFailure("Yahoo sent an empty response", may_pass=True)
    if not start.startswith(b"{"):
        kind = "an HTML page" if start.startswith((b"<!doctype", b"<html")) else "no JSON"
        return TickerFailure(f"Yahoo sent {kind}", may_pass=True)
    try:
        json.loads(last.content)
    except ValueError:
        return TickerFailure("Yahoo sent JSON that breaks off", may_pass=True)
    if not chart_of(last.content):
        return TickerFailure(f"Yahoo sent nothing that can be read as prices ({_words(error)})")
    return TickerFailure(f"Yahoo's response has changed its shape ({_words(error)})")


def _description(content: bytes) -> str:
    """What Yahoo gives as the reason of an error: ``chart.error`` or ``finance.error``."""
    try:
        result = json.loads(content)
    except ValueError:
        return ""
    for part in result.values() if isinstance(result, dict) else ():
        said = part.get("error") if isinstance(part, dict) else None
        if isinstance(said, dict):
            return str(said.get("description") or said.get("code") or "an error without a message")
    return ""


def _actions(days: pl.DataFrame, chart: Mapping[str, Any], currency: str | None) -> pl.DataFrame:
    """Splits and dividends of the days, one row each.

    A dividend whose currency Yahoo does not name is in ``currency``.
    """
    import polars as pl

    own = _paid_in(chart)
    paid_in = pl.col("date").map_elements(
        lambda day: own.get(day, currency), return_dtype=pl.String
    )
    found = [
        days.filter(pl.col(kind) > 0).select(
            "date", action=pl.lit(kind), value=pl.col(kind), currency=unit
        )
        for kind, unit in (("dividend", paid_in), ("split", pl.lit(None, dtype=pl.String)))
    ]
    return pl.concat(found).sort("date", "action")


def _paid_in(chart: Mapping[str, Any]) -> dict[date, str]:
    """Currencies of dividends that are not paid in the currency of the price."""
    zone = _zone(chart["meta"])
    events = (chart.get("events") or {}).get("dividends") or {}
    return {
        datetime.fromtimestamp(paid["date"], UTC).astimezone(zone).date(): paid["currency"]
        for paid in events.values()
        if paid.get("currency")
    }


def _zone(meta: Mapping[str, Any]) -> ZoneInfo:
    return ZoneInfo(meta["exchangeTimezoneName"])


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:160].rstrip(": ")
