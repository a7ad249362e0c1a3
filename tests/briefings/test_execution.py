"""A notebook run in a kernel of this very Python, and its page from end to end."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from analysis.briefings.engine import cell_label
from analysis.briefings.parameters import KnownNames
from analysis.briefings.render import render

pytestmark = pytest.mark.slow

REPORT = """
import os, sys, warnings
from IPython.display import Markdown, display
display(Markdown(f"# Reaction to {event}"), Markdown(f"Said: {note}"))
names = ("HF_TOKEN", "FAULTLINE_OFFLINE", "FAULTLINE_HOME", "HOME")
display({"application/vnd.faultline.results+json": {
    "python": sys.executable, "window": window, "cars": cars, "as_of": as_of,
    "environment": {name: os.environ.get(name) for name in names},
    "ipython": get_ipython().ipython_dir, "folder": os.getcwd(),
}}, raw=True)
"""
CHART = """
from analysis.charts.chart import Chart
import pandas as pd
import plotly.graph_objects as go
data = pd.DataFrame({"a": ["1"]})
Chart("bars", "Who fell?", go.Figure(go.Bar(y=[1, -2])), "Source: x.", data, "Bars.")
"""
SECRET = """
print("".join(["hf_sec", "ret_value"]))
warnings.warn("look out")
"""


def write(folder: Path) -> None:
    assign = nbformat.v4.new_code_cell(
        "event = ''\nnote = None\nas_of = None\nwindow = [-1, 1]\ncars = []"
    )
    assign.metadata["tags"] = ["parameters"]
    aside = nbformat.v4.new_markdown_cell("# Only for those who open the notebook")
    aside.metadata["tags"] = ["remove-cell"]
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    notebook.metadata["faultline"] = {
        "title": "Trial",
        "parameters": [
            {"name": "event", "kind": "event", "required": True},
            {"name": "note", "kind": "text"},
            {"name": "as_of", "kind": "date"},
            {"name": "window", "kind": "window", "default": [-1, 1]},
            {"name": "cars", "kind": "windows", "default": [[0, 0]]},
        ],
    }
    code = [nbformat.v4.new_code_cell(source.strip()) for source in (REPORT, CHART, SECRET)]
    notebook.cells = [aside, assign, *code]
    nbformat.write(notebook, folder / "trial.ipynb")


def stray_kernel(folder: Path) -> None:
    """A kernel of another environment under the usual names."""
    for name in ("python3", "faultline"):
        (folder / "kernels" / name).mkdir(parents=True)
        spec = {"argv": ["/bin/false"], "display_name": "stray", "language": "python"}
        (folder / "kernels" / name / "kernel.json").write_text(json.dumps(spec))


def embedded(html: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


def test_a_notebook_becomes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out, stray = tmp_path / "notebooks", tmp_path / "out", tmp_path / "stray"
    folder.mkdir()
    write(folder)
    stray_kernel(stray)
    monkeypatch.setenv("JUPYTER_PATH", str(stray))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/proc/none/runtime")
    monkeypatch.setenv("JUPYTER_DATA_DIR", "/proc/none/data")
    monkeypatch.setenv("IPYTHONDIR", "/proc/none/ipython")
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("HF_TOKEN", "hf_secret_value")
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    monkeypatch.setenv("PYTHONPATH", ":relative")
    steps: list[tuple[int, int, str]] = []
    note = '"quoted" <script>alert(1)</script> \\n ${x}'

    html_path, ipynb_path = render(
        "trial",
        {"event": "ds-r1", "note": note, "cars": "0,0; -1,1"},
        out,
        as_of="2025-02-03",
        formats="html,ipynb",
        progress=lambda *step: steps.append(step),
        home=tmp_path / "store",
        folder=folder,
        known_names=KnownNames(events=("ds-r1",)),
    )

    html = html_path.read_text(encoding="utf-8")
    assert html_path.parent == ipynb_path.parent == out
    assert html_path.stem == ipynb_path.stem
    assert html_path.stem.startswith(
        "trial--ds-r1--note-quoted-script-alert-1-script-n-x--as_of-2025-02-03"
    )
    results, manifest = embedded(html, "faultline-results"), embedded(html, "faultline-manifest")
    assert results["python"] == sys.executable
    assert results["window"] == [-1, 1]
    assert results["cars"] == [[0, 0], [-1, 1]]
    assert results["as_of"] == manifest["as_of"] == "2025-02-03"
    assert results["environment"] == {
        "HF_TOKEN": None,
        "FAULTLINE_OFFLINE": "1",
        "FAULTLINE_HOME": str((tmp_path / "store").resolve()),
        "HOME": "/proc/none",
    }
    assert not Path(results["folder"]).exists()
    assert not Path(results["ipython"]).exists()
    assert manifest["parameters"]["note"] == note
    assert manifest["started"] <= manifest["finished"]

    assert "<h1" in html
    assert "Reaction to ds-r1</h1>" in html
    assert "Only for those" not in html
    assert 'id="chart-bars"' in html
    assert "alert(1)</script>" not in html
    assert '<details class="messages">' in html

    executed = ipynb_path.read_text(encoding="utf-8")
    assert "hf_secret_value" not in html + executed
    assert "[HF_TOKEN removed]" in html
    assert json.loads(executed)["metadata"]["faultline"]["manifest"] == manifest

    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
    assert steps[0][1:] == (6, "Only for those who open the notebook")
    assert steps[-1] == (6, 6, "published")
    assert capfd.readouterr() == ("", "")
    assert sorted(out.iterdir()) == [html_path, ipynb_path]


@pytest.mark.parametrize(
    ("kind", "source", "words"),
    [
        ("markdown", "text\n\n## The heading\n", "The heading"),
        ("markdown", "  only text", "only text"),
        ("code", "\n# a remark\nx = 1", "# a remark"),
        ("code", "", ""),
        ("code", "x" * 80, "x" * 59 + "…"),
    ],
)
def test_a_cell_is_found_by_its_first_words(kind: str, source: str, words: str) -> None:
    cell = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    assert cell_label(cell) == words
