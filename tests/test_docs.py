"""What the documentation shows can be run as it stands."""

import re
from pathlib import Path

import pytest

from analysis import normal_returns

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_engine_run_one_after_the_other(capsys, monkeypatch):
    monkeypatch.setattr(normal_returns, "MODELS", normal_returns.MODELS.copy())
    blocks = BLOCK.findall((ROOT / "docs" / "event_studies.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/event_studies.md", "exec"), names)
    assert "Ball" in capsys.readouterr().out


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_to_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    where = (ROOT / page).parent
    assert [target for target in targets if not (where / target).exists()] == []


def test_the_readme_counts_the_tests_right():
    from analysis.eventstudy.inference.registry import TEST_NAMES

    words = {16: "sixteen", 17: "seventeen", 18: "eighteen"}
    for page in ("README.md", "docs/event_studies.md"):
        assert f"{words[len(TEST_NAMES)]} tests" in (ROOT / page).read_text(encoding="utf-8")
