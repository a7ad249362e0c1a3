"""A process that appends batch after batch until it is killed; started by tests of faults.

``python -m tests.stores.writer HOME NUMBER FIRST LAST [SEED]`` says ``ready``, waits for a
line, then appends each batch and says its number once it is stored.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from analysis.store import Store
from analysis.tables import TABLES  # noqa: F401  (imported before the race begins)
from tests.stores.rows import Seen, over_address, prices

SIZE = 4


def batch(writer: int, number: int) -> pl.DataFrame:
    """Rows of one batch: in two years, so that its commit has more than one file."""
    day = date(2024, 6, 1) + timedelta(days=number)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return prices(
        Seen(day - timedelta(days=365 * (row % 2)), f"W{writer}.{row}", at, 1.0 + number)
        for row in range(SIZE)
    )


def main() -> None:
    """Append, and say so."""
    home, writer, first, last, *seed = sys.argv[1:]
    first_rows = Path(seed[0]) if seed else None
    if home.startswith("file:"):
        store = over_address(Path(home.removeprefix("file://")), first_rows)
    else:
        store = Store(home, seed=first_rows)
    import deltalake  # noqa: F401

    os.write(1, b"ready\n")
    sys.stdin.readline()
    for number in range(int(first), int(last)):
        store.append("prices", batch(int(writer), number))
        os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main()
