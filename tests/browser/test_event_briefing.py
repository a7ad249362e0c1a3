"""The briefing on DeepSeek Monday, whole, in a real browser."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analysis.briefings import forms
from analysis.briefings.render import render

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="session")
def path(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render once for all processes of a test run; ``chromium`` first, so that none is in vain."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    target = shared / "event-briefing"
    with (shared / "event-briefing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = target / "event_briefing--ds-appstore-1.html"
        if not done.exists():
            (rendered,) = render("event_briefing", {"event": "ds-appstore-1"}, target)
            assert rendered == done
    return done


@pytest.fixture(scope="session")
def html(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def embedded(html: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


def test_every_chart_is_drawn_with_nothing_asked_and_nothing_complained(
    seen: Any, path: Path
) -> None:
    charts = seen.evaluate(
        """[...document.querySelectorAll("figure.chart")].map((figure) => {
             const box = figure.querySelector(".plot svg.main-svg")?.getBoundingClientRect();
             return { id: figure.id, drawn: box !== undefined && box.width > 300 && box.height > 80,
                      caption: figure.querySelector("figcaption")?.textContent ?? "",
                      rows: figure.querySelectorAll("details.data tbody tr").length,
                      spoken: figure.querySelector("svg[role=img]")?.ariaLabel ?? "" }; })"""
    )
    assert len(charts) >= 5
    for chart in charts:
        assert chart["drawn"], chart
        assert chart["caption"], chart
        assert chart["rows"], chart
        assert chart["spoken"], chart
    assert seen.complaints == []
    assert seen.requests == [path.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(
    visit: Callable[..., Any], violations: Callable[..., list[str]], path: Path, scheme: str
) -> None:
    seen = visit(path, color_scheme=scheme)
    # The charts' data tables look like the others and take seconds: once is enough.
    if scheme == "light":
        seen.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert violations(seen) == []


def test_the_page_opens_with_its_result(seen: Any) -> None:
    assert "27 January 2025" in seen.page.locator("h1").inner_text()
    assert re.search(r"Nvidia.*17\.0.%", seen.page.locator(".headline").inner_text())
    assert seen.page.locator(".badges li").count() >= 2
    assert seen.page.locator(".bullets li").count() == 3
    assert 1 <= seen.page.locator(".figures > div").count() <= 3
    assert seen.page.locator(".caveats li").count() >= 2
    levels = seen.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => Number(h.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_every_id_stands_for_one_place(seen: Any) -> None:
    ids = seen.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert sorted(ids) == sorted(set(ids))
    links = seen.evaluate("[...document.querySelectorAll('nav a')].map((a) => a.hash.slice(1))")
    assert links
    assert set(links) <= set(ids)


def test_the_numbers_of_deepseek_monday_are_in_it(html: str) -> None:
    # Closing prices of 24 and 27 January 2025, adjusted for splits and dividends.
    raw = {"NVDA": -16.97, "AVGO": -17.40, "TSM": -13.33, "MU": -11.71, "MRVL": -19.10}
    raw |= {"VRT": -29.88, "VST": -28.27, "CEG": -20.85, "MSFT": -2.14, "META": 1.91}
    results = embedded(html, "faultline-results")
    assert results["units"] == "decimal"
    rows = {row["security"]: row for row in results["securities"]}
    for security, per_cent in raw.items():
        assert rows[security]["raw"] * 100 == pytest.approx(per_cent, abs=0.006)
        assert rows[security]["day0"] == "2025-01-27"
    # Market model on the home benchmark, estimation window (-250, -31).
    for security, per_cent in {"NVDA": -13.0, "TSM": -10.7, "AMD": -2.7}.items():
        assert rows[security]["abnormal"] * 100 == pytest.approx(per_cent, abs=0.1)
        assert rows[security]["t"] == pytest.approx(
            rows[security]["abnormal"] / rows[security]["se"], rel=1e-9
        )
    assert {"-1,1"} <= set(rows["NVDA"]["car"])
    assert results["tests"]
    assert "NaN" not in json.dumps(results)


def test_the_manifest_says_where_the_numbers_come_from(html: str) -> None:
    manifest = embedded(html, "faultline-manifest")
    assert manifest["notebook"] == "event_briefing"
    assert manifest["parameters"]["event"] == "ds-appstore-1"
    assert manifest["parameters"]["estimation"] == [-250, -31]
    assert "prices" in manifest["tables"]
    assert {"version", "commit", "started", "finished", "as_of"} <= set(manifest)


def test_a_phone_scrolls_one_way_only(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    assert seen.evaluate("document.documentElement.scrollWidth") <= 390
    rights = seen.evaluate(
        "[...document.querySelectorAll('svg.main-svg')].map((s) => s.getBoundingClientRect().right)"
    )
    assert max(rights) <= 390


def top(seen: Any, selector: str) -> float:
    return float(
        seen.evaluate(f"document.querySelector({selector!r}).getBoundingClientRect().top + scrollY")
    )


def test_the_first_chart_is_seen_without_scrolling(visit: Callable[..., Any], path: Path) -> None:
    desktop = visit(path, viewport={"width": 1400, "height": 900})
    assert top(desktop, "figure.chart svg.main-svg") < 900 - 200
    # A thumb scrolls a phone by about one screen.
    phone = visit(path, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    assert top(phone, "figure.chart svg.main-svg") < 2 * 844 - 200


def test_print_clips_no_chart_and_no_table(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path, viewport={"width": 680, "height": 1000})  # between A4's margins
    seen.page.emulate_media(media="print")
    beyond = seen.evaluate(
        """[...document.querySelectorAll("svg.main-svg, .scroll table")]
            .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
            .map((node) => node.outerHTML.slice(0, 100))"""
    )
    assert beyond == []
    assert seen.evaluate("document.documentElement.scrollWidth") <= 681
    heights = seen.evaluate(
        """[...document.querySelectorAll("figure.chart")]
            .map((figure) => figure.getBoundingClientRect().height)"""
    )
    assert max(heights) < 990  # what an A4 page leaves between its margins


def test_a_briefing_is_light_enough_to_pass_on(path: Path) -> None:
    assert path.stat().st_size < 2_500_000


def test_the_note_prints_on_two_pages(html: str) -> None:
    pages = re.findall(rb"/Type\s*/Page\b", forms.to_pdf(forms.note_alone(html)))
    assert 1 <= len(pages) <= 2


def test_every_table_that_is_shown_can_be_saved(seen: Any) -> None:
    buttons = seen.page.locator("main .scroll + button.csv")
    assert buttons.count() == seen.page.locator("main .scroll").count() >= 10
    named = seen.page.get_by_label("Returns on day 0 and cumulative abnormal returns (CAR), as CSV")
    with seen.page.expect_download() as started:
        named.click()
    assert started.value.suggested_filename.startswith("returns-on-day-0")
    assert "\nNvidia,NVDA," in Path(started.value.path()).read_text(encoding="utf-8")
    assert seen.page.locator("main > details summary").count() >= 1
