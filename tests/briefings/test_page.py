"""Outputs of a notebook as pieces of a page: each kind shown, none lost, none trusted."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import nbformat
import pytest

from analysis.briefings.page import Page
from analysis.charts.chart import CHART_MIME as CHART
from analysis.charts.chart import PLOTLY_MIME as PLOTLY
from analysis.errors import RenderError
from analysis.reports.display import CAVEATS, FIGURES, MANIFEST, OPENING, RESULTS

HOSTILE = "</script><script>alert(1)</script><b onclick=x>"


def prose(*sources: str) -> Page:
    page = Page()
    for source in sources:
        page.add_cell(nbformat.v4.new_markdown_cell(source))
    return page


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> tuple[str, Page]:
    page = prose("# Title")
    page.add_output(
        nbformat.v4.new_output("display_data", data=data, metadata=metadata or {}),
    )
    return page.body[-1], page


def chart(**changes: Any) -> dict[str, Any]:
    return {
        "key": "one",
        "title": "Who fell?",
        "caption": "Source: a table.",
        "alt": "Bars.",
        "table": "<table><caption>Data</caption><tr><th>a</th></tr><tr><td>1</td></tr></table>",
        "figure": {"data": [{"type": "bar", "y": [1, float("nan")]}], "layout": {"height": 300}},
    } | changes


def levels(page: Page) -> list[str]:
    return re.findall(r"<h([1-6])", "".join(page.body))


def test_a_page_has_one_first_heading_and_skips_no_level() -> None:
    page = prose("# One\n\n### Two\n\n##### Three", "# Four\n\n#### Five")
    assert levels(page) == ["1", "2", "3", "2", "3"]
    assert page.headline == "One"
    assert [words for _, words in page.contents] == ["Two", "Four"]


def test_the_first_heading_is_the_headline_whatever_its_level() -> None:
    assert levels(prose("### One", "## Two")) == ["1", "2"]


def test_equal_headings_have_different_ids() -> None:
    page = prose("# A", "## B c", "## B c", "## …")
    assert [anchor for anchor, _ in page.contents] == ["b-c", "b-c-2", "part"]


def test_code_stays_out_and_its_outputs_come_in() -> None:
    page = Page()
    output = nbformat.v4.new_output("stream", name="stdout", text="said <b>")
    page.add_cell(nbformat.v4.new_code_cell("secret_source()", outputs=[output]))
    assert page.body == ['<pre class="output" tabindex="0">said &lt;b&gt;</pre>']


def test_a_chart_brings_heading_figure_caption_and_data() -> None:
    html, page = shown({CHART: chart()})
    assert '<h2 class="chart-title" id="chart-one-title">Who fell?</h2>' in html
    assert 'data-alt="Bars."' in html
    assert "height:300px" in html
    assert "<figcaption>Source: a table.</figcaption>" in html
    assert '<details class="data">' in html
    found = re.search(r'<script type="application/json" class="figure">(.*?)</script>', html)
    assert found is not None
    assert json.loads(found[1])["data"] == [{"type": "bar", "y": [1, None]}]
    assert page.charts == 1


def test_charts_of_one_section_stand_on_one_level_under_its_heading() -> None:
    page = prose("# Title", "## Section")
    for key in ("one", "two"):
        output = nbformat.v4.new_output("display_data", data={CHART: chart(key=key)})
        page.add_output(output)
    assert levels(page) == ["1", "2", "3", "3"]


def test_nothing_in_a_chart_can_break_out() -> None:
    figure = {"data": [{"name": HOSTILE, "y": [1]}], "layout": {}}
    html, _ = shown(
        {CHART: chart(title=HOSTILE, caption=HOSTILE, alt=f'"{HOSTILE}', figure=figure)}
    )
    assert html.count("<script") == 1
    assert html.count("</script") == 1
    assert "<b onclick" not in html
    inside = re.search(r'class="figure">(.*?)</script>', html)
    assert inside is not None
    # plotly.js shows &lt; as the character; a tag it would take for markup.
    assert json.loads(inside[1])["data"][0]["name"] == HOSTILE.replace("<", "&lt;")


def test_a_bare_plotly_figure_is_not_lost() -> None:
    figure = {"data": [{"y": [1]}], "layout": {"title": {"text": "Bare <b>"}, "paper_bgcolor": "x"}}
    html, page = shown({PLOTLY: figure, "text/html": "<div>require.js</div>"})
    assert ">Bare</h2>" in html
    assert "require.js" not in html
    assert page.charts == 1
    untitled, _ = shown({PLOTLY: {"data": []}})
    assert ">Chart</h2>" in untitled


def test_key_figures_are_cards_of_text() -> None:
    cards = [{"value": "−17.0 %", "label": HOSTILE, "window": "day 0"}, {"value": 1, "label": "n"}]
    html, _ = shown({FIGURES: cards})
    assert html.startswith('<dl class="figures"><div><dt>')
    assert "−17.0 %" in html
    assert html.count("<dd") == 3
    assert "<script" not in html


@pytest.mark.parametrize(
    ("level", "word"),
    [
        ("warning", "Caution"),
        ("serious", "Serious"),
        ("note", "Note"),
        (None, "Note"),
        ("x", "Note"),
    ],
)
def test_a_caveat_says_its_level_in_words(level: str | None, word: str) -> None:
    html, _ = shown({CAVEATS: [{"title": HOSTILE, "text": HOSTILE, "level": level}]})
    assert f'<span class="level">{word}</span>' in html
    assert "<script" not in html


def test_no_caveats_leave_no_empty_box() -> None:
    assert shown({CAVEATS: []})[0] == ""


def test_results_of_several_cells_become_one() -> None:
    page = Page()
    for part in (
        {"units": "decimal", "tests": [1], "more": {"a": float("inf")}},
        {"units": "decimal", "tests": [2], "more": {"b": 1}},
    ):
        data = {RESULTS: part, "text/plain": "results"}
        page.add_output(nbformat.v4.new_output("display_data", data=data))
    assert page.results == {"units": "decimal", "tests": [1, 2], "more": {"a": None, "b": 1}}
    assert page.body == ["", ""]


def test_results_that_disagree_are_refused() -> None:
    page = Page()
    page.add_output(nbformat.v4.new_output("display_data", data={RESULTS: {"n": 1}}))
    with pytest.raises(RenderError, match="report 'n' differently: 1 and 2"):
        page.add_output(nbformat.v4.new_output("display_data", data={RESULTS: {"n": 2}}))


def test_the_manifest_is_collected_beside_what_is_shown() -> None:
    html, page = shown({MANIFEST: {"as_of": "2025-02-03"}, "text/html": "<p>kept</p>"})
    assert page.manifest == {"as_of": "2025-02-03"}
    assert html == "<p>kept</p>"


def test_html_of_our_objects_stays_and_its_scripts_go() -> None:
    html, _ = shown({"text/html": "<p>a</p><SCRIPT src='x'>x</SCRIPT >", "text/plain": "no"})
    assert html == "<p>a</p>"


def test_a_table_gets_a_box_to_scroll_in_with_a_name() -> None:
    row = "<tr>" + "<td>1</td>" * 14 + "</tr>"
    html, _ = shown({"text/html": f"<div><table class='x'>{row}</table></div>"})
    marks = 'role="region" aria-label="Table 1: Title" tabindex="0"'
    assert f'<div class="scroll wide short" {marks}><table' in html
    captioned, _ = shown({"text/html": "<table><caption>A <b>name</b></caption></table>"})
    assert 'aria-label="Table 1: A name"' in captioned
    written, _ = shown({"text/markdown": "| a |\n|---|\n| 1 |"})
    assert 'class="scroll narrow short"' in written


def test_markdown_outputs_are_escaped_and_join_the_outline() -> None:
    html, page = shown({"text/markdown": f"## Part\n\n{HOSTILE}"})
    assert "<script" not in html
    assert page.contents == [("part", "Part")]


def test_an_opening_is_text_and_never_markdown() -> None:
    name = r"**Nvidia** $\text{<meta http-equiv=refresh>}$ <b>x</b> [a](https://example.org)"
    page = Page()
    data = {OPENING: {"headline": name, "lead": name}, "text/html": "<h1>x</h1>"}
    page.add_output(nbformat.v4.new_output("display_data", data=data))
    assert set(re.findall(r"<(\w+)", page.body[0])) == {"h1", "p"}
    assert page.body[0].count(name.replace("<", "&lt;").replace(">", "&gt;")) == 2
    assert page.headline == name


def test_foreign_html_keeps_words_tables_and_colours() -> None:
    html, _ = shown(
        {
            "text/html": '<iframe src="https://a/"></iframe><form action="https://a/">in</form>'
            '<p onclick="x" style="color: red" id="chart-theme">a</p>'
            '<p style="background:url(https://a/)">b</p><svg><a xlink:href="https://a/">c</a></svg>'
        }
    )
    assert html == 'in<p style="color:red">a</p><p>b</p>'


def test_a_table_within_an_attribute_or_a_table_gets_no_box_of_its_own() -> None:
    html, _ = shown({"text/html": '<p class="<table></table>">a</p>'})
    assert "scroll" not in html
    nested = "<table><tr><td><table><tr><td>1</td></tr></table></td></tr></table><p>after</p>"
    html, _ = shown({"text/html": nested})
    assert html.count('class="scroll') == 1
    assert html.endswith("</table></div><p>after</p>")


def test_headings_leave_the_ids_of_the_page_alone() -> None:
    page = prose("# Briefing", "## Contents", "## Chart theme")
    assert [anchor for anchor, _ in page.contents] == ["contents-2", "chart-theme-2"]


def test_latex_is_shown_as_written_and_pictures_as_pictures() -> None:
    latex, _ = shown({"text/latex": r"$\text{<b>x</b>}$"})
    assert latex == r'<p><code class="formula">$\text{&lt;b&gt;x&lt;/b&gt;}$</code></p>'
    png, _ = shown({"image/png": "AA\nAA"}, {"image/png": {"alt": 'a "dot"'}})
    assert png == '<p><img src="data:image/png;base64,AAAA" alt="a &quot;dot&quot;"></p>'
    svg, _ = shown({"image/svg+xml": "<svg><script>x</script></svg>"})
    assert "<script" not in svg
    assert base64.b64encode(b"<svg><script>x</script></svg>").decode() in svg


def test_plain_text_is_the_last_resort() -> None:
    assert shown({"text/plain": "<object>"})[0] == (
        '<pre class="output" tabindex="0">&lt;object&gt;</pre>'
    )


def test_an_output_that_cannot_be_shown_says_so() -> None:
    html, _ = shown({"application/x-odd": "1"})
    assert "An output of the kind application/x-odd cannot be shown here." in html


def test_a_warning_is_shown_without_the_file_and_the_line_that_raised_it() -> None:
    page = prose("# Title")
    text = (
        "/home/me/analysis/studies.py:78: SuspectReturnsWarning: Column 'A' of returns: prices?\n"
        "  study = EventStudy(\n"
        "reading figures\n"
        "C:\\work\\x.py:3: UserWarning: the second\n"
    )
    page.add_output(nbformat.v4.new_output("stream", name="stderr", text=text))
    assert "studies.py" not in page.body[-1]
    assert "x.py" not in page.body[-1]
    assert "EventStudy(" not in page.body[-1]
    for kept in ("Column &#39;A&#39; of returns: prices?", "reading figures", "the second"):
        assert kept in page.body[-1]


def test_messages_stay_folded_and_tracebacks_open() -> None:
    page = Page()
    page.add_output(nbformat.v4.new_output("stream", name="stderr", text="a <warning>"))
    page.add_output(
        nbformat.v4.new_output("error", ename="E", evalue="x", traceback=["\x1b[31mE: x"])
    )
    assert page.body[0].startswith('<details class="messages">')
    assert "&lt;warning&gt;" in page.body[0]
    assert page.body[1] == '<pre class="problem" tabindex="0">E: x</pre>'
