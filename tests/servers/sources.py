"""Every source on one local server: small documented answers, for whole updates.

Prices continue the bundled snapshot by a few days, so that an update finds little to fetch and
what it fetches fits what is held. By hand::

    python -m tests.servers.sources        # serves until interrupted, prints what to export

"""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from urllib.parse import unquote

import polars as pl

from analysis.catalogue import Catalogue
from analysis.catalogue.watchlist import names_for_loader
from analysis.loaders.edgar.filers import FILERS
from analysis.loaders.edgar.loader import COMPANIES
from analysis.loaders.yahoo.statements import COMPANIES as LISTINGS
from analysis.settings import SOURCES, bundled
from tests.servers import edgar, figures, yahoo
from tests.servers.local import LocalServer, Reply, Seen
from tests.servers.shapes import (
    github_release,
    github_repository,
    hub_model,
    openrouter_rankings,
    pypistats_overall,
)

NEW_DAYS = 3
CONTACT = "tests@example.org"

_HOURS = {
    "XHKG": ("Asia/Hong_Kong", time(9, 30), time(16)),
    "XSHG": ("Asia/Shanghai", time(9, 30), time(15)),
    "XSHE": ("Asia/Shanghai", time(9, 30), time(15)),
    "XTAI": ("Asia/Taipei", time(9), time(13, 30)),
    "XKRX": ("Asia/Seoul", time(9), time(15, 30)),
    "XTKS": ("Asia/Tokyo", time(9), time(15, 30)),
}
_NEW_YORK = ("America/New_York", time(9, 30), time(16))
_KINDS = {"index": "INDEX", "volatility": "INDEX", "fx": "CURRENCY", "etf": "ETF"}


class Sources:
    """All sources of Faultline, on one server.

    Attributes
    ----------
    server : LocalServer
        Later rules of a test go before those made here.
    rebased : dict of str to float
        Ticker to the factor by which Yahoo multiplies all its closes from now on.
    """

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.rebased: dict[str, float] = {}
        figures.serve(server)
        self._serve_yahoo()
        self._serve_statements()
        self._serve_adoption()

    def environment(self) -> dict[str, str]:
        """Variables that send every question here."""
        urls = {f"FAULTLINE_{name.upper()}_URL": self.server.url for name in SOURCES}
        return {**urls, "FAULTLINE_CONTACT": CONTACT, "FAULTLINE_PACE": "1000"}

    def _serve_yahoo(self) -> None:
        charts = {ticker: self._chart_of(ticker) for ticker in instruments()}
        charts["HSTECH.HK"] = charts["HSTECH"]
        sold = {"quarterlyTotalRevenue": {date(2026, 6, 30): 5_000_000_000.0}}
        statements = {
            listing: yahoo.quarters(sold, instruments()[listing]["currency"], listing)
            for listing in LISTINGS.values()
        }
        yahoo.serve(self.server, charts, statements)

    def _chart_of(self, ticker: str) -> Any:
        row = instruments()[ticker]
        zone, opens, shuts = _HOURS.get(row["exchange"], _NEW_YORK)

        def answer(seen: Seen) -> dict[str, Any]:
            factor, known = self.rebased.get(ticker, 1.0), closes()[ticker]
            # yfinance asks for a day first, only to learn the time zone.
            begin = seen.query.get("period1")
            first = datetime.fromtimestamp(int(begin[0]), UTC).date() if begin else max(known)
            found = {day: factor * close for day, close in known.items() if day >= first}
            return yahoo.chart(
                found,
                symbol=ticker,
                zone=zone,
                opens=opens,
                shuts=shuts,
                currency=row["currency"],
                kind=_KINDS.get(row["role"], "EQUITY"),
            )

        return answer

    def _serve_statements(self) -> None:
        for cik, name in COMPANIES.values():
            told = {edgar.REVENUES: edgar.YEAR, edgar.ASSETS: edgar.SPENT}
            facts = edgar.companyfacts(told, name=name, cik=cik)
            self.server.on(f"/api/xbrl/companyfacts/CIK{cik:010d}.json", facts)
        for cik, name in FILERS.values():
            listed = edgar.submissions(edgar.FILINGS, name=name)
            self.server.on(f"/submissions/CIK{cik:010d}.json", listed)
            self.server.on(
                f"/api/xbrl/companyconcept/CIK{cik:010d}/dei/",
                edgar.companyconcept(edgar.COUNTS, name=name),
            )
        self.server.on(r"^/graph/fredgraph\.csv\?id=DEXCHUS", lambda _: _noon_rates())
        self.server.on("/api/v1/models", {"data": [_priced(name) for name in watched_models()]})
        self.server.on(
            r"^/api/v1/models/.+/endpoints",
            {"data": {"id": "m", "endpoints": [figures.openrouter_endpoint("DeepInfra")]}},
        )

    def _serve_adoption(self) -> None:
        server = self.server
        server.on("/api/models", self._models)
        server.on("/repos/", _repository)
        server.on("/orgs/", _repositories)
        server.on("/api/packages/", _package)
        ranked = [(f"2026-08-{day}", "deepseek/deepseek-v4-pro", "123456789") for day in (20, 21)]
        server.on("/api/v1/datasets/rankings-daily", openrouter_rankings(*ranked))

    @staticmethod
    def _models(seen: Seen) -> Any:
        name = unquote(seen.path).removeprefix("/api/models").strip("/")
        return hub_model(name) if name else [hub_model(f"{seen.query['author'][0]}/Model-1")]


