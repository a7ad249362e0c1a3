"""Prices in, simple returns between consecutive sessions out.

A hole in the prices makes the returns on both of its sides
missing, so that no return ever spans more than one session; nor does one span a price break.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    import polars as pl

    from analysis.store import Store


def adjusted_closes(prices: pl.DataFrame) -> pd.DataFrame:
    """Pivot the price table to adjusted closes, dates × tickers, in the listing's currency."""
    import pandas as pd

    kept = prices.drop_nulls("adj_close").select("date", "ticker", "adj_close")
    frame = kept.to_pandas()
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[ns]")
    wide = frame.pivot(index="date", columns="ticker", values="adj_close")
    wide.columns.name = "security"
    return wide.sort_index().astype("float64")


def price_breaks(prices: pl.DataFrame) -> dict[Hashable, pd.DatetimeIndex]:
    """Days whose close is not on the scale of the close before, as the prices' flags say."""
    import pandas as pd
    import polars as pl

    from analysis.tables.price_checks import BREAK

    marked = prices.filter(pl.col("flag").str.contains(BREAK, literal=True)).sort("date")
    return {
        ticker: pd.DatetimeIndex(rows["date"].to_list())
        for (ticker,), rows in marked.group_by("ticker")
    }


class PriceReader:
    """Adjusted closes and price breaks of a store as of a day; each ticker is read once.

    So a desk says the same all its life, and reads of a large table only what is asked for.
    """

    def __init__(self, store: Store, as_of: date | None) -> None:
        self._store, self._as_of = store, as_of
        self._closes: pd.DataFrame | None = None
        self._read: set[str] = set()
        self.breaks: dict[Hashable, pd.DatetimeIndex] = {}

    def closes(self, tickers: Sequence[str]) -> pd.DataFrame:
        """Adjusted closes of these tickers and whichever were asked for before."""
        missing = [ticker for ticker in tickers if ticker not in self._read]
        closes = self._closes
        if closes is None or missing:
            prices = self._store.read("prices", self._as_of, {"ticker": missing})
            more = adjusted_closes(prices)
            self.breaks.update(price_breaks(prices))
            closes = more if closes is None else closes.join(more, how="outer")
            closes.columns.name = more.columns.name
            self._closes = closes
            self._read.update(missing)
        return closes


def factor_table(factors: pl.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Pivot the table ``factors`` to dates × names."""
    import pandas as pd
    import polars as pl

    kept = factors.filter(pl.col("factor").is_in(list(names)))
    frame = kept.select("date", "factor", "value").to_pandas()
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[ns]")
    wide = frame.pivot(index="date", columns="factor", values="value")
    return wide.reindex(columns=list(names)).sort_index()


def session_returns(
    closes: pd.DataFrame,
    sessions: Mapping[Hashable, pd.DatetimeIndex],
    breaks: Mapping[Hashable, pd.DatetimeIndex] | None = None,
) -> pd.DataFrame:
    """Simple returns of each security between its consecutive sessions.

    Parameters
    ----------
    closes : pandas.DataFrame
        Dates × securities, adjusted closes, NaN where missing.
    sessions : mapping of str to pandas.DatetimeIndex
        The sessions of each security. A close on a day that is no session is left out; a
        security that is not in the mapping trades on the days for which it has a close.
    breaks : mapping of str to pandas.DatetimeIndex, optional
        Days of each security whose close is not on the scale of the close before, in order.

    Returns
    -------
    pandas.DataFrame
        Union of all sessions × securities, decimal returns; NaN where either of the two
        closes is missing, and where a break lies between them.
    """
    import pandas as pd

    columns = {}
    for security in closes.columns:
        own = closes[security].dropna()
        if security in sessions:
            own = own.reindex(sessions[security])
        returns = own.pct_change(fill_method=None)
        broken = own.index.searchsorted((breaks or {}).get(security, own.index[:0]))
        returns.iloc[broken[broken < len(own)]] = float("nan")
        columns[security] = returns
    if not columns:
        return pd.DataFrame(index=closes.index)
    table = pd.concat(columns, axis=1, sort=True)
    table.index.name = "date"
    table.columns.name = "security"
    return table
