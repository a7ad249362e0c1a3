"""Fiscal quarters by the last days of those that were reported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

_QUARTER = timedelta(days=91)
_NEXT = timedelta(days=98)  # later than so many days after its end nothing is of a quarter any more
_WEEK = timedelta(days=7)  # years of 52 and 53 weeks end up to a week apart


def quarter_end(day: date, ends: Sequence[date]) -> date:
    """Last day of the quarter whose results come next after its end, seen from a day.

    Parameters
    ----------
    ends : sequence of date
        Ends of quarters that were reported, in order, at least one. Others follow from them in
        steps of thirteen weeks.
    """
    end = max((one for one in ends if one < day), default=ends[0])
    while end >= day:
        end -= _QUARTER
    while day - end > _NEXT:
        end += _QUARTER
    return end


def fiscal_label(end: date, year_end: date) -> str:
    """Name of the quarter that ends on a day: ``"Q3 2025"``, or ``"Q3 FY2026"`` in other years.

    Parameters
    ----------
    year_end : datetime.date
        About the last day of a fiscal year, of any year.
    """
    years = [year_end.replace(year=end.year + ahead) for ahead in (-1, 0, 1)]
    _, left, last = min(
        (abs(end + left * _QUARTER - last), left, last) for left in range(4) for last in years
    )
    last -= _WEEK
    return f"Q{4 - left} {'' if last.month == 12 else 'FY'}{last.year}"
