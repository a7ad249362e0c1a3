"""Whole years of an exchange's sessions, read from the ``exchange_calendars`` package.

Called by `analysis.calendars`, and by the catalogue for the names of exchanges. The package
takes a second to import and a calendar some tenths to compute, so both wait until they are
needed and are kept for the life of the process.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analysis.dates import format_day
from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from exchange_calendars import ExchangeCalendar
    from numpy.typing import NDArray

# Exchanges that keep the hours and holidays of another one, under whose name the library
# knows them: Shenzhen, the New York electronic venues, Chicago's options exchange (^VIX).
_SAME_CALENDAR = {
    "XSHE": "XSHG",
    "XNAS": "XNYS",
    "XNGS": "XNYS",
    "XASE": "XNYS",
    "ARCX": "XNYS",
    "BATS": "XNYS",
    "XCBO": "XNYS",
    "OTCM": "XNYS",
    "XKOS": "XKRX",
    "ROCO": "XTAI",
}
# Names of the library that are known without importing it: the exchanges of the catalogue.
_USUAL = frozenset(("XHKG", "XKRX", "XNYS", "XSHG", "XTAI", "XTKS"))
_MIC_LENGTH = 4
_FIRST_YEAR, _LAST_YEAR = 2016, 2027  # the snapshot: read at once; other years on demand
_EARLIEST_YEAR, _LATEST_YEAR = 1950, 2100
_COVERED = date(2024, 1, 1), date(2024, 1, 8)  # days that every calendar of the library covers
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Hours = tuple[date, time | None, time | None]
"""A session with its open and close in the exchange's local time; None where as usual."""


