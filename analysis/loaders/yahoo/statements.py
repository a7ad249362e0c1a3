"""Quarterly revenue and capital expenditure of Asian companies from Yahoo, table ``revenues``.

For those who do not file with the SEC, or not by quarter. Yahoo gives the last five or so
quarters without the days of their filing: ``filed`` is assumed 60 days after the period's end,
or earlier where the figure was out earlier (`filed_by`). The store keeps the first assumption.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.dates import utc_now
from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.batch import known_names
from analysis.loaders.frames import table_frame
from analysis.loaders.http.rate_limit import RetryPolicy
from analysis.loaders.unit_errors import out_of_line
from analysis.loaders.yahoo.fetch import TickerError, retry
from analysis.loaders.yahoo.history import TickerFailure, diagnose
from analysis.loaders.yahoo.session import (
    PER_SECOND,
    LastResponse,
    YahooSession,
    yahoo_policy,
    yahoo_session,
)
from analysis.plain_text import writable

if TYPE_CHECKING:
    import polars as pl

COMPANIES: Mapping[str, str] = {
    "Cambricon": "688256.SS",
    "Hygon": "688041.SS",
    "SMIC": "0981.HK",
    "TSMC": "2330.TW",
}
"""Companies as the other tables name them, and the listing by which Yahoo is asked. Of those
that file with the SEC too, `analysis.loaders.edgar.loader.YEARS_ONLY` keeps the quarters for us."""


@dataclass(frozen=True)
class _Wanted:
    """A row of one of yfinance's statements."""

    name: str
    statement: str
    metric: str  # as the table calls it
    sign: int  # money spent stands in a statement as a negative number
    # whether every company has it; else it is missed only where its statement has others. Not each
    # listing has a cash-flow statement by quarter.
    always: bool


_ROWS = (
    _Wanted("TotalRevenue", "income statement", "revenue", 1, always=True),
    _Wanted("CapitalExpenditure", "cash-flow statement", "capex", -1, always=False),
)

# Sixty days, as for the bundled figures, or the longest of these that has passed: a figure that
# is out earlier must not seem to be filed anew each day.
_ASSUMED = (60, 45, 30, 15, 1)


@dataclass(frozen=True)
class _Figure:
    end: date
    metric: str
    currency: str
    millions: float
    note: str
    flag: str | None = None


