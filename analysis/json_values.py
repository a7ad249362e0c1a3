"""The one conversion of figures, days and frames to what JSON can hold; NaN becomes null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def jsonable(value: Any) -> Any:
    """Convert figures, dates and containers for JSON; what is missing or infinite becomes null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime | date):
        # pandas' NaT is a datetime too, and the only one unequal to itself.
        return value.isoformat() if value == value else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return jsonable(value.tolist())
    return None if type(value).__name__ == "NAType" else str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame for JSON; a pandas timestamp at midnight is a day."""
    import pandas as pd

    def day_or_value(value: Any) -> Any:
        midnight = isinstance(value, pd.Timestamp) and value == value.normalize()
        return jsonable(value.date() if midnight else value)

    return [
        {str(name): day_or_value(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]
