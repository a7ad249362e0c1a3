"""Dates as an analyst writes them -> days without time zone, or the sentence that refuses them."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd

from analysis.errors import InputError


def event_dates(dates: pd.Series, name: str = "events") -> pd.DatetimeIndex:
    """Read dates as days without time zone, blank where missing.

    Raises
    ------
    InputError
        Numbers, text that is no date, a time zone, or a year out of reach.
    """
    if pd.api.types.is_numeric_dtype(dates.dtype):
        raise InputError(f"The dates of {name} are numbers; give dates (datetime64 or date).")
    values = dates.to_numpy()
    if values.dtype == np.dtype("datetime64[ns]"):
        return pd.DatetimeIndex(values)
    if values.dtype == object:
        for value in values:
            if isinstance(value, Real) and not np.isnan(float(value)):
                raise InputError(f"The dates of {name} hold the number {value!r}; give a date.")
    try:
        parsed = pd.DatetimeIndex(pd.to_datetime(values, format="ISO8601")).as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        raise InputError(
            f"A date of {name} lies beyond {pd.Timestamp.min.year} to {pd.Timestamp.max.year}; "
            "leave a date that is not known blank."
        ) from None
    except (ValueError, TypeError):
        read = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
        wrong = values[np.asarray(pd.isna(read)) & ~np.asarray(pd.isna(values))]
        if not len(wrong):
            raise InputError(
                f"The dates of {name} carry several time zones; give day 0 as a session date "
                "without one."
            ) from None
        raise InputError(
            f"The date {wrong[0]!r} of {name} cannot be read; write it as 2025-01-27."
        ) from None
    if parsed.tz is not None:
        raise InputError(
            f"The dates of {name} carry the time zone {parsed.tz}; give day 0 as a session "
            "date without one (dt.tz_localize(None))."
        )
    return parsed


def day(stamp: pd.Timestamp) -> str:
    """Write a date for a message: without a time unless it has one."""
    return str(stamp.date() if stamp == stamp.normalize() else stamp)
