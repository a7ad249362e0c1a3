"""A finished page against the allow-list: ours passes, whatever else is in it is named."""

from __future__ import annotations

import re

import nbformat
import pytest

from analysis.briefings import page as page_module
from analysis.briefings import page_inspection
from analysis.briefings.export import collect, to_page
from analysis.briefings.page_inspection import Template, inspect_page
from analysis.errors import RenderError

TEMPLATE = Template(policy="default-src 'none'", version="1", script="go();", style="p{}")
HEAD = """<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<meta name="generator" content="Faultline 1"><link rel="icon" href="data:,">
<title>A</title><style>p{}</style>"""
END = "<script>go();</script></body></html>"


def page(body: str, head: str = HEAD) -> str:
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}{END}'


def test_a_page_of_ours_passes() -> None:
    inspect_page(
        page(
            '<main id="briefing" tabindex="-1"><h1 id="a">A</h1><p>x <a href="#a">y</a> '
            '<a href="https://example.org/?a=1" rel="noopener noreferrer">z</a></p>'
            '<script type="application/json" class="figure">{}</script></main>'
        ),
        TEMPLATE,
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('<meta http-equiv=refresh content="0;url=http://127.0.0.1/">', "<meta http-equiv="),
        (
            "<math><mtext><meta http-equiv=refresh content=0;url=http://127.0.0.1/?\u00a0a='b>",
            "<meta http-equiv=",
        ),
        ('<base href="https://example.org/">', "<base"),
        ("<iframe src=x></iframe>", "<iframe"),
        ("<object data=x></object>", "<object"),
        ("<form action=x></form>", "<form"),
        ("<link rel=stylesheet href=x>", "<link"),
        ("<template><b>x</b></template>", "<template"),
        ("<noscript><p>x</p></noscript>", "<noscript"),
        ("<svg><a xlink:href='javascript:x'>a</a></svg>", "<svg"),
        ("<p onclick=x>a</p>", "<p onclick="),
        ("<p ONMOUSEOVER=x>a</p>", "<p onmouseover="),
        ('<a href="javascript:x">a</a>', "<a href="),
        ('<a href="java&#10;script:x">a</a>', "<a href="),
        ('<a href=" //example.org">a</a>', "<a href="),
        ('<a href="#a" ping="https://example.org/">a</a>', "<a ping="),
        ('<img src="https://example.org/a.png">', "<img src="),
        ('<img srcset="https://example.org/a.png">', "<img srcset="),
        ('<img src="data:image/svg+xml,<svg/>">', "<img src="),
        ('<p style="background:url(//example.org)">a</p>', "<p style="),
        ('<p style="background:u\\72l(//example.org)">a</p>', "<p style="),
        ('<p style="background:image-set(x)">a</p>', "<p style="),
        ("<mi onclick=x>a</mi>", "<mi onclick="),
        ("<style>@import 'x'</style>", "a style of its own"),
        ("<style>p{}</style>", "another head"),
        ("<script>alert(1)</script>", "a script of its own"),
        ("<script>go();</script>", "another head"),
        ("<script src=x></script>", "<script src="),
        ("<script type=module>x</script>", "<script type="),
        ("<script type=application/json src=x></script>", "<script type="),
        ("<!-- x -->", "a comment"),
        ("<p id=chart-theme>a</p><p id=chart-theme>b</p>", "the id 'chart-theme' twice"),
    ],
)
def test_whatever_is_not_on_the_list_is_refused_by_name(body: str, named: str) -> None:
    with pytest.raises(RenderError, match=re.escape(named)):
        inspect_page(page(body), TEMPLATE)


def test_another_policy_or_a_head_without_one_is_refused() -> None:
    for head in (HEAD.replace("'none'", "*"), re.sub(r"<meta http-equiv.*", "", HEAD)):
        with pytest.raises(RenderError, match=r"meta http-equiv|another head"):
            inspect_page(page("<p>a</p>", head), TEMPLATE)


def test_the_cell_that_a_fault_comes_from_is_named() -> None:
    pieces = [("cell 1 ('a')", "<p>fine</p>"), ("cell 2 ('b')", "<p onclick=x>not</p>")]
    with pytest.raises(RenderError, match=r"comes from cell 2 \('b'\)"):
        inspect_page(page("".join(piece for _, piece in pieces)), TEMPLATE, pieces)


def test_a_page_that_fails_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a sanitizer to let something through, the page would still not be published."""
    monkeypatch.setattr(page_module, "sanitized", lambda html: html)
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("display_data", data={"text/html": "<p onclick=x>a</p>"})
    cell = nbformat.v4.new_code_cell("show()", outputs=[output])
    cell.metadata["faultline_cell"] = 3
    notebook.cells = [cell]
    with pytest.raises(RenderError, match=r"<p onclick=\"x\">.*not published.*cell 3 \('show"):
        to_page(notebook, collect(notebook, "Trial"), {"parameters": {}, "version": "1"})


def test_a_page_that_passes_is_parsed_once_however_many_pieces_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed = []
    nodes = page_inspection._nodes
    monkeypatch.setattr(
        page_inspection, "_nodes", lambda html: (parsed.append(len(html)), nodes(html))[1]
    )
    pieces = [(f"cell {number}", f"<p>{number}</p>") for number in range(1000)]
    document = page("".join(piece for _, piece in pieces))
    inspect_page(document, TEMPLATE, pieces)
    assert parsed == [len(document)]
