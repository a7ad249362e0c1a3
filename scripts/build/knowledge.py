"""When a figure became known: the publication rules of the backfilled tables.

Each rule errs on the late side, so that reading as of a day never shows what could not yet be
known. ``data/README.md`` states them for readers; change both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from analysis.calendars import Calendars

NEW_YORK = ZoneInfo("America/New_York")
END_OF_DAY = timedelta(days=1) - timedelta(microseconds=1)
# The Cboe computes its index until a quarter past four.
AFTER_THE_CLOSE = {"XCBO": timedelta(minutes=15)}
ASSUMED_FILING_DAYS = 60
ASSUMED_YEARLY_DAYS = 120
MONTHLY_INDEX_DAY = 10


def end_of_day(column: str) -> pl.Expr:
    """Last microsecond of a day in UTC."""
    midnight = pl.col(column).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return midnight + END_OF_DAY


def day_after(column: str) -> pl.Expr:
    """Last microsecond of the next day in UTC: of a release late in the day as well."""
    return _end_of(pl.col(column) + pl.duration(days=1))


def closes(
    days: Mapping[str, tuple[date, date]], calendars: Calendars
) -> dict[tuple[str, date], datetime]:
    """Close of every session of every exchange, early ones included.

    Parameters
    ----------
    days : mapping of str to (date, date)
        Exchange to its first and last day.
    calendars : Calendars
        With the catalogue's closures and hours.
    """
    found = {}
    for exchange, (first, last) in sorted(days.items()):
        extra = AFTER_THE_CLOSE.get(exchange, timedelta())
        for stamp in calendars.sessions(exchange, first, last):
            session = stamp.date()
            found[exchange, session] = calendars.hours(exchange, session)[1] + extra
    return found


def federal_reserve_release(day: date) -> datetime:
    """Release of the week's noon exchange rates (H.10), in UTC.

    It comes on the Monday after, at 16:15 New York, and a day later after a holiday; the
    Tuesday is right or late in both cases.
    """
    tuesday = day + timedelta(days=8 - day.weekday())
    return datetime.combine(tuesday, time(16, 15), NEW_YORK).astimezone(UTC)


def factor_release(column: str) -> pl.Expr:
    """End of the second month after: the library is one to two months behind."""
    return _end_of(pl.col(column).dt.offset_by("2mo").dt.month_end())


def daily_risk_release(column: str) -> pl.Expr:
    """Tuesday after the next Monday: the daily file is renewed on Mondays, later on a holiday."""
    weekday = pl.col(column).dt.weekday().cast(pl.Int64)
    return _end_of(pl.col(column) + pl.duration(days=9 - weekday))


def monthly_risk_release(column: str) -> pl.Expr:
    """Tenth day of the next month: the monthly file is renewed at its start."""
    next_month = pl.col(column).dt.month_start().dt.offset_by("1mo")
    return _end_of(next_month + pl.duration(days=MONTHLY_INDEX_DAY - 1))


def policy_uncertainty_release(column: str) -> pl.Expr:
    """Two days after: the daily index appears on the next day."""
    return _end_of(pl.col(column) + pl.duration(days=2))


def _end_of(day: pl.Expr) -> pl.Expr:
    return day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + END_OF_DAY
