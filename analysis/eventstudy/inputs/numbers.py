"""Figures in a frame's columns -> floats, or the sentence that says what is there instead.

`frames.check_table` calls it for tables of which everything counts, `unused_cells` for those
of which a study reads a part. Numbers held as objects (out of a database or a mixed sheet) are
numbers; text is not, even where it looks like one: what "1,5" or "3%" means is a guess.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.threads import map_ordered
from analysis.eventstudy.inputs.dates import day

# Squares of larger figures, and their sums, leave the range of floats.
MAX_ABS_RETURN = 1e100
# Columns that are looked through by one thread, and cells of theirs at a time.
TILE, SLAB = 4096, 1 << 18


def floats(
    table: pd.DataFrame, name: str, unread: dict[Hashable, InputError] | None = None
) -> Floats:
    """Read every column as floats, NaN where blank.

    Parameters
    ----------
    table : pandas.DataFrame
        Unique plain columns.
    name : str
        What it is called in messages.
    unread : dict, optional
        Filled with what is wrong with each column that cannot be read, which is NaN then,
        instead of refusing the table.

    Returns
    -------
    (rows, columns) float

    Raises
    ------
    InputError
        A column of truth values, text, dates or complex numbers; the first cell at fault is
        named with what to do about it.
    """
    plain = {dtype: _is_plain(dtype) for dtype in set(table.dtypes)}
    if set(plain) == {np.dtype(np.float64)}:
        return table.to_numpy()
    if all(plain.values()):
        return table.to_numpy(dtype=np.float64, na_value=np.nan)
    columns = []
    for at, (title, dtype) in enumerate(zip(table.columns, table.dtypes, strict=True)):
        column = table.iloc[:, at]
        try:
            columns.append(
                column.to_numpy(dtype=np.float64, na_value=np.nan)
                if plain[dtype]
                else _of_objects(column, title, name)
            )
        except InputError as error:
            if unread is None:
                raise
            unread[title] = error
            columns.append(np.full(len(table), np.nan))
    return np.column_stack(columns)


def framed(values: Floats, table: pd.DataFrame) -> pd.DataFrame:
    """Put figures under the dates and columns of the table that they were read from."""
    if values.flags.writeable:
        return pd.DataFrame(values, index=table.index, columns=table.columns, copy=False)
    # The table's own memory: whoever writes into the table from now on gets a copy.
    return pd.DataFrame(table, copy=False)


def column_range(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """Lowest and highest figure of every column, NaN where it is all missing."""
    values = table.to_numpy()
    tiles = [values[:, start : start + TILE] for start in range(0, values.shape[1], TILE)]
    ends = list(map_ordered(_ends, tiles, few=1))
    low, high = (np.concatenate([np.empty(0), *side]) for side in zip(*ends, strict=True))
    return low, high


def _ends(tile: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest figure of each of some columns."""
    low, high = np.full(tile.shape[1], np.nan), np.full(tile.shape[1], np.nan)
    # A slab of rows is read twice while it is in cache, and nothing is copied.
    step = max(1, SLAB // max(tile.shape[1], 1))
    for start in range(0, len(tile), step):
        rows = tile[start : start + step]
        np.fmin(low, np.fmin.reduce(rows, axis=0), out=low)
        np.fmax(high, np.fmax.reduce(rows, axis=0), out=high)
    return low, high


def check_finite(table: pd.DataFrame, ends: tuple[Floats, Floats], name: str) -> None:
    """Refuse infinite figures, and those whose square leaves the range of floats (InputError).

    `ends` is the `column_range` of the table, `name` what messages call it.
    """
    large = np.flatnonzero((ends[0] < -MAX_ABS_RETURN) | (ends[1] > MAX_ABS_RETURN))
    if not len(large):
        return
    at = int(large[0])
    column = table.iloc[:, at].to_numpy()
    infinite = np.isinf(column)
    row = int(np.flatnonzero(infinite if infinite.any() else np.abs(column) > MAX_ABS_RETURN)[0])
    where = f"{day(table.index[row])} in column {table.columns[at]!r}"
    if infinite.any():
        raise InputError(
            f"{name} is infinite on {where}; leave it blank (NaN) or correct the price."
        )
    raise InputError(
        f"{name} holds {column[row]:g} on {where}; figures beyond {MAX_ABS_RETURN:g} are not "
        "supported."
    )


def _is_plain(dtype: Any) -> bool:
    types = pd.api.types
    return (
        types.is_numeric_dtype(dtype)
        and not types.is_bool_dtype(dtype)
        and not types.is_complex_dtype(dtype)
    )


def _of_objects(column: pd.Series, title: Hashable, name: str) -> Floats:
    """Read a column of objects that may all be numbers."""
    types = pd.api.types
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        fix = _fix_of_column(column)
        raise InputError(f"Column {title!r} of {name} holds {column.dtype}, not numbers; {fix}.")
    values = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if value is None or value is pd.NA or value is pd.NaT:
            continue
        # bool is a Real to Python, and no return.
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            where = column.index[row]
            on = where.date() if isinstance(where, pd.Timestamp) else where
            raise InputError(
                f"Column {title!r} of {name} holds {value!r} on {on}, which is not a number; "
                f"{_fix_of_value(value)}."
            )
        values[row] = float(value)
    return values


def _fix_of_column(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "give returns, not truth values"
    if pd.api.types.is_complex_dtype(column.dtype):
        return "take the real part"
    return "convert it to floats"


def _fix_of_value(value: object) -> str:
    if not isinstance(value, str):
        return "convert the column to floats"
    text = value.strip()
    if text.endswith("%"):
        return "write per cent as decimals, 0.03 for 3%"
    if "," in text:
        return "write a decimal point and no thousands separator, as in 1.5"
    if text.casefold() in ("", "-", "n/a", "na", "nan", "null", "none", ".", "#n/a"):
        return "leave a missing figure blank (NaN)"
    return "convert the column to floats (pd.to_numeric)"
