"""An update when it is killed, doubled, cut off, refused, or out of room."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.calendars import Calendars
from analysis.catalogue import Catalogue
from analysis.cli import main
from analysis.errors import InputError
from analysis.loaders import loaders
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import TABLES, keys_of
from analysis.update import Outcome, update
from tests.servers import figures
from tests.servers.forks import Forks
from tests.servers.local import (
    LocalServer,
    Reply,
    as_reply,
    empty,
    failing,
    html,
    rate_limited,
    reset,
    stall,
    truncated,
)
from tests.servers.sources import Sources

PROGRAM = "import sys; from analysis.cli import main; sys.exit(main())"
QUICK = ("factors", "risk_indexes")
FACTORS_A_DAY = 8
# Deaths of whole updates; writers of the store die as often (test_store.py).
DEATHS = int(os.environ.get("FAULTLINE_DEATHS", "100"))
PATHS = {
    "edgar": "/api/xbrl",
    "federal_register": "/api/v1/documents.json",
    "fred": "/graph/fredgraph.csv",
    "fred_prices": "/graph/fredgraph.csv",
    "french": figures.FRENCH,
    "github": "/repos",
    "github_artefacts": "^/(repos|orgs)",
    "github_support": "/repos",
    "gpr": "/gpr_files",
    "huggingface": "/api/models",
    "huggingface_artefacts": "/api/models",
    "openrouter_prices": "/api/v1/models",
    "openrouter": "/api/v1/datasets",
    "pypistats": "/api/packages",
    "yahoo": "/v8",
    "yahoo_actions": "/v8",
    "yahoo_revenues": "/ws",
}


@pytest.fixture
def sources(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Sources:
    found = Sources(server)
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("HF_TOKEN", "GITHUB_TOKEN", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAULTLINE_PATIENCE", "20")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("FAULTLINE_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue with a handful of names, so that an update takes a second."""
    folder = tmp_path_factory.mktemp("few") / "catalogue"
    shutil.copytree(bundled("data/catalogue"), folder)
    for name, kept in {
        "instruments": ("ticker", "^GSPC,", "NVDA,", "0981.HK,", "^HSI,", "USDCNY,"),
        "watched": (
            *("platform", "github,deepseek-ai", "github,vllm-project/vllm-ascend"),
            *("github,DeepSeek-V4,", "huggingface,Qwen", "pypi,vllm,"),
            "openrouter,moonshotai",
        ),
        "groups": ("name",),
    }.items():
        path = folder / f"{name}.csv"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.startswith(kept)), encoding="utf-8")
    return Catalogue(folder)


def one_pass(home: Path, catalogue: Catalogue, *names: str, **options: Any) -> list[Outcome]:
    return update(Store(home), catalogue, Calendars(), sources=names, **options)


def start(*words: str) -> subprocess.Popen[str]:
    """A whole update in a process of its own, as a user has it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "data", "update", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def new_vintage(server: LocalServer, number: int) -> None:
    """Let French's library revise every factor of its two days."""
    row = [f"{number / 100:.2f}"] * 6
    days = {"20260929": row, "20260930": row}
    five = figures.french_zip(figures.FIVE, days)
    server.on(f"{figures.FRENCH}/F-F_Research_Data_5_Factors_2x3_daily", five)
    three = figures.french_zip(figures.THREE, days)
    server.on(f"{figures.FRENCH}/F-F_Research_Data_Factors_daily", three)
    server.on(f"{figures.FRENCH}/F-F_Momentum_Factor_daily", figures.french_zip(("Mom",), days))


def observations(home: Path, table: str) -> pl.DataFrame:
    return Store(home).history(table)


# Killed ------------------------------------------------------------------------------------


@pytest.fixture
def updated() -> Iterator[Callable[..., int]]:
    """Updates the quick tables in a process of its own, and says how that ended."""
    with Forks() as forks:

        def update_killed(after: float | None = None) -> int:
            """Update; with a number, killed after so many seconds."""
            child = forks.start("data", "update", *QUICK, environment=os.environ)
            if after is not None:
                time.sleep(after)
                child.kill()
            return child.wait()

        yield update_killed


def test_an_update_killed_a_hundred_times_loses_nothing_and_leaves_nothing_half_done(
    sources: Sources, home: Path, updated: Callable[..., int]
) -> None:
    assert updated() == 0
    new_vintage(sources.server, 1)
    first = time.monotonic()
    assert updated() == 0
    whole = time.monotonic() - first
    chance = random.Random(4)
    committed = {table: observations(home, table) for table in QUICK}
    killed, number = 0, 1
    # Some end before they are killed; the last vintage is 3.00 %.
    while killed < DEATHS:
        number += 1
        assert number < 3 * DEATHS, f"only {killed} of {number} were alive when they were killed"
        new_vintage(sources.server, number)
        killed += updated(chance.uniform(0.1, 1.1) * whole) == -signal.SIGKILL
        for table, before in committed.items():
            now = observations(home, table)  # valid rows alone: reading checks the schema
            assert before.join(now, on=now.columns, how="anti", nulls_equal=True).is_empty()
            committed[table] = now
    live = committed["factors"].filter(~pl.col("backfilled"))
    seen = live.group_by("date", "factor").len()["len"]
    # What was answered together was stored together: no factor is a vintage ahead of another.
    assert (len(seen), seen.n_unique()) == (2 * FACTORS_A_DAY, 1)
    new_vintage(sources.server, number + 1)
    assert updated() == 0
    last = Store(home).read("factors", where={"date": date(2026, 9, 30)})
    assert last["value"].unique().to_list() == [(number + 1) / 10_000]


