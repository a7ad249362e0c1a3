"""A made-up market of thousands of securities, and the briefing of one event on it.

``python -m tests.browser.many 2000 FOLDER`` writes the page and says how large it is and, where
Chromium is installed, how long it takes to draw.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
import numpy as np
import polars as pl

from analysis.briefings.export import collect, to_page
from analysis.catalogue import Catalogue
from analysis.desk import Desk
from analysis.reports.event import event_report
from analysis.settings import bundled

EVENT = "ds-appstore-1"
ROLES = ("gpu", "foundry", "memory", "equipment", "networking", "servers", "cloud", "software")


def page_of(securities: int, folder: Path, *, seed: int = 1) -> Path:
    """Write the event's briefing on made-up securities beside those of the catalogue."""
    made_up = pl.DataFrame({"ticker": [f"MADE{number:04}" for number in range(securities)]})
    desk = Desk(home=_prices(made_up["ticker"].to_list(), folder / "home", seed))
    desk.catalogue = Catalogue(_catalogue(made_up, folder / "catalogue"))
    report = event_report(desk, EVENT, group="made_up")
    shown = [
        report.note(), report.moves(), report.context(), report.facts(), report.timeline(),
        report.abnormal_returns(), report.paths(), report.heat_map(), report.security_table(),
        report.group_table(), report.test_table(), report.other_tests(),
        report.robustness_table(),
        report.skipped(), report.caveats(), report.provenance(), report.payload(),
        report.manifest(),
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell()
    cell.outputs = [nbformat.v4.new_output("display_data", _bundle(item)) for item in shown]
    notebook.cells = [cell]
    page = collect(notebook, "Many securities")
    path = folder / "many.html"
    record = {"notebook": "many", "title": "Many", "version": "1", "commit": None, "parameters": {}}
    instants = dict.fromkeys(("started", "finished"), "2025-01-27T12:00:00Z")
    path.write_text(to_page(notebook, page, record | instants), encoding="utf-8")
    return path


def _bundle(item: Any) -> dict[str, Any]:
    if hasattr(item, "_repr_mimebundle_"):
        return dict(item._repr_mimebundle_())
    return {"text/html": item._repr_html_(), "text/plain": ""}


def _catalogue(made_up: pl.DataFrame, folder: Path) -> Path:
    shutil.copytree(bundled("data/catalogue"), folder)
    path = folder / "instruments.csv"
    known = pl.read_csv(path, infer_schema=False)
    nvidia = known.filter(pl.col("ticker") == "NVDA").drop("ticker", "name", "role", "entity")
    rows = made_up.with_columns(
        name=pl.col("ticker").str.replace("MADE", "Made up "),
        role=pl.Series([ROLES[place % len(ROLES)] for place in range(len(made_up))]),
        entity=pl.col("ticker").str.to_lowercase(),
    ).join(nvidia, how="cross")
    pl.concat([known, rows.select(known.columns)]).write_csv(path)
    made_up.select(name=pl.lit("made_up"), ticker="ticker").write_csv(folder / "groups.csv")
    return folder


def _prices(tickers: list[str], home: Path, seed: int) -> Path:
    """Sessions of New York around the event; a beta of one, one residual of 2 % a day."""
    shutil.copytree(bundled("data/snapshot"), home)
    path = home / "prices.parquet"
    known = pl.read_parquet(path)
    market = known.filter(
        (pl.col("ticker") == "SPY") & pl.col("date").is_between(date(2023, 9, 1), date(2025, 3, 1))
    ).sort("date")
    days, level = market["date"].to_list(), market["adj_close"].to_numpy()
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.02, (len(tickers), len(days)))
    closes = level * np.exp(np.cumsum(noise, axis=1))
    made_up = pl.DataFrame(
        {
            "date": days * len(tickers),
            "ticker": np.repeat(tickers, len(days)),
            "close": closes.ravel(),
            "adj_close": closes.ravel(),
        }
    ).with_columns(
        volume=pl.lit(1_000_000, pl.Int64),
        source=pl.lit("made up"),
        observed_at=pl.lit(datetime(2025, 3, 2, tzinfo=UTC)).cast(known.schema["observed_at"]),
        backfilled=pl.lit(value=True),
        flag=pl.lit(None, pl.String),
    )
    pl.concat([known, made_up.select(known.columns)]).write_parquet(path)
    return home


def seconds_to_draw(path: Path, chromium: str) -> float:
    """Time from opening a page in a browser without a network until its charts are drawn."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_context(offline=True).new_page()
        began = perf_counter()
        page.goto(path.as_uri(), timeout=240_000)
        page.wait_for_selector("html[data-ready=true]", state="attached", timeout=240_000)
        seconds = perf_counter() - began
        browser.close()
    return seconds


if __name__ == "__main__":
    began = perf_counter()
    written = page_of(int(sys.argv[1]), Path(sys.argv[2]))
    print(f"{written}: {written.stat().st_size / 1e6:.1f} MB", end="")
    print(f", made in {perf_counter() - began:.0f} s")
    if found := shutil.which("chromium"):
        print(f"drawn in {seconds_to_draw(written, found):.1f} s")
