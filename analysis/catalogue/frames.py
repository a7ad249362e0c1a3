"""A catalogue file that is right, read in one go.

Ordinary commands read through `read_frame`, whose checks are vectorised: the grammar of CSV by
one regular expression, the cells by the schema. It gives a frame only where the line-exact
reader of `analysis.catalogue.validation` would find every cell right as well; whatever it is
not sure of it leaves to that reader, which can name the line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.catalogue.cell_values import is_zone
from analysis.catalogue.csv_reader import read_cells
from analysis.errors import DataError
from analysis.plain_text import STEERING

if TYPE_CHECKING:
    import dataframely as dy
    import polars as pl

_CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-5][0-9](\.[0-9]{1,6})?)?Z$"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def read_frame(path: Path, kind: str) -> pl.DataFrame | None:
    """Read a file whose every cell is right by itself.

    Returns
    -------
    polars.DataFrame or None
        Rows in the order of the file, the columns of the schema. None where anything is wrong
        or unusual; rules between cells and between files are not checked.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return _frame(content, kind)


@lru_cache(maxsize=16)
def _frame(content: bytes, kind: str) -> pl.DataFrame | None:
    """Keep what was read: other files refer to events and instruments."""
    from analysis.tables import schema_of, validate

    columns = schema_of(kind).columns()
    texts = _texts(content, list(columns))
    if texts is None:
        return None
    frame = texts.select(_value(name, column) for name, column in columns.items())
    if any(frame[name].null_count() != texts[name].null_count() for name in columns):
        return None
    if not _zones_known(frame, columns):
        return None
    try:
        return validate(kind, frame)
    except DataError:
        return None


def _texts(content: bytes, wanted: list[str]) -> pl.DataFrame | None:
    """Read the cells as text, blanks as null; None unless the file is plain CSV throughout."""
    import polars as pl

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    header, malformed = read_cells(re.split(r"[\r\n]", text, maxsplit=1)[0])
    names = [cell.text for cell in header[0]] if header else []
    if malformed or sorted(names) != sorted(wanted) or STEERING.search(text):
        return None
    row = rf"{_CELL}(?:,{_CELL}){{{len(names) - 1}}}+(?:\r?\n|\Z)"
    if not re.fullmatch(rf"(?:{row})*+", text):
        return None
    try:
        frame = pl.read_csv(text.encode(), infer_schema=False)
    except pl.exceptions.PolarsError:
        return None
    blank = pl.all() == ""
    if frame.select(pl.any_horizontal((pl.all().str.strip_chars() != pl.all()).any())).item():
        return None
    return frame.with_columns(pl.when(~blank).then(pl.all()).name.keep())


def _value(name: str, column: dy.Column) -> pl.Expr:
    """Value of a cell's text; null where the text has not exactly the form."""
    import polars as pl

    cell = pl.col(name)
    if column.dtype == pl.Date:
        day = cell.str.to_date("%Y-%m-%d", strict=False)
        return pl.when(cell.str.contains(_DAY) & (day.dt.year() >= 1)).then(day).alias(name)
    if isinstance(column.dtype, pl.Datetime):
        to_second, to_minute = (
            cell.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
            for form in ("%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%MZ")
        )
        at = pl.coalesce(to_second, to_minute)
        return pl.when(cell.str.contains(_INSTANT) & (at.dt.year() >= 1)).then(at).alias(name)
    if column.dtype.is_float():
        number = cell.cast(pl.Float64, strict=False)
        return pl.when(cell.str.contains(_NUMBER) & number.is_finite()).then(number).alias(name)
    return cell


def _zones_known(frame: pl.DataFrame, columns: dict[str, dy.Column]) -> bool:
    from analysis.tables.columns import is_time_zone

    zones = [name for name, column in columns.items() if is_time_zone(column)]
    return all(is_zone(zone) for name in zones for zone in frame[name].drop_nulls().unique())
