"""How much market value a company gained or lost in a session: shares × change in price."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

# Counts of one day; averages over a quarter and figures of vendors are not.
_BASES = ("cover_page", "balance_sheet", "exchange")
_OLDEST = timedelta(days=400)
# Counts of neighbouring filings differ by less; beyond it lies a split or a merger, and adjusted
# prices are on the base after it.
_STEADY = 1.3


def value_change(shares: pl.DataFrame, closes: pd.Series, ticker: str, day: date) -> float | None:
    """Change of a company's market value in one session.

    Parameters
    ----------
    shares : polars.DataFrame
        Table ``shares``.
    closes : pandas.Series
        Closes of the listing by date, adjusted for splits (and dividends, which makes old values
        a little too small).
    ticker : str
        The listing whose count the table has.
    day : datetime.date
        The session.

    Returns
    -------
    float or None
        In the currency of the price. None where no count of the 400 days before is known, where
        a split may lie between it and the last count, or where either close is missing.
    """
    import pandas as pd
    import polars as pl

    counts: list[dict[str, Any]] = (
        shares.filter(
            pl.col("ticker") == ticker, pl.col("basis").is_in(_BASES), pl.col("flag").is_null()
        )
        .sort("as_of")
        .select("as_of", "shares", "adr_ratio")
        .to_dicts()
    )
    before = [row for row in counts if row["as_of"] <= day]
    if not before or day - before[-1]["as_of"] > _OLDEST:
        return None
    chain = [row["shares"] for row in counts[len(before) - 1 :]]
    for one, other in itertools.pairwise(chain):
        if not 1 / _STEADY < other / one < _STEADY:
            return None
    known = closes.dropna()
    place = int(known.index.searchsorted(pd.Timestamp(day)))
    if place == 0 or place >= len(known) or known.index[place].date() != day:
        return None
    listed = chain[0] / (before[-1]["adr_ratio"] or 1.0)
    return float(listed * (known.iloc[place] - known.iloc[place - 1]))
