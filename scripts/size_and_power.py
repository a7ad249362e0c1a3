"""Simulate the size and power of every test and keep the results in ``data/simulated``.

    python scripts/size_and_power.py [SET ...] [--tests NAME ...] [--workers 2] [--out FOLDER]
    python scripts/size_and_power.py --share 0.05     # a twentieth of the studies, to try it
    python scripts/size_and_power.py --page

SET is size, exchanges, exchanges_raised, closure, separate, variance, few, thin, thin_betas,
robustness, power or panel; all of them by default, which takes about 40 minutes of two cores. Rows
of the tests and designs that are run replace those in the files, all others stay. The page
``docs/size_and_power.md`` and the table that summaries read,
``analysis/eventstudy/inference/measured_sizes.py``, are written each time; --page writes these
two alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from build.measured import module
from build.sizes import page

from analysis import __version__
from analysis.errors import FaultlineError
from analysis.eventstudy.inference.placebo_statistics import STATISTICS
from analysis.eventstudy.inference.registry import RECOMMENDED, TEST_NAMES
from analysis.eventstudy.simulate import STANDARD, size_and_power

ROOT = Path(__file__).resolve().parents[1]
SEED = 1985


@dataclass(frozen=True)
class Effort:
    """How often a set is repeated, and how often the permutation test is run in it.

    Most columns need a standard error of half a point. The placebo dates cost little where
    least squares can be taken from running sums, a fit each with other models. Tests that
    summaries never lead with may be repeated less often, ``others`` times.
    """

    repetitions: int
    permutations: int
    placebos: int = 399
    levels: tuple[float, ...] = (0.05,)
    others: int | None = None

    def of(self, test: str) -> int:
        """How often a test is run."""
        if test in STATISTICS:
            return self.permutations
        return self.repetitions if test in RECOMMENDED else self.others or self.repetitions

    def times(self, share: float) -> Effort:
        """A share of the effort, one study at least."""
        counts = {
            name: max(1, round(share * getattr(self, name)))
            for name in ("repetitions", "permutations", "others")
            if getattr(self, name) is not None
        }
        return replace(self, **counts)


# What the stored results rest on.
EFFORT = {
    "size": Effort(10_000, 4_000, 999, levels=(0.01, 0.05, 0.1), others=5_000),
    "exchanges": Effort(2_000, 2_000),
    "exchanges_raised": Effort(2_000, 2_000),
    "closure": Effort(2_000, 2_000, others=400),
    "separate": Effort(10_000, 2_000, others=400),
    "variance": Effort(2_000, 2_000),
    "few": Effort(2_000, 2_000),
    "thin": Effort(2_000, 2_000),
    "thin_betas": Effort(1_000, 400),
    "robustness": Effort(400, 400),
    "power": Effort(400, 400),
    "panel": Effort(500, 500),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the sets; 0 when done, 2 when what was asked for cannot be run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(STANDARD))
    parser.add_argument("--tests", nargs="+", default=list(TEST_NAMES), metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "simulated")
    parser.add_argument("--share", type=float, default=1.0, help="share of the usual effort")
    parser.add_argument("--page", action="store_true", help="write page and table alone")
    given = parser.parse_args(arguments)
    unknown = set(given.sets) - set(STANDARD)
    if unknown:
        parser.error(f"there is no set {sorted(unknown)[0]!r}; the sets: {', '.join(STANDARD)}")
    try:
        if not given.page:
            for name in given.sets or STANDARD:
                run(name, given)
        write(given.out)
    except FaultlineError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def run(name: str, given: argparse.Namespace) -> None:
    """Simulate one set and put its rows into its file."""
    effort = EFFORT[name].times(given.share)
    returns, factors = real_returns() if name == "panel" else (None, None)
    # A server of clean processes: nothing of this one's threads is copied.
    context = multiprocessing.get_context("forkserver")
    lead = [test for test in given.tests if test in (*RECOMMENDED, *STATISTICS)]
    others = [test for test in given.tests if test not in lead]
    parts = [given.tests] if effort.others is None else [lead, others]
    with ProcessPoolExecutor(given.workers, mp_context=context) as executor:
        for tests in filter(None, parts):
            found = size_and_power(
                STANDARD[name],
                max(map(effort.of, tests)),
                tests,
                permutation_repetitions=effort.permutations,
                placebos=effort.placebos,
                levels=effort.levels,
                returns=returns,
                factors=factors,
                seed=SEED,
                executor=executor,
                progress=lambda done, total: tell(name, done, total),
            )
            keep(found.assign(seed=SEED, version=__version__), given.out / f"{name}.csv")


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
        .table("instruments")
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


def write(folder: Path) -> None:
    """Write the docs page and the engine's table from the files."""
    held = {name: folder / f"{name}.csv" for name in STANDARD}
    frames = {name: pd.read_csv(path) for name, path in held.items() if path.exists()}
    written = {"docs/size_and_power.md": page(frames)}
    if len(frames) == len(STANDARD):
        written["analysis/eventstudy/inference/measured_sizes.py"] = module(frames)
    for name, text in written.items():
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
