"""The page on size and power: the stored simulations, and a small fresh one beside them.

The notebook ``size_and_power`` calls `size_report` and displays its parts in order. The
stored results come from ``scripts/size_and_power.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from analysis.errors import DataError
from analysis.eventstudy.inference.size_verdict import HIGH, LOW, size_of, verdict
from analysis.eventstudy.simulate import STANDARD, Design
from analysis.reports import display
from analysis.reports.display import Display
from analysis.settings import bundled

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from analysis.charts import Chart, Table

LEVEL = 0.05
WINDOWS = ((0, 0), (-1, 1), (-5, 5))
# What the recommended tests are held to, and what is drawn of power.
HELD = (LOW, HIGH)
POWERFUL = ("kolari_pynnonen_t", "permutation", "grank_overlap", "adjusted_patell_z", "grank_t")
CONDITIONS = {
    "exchanges": "Size where New York reacts on one session and Asia on the next",
    "exchanges_raised": "Size where they do and the event raises the variance",
    "closure": "Size where an exchange was closed on days before its day 0",
    "separate": "Size with events on separate dates",
    "variance": "Size where the event raises the variance",
    "few": "Size with few events",
    "thin": "Size where a fifth of the days passes without a trade",
    "thin_betas": "Size there with betas that allow for thin trading",
}
SPREADS = {1: "all events on one date", 3: "over 3 sessions", 10: "over 10 sessions"}


def size_report(
    repetitions: int = 60,
    permutations: int = 10,
    events: int = 30,
    correlation: float = 0.2,
    spread: int = 1,
    seed: int = 1,
) -> SizeReport:
    """Read the stored results and set up a fresh simulation of one design.

    Parameters
    ----------
    repetitions, permutations : int
        Simulated studies, and how many of them the permutation test is run in.
    events, correlation, spread
        As in `Design`.
    seed : int
        Of the fresh simulation.

    Returns
    -------
    SizeReport
        Nothing is simulated yet.

    Raises
    ------
    InputError
        A number out of its range.
    DataError
        The stored results are not where they belong.
    """
    designs = tuple(
        Design(window=window, events=events, correlation=correlation, spread=spread)
        for window in WINDOWS
    )
    return SizeReport(designs, repetitions, permutations, seed)


def stored(name: str) -> pd.DataFrame:
    """Read the stored results of one set of `simulate.STANDARD`.

    Raises
    ------
    DataError
        There are none.
    """
    import pandas as pd

    path = stored_at(name)
    if not path.is_file():
        raise DataError(
            f"There are no simulated sizes at {path}; make them: scripts/size_and_power.py {name}"
        )
    return pd.read_csv(path)


def stored_at(name: str) -> Path:
    """File of the stored results of one set."""
    return bundled("data/simulated") / f"{name}.csv"


@dataclass(frozen=True)
class SizeReport:
    """The parts of the page on size and power, in the order in which it shows them.

    Attributes
    ----------
    designs : tuple of Design
        The fresh simulation, one design per window.
    repetitions, permutations, seed : int
    """

    designs: tuple[Design, ...]
    repetitions: int
    permutations: int
    seed: int

    def headline(self) -> Display:
        """The first heading of the page and its lead paragraph."""
        from analysis.charts.tests_table import TEST_NAMES
        from analysis.formatting import listing

        kept, lost = self._held()
        worst = self.sizes.nlargest(1, "share").to_dict("records")[0]
        names = [TEST_NAMES.get(name, name) for name in kept]
        tests = f"Of {len(kept) + len(lost)} tests, {len(kept)} rejected a true null"
        lead = f"{tests} {_bounds()} of the time in every one of {self._columns()} designs"
        lead += f": {listing(names)}." if kept else "."
        return display.opening(
            "Which tests can be believed when events share dates",
            f"{lead} The worst, {TEST_NAMES.get(worst['test'], worst['test'])}, rejected "
            f"{worst['share']:.0%} of true nulls at a nominal level of {LEVEL:.0%}.",
        )

    def key_figures(self) -> Display:
        """The range of sizes of each recommended test."""
        from analysis.charts.tests_table import RECOMMENDED, TEST_NAMES

        cards = []
        for name in RECOMMENDED:
            own = self.sizes[self.sizes["test"] == name]["share"]
            cards.append(
                {
                    "value": f"{100 * own.min():.1f} to {100 * own.max():.1f}\u202f%",
                    "label": f"{TEST_NAMES[name]}: share of true nulls rejected at 5\u202f%",
                    "window": "one date to ten sessions, windows of 1 to 11 days",
                }
            )
        return display.key_figures(cards)

    def charts(self) -> list[Chart]:
        """Sizes of every test, one chart per spread of the dates."""
        from analysis.charts.size_and_power import size_chart

        titles = {
            1: "How often does each test reject a true null when all events share one date?",
            3: "And when dates are spread over 3 sessions?",
            10: "And over 10 sessions?",
        }
        return [
            size_chart(
                self._series(self.sizes[self.sizes["spread"] == spread]),
                self.source,
                key=f"size-{spread}",
                title=titles[spread],
            )
            for spread in SPREADS
        ]

    def table(self) -> Table:
        """Sizes of every test in every design."""
        from analysis.charts.size_and_power import size_table

        return size_table(
            self._series(self.sizes),
            key="size-table",
            caption="Size: share of true nulls rejected at 5 %",
        )

    def fresh(self) -> Table:
        """The fresh simulation beside the stored one of the nearest design."""
        import pandas as pd

        from analysis.charts.size_and_power import size_table

        own = self._series(self.simulated).assign(under="this run")
        near = self.designs[0].spread if self.designs[0].spread in SPREADS else 1
        held = self._series(self.sizes[self.sizes["spread"] == near]).assign(
            under=f"stored, {SPREADS[near]}"
        )
        one = self.designs[0]
        return size_table(
            pd.concat([own, held], ignore_index=True),
            key="fresh-table",
            caption="This run beside the stored one",
            notes=[
                f"This run: {self.repetitions} studies ({self.permutations} for the permutation "
                f"test) of {one.events} events, residual correlation {one.correlation:g}, day 0 "
                f"on {one.spread} session{'' if one.spread == 1 else 's'}, seed {self.seed}."
            ],
        )

    def power(self) -> Chart:
        """How often the tests that keep their size find an effect on one date."""
        from analysis.charts.size_and_power import power_chart

        powers = _at_level(stored("power"))
        powers = powers[(powers["spread"] == 1) & powers["test"].isin(POWERFUL)]
        return power_chart(
            powers,
            "Window −1 to +1, 30 events on one date, residual correlation 0.2. " + self.source,
            key="power",
            title="How large must an effect be to be found?",
        )

    def conditions(self) -> list[Table]:
        """Sizes under the conditions other than the usual one, see `CONDITIONS`."""
        from analysis.charts.size_and_power import size_table
        from analysis.eventstudy.simulate import cases

        tables = []
        for name, caption in CONDITIONS.items():
            found = _at_level(stored(name))
            found = self._series(found).assign(under=cases(found))
            key = f"{name.replace('_', '-')}-table"
            tables.append(size_table(found, key=key, caption=caption))
        return tables

    def robustness(self) -> Table:
        """Sizes when something else than the usual design is true."""
        from analysis.charts.size_and_power import size_table
        from analysis.eventstudy.simulate import cases

        found = _at_level(stored("robustness"))
        found = found[found["spread"] == 1]
        found = found.assign(under="all events on one date, window −1 to +1", series=cases(found))
        return size_table(found, key="robustness-table", caption="Size in other designs")

    def panel(self) -> Table:
        """Sizes on real returns."""
        from analysis.charts.size_and_power import size_table

        return size_table(
            self._series(_at_level(stored("panel"))),
            key="panel-table",
            caption="Size on real returns: random securities and dates",
            notes=[
                "20 of the 49 securities of the snapshot that are listed in New York, S&P 500 as "
                "the market, random dates since January 2016. Their own events are among the "
                "dates, and their volatility comes in clusters, which no test here allows for."
            ],
        )

    def provenance(self) -> Table:
        """What was simulated, in words."""
        from analysis.charts import event_table

        row = self.sizes.iloc[0]
        counts = self.sizes.groupby("test")["repetitions"].first()
        return event_table(
            {
                "Returns": "one market factor, betas 0.5 to 1.5, own volatility 1 to 3 % a day",
                "Model": f"{row['model']}, estimation window ({row['estimation_start']}, "
                f"{row['estimation_end']})".replace("-", "−"),
                "Stored repetitions": f"{counts.min():,} to {counts.max():,}, by test",
                "Seed and version": f"{row['seed']}, faultline {row['version']}",
                "Source": "Brown and Warner (1980, 1985); Kolari and Pynnönen (2010)",
            },
            key="provenance",
            caption="What was simulated",
        )

    def payload(self) -> Display:
        """Every number of the tables, machine-readable."""
        from analysis.json_values import records

        columns = [
            "test", "window_start", "window_end", "spread", "events", "correlation",
            "share", "standard_error", "defined", "repetitions",
        ]  # fmt: skip
        document = {
            "level": LEVEL,
            "stored": records(self.sizes[columns]),
            "fresh": records(self.simulated[columns]),
        }
        return display.results(document)

    def manifest(self) -> Display:
        """Which stored results, of which content."""
        tables = {}
        for name in STANDARD:
            content = stored_at(name).read_bytes()
            tables[f"simulated/{name}"] = {
                "rows": content.count(b"\n") - 1,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        return display.manifest({"tables": tables})

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """The stored sizes at 5 %."""
        return _at_level(stored("size"))

    @cached_property
    def simulated(self) -> pd.DataFrame:
        """The fresh simulation."""
        from analysis.eventstudy.simulate import size_and_power

        return size_and_power(
            self.designs,
            self.repetitions,
            permutation_repetitions=self.permutations,
            seed=self.seed,
        )

    @cached_property
    def source(self) -> str:
        """Source line under every chart."""
        row = self.sizes.iloc[0]
        return (
            f"Source: own simulations, up to {self.sizes['repetitions'].max():,} studies a design, "
            f"seed {row['seed']}, faultline {row['version']}."
        )

    def _held(self) -> tuple[list[str], list[str]]:
        """Tests that kept to the bounds in every design, and the others."""
        tests = self.sizes.groupby("test", sort=False)
        kept = {str(test): verdict(size_of(rows)) == "keep" for test, rows in tests}
        return [test for test in kept if kept[test]], [test for test in kept if not kept[test]]

    def _columns(self) -> int:
        return len(self.sizes[["window_start", "window_end", "spread"]].drop_duplicates())

    def _series(self, sizes: pd.DataFrame) -> pd.DataFrame:
        """Name the columns of a table: dates over windows."""
        days = (sizes["window_end"] - sizes["window_start"] + 1).astype(int)
        return sizes.assign(
            series=[f"{length} day{'' if length == 1 else 's'}" for length in days],
            under=[SPREADS.get(spread, f"over {spread} sessions") for spread in sizes["spread"]],
        )


def _bounds() -> str:
    return f"{100 * HELD[0]:g} to {100 * HELD[1]:g} %"


def _at_level(results: pd.DataFrame) -> pd.DataFrame:
    return results[(results["level"] - LEVEL).abs() < 1e-9].reset_index(drop=True)
