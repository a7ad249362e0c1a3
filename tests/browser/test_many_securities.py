"""The page of an event on hundreds of securities stays small, and a browser draws all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.many import page_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECURITIES = 500
MOST = 5_000_000  # bytes; plotly.js takes 2 million of them


def test_a_page_of_many_securities_is_small_and_drawn_whole(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    path = page_of(SECURITIES, tmp_path)
    assert path.stat().st_size < MOST
    seen = visit(path)
    assert seen.evaluate("document.documentElement.dataset.ready") == "true"
    assert seen.evaluate("document.querySelectorAll('.waiting').length") == 0
    undrawn = "[...document.querySelectorAll('.plot')].filter((p) => !p.querySelector('svg'))"
    assert seen.page.locator("figure.chart .plot svg.main-svg").count() > 0
    assert seen.evaluate(f"{undrawn}.length") == 0
    assert seen.page.get_by_role("button", name="securities.csv").count() == 1
    assert "use securities.csv at the end of the page" in seen.page.locator("main").inner_text()
    assert seen.complaints == []
    assert seen.requests == [path.as_uri()]
