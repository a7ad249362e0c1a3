"""How long a source may keep everybody waiting is the user's to say."""

from __future__ import annotations

import time

import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.http.client import Client
from tests.servers.local import LocalServer, stall


def test_a_stalling_source_is_given_up_when_patience_is_out(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/", stall(60))
    monkeypatch.setenv("FAULTLINE_PATIENCE", "0.3")
    started = time.monotonic()
    with Client("fred", base_url=server.url) as client, pytest.raises(SourceError):
        client.get("/graph/fredgraph.csv")
    assert time.monotonic() - started < 45  # the source would take 60


@pytest.mark.parametrize("given", ["for ever", "0", "-5", "inf", "nan"])
def test_patience_is_a_number_of_seconds(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", given)
    with pytest.raises(InputError, match=f"FAULTLINE_PATIENCE is '{given}'"):
        Client("fred")


def test_a_mirror_may_be_asked_faster_than_its_source(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/", "a line")

    def lasts() -> float:
        started = time.monotonic()
        with Client("pypistats", base_url=server.url, per_second=2) as client:
            for _ in range(4):
                client.get("/")
        return time.monotonic() - started

    usual = lasts()
    monkeypatch.setenv("FAULTLINE_PACE", "1000")
    # What else the machine does adds to a time and never shortens one.
    assert min(lasts() for _ in range(5)) < usual / 2
