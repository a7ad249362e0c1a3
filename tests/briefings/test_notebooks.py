"""Which notebooks there are, and that no name reaches a file elsewhere."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis.briefings.notebooks import find_notebook, list_notebooks
from analysis.errors import DataError, InputError


def write(folder: Path, name: str, *, faultline: Any = None, cells: Any = ()) -> Path:
    metadata = {} if faultline is None else {"faultline": faultline}
    content = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_bundled_notebooks_can_be_listed_and_say_what_they_are_for() -> None:
    found = {info.name: info for info in list_notebooks()}
    event = found["event_briefing"]
    assert event.title
    assert event.summary
    assert {"event", "as_of", "model"} <= {spec.name for spec in event.parameters}
    assert [spec.name for spec in event.parameters if spec.required] == ["event"]


def test_notebooks_import_only_the_desk_and_the_reports() -> None:
    modules = set()
    for info in list_notebooks():
        cells = json.loads(info.path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                modules.add(node.module or "")
            elif isinstance(node, ast.Import):
                modules.update(name.name for name in node.names)
    allowed = re.compile(r"analysis|analysis\.reports(\.\w+)?|IPython\.display")
    assert "analysis" in modules
    assert [module for module in modules if not allowed.fullmatch(module)] == []


def test_title_and_summary_fall_back_to_the_first_words(tmp_path: Path) -> None:
    source = ["# A question\n", "\n", "What it is\n", "about.\n", "\n", "More."]
    write(tmp_path, "one", cells=[{"cell_type": "markdown", "source": source}])
    write(tmp_path, "two_words")
    one, two = list_notebooks(tmp_path)
    assert (one.name, one.title, one.summary) == ("one", "A question", "What it is about.")
    assert (two.title, two.summary, two.parameters) == ("Two words", "", ())


def test_the_suffix_is_forgiven(tmp_path: Path) -> None:
    path = write(tmp_path, "one")
    assert find_notebook("one.ipynb", tmp_path).path == path


@pytest.mark.parametrize(
    "name", ["../one", "a/one", "/etc/passwd", "one\0", "..", "", ".one", "a\\one", "one/", "-p"]
)
def test_a_path_is_refused_even_where_it_leads_to_a_notebook(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(tmp_path, "one")
    write(folder, "one")
    with pytest.raises(InputError, match="not the name of a notebook"):
        find_notebook(name, folder)


def test_an_unknown_notebook_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "event_briefing")
    with pytest.raises(InputError, match="Did you mean 'event_briefing'"):
        find_notebook("event_brifing", tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 1}', '{"cells": [], "metadata": []}'])
def test_a_damaged_notebook_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.ipynb is not a notebook"):
        list_notebooks(tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "not a name", "kind": "text"}, "is not a Python name"),
        ({"kind": "text"}, "is not a Python name"),
        ({"name": "x", "kind": "colour"}, "kind 'colour'; known: event"),
        ({"name": "x", "kind": "choice"}, "a choice without choices"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, entry: Any, message: str) -> None:
    write(tmp_path, "one", faultline={"parameters": [entry]})
    with pytest.raises(DataError, match=message):
        list_notebooks(tmp_path)
