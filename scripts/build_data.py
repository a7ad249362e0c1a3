"""Build ``data/snapshot`` and the collected part of ``data/catalogue`` from a folder of figures.

    python scripts/build_data.py FOLDER [--out data]

FOLDER holds the files that `COLLECTED` names: figures, their sources, and what was found wrong in
them. What is corrected in the catalogue is listed in build/catalogue_corrections.csv. The
hand-kept catalogue files (instruments, groups, closures, hours, moves, watched) must be in
``--out`` already; they are read and never written. Nothing is smoothed or filled, doubtful
figures carry a flag, and the same figures give the same bytes. See data/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl
from build import companies, curated, downloads, indexes, prices, revenues
from build.writing import write_catalogue, write_table

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue, check_file
from analysis.errors import DataError, FaultlineError

COLLECTED = (
    "prices.parquet", "prices_sources.csv", "prices_more.parquet", "prices_more_sources.csv",
    "prices_corrections.csv", "corrections.csv", "factors.csv", "factors_more.csv",
    "geopolitical_risk.csv", "downloads.parquet", "fundamentals.csv", "capex.csv", "events.csv",
    "events_more.csv", "claims.csv", "chips.csv", "shares_outstanding.csv", "earnings_dates.csv",
    "china_revenue_share.csv",
)  # fmt: skip
LARGEST = 4_000_000


def main(arguments: list[str] | None = None) -> int:
    """Build everything; 0 when done, 2 when the figures cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of collected figures")
    parser.add_argument("--out", type=Path, default=Path("data"), help="default: data")
    given = parser.parse_args(arguments)
    try:
        build(given.folder, given.out)
    except FaultlineError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


def build(folder: Path, out: Path) -> None:
    """Build snapshot and catalogue, and say what was done.

    Raises
    ------
    DataError
        When a file is missing, a row breaks its schema, or the result is too large.
    """
    _check_inputs(folder, out)
    snapshot, catalogue = out / "snapshot", out / "catalogue"
    snapshot.mkdir(parents=True, exist_ok=True)
    for name in curated.MADE:
        rows, count = curated.build(folder, name)
        _check(write_catalogue(name, rows, catalogue))
        print(f"catalogue/{name}.csv: {rows.height:,} rows, {count} cells corrected")
    kept = Catalogue(catalogue)
    instruments, closures, hours = map(kept.table, ("instruments", "closures", "hours"))
    calendars = Calendars.amended(closures, hours)
    for name in curated.KEPT:
        _check(catalogue / f"{name}.csv")
    tables = {
        "prices": prices.build(folder, instruments, calendars),
        "factors": indexes.build_factors(folder),
        "downloads": downloads.build(folder),
        "revenues": revenues.build(folder),
        "shares": companies.build_shares(folder),
        "earnings": companies.build_earnings(folder),
        "china_revenue_share": companies.build_china_revenue_share(folder),
        "risk_indexes": indexes.build_risk_indexes(folder),
    }
    for name, frame in tables.items():
        path = write_table(name, frame, snapshot)
        _tell(path, frame)
    for sentence in prices.disagreements(tables["prices"], instruments, closures, calendars):
        print(f"calendar: {sentence}")
    _check_size(out)


def _check_inputs(folder: Path, out: Path) -> None:
    missing = [str(folder / name) for name in COLLECTED if not (folder / name).is_file()]
    hand_kept = [out / "catalogue" / f"{name}.csv" for name in curated.KEPT]
    missing += [str(path) for path in hand_kept if not path.is_file()]
    if missing:
        raise DataError(f"Missing: {', '.join(missing)}: put these files there first.")


def _check(path: Path) -> None:
    problems = check_file(path)
    if problems:
        raise DataError("\n".join(str(problem) for problem in problems))


def _tell(path: Path, frame: pl.DataFrame) -> None:
    flagged = frame.height - frame["flag"].null_count()
    size = path.stat().st_size
    print(f"snapshot/{path.name}: {frame.height:,} rows, {flagged:,} flagged, {size:,} bytes")


def _check_size(out: Path) -> None:
    files = [*out.glob("snapshot/*.parquet"), *out.glob("catalogue/*.csv")]
    total = sum(path.stat().st_size for path in files)
    print(f"total: {total:,} bytes")
    if total > LARGEST:
        raise DataError(f"The data take {total:,} bytes, more than {LARGEST:,}: keep fewer rows.")


if __name__ == "__main__":
    sys.exit(main())
