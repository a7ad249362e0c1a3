"""What the client makes of a source that refuses, stalls, lies or breaks off."""

from __future__ import annotations

import gzip
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from analysis.errors import SourceError
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.client import Client, HTTPStatusError, RetryPolicy
from analysis.loaders.http.response import NotFoundError
from tests.servers import local
from tests.servers.clients import QUICK, Make
from tests.servers.local import LocalServer, Reply, Seen

SHORT = replace(QUICK, read=0.2)


# Failures that pass -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        local.rate_limited(),
        local.rate_limited(0),
        local.failing(500),
        local.failing(503),
        local.reset(),
        local.stall(60),
        local.truncated({"a": [1] * 1000}),
        local.broken_gzip({"a": [1] * 1000}),
    ],
    ids=["429", "429 now", "500", "503", "reset", "stall", "truncated", "torn gzip"],
)
def test_what_may_pass_is_asked_again(server: LocalServer, make: Make, fault: Reply) -> None:
    client = make(policy=replace(QUICK, read=1) if fault.stall else QUICK)
    server.on("/x", {"a": 1})
    server.on("/x", fault, times=2)
    assert client.get("/x").json() == {"a": 1}
    assert server.paths() == ["/x"] * 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (local.rate_limited(), "answered 429 Too Many Requests"),
        (local.failing(502), "answered 502 Bad Gateway"),
        (local.reset(), "broke off"),
        (local.stall(60), "sent nothing for 0.2 seconds"),
        (local.truncated({"a": 1}), "broke off"),
        (local.broken_gzip({"a": 1}), "sent gzip that breaks off"),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "cannot be unpacked"),
    ],
)
def test_what_does_not_pass_names_source_url_cause_and_attempts(
    server: LocalServer, make: Make, fault: Reply, words: str
) -> None:
    client = make(policy=SHORT if fault.stall else QUICK)
    server.on("/x", fault)
    with pytest.raises(SourceError, match=rf"^openrouter: {server.url}/x\?n=1 ") as caught:
        client.get("/x", {"n": 1})
    assert words in str(caught.value)
    assert "(asked 3 times)" in str(caught.value)
    assert len(server.requests) == 3


def test_the_cause_is_told_where_the_next_turn_comes_too_late(
    server: LocalServer, make: Make
) -> None:
    client = make(policy=replace(QUICK, read=5, total=2), per_second=0.4)
    server.on("/x", local.failing(502))
    with pytest.raises(SourceError, match=r"answered 502 Bad Gateway \(asked once\)"):
        client.get("/x")
    assert server.paths() == ["/x"]


