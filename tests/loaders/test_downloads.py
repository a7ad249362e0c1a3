"""Loaders of the table `downloads`: documented answers in, rows of the schema out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError
from analysis.loaders import Request
from analysis.loaders.base import PartialFetchError
from analysis.loaders.github.usage import Github
from analysis.loaders.http.archive import Archive
from analysis.loaders.huggingface.downloads import Huggingface
from analysis.loaders.openrouter.usage import Openrouter, windows
from analysis.loaders.pypistats import Pypistats
from analysis.tables import validate
from tests.servers.local import LocalServer, Reply, Seen, as_reply
from tests.servers.shapes import (
    github_release,
    github_repository,
    hub_model,
    openrouter_rankings,
    pypistats_overall,
)

SOURCES = ("HUGGINGFACE", "GITHUB", "PYPISTATS", "OPENROUTER")


@pytest.fixture(autouse=True)
def here(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the local server, with no token of the machine."""
    for source in SOURCES:
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    for name in ("HF_TOKEN", "GITHUB_TOKEN", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def listing(server: LocalServer, path: str, *pages: list[Any], etag: bool = False) -> None:
    """Serve a list in pages that name the next one, as GitHub does."""

    def page(seen: Seen) -> Reply:
        number = int(seen.query.get("page", ["1"])[0])
        headers = {"ETag": f'"{number - 1}"'} if etag else {}
        if etag and seen.headers.get("if-none-match") == headers["ETag"]:
            return Reply(status=304)
        if number < len(pages):
            headers["Link"] = f'<{server.url}{path}?per_page=100&page={number + 1}>; rel="next"'
        return as_reply(pages[number - 1], headers=headers)

    server.on(path, page)


def values(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    return {(row["entity"], row["metric"]): row["value"] for row in frame.to_dicts()}


def test_an_author_brings_the_counts_of_all_models(server: LocalServer) -> None:
    server.on("/api/models", [hub_model("Qwen/Qwen3-8B"), hub_model("Qwen/Qwen3-0.6B", likes=7)])
    frame = validate("downloads", Huggingface().fetch(Request(names=("Qwen",))))
    assert frame["platform"].unique().to_list() == ["huggingface"]
    assert values(frame)[("Qwen/Qwen3-8B", "downloads_30d")] == 1_234_567
    assert values(frame)[("Qwen/Qwen3-8B", "downloads_cumulative")] == 23_456_789
    assert values(frame)[("Qwen/Qwen3-0.6B", "likes")] == 7
    assert server.requests[0].query["author"] == ["Qwen"]
    assert set(server.requests[0].query["expand"]) >= {"downloads", "downloadsAllTime", "likes"}


def test_only_providers_that_serve_a_model_count(server: LocalServer) -> None:
    mapping = {"novita": {"providerId": "x", "status": "live", "task": "conversational"}}
    server.on(
        "/api/models/deepseek-ai/DeepSeek-R1",
        hub_model("deepseek-ai/DeepSeek-R1", inferenceProviderMapping=mapping),
    )
    server.on("^/api/models[?]", [hub_model("Qwen/Qwen3-8B")])
    names = ("deepseek-ai/DeepSeek-R1", "Qwen")
    found = values(Huggingface().fetch(Request(names=names)))
    assert found[("deepseek-ai/DeepSeek-R1", "inference_providers")] == 1
    assert found[("Qwen/Qwen3-8B", "inference_providers")] == 1


def test_pages_of_the_hub_are_turned(server: LocalServer) -> None:
    def page(seen: Seen) -> object:
        return [hub_model("Qwen/B" if "cursor" in seen.query else "Qwen/A")]

    server.on("/api/models", page)
    server.on(
        "/api/models",
        [hub_model("Qwen/A")],
        headers={"Link": f'<{server.url}/api/models?author=Qwen&cursor=abc>; rel="next"'},
        times=1,
    )
    frame = Huggingface().fetch(Request(names=("Qwen",)))
    assert frame["entity"].unique().sort().to_list() == ["Qwen/A", "Qwen/B"]


def test_what_the_hub_sent_is_kept(server: LocalServer, tmp_path: Path) -> None:
    server.on("/api/models", [hub_model("Qwen/Qwen3-8B")])
    Huggingface().fetch(Request(names=("Qwen",), archive=tmp_path))
    archive = Archive(tmp_path, "huggingface")
    (entry,) = archive.entries()
    assert b"Qwen3-8B" in (archive.content(entry) or b"")


def test_the_token_goes_to_the_hub_and_nowhere_else(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    server.on("/api/models", [hub_model("Qwen/Qwen3-8B")])
    frame = Huggingface().fetch(Request(names=("Qwen",), archive=tmp_path))
    assert server.requests[0].headers["authorization"] == "Bearer hf_verysecret"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hf_verysecret" not in kept
    assert "hf_verysecret" not in frame.write_csv()


def test_a_client_of_others_in_this_process_is_left_alone(server: LocalServer) -> None:
    server.on("/api/models", [hub_model("Qwen/Qwen3-8B")])
    server.on("/elsewhere", {"ok": True})
    Huggingface().fetch(Request(names=("Qwen",)))
    from huggingface_hub.utils import get_session

    assert get_session().get(f"{server.url}/elsewhere").json() == {"ok": True}


def test_stars_forks_and_releases_of_a_repository(server: LocalServer) -> None:
    name = "deepseek-ai/DeepSeek-V3"
    server.on(f"/repos/{name}", github_repository(name))
    first = [github_release(name, f"v{number}") for number in range(100)]
    listing(server, f"/repos/{name}/releases", first, [first[-1], github_release(name, "v100")])
    # A release that moved to the second page while the first was read counts once.
    frame = validate("downloads", Github().fetch(Request(names=(name,))))
    assert values(frame) == {(name, "stars"): 102_728, (name, "forks"): 16_543,
                             (name, "releases"): 101}  # fmt: skip


@pytest.mark.parametrize("sizes", [(99, 31), (1, 1, 1), (0, 100), (100,)])
def test_pages_follow_the_link_and_not_their_length(
    server: LocalServer, sizes: tuple[int, ...]
) -> None:
    name = "vllm-project/vllm"
    server.on(f"/repos/{name}", github_repository(name))
    pages = [[github_release(name, f"v{page}.{one}") for one in range(size)]
             for page, size in enumerate(sizes)]  # fmt: skip
    listing(server, f"/repos/{name}/releases", *pages)
    assert values(Github().fetch(Request(names=(name,))))[name, "releases"] == sum(sizes)


def test_an_unchanged_page_still_leads_to_the_next(server: LocalServer, tmp_path: Path) -> None:
    name = "vllm-project/vllm"
    server.on(f"/repos/{name}", github_repository(name))
    pages = [[github_release(name, "v1")], [github_release(name, "v0")]]
    # The answer 304 of this server carries no Link.
    listing(server, f"/repos/{name}/releases", *pages, etag=True)
    request = Request(names=(name,), archive=tmp_path)
    counts = [values(Github().fetch(request))[name, "releases"] for _ in range(3)]
    assert counts == [2, 2, 2]
    assert server.requests[-1].headers["if-none-match"] == '"1"'


def test_pages_that_lead_in_a_circle_are_named(server: LocalServer) -> None:
    name = "vllm-project/vllm"
    server.on(f"/repos/{name}", github_repository(name))
    path = f"/repos/{name}/releases"
    link = {"Link": f'<{server.url}{path}?page=2>; rel="next"'}
    server.on(path, [github_release(name, "v1")], headers=link)
    with pytest.raises(PartialFetchError, match="loops: page 2 names one that was read"):
        Github().fetch(Request(names=(name,)))


def test_an_endless_list_is_refused_after_its_last_page(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.loaders.github.usage._MOST_PAGES", 5)
    name = "vllm-project/vllm"
    server.on(f"/repos/{name}", github_repository(name))
    path = f"/repos/{name}/releases"

    def endless(seen: Seen) -> Reply:
        page = int(seen.query.get("page", ["1"])[0])
        link = {"Link": f'<{server.url}{path}?page={page + 1}>; rel="next"'}
        return as_reply([github_release(name, f"v{page}")], headers=link)

    server.on(path, endless)
    with pytest.raises(PartialFetchError, match="has more than 5 pages of 100: it is not counted"):
        Github().fetch(Request(names=(name,)))
    assert len(server.requests) == 6


HOURLY = {
    "X-RateLimit-Limit": "60",
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": "99999999999",
}


@pytest.mark.parametrize(
    ("status", "headers", "body", "token", "says"),
    [
        (403, HOURLY | {"X-RateLimit-Reset": "1790000000"}, "", None,
         r"hourly limit of 60 requests is used up until 14:13 UTC: set GITHUB_TOKEN, or ask for"),
        (429, HOURLY | {"X-RateLimit-Limit": "5000"}, "", "ghp_x",
         r"hourly limit of 5000 requests is used up( until .*)?: ask for fewer names"),
        (403, {"X-RateLimit-Remaining": "41"}, "You have exceeded a secondary rate limit.", None,
         "GitHub's secondary limit, on many requests in a short time"),
        (403, {"X-RateLimit-Remaining": "41"}, "Repository access blocked", None,
         "not a rate limit: GitHub does not show this to anonymous readers"),
        (403, {"Retry-After": "3600"}, "Wait a while.", None,
         r"asks us to wait 3,600 seconds\..*GitHub's secondary limit, on many requests"),
        (403, {}, "Resource not accessible by personal access token", "ghp_x",
         "not a rate limit: check that GITHUB_TOKEN is valid and may read this"),
    ],
)  # fmt: skip
def test_a_refusal_of_github_says_which_limit_was_reached(
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    body: str,
    token: str | None,
    says: str,
) -> None:
    if token:
        monkeypatch.setenv("GITHUB_TOKEN", token)
    monkeypatch.setenv("FAULTLINE_PATIENCE", "4")
    server.on("/repos/", as_reply({"message": body}, status, headers))
    with pytest.raises(PartialFetchError, match=says):
        Github().fetch(Request(names=("deepseek-ai/DeepSeek-V3",)))


def test_a_repository_that_was_renamed_keeps_its_series_and_is_named(server: LocalServer) -> None:
    name = "deepseek-ai/DeepSeek-V3"
    server.on(f"/repos/{name}", github_repository("deepseek-ai/V3"))
    server.on(f"/repos/{name}/releases", [])
    with pytest.raises(PartialFetchError) as caught:
        Github().fetch(Request(names=(name,)))
    assert caught.value.failures == {}
    assert caught.value.news == {
        name: f"it is called deepseek-ai/V3 now; its figures continue as {name}."
    }
    assert caught.value.frame["entity"].unique().to_list() == [name]


def test_a_model_that_was_renamed_keeps_its_series_and_is_named(server: LocalServer) -> None:
    name = "Qwen/Qwen3-8B"
    server.on(f"/api/models/{name}", hub_model("Qwen/Qwen3-8B-Base"))
    with pytest.raises(PartialFetchError) as caught:
        Huggingface().fetch(Request(names=(name,)))
    assert caught.value.failures == {}
    assert list(caught.value.news) == [name]
    assert caught.value.frame["entity"].unique().to_list() == [name]


@pytest.mark.parametrize(
    ("status", "headers", "token"),
    [(404, {}, None), (401, {}, None), (401, {"X-Error-Code": "RepoNotFound"}, "hf_x")],
)
def test_a_model_that_is_gone_is_news_and_no_failure(
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    token: str | None,
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    gone, there = "Qwen/Gone", "Qwen/Qwen3-8B"
    server.on(f"/api/models/{gone}", as_reply({"error": "Repository not found"}, status, headers))
    server.on(f"/api/models/{there}", hub_model(there))
    with pytest.raises(PartialFetchError) as caught:
        Huggingface().fetch(Request(names=(gone, there)))
    assert caught.value.failures == {}
    assert f"answered {status}" in caught.value.news[gone]
    assert caught.value.news[gone].endswith("It was deleted, renamed or made private.")
    assert caught.value.frame["entity"].unique().to_list() == [there]


def test_a_token_that_the_hub_refuses_is_a_failure(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    server.on("/api/models/", as_reply({"error": "Invalid user token."}, 401))
    with pytest.raises(PartialFetchError) as caught:
        Huggingface().fetch(Request(names=("Qwen/A", "Qwen/B")))
    assert set(caught.value.failures) == {"Qwen/A", "Qwen/B"}


def test_when_nothing_at_all_is_found_the_source_has_failed(server: LocalServer) -> None:
    server.on("/api/models/", as_reply({"error": "Not found"}, 404))
    with pytest.raises(PartialFetchError) as caught:
        Huggingface().fetch(Request(names=("Qwen/A", "Qwen/B")))
    assert set(caught.value.failures) == {"Qwen/A", "Qwen/B"}
    assert caught.value.news == {}


def test_an_unchanged_repository_is_answered_from_the_archive(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_verysecret")
    name = "deepseek-ai/DeepSeek-V3"
    server.on(f"/repos/{name}", github_repository(name), headers={"ETag": '"one"'})
    server.on(f"/repos/{name}/releases", [], headers={"ETag": '"two"'})
    request = Request(names=(name,), archive=tmp_path)
    first, second = Github().fetch(request), Github().fetch(request)
    assert values(first) == values(second)
    conditions = [seen.headers.get("if-none-match") for seen in server.requests]
    assert conditions == [None, None, '"one"', '"two"']
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"ghp_verysecret" not in kept


def test_one_repository_that_is_gone_does_not_stop_the_others(server: LocalServer) -> None:
    name = "deepseek-ai/DeepSeek-V3"
    server.on(f"/repos/{name}", github_repository(name))
    server.on(f"/repos/{name}/releases", [])
    with pytest.raises(PartialFetchError, match=r"github: QwenLM/Gone: .*404") as caught:
        Github().fetch(Request(names=("QwenLM/Gone", name)))
    assert caught.value.failures == {}
    assert caught.value.frame["entity"].unique().to_list() == [name]


def test_daily_downloads_of_a_package_within_the_days_asked(server: LocalServer) -> None:
    days = {"2026-10-01": 10, "2026-10-02": 20, "2026-10-03": 30}
    server.on("/api/packages/torch-npu/overall", pypistats_overall("torch-npu", days))
    request = Request(names=("torch_npu",), since=date(2026, 10, 2), until=date(2026, 10, 2))
    frame = validate("downloads", Pypistats().fetch(request))
    assert frame.select("date", "entity", "metric", "value").rows() == [
        (date(2026, 10, 2), "torch-npu", "downloads_1d", 20.0)
    ]
    assert server.requests[0].query == {"mirrors": ["false"]}


def test_a_day_that_comes_twice_stands_once(server: LocalServer) -> None:
    answer = pypistats_overall("vllm", {"2026-10-01": 10})
    server.on("/api/packages/vllm/overall", {**answer, "data": answer["data"] * 2})
    assert Pypistats().fetch(Request(names=("vllm",))).height == 1


def test_tokens_of_openrouter_continue_the_series_of_the_snapshot(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-verysecret")
    rows = (
        ("2026-08-21", "deepseek/deepseek-v4-pro-20260813", "3012345678901"),
        ("2026-08-21", "other", "4321098"),
    )
    server.on("/api/v1/datasets/rankings-daily", openrouter_rankings(*rows))
    request = Request(since=date(2026, 8, 21), until=date(2026, 8, 21))
    frame = validate("downloads", Openrouter().fetch(request))
    assert values(frame) == {
        ("deepseek/deepseek-v4-pro-20260813", "tokens_1d"): 3012345678901.0,
        ("other", "tokens_1d"): 4321098.0,
    }
    assert server.requests[0].headers["authorization"] == "Bearer sk-or-verysecret"


def test_openrouter_is_not_asked_without_a_key(server: LocalServer) -> None:
    with pytest.raises(InputError, match="set OPENROUTER_API_KEY"):
        Openrouter().fetch(Request())
    assert server.requests == []


def test_long_spans_are_asked_for_in_pieces_and_never_today() -> None:
    today = date(2026, 10, 31)
    asked = list(windows(Request(since=date(2026, 8, 15)), today))
    assert asked[0] == (date(2026, 8, 15), date(2026, 9, 13))
    assert asked[1][0] == date(2026, 9, 14)
    assert asked[-1][1] == date(2026, 10, 30)
    assert list(windows(Request(since=today), today)) == []


@pytest.mark.parametrize(
    ("loader", "name"),
    [(Huggingface, "a/b/c"), (Github, "deepseek-ai"), (Pypistats, "../etc")],
)
def test_a_name_that_cannot_be_is_refused_before_anything_is_asked(
    server: LocalServer, loader: type, name: str
) -> None:
    with pytest.raises(InputError, match=name):
        loader().fetch(Request(names=(name,)))
    assert server.requests == []


@pytest.mark.parametrize("loader", [Huggingface, Github, Pypistats])
def test_offline_no_socket_is_opened(
    server: LocalServer, loader: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    name = {Github: "a/b"}.get(loader, "vllm")
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
        loader().fetch(Request(names=(name,)))
    assert server.requests == []


def test_every_row_says_who_when_and_that_a_clock_saw_it(server: LocalServer) -> None:
    before = datetime.now(UTC)
    server.on("/api/packages/vllm/overall", pypistats_overall("vllm", {"2026-10-01": 10}))
    row = Pypistats().fetch(Request(names=("vllm",))).row(0, named=True)
    assert before <= row["observed_at"] <= datetime.now(UTC)
    assert (row["source"], row["backfilled"], row["flag"]) == ("pypistats", False, None)


def test_without_names_there_are_no_rows_and_no_requests(server: LocalServer) -> None:
    for loader in (Huggingface, Github, Pypistats):
        frame = validate("downloads", loader().fetch(Request()))
        assert frame.height == 0
    assert server.requests == []


def test_two_passes_side_by_side_keep_their_archives_apart(
    server: LocalServer, tmp_path: Path
) -> None:
    server.latency = 0.05
    server.on("/api/models", lambda seen: [hub_model(f"{seen.query['author'][0]}/M")])
    names = ("Qwen", "deepseek-ai", "moonshotai", "zai-org")
    requests = [Request(names=(name,), archive=tmp_path / name) for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        frames = list(pool.map(Huggingface().fetch, requests))
    for name, frame in zip(names, frames, strict=True):
        assert frame["entity"].unique().to_list() == [f"{name}/M"]
        (entry,) = Archive(tmp_path / name, "huggingface").entries()
        assert f"author={name}" in entry.url
