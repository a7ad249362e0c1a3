"""A run notebook as one document: complete without charts, named by its title without a heading."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from typing import Any

import nbformat
import pytest

from analysis.briefings.export import collect, to_page
from analysis.briefings.notebooks import parse_notebook
from analysis.charts.chart import CHART_MIME as CHART
from analysis.charts.chart import PLOTLY_MIME as PLOTLY
from analysis.errors import RenderError

MANIFEST = {"parameters": {"event": "ds-r1", "group": None}, "version": "0.1.0", "title": "Trial"}


def notebook(*cells: Any) -> Any:
    node = nbformat.v4.new_notebook()
    node.cells = list(cells)
    return node


def code(data: dict[str, Any], *tags: str) -> Any:
    outputs = [nbformat.v4.new_output("display_data", data=data)]
    cell = nbformat.v4.new_code_cell("x = 1", outputs=outputs)
    cell.metadata["tags"] = list(tags)
    return cell


def written(node: Any, title: str = "Trial") -> str:
    return to_page(node, collect(node, title), MANIFEST)


def test_a_notebook_without_a_heading_takes_its_title_for_one() -> None:
    html = written(notebook(code({PLOTLY: {"data": []}})), "A <b>title</b>")
    assert '<h1 id="b-a-b-title-b">' not in html
    assert ">A &lt;b&gt;title&lt;/b&gt;</h1>" in html
    assert "<title>A &lt;b&gt;title&lt;/b&gt; · Faultline</title>" in html
    assert html.index("<h1") < html.index("<h2")


def test_a_page_without_charts_carries_no_plotly() -> None:
    html = written(notebook(nbformat.v4.new_markdown_cell("# Words")))
    assert len(html) < 60_000
    assert 'id="plotly-packed"' not in html
    assert html.split("script-src ")[1].split(";")[0].count("sha256") == 1


def test_tagged_cells_and_outputs_stay_out_and_the_notebook_is_left_alone() -> None:
    node = notebook(
        nbformat.v4.new_markdown_cell("# Shown"),
        code({"text/plain": "gone with its cell"}, "remove-cell"),
        code({"text/plain": "gone alone"}, "remove-output"),
    )
    html = written(node)
    assert "gone" not in html
    assert len(node.cells) == 3
    assert node.cells[2].outputs


def test_the_policy_holds_the_hash_of_what_is_packed() -> None:
    html = written(notebook(code({PLOTLY: {"data": []}})))
    packed = re.search(r'id="plotly-packed">(.*?)</script>', html)
    own = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert packed is not None
    assert own is not None
    for script in (gzip.decompress(base64.b85decode(packed[1])), own[1].encode()):
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert f"'sha256-{digest}'" in html


def test_nothing_in_a_page_names_a_host() -> None:
    html = written(notebook(nbformat.v4.new_markdown_cell("# Words"), code({PLOTLY: {"data": []}})))
    without_data = re.sub(r'id="plotly-packed">.*?</script>', "", html)
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', without_data) == []
    assert "@import" not in without_data
    assert "url(" not in without_data


def test_an_output_that_cannot_be_laid_out_names_its_cell() -> None:
    broken = code({CHART: {"title": "no figure"}})
    broken.metadata["faultline_cell"] = 7
    with pytest.raises(RenderError, match=r"output of cell 7 \('x = 1'\) cannot be laid out: Key"):
        collect(notebook(broken), "Trial")


def test_a_parameter_that_was_not_set_is_not_listed() -> None:
    html = written(notebook(nbformat.v4.new_markdown_cell("# Words")))
    assert "event = ds-r1" in html
    assert "group" not in html.split("<footer>")[1].split("</footer>")[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"nbformat": 4, "cells": 1}'])
def test_what_is_no_notebook_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_notebook(text)
