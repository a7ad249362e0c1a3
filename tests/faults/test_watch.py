"""The watch when it is killed, restarted, run twice at once, and when its sources fail."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.servers.figures import published
from tests.servers.forks import Fork, Forks
from tests.servers.local import LocalServer, Reply, failing, html, stall
from tests.servers.shapes import github_repository
from tests.servers.watched import Passes, World

pytestmark = pytest.mark.slow

COMMAND = "import sys; from analysis.cli import main; sys.exit(main())"
KILLS = 8


class Runs:
    """``faultline watch`` in processes of its own."""

    def __init__(self, forks: Forks, world: World, home: Path) -> None:
        self.forks, self.world, self.home = forks, world, home
        self.output, self.errors = home.parent / "alerts.jsonl", home.parent / "errors.txt"
        unset = ("HF_TOKEN", "GITHUB_TOKEN", "FAULTLINE_NOTIFY")
        given = {key: value for key, value in os.environ.items() if key not in unset}
        self.environment = {**given, **world.environment(home)}

    def start(self, *words: str) -> Fork:
        return self.forks.start(
            "watch", *words, environment=self.environment, out=self.output, err=self.errors
        )

    def once(self, *words: str) -> int:
        return self.start("--once", *words).wait()

    def as_a_user(self, *words: str) -> subprocess.Popen[bytes]:
        """From the interpreter on."""
        with self.output.open("ab") as output, self.errors.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-c", COMMAND, "watch", *words],
                env=self.environment, stdout=output, stderr=errors,
            )  # fmt: skip

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def names(self) -> list[str]:
        return [alert["name"] for alert in self.alerts()]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(calendars=True) as found:
        yield found


@pytest.fixture
def runs(forks: Forks, server: LocalServer, tmp_path: Path) -> Runs:
    return Runs(forks, World(server), tmp_path / "home")


def test_killed_while_a_notice_is_on_its_way_it_is_told_again_and_nothing_else(
    runs: Runs,
) -> None:
    world = runs.world
    assert runs.once("--notify", world.notify) == 0
    world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
    answer = world.notice
    running: list[Fork] = []

    def kill(seen: Any, found: Any) -> Any:
        running[0].kill()
        return answer(seen, found)

    world.server.on("/notices/", lambda seen: kill(seen, None), times=1)
    running.append(runs.start("--once", "--notify", world.notify))
    assert running[0].wait() == -signal.SIGKILL
    # Its line was written and noted; of the notice nobody can know that it arrived.
    assert runs.names() == ["deepseek-ai/DeepSeek-V5"]
    assert runs.once("--notify", world.notify) == 0
    assert runs.once("--notify", world.notify) == 0
    assert runs.names() == ["deepseek-ai/DeepSeek-V5"]
    assert len(world.notices) == 2


def test_killed_at_random_moments_it_misses_nothing(runs: Runs) -> None:
    world = runs.world
    assert runs.once() == 0
    expected = [f"deepseek-ai/DeepSeek-V{number}" for number in range(10, 11 + KILLS)]
    world.models[expected[0]] = "b" * 40
    first = time.monotonic()
    assert runs.once() == 0
    whole = time.monotonic() - first
    chance = random.Random(20250127)
    killed = 0
    for name in expected[1:]:
        world.models[name] = "b" * 40
        process = runs.start("--once")
        after = chance.uniform(0.1, 1.1) * whole
        time.sleep(after)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            killed += 1
        else:
            # Done before: the machine is faster than when the whole was measured.
            whole = min(whole, after)
    assert killed > 1  # how many depends on how the pace of the machine changes meanwhile
    assert runs.once() == 0
    told = runs.names()
    assert sorted(set(told)) == sorted(expected)
    # At most the one that each kill interrupted can have been told twice.
    assert len(told) <= len(expected) + KILLS
    before = len(told)
    assert runs.once() == 0
    assert len(runs.names()) == before
    files = list((runs.home / "watch" / "alerts").glob("*.json"))
    assert len(files) == len(expected)
    drafts = (runs.home / "drafts" / "events.csv").read_text().splitlines()
    assert len(drafts) == 1 + len(expected)


def test_two_watches_at_once_tell_everything_once(runs: Runs) -> None:
    world = runs.world
    assert runs.once() == 0
    names = [f"deepseek-ai/DeepSeek-V{number}" for number in range(10, 15)]
    world.models |= dict.fromkeys(names, "b" * 40)
    both = [runs.start("--once"), runs.start("--once")]
    assert [process.wait() for process in both] == [0, 0]
    assert sorted(runs.names()) == names


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_loop_looks_again_and_ends_cleanly(runs: Runs, number: signal.Signals) -> None:
    world = runs.world
    with runs.as_a_user("--interval", "0.005") as process:
        try:
            _wait_for(lambda: "First look" in runs.errors.read_text())
            world.models["deepseek-ai/DeepSeek-V5"] = "b" * 40
            _wait_for(lambda: runs.names() == ["deepseek-ai/DeepSeek-V5"])
            # However many passes see this: of a list that is gone thrice, the models are too.
            world.broken["/api/models"] = failing(404)
            _wait_for(lambda: "failed: huggingface_artefacts" in runs.errors.read_text())
            world.broken.clear()
            world.models["deepseek-ai/DeepSeek-V6"] = "b" * 40
            _wait_for(lambda: "deepseek-ai/DeepSeek-V6" in runs.names())
            process.send_signal(number)
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()
    said = runs.errors.read_text()
    assert "watch stopped" in said
    assert "Traceback" not in said


# What else sources do wrong is each loader's test.
@pytest.mark.parametrize("bad", [html(), stall(60), Reply(b'[{"name": "Qwen/A"}]')])
def test_one_source_that_fails_is_named_and_stops_no_other(
    server: LocalServer, tmp_path: Path, bad: Reply, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from analysis.cli import main

    world = World(server)
    for name, value in world.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    # Only the source that stalls may come to the end of it.
    monkeypatch.setenv("FAULTLINE_PATIENCE", "3" if bad.stall else "30")
    world.broken["/api/models"] = bad
    assert main(["watch", "--once"]) == 1
    world.repositories.append("QwenLM/Qwen4")
    assert main(["watch", "--once"]) == 1
    streams = capsys.readouterr()
    assert streams.err.count("faultline: huggingface_artefacts Qwen") == 2
    assert "deepseek-ai" in streams.err
    assert streams.err.count("faultline: failed: huggingface_artefacts. The rest is done.") == 2
    assert [json.loads(line)["name"] for line in streams.out.splitlines()] == ["QwenLM/Qwen4"]
    # When it answers again, that is its first look: what it shows then is no news.
    world.broken.clear()
    assert main(["watch", "--once"]) == 0
    assert capsys.readouterr().out == ""


def test_a_panic_in_one_source_is_named_and_stops_no_other(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no Exception; a thread that dies of it must not keep the pass waiting for ever."""
    world = World(server)

    def panic(self: object, request: object) -> None:
        raise pl.exceptions.PanicException("index out of bounds")

    monkeypatch.setattr("analysis.loaders.github.artefacts.GithubArtefacts.fetch", panic)
    for name, value in world.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    result = Passes(tmp_path / "home")()
    why = "The response could not be read and was not stored (PanicException: index out of bounds)."
    assert result.failures == {"github_artefacts": why}
    assert any(subject.startswith("huggingface ") for subject in result.first_looks)


def test_pages_that_come_twice_and_null_fields_do_no_harm(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from analysis.cli import main

    world = World(server)
    for name, value in world.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    assert main(["watch", "--once"]) == 0
    twice = github_repository("deepseek-ai/DeepSeek-V5")
    standing = github_repository("deepseek-ai/DeepSeek-V3")
    server.on("/orgs/deepseek-ai/repos", [twice, twice, standing])
    world.rules.append(published("2026-99999", effective_on=None))
    world.models["Qwen/Qwen4"] = "d" * 40
    world.created["Qwen/Qwen4"] = None  # type: ignore[assignment]
    assert main(["watch", "--once"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["name"] for line in lines if line["kind"] != "rule") == [
        "Qwen/Qwen4", "deepseek-ai/DeepSeek-V5",
    ]  # fmt: skip


def test_an_outbox_that_cannot_be_read_is_named(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from analysis.cli import main

    world = World(server)
    for name, value in world.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "home" / "watch" / "subjects.json"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    assert main(["watch", "--once"]) == 2
    assert "subjects.json cannot be read" in capsys.readouterr().err


def _wait_for(happened: Any, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