def _noon_rates() -> Reply:
    days = "".join(f"{day.isoformat()},{rate}\n" for day, rate in closes()["USDCNY"].items())
    return figures.csv(f"observation_date,DEXCHUS\n{days}")


def _priced(name: str) -> dict[str, Any]:
    return figures.openrouter_model(name)


def watched_models() -> list[str]:
    """Models whose prices the catalogue watches."""
    watched = Catalogue(bundled("data/catalogue")).table("watched")
    return list(names_for_loader("openrouter_prices", watched))


def _repository(seen: Seen) -> Any:
    name, _, rest = seen.path.removeprefix("/repos/").partition("/releases")
    if "/releases" in seen.path:
        return [github_release(name, "v1.2.0", "Day-0 support for DeepSeek-V4.")]
    return github_repository(name + rest)


def _repositories(seen: Seen) -> Any:
    owner = seen.path.split("/")[2]
    return [github_repository(f"{owner}/{short}") for short in ("first", "second")]


def _package(seen: Seen) -> Any:
    days = [date(2026, 8, 20) + timedelta(days=count) for count in range(5)]
    counts = {day.isoformat(): 1000 + day.day for day in days}
    return pypistats_overall(seen.path.split("/")[3], counts)


@cache
def instruments() -> dict[str, dict[str, Any]]:
    """The catalogue's instruments by ticker."""
    rows = Catalogue(bundled("data/catalogue")).table("instruments").to_dicts()
    return {row["ticker"]: row for row in rows}


@cache
def closes() -> dict[str, dict[date, float]]:
    """Adjusted closes of the snapshot by ticker, and a few weekdays more."""
    frame = pl.read_parquet(bundled("data/snapshot/prices.parquet")).sort("ticker", "date")
    found = {}
    for (ticker,), rows in frame.group_by("ticker", maintain_order=True):
        known = dict(rows.select("date", "adj_close").iter_rows())
        last, level = list(known.items())[-1]
        for day in weekdays_after(last, NEW_DAYS):
            level *= 1.01
            known[day] = round(level, 4)
        found[str(ticker)] = known
    return found


def weekdays_after(day: date, count: int) -> list[date]:
    """The next weekdays after a day."""
    days = (day + timedelta(days=n) for n in range(1, 2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


@contextmanager
def serving(latency: float = 0.0) -> Iterator[Sources]:
    """All sources, as long as the block lasts."""
    with LocalServer() as server:
        server.latency = latency
        yield Sources(server)


def main() -> None:
    """Serve until interrupted."""
    with serving() as sources:
        for name, value in sources.environment().items():
            print(f"export {name}={value}", flush=True)
        while True:
            clock.sleep(3600)


if __name__ == "__main__":
    main()
