"""What the loaders of counts and artefacts make of sources that fail, lie or change shape."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from analysis.errors import SourceError
from analysis.loaders import Request
from analysis.loaders.base import PartialFetchError
from analysis.loaders.github.artefacts import GithubArtefacts
from analysis.loaders.github.usage import Github
from analysis.loaders.http.client import Client, RetryPolicy
from analysis.loaders.huggingface.artefacts import HuggingfaceArtefacts
from analysis.loaders.huggingface.downloads import Huggingface
from analysis.loaders.pypistats import Pypistats
from analysis.tables import TABLES
from tests.servers.local import (
    LocalServer,
    Reply,
    broken_gzip,
    empty,
    failing,
    html,
    rate_limited,
    reset,
    stall,
    truncated,
)
from tests.servers.shapes import github_repository, hub_model, pypistats_overall

QUICK = RetryPolicy(connect=1, read=0.2, total=1.5, attempts=2, first_wait=0.01, longest_wait=1)
CASES = [
    (Huggingface, "Qwen", [hub_model("Qwen/Qwen3-8B")]),
    (HuggingfaceArtefacts, "Qwen", [hub_model("Qwen/Qwen3-8B")]),
    (GithubArtefacts, "deepseek-ai", [github_repository("deepseek-ai/DeepSeek-V3")]),
    (Pypistats, "vllm", pypistats_overall("vllm", {"2026-10-01": 10})),
]


@pytest.fixture(autouse=True)
def here(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the local server, without much patience."""
    for source in ("HUGGINGFACE", "GITHUB", "PYPISTATS"):
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    for name in ("HF_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    defaults = Client.__init__.__kwdefaults__
    quick = {**defaults, "policy": QUICK, "per_second": 500.0}
    monkeypatch.setattr(Client.__init__, "__kwdefaults__", quick)


@pytest.mark.parametrize(("loader", "name", "good"), CASES)
@pytest.mark.parametrize("bad", ["503", "429", "reset", "stall", "truncated", "gzip"])
def test_what_passes_is_tried_again(
    server: LocalServer, loader: type, name: str, good: Any, bad: str
) -> None:
    replies: dict[str, Reply] = {
        "503": failing(),
        "429": rate_limited(0),
        "reset": reset(),
        "stall": stall(0.5),
        "truncated": truncated(good),
        "gzip": broken_gzip(good),
    }
    server.on("/", good)
    server.on("/", replies[bad], times=1)
    assert loader().fetch(Request(names=(name,))).height > 0
    assert len(server.requests) == 2


@pytest.mark.parametrize(("loader", "name", "good"), CASES)
@pytest.mark.parametrize(
    "bad", [html(), empty(), Reply(b'[{"id": "Qw'), Reply(b"null"), Reply(b'"x"')]
)
def test_what_is_no_answer_is_named_and_brings_no_row(
    server: LocalServer, loader: type, name: str, good: Any, bad: Reply
) -> None:
    server.on("/", bad)
    with pytest.raises(SourceError, match=name) as caught:
        loader().fetch(Request(names=(name,)))
    assert isinstance(caught.value, PartialFetchError)
    assert caught.value.frame.height == 0
    assert caught.value.frame.columns == list(TABLES[loader.table].columns())


def test_a_stall_ends_in_a_sentence(server: LocalServer) -> None:
    server.on("/", stall(60))
    with pytest.raises(SourceError, match="sent nothing for"):
        Huggingface().fetch(Request(names=("Qwen",)))


@pytest.mark.parametrize(
    ("loader", "name", "field", "answer"),
    [
        (HuggingfaceArtefacts, "Qwen", "sha", [{"id": "Qwen/Qwen3-8B", "createdAt": None,
                                                "tags": ["license:mit"]}]),
        (HuggingfaceArtefacts, "Qwen", "tags", [{"id": "Qwen/Qwen3-8B", "sha": "a" * 40}]),
        (Huggingface, "Qwen", "downloads_30d", [{"id": "Qwen/Qwen3-8B", "pulls": 3, "likes": 1}]),
        (Huggingface, "Qwen", "id", [{"name": "Qwen/Qwen3-8B"}]),
        (GithubArtefacts, "deepseek-ai", "html_url", [{"id": 1, "name": "x", "created_at": None}]),
        (Pypistats, "vllm", "downloads", {"data": [{"category": "without_mirrors",
                                                    "date": "2026-10-01", "hits": 1}]}),
        (Pypistats, "vllm", "data", {"package": "vllm"}),
    ],
)  # fmt: skip
def test_a_renamed_field_is_named(
    server: LocalServer, loader: type, name: str, field: str, answer: Any
) -> None:
    server.on("/", answer)
    with pytest.raises(SourceError, match=rf"(the field |without )'?{field}\b"):
        loader().fetch(Request(names=(name,)))


def test_a_null_count_reaches_the_store_as_missing(server: LocalServer) -> None:
    answer = pypistats_overall("vllm", {"2026-10-01": 10})
    answer["data"].append({"category": "without_mirrors", "date": "2026-10-02", "downloads": None})
    server.on("/", answer)
    frame = Pypistats().fetch(Request(names=("vllm",)))
    schema = TABLES["downloads"]
    good, bad = schema.filter(frame)
    assert (good.height, len(bad)) == (1, 1)
    assert bad.invalid()["date"].cast(pl.String).to_list() == ["2026-10-02"]


def test_counts_that_one_model_lacks_are_left_out(server: LocalServer) -> None:
    server.on("/", [hub_model("Qwen/A"), hub_model("Qwen/B", downloads=None)])
    frame = Huggingface().fetch(Request(names=("Qwen",)))
    assert frame.filter(pl.col("entity") == "Qwen/B")["metric"].sort().to_list() == [
        "downloads_cumulative", "inference_providers", "likes",
    ]  # fmt: skip


def test_a_page_that_comes_twice_counts_once(server: LocalServer) -> None:
    page = [hub_model("Qwen/A")]
    again = {"Link": f'<{server.url}/api/models?author=Qwen&cursor=abc>; rel="next"'}
    server.on("/api/models", page)
    server.on("/api/models", page, headers=again, times=1)
    frame = HuggingfaceArtefacts().fetch(Request(names=("Qwen",)))
    assert frame["kind"].to_list() == ["model", "licence"]


def test_a_next_page_on_another_host_is_not_asked(server: LocalServer) -> None:
    away = {"Link": '<http://203.0.113.1/api/models?cursor=abc>; rel="next"'}
    server.on("/api/models", [hub_model("Qwen/A")], headers=away)
    with pytest.raises(SourceError, match="Qwen"):
        Huggingface().fetch(Request(names=("Qwen",)))


def test_a_source_that_is_down_is_not_asked_for_every_name(server: LocalServer) -> None:
    server.on("/", failing(503))
    names = tuple(f"a/repo{number}" for number in range(9))
    with pytest.raises(PartialFetchError, match="not asked for after 3 failures") as caught:
        Github().fetch(Request(names=names))
    assert len(caught.value.failures) == 9
    assert len(server.requests) == 3 * QUICK.attempts


def test_a_spent_limit_of_github_says_what_to_do(server: LocalServer) -> None:
    server.on("/", Reply(b"{}", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}))
    with pytest.raises(SourceError, match="set GITHUB_TOKEN"):
        Github().fetch(Request(names=("a/b",)))


def test_a_refused_token_is_not_shown(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    server.on("/", Reply(b'{"error":"Invalid credentials for hf_verysecret"}', 401))
    with pytest.raises(SourceError, match="401") as caught:
        Huggingface().fetch(Request(names=("Qwen",)))
    assert "hf_verysecret" not in f"{caught.value}{caplog.text}"
