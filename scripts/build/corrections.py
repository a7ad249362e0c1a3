"""Mistakes found in the collected figures: read from files, applied by rules kept here.

``corrections.csv`` says in words what is wrong, what is right, who says so and how sure that
is. A rule below turns such a row into figures, and only when the row is there. A row without a
rule stops the build, so that no correction is left out silently. A rule without an operation
leaves the figure as it is; then a flag in `build.faults` says what is doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from analysis.errors import DataError

FILE = "corrections.csv"
_EQUAL = 1e-6


class Operation(Protocol):
    """What a correction does to a table."""

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the corrected table."""


@dataclass(frozen=True)
class Figure:
    """One price of one day in place of another."""

    ticker: str
    day: date
    value: float
    words: str

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Replace the price, and say so in its source."""
        here = _one_price(rows, self.ticker, self.day)
        price = pl.when(here).then(self.value).otherwise("adj_close")
        return rows.with_columns(price.alias("adj_close"), _source(here, self.words))


@dataclass(frozen=True)
class Dividend:
    """A dividend that the vendor did not take off, or took off in the wrong currency.

    Attributes
    ----------
    day : datetime.date
        The ex-date.
    close : float
        Unadjusted close of the session before it.
    amount, taken : float
        The dividend, and what the vendor took off, in the currency of the listing.
    """

    ticker: str
    day: date
    close: float
    amount: float
    taken: float = 0.0

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Scale every earlier price; returns of other days stay as they are."""
        here = _one_price(rows, self.ticker, self.day)
        factor = (self.close - self.amount) / (self.close - self.taken)
        earlier = (pl.col("ticker") == self.ticker) & (pl.col("date") < self.day)
        words = f"adjusted here for a dividend of {self.amount:g} per share"
        return rows.with_columns(_scaled(earlier, factor), _source(here, words))


@dataclass(frozen=True)
class Chained:
    """A close taken before it was final, to which all later prices were chained."""

    ticker: str
    day: date
    wrong: float
    right: float
    words: str

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Scale the day and every later price."""
        here = _one_price(rows, self.ticker, self.day)
        later = (pl.col("ticker") == self.ticker) & (pl.col("date") >= self.day)
        return rows.with_columns(
            _scaled(later, self.right / self.wrong), _source(here, self.words)
        )


@dataclass(frozen=True)
class Period:
    """Rows of one company and period in ``revenues``; what is None stays as collected.

    Attributes
    ----------
    segment : str or None
        None for every segment.
    period_end, basis, flag, note : optional
        What to write in place. ``flag=""`` clears it.
    """

    company: str
    day: date
    metric: str = "revenue"
    segment: str | None = "total"
    value: float | None = None
    period_end: date | None = None
    basis: str | None = None
    flag: str | None = None
    note: str | None = None
    currency: str = "USD"

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write the new cells."""
        here = self._here()
        if not rows.filter(here).height:
            raise DataError(
                f"{FILE} names {self.company} {self.day} {self.segment or ''} {self.metric}, but "
                "the collected figures have no such row: correct one of the two."
            )
        cells = {
            "value": self.value,
            "period_end": self.period_end,
            "basis": self.basis,
            "flag": self.flag,
            "note": self.note,
        }
        return rows.with_columns(
            pl.when(here)
            .then(pl.lit(None if cell == "" else cell, rows.schema[column]))
            .otherwise(column)
            .alias(column)
            for column, cell in cells.items()
            if cell is not None
        )

    def _here(self) -> pl.Expr:
        segment = pl.lit(value=True) if self.segment is None else pl.col("segment") == self.segment
        return (
            (pl.col("company") == self.company)
            & (pl.col("period_end") == self.day)
            & (pl.col("freq") == "Q")
            & (pl.col("metric") == self.metric)
            & (pl.col("currency") == self.currency)
            & segment
        )


@dataclass(frozen=True)
class Added:
    """A quarter that the collected figures lack."""

    company: str
    day: date
    metric: str
    value: float
    source: str
    basis: str = "reported"
    segment: str = "total"
    flag: str | None = None
    currency: str = "USD"

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Append the row."""
        cells = {
            "company": self.company,
            "period_end": self.day,
            "freq": "Q",
            "metric": self.metric,
            "segment": self.segment,
            "value": float(self.value),
            "currency": self.currency,
            "basis": self.basis,
            "source": self.source,
            "flag": self.flag,
        }
        schema = {column: rows.schema[column] for column in cells}
        return pl.concat([rows, pl.DataFrame([cells], schema=schema)], how="diagonal")


Rules = Mapping[str, tuple[Operation, ...]]


def correct(rows: pl.DataFrame, folder: Path, table: str, rules: Rules) -> pl.DataFrame:
    """Apply what ``corrections.csv`` knows of a table.

    Parameters
    ----------
    rows : polars.DataFrame
        As collected.
    folder : pathlib.Path
        The collected figures.
    table : str
        Name of the table.
    rules : mapping
        Row key of the file to what it does, in the order of application.

    Raises
    ------
    DataError
        For a correction that has no rule, or whose row does not exist.
    """
    listed = pl.read_csv(folder / FILE, infer_schema=False)
    keys = listed.filter(file=f"snapshot/{table}.parquet")["row key"].to_list()
    unknown = [key for key in keys if key not in rules]
    if unknown:
        raise DataError(f"{FILE}: no rule for {table} {unknown[0]!r}: add one to the build script.")
    for key, operations in rules.items():
        for operation in operations if key in keys else ():
            rows = operation.apply(rows)
    return rows


def replace_prices(prices: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Put the closes of ``prices_corrections.csv`` in place of captures made mid-session.

    Raises
    ------
    DataError
        When the price to be replaced is not the one that the file names.
    """
    for row in pl.read_csv(path, try_parse_dates=True).iter_rows(named=True):
        ticker, day, wrong = row["ticker"], row["date"], row["existing_adj_close"]
        here = _one_price(prices, ticker, day)
        (held,) = prices.filter(here)["adj_close"]
        if abs(held / wrong - 1) > _EQUAL:
            raise DataError(
                f"{path.name}: {ticker} {day} is {held:g} and not {wrong:g}: correct the file."
            )
        words = f"corrected: {row['reason'].partition('close from ')[2].partition(',')[0]}"
        prices = Figure(ticker, day, row["suggested_adj_close"], words).apply(prices)
    return prices


def _one_price(rows: pl.DataFrame, ticker: str, day: date) -> pl.Expr:
    here = (pl.col("ticker") == ticker) & (pl.col("date") == day)
    if rows.filter(here).height != 1:
        raise DataError(
            f"A correction names {ticker} on {day}, which has no price: correct one of the two."
        )
    return here


def _scaled(here: pl.Expr, factor: float) -> pl.Expr:
    return pl.when(here).then(pl.col("adj_close") * factor).otherwise("adj_close").alias("adj_close")


def _source(here: pl.Expr, words: str) -> pl.Expr:
    added = pl.concat_str(pl.col("source"), pl.lit(f"; {words}"))
    return pl.when(here).then(added).otherwise("source").alias("source")
