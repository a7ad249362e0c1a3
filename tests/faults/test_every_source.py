"""What holds for every source of the registry: no figure out of rubbish, no socket, no secret."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analysis.catalogue import Catalogue
from analysis.catalogue.watchlist import names_for_loader
from analysis.errors import FaultlineError, InputError, SourceError
from analysis.loaders import (
    Request,
    loaders,
)
from analysis.loaders.base import PartialFetchError
from analysis.loaders.yahoo import fetch as yahoo_fetch
from analysis.settings import bundled
from tests.servers import local
from tests.servers.local import Reply, Seen
from tests.servers.sources import Sources, serving

pytestmark = pytest.mark.slow

SECRETS = {
    "HF_TOKEN": "hf_never_to_be_seen_1",
    "GITHUB_TOKEN": "ghp_never_to_be_seen_2",
    "OPENROUTER_API_KEY": "sk-or-never_to_be_seen_3",
}
NAMES = {
    "yahoo": ("NVDA",),
    "yahoo_actions": ("NVDA",),
    "fred_prices": ("USDCNY",),
    "edgar": ("Nvidia",),
    "edgar_shares": ("NVDA",),
    "edgar_earnings": ("NVDA",),
    "yahoo_revenues": ("SMIC",),
}
RUBBISH = {
    "HTML": local.html(),
    "nothing": local.empty(),
    "null": Reply(b"null"),
    "an object without fields": local.as_reply({}),
    "a list of nulls": local.as_reply([None]),
    "fields that are null": local.as_reply(
        dict.fromkeys(("data", "results", "facts", "chart", "timeseries"))
    ),
    "half a document": Reply(b'{"data": [{"id": "a/'),
}


@pytest.fixture(autouse=True)
def nothing_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yahoo's last answers serve both of its loaders; a test must not read another's."""
    monkeypatch.setattr(yahoo_fetch, "_cache", {})


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    with serving() as found:
        for name, value in {**found.environment(), **SECRETS}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FAULTLINE_PATIENCE", "0.6")
        yield found


def asked(source: str, archive: Path | None = None) -> Request:
    watched = Catalogue(bundled("data/catalogue")).table("watched")
    names = NAMES.get(source) or tuple(names_for_loader(source, watched))[:1]
    return Request(names=names, since=date(2026, 1, 1), until=date(2026, 8, 25), archive=archive)


@pytest.mark.parametrize("rubbish", RUBBISH)
@pytest.mark.parametrize("source", loaders())
def test_rubbish_brings_no_row_and_a_sentence(sources: Sources, source: str, rubbish: str) -> None:
    sources.server.on("/", RUBBISH[rubbish])
    with pytest.raises(SourceError) as error:
        loaders()[source]().fetch(asked(source))
    assert len(str(error.value)) > 20
    if isinstance(error.value, PartialFetchError):
        assert error.value.frame.is_empty()


@pytest.mark.parametrize("source", loaders())
def test_offline_no_source_opens_a_socket(
    sources: Sources, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    opened: list[Any] = []

    def refuse(*arguments: Any, **_options: Any) -> Any:
        opened.append(arguments)
        raise OSError("no socket may be opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
        loaders()[source]().fetch(asked(source))
    assert (opened, sources.server.requests) == ([], [])


@pytest.mark.parametrize("status", [200, 302, 401, 500])
@pytest.mark.parametrize("source", loaders())
def test_a_source_that_repeats_our_secrets_makes_us_tell_none(
    sources: Sources,
    source: str,
    status: int,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def echo(seen: Seen) -> Reply:
        said = seen.headers.get("authorization", "").rpartition(" ")[2] or "nothing"
        where = {"Location": f"http://localhost:1/?token={said}"} if status == 302 else {}
        return Reply(f"<html>{said}</html>".encode(), status, {"X-Seen": said, **where})

    sources.server.on("/", echo)
    with pytest.raises(FaultlineError) as error:
        loaders()[source]().fetch(asked(source, tmp_path))
    chain = [str(item) for item in _causes(error.value)]
    index = [path.read_text() for path in tmp_path.rglob("index.jsonl")]
    out, err = capfd.readouterr()
    told = "\n".join([*chain, *index, caplog.text, out, err])
    sent = " ".join(text for seen in sources.server.requests for text in seen.headers.values())
    assert secret_of(source) in sent, "no secret was sent: this proves nothing"
    assert [name for name, secret in SECRETS.items() if secret in told] == []


def secret_of(source: str) -> str:
    """The secret that a source is sent; blank where it is sent none."""
    names = {
        "huggingface": "HF_TOKEN",
        "github": "GITHUB_TOKEN",
        "openrouter": "OPENROUTER_API_KEY",
    }
    family = source.removesuffix("_artefacts").removesuffix("_support")
    return SECRETS.get(names.get(family, ""), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and whatever a traceback would show with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
