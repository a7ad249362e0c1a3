"""Prices held against what else is known of them: splits, dividends, units, volumes.

Pure. The loaders check what a source answered, the update what several tickers show together,
and ``scripts/build`` the collected prices, all by the same rules. What a check finds becomes a
``flag``; nothing is corrected. A flag with `BREAK` in it says that the close and the one before
are not on one scale: the return between them is missing to everybody who reads returns.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

BREAK = "price break"
"""Words in the flag of a price that is not on the scale of the price before."""

EARLY = "possibly captured before the close"
MARKS = (BREAK, "dividend check", "adjustment check", "volume check")
"""Beginnings of the flags of this module, which hold no semicolon: it parts them. A source that
later answers without them has mended its figures, so the store lets such a flag lapse."""

DIVIDENDS_IN = dict.fromkeys(
    ("0005.HK", "2423.HK", "9618.HK", "9961.HK", "9988.HK", "9999.HK"), "USD"
)
"""Listings whose dividends are declared in another currency than that of the price."""

# A listed price hardly ever moves so far within a session; splits of 4:1 and more, and prices
# in hundredths, do.
_FAR = math.log(3.6)
_HUNDREDFOLD, _UNIT_NOISE = (100.0, 1000.0, 10_000.0), math.log(1.3)
# Ratios of splits within what a price can move, and how close to them is suspicious. That of a
# split of 3:2 is met on days of news too often.
_RATIOS, _RATIO_NOISE = (3.0, 2.0), 0.02
_LEAST_BREAK = math.log(1.25)  # smaller steps are within the moves of a day: a doubt, no break
_LEAST_SPLIT = math.log(1.02)
_LEAST_YIELD = 6e-4  # below this, rounding hides whether a dividend is adjusted for
_YIELD_NOISE, _ROUNDING = 0.15, 3e-4
_LARGE_YIELD = 0.05
_CENT = 0.006  # rounding of two prices to hundredths
_LEAST_STRETCH = 5
_PRICES = 1e-12, 1e9  # whatever lies beyond is no price, and its logarithm no move
_AROUND, _LEAST_AROUND = 21, 8
_THIN, _THIN_BESIDE, _THIN_SECURITIES = 0.5, 0.66, 3


def listing_doubts(
    ticker: str, closes: pl.DataFrame, actions: pl.DataFrame, currency: str | None = None
) -> pl.DataFrame:
    """Hold one listing's closes against its own splits and dividends.

    Parameters
    ----------
    closes : polars.DataFrame
        ``date``, ``close`` (raw, split-adjusted, or null), ``adj_close``; in order of days.
    actions : polars.DataFrame
        ``date``, ``action``, ``value``, ``currency`` of the same answer. A dividend without a
        currency is in that of `DIVIDENDS_IN`, else in that of the prices, ``currency``.

    Returns
    -------
    polars.DataFrame
        ``date``, ``flag``: one row for each doubtful day.
    """
    known = _usable(closes)
    found = list(_split_doubts(known, actions))
    named = {day for day, _ in found}
    found += [(day, words) for day, words in _jumps(known) if day not in named]
    found += _dividend_doubts(ticker, known, actions, currency)
    found += _subtracted(known, actions)
    return _flags(found)


def jumps(closes: pl.DataFrame) -> pl.DataFrame:
    """Find closes of one ticker that move as only a split or another unit would make them.

    From ``date`` and ``adj_close`` to ``date`` and ``flag``. A single day a hundred times off has
    two: it and the day after.
    """
    return _flags(_jumps(_usable(closes)))


def early_captures(
    prices: pl.DataFrame,
    exchanges: Mapping[str, str | None],
    shortened: Callable[[str, date], bool],
) -> pl.DataFrame:
    """Find sessions that were read before their close, by the volumes of an exchange.

    One security may have a quiet day. Three or more, a third of those of an exchange, each with
    less than half of its usual volume and two thirds of that of the sessions beside it, look like a
    session that was still running.

    Parameters
    ----------
    prices : polars.DataFrame
        ``date``, ``ticker``, ``volume`` of any number of tickers; one row per key.
    exchanges : mapping of str to str or None
        Where each ticker trades; one without an exchange is passed over.
    shortened : callable
        Whether a session of an exchange was shorter than usual, and a small volume is right.

    Returns
    -------
    polars.DataFrame
        ``date``, ``ticker``, ``flag``.
    """
    import polars as pl

    places = {ticker: place for ticker, place in exchanges.items() if place}
    volume = pl.col("volume")
    beside = pl.min_horizontal(volume.shift(1), volume.shift(-1)).over("ticker")
    usual = volume.cast(pl.Float64).rolling_median(_AROUND, min_samples=_LEAST_AROUND, center=True)
    measured = (
        prices.filter(volume > 0, pl.col("ticker").is_in(list(places)))
        .with_columns(exchange=pl.col("ticker").replace_strict(places, return_dtype=pl.String))
        .sort("ticker", "date")
        .with_columns(share=volume / usual.over("ticker"), beside=volume / beside)
        .drop_nulls("share")
        .with_columns(
            thin=(pl.col("share") < _THIN) & (pl.col("beside") < _THIN_BESIDE).fill_null(value=True)
        )
    )
    over = ["exchange", "date"]
    suspects = measured.filter(
        "thin",
        (pl.col("thin").sum().over(over) >= _THIN_SECURITIES)
        & (pl.col("thin").mean().over(over) >= 1 / 3),
    )
    right = [key for key in suspects.select(over).unique().iter_rows() if shortened(*key)]
    passed = pl.DataFrame(right, schema=suspects.select(over).schema, orient="row")
    suspects = suspects.join(passed, on=over, how="anti")
    words = pl.format(
        f"volume check: {{}} % of usual volume, like other {{}} securities that day: {EARLY}",
        (100 * pl.col("share")).round(0).cast(pl.Int64),
        "exchange",
    )
    return suspects.select("date", "ticker", words.alias("flag")).sort("ticker", "date")


def table_doubts(
    prices: pl.DataFrame,
    exchanges: Mapping[str, str | None],
    shortened: Callable[[str, date], bool],
) -> pl.DataFrame:
    """Whatever adjusted closes and volumes show without splits, dividends and raw closes.

    As `early_captures`, with ``adj_close`` too; one row per key, for `with_doubts`.
    """
    import polars as pl

    moved = [
        jumps(rows).select("date", pl.lit(ticker).alias("ticker"), "flag")
        for (ticker,), rows in prices.group_by("ticker", maintain_order=True)
    ]
    found = pl.concat([early_captures(prices, exchanges, shortened), *moved])
    return (
        found.group_by("date", "ticker").agg(pl.col("flag").str.join("; ")).sort("ticker", "date")
    )


def with_doubts(prices: pl.DataFrame, doubts: pl.DataFrame) -> pl.DataFrame:
    """Add what a check found to the flags of a price table.

    ``doubts`` has ``date``, ``flag`` and perhaps ``ticker``, one row per key; ``prices`` has these
    too.
    """
    import polars as pl

    keys = [name for name in ("ticker", "date") if name in doubts.columns]
    found = doubts.select(*keys, _more="flag")
    both = pl.concat_str("flag", "_more", separator="; ", ignore_nulls=True).replace("", None)
    return (
        prices.join(found, on=keys, how="left", maintain_order="left")
        .with_columns(both.alias("flag"))
        .drop("_more")
    )


def checked_flag(column: str = "flag") -> pl.Expr:
    """Whether a flag holds a doubt of this module, false for a missing one."""
    import polars as pl

    return pl.col(column).str.contains("|".join(MARKS)).fill_null(value=False)


def _usable(closes: pl.DataFrame) -> pl.DataFrame:
    """Rows with an adjusted close that can be compared, in order of days; raw ones where usable."""
    import polars as pl

    def usable(name: str) -> pl.Expr:
        return pl.col(name).is_between(*_PRICES, closed="both")

    rows = closes.filter(usable("adj_close")).sort("date")
    if "close" in rows.columns:
        rows = rows.with_columns(pl.when(usable("close")).then("close").alias("close"))
    return rows


def _flags(found: list[tuple[date, str]]) -> pl.DataFrame:
    import polars as pl

    rows = pl.DataFrame(found, schema={"date": pl.Date, "flag": pl.String}, orient="row")
    days = rows.group_by("date", maintain_order=True)
    return days.agg(pl.col("flag").str.join("; ")).sort("date")


def _split_doubts(closes: pl.DataFrame, actions: pl.DataFrame) -> Iterator[tuple[date, str]]:
    """Splits for which the closes before them were not adjusted, or adjusted twice."""
    days, prices = closes["date"].to_list(), closes["adj_close"].to_list()
    splits = actions.filter(action="split").select("date", "value").iter_rows()
    for day, ratio in splits:
        at = _first_from(days, day)
        if not at or ratio <= 0 or abs(size := math.log(ratio)) < _LEAST_SPLIT:
            continue
        move = math.log(prices[at] / prices[at - 1])
        large = abs(size) >= _LEAST_BREAK
        near = abs(size) / (2 if large else 4)
        kind = BREAK if large else "adjustment check"
        spelled = f"{ratio:g}:1" if ratio > 1 else f"1:{1 / ratio:g}"
        words = f"a {spelled} split is reported"
        if abs(move + size) <= near:
            yield days[at], f"{kind}: {words} but earlier closes are not adjusted for it"
        elif abs(move - size) <= near:
            yield days[at], f"{kind}: {words} but earlier closes are adjusted twice for it"


def _jumps(closes: pl.DataFrame) -> list[tuple[date, str]]:
    """Moves of a split's ratio without a split, and moves that no session makes."""
    import polars as pl

    move = closes["adj_close"].log().diff()
    least = math.log(min(_RATIOS)) - _RATIO_NOISE
    suspects = closes.select("date").with_columns(move=move).filter(pl.col("move").abs() > least)
    return [
        (day, words) for day, moved in suspects.iter_rows() for words in _words_of_a_jump(moved)
    ]


