"""Hostile text in every field that reaches a page: shown as text, nothing run, nothing asked.

``--whole-trials`` tries 1,000 strings; without it 100 of the same kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browser import hostile
from tests.browser.conftest import ARGUMENTS
from tests.servers.local import LocalServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SEED = 20250127
PORTION = 100  # strings on one page
TICKERS = ("NVDA", "AVGO", "TSM", "MU", "VST", "VRT", "MSFT", "META", "0981.HK", "2330.TW")
CANARY = """
    window.__hits = [];
    window.__hit = (number) => { window.__hits.push(number); };
"""
# What a reader does: open, point at, click; and what a page has that no briefing may have.
TRY_EVERYTHING = """async () => {
    document.querySelectorAll("details").forEach((node) => { node.open = true; });
    for (const node of document.querySelectorAll("body *")) {
        for (const kind of ["mouseover", "focus", "toggle", "load", "error"])
            node.dispatchEvent(new Event(kind, { bubbles: true }));
    }
    for (const plot of document.querySelectorAll(".plot.js-plotly-plot")) {
        const points = Math.min(plot.data[0]?.x?.length ?? 0, 100);
        for (let i = 0; i < points; i += 1) {
            try { Plotly.Fx.hover(plot, [{ curveNumber: 0, pointNumber: i }]); } catch { continue; }
            await new Promise((done) => requestAnimationFrame(done));
        }
    }
    await new Promise((done) => setTimeout(done, 500));
}"""
FOREIGN = """() => {
    const bad = [];
    const banned = "base,iframe,frame,object,embed,form,input,video,audio,link:not([rel=icon])";
    const outside = `${banned},meta[http-equiv=refresh],body style`;
    for (const node of document.querySelectorAll(outside)) bad.push(node.outerHTML.slice(0, 200));
    for (const node of document.querySelectorAll("*")) {
        for (const { name, value } of node.attributes) {
            if (name.startsWith("on")) bad.push(`${node.tagName} ${name}`);
            const drawn = node.closest(".plot") !== null && value.startsWith("#");
            if (/^(xlink:)?href$|^src$|^action$|^data$/.test(name) && !drawn
                && !/^(#|https?:|data:(,|image\\/))/.test(value)) bad.push(`${name}=${value}`);
        }
    }
    for (const node of document.querySelectorAll(".plot a")) bad.push(node.outerHTML.slice(0, 200));
    return bad;
}"""


@dataclass
class Watched:
    """What a page did while it was open."""

    page: Any
    requests: list[str] = field(default_factory=list)
    navigations: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def trapped(playwright: Any, chromium: Path) -> Iterator[Any]:
    """A browser whose only host is this machine, where the trap listens."""
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    opened = playwright.chromium.launch(executable_path=str(chromium), args=[*ARGUMENTS, rules])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[LocalServer]:
    with LocalServer() as local:
        yield local


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One page for each portion of the strings."""
    if "portion" in metafunc.fixturenames:
        count = 1000 if metafunc.config.getoption("whole_trials") else 100
        metafunc.parametrize("portion", range(0, count, PORTION))


def watch(browser: Any, path: Path) -> Watched:
    context = browser.new_context()
    context.add_init_script(CANARY)
    page = context.new_page()
    seen = Watched(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("framenavigated", lambda frame: seen.navigations.append(frame.url))
    page.on("pageerror", lambda error: seen.events.append(str(error)))
    page.on("console", lambda message: seen.events.append(message.text))

    def dismiss(dialog: Any) -> None:
        seen.events.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(path.as_uri(), timeout=120_000)
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    return seen


def as_shown(text: str) -> str:
    """Text as a parser of HTML reads it: without NUL, white space folded."""
    return " ".join(text.encode(errors="replace").decode().replace("\0", "").split())


def check(browser: Any, trap: LocalServer, path: Path) -> set[str]:
    """Open a page, try everything in it, and return the texts of its tables and lists."""
    asked = len(trap.requests)
    seen = watch(browser, path)
    title = seen.page.title()
    seen.page.evaluate(TRY_EVERYTHING)
    assert seen.page.evaluate("window.__hits") == []
    assert seen.page.evaluate(FOREIGN) == []
    assert seen.page.evaluate("document.documentElement.dataset.ready") == "true"
    assert seen.page.title() == title
    assert seen.events == []
    assert [url for url in seen.requests if not url.startswith(("data:", "blob:"))] == [
        path.as_uri()
    ]
    assert seen.navigations == [path.as_uri()]
    assert trap.requests[asked:] == []
    words = seen.page.evaluate(
        "[...document.querySelectorAll('td, th, p, dd')].map((node) => node.textContent)"
    )
    seen.page.context.close()
    return {as_shown(text.replace("\ufffd", "")) for text in words}


def test_the_trap_notices_what_a_page_without_escapes_would_do(
    trapped: Any, trap: LocalServer, tmp_path: Path
) -> None:
    texts = hostile.strings(SEED, len(hostile.TEMPLATES), trap.url)
    seen = watch(trapped, hostile.raw_page(texts, tmp_path))
    seen.page.wait_for_timeout(1500)
    assert len(trap.requests) > 10
    assert any(event.startswith("dialog") for event in seen.events)
    seen.page.context.close()


def test_every_kind_of_output_shows_hostile_text_as_text(
    trapped: Any, trap: LocalServer, tmp_path: Path, portion: int
) -> None:
    texts = hostile.strings(SEED, portion + PORTION, trap.url)[portion:]
    shown = check(trapped, trap, hostile.outputs_page(texts, tmp_path))
    assert [text for text in texts if as_shown(text) not in shown] == []


def test_a_hostile_catalogue_becomes_an_ordinary_briefing(
    trapped: Any, trap: LocalServer, tmp_path: Path, portion: int
) -> None:
    texts = hostile.strings(SEED + 1, portion + PORTION, trap.url)[portion:]
    shown = check(trapped, trap, hostile.report_page(texts, tmp_path, TICKERS))
    named = [text for text in hostile.catalogued(texts) if as_shown(text) in shown]
    assert len(named) >= len(TICKERS)
    assert any(text.startswith(hostile.DOUBT) for text in shown)
