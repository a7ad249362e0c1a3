"""Small made-up panels of returns, events and factors for the tests of the engine."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.eventstudy import EventStudy


def panel(
    securities: int = 4, days: int = 160, *, seed: int = 0, gaps: float = 0.0, factors: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw returns of securities S0, S1... that load on factors F0 (the market), F1...

    `gaps` is the share of returns that are missing.
    """
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2024-01-01", periods=days)
    common = pd.DataFrame(
        rng.normal(0.0004, 0.01, (days, factors)),
        index=index,
        columns=[f"F{number}" for number in range(factors)],
    )
    loadings = rng.uniform(0.4, 1.6, (factors, securities))
    values = 0.0002 + common.to_numpy() @ loadings + rng.normal(0, 0.015, (days, securities))
    values[rng.random(values.shape) < gaps] = np.nan
    names = [f"S{number}" for number in range(securities)]
    return pd.DataFrame(values, index=index, columns=names), common


def events(returns: pd.DataFrame, rows: list[int], securities: list[str] | None = None):
    """One event per row of `returns`, S0 on the first row, S1 on the second and so on."""
    names = securities or [
        str(returns.columns[at % len(returns.columns)]) for at in range(len(rows))
    ]
    return pd.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(len(rows))],
            "security": names,
            "date": returns.index[rows],
        }
    )


def study(returns, asked, factors=None, **options) -> EventStudy:
    """Ask with short windows: estimation (−60, −11), event window (−3, 3)."""
    short = {"estimation": (-60, -11), "window": (-3, 3), "min_observations": 20}
    return EventStudy(returns, asked, factors=factors, **{**short, **options})


def half_hours(first: str, days: int) -> pd.DatetimeIndex:
    """Half hours of New York by their end, 10:00 to 16:00, over some weekdays of 2024.

    3 July closes at 13:00, 4 July is a holiday.
    """
    found = []
    for date in pd.bdate_range(first, periods=days):
        if date != pd.Timestamp("2024-07-04"):
            close = "13h" if date == pd.Timestamp("2024-07-03") else "16h"
            found.append(
                pd.date_range(date + pd.Timedelta("10h"), date + pd.Timedelta(close), freq="30min")
            )
    return found[0].append(found[1:])
