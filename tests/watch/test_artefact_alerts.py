"""What goes and what returns: commits, licences, models, repositories, providers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from analysis.desk import Desk
from analysis.store import Store
from analysis.tables import schema_of
from analysis.update import update
from analysis.update.disappearances import DISAPPEARED, REAPPEARED, mark_disappeared
from analysis.watch.artefact_alerts import artefact_alerts
from tests.servers.local import failing
from tests.servers.watched import Passes, World

pytestmark = pytest.mark.slow

R1 = "deepseek-ai/DeepSeek-R1"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def told(passes: Passes) -> list[tuple[str, str]]:
    return sorted((alert.kind, alert.name) for alert in passes().alerts)


def flags(passes: Passes, revision: str) -> list[str | None]:
    found = Store(passes.home).history("artefacts", "huggingface", "deepseek-ai", "DeepSeek-R1")
    return found.filter(pl.col("revision") == revision)["flag"].to_list()


def test_a_commit_that_is_taken_back_is_an_observation_and_an_alert(
    world: World, passes: Passes
) -> None:
    passes()
    for count, commit in enumerate("baba"):
        world.models[R1] = commit * 40
        (alert,) = passes().alerts
        assert (alert.kind, alert.details["revision"]) == ("changed", commit * 40)
        assert alert.text.endswith(" again.") == (count > 0)
    assert flags(passes, "a" * 40) == [None, DISAPPEARED, REAPPEARED, DISAPPEARED, REAPPEARED]
    assert told(passes) == []


def test_a_deleted_model_is_told_and_so_is_its_return(world: World, passes: Passes) -> None:
    world.models["deepseek-ai/DeepSeek-V2"] = "b" * 40
    passes()
    commit = world.models.pop(R1)
    assert told(passes) == [("model_gone", R1)]
    assert told(passes) == []
    assert flags(passes, "licence mit") == [None, DISAPPEARED]
    world.models[R1] = commit
    (alert,) = passes().alerts
    assert (alert.kind, alert.name) == ("changed", R1)
    assert alert.text.startswith("Model is on Hugging Face again")
    assert told(passes) == []
    assert not (passes.home / "drafts").exists()


def test_a_repository_that_goes_and_returns_is_told(world: World, passes: Passes) -> None:
    world.repositories.append("deepseek-ai/Janus")
    passes()
    world.repositories.remove("deepseek-ai/Janus")
    assert told(passes) == [("repository_gone", "deepseek-ai/Janus")]
    world.repositories.append("deepseek-ai/Janus")
    assert told(passes) == [("repository", "deepseek-ai/Janus")]


def test_a_provider_that_leaves_hugging_face_and_returns_is_told(
    world: World, passes: Passes
) -> None:
    passes()
    world.providers = []
    assert ("provider_gone", R1) in told(passes)
    world.providers = ["novita"]
    (alert,) = [alert for alert in passes().alerts if alert.name == R1]
    assert alert.text == f"Provider on Hugging Face: {R1} at novita live again."


def test_what_a_source_that_failed_does_not_show_is_not_gone(world: World, passes: Passes) -> None:
    passes()
    world.broken["/api/models"] = failing(404)
    assert passes().alerts == ()
    world.broken.clear()
    assert passes().alerts == ()


def test_a_changed_licence_is_told_and_one_first_seen_is_not(world: World, passes: Passes) -> None:
    passes()
    world.licences[R1] = "other"
    world.models["Qwen/Qwen4"] = "d" * 40
    licence, model = sorted(passes().alerts, key=lambda alert: alert.kind)
    assert (model.kind, model.name) == ("model", "Qwen/Qwen4")
    assert (licence.kind, licence.name) == ("licence", R1)
    assert licence.details == {"before": "mit", "after": "other"}
    del world.licences[R1]
    (back,) = passes().alerts
    assert back.text.endswith("went from other to mit.")
    assert passes().alerts == ()


def test_licences_that_an_older_home_does_not_hold_are_no_news(
    world: World, passes: Passes
) -> None:
    passes()
    begun = (passes.home / "watch" / "subjects.json").read_bytes()
    later = passes.home.with_name("later")
    (later / "watch").mkdir(parents=True)
    (later / "watch" / "subjects.json").write_bytes(begun)
    held = Store(passes.home)
    for table in ("artefacts", "model_prices", "policy_documents"):
        rows = held.history(table)
        kept = rows.filter(pl.col("kind") != "licence") if table == "artefacts" else rows
        Store(later).append(table, kept)
    assert Passes(later)().alerts == ()


def test_an_update_between_two_passes_notes_it_too(world: World, passes: Passes) -> None:
    world.models["deepseek-ai/DeepSeek-V2"] = "c" * 40
    passes()
    desk = Desk(home=passes.home)
    # All is back before the next pass, so that the update alone has seen it.
    world.models[R1] = "b" * 40
    del world.models["deepseek-ai/DeepSeek-V2"]
    store = Store(passes.home)
    (outcome,) = update(store, desk.catalogue, desk.calendars, sources=["huggingface_artefacts"])
    assert outcome.ok
    world.models |= {R1: "a" * 40, "deepseek-ai/DeepSeek-V2": "c" * 40}
    assert told(passes) == [
        ("changed", R1), ("changed", R1),
        ("changed", "deepseek-ai/DeepSeek-V2"), ("model_gone", "deepseek-ai/DeepSeek-V2"),
    ]  # fmt: skip


def artefacts(*rows: tuple[str, str, int], flag: str | None = None) -> pl.DataFrame:
    """Kind, revision, hours after noon: of one thing."""
    types = {name: held.dtype for name, held in schema_of("artefacts").columns().items()}
    made: list[dict[str, Any]] = [
        {
            "platform": "huggingface", "owner": "m", "name": "x", "revision": revision,
            "kind": kind, "created_at": None, "url": "https://huggingface.co/m/x",
            "source": "huggingface_artefacts", "observed_at": NOON + timedelta(hours=hour),
            "backfilled": False, "flag": flag,
        }
        for kind, revision, hour in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema=types)


def test_a_provider_with_another_status_has_not_left() -> None:
    frame = pl.concat(
        [
            artefacts(("provider", "novita live", 0), ("provider", "novita error", 1)),
            artefacts(("provider", "novita live", 2), flag=DISAPPEARED),
        ]
    )
    assert [alert.kind for alert in artefact_alerts(frame)] == ["provider", "provider"]


def test_another_date_of_what_stands_is_no_change() -> None:
    frame = pl.concat(
        [
            artefacts(("model", "a", 0)),
            artefacts(("model", "a", 1)).with_columns(created_at=pl.lit(NOON)),
        ]
    )
    assert [alert.kind for alert in artefact_alerts(frame)] == ["model"]


def test_only_names_that_were_answered_whole_can_miss_something() -> None:
    held = artefacts(("model", "a", 0), ("provider", "novita live", 0), ("release", "v1", 0))
    none = held.clear()
    source, now = "huggingface_artefacts", NOON + timedelta(days=1)
    assert mark_disappeared(source, (), held, none, now).is_empty()
    assert mark_disappeared("github_artefacts", ("m", "m/x"), held, none, now).is_empty()
    author = mark_disappeared(source, ("m",), held, none, now)
    assert author.select("kind", "flag", "observed_at").rows() == [("model", DISAPPEARED, now)]
    both = mark_disappeared(source, ("m", "m/x"), held, none, now)
    assert both["kind"].to_list() == ["model", "provider"]
