"""An update whose sources are down, that is refused, or that asks for little."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.catalogue import Catalogue
from analysis.cli import main
from analysis.errors import InputError, SourceError
from analysis.loaders import Request, loaders
from analysis.store import Store
from tests.servers import figures
from tests.servers.local import (
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
from tests.servers.shapes import hub_model
from tests.servers.sources import Sources
from tests.stores.updates import observations, one_pass

pytestmark = pytest.mark.slow

PATHS = {
    "edgar": "/api/xbrl/companyfacts",
    "edgar_earnings": "/submissions",
    "edgar_shares": "/api/xbrl/companyconcept",
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
    monkeypatch.setenv("FAULTLINE_PATIENCE", "5")
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
    monkeypatch.setenv("FAULTLINE_PATIENCE", "3")
    monkeypatch.setenv("OPENROUTER_API_KEY", "a-key")
    sources.server.on(PATHS[name], failing(503))
    broken, french = sorted(one_pass(home, few, name, "french"), key=lambda one: one.ok)
    assert (broken.source, french.source) == (name, "french")
    assert french.new > 0
    assert (broken.new, broken.revised, broken.ok) == (0, 0, False)
    (said,) = broken.failures
    assert "503" in said


# A panic inside a package written in Rust is no Exception.
@pytest.mark.parametrize("kind", [KeyError, pl.exceptions.PanicException])
def test_a_fault_that_nobody_foresaw_is_named_and_stops_nobody(
    kind: type[BaseException],
    sources: Sources,
    home: Path,
    few: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_should_never_be_seen")

    def stumble(self: object, request: object) -> None:
        raise kind("hf_should_never_be_seen")

    monkeypatch.setattr("analysis.loaders.risk_indexes.Fred.fetch", stumble)
    fred, french = sorted(one_pass(home, few, "fred", "french"), key=lambda one: one.ok)
    said = f"The response could not be read and was not stored ({kind.__name__}: ***)."
    assert "".join(fred.failures).replace("'", "") == said
    assert french.ok


def test_figures_are_stored_when_nobody_reads_the_progress_any_more(
    sources: Sources, home: Path, few: Catalogue
) -> None:
    def gone(*_step: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    outcomes = one_pass(home, few, "fred", "french", progress=gone)
    assert [outcome.failures for outcome in outcomes] == [(), ()]
    assert observations(home, "factors").height > 0


def test_a_fault_in_the_progress_ends_the_update(home: Path, few: Catalogue) -> None:
    def wrong(*_step: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one_pass(home, few, "openrouter", progress=wrong)


def test_a_fault_of_our_own_is_not_said_to_be_the_source_s(
    sources: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(self: object, name: str, frame: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(Store, "append", stumble)
    (outcome,) = one_pass(home, few, "fred")
    said = "Faultline could not process the response (KeyError: 'unforeseen'); nothing of it was "
    assert outcome.failures == (f"{said}stored.",)


def test_the_names_of_the_request_that_failed_are_said(
    sources: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, request: Request) -> None:
        raise SourceError("fred: it is closed.")

    requests = [Request(names=("A", "B", "C", "D")), Request(names=("E",))]
    monkeypatch.setattr("analysis.loaders.risk_indexes.Fred.fetch", refuse)
    monkeypatch.setattr("analysis.update.fetch.requests_for", lambda *_: requests)
    (outcome,) = one_pass(home, few, "fred")
    said = "A, B, C and 1 more: fred: it is closed. Therefore not asked for: E."
    assert outcome.failures == (said,)


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
        (["fred"], "'fred' is a source, not a table: faultline data update --source fred"),
        (["--source", "yahu"], "Unknown source 'yahu'. Did you mean 'yahoo'"),
        (["prices", "--source", "french"], "french fills factors"),
        (["prices", "--since", "yesterday"], "--since 'yesterday' is not a date"),
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
    whole = "^/v8/finance/chart/NVDA.*period1=14"  # from 2016 on
    sources.server.on(whole, failing(503))
    (outcome,) = one_pass(home, few, "yahoo")
    assert not outcome.ok
    assert observations(home, "prices").equals(before)


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Yahoo's last answers serve both of its loaders; a test must not read another's."""
    from analysis.loaders.yahoo import fetch as yahoo_fetch

    yield
    yahoo_fetch._cache.clear()


assert set(PATHS) == set(loaders())


def test_a_repository_that_is_gone_is_noted_and_the_source_is_done(
    sources: Sources, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.server.on("^/repos/vllm-project/vllm(/|$)", as_reply({"message": "Not Found"}, 404))
    assert main(["data", "update", "--source", "github", "--json"]) == 0
    printed = capsys.readouterr()
    (told,) = json.loads(printed.out)["sources"]
    assert told["ok"]
    assert told["new"] > 0
    (news,) = told["news"]
    assert news.startswith("vllm-project/vllm: github: ")
    assert news.endswith("answered 404 Not Found. It was deleted, renamed or made private.")
    assert f"note: github: {news}" in printed.err


def test_a_model_that_its_author_no_longer_lists_is_noted(
    sources: Sources, home: Path, few: Catalogue
) -> None:
    sources.server.on("^/api/models[?]", [hub_model("Qwen/One"), hub_model("Qwen/Two")])
    (first,) = one_pass(home, few, "huggingface")
    assert (first.ok, first.news) == (True, ())
    sources.server.on("^/api/models[?]", [hub_model("Qwen/One")])
    (second,) = one_pass(home, few, "huggingface")
    assert second.ok
    (news,) = second.news
    assert news.startswith("Qwen/Two: huggingface does not list it any more; its series ends on")
