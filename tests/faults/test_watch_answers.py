"""The watch when a source answers, but not as it should, and when it was off for long."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from analysis.cli import main
from analysis.loaders.openrouter.prices import parse_endpoints
from analysis.store import Store, location
from tests.servers.figures import openrouter_endpoint, page, published
from tests.servers.local import LocalServer, Seen
from tests.servers.watched import Passes, World

pytestmark = pytest.mark.slow

PRO = "deepseek/deepseek-v4-pro"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("rules_before", [0, 1])
def test_rules_published_while_the_watch_was_off_are_told(
    world: World, passes: Passes, server: LocalServer, rules_before: int
) -> None:
    today = datetime.now(UTC).date()
    rules = [dated("2026-77770", today - timedelta(days=100))][:rules_before]

    def answer(seen: Seen) -> dict[str, Any]:
        first = seen.query["conditions[publication_date][gte]"][0]
        return page([rule for rule in rules if rule["publication_date"] >= first])

    server.on("/api/v1/documents.json", answer)
    if rules_before:
        update = ["data", "update", "--source", "federal_register"]
        assert main(update) == 0
    passes()
    path = passes.home / "watch" / "subjects.json"
    subjects = json.loads(path.read_text(encoding="utf-8"))
    subjects["federal_register"]["first_look"] = (datetime.now(UTC) - timedelta(days=90)).isoformat(
        timespec="seconds"
    )
    path.write_text(json.dumps(subjects), encoding="utf-8")
    rules.append(dated("2026-77777", today - timedelta(days=45)))
    assert [alert.name for alert in passes().alerts] == ["2026-77777"]


def dated(number: str, day: date) -> dict[str, Any]:
    return published(number, publication_date=day.isoformat())


def test_an_empty_answer_is_no_first_look(world: World, passes: Passes) -> None:
    models, repositories = world.models, world.repositories
    world.models, world.repositories = {}, []
    result = passes()
    said = dict(failure for failure in result.failures.items() if "no model of" in failure[1])
    for name in ("deepseek-ai", "Qwen", "moonshotai", "zai-org"):
        assert name in str(said)
    assert "no repository of" in str(result.failures)
    assert "huggingface deepseek-ai" not in result.first_looks
    assert "huggingface deepseek-ai/DeepSeek-R1" in result.first_looks
    world.models, world.repositories = models, repositories
    result = passes()
    assert (result.alerts, result.failures) == ((), {})
    assert "github QwenLM" in result.first_looks
    assert not (passes.home / "drafts").exists()


def test_an_empty_answer_later_makes_nothing_gone(world: World, passes: Passes) -> None:
    passes()
    models, world.models = world.models, {}
    result = passes()
    assert result.alerts == ()
    assert "huggingface_artefacts Qwen" in result.failures
    world.models = models
    assert passes().alerts == ()


def test_an_author_without_a_model_fails_an_update_by_name(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.models = {name: sha for name, sha in world.models.items() if "Qwen" not in name}
    assert main(["data", "update", "--source", "huggingface"]) == 1
    said = capsys.readouterr().err
    assert "huggingface shows no model of Qwen" in said
    assert "no model of deepseek-ai" not in said


def offer(prompt: str, tag: str = "google-vertex", precision: str | None = "fp8") -> dict[str, Any]:
    pricing = {"prompt": prompt, "completion": "0.000001"}
    return openrouter_endpoint("Google", tag=tag, quantization=precision, pricing=pricing)


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ([offer("0.0000004"), offer("0.0000003")],
         {"google-vertex#fp8": 0.3, "google-vertex#fp8#2": 0.4}),
        ([offer("0.0000003"), offer("0.0000004", precision="bf16")],
         {"google-vertex#fp8": 0.3, "google-vertex#bf16": 0.4}),
        ([offer("0.0000003"), offer("0.0000003", precision="bf16")],
         {"google-vertex#fp8": 0.3, "google-vertex#bf16": 0.3}),
        ([offer("0.0000004", precision=None), offer("0.0000003", precision="unknown")],
         {"google-vertex": 0.3, "google-vertex#2": 0.4}),
        ([offer("0.0000003"), offer("0.0000003")], {"google-vertex": 0.3}),
    ],
)  # fmt: skip
def test_endpoints_of_one_tag_have_names_of_their_own(
    offers: list[dict[str, Any]], expected: dict[str, float]
) -> None:
    for order in (offers, offers[::-1]):
        document = {"data": {"endpoints": [*order, offer("0.000001", tag="novita")]}}
        rows = list(parse_endpoints(document, PRO, AT))
        assert len(rows) == len(expected) + 1
        found = {row["provider"]: row["prompt"] for row in rows}
        assert found == {**expected, "novita": 1.0}


def test_a_price_of_a_tag_that_occurs_twice_is_watched(world: World, passes: Passes) -> None:
    world.offers[PRO] = [offer("0.0000003"), offer("0.0000004", precision="bf16")]
    assert f"openrouter {PRO}" in passes().first_looks
    world.offers[PRO] = [offer("0.0000003"), offer("0.0000005", precision="bf16")]
    (alert,) = passes().alerts
    assert (alert.kind, alert.details["provider"]) == ("price", "google-vertex#bf16")
    assert Store(passes.home).quarantined("model_prices").is_empty()


def test_a_rejected_row_keeps_only_its_own_subject_from_a_first_look(
    world: World, passes: Passes
) -> None:
    world.offers[PRO] = [offer("0.0000003") | {"context_length": 0}]
    result = passes()
    assert list(result.failures) == [f"openrouter_prices {PRO}"]
    assert "1 row was rejected" in result.failures[f"openrouter_prices {PRO}"]
    assert f"openrouter {PRO}" not in result.first_looks
    assert "openrouter moonshotai/kimi-k3" in result.first_looks
    world.prices["DeepInfra"] = "0.0000009"
    assert {alert.name for alert in passes().alerts} == {
        "deepseek/deepseek-v4-flash", "moonshotai/kimi-k3", "z-ai/glm-5.2",
    }  # fmt: skip


def test_an_update_says_which_rows_it_did_not_take(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.offers[PRO] = [offer("0.0000003") | {"context_length": 0}]
    assert main(["data", "update", "--source", "openrouter_prices", "--json"]) == 0
    streams = capsys.readouterr()
    (source,) = json.loads(streams.out)["sources"]
    assert source["rejected"] == 1
    words = "1 row was rejected: see faultline data quarantine model_prices."
    assert f"openrouter_prices (model_prices): {words}" in streams.err
    assert main(["data", "update", "--source", "openrouter_prices"]) == 0
    assert "1 row was rejected" in " ".join(capsys.readouterr().out.split())


def test_a_watch_waits_for_an_update_of_the_same_source(
    world: World, passes: Passes, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes.home.mkdir()
    monkeypatch.setattr(location, "LOCK_TIMEOUT", 5.0)
    with location.StoreLocation(passes.home).locked("asking-huggingface_artefacts"):
        result = passes()
    assert list(result.failures) == ["huggingface_artefacts"]
    assert not [seen for seen in server.requests if seen.path.startswith("/api/models")]
    assert "github deepseek-ai" in result.first_looks
    assert passes().failures == {}


def test_a_licence_that_no_model_shows_any_more_is_a_changed_shape(
    world: World, passes: Passes, server: LocalServer
) -> None:
    server.on(
        "^/api/models[?]",
        lambda seen: [{"id": f"{seen.query['author'][0]}/A", "sha": "a" * 40, "createdAt": None}],
    )
    failures = passes().failures
    assert "without 'tags'" in failures["huggingface_artefacts Qwen"]
    held = Store(passes.home).read("artefacts").filter(pl.col("kind") == "licence")
    assert held.is_empty()


def test_a_model_without_word_of_its_providers_has_not_lost_them(
    world: World, passes: Passes, server: LocalServer
) -> None:
    passes()
    server.on("/api/models/deepseek-ai/DeepSeek-R1", {"id": "deepseek-ai/DeepSeek-R1"})
    result = passes()
    assert result.alerts == ()
    (failure,) = result.failures.values()
    assert "without 'inferenceProviderMapping'" in failure
