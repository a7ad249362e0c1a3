"""One record that cannot be read costs itself alone; most of an answer is a changed shape."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import SourceError
from analysis.loaders import Request
from analysis.loaders.base import Loader, PartialFetchError, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.edgar import facts as edgar_facts
from analysis.loaders.edgar.loader import Edgar
from analysis.loaders.edgar.periods import periods
from analysis.loaders.federal_register import FederalRegister
from analysis.loaders.fields import read_records
from analysis.loaders.fred_prices import FredPrices
from analysis.loaders.github.artefacts import GithubArtefacts
from analysis.loaders.github.usage import Github
from analysis.loaders.http.client import Client
from analysis.loaders.http.limits import Budget
from analysis.loaders.http.rate_limit import RateLimiter
from analysis.loaders.huggingface.artefacts import HuggingfaceArtefacts
from analysis.loaders.huggingface.downloads import Huggingface
from analysis.loaders.openrouter.prices import OpenrouterPrices, parse_endpoints
from analysis.loaders.openrouter.usage import Openrouter
from analysis.loaders.pypistats import Pypistats
from analysis.loaders.risk_indexes import Fred
from analysis.store import Store
from analysis.update.fetch import fetch_complete, keep
from tests.servers import figures, local
from tests.servers.edgar import ASSETS, REVENUES, SPENT, YEAR, companyfacts, nvidia
from tests.servers.local import LocalServer, Seen
from tests.servers.shapes import (
    github_release,
    github_repository,
    hub_model,
    openrouter_rankings,
    pypistats_overall,
)
from tests.servers.watched import Passes, World

HALF = "a\ud800b"
"""Legal in JSON; no encoding carries it."""
SOURCES = ("HUGGINGFACE", "GITHUB", "PYPISTATS", "OPENROUTER", "EDGAR", "FRED", "FEDERAL_REGISTER")
INSPECTION = "/api/v1/public-inspection-documents"
AT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in SOURCES:
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    monkeypatch.setenv("FAULTLINE_PACE", "1000")
    monkeypatch.setenv("FAULTLINE_PATIENCE", "3")
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    for name in ("HF_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def partly(loader: Loader, *names: str, **asked: Any) -> PartialFetchError:
    with pytest.raises(PartialFetchError) as caught:
        loader.fetch(Request(names=names, **asked))
    assert caught.value.failures == {}
    return caught.value


def taken(loader: Loader, *names: str) -> tuple[pl.DataFrame, dict[str, str]]:
    try:
        return loader.fetch(Request(names=names)), {}
    except PartialFetchError as told:
        return told.frame, told.failures


# One record -------------------------------------------------------------------------------

REPOSITORY, RELEASE = "deepseek-ai/DeepSeek-V3", "vllm-project/vllm"


@pytest.mark.parametrize(
    ("loader", "name", "answer"),
    [
        (Huggingface, "Qwen", [hub_model("Qwen/A"), hub_model(HALF)]),
        (Huggingface, "Qwen", [hub_model("Qwen/A"), hub_model("Qwen/B", likes="many")]),
        (Huggingface, "Qwen", [hub_model("Qwen/A"), hub_model("Qwen/B", createdAt="never")]),
        (Huggingface, "Qwen", [hub_model("Qwen/A"), {"name": "Qwen/B"}]),
        (Huggingface, "Qwen", [hub_model("Qwen/A"), 7]),
        (HuggingfaceArtefacts, "Qwen", [hub_model("Qwen/A"), hub_model("Qwen/B", sha=HALF)]),
        (HuggingfaceArtefacts, "Qwen", [hub_model("Qwen/A"), hub_model("Qwen/B", sha=["a"])]),
        (HuggingfaceArtefacts, "Qwen", [hub_model("Qwen/A"), hub_model("Qwen/B", tags=[1])]),
        (GithubArtefacts, "deepseek-ai",
         [github_repository(REPOSITORY), {**github_repository("deepseek-ai/x"), "name": HALF}]),
        (GithubArtefacts, "deepseek-ai",
         [github_repository(REPOSITORY), github_repository("deepseek-ai/x", html_url=None)]),
        (GithubArtefacts, "deepseek-ai",
         [github_repository(REPOSITORY), github_repository("deepseek-ai/x", id=["y"])]),
        (GithubArtefacts, "deepseek-ai", [github_repository(REPOSITORY), "x"]),
        (GithubArtefacts, RELEASE,
         [github_release(RELEASE, "v1"), github_release(RELEASE, "v2", tag_name=2)]),
        (Pypistats, "vllm", pypistats_overall("vllm", {"2026-10-01": 10, HALF: 3})),
    ],
    ids=["id", "likes", "createdAt", "no id", "number", "sha", "sha list", "tags", "name",
         "html_url", "id list", "text", "tag_name", "date"],
)  # fmt: skip
def test_a_bad_record_is_kept_apart_and_the_others_are_taken(
    server: LocalServer, tmp_path: Path, loader: Callable[[], Loader], name: str, answer: Any
) -> None:
    server.on("/", answer)
    told = partly(loader(), name)
    assert told.frame.height >= 1
    assert len(told.unreadable) == 1
    assert told.incomplete == {name}
    # What is kept apart can be written, whatever was in it.
    store = Store(tmp_path)
    table = loader().table
    store.append(table, told.frame)
    store.refuse(table, "x", [(item.record, item.reason) for item in told.unreadable])
    assert store.quarantined(table).height == 1


def test_a_quarantine_that_cannot_be_written_costs_no_good_row(
    server: LocalServer, tmp_path: Path
) -> None:
    log = tmp_path / "quarantine" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json").write_bytes(b"")
    server.on("/", [hub_model("Qwen/A"), 7])
    told = partly(Huggingface(), "Qwen")
    added = keep(Store(tmp_path, seed=None), Huggingface, told.frame, told.unreadable)
    assert (added.new, added.rejected) == (told.frame.height, 1)
    (failure,) = added.failures
    assert "Table 'quarantine' of the store" in failure
    assert "repair it with faultline doctor --repair" in failure


@pytest.mark.parametrize("item", [{"id": HALF}, {"id": "a/b", "name": HALF}], ids=["id", "name"])
def test_an_unpaired_surrogate_costs_one_model_price(server: LocalServer, item: Any) -> None:
    models = [figures.openrouter_model("a/c"), {**figures.openrouter_model("a/b"), **item}]
    server.on("/api/v1/models", {"data": models})
    told = partly(OpenrouterPrices())
    assert told.frame["model"].to_list() == ["a/c"]
    endpoints = [figures.openrouter_endpoint("One"), figures.openrouter_endpoint("Two", tag=HALF)]
    found = list(parse_endpoints({"data": {"endpoints": endpoints}}, "a/b", AT))
    assert sum(isinstance(item, Unreadable) for item in found) == 1


def test_an_unpaired_surrogate_costs_one_document(server: LocalServer) -> None:
    figures.serve(server)
    documents = [figures.published("2026-00789"), figures.published("2026-2", title=HALF)]
    server.on("/api/v1/documents.json", figures.page(documents))
    assert partly(FederalRegister()).frame["document_number"].to_list() == ["2026-00789"]


def test_a_release_that_cannot_be_read_is_not_counted_past(server: LocalServer) -> None:
    server.on("/repos/a/b", github_repository("a/b"))
    server.on("/repos/a/b/releases", [github_release("a/b", "v1"), {"id": None, "x": HALF}])
    with pytest.raises(SourceError, match="an unpaired surrogate") as caught:
        Github().fetch(Request(names=("a/b",)))
    assert isinstance(caught.value, PartialFetchError)
    assert caught.value.frame.height == 0


def test_an_address_of_the_next_page_that_cannot_be_read_is_not_kept(
    server: LocalServer, tmp_path: Path
) -> None:
    headers = {"Link": '<caf\u00e9>; rel="next"', "ETag": '"one"'}
    server.on("/orgs/deepseek-ai/repos", [github_repository(REPOSITORY)], headers=headers)
    asked = Request(names=("deepseek-ai",), archive=tmp_path)
    for _ in range(2):
        with pytest.raises(PartialFetchError, match="a Link header that cannot be read"):
            GithubArtefacts().fetch(asked)
    assert "if-none-match" not in server.requests[1].headers


def test_what_an_answer_with_a_bad_record_does_not_show_is_not_gone(server: LocalServer) -> None:
    server.on("/", [hub_model("Qwen/A"), hub_model("Qwen/B")])
    loader = HuggingfaceArtefacts()
    held = loader.fetch(Request(names=("Qwen",)))
    server.on("/", [hub_model("Qwen/A"), hub_model("Qwen/B", sha=5)])
    assert (
        fetch_complete(loader, Request(names=("Qwen",)), held).frame["flag"].drop_nulls().is_empty()
    )
    server.on("/", [hub_model("Qwen/A")])
    gone = fetch_complete(loader, Request(names=("Qwen",)), held).frame
    assert gone["flag"].drop_nulls().to_list() == ["no longer shown"] * 2


def test_a_row_that_no_frame_can_hold_is_kept_apart() -> None:
    rows: dict[str, list[Any]] = {"a": [1, 2, "x", 4], "b": [5], "c": ["y"]}
    frame_of = lambda found: pl.DataFrame({"n": found}, schema={"n": pl.Int64})  # noqa: E731
    with pytest.raises(PartialFetchError) as caught:
        fetch_each("some", rows, lambda name: rows[name], frame_of)
    told = caught.value
    assert told.frame["n"].to_list() == [1, 2, 4, 5]
    assert [item.record for item in told.unreadable] == ["x"]
    assert set(told.failures) == {"c"}
    assert told.incomplete == {"a"}


# Most of an answer ------------------------------------------------------------------------


def test_of_an_answer_that_cannot_be_read_little_is_kept_apart(server: LocalServer) -> None:
    good = "2026-09-29,16.1\n"
    for count, words in ((1000, ""), (1001, "more than 1,000 records cannot be read")):
        text = "observation_date,VIXCLS\n" + good + "a\n" * count
        server.on("/graph/fredgraph.csv", figures.csv(text))
        server.on(r"^/graph/fredgraph.csv\?id=DEXCHUS", text.replace("VIXCLS", "DEXCHUS"))
        for loader, name in ((Fred(), "VIXCLS"), (FredPrices(), "USDCNY")):
            with pytest.raises(PartialFetchError) as caught:
                loader.fetch(Request(names=(name,)))
            assert words in caught.value.failures.get(name, "")
            assert len(caught.value.unreadable) == (0 if words else count)
    items = read_records(["x"] * 400_000, "some list", lambda item: [item])
    with pytest.raises(SourceError, match="more than 1,000 records"):
        list(items)


def test_more_endpoints_than_any_model_has_are_a_changed_shape() -> None:
    def offers(count: int) -> Any:
        many = [figures.openrouter_endpoint("One", context_length=n) for n in range(count)]
        return {"data": {"endpoints": many}}

    assert len(list(parse_endpoints(offers(1000), "a/b", AT))) == 1000
    with pytest.raises(SourceError, match="more than 1,000"):
        list(parse_endpoints(offers(1001), "a/b", AT))


# The SEC ----------------------------------------------------------------------------------

ADVANCED = companyfacts({REVENUES: YEAR, ASSETS: SPENT}, name="ADVANCED MICRO DEVICES INC")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("us-gaap", "Revenues", "units"), {"USD": 7}, "7 where a list was expected"),
        (("us-gaap", "Revenues", "units"), [1], "a list where an object was expected"),
        (("us-gaap",), ["a"], "a list where an object was expected"),
        (("us-gaap", "Revenues", "units", "USD", 0, "val"), 10**400, "cannot be read"),
        (("us-gaap", "Revenues", "units", "USD", 0, "accn"), HALF, ""),
    ],
    ids=["units", "list of units", "taxonomy", "value", "filing"],
)
def test_a_misshapen_company_is_named_and_the_others_come(
    server: LocalServer, path: tuple[Any, ...], value: Any, words: str
) -> None:
    document = nvidia()
    place: Any = document["facts"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    server.on("/api/xbrl/companyfacts/CIK0001045810", document)
    server.on("/api/xbrl/companyfacts/CIK0000002488", ADVANCED)
    frame, failures = taken(Edgar(clock=lambda: AT), "Nvidia", "AMD")
    assert set(failures) <= {"Nvidia"}
    assert words in failures.get("Nvidia", "")
    assert "AMD" in frame["company"]


def test_more_facts_than_any_company_files_are_a_changed_shape() -> None:
    entry = companyfacts({REVENUES: YEAR})["facts"]["us-gaap"]["Revenues"]["units"]["USD"][0]
    document = companyfacts({REVENUES: [entry] * 5_000})
    assert len(edgar_facts.series_of(document, [REVENUES])[0]) == 1
    document = companyfacts({REVENUES: [entry] * 5_001})
    with pytest.raises(SourceError, match=r"5,001 facts of us-gaap:Revenues in USD"):
        edgar_facts.series_of(document, [REVENUES])


def test_reading_facts_takes_steps_in_proportion_to_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0
    usual = edgar_facts.length

    def counted(span: edgar_facts.Span) -> str | None:
        nonlocal steps
        steps += 1
        return usual(span)

    monkeypatch.setattr(edgar_facts, "length", counted)
    monkeypatch.setattr("analysis.loaders.edgar.periods.length", counted)
    first = date(1200, 1, 1)
    spans = [(first + timedelta(91 * n), first + timedelta(91 * n + 90)) for n in range(2_000)]
    spans += [(start, start + timedelta(364)) for start, _ in spans[::4]]
    told = [(start.isoformat(), end.isoformat(), 5.0, "2024-05-27") for start, end in spans]
    series, _ = edgar_facts.series_of(companyfacts({REVENUES: told}), [REVENUES])
    assert len(periods(series, totals=True)) >= len(spans)
    assert steps < 60 * len(spans)


# FRED, OpenRouter and the Federal Register ------------------------------------------------


def test_a_series_that_fails_leaves_the_others(server: LocalServer) -> None:
    text = "observation_date,DEXCHUS\n2024-06-07,7.2454\n"
    server.on(r"^/graph/fredgraph.csv\?id=DEXCHUS", text)
    server.on(r"^/graph/fredgraph.csv\?id=SP500", local.failing(400))
    with pytest.raises(PartialFetchError, match=r"\^GSPC: .*answered 400") as caught:
        FredPrices().fetch(Request(names=("USDCNY", "SP500")))
    assert caught.value.frame["ticker"].to_list() == ["USDCNY"]


def test_a_file_of_rates_with_another_header_is_asked_for_anew(
    server: LocalServer, tmp_path: Path
) -> None:
    server.on("/graph/fredgraph.csv", "DATE,OTHER\n", headers={"ETag": '"one"'})
    for _ in range(2):
        with pytest.raises(PartialFetchError, match="observation_date,DEXCHUS was expected"):
            FredPrices().fetch(Request(names=("USDCNY",), archive=tmp_path))
    assert "if-none-match" not in server.requests[1].headers


def test_rankings_that_came_before_a_failure_are_kept(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-verysecret")
    server.on("/api/v1/datasets", local.failing(400))
    server.on(
        r"^/api/v1/datasets/rankings-daily\?start_date=2026-01-01",
        openrouter_rankings(("2026-01-01", "a/b", "12")),
    )
    asked = Request(since=date(2026, 1, 1), until=date(2026, 3, 1))
    with pytest.raises(PartialFetchError, match=r"days from 2026-01-31: .*answered 400") as caught:
        Openrouter().fetch(asked)
    assert caught.value.frame["value"].to_list() == [12.0]
    assert len(server.requests) == 2


def test_our_own_pace_is_not_taken_from_the_time_of_a_source(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    excused: list[float] = []
    monkeypatch.setattr(Budget, "excuse", lambda _self, seconds: excused.append(seconds))
    monkeypatch.setenv("FAULTLINE_PACE", "20")
    server.on("/x", "a line")
    with Client("some", base_url=server.url) as client:
        for _ in range(21):
            client.get("/x")
    assert len(excused) == 21
    budget = Budget("some", seconds=50)
    before = budget.left()
    monkeypatch.undo()
    budget.excuse(30)
    assert budget.left() > before + 20
    # The rest that a source wants is no pace of ours.
    pace = RateLimiter(1000)
    pace.close(time.monotonic() + 0.05)
    waited = pace.wait(60)
    assert waited is not None
    assert waited <= 0.001


def test_one_bad_record_of_inspection_leaves_out_its_own_document_alone(
    server: LocalServer,
) -> None:
    figures.serve(server)
    numbers = ("2026-1", "2026-2", "2026-3")
    server.on("/api/v1/documents.json", figures.page([figures.published(n) for n in numbers]))
    records = [figures.inspected("2026-1", filed_at="never"), figures.inspected("2026-2")]
    server.on(f"{INSPECTION}/2026-1,2026-2,2026-3.json", figures.page(records))
    told = partly(FederalRegister())
    days = dict(told.frame.select("document_number", "public_inspection_date").iter_rows())
    assert days == {"2026-2": date(2026, 1, 13), "2026-3": None}
    assert set(told.news) == {"2026-1"}
    assert len(told.unreadable) == 1
    # Without a number it may be the record of any document that is not in the answer.
    records[0] = figures.inspected("2026-1", document_number=HALF)
    server.on(f"{INSPECTION}/2026-1,2026-2,2026-3.json", figures.page(records))
    told = partly(FederalRegister())
    assert told.frame["document_number"].to_list() == ["2026-2"]
    assert set(told.news) == {"2026-1", "2026-3"}


def test_one_bad_document_on_inspection_does_not_fail_those_of_the_bureau(
    server: LocalServer,
) -> None:
    figures.serve(server)
    others = figures.inspected("2026-5", agencies=[figures.DEPARTMENT])
    listed = [others, figures.inspected("2026-4", filed_at="never")]
    server.on(f"{INSPECTION}/current.json", figures.page(listed))
    assert partly(FederalRegister()).frame["document_number"].to_list() == ["2026-00789"]


@pytest.mark.slow
def test_a_bad_record_of_inspection_does_not_keep_rules_from_their_first_look(
    world: World, passes: Passes
) -> None:
    def records(_seen: Seen) -> Any:
        return figures.page([figures.inspected("2026-00789", filed_at="never")])

    world.server.on(f"{INSPECTION}/2026-00789.json", records)
    result = passes()
    assert result.failures == {}
    assert "federal_register" in result.first_looks
