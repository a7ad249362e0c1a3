"""Loaders of the table `artefacts`: models, repositories, releases, providers, support."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analysis.errors import InputError
from analysis.loaders import Request
from analysis.loaders.github.artefacts import GithubArtefacts
from analysis.loaders.github.release_mentions import GithubReleaseMentions, mentions
from analysis.loaders.huggingface.artefacts import HuggingfaceArtefacts
from analysis.tables import validate
from tests.servers.local import LocalServer
from tests.servers.shapes import github_release, github_repository, hub_model


@pytest.fixture(autouse=True)
def here(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the local server, with no token of the machine."""
    for source in ("HUGGINGFACE", "GITHUB"):
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    for name in ("HF_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_a_model_is_told_by_its_last_commit_and_dated_by_its_creation(
    server: LocalServer,
) -> None:
    server.on("/api/models", [hub_model("deepseek-ai/DeepSeek-V4-Pro")])
    frame = HuggingfaceArtefacts().fetch(Request(names=("deepseek-ai",)))
    row = validate("artefacts", frame).row(0, named=True)
    assert (row["owner"], row["name"], row["kind"]) == ("deepseek-ai", "DeepSeek-V4-Pro", "model")
    assert row["revision"] == "a" * 40
    assert row["created_at"] == datetime(2026, 4, 24, 2, 51, 8, tzinfo=UTC)
    assert row["url"] == "https://huggingface.co/deepseek-ai/DeepSeek-V4-Pro"


def test_the_day_that_the_hub_gives_to_all_old_models_is_no_creation(server: LocalServer) -> None:
    server.on("/api/models", [hub_model("Qwen/Old", createdAt="2022-03-02T23:29:04.000Z")])
    frame = HuggingfaceArtefacts().fetch(Request(names=("Qwen",)))
    assert frame.filter(frame["kind"] == "model")["created_at"].to_list() == [None]


@pytest.mark.parametrize(
    ("tags", "revision"),
    [
        (["transformers", "license:mit"], "licence mit"),
        (["license:other", "license:apache-2.0"], "licence apache-2.0, other"),
        ([], "licence unstated"),
    ],
)
def test_a_licence_is_read_from_the_tags_of_a_model(
    server: LocalServer, tags: list[str], revision: str
) -> None:
    untagged = hub_model("Qwen/B") | {"tags": None}
    server.on("/api/models", [hub_model("Qwen/A", tags=tags), untagged])
    frame = validate("artefacts", HuggingfaceArtefacts().fetch(Request(names=("Qwen",))))
    held = frame.filter(frame["kind"] == "licence")
    assert held.select("name", "revision").rows() == [("A", revision)]
    assert server.requests[0].query["expand"] == ["sha", "createdAt", "tags"]


def test_providers_of_a_model_are_told_by_name_and_status(server: LocalServer) -> None:
    name = "deepseek-ai/DeepSeek-V4-Pro"
    server.on(f"/api/models/{name}", hub_model(name))
    frame = validate("artefacts", HuggingfaceArtefacts().fetch(Request(names=(name,))))
    assert frame["revision"].to_list() == ["novita live", "together error"]
    assert frame["kind"].unique().to_list() == ["provider"]


def test_repositories_of_an_organisation_and_releases_of_a_repository(
    server: LocalServer,
) -> None:
    server.on(
        "/orgs/deepseek-ai/repos",
        [
            github_repository("deepseek-ai/DeepSeek-V3"),
            github_repository("deepseek-ai/Janus", archived=True),
        ],
    )
    server.on(
        "/repos/vllm-project/vllm/releases",
        [
            github_release("vllm-project/vllm", "v0.20.0"),
            github_release("vllm-project/vllm", "v0.21.0", draft=True, published_at=None),
        ],
    )
    names = ("deepseek-ai", "vllm-project/vllm")
    frame = validate("artefacts", GithubArtefacts().fetch(Request(names=names)))
    assert frame.select("owner", "name", "revision", "kind").rows() == [
        ("deepseek-ai", "DeepSeek-V3", "public", "repository"),
        ("deepseek-ai", "Janus", "archived", "repository"),
        ("vllm-project", "vllm", "v0.20.0", "release"),
    ]
    assert server.requests[0].query["sort"] == ["created"]


def test_a_release_that_names_a_watched_family_is_support(server: LocalServer) -> None:
    engine = "vllm-project/vllm-ascend"
    server.on(
        f"/repos/{engine}/releases",
        [
            github_release(engine, "v0.20.0", "Support DeepSeek V4 on Atlas 800I A3"),
            github_release(engine, "v0.19.0", None),
        ],
    )
    names = (f"{engine}:DeepSeek-V4", f"{engine}:Kimi-K3")
    frame = validate("artefacts", GithubReleaseMentions().fetch(Request(names=names)))
    assert frame.select("name", "revision", "kind").rows() == [
        ("vllm-ascend", "v0.20.0 names DeepSeek-V4", "support")
    ]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "words", ["DeepSeek V4", "deepseek_v4.", "DeepSeek-V4-Pro", "(deepseekv4)"]
)
def test_a_family_is_found_however_it_is_spelled(words: str) -> None:
    assert mentions("DeepSeek-V4", f"Adds {words} kernels")


@pytest.mark.parametrize("words", ["DeepSeek-V4.1", "DeepSeek-V45", "XDeepSeek-V4", "DeepSeek-V3"])
def test_a_family_is_not_taken_for_another(words: str) -> None:
    assert not mentions("DeepSeek-V4", f"Adds {words} kernels")


@pytest.mark.parametrize("name", ["vllm-project/vllm", "vllm:DeepSeek-V4", "vllm-project/vllm: "])
def test_support_wants_an_engine_and_a_family(name: str) -> None:
    with pytest.raises(InputError, match="write"):
        GithubReleaseMentions().fetch(Request(names=(name,)))
