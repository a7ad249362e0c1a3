"""Yahoo Finance as yfinance meets it: charts, quarterly figures, cookie and crumb.

Shapes as the source of yfinance 1.7 reads them; the figures are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from tests.servers.local import LocalServer, Reply, Seen, as_reply

CHART = "/v8/finance/chart/"
FIGURES = "/ws/fundamentals-timeseries/v1/finance/timeseries/"

UNKNOWN = {
    "chart": {
        "result": None,
        "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
    }
}
INVALID_CRUMB = {
    "finance": {
        "result": None,
        "error": {"code": "Unauthorized", "description": "Invalid Crumb"},
    }
}


def chart(
    closes: Mapping[date, float | None],
    *,
    symbol: str = "NVDA",
    zone: str = "America/New_York",
    opens: time = time(9, 30),
    shuts: time = time(16, 0),
    currency: str | None = "USD",
    kind: str = "EQUITY",
    adjusted: Sequence[float | None] | None = None,
    volumes: Sequence[int | None] | None = None,
    dividends: Mapping[date, float] | None = None,
    paid_in: str | None = None,
    splits: Mapping[date, tuple[int, int]] | None = None,
    last_trade: datetime | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """A chart answer: bars are stamped with the opening of their session.

    ``today`` is the day of ``currentTradingPeriod`` (else the last bar's), ``last_trade`` the
    time of the last quote (else that day's bell).
    """
    place = ZoneInfo(zone)

    def stamp(day: date, moment: time) -> int:
        return int(datetime.combine(day, moment, place).timestamp())

    days = list(closes)
    present = today or days[-1]
    traded = last_trade or datetime.combine(present, shuts, place)
    period = {
        "timezone": "EST",
        "start": stamp(present, opens),
        "end": stamp(present, shuts),
        "gmtoffset": -18000,
    }
    prices = list(closes.values())
    quote = {name: list(prices) for name in ("open", "high", "low", "close")}
    result: dict[str, Any] = {
        "meta": {
            "currency": currency,
            "symbol": symbol,
            "exchangeName": "NMS",
            "instrumentType": kind,
            "firstTradeDate": stamp(date(2020, 1, 2), opens),
            "regularMarketTime": int(traded.timestamp()),
            "gmtoffset": -18000,
            "timezone": "EST",
            "exchangeTimezoneName": zone,
            "regularMarketPrice": 1.0,
            "priceHint": 2,
            "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
            "dataGranularity": "1d",
            "range": "",
            "validRanges": ["1d", "5d", "1mo", "max"],
        },
        "indicators": {"quote": [{}], "adjclose": [{}]},
    }
    if days:
        result["timestamp"] = [stamp(day, opens) for day in days]
        volume = list(volumes) if volumes is not None else [1_000_000] * len(days)
        result["indicators"] = {
            "quote": [{**quote, "volume": volume}],
            "adjclose": [{"adjclose": list(adjusted) if adjusted is not None else prices}],
        }
    events: dict[str, Any] = {}
    if dividends:
        own = {"currency": paid_in} if paid_in else {}
        events["dividends"] = {
            str(stamp(day, opens)): {"amount": paid, "date": stamp(day, opens), **own}
            for day, paid in dividends.items()
        }
    if splits:
        events["splits"] = {
            str(stamp(day, opens)): {
                "date": stamp(day, opens),
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for day, (new, old) in splits.items()
        }
    if events:
        result["events"] = events
    return {"chart": {"result": [result], "error": None}}


def quarters(
    series: Mapping[str, Mapping[date, float]], currency: str = "CNY", symbol: str = "688256.SS"
) -> dict[str, Any]:
    """Quarterly figures by Yahoo's names: ``quarterlyTotalRevenue`` and so on."""
    results = []
    for name, values in series.items():
        stamps = [
            int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in values
        ]
        results.append(
            {
                "meta": {"symbol": [symbol], "type": [name]},
                "timestamp": stamps,
                name: [
                    {
                        "dataId": 20100,
                        "asOfDate": day.isoformat(),
                        "periodType": "3M",
                        "currencyCode": currency,
                        "reportedValue": {"raw": value, "fmt": str(value)},
                    }
                    for day, value in values.items()
                ],
            }
        )
    return {"timeseries": {"result": results, "error": None}}


def serve(
    server: LocalServer, charts: Mapping[str, Any], figures: Mapping[str, Any] | None = None
) -> None:
    """Let a local server be Yahoo: these charts and figures, and 404 for any other symbol."""

    def answer(known: Mapping[str, Any], seen: Seen) -> Reply:
        body = known.get(unquote(seen.path).rpartition("/")[2])
        if body is None:
            return as_reply(UNKNOWN, 404)
        return as_reply(body(seen) if callable(body) else body)

    server.on(
        "^/$",
        Reply(b"", 404, {"Set-Cookie": "A3=d=AQAB; Max-Age=31536000; Path=/; Domain=.yahoo.com"}),
    )
    server.on("/v1/test/getcrumb", "a.crumb")
    server.on("/consent", "<html></html>")
    server.on(CHART, lambda seen: answer(charts, seen))
    server.on(FIGURES, lambda seen: answer(figures or {}, seen))
    server.on(
        "/v10/finance/quoteSummary/",
        {"quoteSummary": {"result": None, "error": {"code": "Not Found", "description": "none"}}},
        status=404,
    )
