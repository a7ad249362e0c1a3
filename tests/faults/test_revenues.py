"""What the loaders of revenues make of an SEC and a Yahoo that refuse or break off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from analysis.errors import SourceError
from analysis.loaders.edgar import Edgar
from analysis.loaders.face import Partial, Request
from analysis.loaders.http import Timing
from tests.servers.edgar import ASSETS, REVENUES, SPENT, YEAR, companyfacts, nvidia
from tests.servers.local import (
    LocalServer,
    Reply,
    broken_gzip,
    empty,
    failing,
    html,
    rate_limited,
    reset,
    stall,
    truncated,
)

QUICK = Timing(connect=1, read=0.3, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NVIDIA, AMD = "/api/xbrl/companyfacts/CIK0001045810", "/api/xbrl/companyfacts/CIK0000002488"


@pytest.fixture
def sec(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_EDGAR_URL", server.url)
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    advanced = companyfacts({REVENUES: YEAR, ASSETS: SPENT}, name="ADVANCED MICRO DEVICES INC")
    server.on(NVIDIA, nvidia())
    server.on(AMD, advanced)
    return server


def fetch(*names: str, **asked: Any) -> pl.DataFrame:
    loader = Edgar(QUICK, 1000, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    return loader.fetch(Request(names=names, **asked))


@pytest.mark.parametrize(
    "wrong",
    [rate_limited(), rate_limited(0), failing(503), reset(), stall(5), truncated(nvidia()),
     broken_gzip(nvidia())],
    ids=["429", "429-retry-after", "503", "reset", "stall", "truncated", "gzip"],
)  # fmt: skip
def test_a_fault_that_passes_costs_only_time(sec: LocalServer, wrong: Reply) -> None:
    sec.on(NVIDIA, wrong, times=1)
    assert set(fetch("Nvidia", "AMD")["company"]) == {"Nvidia", "AMD"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (failing(403), "403"),
        (failing(503), "503"),
        (html(), "HTML"),
        (empty(), "empty"),
        (Reply(b"[]", 200), "something else than a file of facts"),
        (failing(404), "no facts under CIK 1045810"),
    ],
    ids=["403", "503", "html", "empty", "list", "404"],
)
def test_a_company_that_fails_is_named_and_the_others_come(
    sec: LocalServer, wrong: Reply, says: str
) -> None:
    sec.on(NVIDIA, wrong)
    with pytest.raises(Partial, match=says) as error:
        fetch("Nvidia", "AMD")
    assert set(error.value.failures) == {"Nvidia"}
    assert set(error.value.frame["company"]) == {"AMD"}


def test_a_block_is_not_answered_with_more_questions(sec: LocalServer) -> None:
    sec.on("/api/", failing(403))
    with pytest.raises(SourceError, match="403") as error:
        fetch()
    assert not isinstance(error.value, Partial)
    assert len(sec.requests) == 3
