"""The page on size and power, rendered from its notebook, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.briefings.render import render
from analysis.eventstudy.inference.registry import TEST_NAMES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ASKED = {"repetitions": "2", "permutations": "0", "events": "4", "spread": "3"}


@pytest.fixture(scope="module")
def path(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``chromium`` first, so that nothing is rendered in vain."""
    (rendered,) = render("size_and_power", ASKED, tmp_path_factory.mktemp("size-page"))
    return rendered


def test_the_page_draws_its_charts_and_asks_for_nothing(seen: Any, path: Path) -> None:
    charts = seen.evaluate(
        """[...document.querySelectorAll("figure.chart")].map((figure) => ({
             id: figure.id, drawn: figure.querySelectorAll(".plot svg.main-svg").length > 0,
             rows: figure.querySelectorAll("details.data tbody tr").length }))"""
    )
    assert [chart["id"] for chart in charts] == [
        "chart-size-1",
        "chart-size-3",
        "chart-size-10",
        "chart-power",
    ]
    assert all(chart["drawn"] and chart["rows"] for chart in charts)
    assert seen.complaints == []
    assert seen.requests == [path.as_uri()]


def test_the_numbers_for_machines_hold_every_test_and_the_fresh_run(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    found = re.search(r'<script [^>]*id="faultline-results">(.*?)</script>', html)
    assert found is not None
    results = json.loads(found[1])
    assert {row["test"] for row in results["stored"]} == set(TEST_NAMES)
    assert {row["spread"] for row in results["fresh"]} == {3}
    assert {row["events"] for row in results["fresh"]} == {4}


def test_axe_finds_no_serious_violation(seen: Any, violations: Callable[..., list[str]]) -> None:
    assert violations(seen) == []


def test_a_phone_scrolls_downwards_alone(visit: Callable[..., Any], path: Path) -> None:
    phone = visit(path, viewport={"width": 390, "height": 844})
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