@dataclass(frozen=True)
class Sessions:
    """Sessions of one exchange over whole years, S of them, in order."""

    exchange: str  # its market identifier code, as asked for
    days: NDArray[np.datetime64]  # date of each session
    # opens, closes: nanoseconds since 1970 in UTC, early closes and changed hours included
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    # published_from, published_to: first and last day that the library publishes; None where it
    # sets no bound
    published_from: date | None
    published_to: date | None

    def position(self, day: date) -> int | None:
        """Where a day stands among the sessions; None when it is no session."""
        found = int(self.days.searchsorted(to_datetime64(day)))
        whole = found < len(self.days) and self.days[found] == to_datetime64(day)
        return found if whole else None

    def after(self, instant: datetime) -> int:
        """Position of the first session whose close comes after the instant."""
        return int(self.closes.searchsorted(_nanoseconds(instant), side="right"))

    def date(self, position: int, wanted: str) -> date:
        """Date of the session at a position; `wanted` names it when it lies outside."""
        if not 0 <= position < len(self.days):
            raise self.out_of_range_error(wanted, late=position >= len(self.days))
        day: date = self.days[position].item()
        return day

    def hours(self, position: int) -> tuple[datetime, datetime]:
        """Open and close in UTC of the session at a position."""
        opened, closed = int(self.opens[position]), int(self.closes[position])
        return (
            _EPOCH + timedelta(microseconds=opened // 1_000),
            _EPOCH + timedelta(microseconds=closed // 1_000),
        )

    def out_of_range_error(self, wanted: str, *, late: bool) -> InputError:
        """Build the error for a day that the calendar does not reach."""
        if late and self.published_to:
            return InputError(
                f"The calendar of {self.exchange} is published only to "
                f"{format_day(self.published_to)}; {wanted} lies beyond it. A newer "
                "exchange_calendars may know it: pip install -U exchange-calendars"
            )
        if not late and self.published_from:
            return InputError(
                f"The calendar of {self.exchange} reaches back only to "
                f"{format_day(self.published_from)}; {wanted} lies before it: choose a later day."
            )
        return InputError(
            f"{wanted[0].upper()}{wanted[1:]} on {self.exchange} lies outside the years "
            f"{_EARLIEST_YEAR} to {_LATEST_YEAR}: check the date."
        )


def read_sessions(
    exchange: str,
    first: date,
    last: date,
    reach: timedelta,
    closures: frozenset[date] = frozenset(),
    hours: frozenset[Hours] = frozenset(),
) -> Sessions:
    """Read the whole years that hold `first` to `last`, and `reach` more where published.

    Parameters
    ----------
    exchange : str
        ISO 10383 market identifier code.
    first, last : date
        Must lie inside the calendar.
    reach : timedelta
        How much further to read, before `first` when negative; cut where the calendar ends.
    closures : frozenset of date
        Days that did not trade although the library says so.
    hours : frozenset of (date, time or None, time or None)
        Sessions whose hours differ from those of the library, in local time.

    Returns
    -------
    Sessions
        At least the years asked for.

    Raises
    ------
    InputError
        For an unknown exchange, or days that its calendar does not reach.
    """
    name = library_name(exchange)
    usual = _read(exchange, name, _FIRST_YEAR, _LAST_YEAR, closures, hours)
    if last > (usual.published_to or date(_LATEST_YEAR, 12, 31)):
        raise usual.out_of_range_error(format_day(last), late=True)
    if first < (usual.published_from or date(_EARLIEST_YEAR, 1, 1)):
        raise usual.out_of_range_error(format_day(first), late=False)
    try:
        years = min(first, first + reach).year, max(last, last + reach).year
    except OverflowError:
        years = (_EARLIEST_YEAR, last.year) if reach < timedelta() else (first.year, _LATEST_YEAR)
    start = max(min(years[0], _FIRST_YEAR), _EARLIEST_YEAR)
    end = min(max(years[1], _LAST_YEAR), _LATEST_YEAR)
    return _read(exchange, name, start, end, closures, hours)


@lru_cache(maxsize=64)
def library_name(exchange: str) -> str:
    """Name under which the library knows an exchange, or the error with the nearest ones."""
    name = _SAME_CALENDAR.get(exchange, exchange)
    if name in _USUAL:
        return name
    import exchange_calendars

    names = {
        item
        for item in exchange_calendars.get_calendar_names(include_aliases=False)
        if len(item) == _MIC_LENGTH
    }
    if name not in names:
        raise unknown_name("exchange", exchange, sorted(names | set(_SAME_CALENDAR)))
    return name


@lru_cache(maxsize=64)
def _read(
    exchange: str,
    name: str,
    first_year: int,
    last_year: int,
    closures: frozenset[date],
    hours: frozenset[Hours],
) -> Sessions:
    import numpy as np

    calendar = _calendar(name, date(first_year, 1, 1), date(last_year, 12, 31))
    days = calendar.sessions.to_numpy().astype("datetime64[D]")
    traded = ~np.isin(days, np.array(sorted(closures), dtype="datetime64[D]"))
    first, last = calendar.bound_min(), calendar.bound_max()
    opens = calendar.opens.dt.as_unit("ns").astype("int64").to_numpy(copy=True)
    closes = calendar.closes.dt.as_unit("ns").astype("int64").to_numpy(copy=True)
    for day, *changed in hours:
        position = days == to_datetime64(day)
        for moments, local in zip((opens, closes), changed, strict=True):
            if local is not None:
                moments[position] = _nanoseconds(datetime.combine(day, local, calendar.tz))
        if (opens >= closes)[position].any():
            raise InputError(
                f"The changed hours of {exchange} on {format_day(day)} open after they close: "
                "correct hours.csv of the catalogue."
            )
    return Sessions(
        exchange,
        days[traded],
        opens[traded],
        closes[traded],
        None if first is None else first.date(),
        None if last is None else last.date(),
    )


@lru_cache(maxsize=64)
def _calendar(name: str, start: date, end: date) -> ExchangeCalendar:
    """Open a calendar, cut to what the library publishes.

    Both ends are always passed: by default the library stops a year after today, and the
    same question would have another answer next year.
    """
    try:
        return _from_library(name, start, end)
    except ValueError:
        probe = _from_library(name, *_COVERED)
    first, last = probe.bound_min(), probe.bound_max()
    start = start if first is None else max(start, first.date())
    end = end if last is None else min(end, last.date())
    return _from_library(name, start, end)


def _from_library(name: str, start: date, end: date) -> ExchangeCalendar:
    import warnings

    import exchange_calendars
    from pandas.errors import Pandas4Warning

    # exchange_calendars 4.13 asks pandas 3 for what pandas 4 will drop; pandas raises the
    # warning in its own name, so no filter by module can tell it from ours.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Pandas4Warning)
        if name == "XKRX":
            return _korea(start, end)
        return exchange_calendars.get_calendar(name, start=start, end=end)


def _korea(start: date, end: date) -> ExchangeCalendar:
    """Open Korea's calendar with the holidays of its years alone, and of one year around them.

    The library takes seconds to work out those of every year from 1970 to 2050. None of them
    moves into another year, so what lies beyond the year before and after changes nothing.
    """
    import pandas as pd
    from exchange_calendars.exchange_calendar import HolidayCalendar
    from exchange_calendars.exchange_calendar_xkrx import XKRXExchangeCalendar

    first, last = pd.Timestamp(start.year - 1, 1, 1), pd.Timestamp(end.year + 1, 12, 31)

    def near(rule: Any) -> Any:
        cut = copy(rule)
        cut.start_date = first if rule.start_date is None else max(first, rule.start_date)
        cut.end_date = last if rule.end_date is None else min(last, rule.end_date)
        return cut

    class Korea(XKRXExchangeCalendar):  # type: ignore[misc]
        @property
        def regular_holidays(self) -> Any:
            rules = map(near, super().regular_holidays.rules)
            return HolidayCalendar([rule for rule in rules if rule.start_date <= rule.end_date])

    return Korea(start=start, end=end)


def to_datetime64(day: date) -> np.datetime64:
    """Date as NumPy holds it."""
    import numpy as np

    return np.datetime64(day, "D")


def _nanoseconds(at: datetime) -> int:
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