def test_nobody_listening_is_told(client: Client, make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        nobody = make(base_url=f"http://127.0.0.1:{port}")
        with pytest.raises(SourceError, match=r"could not be reached \(.*refused"):
            nobody.get("/x")


def test_a_stalled_source_ends_within_the_total(server: LocalServer, make: Make) -> None:
    server.on("/x", local.stall(60))
    client = make(policy=RetryPolicy(read=60, total=1, attempts=9, first_wait=0.01))
    start = time.monotonic()
    with pytest.raises(SourceError, match=r"sent nothing for (1|0\.\d+) seconds \(asked once\)"):
        client.get("/x")
    assert time.monotonic() - start < 45  # the source would take 60


def test_a_body_that_drips_ends_within_the_total(server: LocalServer, make: Make) -> None:
    server.on("/x", Reply(b"x" * 600, drip=0.1))
    client = make(policy=RetryPolicy(read=60, total=1, attempts=2, first_wait=0.01))
    start = time.monotonic()
    with pytest.raises(SourceError, match=r"did not finish within 1 seconds"):
        client.get("/x")
    assert time.monotonic() - start < 45  # the whole body would take 60


# Retry-After ------------------------------------------------------------------------------


def soon(_: Seen) -> Reply:
    """Wants to be left alone for one second, on a clock that is two days slow."""
    theirs = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    return Reply(
        b"",
        429,
        {
            "Date": format_datetime(theirs, usegmt=True),
            "Retry-After": format_datetime(theirs + timedelta(seconds=1), usegmt=True),
        },
    )


@pytest.mark.parametrize("fault", [local.rate_limited(1), soon], ids=["seconds", "date"])
def test_a_source_is_left_alone_as_long_as_it_asks(
    server: LocalServer, make: Make, fault: Reply
) -> None:
    server.on("/x", {"a": 1})
    server.on("/x", fault, times=1)
    start = time.monotonic()
    timing = RetryPolicy(total=20, first_wait=0.01, longest_wait=2)
    assert make(policy=timing).get("/x").json() == {"a": 1}
    assert time.monotonic() - start > 0.9


def test_a_wait_longer_than_our_patience_is_told_not_cut_short(
    server: LocalServer, client: Client
) -> None:
    server.on("/x", local.rate_limited(3600))
    with pytest.raises(HTTPStatusError, match="asks us to wait 3,600 seconds") as caught:
        client.get("/x")
    assert caught.value.status == 429
    assert len(server.requests) == 1


def test_githubs_used_up_hour_is_a_rate_limit(server: LocalServer, client: Client) -> None:
    reset = int(time.time()) + 1800
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    server.on("/x", Reply(b"{}", 403, headers))
    with pytest.raises(
        HTTPStatusError, match=r"403 Forbidden .*asks us to wait 1,[78]\d\d seconds"
    ):
        client.get("/x")


# Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_refusal_is_told_at_once(server: LocalServer, client: Client, status: int) -> None:
    server.on("/x", Reply(b"", status))
    with pytest.raises(HTTPStatusError, match=f"answered {status}") as caught:
        client.get("/x")
    assert caught.value.status == status
    assert len(server.requests) == 1


def test_a_missing_page_can_be_told_from_a_refusal(server: LocalServer, client: Client) -> None:
    with pytest.raises(NotFoundError, match="answered 404 Not Found"):
        client.get("/nothing")


# Bodies that are not what they should be --------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (local.html(), "an HTML page instead of JSON"),
        (local.empty(), "an empty response instead of JSON"),
        (Reply(b'{"a": [1, 2', headers={"Content-Type": "application/json"}), "11 bytes of"),
        (Reply(b'{"a": NaN}'), "NaN is not JSON"),
        (Reply(b"[" * 100_000), "JSON nested more than 100 levels deep"),
        (Reply('{"a": 1}'.encode("utf-16")), "JSON in another encoding than UTF-8"),
        # In EBCDIC no byte of a bracket is that of ASCII.
        (
            Reply('{"a": 1}'.encode("cp037"), headers={"Content-Type": "a/json; charset=cp037"}),
            "of a/json; charset=cp037 instead of JSON",
        ),
    ],
    ids=["html", "empty", "cut off", "nan", "deep", "utf-16", "ebcdic"],
)
def test_what_is_no_json_is_named(
    server: LocalServer, client: Client, reply: Reply, words: str
) -> None:
    server.on("/x", reply)
    with pytest.raises(SourceError, match=f"^openrouter: {server.url}/x sent ") as caught:
        client.get("/x").json()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("é".encode(), "iso-8859-1"),  # declared wrongly: valid UTF-8 wins
        ("é".encode(), "no-such-charset"),
        ("é".encode("latin-1"), "iso-8859-1"),
        ("\ufeffé".encode(), "utf-8"),
    ],
)
def test_a_wrong_charset_does_no_harm(
    server: LocalServer, client: Client, body: bytes, charset: str
) -> None:
    server.on("/x", Reply(body, headers={"Content-Type": f"text/csv; charset={charset}"}))
    assert client.get("/x").text() == "é"


def test_bytes_of_no_known_charset_are_refused(server: LocalServer, client: Client) -> None:
    server.on("/x", Reply(b"\xff\xfe\xfa", headers={"Content-Type": "text/csv; charset=wat"}))
    with pytest.raises(SourceError, match="which is not the declared wat"):
        client.get("/x").text()


def test_all_members_of_a_packed_answer_are_unpacked(server: LocalServer, client: Client) -> None:
    body = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    server.on("/x", Reply(body, headers={"Content-Encoding": "gzip", "Content-Type": "text/csv"}))
    assert client.get("/x").text() == "a,b\n1,2\n3,4\n"


# Conditional questions --------------------------------------------------------------------


def test_an_unchanged_answer_comes_from_the_archive(server: LocalServer, client: Client) -> None:
    server.on("/x", local.gzipped({"a": 1}), headers={"ETag": '"one"'})
    first, second = client.get("/x"), client.get("/x")
    assert (first.status, first.changed) == (200, True)
    assert (second.status, second.changed, second.json()) == (304, False, {"a": 1})
    assert second.fetched_at > first.fetched_at
    assert client.get("/x").changed is False


