"""The catalogue files that the script writes: events, claims, chips and doubts.

The others (instruments, groups, closures, hours, watched, moves) are kept by hand and are only
read here.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.tables import CATALOGUE
from build.catalogue_corrections import corrected, doubts, read_text_cells, with_added

MADE = ("events", "claims", "chips", "doubts")
COLLECTED = {"events": ("events", "events_more"), "claims": ("claims",), "chips": ("chips",)}
KEPT = ("closures", "groups", "hours", "instruments", "moves", "watched")
KEYS = {"events": "id", "claims": "claim_id", "chips": "chip"}
ORDER = {"events": ["date", "id"], "claims": ["claim_id"], "chips": []}
VENDOR = {"NVIDIA": "Nvidia"}


def build(folder: Path, name: str) -> tuple[pl.DataFrame, int]:
    """Read one catalogue file as text: cells stripped, blanks missing, corrected, sorted.

    Chips keep their order, which groups vendors and generations.

    Returns
    -------
    frame : polars.DataFrame
        The columns of its schema.
    count : int
        How many cells were corrected.

    Raises
    ------
    DataError
        When a correction does not fit, or a key stands twice.
    """
    if name == "doubts":
        return doubts(KEYS), 0
    parts = [read_text_cells(folder / f"{item}.csv") for item in COLLECTED[name]]
    frame = with_added(name, pl.concat(parts), KEYS[name])
    clean, count = corrected(name, frame, KEYS[name])
    if name == "chips":
        clean = clean.with_columns(pl.col("vendor").replace(VENDOR), *_numbers(name))
    return clean.sort(ORDER[name]) if ORDER[name] else clean, count


def _numbers(name: str) -> list[pl.Expr]:
    """Write whole numbers without a fraction, so that 80.0 and 80 are one text."""
    return [
        pl.col(column).str.replace(r"\.0$", "")
        for column, held in CATALOGUE[name].columns().items()
        if held.dtype.is_float()
    ]
