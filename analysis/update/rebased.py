"""Adjusted closes and dividends whose base has moved: their history has to be fetched anew.

A split or dividend rescales every adjusted close before it. Rows of a new base appended to rows
of an old one would give a wrong return where they meet, and nothing would show it afterwards.
Dividends are rescaled by splits alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

# The smallest dividends move the base by 0.005 %; noise and rounding of sources stay below.
_SAME = 2e-5


def rebased(held: pl.DataFrame, fetched: pl.DataFrame) -> dict[str, date]:
    """Tickers whose fetched closes do not continue the held ones.

    Parameters
    ----------
    held, fetched : polars.DataFrame
        Rows of ``prices``; one per key.

    Returns
    -------
    dict of str to date
        Ticker to its first held day, from which it has to be asked for again. The earliest
        day that both have decides; without a common day nobody can tell, and it counts as
        moved. A ticker whose fetched rows begin with its held ones is never named.
    """
    import polars as pl

    begin = held.group_by("ticker").agg(pl.col("date").min().alias("first"))
    fetched_from = fetched.group_by("ticker").agg(pl.col("date").min().alias("from"))
    common = (
        fetched.join(held, on=["ticker", "date"], suffix="_held")
        .sort("date")
        .group_by("ticker", maintain_order=True)
        .agg((pl.col("adj_close") / pl.col("adj_close_held") - 1).abs().first().alias("moved"))
    )
    found = (
        begin.join(fetched_from, on="ticker")
        .join(common, on="ticker", how="left")
        .filter(
            pl.col("from") > pl.col("first"),
            pl.col("moved").is_null() | ~(pl.col("moved") <= _SAME),
        )
        .sort("ticker")
    )
    return dict(found.select("ticker", "first").iter_rows())


def newly_split(held: pl.DataFrame, fetched: pl.DataFrame) -> dict[str, date]:
    """Tickers with a split that was not known, where older dividends were not fetched.

    Parameters
    ----------
    held, fetched : polars.DataFrame
        Rows of ``actions``; one per key.

    Returns
    -------
    dict of str to date
        Ticker to its first held day. Dividends are money per share of today: a new split
        divides all that were paid before it.
    """
    import polars as pl

    known = held.select("ticker", "date", "action", was=pl.col("value"))
    splits = fetched.filter(pl.col("action") == "split").join(
        known, on=["ticker", "date", "action"], how="left"
    )
    new = splits.filter(pl.col("was").is_null() | (pl.col("was") != pl.col("value")))
    older = held.join(fetched, on=["ticker", "date", "action"], how="anti")
    found = (
        older.join(new.select("ticker").unique(), on="ticker")
        .group_by("ticker")
        .agg(pl.col("date").min())
        .sort("ticker")
    )
    return dict(found.iter_rows())
