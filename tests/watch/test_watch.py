"""The watch: first looks, news, restarts, drafts, notices, and what its command prints."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.catalogue import check_file
from analysis.cli import main
from analysis.desk import Desk
from analysis.errors import InputError
from analysis.store import Store
from analysis.tables import schema_of
from analysis.watch import Alert, Result
from analysis.watch.alerts import alert_id
from analysis.watch.event_drafts import add, draft
from analysis.watch.notifications import addresses, notices
from tests.servers.figures import published
from tests.servers.local import LocalServer
from tests.servers.watched import Passes, World

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def kinds(result: Result) -> list[str]:
    return sorted(alert.kind for alert in result.alerts)


def test_what_stands_there_at_the_first_look_is_no_news(passes: Passes) -> None:
    result = passes()
    assert (result.alerts, result.failures, passes.printed) == ((), {}, [])
    assert result.first_looks["huggingface deepseek-ai"] == 1
    assert Store(passes.home).read("artefacts").height > 0
    assert passes().first_looks == {}


def test_everything_new_is_told_once_and_a_restart_repeats_nothing(
    world: World, passes: Passes
) -> None:
    passes()
    today = datetime.now(UTC)
    recently = today.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    world.models["deepseek-ai/DeepSeek-R1"] = "c" * 40
    world.repositories.append("QwenLM/Qwen4")
    world.release("deepseek-ai/DeepSeek-V3", "v9", published_at=recently)
    world.release("vllm-project/vllm-ascend", "v0.30.0", "Adds Kimi K3.", published_at=recently)
    world.rules.append(published("2026-99999", publication_date=today.date().isoformat()))
    world.providers.append("together")
    world.prices["DeepInfra"] = "0.0000002"
    world.prices["SiliconFlow"] = "0.0000001"
    result = passes()
    told = {(alert.kind, alert.name) for alert in result.alerts}
    assert told >= {
        ("model", "deepseek-ai/DeepSeek-V5"),
        ("changed", "deepseek-ai/DeepSeek-R1"),
        ("repository", "QwenLM/Qwen4"),
        ("release", "deepseek-ai/DeepSeek-V3"),
        ("support", "vllm-project/vllm-ascend"),
        ("rule", "2026-99999"),
        ("provider", "deepseek-ai/DeepSeek-R1"),
        ("price", "deepseek/deepseek-v4-pro"),
        ("provider", "deepseek/deepseek-v4-pro"),
    }
    assert [document["id"] for document in passes.printed] == [
        alert.id for alert in sorted(result.alerts, key=lambda one: (one.observed_at, one.id))
    ]
    assert passes().alerts == ()
    assert len(passes.printed) == len(result.alerts)


def test_a_rule_that_is_old_and_fetched_late_is_no_news(world: World, passes: Passes) -> None:
    passes()
    world.rules.append(published("2022-21658", publication_date="2022-10-13"))
    assert passes().alerts == ()


def test_what_an_update_stored_between_two_passes_is_told(world: World, passes: Passes) -> None:
    passes()
    row = {
        "platform": "huggingface", "owner": "Qwen", "name": "Qwen4", "revision": "d" * 40,
        "kind": "model", "created_at": NOW, "url": "https://huggingface.co/Qwen/Qwen4",
        "source": "huggingface_artefacts", "observed_at": NOW, "backfilled": False, "flag": None,
    }  # fmt: skip
    types = {name: held.dtype for name, held in schema_of("artefacts").columns().items()}
    Store(passes.home).append("artefacts", pl.DataFrame([row], schema=types))
    world.models["Qwen/Qwen4"] = "d" * 40
    assert [alert.name for alert in passes().alerts] == ["Qwen/Qwen4"]


def test_since_tells_at_a_first_look_what_is_dated_later(world: World, passes: Passes) -> None:
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    world.created["deepseek-ai/DeepSeek-V5"] = "2026-11-18T02:00:00.000Z"
    result = passes(since=date(2026, 11, 1))
    assert [alert.name for alert in result.alerts] == ["deepseek-ai/DeepSeek-V5"]
    assert passes(since=date(2020, 1, 1)).alerts == ()


def test_a_new_model_is_drafted_with_its_instant_and_day_0(world: World, passes: Passes) -> None:
    passes()
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    # A Friday afternoon in New York; Asia is shut until Monday.
    world.created["deepseek-ai/DeepSeek-V5"] = "2026-11-20T18:00:00.000Z"
    passes()
    (row,) = passes.drafts()
    assert (row["id"], row["date"]) == ("hf-deepseek-ai-deepseek-v5", "2026-11-20")
    assert (row["time_utc"], row["entities"]) == ("2026-11-20T18:00:00Z", "DeepSeek")
    (document,) = passes.printed
    assert document["details"]["day0"]["XNYS"] == "2026-11-20"
    assert document["details"]["day0"]["XHKG"] == "2026-11-23"
    assert "XNYS 2026-11-20" in row["notes"]
    assert check_file(passes.home / "drafts" / "events.csv") == []


def test_a_draft_that_people_corrected_or_took_away_stays_so(world: World, passes: Passes) -> None:
    passes()
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    passes()
    path = passes.home / "drafts" / "events.csv"
    corrected = path.read_text(encoding="utf-8").replace(",medium,", ",high,")
    path.write_text(corrected, encoding="utf-8")
    world.models["Qwen/Qwen4"] = "d" * 40
    passes()
    assert [row["confidence"] for row in passes.drafts()] == ["high", "medium"]
    path.unlink()
    passes()
    assert not path.exists()


def test_a_file_of_drafts_with_other_columns_is_left_alone(world: World, passes: Passes) -> None:
    passes()
    path = passes.home / "drafts" / "events.csv"
    path.parent.mkdir()
    path.write_text("mine\n", encoding="utf-8")
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    result = passes()
    assert "does not have the columns" in result.failures["drafts"]
    assert len(passes.printed) == 1
    path.unlink()
    assert passes().failures == {}
    assert len(passes.drafts()) == 1
    assert len(passes.printed) == 1


def test_a_notice_reaches_its_address_once(world: World, passes: Passes) -> None:
    passes(world.notify)
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    passes(world.notify)
    passes(world.notify)
    (notice,) = world.notices
    assert notice["title"] == "Faultline: New model on Hugging Face: deepseek-ai/DeepSeek-V5"
    assert "https://huggingface.co/deepseek-ai/DeepSeek-V5" in notice["message"]


def test_a_notice_that_failed_is_sent_with_the_next_pass(world: World, passes: Passes) -> None:
    passes(world.notify)
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    world.deaf = True
    result = passes(world.notify)
    assert result.waiting == 1
    (name,) = result.failures
    assert name == "notify URL 1 (json://)"
    world.deaf = False
    assert passes(world.notify).waiting == 0
    assert len(world.notices) == 1
    assert len(passes.printed) == 1


def test_two_addresses_get_it_each_once_though_one_failed(world: World, passes: Passes) -> None:
    other = world.notify.replace("/notices/", "/gone/")
    passes(world.notify, other)
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    assert list(passes(world.notify, other).failures) == ["notify URL 2 (json://)"]
    assert list(passes(world.notify, other).failures) == ["notify URL 2 (json://)"]
    assert len(world.notices) == 1
    assert "no longer given" in passes(world.notify).failures["notices"]


def test_an_interrupt_while_an_alert_is_told_waits_till_that_is_noted(
    world: World, passes: Passes
) -> None:
    passes()
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    world.models["Qwen/Qwen4"] = "d" * 40
    printed, passes.printed = passes.printed, Interrupting()
    # Another test of this process may have left a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            passes()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(passes.printed) == 1
    printed += passes.printed
    passes.printed = printed
    passes()
    assert sorted(document["name"] for document in printed) == [
        "Qwen/Qwen4", "deepseek-ai/DeepSeek-V5",
    ]  # fmt: skip


class Interrupting(list[dict[str, Any]]):
    """Gets a Ctrl-C with every line."""

    def append(self, document: dict[str, Any]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        super().append(document)


def test_an_author_who_changes_many_models_sends_one_notice() -> None:
    alerts = [
        Alert(str(number), "huggingface Qwen", "changed", f"Changed {number}.", "u", NOW)
        for number in range(30)
    ]
    (notice,) = notices(alerts)
    assert notice.title == "Faultline: 30 alerts: huggingface Qwen"
    *lines, more = notice.body.splitlines()
    assert more == "and 10 more: see the home's folder watch/alerts."
    assert len(lines) == 20
    assert len(notice.ids) == 30


def test_an_alert_told_again_beside_a_new_one_has_its_id_again() -> None:
    alerts = [
        Alert(f"id-{number}", "huggingface Qwen", "changed", f"Changed {number}.", url, NOW)
        for number, url in enumerate(("u", "", "u"))
    ]
    (first,) = notices(alerts[:2])
    (again,) = notices(alerts[1:])
    assert first.body.splitlines() == ["Changed 0. u [id-0]", "Changed 1. [id-1]"]
    assert again.body.splitlines() == ["Changed 1. [id-1]", "Changed 2. u [id-2]"]


@pytest.mark.parametrize(
    "url", ["nosuch://t0psecret@host/path", "t0psecret", "json://", "tgram://t0psecret"]
)
def test_a_notify_url_that_cannot_be_used_is_not_shown(
    url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="notify URL 1") as caught:
        addresses([url])
    streams = capsys.readouterr()
    assert "t0psecret" not in f"{caught.value}{caplog.text}{streams.out}{streams.err}"


def test_an_alert_survives_its_file() -> None:
    alert = Alert("x", "s", "rule", "t", "u", NOW, NOW, "n", {"day": "2026-11-20"})
    assert Alert.of_document(json.loads(json.dumps(alert.document()))) == alert


def test_a_model_without_an_instant_is_drafted_by_the_day_it_was_seen(tmp_path: Path) -> None:
    desk = Desk()
    alert = Alert("x", "huggingface Qwen", "model", "t", "https://huggingface.co/Qwen/A_b", NOW,
                  None, "Qwen/A_b")  # fmt: skip
    row, day0 = draft(alert, "Alibaba", ["XNYS", "XSHG"], desk.calendars)
    assert (row["id"], row["timing"], row["time_utc"]) == ("hf-qwen-a-b", "date_only", "")
    assert set(day0) == {"XNYS", "XSHG"}
    path = tmp_path / "events.csv"
    assert add(path, row)
    assert not add(path, row)
    assert check_file(path) == []


def test_an_id_is_made_from_what_the_alert_is_about_alone() -> None:
    # SHA-256 of "huggingface", a unit separator and "Qwen": no salt, no clock, no machine.
    assert alert_id("huggingface", "Qwen") == "6b31d1f696c52110"


# The command ----------------------------------------------------------------------------


def test_the_command_prints_one_json_line_per_alert_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["watch", "--once"]) == 0
    assert capsys.readouterr().out == ""
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    world.models["Qwen/Qwen4"] = "d" * 40
    assert main(["watch", "--once", "--notify", world.notify]) == 0
    streams = capsys.readouterr()
    lines = [json.loads(line) for line in streams.out.splitlines()]
    assert [line["kind"] for line in lines] == ["model", "model"]
    assert "2 new alerts" in streams.err
    assert len(world.notices) == 2
    assert "t0psecret" not in streams.out + streams.err
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in files if b"t0psecret" in path.read_bytes()]


def test_urls_of_the_environment_count_too(
    world: World, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_NOTIFY", f" {world.notify} ")
    assert len(addresses([])) == 1
    assert len(addresses([world.notify])) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--interval", "0"], "--interval 0"),
        (["--since", "yesterday"], "--since 'yesterday'"),
        (["--once", "--notify", "nosuch://x"], "notify URL 1"),
    ],
)
def test_bad_input_is_said_before_anything_is_asked(
    world: World, server: LocalServer, capsys: pytest.CaptureFixture[str],
    words: list[str], message: str,
) -> None:  # fmt: skip
    assert main(["watch", *words]) == 2
    assert message in capsys.readouterr().err
    assert server.requests == []


def test_without_a_home_or_offline_it_refuses(
    world: World, server: LocalServer, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    assert main(["watch", "--once"]) == 2
    monkeypatch.delenv("FAULTLINE_OFFLINE")
    monkeypatch.delenv("FAULTLINE_HOME")
    assert main(["watch", "--once"]) == 2
    assert "set FAULTLINE_HOME" in capsys.readouterr().err
    assert server.requests == []
