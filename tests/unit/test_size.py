"""How often the tests reject a true null: 5 % of the time, or they are not to be led with.

The stored simulations (``data/simulated/size.csv``, five thousand studies a design) must
meet the bounds that summaries rely on, and a small fresh run must agree with them: the
tests of today are those whose sizes the docs report.
"""

from __future__ import annotations

import itertools
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from analysis.catalogue import Catalogue
from analysis.eventstudy import measured_sizes
from analysis.eventstudy.battery import TEST_NAMES
from analysis.eventstudy.conditions import Conditions
from analysis.eventstudy.recommendation import choose
from analysis.eventstudy.simulate import STANDARD, size_and_power
from analysis.settings import bundled

ROOT = Path(__file__).parents[2]
STORED = ROOT / "data" / "simulated" / "size.csv"
REPETITIONS, PERMUTATIONS = 250, 40
DESIGN = ["window_start", "window_end", "spread"]

by_spread = pytest.mark.parametrize("spread", [1, 3, 10])


@cache
def stored() -> pd.DataFrame:
    held = pd.read_csv(STORED)
    return held[np.isclose(held["level"], 0.05)]


@cache
def fresh(spread: int) -> pd.DataFrame:
    designs = [design for design in STANDARD["size"] if design.spread == spread]
    names = [name for name in TEST_NAMES if name != "permutation"]
    return size_and_power(designs, REPETITIONS, names, seed=20250127)


def sizes_of(test: str, spread: int | None = None) -> pd.Series:
    own = stored()[stored()["test"] == test]
    return own["share"] if spread is None else own[own["spread"] == spread]["share"]


def test_the_stored_sizes_are_of_every_test_in_every_design_often_enough():
    held = stored()
    assert set(held["test"]) == set(TEST_NAMES)
    assert (held.groupby("test").size() == len(STANDARD["size"])).all()
    least = held["test"].map({"permutation": 1_000, "calendar_time_t": 300}).fillna(4_000)
    assert (held["repetitions"] >= least).all()
    assert set(held["events"]) == {30}
    assert set(held["correlation"]) == {0.2}


@pytest.mark.parametrize("test", ["kolari_pynnonen_t", "permutation"])
def test_the_tests_that_summaries_lead_with_hold_their_size(test):
    own = stored()[stored()["test"] == test]
    error = 2 * own["standard_error"]
    assert ((own["share"] + error >= 0.04) & (own["share"] - error <= 0.065)).all()


def test_the_overlap_weighted_rank_test_holds_its_size():
    assert sizes_of("grank_overlap").between(0.03, 0.065).all()


def test_the_generalized_rank_test_holds_its_size_on_one_date_alone():
    assert sizes_of("grank_t", 1).between(0.04, 0.07).all()
    assert sizes_of("grank_t", 10).max() > 0.2


@pytest.mark.parametrize("test", ["bmp_t", "patell_z", "cross_sectional_t", "wilcoxon"])
def test_tests_that_take_the_events_for_independent_reject_far_too_often(test):
    assert (sizes_of(test, 1) > 0.3).all()


@pytest.mark.slow
@by_spread
def test_a_fresh_run_gives_the_stored_sizes(spread):
    key = [*DESIGN, "test"]
    both = fresh(spread).merge(stored(), on=key, suffixes=("", "_stored"))
    assert len(both) == 3 * (len(TEST_NAMES) - 1)
    both = both[both["defined"] > 0]
    p = both["share_stored"]
    error = np.sqrt(p * (1 - p) / REPETITIONS + both["standard_error_stored"] ** 2)
    # Four standard errors and one study: fifty figures a run, each with a tail of its own.
    apart = (both["share"] - p).abs() > 4 * error + 1 / REPETITIONS
    assert both.loc[apart, [*key, "share", "share_stored"]].empty


@pytest.mark.slow
@by_spread
def test_the_permutation_test_holds_its_size_in_a_fresh_run(spread):
    designs = [design for design in STANDARD["size"] if design.spread == spread]
    found = size_and_power(designs, PERMUTATIONS, ["permutation"], placebos=100, seed=20250127)
    assert (found["defined"] == 1).all()
    # 5 % of 40 is 2; more than 8 come by chance in one run of ten thousand.
    assert (found["rejections"] <= 8).all()


@cache
def measured() -> str:
    """The engine's table of sizes as the stored results give it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        try:
            from build.measured import module

            return module({name: pd.read_csv(STORED.with_name(f"{name}.csv")) for name in STANDARD})
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == "build"]:
                del sys.modules[name]


def test_the_table_that_summaries_read_is_what_was_simulated():
    assert Path(measured_sizes.__file__).read_text(encoding="utf-8") == measured()


def test_the_table_holds_the_extremes_of_each_case():
    low, high, _ = measured_sizes.SIZES["spread_dates"]["bmp_t"]
    assert low == pytest.approx(sizes_of("bmp_t")[stored()["spread"] > 1].min(), abs=1e-4)
    assert high == pytest.approx(sizes_of("bmp_t")[stored()["spread"] > 1].max(), abs=1e-4)
    thin = pd.read_csv(STORED.with_name("thin.csv"))
    own = thin[(thin["test"] == "permutation") & (thin["model"] == "market model")]["share"]
    assert measured_sizes.SIZES["thin_trading"]["permutation"].high == pytest.approx(
        own.max(), abs=1e-4
    )


def test_where_a_test_is_recommended_it_keeps_its_size_in_the_stored_simulations():
    for crosses, dates, events, untraded, ratio in itertools.product(
        (False, True), (1, 5), (2, 3, 5, 10, 30), (0.0, 0.2), (1.0, 4.0)
    ):
        found = Conditions(events, dates, crosses, untraded, ratio)
        chosen = choose(found)
        if "No test keeps the size" in chosen.sentence:
            continue
        for case in found.cases:
            for name in chosen.tests:
                size = measured_sizes.SIZES[case][name]
                if size is not None:
                    assert size.high - 2 * size.error <= 0.065
                    assert size.low + 2 * size.error >= 0.04


def test_the_page_counts_the_securities_of_the_panel() -> None:
    listed = (
        Catalogue(bundled("data/catalogue"))
        .instruments()
        .filter(
            pl.col("exchange").is_in(["XNYS", "XNAS"])
            & ~pl.col("role").fill_null("index").is_in(["index", "etf", "fx", "volatility"])
        )
    )
    page = (ROOT / "docs" / "size_and_power.md").read_text(encoding="utf-8")
    assert f"20 of the {listed.height} securities of the bundled snapshot" in page
