"""How long the store takes beside Polars and a clean Parquet file: appending a day, reading.

Run by `tests.benchmarks.run`; prints JSON. The table is made up: so many rows of ``prices`` in
ten years, added year by year through the store's own door.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl

from analysis.store import Store
from analysis.store.integrity import Integrity
from tests.benchmarks.timing import Contender, contest

FIRST, YEARS = 2014, 10
DAY, TICKERS, SPAN = 100, 50, 3
# The last year of the table ends here; what is appended follows in the same year.
AS_OF = date(FIRST + YEARS - 1, 11, 30)


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faultline-bench-") as folder:
        print(json.dumps(measure(asked.rows, Path(folder), asked.rounds)))


def measure(rows: int, folder: Path, rounds: int) -> dict[str, Any]:
    """Build the table and time appends and reads in turns.

    Rows are appended to the year in which a tenth of the table lies. The clean file holds the
    whole table, sorted by ticker and day; another holds the rows that are read and no others,
    to show what finding them costs.

    Returns
    -------
    dict
        ``rows`` of the table, ``read`` (rows that are read) and ``seconds`` of each contender.
    """
    big = filled(folder / "big", rows)
    clean, alone = folder / "clean.parquet", folder / "alone.parquet"
    files = [str(path) for path in (folder / "big" / "prices").rglob("*.parquet")]
    stored = pl.scan_parquet(files, hive_partitioning=False)
    stored.sort("ticker", "date").sink_parquet(clean)
    names = [ticker(number) for number in range(0, securities(rows), securities(rows) // TICKERS)]
    names = names[:TICKERS]
    since = date(FIRST + YEARS - SPAN, 1, 1)
    wanted = [pl.col("ticker").is_in(names), pl.col("date") >= since]
    pl.scan_parquet(clean).filter(wanted).sink_parquet(alone)
    where = {"ticker": names, "date": (since, None)}

    days, early, unsynced = count(1), count(1), count(1)
    shutil.copytree(folder / "big", folder / "unsynced")
    careless = Store(folder / "unsynced", seed=None)
    small = begun(folder / "small")
    opened = Store(folder / "big", seed=None)
    times = contest(
        [
            Contender(
                "append to empty", lambda day: _append(small, day), rounds, lambda: next(early)
            ),
            Contender("append", lambda day: _append(big, day), rounds, lambda: next(days)),
            Contender(
                "append unsynced",
                lambda day: _unsynced(careless, day),
                rounds,
                lambda: next(unsynced),
            ),
            Contender("append again", lambda day: _append(big, day), rounds, lambda: 1),
            Contender(
                "read", lambda _: opened.read("prices", AS_OF, where)["adj_close"].sum(), rounds
            ),
            Contender("clean", lambda _: _sum(pl.scan_parquet(clean).filter(wanted)), rounds),
            Contender("alone", lambda _: _sum(pl.scan_parquet(alone)), rounds),
        ]
    )
    same = {round(times[name]["figure"], 3) for name in ("read", "clean", "alone")}
    if len(same) > 1:
        raise SystemExit(f"The store and Polars read different rows: {same}.")
    read = opened.read("prices", AS_OF, where).height
    shutil.rmtree(folder / "big")
    return {
        "rows": rows,
        "read": read,
        "day": DAY,
        "seconds": {name: one["best"] for name, one in times.items()},
    }


def _unsynced(store: Store, day: int) -> float:
    """Append without syncing files and recording their hashes: what a power cut would take."""
    with mock.patch.multiple(Integrity, seal=mock.DEFAULT, check_unrecorded=mock.DEFAULT):
        return _append(store, day)


def filled(home: Path, rows: int) -> Store:
    """Fill a store with so many rows, a year at a time."""
    store = Store(home, seed=None)
    for year in range(FIRST, FIRST + YEARS):
        store.append("prices", year_of(year, securities(rows)))
    return store


def begun(home: Path) -> Store:
    """Begin a store whose table holds one row, of another day."""
    store = Store(home, seed=None)
    store.append("prices", prices([date(FIRST, 1, 1)], ["S00000"]))
    return store


def securities(rows: int) -> int:
    """Securities that make up so many rows with every weekday of ten years."""
    return max(rows // (261 * YEARS), TICKERS)


def ticker(number: int) -> str:
    """Name of a security."""
    return f"S{number:05d}"


def year_of(year: int, number: int) -> pl.DataFrame:
    """Every weekday of a year, until the table's end, for so many securities."""
    span = (date(year, 1, 1) + timedelta(days=day) for day in range(365))
    days = [day for day in span if day.weekday() < 5 and day <= AS_OF]
    return prices(days, [ticker(item) for item in range(number)])


def prices(days: list[date], tickers: list[str]) -> pl.DataFrame:
    """Every day for every ticker, day by day as a vendor sends them."""
    size = len(days) * len(tickers)
    level = np.random.default_rng(days[0].toordinal()).uniform(10, 1000, size).round(2)
    return pl.DataFrame(
        {
            "date": pl.Series(days).repeat_by(len(tickers)).explode(),
            "ticker": tickers * len(days),
            "close": level,
            "adj_close": level,
            "volume": (level * 1000).astype(np.int64),
        }
    ).with_columns(
        source=pl.lit("made up"),
        observed_at=(
            pl.col("date").cast(pl.Datetime("us")) + timedelta(hours=21)
        ).dt.replace_time_zone("UTC"),
        backfilled=pl.lit(value=True),
        flag=pl.lit(None, pl.String),
    )


def _append(store: Store, number: int) -> float:
    """Append one day of a hundred securities, after everything else."""
    day = AS_OF + timedelta(days=1 + number)
    done = store.append("prices", prices([day], [ticker(item) for item in range(DAY)]))
    return float(done.new + done.unchanged)


def _sum(rows: pl.LazyFrame) -> float:
    return float(rows.collect()["adj_close"].sum())


if __name__ == "__main__":
    main()
