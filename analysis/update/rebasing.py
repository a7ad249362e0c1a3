"""Adjusted closes and dividends whose base has moved: their history has to be fetched anew.

A split or dividend rescales every adjusted close before it. Rows of a new base appended to rows
of an old one would give a wrong return where they meet, and nothing would show it afterwards.
Dividends are rescaled by splits alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

_Side = Literal["backward", "forward", "nearest"]

# The smallest dividends move the base by 0.005 %; noise and rounding of sources stay below.
_SAME = 2e-5
CARRIED = "the source no longer gives this figure: the held one, brought to the new base"
# Where the ratio of a day comes from. A dividend after a split is on the new base already: the
# one before tells more of an old one.
_SIDES: dict[str, tuple[_Side, ...]] = {"prices": ("nearest",), "actions": ("backward", "forward")}
# What names a figure, and what moves with the base.
_FIGURES = {
    "prices": (("ticker", "date"), ("close", "adj_close")),
    "actions": (("ticker", "date", "action"), ("value",)),
}


def tickers_on_new_base(held: pl.DataFrame, fetched: pl.DataFrame) -> dict[str, date]:
    """Tickers whose fetched closes do not continue the held ones, to their first held day.

    The earliest day that both have decides; without a common day nobody can tell, and it counts as
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


def rescale_missing(
    held: pl.DataFrame, whole: pl.DataFrame, table: str
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Held figures that a new history lacks, brought to its base, so that no day is on the old one.

    Parameters
    ----------
    held, whole : polars.DataFrame
        Rows of ``prices`` or ``actions``: what is stored of some tickers, and their whole
        history as it was answered now.

    Returns
    -------
    polars.DataFrame
        One row for each held figure that did not come again: times new over old of the
        nearest figure that did, flagged as such. A volume is left blank.
    dict of str to str
        Tickers of which no figure came again, so that the new base is unknown, and what to say of
        them.
    """
    import polars as pl

    from analysis.tables.price_checks import BREAK

    keys, values = _FIGURES[table]
    came = whole.filter(*(pl.col(name) > 0 for name in values[-1:]))
    held = held.join(came.select("ticker").unique(), on="ticker", how="semi")
    # A split's ratio is no money: it keeps its value on every base.
    if table == "actions":
        held, came = (one.filter(pl.col("action") == "dividend") for one in (held, came))
    left = held.join(came, on=keys, how="anti")
    # A figure on another scale than its neighbours tells nothing of the new base.
    sound = came.filter(~pl.col("flag").str.contains(BREAK, literal=True).fill_null(value=False))
    both = held.join(sound.select(*keys, *values), on=keys, suffix="_new")
    answered = whole.group_by("ticker").agg(pl.col("observed_at", "source").last())
    known = left.join(both.select("ticker").unique(), on="ticker", how="semi")
    scaled = known.drop("observed_at", "source").sort("date").join(answered, on="ticker")
    for name in values:
        ratios = both.select("ticker", "date", ratio=pl.col(f"{name}_new") / pl.col(name))
        scaled = _nearest_ratio(scaled, ratios.drop_nulls("ratio"), _SIDES[table]).with_columns(
            pl.col(name) * pl.col("ratio")
        )
        scaled = scaled.drop("ratio")
    if "volume" in held.columns:
        scaled = scaled.with_columns(volume=pl.lit(None, pl.Int64))
    scaled = scaled.with_columns(backfilled=pl.lit(value=False), flag=pl.lit(CARRIED))
    lost = left.join(both.select("ticker").unique(), on="ticker", how="anti")
    named = {
        ticker: f"none of its {count} held figures came again, so the new base is unknown; left "
        "as it was"
        for ticker, count in lost.group_by("ticker", maintain_order=True).len().iter_rows()
    }
    return scaled.select(held.columns), named


def _nearest_ratio(
    rows: pl.DataFrame, ratios: pl.DataFrame, sides: tuple[_Side, ...]
) -> pl.DataFrame:
    """Give each row the ratio of a near day of its ticker, from the first side that has one."""
    import polars as pl

    ratios = ratios.sort("date")
    found = rows.sort("date").with_columns(ratio=pl.lit(None, pl.Float64))
    for side in sides:
        found = found.join_asof(
            ratios.rename({"ratio": "_other"}),
            on="date",
            by="ticker",
            strategy=side,
            check_sortedness=False,
        )
        found = found.with_columns(pl.coalesce("ratio", "_other").alias("ratio")).drop("_other")
    return found


def new_splits(held: pl.DataFrame, fetched: pl.DataFrame) -> dict[str, date]:
    """Tickers with a split that was not known, where older dividends were not fetched.

    To their first held day. Dividends are money per share of today: a new split divides all that
    were paid before it.
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
