"""Simulate the size and power of every test and keep the results in ``data/simulated``.

    python scripts/size_and_power.py [SET ...] [--tests NAME ...] [--workers 2] [--out FOLDER]
    python scripts/size_and_power.py --page

SET is size, robustness, power or panel; all of them by default, which takes about an hour of
one core. Rows of the tests and designs that are run replace those in the files, all others stay.
The page ``docs/size_and_power.md`` is written from the files each time; --page writes it alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from build.sizes import page

from analysis import __version__
from analysis.errors import FaultlineError
from analysis.eventstudy.battery import TEST_NAMES
from analysis.eventstudy.simulate import STANDARD, size_and_power

ROOT = Path(__file__).resolve().parents[1]
SEED = 1985
PORTFOLIO = "calendar_time_t"


@dataclass(frozen=True)
class Effort:
    """How often a set is repeated, and how often the two slow tests are run in it."""

    repetitions: int
    permutations: int
    portfolios: int
    placebos: int = 999
    levels: tuple[float, ...] = (0.05,)


EFFORT = {
    "size": Effort(10_000, 2_000, 10_000, levels=(0.01, 0.05, 0.1)),
    "robustness": Effort(500, 200, 500, 200),
    "power": Effort(500, 200, 500, 200),
    "panel": Effort(1_000, 100, 1_000),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the sets; 0 when done, 2 when what was asked for cannot be run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(STANDARD))
    parser.add_argument("--tests", nargs="+", default=list(TEST_NAMES), metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "simulated")
    parser.add_argument("--page", action="store_true", help="write the docs page alone")
    given = parser.parse_args(arguments)
    unknown = set(given.sets) - set(STANDARD)
    if unknown:
        parser.error(f"there is no set {sorted(unknown)[0]!r}; the sets: {', '.join(STANDARD)}")
    try:
        if not given.page:
            for name in given.sets or STANDARD:
                run(name, given.tests, given.workers, given.out / f"{name}.csv")
        write_page(given.out)
    except FaultlineError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def run(name: str, tests: list[str], workers: int, path: Path) -> None:
    """Simulate one set and put its rows into its file."""
    effort = EFFORT[name]
    returns, factors = real_returns() if name == "panel" else (None, None)
    # A server of clean processes: nothing of this one's threads is copied.
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        for chosen, repetitions in split(tests, effort):
            found = size_and_power(
                STANDARD[name],
                repetitions,
                chosen,
                permutation_repetitions=effort.permutations,
                placebos=effort.placebos,
                levels=effort.levels,
                returns=returns,
                factors=factors,
                seed=SEED,
                executor=executor,
                progress=lambda done, total: tell(name, done, total),
            )
            keep(found.assign(seed=SEED, version=__version__), path)


def split(tests: list[str], effort: Effort) -> list[tuple[list[str], int]]:
    """Tests and how often they are run: a portfolio asks for a whole study each time."""
    most = [name for name in tests if name != PORTFOLIO]
    parts = [(most, effort.repetitions), ([PORTFOLIO] * (PORTFOLIO in tests), effort.portfolios)]
    return [part for part in parts if part[0]]


def tell(name: str, done: int, total: int) -> None:
    """Say on standard error how far a set is."""
    if done == total or done % 20 == 0:
        print(f"{name}: {done} of {total} batches", file=sys.stderr, flush=True)


def real_returns() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns of the securities listed in New York, and of the S&P 500, from the snapshot."""
    import polars as pl

    from analysis import Desk
    from analysis.catalogue import Catalogue
    from analysis.settings import bundled

    listed = (
        Catalogue(bundled("data/catalogue"))
        .instruments()
        .filter(
            pl.col("exchange").is_in(["XNYS", "XNAS"])
            & pl.col("role").is_not_null()
            & ~pl.col("role").is_in(["index", "etf", "fx", "volatility"])
        )
    )
    desk = Desk(home=bundled("data/snapshot"))
    market = desk.returns(["^GSPC"]).dropna().set_axis(["market"], axis=1)
    returns = desk.returns(sorted(listed["ticker"]))
    return returns.reindex(market.index), market


def keep(found: pd.DataFrame, path: Path) -> None:
    """Put rows into a file in place of those of the same designs and tests."""
    results = ["rejections", "repetitions", "defined", "events_used", "share", "standard_error"]
    key = [name for name in found.columns if name not in (*results, "seed", "version")]
    merged = found
    if path.exists():
        held = pd.read_csv(path)
        merged = pd.concat([held, found], ignore_index=True)
        merged = merged.drop_duplicates(key, keep="last")
    design = key[: key.index("test")]
    rank = {name: number for number, name in enumerate(TEST_NAMES)}
    number = merged.groupby(design, sort=False, dropna=False).ngroup()
    order = merged.assign(_design=number, _test=merged["test"].map(rank))
    merged = merged.loc[order.sort_values(["_design", "_test", "level"]).index]
    path.parent.mkdir(parents=True, exist_ok=True)
    merged.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def write_page(folder: Path) -> None:
    """Write the docs page from the files."""
    held = {name: folder / f"{name}.csv" for name in STANDARD}
    frames = {name: pd.read_csv(path) for name, path in held.items() if path.exists()}
    text = page(frames)
    (ROOT / "docs" / "size_and_power.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
