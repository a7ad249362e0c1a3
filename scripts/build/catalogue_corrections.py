"""Cells of the collected catalogue that were found to be wrong or doubtful, and rows it lacked.

``catalogue_corrections.csv`` has one cell per row: file, key, column, what it was, what it is,
the source, how sure it is, and whether it was applied. A cell that was not applied is still
checked, and its remark says why it was left. A line for the column ``flag`` says what of a row
stays doubtful; these go into ``doubts.csv``. ``added_events.csv`` and ``added_claims.csv`` hold
rows of our own, with a flag too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from analysis.errors import DataError

HERE = Path(__file__).parent
TABLE = HERE / "catalogue_corrections.csv"


def read_text_cells(path: Path) -> pl.DataFrame:
    """Read a CSV file as text: cells stripped, blanks missing."""
    text = pl.all().str.strip_chars()
    return pl.read_csv(path, infer_schema=False).with_columns(
        pl.when(text != "").then(text).name.keep()
    )


def with_added(name: str, frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Append the rows of our own; one that is collected by now must be the same.

    Raises
    ------
    DataError
        When a key stands twice with different cells.
    """
    own = HERE / f"added_{name}.csv"
    if own.is_file():
        frame = pl.concat([frame, read_text_cells(own).drop("flag")], how="diagonal")
    whole = frame.unique(maintain_order=True)
    twice = whole.filter(pl.col(key).is_duplicated())
    if len(twice):
        raise DataError(
            f"{name}: {twice[key][0]!r} stands twice with different cells: keep one of the rows."
        )
    return whole


def corrected(name: str, frame: pl.DataFrame, key: str) -> tuple[pl.DataFrame, int]:
    """Apply the corrections of one file.

    Parameters
    ----------
    name : str
        ``events``, ``claims`` or ``chips``.
    frame : polars.DataFrame
        Its rows as text, blanks missing.
    key : str
        Column that names a row.

    Returns
    -------
    frame : polars.DataFrame
        With the corrected cells.
    count : int
        How many cells were changed; those that held the corrected text before are not counted.

    Raises
    ------
    DataError
        When a row or column does not exist, or a cell holds neither what it was nor what it is.
    """
    rows = {row[key]: row for row in frame.to_dicts()}
    count = 0
    lines = read_text_cells(TABLE).filter(pl.col("file") == name, pl.col("column") != "flag")
    for line in lines.to_dicts():
        row, column = rows.get(line["key"]), line["column"]
        if row is None or column not in row:
            raise DataError(
                f"{TABLE.name}: {name} has no cell {line['key']}, {column}: correct the line."
            )
        if row[column] not in (line["was"], line["is"]):
            raise DataError(
                f"{TABLE.name}: {column} of {line['key']} in {name} is {row[column]!r}, not "
                f"{line['was']!r}: look at the correction again."
            )
        if line["applied"] == "yes" and row[column] != line["is"]:
            row[column] = line["is"]
            count += 1
    return pl.DataFrame(list(rows.values()), schema=frame.schema), count


def doubts(keys: Mapping[str, str]) -> pl.DataFrame:
    """Build ``doubts.csv``: what stays doubtful in the rows of the other files.

    Parameters
    ----------
    keys : mapping of str to str
        File to the column that names a row.
    """
    lines = read_text_cells(TABLE).filter(pl.col("column") == "flag")
    parts = [lines.select(table="file", key="key", doubt="is", source="source")]
    for name, key in keys.items():
        own = HERE / f"added_{name}.csv"
        if own.is_file():
            rows = read_text_cells(own).filter(pl.col("flag").is_not_null())
            title = "source_title" if name == "events" else "publisher"
            parts.append(
                rows.select(pl.lit(name).alias("table"), key=key, doubt="flag", source=title)
            )
    return pl.concat(parts).sort("table", "key")