@dataclass(frozen=True)
class YahooRevenues:
    """Quarterly totals from Yahoo, table ``revenues``."""

    policy: RetryPolicy | None = None  # by default as ``FAULTLINE_PATIENCE`` says
    per_second: float = PER_SECOND  # requests
    clock: Callable[[], datetime] = utc_now

    name = "yahoo_revenues"
    table = "revenues"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for both statements of `COMPANIES`, see `analysis.loaders.base.Loader`.

        A quarter that has not ended is left out, also where Yahoo has a figure for it. A
        company whose statement lacks a row is named as failed, and its other rows come.
        """
        names = known_names(request.names, tuple(COMPANIES), "company")
        policy = self.policy or yahoo_policy()
        rows: list[dict[str, Any]] = []
        failed: dict[str, TickerFailure] = {}
        with yahoo_session(request.archive, policy, self.per_second) as yahoo:
            for company in names:
                requested_at = self.clock()
                symbol = COMPANIES[company]
                found = retry(
                    lambda symbol=symbol: _figures(yahoo, symbol),  # type: ignore[misc]
                    policy,
                    lambda: yahoo.adapter.budget.left() <= 0,
                )
                if isinstance(found, TickerFailure):
                    failed[company] = found
                    continue
                figures, missed = found
                if missed:
                    failed[company] = TickerFailure("; ".join(missed))
                first = request.since or date.min
                last = min(request.until or date.max, requested_at.date() - timedelta(days=1))
                rows += [
                    _row(company, figure, requested_at)
                    for figure in figures
                    if first <= figure.end <= last
                ]
        frame = table_frame(self.table, self.name, rows)
        if len(failed) == len(names) and all(one.not_of_ticker for one in failed.values()):
            raise SourceError(f"{self.name}: {names[0]}: {failed[names[0]].reason}.")
        if failed:
            reasons = {company: what.reason for company, what in failed.items()}
            raise PartialFetchError(self.name, frame, reasons)
        return frame


def filed_by(end: date, asked: date) -> date:
    """Day by which a period that ended on ``end`` is assumed to be filed; out on ``asked``."""
    known = (asked - end).days
    return end + timedelta(days=next(days for days in _ASSUMED if days <= known))


def currencies(content: bytes) -> tuple[dict[tuple[str, date], str], set[str]]:
    """Read in which currency each figure of a timeseries response is, and all that occur.

    yfinance takes only the values from Yahoo's response.
    """
    own: dict[tuple[str, date], str] = {}
    for series in json.loads(content)["timeseries"]["result"]:
        for name, figures in series.items():
            if name in ("meta", "timestamp"):
                continue
            for figure in figures:
                if figure and figure.get("currencyCode"):
                    key = (name.removeprefix("quarterly"), date.fromisoformat(figure["asOfDate"]))
                    own[key] = writable(str(figure["currencyCode"]))
    return own, set(own.values())


def _figures(yahoo: YahooSession, symbol: str) -> tuple[list[_Figure], list[str]]:
    """Ask for both statements of a listing; what they lack comes in words."""
    import yfinance

    ticker = yfinance.Ticker(symbol, session=yahoo.session)
    found: list[_Figure] = []
    missed: list[str] = []
    for row, ask in zip(_ROWS, (ticker.get_income_stmt, ticker.get_cash_flow), strict=True):
        yahoo.forget(symbol)
        try:
            statement = ask(freq="quarterly")
            found += _read(statement, row, yahoo.last_response(symbol), symbol)
        except (InputError, TickerError):
            raise
        except Exception as error:  # yfinance lets through whatever its parts raise
            raise TickerError(_diagnose(yahoo.last_response(symbol), error)) from None
        if row.name not in statement.index and (row.always or len(statement.index)):
            missed.append(
                f"Yahoo's quarterly {row.statement} of {symbol} has no row {row.name}: it may"
                " have another name now"
            )
    found = _compared(found)
    if not found:
        names = " nor ".join(row.name for row in _ROWS)
        raise TickerError(
            TickerFailure(f"Yahoo's quarterly statements of {symbol} have neither {names}")
        )
    return found, missed


def _read(
    statement: Any, row: _Wanted, last: LastResponse | None, symbol: str
) -> Iterator[_Figure]:
    if last is None:
        raise TickerError(TickerFailure("no response", may_pass=True))
    own, all_of_them = currencies(last.content)
    if row.name not in statement.index:
        return
    # Figures of one statement share a currency; several leave an unnamed one unknown.
    usual = next(iter(all_of_them)) if len(all_of_them) == 1 else None
    note = f"quarterly {row.name} of {symbol}, as Yahoo gives it or takes differences"
    for moment, value in statement.loc[row.name].items():
        if value is None or math.isnan(value):
            continue
        end = moment.date()
        currency = own.get((row.name, end), usual)
        if currency is None:
            raise TickerError(
                TickerFailure(f"Yahoo does not say in which currency its {row.metric} is")
            )
        millions = round(row.sign * value / 1e6, 6)
        if row.sign < 0 and millions < 0:
            said = f"{note}, given as a positive number"
            yield _Figure(end, row.metric, currency, -millions, said)
        else:
            yield _Figure(end, row.metric, currency, millions, note)


def _compared(figures: list[_Figure]) -> list[_Figure]:
    """Flag figures that are a thousand times those beside them, and negative revenue."""
    found: list[_Figure] = []
    for row in _ROWS:
        of_one = sorted(
            (one for one in figures if one.metric == row.metric), key=lambda one: one.end
        )
        usuals = out_of_line([one.millions for one in of_one])
        for figure, usual in zip(of_one, usuals, strict=True):
            doubts = []
            if usual is not None:
                doubts.append(f"the periods beside it are near {usual:g}")
            if figure.millions < 0:
                doubts.append("a negative figure")
            found.append(replace(figure, flag="; ".join(doubts) or None))
    return found


def _diagnose(last: LastResponse | None, error: Exception) -> TickerFailure:
    what = diagnose(last, error)
    if what.may_pass or what.blocked or (last is not None and last.status >= 400):
        return what
    return TickerFailure(f"Yahoo sent no quarterly figures that can be read ({error})")


def _row(company: str, figure: _Figure, requested_at: datetime) -> dict[str, Any]:
    return {
        **vars(figure),
        "company": company,
        "period_end": figure.end,
        "frequency": "Q",
        "segment": "total",
        "value": figure.millions,
        "basis": "reported",
        "filed": filed_by(figure.end, requested_at.date()),
        "assumed": True,
        "observed_at": requested_at,
    }
