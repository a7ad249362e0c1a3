"""The small parts of the loaders' client: pace, waits, secrets, the archive on its own."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.loaders.http.archive import Archive
from analysis.loaders.http.rate_limit import ClockError, RateLimiter, check_clock, retry_after
from analysis.redaction import (
    install_log_filter,
    is_secret,
    redact,
    redact_url,
    register_secrets,
    register_url_secrets,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@given(
    per_second=st.floats(0.2, 20),
    arrivals=st.lists(st.floats(0, 3), min_size=1, max_size=60).map(sorted),
)
def test_no_second_ever_holds_more_questions_than_allowed(
    per_second: float, arrivals: list[float]
) -> None:
    pace = RateLimiter(per_second)
    moments = [pace.reserve(moment) for moment in arrivals]
    count = max(1, int(per_second))
    period = count / per_second
    assert moments == sorted(moments)
    assert all(moment >= arrival for moment, arrival in zip(moments, arrivals, strict=True))
    later = zip(moments, moments[count:], strict=False)
    assert all(after - before >= period - 1e-9 for before, after in later)


def test_a_source_that_wants_rest_gets_it_from_everybody() -> None:
    pace = RateLimiter(10)
    pace.close(5.0)
    pace.close(2.0)
    assert [pace.reserve(0.0), pace.reserve(6.0)] == [5.0, 6.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0.0),
        # The source's clock is a day slow: what counts is its own difference.
        (
            {
                "date": "Mon, 23 Nov 2026 12:00:00 GMT",
                "retry-after": "Mon, 23 Nov 2026 12:00:10 GMT",
            },
            10.0,
        ),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1796000000"}, None),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 90)},
            90.0,
        ),
        # What no calendar and no number holds: more than anybody waits, or nothing said.
        ({"retry-after": "9" * 400}, 365 * 86_400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 365 * 86_400.0),
        ({"retry-after": "Mon, 14 Sep 2020 10:00:00 +" + "9" * 21}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 400}, 365 * 86_400.0),
    ],
)
def test_how_long_a_source_wants_to_be_left_alone(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds


def test_clocks_are_compared_where_both_tell_the_time() -> None:
    assert check_clock("fred", {"date": "Tue, 24 Nov 2026 12:10:00 GMT"}, NOW) == 600
    assert check_clock("fred", {"date": "noon"}, NOW) == 0
    assert check_clock("fred", {"date": "Mon, 14 Sep 2020 10:00:00 +" + "9" * 21}, NOW) == 0
    assert check_clock("fred", {}, NOW) == 0
    with pytest.raises(ClockError, match="fred: its clock says 2026-11-22 12:10 UTC"):
        check_clock("fred", {"date": "Sun, 22 Nov 2026 12:10:00 GMT", "age": "60"}, NOW)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api_key", "apikey", "access_token", "sig", "subscription-key",
     "Cookie", "client-secret", "password"],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["Accept", "page", "author", "keyword", "monkey", "sort_key", "If-None-Match"]
)
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.org/x?page=2&q=a%20b", "https://a.org/x?page=2&q=a%20b"),
        ("https://a.org/x?api_key=s3cr3t-value-1&p=2", "https://a.org/x?api_key=***&p=2"),
        ("https://me:pass-phrase-9@a.org:8080/x", "https://a.org:8080/x"),
        ("https://a.org/x?token=", "https://a.org/x?token=***"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_a_secret_is_hidden_wherever_it_turns_up_again() -> None:
    register_secrets({"Authorization": "Bearer tok/en+4711", "Accept": "text/html"})
    register_url_secrets("https://a.org/?key=another%20secret")
    assert redact("tok/en+4711, tok%2Fen%2B4711, another+secret, text/html") == (
        "***, ***, ***, text/html"
    )


def test_a_short_value_does_not_black_out_words() -> None:
    register_secrets({"token": "the"})
    assert redact("the end") == "the end"


def test_logs_of_the_libraries_are_discreet(caplog: pytest.LogCaptureFixture) -> None:
    install_log_filter()
    install_log_filter()
    log = logging.getLogger("httpx2")
    assert len([one for one in log.filters if "Redacting" in type(one).__name__]) == 1
    with caplog.at_level(logging.INFO):
        log.info("HTTP Request: %s %s", "GET", "https://a.org/?token=zzz&page=1")
    assert caplog.messages == ["HTTP Request: GET https://a.org/?token=***&page=1"]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from analysis.loaders.http.archive import Archive

archive = Archive(Path(sys.argv[1]), "gpr")
for number in range(40):
    archive.put(f"http://a/{sys.argv[2]}/{number}", b"x" * number, datetime.now(UTC))
"""


def test_several_processes_lose_no_line(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    archive = Archive(tmp_path, "gpr")
    assert len({entry.url for entry in archive.entries()}) == 120
    assert all(archive.content(entry) is not None for entry in archive.entries())
    assert [path.name for path in tmp_path.rglob(".*")] == [".lock"]


def test_a_url_with_a_secret_is_found_again_without_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "gpr")
    entry = archive.put("http://a/?token=abcdefgh&p=1", b"one", NOW)
    assert entry.url == "http://a/?token=***&p=1"
    assert archive.latest("http://a/?token=ijklmnop&p=1") == entry
    assert archive.latest("http://a/?token=abcdefgh&p=2") is None
