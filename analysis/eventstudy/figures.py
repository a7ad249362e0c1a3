"""Figures in a frame's columns -> floats, or the sentence that says what stands there instead.

`inputs.check_table` calls it for returns and factors. Numbers held as objects (what comes
out of a database or a mixed sheet) are numbers; text is none, even where it looks like one,
for nobody can know whether "1,5" or "3%" means what it seems to.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.fitted import Floats


def floats(table: pd.DataFrame, name: str) -> Floats:
    """Read every column as floats, NaN where blank.

    Parameters
    ----------
    table : pandas.DataFrame
        Unique plain columns.
    name : str
        What it is called in messages.

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
    columns = [
        table.iloc[:, at].to_numpy(dtype=np.float64, na_value=np.nan)
        if plain[dtype]
        else _of_objects(table.iloc[:, at], table.columns[at], name)
        for at, dtype in enumerate(table.dtypes)
    ]
    return np.column_stack(columns)


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
        raise InputError(
            f"Column {title!r} of {name} holds {column.dtype}, not numbers; {_mend(column)}."
        )
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
                f"{_mend_value(value)}."
            )
        values[row] = float(value)
    return values


def _mend(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "give returns, not truth values"
    if pd.api.types.is_complex_dtype(column.dtype):
        return "take the real part"
    return "convert it to floats"


def _mend_value(value: object) -> str:
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
