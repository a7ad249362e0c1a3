"""The watched list: who is asked for what, and what its checker catches."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.catalogue import Catalogue, check_file
from analysis.settings import bundled

CATALOGUE = Catalogue(bundled("data/catalogue"))
HEADER = "platform,name,kind,entity,why\n"


def test_the_authors_that_the_press_watches_are_watched() -> None:
    assert {"deepseek-ai", "Qwen", "moonshotai", "zai-org"} <= set(
        CATALOGUE.watched_by("huggingface_artefacts")
    )
    assert {"deepseek-ai", "QwenLM"} <= set(CATALOGUE.watched_by("github_artefacts"))


def test_engines_are_paired_with_every_family() -> None:
    pairs = CATALOGUE.watched_by("github_support")
    engines = {pair.partition(":")[0] for pair in pairs}
    assert engines == {"vllm-project/vllm", "vllm-project/vllm-ascend", "sgl-project/sglang"}
    assert "vllm-project/vllm-ascend:DeepSeek-V4" in pairs


def test_a_model_of_a_watched_author_is_counted_once() -> None:
    names = CATALOGUE.watched_by("huggingface")
    assert "deepseek-ai" in names
    assert not [name for name in names if name.startswith("deepseek-ai/")]
    assert "openai/gpt-oss-120b" in names


def test_a_loader_without_names_of_its_own_gets_none() -> None:
    assert CATALOGUE.watched_by("openrouter") == ()


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("pypi,vllm,author,,x", "kind", "take one of package"),
        ("github,vllm,engine,,x", "name", "write it as deepseek-ai/DeepSeek-V3"),
        ("huggingface,Qwen/Qwen3-8B,author,,x", "name", "a name without '/'"),
        ("conda,vllm,package,,x", "platform", "is not known"),
        ("pypi,vllm,package,,", "why", "is missing"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(
    tmp_path: Path, line: str, column: str, message: str
) -> None:
    path = tmp_path / "watched.csv"
    path.write_text(f"{HEADER}{line}\n", encoding="utf-8")
    (problem,) = check_file(path)
    assert (problem.line, problem.column) == (2, column)
    assert message in problem.message
