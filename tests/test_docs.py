"""What the documentation shows can be run as it stands."""

import re
import textwrap
import tomllib
from pathlib import Path

import pytest

from analysis.studies import models

ROOT = Path(__file__).parents[1]
MADE_BY_RECIPES = {
    "analysis/eventstudy/models/trend.py",
    "analysis/loaders/npm.py",
    "notebooks/moves.ipynb",
    "tests/loaders/test_npm.py",
    "tests/eventstudy/models/test_trend.py",
}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_engine_run_one_after_the_other(capsys, monkeypatch):
    monkeypatch.setattr(models, "MODELS", models.MODELS.copy())
    blocks = BLOCK.findall((ROOT / "docs" / "event_studies.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/event_studies.md", "exec"), names)
    assert "Ball" in capsys.readouterr().out


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(one.relative_to(ROOT).as_posix() for one in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_links_lead_to_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    where = (ROOT / page).parent
    assert [target for target in targets if not (where / target).exists()] == []


def test_the_picture_of_the_layers_is_what_the_contracts_say():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [one for one in project["tool"]["importlinter"]["contracts"] if "layers" in one]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    pictures = re.findall(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    for contract, picture in zip(contracts, pictures, strict=True):
        layers = [re.findall(r"\w+", layer) for layer in contract["layers"]]
        lines = [line.split() for line in picture.splitlines()]
        assert [line[: len(layer)] for layer, line in zip(layers, lines, strict=True)] == layers


def test_the_recipes_name_files_that_are_there_and_code_that_compiles():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for block in re.findall(r"^( *)```python\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        code = textwrap.dedent(block[1])
        is_entry = re.match(r'"\w+":', code)  # a line of a table
        compile(f"{{{code}}}" if is_entry else code, "CONTRIBUTING.md", "exec")
    paths = set(re.findall(r"`((?:analysis|data|docs|notebooks|scripts|tests)/[\w./-]+)`", text))
    assert {path for path in paths if not (ROOT / path).exists()} == MADE_BY_RECIPES


def test_the_readme_counts_the_tests_right():
    from analysis.eventstudy.inference.registry import TEST_NAMES

    words = {16: "sixteen", 17: "seventeen", 18: "eighteen"}
    for page in ("README.md", "docs/event_studies.md"):
        assert f"{words[len(TEST_NAMES)]} tests" in (ROOT / page).read_text(encoding="utf-8")