def test_the_condition_is_the_date_where_there_is_no_etag(
    server: LocalServer, client: Client
) -> None:
    day = "Mon, 14 Sep 2026 10:00:00 GMT"
    server.on("/x", {"a": 1}, headers={"Last-Modified": day})
    client.get("/x")
    client.get("/x")
    assert server.requests[1].headers["if-modified-since"] == day


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_an_archive_without_its_bytes_asks_without_condition(
    server: LocalServer, client: Client, tmp_path: Path, damage: str
) -> None:
    server.on("/x", {"a": 1}, headers={"ETag": '"one"'})
    client.get("/x")
    [kept] = [path for path in tmp_path.rglob("*") if len(path.name) == 64]
    if damage == "lost":
        kept.unlink()
    else:
        kept.write_bytes(b'{"a": 2}')
    answer = client.get("/x")
    assert (answer.status, answer.json()) == (200, {"a": 1})
    assert "if-none-match" not in server.requests[1].headers


def test_an_unusable_answer_is_not_asked_for_conditionally_again(
    server: LocalServer, client: Client
) -> None:
    server.on("/x", {"a": 1}, headers={"ETag": '"one"'})
    server.on("/x", Reply(b'{"a"', headers={"ETag": '"one"'}), times=1)
    with pytest.raises(SourceError):
        client.get("/x").json()
    assert client.get("/x").json() == {"a": 1}


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
@pytest.mark.parametrize("value", ['"caf\u00e9"', '"' + "x" * 1000 + '"'])
def test_a_condition_that_cannot_be_sent_is_neither_kept_nor_sent(
    server: LocalServer, client: Client, tmp_path: Path, name: str, value: str
) -> None:
    server.on("/x", {"a": 1}, headers={name: value})
    assert client.get("/x").json() == {"a": 1}
    archive = Archive(tmp_path, "openrouter")
    [entry] = archive.entries()
    assert (entry.etag, entry.last_modified) == (None, None)
    # One that an earlier version kept is not sent either.
    archive.put(entry.url, b'{"a": 1}', entry.fetched_at, etag=value, last_modified=value)
    assert client.get("/x").json() == {"a": 1}
    assert not {"if-none-match", "if-modified-since"} & server.requests[-1].headers.keys()


def test_an_unasked_304_is_refused(server: LocalServer, client: Client) -> None:
    server.on("/x", Reply(status=304))
    with pytest.raises(SourceError, match="answered 304 to an unconditional question"):
        client.get("/x")


# Clocks and rates -------------------------------------------------------------------------


def test_a_clock_that_differs_by_hours_is_told_once_and_changes_nothing(
    server: LocalServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = datetime.now(UTC) - timedelta(hours=3)
    server.on("/x", Reply(b"{}", headers={"Date": format_datetime(theirs, usegmt=True)}))
    before = datetime.now(UTC)
    answers = [client.get("/x") for _ in range(2)]
    assert all(before <= answer.fetched_at <= datetime.now(UTC) for answer in answers)
    assert [record.levelname for record in caplog.records if "clock" in record.message] == [
        "WARNING"
    ]


@pytest.mark.parametrize("days", [-3, 400])
def test_nothing_is_taken_when_the_clocks_differ_by_more_than_a_day(
    server: LocalServer, client: Client, tmp_path: Path, days: int
) -> None:
    theirs = datetime.now(UTC) + timedelta(days=days)
    server.on("/x", Reply(b"{}", headers={"Date": format_datetime(theirs, usegmt=True)}))
    with pytest.raises(SourceError, match="differ by more than a day") as caught:
        client.get("/x")
    assert f"its clock says {theirs:%Y-%m-%d}" in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_answer_of_a_cache_carries_the_age_of_its_date(
    server: LocalServer, client: Client
) -> None:
    theirs = datetime.now(UTC) - timedelta(days=3)
    headers = {"Date": format_datetime(theirs, usegmt=True), "Age": str(3 * 86_400)}
    server.on("/x", Reply(b"{}", headers=headers))
    assert client.get("/x").json() == {}


def test_threads_share_the_rate_of_a_source(server: LocalServer, make: Make) -> None:
    server.on("/x", {})
    clients = [make(per_second=10), make(per_second=10)]
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: clients[n % 2].get(f"/x{n}"), range(14)))
    # Ten at once, the next four a second after the first four.
    assert time.monotonic() - start > 0.95