def _words_of_a_jump(move: float) -> Iterator[str]:
    size = abs(move)
    way = "rose" if move > 0 else "fell"
    for unit in _HUNDREDFOLD:
        if abs(size - math.log(unit)) < _UNIT_NOISE:
            yield f"{BREAK}: {way} by a factor of about {unit:g}, as with another unit"
            return
    if size >= _FAR:
        yield f"{BREAK}: {way} by a factor of {math.exp(size):.3g}, and no split was reported"
        return
    for ratio in _RATIOS:
        if abs(size - math.log(ratio)) <= _RATIO_NOISE:
            yield f"{BREAK}: {way} by a factor of {ratio:g}, as in a split, and none was reported"


def _dividend_doubts(
    ticker: str, closes: pl.DataFrame, actions: pl.DataFrame, currency: str | None
) -> Iterator[tuple[date, str]]:
    """Dividends that the adjusted closes ignore, or take for another amount.

    Yahoo multiplies earlier closes by 1 − dividend/close before the ex-date.
    """
    import polars as pl

    rows = closes.drop_nulls("close")
    days, raw, adjusted = (rows[name].to_list() for name in ("date", "close", "adj_close"))
    paid = (
        actions.filter(pl.col("action") == "dividend")
        .group_by("date")
        .agg(pl.col("value").sum(), pl.col("currency").first())
        .sort("date")
    )
    for day, value, named in paid.iter_rows():
        at = _first_from(days, day)
        if not at or value / raw[at - 1] < _LEAST_YIELD:
            continue
        share = value / raw[at - 1]
        cut = 1 - adjusted[at - 1] / raw[at - 1] * raw[at] / adjusted[at]
        declared = named or DIVIDENDS_IN.get(ticker)
        foreign = bool(currency and declared and declared != currency)
        words = _words_of_a_dividend(value, share, cut, declared if foreign else None, currency)
        if words:
            kind = BREAK if share >= _LARGE_YIELD and not foreign else "dividend check"
            yield days[at], f"{kind}: {words}"


