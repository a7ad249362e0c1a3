"""Quarterly revenue and capital expenditure of Asian companies from Yahoo, table ``revenues``.

For those who do not file with the SEC, or not by quarter. Yahoo gives the last five or so
quarters without the days of their filing: ``filed`` is assumed 60 days after the period's end,
or earlier where the figure was out earlier (`filed_by`). The store keeps the first assumption.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError, SourceError
from analysis.loaders.base import Partial, Request
from analysis.loaders.batch import known_names
from analysis.loaders.frames import table_frame
from analysis.loaders.http.rate_limit import Timing
from analysis.loaders.unit_errors import out_of_line
from analysis.loaders.yahoo.fetch import Clock, Troubled, now, patiently
from analysis.loaders.yahoo.history import Trouble, trouble
from analysis.loaders.yahoo.session import PER_SECOND, Heard, Visit, patience, visit
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
    """A row of one of yfinance's statements.

    Attributes
    ----------
    name, statement : str
    metric : str
        As the table calls it.
    sign : int
        Money spent stands in a statement as a negative number.
    always : bool
        Whether every company has it; else it is missed only where its statement has others.
        Not each listing has a cash-flow statement by quarter.
    """

    name: str
    statement: str
    metric: str
    sign: int
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


class YahooRevenues:
    """Quarterly totals from Yahoo, table ``revenues``.

    Parameters
    ----------
    timing : analysis.loaders.http.rate_limit.Timing, optional
        How patient to be; by default as ``FAULTLINE_PATIENCE`` says.
    per_second : float
        Requests that may start in one second.
    clock : callable
        Gives the present moment (UTC).
    """

    name = "yahoo_revenues"
    table = "revenues"

    def __init__(
        self,
        timing: Timing | None = None,
        per_second: float = PER_SECOND,
        clock: Clock = now,
    ) -> None:
        self._timing = timing
        self._per_second = per_second
        self._clock = clock

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for both statements of `COMPANIES`, see `analysis.loaders.base.Loader`.

        A quarter that has not ended is left out, also where Yahoo has a figure for it. A
        company whose statement lacks a row is named as failed, and its other rows come.
        """
        names = known_names(request.names, tuple(COMPANIES), "company")
        timing = self._timing or patience()
        rows: list[dict[str, Any]] = []
        troubles: dict[str, Trouble] = {}
        with visit(request.archive, timing, self._per_second) as here:
            for company in names:
                asked_at = self._clock()
                symbol = COMPANIES[company]
                found = patiently(
                    lambda symbol=symbol: _figures(here, symbol),  # type: ignore[misc]
                    timing,
                    lambda: here.door.budget.left() <= 0,
                )
                if isinstance(found, Trouble):
                    troubles[company] = found
                    continue
                figures, missed = found
                if missed:
                    troubles[company] = Trouble("; ".join(missed))
                first = request.since or date.min
                last = min(request.until or date.max, asked_at.date() - timedelta(days=1))
                rows += [
                    _row(company, figure, asked_at)
                    for figure in figures
                    if first <= figure.end <= last
                ]
        frame = table_frame(self.table, self.name, rows)
        if len(troubles) == len(names) and all(_of_yahoo(one) for one in troubles.values()):
            raise SourceError(f"{self.name}: {names[0]}: {troubles[names[0]].reason}.")
        if troubles:
            reasons = {company: what.reason for company, what in troubles.items()}
            raise Partial(self.name, frame, reasons)
        return frame


def filed_by(end: date, asked: date) -> date:
    """Day by which a period is assumed to have been filed.

    Parameters
    ----------
    end : datetime.date
        Last day of the period.
    asked : datetime.date
        A later day, on which the figure was out.
    """
    known = (asked - end).days
    return end + timedelta(days=next(days for days in _ASSUMED if days <= known))


def currencies(content: bytes) -> tuple[dict[tuple[str, date], str], set[str]]:
    """Read in which currency each figure of a timeseries answer is, and all that occur.

    Parameters
    ----------
    content : bytes
        Yahoo's answer, from which yfinance takes only the values.
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


def _figures(here: Visit, symbol: str) -> tuple[list[_Figure], list[str]]:
    """Ask for both statements of a listing; what they lack comes in words."""
    import yfinance

    ticker = yfinance.Ticker(symbol, session=here.session)
    found: list[_Figure] = []
    missed: list[str] = []
    for row, ask in zip(_ROWS, (ticker.get_income_stmt, ticker.get_cash_flow), strict=True):
        here.forget(symbol)
        try:
            statement = ask(freq="quarterly")
            found += _read(statement, row, here.heard(symbol), symbol)
        except (InputError, Troubled):
            raise
        except Exception as error:  # yfinance lets through whatever its parts raise
            raise Troubled(_judged(here.heard(symbol), error)) from None
        if row.name not in statement.index and (row.always or len(statement.index)):
            missed.append(
                f"Yahoo's quarterly {row.statement} of {symbol} has no row {row.name}: it may"
                " have another name now"
            )
    found = _compared(found)
    if not found:
        names = " nor ".join(row.name for row in _ROWS)
        raise Troubled(Trouble(f"Yahoo's quarterly statements of {symbol} have neither {names}"))
    return found, missed


def _read(statement: Any, row: _Wanted, heard: Heard | None, symbol: str) -> Iterator[_Figure]:
    if heard is None:
        raise Troubled(Trouble("no answer", may_pass=True))
    own, all_of_them = currencies(heard.content)
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
            raise Troubled(Trouble(f"Yahoo does not say in which currency its {row.metric} is"))
        millions = round(row.sign * value / 1e6, 6)
        if row.sign < 0 and millions < 0:
            yield _Figure(
                end, row.metric, currency, -millions, f"{note}, given as a positive number"
            )
        else:
            yield _Figure(end, row.metric, currency, millions, note)


def _compared(figures: list[_Figure]) -> list[_Figure]:
    """Flag figures that are a thousand times those beside them, and negative revenue."""
    found: list[_Figure] = []
    for row in _ROWS:
        of_one = sorted(
            (one for one in figures if one.metric == row.metric), key=lambda one: one.end
        )
        for figure, usual in zip(
            of_one, out_of_line([one.millions for one in of_one]), strict=True
        ):
            doubts = []
            if usual is not None:
                doubts.append(f"the periods beside it are near {usual:g}")
            if figure.millions < 0:
                doubts.append("a negative figure")
            found.append(replace(figure, flag="; ".join(doubts) or None))
    return found


def _judged(heard: Heard | None, error: Exception) -> Trouble:
    what = trouble(heard, error)
    if what.may_pass or what.blocked or (heard is not None and heard.status >= 400):
        return what
    return Trouble(f"Yahoo sent no quarterly figures that can be read ({error})")


def _of_yahoo(what: Trouble) -> bool:
    return what.blocked or what.may_pass


def _row(company: str, figure: _Figure, asked_at: datetime) -> dict[str, Any]:
    return {
        "company": company,
        "period_end": figure.end,
        "frequency": "Q",
        "segment": "total",
        "metric": figure.metric,
        "currency": figure.currency,
        "value": figure.millions,
        "basis": "reported",
        "filed": filed_by(figure.end, asked_at.date()),
        "assumed": True,
        "note": figure.note,
        "observed_at": asked_at,
        "flag": figure.flag,
    }
