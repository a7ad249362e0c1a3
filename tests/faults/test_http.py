"""What the client makes of a source that refuses, stalls, lies or breaks off."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import SourceError
from analysis.loaders.http import Client, Timing
from tests.servers.local import LocalServer, failing, gzipped

QUICK = Timing(connect=1, read=0.3, total=3, attempts=3, first_wait=0.01, longest_wait=1)


@pytest.fixture
def client(server: LocalServer, tmp_path: Path) -> Client:
    client = Client(
        "openrouter", archive=tmp_path, per_second=500, base_url=server.url, timing=QUICK
    )
    with client:
        yield client


def test_a_failing_source_is_asked_again(server: LocalServer, client: Client) -> None:
    server.on("/x", {"a": 1})
    server.on("/x", failing(503), times=2)
    assert client.get("/x").json() == {"a": 1}
    assert len(server.requests) == 3


def test_a_source_that_keeps_failing_is_named(server: LocalServer, client: Client) -> None:
    server.on("/x", failing(503))
    with pytest.raises(SourceError, match=r"openrouter: .*/x answered 503 .*asked 3 times"):
        client.get("/x")


def test_an_unchanged_answer_comes_from_the_archive(server: LocalServer, client: Client) -> None:
    server.on("/x", gzipped({"a": 1}), headers={"ETag": '"one"'})
    first, second = client.get("/x"), client.get("/x")
    assert first.changed
    assert (second.status, second.changed, second.json()) == (304, False, {"a": 1})
