"""Types of the arrays that the engine passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# Some events: by position, by mask, or as a slice of consecutive ones.
Rows = Ints | Bools | slice


def as_slice(rows: Ints) -> Rows:
    """The same rows as a slice where they are consecutive, so that nothing is copied."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and np.all(rows[1:] > rows[:-1]):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
