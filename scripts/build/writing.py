"""Tables to files: the same bytes from the same figures."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.tables import keys_of, validate


def write_table(name: str, frame: pl.DataFrame, folder: Path) -> Path:
    """Validate, sort by key and write one table as parquet.

    Raises
    ------
    DataError
        When a row breaks the table's schema.
    """
    path = folder / f"{name}.parquet"
    rows = validate(name, frame).sort(*keys_of(name), "observed_at")
    rows.write_parquet(path, compression="zstd", compression_level=19, row_group_size=2**20)
    return path


def write_catalogue(name: str, frame: pl.DataFrame, folder: Path) -> Path:
    """Write one catalogue file as CSV: UTF-8, LF, quotes only where a cell needs them."""
    path = folder / f"{name}.csv"
    frame.write_csv(path, line_terminator="\n", quote_style="necessary")
    return path
