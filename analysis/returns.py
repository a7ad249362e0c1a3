"""Prices in, simple returns between consecutive sessions out.

Called by the desk only. A hole in the prices makes the returns on both of its sides
missing, so that no return ever spans more than one session.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def adjusted_closes(prices: pl.DataFrame) -> pd.DataFrame:
    """Pivot the price table to dates × tickers.

    Parameters
    ----------
    prices : polars.DataFrame
        Columns ``date``, ``ticker``, ``adj_close`` (one row per key).

    Returns
    -------
    pandas.DataFrame
        Adjusted closes in the currency of the listing; dates are time-zone naive.
    """
    import pandas as pd

    kept = prices.drop_nulls("adj_close").select("date", "ticker", "adj_close")
    frame = kept.to_pandas()
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[ns]")
    wide = frame.pivot(index="date", columns="ticker", values="adj_close")
    wide.columns.name = "security"
    return wide.sort_index().astype("float64")


def session_returns(
    closes: pd.DataFrame, sessions: Mapping[Hashable, pd.DatetimeIndex]
) -> pd.DataFrame:
    """Simple returns of each security between its consecutive sessions.

    Parameters
    ----------
    closes : pandas.DataFrame
        Dates × securities, adjusted closes, NaN where missing.
    sessions : mapping of str to pandas.DatetimeIndex
        The sessions of each security. A close on a day that is no session is left out; a
        security that is not in the mapping trades on the days for which it has a close.

    Returns
    -------
    pandas.DataFrame
        Union of all sessions × securities, decimal returns; NaN where either of the two
        closes is missing.
    """
    import pandas as pd

    columns = {}
    for security in closes.columns:
        own = closes[security].dropna()
        if security in sessions:
            own = own.reindex(sessions[security])
        columns[security] = own.pct_change(fill_method=None)
    if not columns:
        return pd.DataFrame(index=closes.index)
    table = pd.concat(columns, axis=1, sort=True)
    table.index.name = "date"
    table.columns.name = "security"
    return table