def test_two_updates_at_once_both_finish_and_double_nothing(sources: Sources, home: Path) -> None:
    children = [start(*QUICK, "--json") for _ in range(2)]
    answers = [child.communicate(timeout=180) for child in children]
    assert [child.returncode for child in children] == [0, 0], answers
    documents = [json.loads(out) for out, _ in answers]
    for table in QUICK:
        new = [
            sum(source["new"] for source in document["sources"] if source["table"] == table)
            for document in documents
        ]
        live = observations(home, table).filter(~pl.col("backfilled"))
        assert live.select(keys_of(table)).is_duplicated().sum() == 0
        assert sum(new) == live.height > 0
        seeded = observations(home, table).filter("backfilled")
        assert not seeded.select(*keys_of(table), "observed_at").is_duplicated().any()


# One source down ---------------------------------------------------------------------------

DOWN: dict[str, Callable[[], Any]] = {
    "429 for ever": rate_limited,
    "429, in an hour": lambda: rate_limited(3600),
    "503": failing,
    "a stall": lambda: stall(60),
    "a reset": reset,
    "HTML": html,
    "nothing": empty,
    "half an answer": lambda: truncated({"data": [figures.openrouter_model("a/b")]}),
    "another shape": lambda: {"models": []},
    "a renamed field": lambda: {"data": [{**figures.openrouter_model("a/b"), "pricing": None}]},
}


