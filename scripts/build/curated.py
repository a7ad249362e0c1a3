"""The catalogue files that come from the collected figures: events, claims and chips.

The others (instruments, groups, closures, hours, watched) are kept by hand and are only read here.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.tables import CATALOGUE

MADE = ("events", "claims", "chips")
KEPT = ("closures", "groups", "hours", "instruments", "watched")
ORDER = {"events": ["date", "id"], "claims": ["claim_id"], "chips": []}
VENDOR = {"NVIDIA": "Nvidia"}


def build(folder: Path, name: str) -> pl.DataFrame:
    """Read one collected file as text: cells stripped, blanks missing, sorted.

    Chips keep their order, which groups vendors and generations.
    """
    frame = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
    text = pl.all().str.strip_chars()
    clean = frame.with_columns(pl.when(text != "").then(text).name.keep())
    if name == "chips":
        clean = clean.with_columns(pl.col("vendor").replace(VENDOR), *_numbers(name))
    return clean.sort(ORDER[name]) if ORDER[name] else clean


def _numbers(name: str) -> list[pl.Expr]:
    """Write whole numbers without a fraction, so that 80.0 and 80 are one text."""
    return [
        pl.col(column).str.replace(r"\.0$", "")
        for column, held in CATALOGUE[name].columns().items()
        if held.dtype.is_float()
    ]
