"""Made-up sets of any size: returns that load on one market, and events at random days 0.

Every contender measures the same windows of the same set. The days are sessions of the New
York Stock Exchange, because one of the peers looks day 0 up in that calendar, which it knows
until July 2023.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

ESTIMATION, WINDOW = (-260, -11), (-10, 10)
# The window of the CARs is the whole event window: that is what every peer cumulates.
CAR = WINDOW
DAYS, PER_SECURITY = 2600, 4
# Rows of the first and the last possible day 0.
FIRST, LAST = 300, DAYS - 30
# Rows that are drawn together: what lies beside the panel itself stays small.
ROWS = 16


@dataclass(frozen=True)
class Case:
    """Returns (dates × securities), the market's, and the events with the rows of their day 0."""

    returns: pd.DataFrame
    market: pd.DataFrame
    events: pd.DataFrame
    own: np.ndarray
    row: np.ndarray

    @property
    def size(self) -> int:
        return len(self.events)


def made_up(events: int) -> Case:
    """Draw a set of so many events, four to a security; a million need 5.2 GB and no copy."""
    securities = events // PER_SECURITY
    # The same generator for every size; the market is the same in all of them.
    rng = np.random.Generator(np.random.SFC64(20250127))
    index = sessions()
    market = rng.normal(0.0003, 0.01, DAYS)
    beta = rng.uniform(0.5, 1.5, securities)
    row = days_zero(rng, securities)
    values = np.empty((DAYS, securities))
    for start in range(0, DAYS, ROWS):
        part = values[start : start + ROWS]
        rng.standard_normal(out=part)
        part *= 0.02
        part += market[start : start + ROWS, None] * beta
    names = pd.Index([f"S{number:06d}" for number in range(securities)])
    own = np.repeat(np.arange(securities), PER_SECURITY)
    asked = pd.DataFrame(
        {
            "event_id": [f"E{number:07d}" for number in range(len(own))],
            "security": names.to_numpy()[own],
            "date": index[row],
        }
    )
    return Case(
        # A row a date, as it was drawn: pandas keeps the array itself.
        pd.DataFrame(values, index, names, copy=False),
        pd.DataFrame({"market": market}, index),
        asked,
        own,
        row,
    )


def days_zero(rng: np.random.Generator, securities: int) -> np.ndarray:
    """Rows of day 0: any days with room for both windows, distinct for each security."""
    drawn = rng.integers(FIRST, LAST - PER_SECURITY + 2, (securities, PER_SECURITY))
    drawn.sort(axis=1)
    return (drawn + np.arange(PER_SECURITY)).ravel()


@cache
def sessions() -> pd.DatetimeIndex:
    """The last sessions of New York until the end of June 2023."""
    import exchange_calendars

    with warnings.catch_warnings():
        # The library uses what pandas 3.1 is about to change.
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        calendar = exchange_calendars.get_calendar("XNYS", start="2012-06-01", end="2023-06-30")
    return calendar.sessions[-DAYS:]
