"""A browser without a network that keeps a record of what a page says and asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Visit:
    """An open page and everything that it asked for or complained about."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def evaluate(self, script: str, argument: object = None) -> Any:
        return self.page.evaluate(script, argument)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Playwright, of which a process can have one at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Any, chromium: Path) -> Iterator[Any]:
    """One headless Chromium for all tests of a process."""
    opened = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def opener(browser: Any) -> Callable[..., Visit]:
    """Open a file with the network off; options are those of a playwright context."""

    def open_file(path: Path, *, before: str = "", ready: bool = True, **options: Any) -> Visit:
        context = browser.new_context(offline=True, **options)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        visit = Visit(page)
        page.on("request", lambda request: visit.requests.append(request.url))
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("dialog", lambda dialog: visit.complaints.append(f"dialog {dialog.message}"))
        page.goto(path.as_uri())
        if ready:
            # A selector, since the page's policy forbids the evaluation of functions as text.
            page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
        return visit

    return open_file


@pytest.fixture
def visit(opener: Callable[..., Visit]) -> Iterator[Callable[..., Visit]]:
    """Open pages that a test changes; they are closed after it."""
    opened: list[Visit] = []

    def open_file(path: Path, **options: Any) -> Visit:
        opened.append(opener(path, **options))
        return opened[-1]

    yield open_file
    for one in opened:
        one.page.context.close()


@pytest.fixture(scope="module")
def seen(opener: Callable[..., Visit], path: Path) -> Iterator[Visit]:
    """The module's page on a desktop, for tests that only look."""
    opened = opener(path)
    yield opened
    opened.page.context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's own script."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def violations(axe: str) -> Callable[[Visit], list[str]]:
    """Serious and critical findings of axe on an open page."""

    def check(visit: Visit) -> list[str]:
        visit.evaluate(axe)
        found = visit.evaluate("async () => (await axe.run()).violations")
        return [
            f"{item['id']}: {item['help']}: {[node['html'][:160] for node in item['nodes'][:3]]}"
            for item in found
            if item["impact"] in ("serious", "critical")
        ]

    return check
