"""A hash of what a table says, whatever files it lies in and in whatever order it arrived."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def content_hash(rows: pl.DataFrame, order: list[str]) -> bytes:
    """Hash rows by their content.

    Parameters
    ----------
    rows : polars.DataFrame
        Text, numbers, days, instants (in microseconds) and truth values.
    order : list of str
        Columns that tell every two rows apart.

    Returns
    -------
    bytes
        SHA-256 of the columns' names and values in the order of the rows sorted so; the same
        on every machine and with every version of the libraries.
    """
    import numpy as np
    import polars as pl

    rows = rows.sort(order)
    found = hashlib.sha256()
    for column in rows:
        found.update(f"{column.name}\0{len(column)}\0".encode())
        found.update(np.packbits(column.is_null().to_numpy()).tobytes())
        if column.dtype == pl.String:
            filled = column.fill_null("")
            found.update(filled.str.len_bytes().to_numpy().astype("<u4").tobytes())
            found.update(filled.str.join().item().encode())
        elif column.dtype == pl.Float64:
            found.update(column.fill_null(0.0).to_numpy().astype("<f8").tobytes())
        else:
            whole = column.to_physical().cast(pl.Int64).fill_null(0)
            found.update(whole.to_numpy().astype("<i8").tobytes())
    return found.digest()
