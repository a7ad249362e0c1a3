"""What JSON can hold of a frame: days in ISO form, null for what is missing."""

from __future__ import annotations

import math

import pandas as pd

from analysis.json_values import records


def test_rows_of_a_frame_hold_days_and_nulls() -> None:
    frame = pd.DataFrame(
        {
            "day": [pd.Timestamp("2025-01-27"), pd.NaT],
            "at": [pd.Timestamp("2025-01-27 12:00"), pd.Timestamp("2025-01-28")],
            "value": [math.nan, 0.5],
            "count": [3, 4],
            "text": [None, "a"],
        }
    )
    assert records(frame) == [
        {"day": "2025-01-27", "at": "2025-01-27T12:00:00", "value": None, "count": 3, "text": None},
        {"day": None, "at": "2025-01-28", "value": 0.5, "count": 4, "text": "a"},
    ]


def test_a_value_without_a_number_is_null() -> None:
    missing = pd.DataFrame({"value": pd.array([None, 1], dtype="Int64")})
    assert records(missing) == [{"value": None}, {"value": 1}]
