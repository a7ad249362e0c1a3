"""A rendered page in a real browser: everything drawn, nothing asked, readable by everyone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import plotly.graph_objects as go
import pytest

from analysis.briefings.export import collect, to_page
from analysis.charts.chart import CHART_MIME as CHART
from analysis.charts.chart import PLOTLY_MIME as PLOTLY
from analysis.reports.display import CAVEATS, FIGURES, MANIFEST, RESULTS

pytestmark = pytest.mark.browser

CHARTS = 5
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
SECURITIES = [
    {"security": "=HYPERLINK(1)", "abnormal": -0.5, "car": {"-1,1": {"t": 2.0}}, "note": HOSTILE},
    {"security": "-1.5e3", "abnormal": None, "car": {}, "note": 'a "b",\r\nc'},
    {"security": "\uff0dx", "abnormal": 1e-9, "note": "é"},
]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def shown(**data: Any) -> nbformat.NotebookNode:
    outputs = [
        nbformat.v4.new_output("display_data", data={kind: value}) for kind, value in data.items()
    ]
    return nbformat.v4.new_code_cell("pass", outputs=outputs)


def chart(key: str, figure: go.Figure) -> nbformat.NotebookNode:
    from analysis.charts.theme import new_figure

    drawn = new_figure(360)
    drawn.add_traces(figure.data)
    table = (
        "<table><caption>Data</caption><tr><th scope='col'>a</th></tr><tr><td>1</td></tr></table>"
    )
    content = {
        "key": key,
        "title": f"Who fell more than the market can explain? {HOSTILE}",
        "caption": f"Source: a table; as of 3 Feb 2025. {HOSTILE}",
        "alt": f"Bars. {HOSTILE}",
        "table": table,
        "figure": json.loads(drawn.to_json()),
    }
    return shown(**{CHART: content})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wide = "".join(f"<th scope='col'>column {i}</th>" for i in range(16))
    cells = "".join(f"<td class='gt_right'>−{i}.00</td>" for i in range(16))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        shown(
            **{
                "text/markdown": f"# Nvidia lost 17.0 %\n\n{HOSTILE} cost $5 billion, $x^2$.",
                FIGURES: [{"value": "−17.0 %", "label": HOSTILE, "window": "day 0"}] * 3,
            }
        ),
        nbformat.v4.new_markdown_cell(f"## What happened\n\n{HOSTILE}\n\n[a](javascript:alert(3))"),
        chart("bars", go.Figure(go.Bar(x=["A <b>x", "B"], y=[1, -2]))),
        chart("lines", go.Figure(go.Scatter(x=[1, 2, 3], y=[1, 2, 3]))),
        chart("map", go.Figure(go.Heatmap(z=[[1, -2], [0, 3]], coloraxis="coloraxis"))),
        chart("box", go.Figure(go.Box(y=[1, 2, 3, 9]))),
        nbformat.v4.new_markdown_cell("## The numbers\n\n$$\\sqrt{\\frac{1}{n}}$$"),
        shown(
            **{
                "text/html": f"<table><caption>Wide</caption><thead><tr>{wide}</tr></thead>"
                f"<tbody><tr>{cells}</tr></tbody></table>",
                PLOTLY: {"data": [{"y": [1, 2]}], "layout": {"title": {"text": "Bare"}}},
                RESULTS: {"units": "decimal", "note": HOSTILE, "securities": SECURITIES},
                MANIFEST: {"tables": {"prices": {"version": 1}}},
            }
        ),
        nbformat.v4.new_markdown_cell("## How sure"),
        shown(**{CAVEATS: [{"title": "One date", "text": HOSTILE, "level": "warning"}]}),
    ]
    manifest = {
        "notebook": "trial",
        "title": f"Trial {HOSTILE}",
        "parameters": {"event": "ds-r1", "note": HOSTILE},
        "as_of": "2025-02-03",
        "version": "0.1.0",
        "commit": None,
        "started": "2025-02-03T12:00:00Z",
        "finished": "2025-02-03T12:00:09Z",
    }
    page = collect(notebook, "Trial")
    target = tmp_path_factory.mktemp("page") / "trial.html"
    target.write_text(to_page(notebook, page, manifest), encoding="utf-8")
    return target


def test_every_chart_is_drawn_with_nothing_asked_and_nothing_complained(
    seen: Any, path: Path
) -> None:
    sizes = seen.evaluate(
        """[...document.querySelectorAll("figure.chart .plot")].map((plot) => {
             const box = plot.querySelector("svg.main-svg")?.getBoundingClientRect();
             return box ? [box.width, box.height] : null; })"""
    )
    assert len(sizes) == CHARTS
    assert all(size and size[0] > 300 and size[1] > 100 for size in sizes)
    assert seen.evaluate("document.documentElement.dataset.ready") == "true"
    assert seen.evaluate("document.querySelectorAll('.waiting').length") == 0
    assert seen.complaints == []
    assert seen.requests == [path.as_uri()]


def test_marks_of_the_data_are_on_the_page(seen: Any) -> None:
    assert seen.page.locator("#chart-bars .bars .point").count() == 2
    assert seen.page.locator("#chart-lines .scatterlayer path.js-line").count() == 1
    assert seen.page.locator("#chart-map .heatmaplayer image").count() == 1


def test_hostile_titles_and_parameters_show_as_text(seen: Any) -> None:
    words = seen.page.locator("body").inner_text()
    for place in ("figcaption", ".figures dt", ".caveats", "footer", ".masthead", ".chart-title"):
        assert HOSTILE in seen.page.locator(place).first.inner_text()
    assert words.count("<img src=x onerror=alert(2)>") > 8
    assert seen.page.locator("main img, footer img, header img").count() == 0
    assert seen.page.locator('a[href^="javascript"]').count() == 0


def test_the_policy_lets_nothing_else_run_or_be_fetched(
    visit: Callable[..., Any], path: Path
) -> None:
    seen = visit(path)
    blocked = seen.evaluate(
        """async () => {
             const seen = [];
             addEventListener("securitypolicyviolation", (e) => seen.push(e.effectiveDirective));
             const script = document.createElement("script");
             script.textContent = "window.ran = true";
             document.body.append(script);
             const button = document.createElement("button");
             button.setAttribute("onclick", "window.ran = true");
             document.body.append(button);
             button.click();
             const image = new Image();
             image.src = "https://example.org/pixel.png";
             document.body.append(image);
             await fetch("https://example.org/").catch(() => {});
             await new Promise((done) => setTimeout(done, 300));
             return [window.ran === undefined, [...new Set(seen)].sort()];
           }"""
    )
    assert blocked[0]
    assert {"script-src-elem", "script-src-attr", "img-src", "connect-src"} <= set(blocked[1])


def test_the_policy_names_hashes_and_no_unsafe_script(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    policy = html.split('Content-Security-Policy" content="')[1].split('"')[0]
    scripts = policy.split("script-src ")[1].split(";")[0]
    assert scripts.count("'sha256-") == len(scripts.split()) == 2
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(
    visit: Callable[..., Any], violations: Callable[..., list[str]], path: Path, scheme: str
) -> None:
    seen = visit(path, color_scheme=scheme)
    seen.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert violations(seen) == []


def test_headings_are_in_order_and_landmarks_there(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path)
    levels = seen.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert seen.page.locator(f"body {landmark}").count() == 1
    assert seen.evaluate("document.documentElement.lang") == "en"
    assert seen.page.title() == "Nvidia lost 17.0 % · Faultline"
    seen.page.keyboard.press("Tab")
    assert seen.evaluate("document.activeElement.textContent") == "Skip to the briefing"
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("main:focus")


def test_a_phone_scrolls_one_way_only(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path, **PHONE)
    assert seen.evaluate("document.documentElement.scrollWidth") <= 390
    widths = seen.evaluate(
        "[...document.querySelectorAll('svg.main-svg')].map((s) => s.getBoundingClientRect().right)"
    )
    assert max(widths) <= 390
    box = seen.page.locator(".scroll.wide")
    assert box.evaluate("(node) => node.scrollWidth > node.clientWidth")
    box.focus()
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_timeout(500)
    assert box.evaluate("(node) => node.scrollLeft") > 0


def test_print_holds_every_chart_and_table_whole(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path, viewport={"width": 1280, "height": 900}, color_scheme="dark")
    seen.page.set_viewport_size({"width": 680, "height": 1000})  # between A4's margins
    seen.page.emulate_media(media="print", color_scheme="dark")
    clipped = """() => [...document.querySelectorAll("svg.main-svg, .scroll table")]
        .filter((node) => node.getBoundingClientRect().right > innerWidth + 1
                       || node.getBoundingClientRect().width === 0
                       && !node.closest("details"))
        .map((node) => node.outerHTML.slice(0, 80))"""
    assert seen.evaluate(clipped) == []
    assert seen.evaluate("document.documentElement.scrollWidth") <= 681
    # A browser that tells no script that it prints still scales what is drawn.
    seen.evaluate(
        """async () => { for (const plot of document.querySelectorAll(".plot"))
             await Plotly.relayout(plot, { width: 1200 }); }"""
    )
    assert seen.evaluate(clipped) == []
    ink = seen.evaluate("getComputedStyle(document.body).color")
    paper = seen.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    assert not seen.page.locator("details.data").first.is_visible()


def test_a_printed_page_has_light_charts_and_the_screen_its_dark_ones_back(
    visit: Callable[..., Any], path: Path
) -> None:
    seen = visit(path, color_scheme="dark")
    colour = "getComputedStyle(document.querySelector('#chart-bars .xtick text')).fill"
    dark = seen.evaluate(colour)
    seen.page.emulate_media(media="print", color_scheme="dark")
    light = changed(seen, colour, dark)
    seen.page.emulate_media(media="screen", color_scheme="dark")
    assert changed(seen, colour, light) == dark
    seen.page.emulate_media(media="screen", color_scheme="light")
    assert changed(seen, colour, dark) == light
    assert seen.complaints == []


def changed(seen: Any, script: str, old: object) -> object:
    """Value of an expression once it is no longer what it was."""
    for _ in range(50):
        if (value := seen.evaluate(script)) != old:
            return value
        seen.page.wait_for_timeout(100)
    return old


def test_a_pdf_can_be_printed(visit: Callable[..., Any], path: Path) -> None:
    seen = visit(path)
    assert seen.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert seen.complaints == []


def test_without_scripts_words_and_tables_can_be_read(
    visit: Callable[..., Any], path: Path
) -> None:
    seen = visit(path, ready=False, java_script_enabled=False)
    assert seen.page.locator("h1").inner_text() == "Nvidia lost 17.0 %"
    assert seen.page.locator(".waiting").first.is_visible()
    seen.page.locator("details.data summary").first.click()
    assert seen.page.locator("details.data table").first.is_visible()


def test_a_browser_that_cannot_unpack_shows_the_tables(
    visit: Callable[..., Any], path: Path
) -> None:
    seen = visit(path, before="delete window.DecompressionStream")
    assert seen.evaluate("document.documentElement.dataset.ready") == "failed"
    assert "could not draw the chart" in seen.page.locator(".waiting").first.inner_text()
    assert seen.page.locator("details.data table").first.is_visible()


def test_a_table_is_saved_whole_for_a_spreadsheet_without_a_network(
    visit: Callable[..., Any], path: Path, tmp_path: Path
) -> None:
    seen = visit(path)
    with seen.page.expect_download() as waiting:
        seen.page.get_by_role("button", name="securities.csv").click()
    waiting.value.save_as(tmp_path / "saved.csv")
    assert waiting.value.suggested_filename == "securities.csv"
    with (tmp_path / "saved.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"security": "'=HYPERLINK(1)", "abnormal": "-0.5", "car -1,1 t": "2", "note": HOSTILE},
        {"security": "-1.5e3", "abnormal": "", "car -1,1 t": "", "note": 'a "b",\r\nc'},
        {"security": "'\uff0dx", "abnormal": "1e-9", "car -1,1 t": "", "note": "é"},
    ]
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith("blob:")] == [path.as_uri()]


def test_results_and_manifest_can_be_read_back(seen: Any) -> None:
    read = "JSON.parse(document.getElementById('faultline-{}').textContent)"
    results = seen.evaluate(read.format("results"))
    assert results == {"units": "decimal", "note": HOSTILE, "securities": SECURITIES}
    assert seen.evaluate(read.format("manifest"))["parameters"]["note"] == HOSTILE


def test_the_same_run_gives_the_same_bytes(path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [chart("bars", go.Figure(go.Bar(y=[1, -2])))]
    manifest = {"parameters": {}, "version": "0.1.0"}
    pages = {to_page(notebook, collect(notebook, "Trial"), manifest) for _ in range(2)}
    assert len(pages) == 1
    assert "<h1" in pages.pop()
