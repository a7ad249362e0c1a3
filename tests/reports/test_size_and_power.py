"""The page on size and power: stored results, a fresh run beside them, and the docs page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.briefings.notebooks import list_notebooks
from analysis.errors import DataError, InputError
from analysis.eventstudy.inference.registry import RECOMMENDED, TEST_NAMES
from analysis.eventstudy.simulate import STANDARD
from analysis.reports import size_and_power
from analysis.reports.size_and_power import LEVEL, size_report, stored

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report():
    return size_report(repetitions=3, permutations=0, events=5)


@pytest.mark.parametrize("name", list(STANDARD))
def test_every_standard_set_is_stored_with_every_design_and_test(name):
    held = stored(name)
    held = held[(held["level"] - LEVEL).abs() < 1e-9]
    assert len(held) == len(STANDARD[name]) * len(TEST_NAMES)
    assert set(held["test"]) == set(TEST_NAMES)
    assert (held["repetitions"] >= 300).all()


def test_results_that_are_not_there_say_how_they_are_made(monkeypatch, tmp_path):
    monkeypatch.setattr(size_and_power, "bundled", lambda _: tmp_path)
    with pytest.raises(DataError, match=r"scripts/size_and_power\.py power"):
        stored("power")


def test_the_page_opens_with_what_the_stored_results_say(report):
    text = report.headline().text
    assert text.startswith("Which tests can be believed")
    assert f"Of {len(TEST_NAMES)} tests" in text
    assert "nine" not in text
    assert "9 designs" in text
    figures = report.key_figures().payload
    assert len(figures) == len(RECOMMENDED)
    assert all(re.fullmatch(r"\d\.\d to \d\.\d\u202f%", card["value"]) for card in figures)


def test_every_test_stands_in_every_chart_and_table(report):
    for chart in report.charts():
        assert len(chart.table) == len(TEST_NAMES)
    conditions = report.conditions()
    assert [table.key for table in conditions] == [
        "exchanges-table", "exchanges-raised-table", "closure-table", "separate-table",
        "variance-table", "few-table", "thin-table", "thin-betas-table",
    ]  # fmt: skip
    for table in (*conditions, report.table(), report.robustness(), report.panel(), report.fresh()):
        assert len(table.frame) == len(TEST_NAMES)
    assert len(report.table().frame.columns) == 10
    assert len(report.power().table) == 5


def test_the_fresh_run_is_of_the_design_asked_for(report):
    found = report.simulated
    assert set(found["events"]) == {5}
    assert set(found.loc[found["test"] != "permutation", "repetitions"]) == {3}
    assert "5 events" in report.fresh().markup


def test_a_design_that_cannot_be_is_refused_before_anything_is_simulated():
    with pytest.raises(InputError, match=r"Design\.spread must be at least 1"):
        size_report(spread=0)


def test_the_docs_page_is_the_one_that_the_stored_results_give(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    try:
        from build.sizes import page

        frames = {name: pd.read_csv(ROOT / f"data/simulated/{name}.csv") for name in STANDARD}
        written = (ROOT / "docs" / "size_and_power.md").read_text(encoding="utf-8")
        assert page(frames) == written
        for name in TEST_NAMES:
            # A table for each set, two for the other designs.
            assert written.count(f"| `{name}` |") == len(STANDARD) + 1
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "build"]:
            del sys.modules[name]


def test_the_notebook_is_listed_with_its_parameters():
    info = next(one for one in list_notebooks() if one.name == "size_and_power")
    assert [spec.name for spec in info.parameters] == [
        "repetitions",
        "permutations",
        "events",
        "correlation",
        "spread",
        "seed",
    ]