@pytest.mark.parametrize("way", DOWN)
def test_a_source_that_is_down_is_named_and_the_others_are_done(
    way: str,
    sources: Sources,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", "1")
    sources.server.on("/api/v1/models", DOWN[way]())
    sources.server.on("^/api/v1/models/.+", DOWN[way]())
    words = ["model_prices", "factors", "risk_indexes", "--json"]
    assert main(["data", "update", *words]) == 1
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["failed"] == ["openrouter_prices"]
    done = {source["source"]: source["new"] for source in document["sources"]}
    assert min(done["french"], done["gpr"], done["fred"]) > 0
    assert "failed: openrouter_prices. The other sources are done." in printed.err
    assert Store(home).read("model_prices").is_empty()


@pytest.mark.parametrize("name", [name for name in loaders() if name != "french"])
def test_any_source_can_be_down(
    name: str, sources: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", "1")
    monkeypatch.setenv("OPENROUTER_API_KEY", "a-key")
    sources.server.on(PATHS[name], failing(503))
    broken, french = sorted(one_pass(home, few, name, "french"), key=lambda one: one.ok)
    assert (broken.source, french.source) == (name, "french")
    assert french.new > 0
    assert (broken.new, broken.revised, broken.ok) == (0, 0, False)
    assert "503" in " ".join(broken.failures)


def test_a_fault_that_nobody_foresaw_is_named_and_stops_nobody(
    sources: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_should_never_be_seen")

    def stumble(self: object, request: object) -> None:
        raise KeyError("hf_should_never_be_seen")

    monkeypatch.setattr("analysis.loaders.risk.Fred.fetch", stumble)
    fred, french = sorted(one_pass(home, few, "fred", "french"), key=lambda one: one.ok)
    assert fred.failures == ("Unexpected KeyError: '<HF_TOKEN>'.",)
    assert french.ok


def test_the_sec_is_not_asked_without_a_contact(
    sources: Sources,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("FAULTLINE_CONTACT")
    assert main(["data", "update", "--source", "edgar", "--source", "french"]) == 1
    printed = capsys.readouterr()
    assert "FAULTLINE_CONTACT" in printed.err
    assert "failed: edgar." in printed.err
    assert not [path for path in sources.server.paths() if path.startswith("/api/xbrl")]
    assert Store(home).read("factors")["source"].to_list().count("french") > 0


def test_rows_that_break_the_rules_are_kept_apart(
    sources: Sources, home: Path, few: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    days = {"20260930": ["99.00"] * 6}  # no factor returns 99 % in a day
    sources.server.on(f"{figures.FRENCH}/F-F_Momentum", figures.french_zip(("Mom",), days))
    (french,) = one_pass(home, few, "french")
    assert french.rejected == 1
    assert main(["data", "quarantine", "factors", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert "0.99" in row["row"]


# Refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["price"], "Unknown table 'price'. Did you mean 'prices'"),
        (["--source", "yahu"], "Unknown source 'yahu'. Did you mean 'yahoo'"),
        (["prices", "--source", "french"], "french fills factors"),
        (["prices", "--since", "yesterday"], "--since 'yesterday' is not a day"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    words: list[str],
    message: str,
    sources: Sources,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "update", *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
    assert sources.server.requests == []
    assert not home.exists()


def test_without_a_home_nothing_is_fetched(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FAULTLINE_HOME", raising=False)
    assert main(["data", "update"]) == 2
    assert "set FAULTLINE_HOME" in capsys.readouterr().err
    assert sources.server.requests == []


def test_offline_no_socket_is_opened(
    sources: Sources,
    home: Path,
    few: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert main(["data", "update"]) == 2
    assert "FAULTLINE_OFFLINE" in capsys.readouterr().err
    for loader in loaders():  # and each of them by itself
        with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
            one_pass(home, few, loader)


# A full disk -------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 2_000])
def test_a_full_disk_is_said_and_the_store_still_reads(
    room: int, sources: Sources, home: Path, few: Catalogue
) -> None:
    """A limit on the size of a file stands for the disk: both refuse the write half-way."""
    one_pass(home, few, "french")
    before = observations(home, "factors")
    new_vintage(sources.server, 7)
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, "data", "update", "factors"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert child.returncode == 1
    assert "failed: french" in child.stderr
    assert "Traceback" not in child.stderr
    assert observations(home, "factors").equals(before)
    (french,) = one_pass(home, few, "french")
    assert french.revised == 2 * FACTORS_A_DAY


# Side by side ------------------------------------------------------------------------------


def test_sources_are_asked_side_by_side(sources: Sources, home: Path, few: Catalogue) -> None:
    """Each of four sources waits until all four have asked: one after the other none could."""
    import threading

    meeting = threading.Barrier(4, timeout=30)

    def when_all_are_here(body: Any) -> Callable[[Any], Reply]:
        def answer(_: Any) -> Reply:
            meeting.wait()
            return as_reply(body)

        return answer

    meeting_places = {
        f"{figures.FRENCH}/F-F_Momentum_Factor_daily": figures.french_zip(
            ("Mom",), {"20260930": ["0.1"]}
        ),
        r"^/graph/fredgraph\.csv\?id=VIXCLS": figures.csv(
            "observation_date,VIXCLS\n2026-09-29,16.1\n"
        ),
        "/gpr_files/data_gpr_export.xls": figures.gpr_monthly([[46266, 150.5, 1, 2, 0.9, 0.2, 3]]),
        "/api/v1/documents.json": figures.page([figures.published("2026-00789")]),
    }
    for place, body in meeting_places.items():
        sources.server.on(place, when_all_are_here(body), times=1)
    found = one_pass(home, few, "french", "fred", "gpr", "federal_register")
    assert [outcome.failures for outcome in found] == [(), (), (), ()]


# Incremental -------------------------------------------------------------------------------


def test_a_second_update_asks_for_little_and_adds_nothing(
    sources: Sources, home: Path, few: Catalogue
) -> None:
    (first,) = one_pass(home, few, "yahoo")
    (second,) = one_pass(home, few, "yahoo")
    assert first.new == 4 * 3
    assert (second.new, second.revised, second.unchanged) == (0, 0, 4 * 10)


def test_after_a_split_the_whole_history_is_fetched_anew(
    sources: Sources, home: Path, few: Catalogue
) -> None:
    one_pass(home, few, "yahoo")
    before = Store(home).read("prices", where={"ticker": "NVDA"})
    sources.rebased["NVDA"] = 0.1
    (outcome,) = one_pass(home, few, "yahoo")
    after = Store(home).read("prices", where={"ticker": "NVDA"})
    assert outcome.revised == before.height == after.height
    assert any("NVDA" in alert for alert in outcome.alerts)
    ratio = (after["adj_close"] / before["adj_close"]).unique()
    assert ratio.min() == pytest.approx(0.1)
    assert ratio.max() == pytest.approx(0.1)


def test_a_rebased_ticker_whose_history_fails_is_left_as_it_was(
    sources: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_pass(home, few, "yahoo")
    before = observations(home, "prices")
    sources.rebased["NVDA"] = 0.1
    monkeypatch.setenv("FAULTLINE_PATIENCE", "2")
    whole = "^/v8/finance/chart/NVDA.*period1=16"  # from 2021 on
    sources.server.on(whole, failing(503))
    (outcome,) = one_pass(home, few, "yahoo")
    assert not outcome.ok
    assert observations(home, "prices").equals(before)


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Yahoo's last answers serve both of its loaders; a test must not read another's."""
    from analysis.loaders import yahoo_asking

    yield
    yahoo_asking._told.clear()


assert set(PATHS) == set(loaders())
assert set(QUICK) <= set(TABLES)
assert os.name == "posix"
