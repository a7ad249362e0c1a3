"""Types of the arrays that the engine passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# Some events: by position, by mask, or as a slice of consecutive ones.
Rows = Ints | Bools | slice