def _words_of_a_dividend(
    value: float, share: float, cut: float, foreign: str | None, currency: str | None
) -> str:
    """What is wrong with an adjustment of ``cut`` for a dividend of ``share`` of the price."""
    noise = max(_YIELD_NOISE * share, _ROUNDING)
    if abs(cut - share) <= noise:
        if foreign:
            return f"a dividend of {value:g} {foreign} is taken for {currency}"
        return ""
    if abs(cut) <= noise:
        amount = f"{value:g} {foreign or currency or ''}".rstrip()
        return f"the adjusted closes ignore a dividend of {amount}"
    if foreign:  # converted, at a rate that nothing here can judge
        return ""
    return f"earlier closes are adjusted by {100 * cut:.2f} % for a dividend of {100 * share:.2f} %"


def _subtracted(closes: pl.DataFrame, actions: pl.DataFrame) -> Iterator[tuple[date, str]]:
    """Stretches whose adjusted closes differ from the closes by an amount, not by a ratio."""
    import polars as pl

    rows = closes.drop_nulls("close")
    ends = actions.filter(pl.col("action") == "dividend")["date"].unique().sort().to_list()
    for first, last in pairwise([date.min, *ends]):
        stretch = rows.filter(pl.col("date").is_between(first, last, closed="left"))
        if stretch.height < _LEAST_STRETCH:
            continue
        raw, adjusted = stretch["close"].to_numpy(), stretch["adj_close"].to_numpy()
        apart = raw - adjusted
        amount = float(sorted(apart)[len(apart) // 2])
        ratio = float(sorted(adjusted / raw)[len(apart) // 2])
        by_amount = float(abs(apart - amount).max())
        by_ratio = float(abs(adjusted - ratio * raw).max())
        if by_amount <= _CENT + 1e-6 * float(raw.max()) and by_ratio > 2 * max(by_amount, _CENT):
            words = f"adjustment check: closes less {amount:.4g}, and not a share of them"
            yield from ((day, words) for day in stretch["date"])


def _first_from(days: list[date], day: date) -> int:
    """Position of the first day on or after another; 0 where nothing comes before it."""
    at = bisect_left(days, day)
    return at if at < len(days) else 0
