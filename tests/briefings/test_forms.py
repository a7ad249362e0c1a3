"""Other forms of a page say what the page says."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import nbformat
import polars as pl
import pytest

from analysis.briefings import forms
from analysis.briefings.export import collect, to_page
from analysis.reports import display

RESULTS = {
    "units": "decimal",
    "window": [-5, 5],
    "securities": [
        {"security": "NVDA", "raw": -0.17, "n": 3, "car": {"0,0": {"car": -0.13}}},
        {"security": "=1+1", "raw": None, "n": 4, "car": {"0,0": {"car": 0.5}}},
    ],
    "recommended": {"tests": ["kolari_pynnonen_t"], "sentence": "Read it."},
}
MANIFEST = {"parameters": {"event": "ds-r1"}, "version": "0.2.0", "title": "Trial"}
FIGURE = {"data": [{"type": "scatter", "x": [1, 2], "y": [1, 2]}], "layout": {"height": 300}}


def output(shown: display.Display) -> nbformat.NotebookNode:
    bundle = shown._repr_mimebundle_()
    return nbformat.v4.new_output("display_data", data=bundle)


@pytest.fixture(scope="module")
def page() -> str:
    node = nbformat.v4.new_notebook()
    badge = {"text": "Official", "level": "note"}
    card = {"value": "\u221217.0 %", "label": "Nvidia", "window": "day 0"}
    note = display.note("A title", "Nvidia fell.", [badge], [card], ["One.", "Two."])
    chart = {
        "application/vnd.faultline.chart+json": {"key": "dots", "title": "Dots", "figure": FIGURE}
    }
    first = [
        output(note),
        nbformat.v4.new_output("display_data", data=chart),
        output(display.lines({"Source": "exchanges"})),
        output(display.results(RESULTS)),
    ]
    table = "<table><caption>T</caption><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    node.cells = [
        nbformat.v4.new_code_cell("x", outputs=first),
        nbformat.v4.new_markdown_cell("## Appendix"),
        nbformat.v4.new_code_cell(
            "y", outputs=[nbformat.v4.new_output("display_data", data={"text/html": table})]
        ),
    ]
    return to_page(node, collect(node, "Trial"), MANIFEST)


def test_json_has_every_number_of_the_page_and_its_manifest(page: str) -> None:
    found = json.loads(forms.to_json(page))
    assert found["results"] == RESULTS
    assert found["manifest"]["parameters"] == {"event": "ds-r1"}


def test_markdown_has_the_words_and_the_tables(page: str) -> None:
    text = forms.to_markdown(page).decode()
    assert text.startswith("# A title\n\nNvidia fell.\n\n* Official\n")
    assert "* One.\n* Two." in text
    assert "## Appendix" in text
    assert "| 1 |" in text
    assert "drawn by a script" not in text
    assert "{" not in text


def test_a_workbook_has_a_typed_sheet_per_table_and_one_of_sources(page: str) -> None:
    book = forms.to_workbook(page)
    sheets = pl.read_excel(io.BytesIO(book), sheet_id=0)
    assert set(sheets) == {"securities", "sources"}
    rows = sheets["securities"]
    assert rows.columns[0] == "security"
    assert rows["raw"].to_list() == [-0.17, None]
    assert rows["car 0,0 car"].to_list() == [-0.13, 0.5]
    assert rows["n"].to_list() == [3, 4]
    # Text, and no formula that Excel would compute.
    assert rows["security"].to_list()[1] == "=1+1"
    said = dict(sheets["sources"].iter_rows())
    assert said["window"] == "[-5, 5]"
    assert said["recommended sentence"] == "Read it."
    assert said["version"] == "0.2.0"


def test_the_note_alone_ends_before_the_appendix_and_is_a_page(page: str) -> None:
    alone = forms.note_alone(page)
    assert "Two." in alone
    assert "exchanges" in alone
    assert "Appendix</h2>" not in alone
    assert alone.endswith("</html>\n") or alone.rstrip().endswith("</html>")
    bare = page.replace('<h2 id="', '<h3 id="')
    assert forms.note_alone(bare) == bare


@pytest.mark.usefixtures("chromium")
def test_chromium_prints_the_page_and_takes_pictures_of_note_and_charts(page: str) -> None:
    pdf = forms.to_pdf(page)
    assert pdf.startswith(b"%PDF")
    assert re.search(rb"/Type\s*/Page\b", pdf)
    pictures = forms.to_pictures(page)
    assert set(pictures) == {"note", "chart-dots"}
    for content in pictures.values():
        assert content.startswith(b"\x89PNG")
        assert int.from_bytes(content[16:20]) == 1000


def test_a_browser_that_fails_is_said_in_a_sentence(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("FAULTLINE_BROWSER", str(broken))
    with pytest.raises(forms.RenderError, match="Chromium failed with code 3: no display"):
        forms.to_pdf(page)
    broken.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(forms.RenderError, match="Chromium wrote no file"):
        forms.to_pdf(page)


def test_a_workbook_takes_names_and_texts_that_excel_would_refuse() -> None:
    tables = {"a/b": [{"x": "y" * 40_000}], "A:B": [{"x": 1}], "'": [{"x": 2}]}
    sheets = pl.read_excel(io.BytesIO(forms.workbook(tables, {"k": "v"})), sheet_id=0)
    assert list(sheets) == ["a b", "A B 2", "table", "sources"]
    text = sheets["a b"]["x"][0]
    assert (len(text), text[-1]) == (32_767, "\u2026")


def test_the_browser_sees_no_secret(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = tmp_path / "browser"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\nexit 0\n")
    spy.chmod(0o755)
    monkeypatch.setenv("FAULTLINE_BROWSER", str(spy))
    monkeypatch.setenv("SMTP_PASS", "planted-secret")
    with pytest.raises(forms.RenderError, match="wrote no file"):
        forms.to_pdf(page)
    assert "planted-secret" not in (tmp_path / "seen").read_text()
