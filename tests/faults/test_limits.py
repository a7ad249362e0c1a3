"""Answers without an end or without a size: each is a sentence, and the other sources are done.

Limits are scaled down, so that each attack breaks one within seconds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.catalogue import Catalogue
from analysis.errors import SourceError
from analysis.loaders.http.client import Client
from analysis.loaders.http.decompression import Body, check_json
from analysis.loaders.http.limits import Budget, Deadline, LimitError, SpentError, spending
from analysis.loaders.http.rate_limit import RetryPolicy
from analysis.loaders.http.transport import OutgoingRequest
from analysis.loaders.sandbox import read_sheet, read_zip
from analysis.loaders.yahoo.adapters import CurlAdapter
from analysis.update import SourceResult
from analysis.watch.alerts import Alert
from analysis.watch.dispatch import AlertDispatcher
from analysis.watch.notifications import addresses
from analysis.watch.outbox import Entry
from analysis.watch.postman import Postman
from tests.servers import hostile
from tests.servers.hostile import Attack, Hostile
from tests.servers.local import LocalServer
from tests.servers.sources import Sources
from tests.stores.updates import one_pass

pytestmark = pytest.mark.slow

# Far more than any of it takes on a busy machine, far less than an attack without an end.
SOON = 120.0

SLOW = {
    "dripped headers": hostile.dripped_headers,
    "a dripped body": hostile.dripped_body,
    "interim answers": hostile.interim_answers,
}
LARGE = {
    "endless chunks": hostile.endless_chunks,
    "gzip members": hostile.gzip_members(100_000),
    "a gzip bomb": hostile.gzip_bomb(50),
    "JSON of lists": hostile.nested_json(2),
}
EMPTY = {
    "always 304": hostile.not_modified,
    "a loop of redirects": hostile.redirects,
    "a redirect to no URL": hostile.redirect_to_no_url,
}


@pytest.fixture(autouse=True)
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", "3")
    monkeypatch.setenv("FAULTLINE_SOURCE_PATIENCE", "8")
    monkeypatch.setenv("FAULTLINE_ANSWER_MB", "4")


@pytest.fixture
def patient(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """Sources, with the limits of this module."""
    monkeypatch.setenv("FAULTLINE_PATIENCE", "3")
    return sources


class Unhurried(Client):
    """Asks FRED, which nobody attacks here, with all the time of a busy machine."""

    def __init__(self, source: str, **options: Any) -> None:
        policy = RetryPolicy(total=SOON) if source == "fred" else None
        super().__init__(source, **{"policy": policy, **options})


def attacked(
    source: str,
    variable: str,
    home: Path,
    few: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Attack, float], SourceResult]:
    """Let one source be attacked while another is asked, and say what came of the first."""
    monkeypatch.setattr("analysis.loaders.http.client.Client", Unhurried)
    monkeypatch.setattr(
        "analysis.update.fetch.Budget",
        lambda name: Budget(name, seconds=SOON if name == "fred" else None),
    )

    def run(attack: Attack, pause: float = 0.0) -> SourceResult:
        started = time.monotonic()
        with Hostile(attack, pause) as server:
            monkeypatch.setenv(variable, server.url)
            found = {one.source: one for one in one_pass(home, few, source, "fred")}
        assert time.monotonic() - started < SOON
        assert found["fred"].ok
        assert found["fred"].new > 0
        return found[source]

    return run


@pytest.mark.parametrize("name", [*SLOW, *LARGE, *EMPTY])
@pytest.mark.parametrize(
    ("source", "variable"),
    [
        ("openrouter_prices", "FAULTLINE_OPENROUTER_URL"),
        ("huggingface", "FAULTLINE_HUGGINGFACE_URL"),
        ("yahoo", "FAULTLINE_YAHOO_URL"),
    ],
)
def test_an_attack_is_one_sentence_and_the_other_sources_are_done(
    source: str,
    variable: str,
    name: str,
    patient: Sources,
    home: Path,
    few: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = attacked(source, variable, home, few, monkeypatch)
    outcome = run({**SLOW, **LARGE, **EMPTY}[name], 0.05 if name in SLOW else 0.0)
    (said,) = outcome.failures
    assert len(said) < 600
    assert "\n" not in said
    assert "Unexpected" not in said
    assert (outcome.new, outcome.revised) == (0, 0)


@pytest.mark.parametrize(
    ("attack", "pause", "said"),
    [
        (hostile.dripped_headers, 0.05, "timed out"),
        (hostile.dripped_body, 0.05, "timed out"),
        (hostile.dripped_headers, 0.0, "larger than allowed"),
        (hostile.interim_answers, 0.0, "Too large response headers"),
        (hostile.endless_chunks, 0.0, "timed out|sent more than 4 MB"),
        (hostile.gzip_bomb(50), 0.0, "sent more than 4 MB"),
        (hostile.gzip_members(100_000), 0.0, "Multi-member gzip"),
    ],
    ids=["dripped headers", "a dripped body", "an endless header", "interim answers",
         "endless chunks", "a gzip bomb", "gzip members"],
)  # fmt: skip
def test_the_browser_that_asks_yahoo_ends_an_answer_at_its_limits(
    attack: Attack, pause: float, said: str
) -> None:
    browser = CurlAdapter()
    started = time.monotonic()
    with Hostile(attack, pause) as server, pytest.raises(Exception, match=said):
        browser.send(
            OutgoingRequest("yahoo", f"{server.url}/v8/finance/chart/NVDA", {}, frozenset()),
            Deadline(started + 1.0),
            Budget("yahoo"),
        )
    browser.close()
    assert time.monotonic() - started < SOON / 10


def test_a_listing_that_never_ends_is_cut(
    patient: Sources, home: Path, few: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.loaders.huggingface.hub.PAGES", 5)
    run = attacked("huggingface", "FAULTLINE_HUGGINGFACE_URL", home, few, monkeypatch)
    outcome = run(hostile.next_links)
    assert "the list does not end after 5 pages" in outcome.failures[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [(hostile.far_cell(), "the reader crashed with SIG"), (b"\xd0\xcf\x11\xe0" * 99, "")],
    ids=["far", "ole"],
)
def test_an_excel_file_that_crashes_its_reader_is_a_sentence(
    content: bytes,
    why: str,
    patient: Sources,
    home: Path,
    few: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAULTLINE_SOURCE_PATIENCE", str(SOON))
    run = attacked("gpr", "FAULTLINE_GPR_URL", home, few, monkeypatch)
    outcome = run(hostile.file_of(content))
    assert outcome.failures
    for said in outcome.failures:
        assert f"not a readable Excel file ({why}" in said
        assert "did not finish" not in said


def test_a_zip_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(SourceError, match="a ZIP that unpacks to more than 4 MB"):
        read_zip(hostile.zip_bomb(40), ".csv")
    with pytest.raises(SourceError, match="a ZIP of more than 100 files"):
        read_zip(hostile.zip_bomb(0, entries=101), ".csv")
    with pytest.raises(SourceError, match="a ZIP with 2 CSV files"):
        read_zip(hostile.zip_bomb(2, entries=2), ".csv")


def test_the_reader_of_a_foreign_file_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run
    given: list[dict[str, str]] = []

    def noted(*words: Any, env: dict[str, str], **options: Any) -> Any:
        given.append(env)
        return run(*words, env=env, **options)

    monkeypatch.setattr("analysis.loaders.sandbox.subprocess.run", noted)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_never_to_be_seen")
    with pytest.raises(SourceError, match="not a readable Excel file"):
        read_sheet(b"a,b\n1,2\n", ("a",))
    (environment,) = given
    assert "ghp_never_to_be_seen" not in environment.values()


def test_a_file_whose_cells_would_fill_the_parent_is_refused() -> None:
    assert read_sheet(hostile.column("DAY", "é" * 1_000), ("DAY",)) == {"DAY": ["é" * 1_000]}
    with pytest.raises(SourceError, match="a cell of more than 1,000 characters"):
        read_sheet(hostile.column("DAY", "é" * 1_001), ("DAY",))
    with pytest.raises(SourceError, match="unpacks to more than 4 MB"):
        read_sheet(hostile.column("DAY", *["é" * 1_000] * 9_000), ("DAY",))


def test_the_reader_of_a_foreign_file_runs_no_module_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zipfile.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    assert read_zip(hostile.zip_bomb(1), ".csv").strip() == ""
    assert not (tmp_path / "ran").exists()


def test_the_process_that_sends_notices_runs_no_module_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apprise.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    postman = Postman("json://127.0.0.1:9/notices")
    assert not postman.send("title", "body")
    postman.end()
    assert not (tmp_path / "ran").exists()


def test_the_answers_of_a_source_share_one_time_and_one_size(server: LocalServer) -> None:
    server.on("/", b"x" * 600_000)
    with (
        spending(Budget("fred", seconds=60, megabytes=1)),
        Client("fred", base_url=server.url) as first,
        Client("fred", base_url=server.url) as second,
    ):
        assert len(first.get("/a").content) == 600_000
        with pytest.raises(SpentError, match=r"larger than 1 MB \(FAULTLINE_SOURCE_MB\)"):
            second.get("/b")
    budget = Budget("fred", seconds=0.01)
    budget.left()
    time.sleep(0.02)
    with (
        spending(budget),
        Client("fred", base_url=server.url) as third,
        pytest.raises(SpentError, match=r"longer than 0.01 seconds"),
    ):
        third.get("/c")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"[" * 200, "more than 100 levels deep"),
        (b"[" + b"[]," * 400_000 + b"1]", "more than 300,000 objects and lists"),
        (b"[" + b"1," * 2_100_000 + b"1]", "more than 2,000,000 values"),
        (("[" * 200).encode("utf-16-le"), "another encoding than UTF-8"),
    ],
)
def test_json_is_measured_before_it_is_parsed(document: bytes, words: str) -> None:
    with pytest.raises(LimitError, match=words):
        check_json(document)


def test_brackets_in_texts_are_no_nesting() -> None:
    check_json(b'{"notes": "' + b"[[{{,," * 500_000 + b'\\" [", "n": [1, 2]}')


@pytest.mark.parametrize("piece", [5, 7, 2**20])
def test_json_measured_piece_by_piece_counts_the_same(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.loaders.http.decompression._PIECE", piece)
    limit = "analysis.loaders.http.decompression.JSON_CONTAINERS"
    texts = rb'"a\\", "\\\"[[{", "", "\"", "[\\\\"'
    document = b"[" + b"[]," * 200 + texts + b", {}]"
    monkeypatch.setattr(limit, 202)
    check_json(document)
    monkeypatch.setattr(limit, 201)
    with pytest.raises(LimitError, match="more than 201 objects"):
        check_json(document)


def test_a_text_without_an_end_is_read_once() -> None:
    """Were each quote in it tried as a beginning, this would take hours."""
    check_json(b"[1,2]," * 200 + b'"' + b'\\"' * 1_000_000)


def test_a_body_holds_no_more_than_it_may() -> None:
    body = Body(10)
    assert body.add(b"12345") == 5
    with pytest.raises(LimitError, match="sent more than"):
        body.add(b"678901")


def test_a_notify_address_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", "20")

    def give_up(attack: Attack) -> None:
        with Hostile(attack, 0.05) as server:
            postman = Postman(server.url.replace("http", "json") + "/notices")
            started = time.monotonic()
            assert not postman.send("title", "body")
            assert time.monotonic() - started < SOON
            assert server.requests <= 1

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(give_up, [hostile.dripped_headers, hostile.dripped_body]))


def test_a_reader_whose_parent_was_killed_ends_by_itself() -> None:
    program = (
        "import resource; from analysis.loaders import sandbox; sandbox._limit_time();"
        "print(resource.getrlimit(resource.RLIMIT_CPU)[1])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) == 31


def test_a_request_to_stop_does_not_wait_until_the_process_that_sends_notices_has_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers: list[object] = []
    monkeypatch.setattr(Postman, "begin", lambda _: handlers.append(signal.getsignal(SIGTERM)))
    monkeypatch.setattr(Postman, "send", lambda *_: handlers.append(signal.getsignal(SIGTERM)))
    (address,) = addresses(["json://127.0.0.1:9/notices"])
    at = datetime(2026, 8, 24, tzinfo=UTC)
    alert = Alert("a" * 16, "release", "github a/b", "A release.", "http://a", at, None, {})
    teller: Any = SimpleNamespace(failures={})
    AlertDispatcher._notify(teller, address, [Entry(alert, to=(address.fingerprint,))])
    before, held = handlers
    assert before == signal.getsignal(SIGTERM) != held
