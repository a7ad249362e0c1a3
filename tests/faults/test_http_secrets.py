"""What the client asks of whom, tells and keeps: no socket offline, no secret anywhere."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.client import Client
from analysis.loaders.http.response import NotFoundError
from tests.servers import local
from tests.servers.clients import Make
from tests.servers.local import LocalServer, Reply

SECRET = "hf_verySecretToken123"


def test_offline_mode_opens_no_socket(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("A socket was opened.")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE is set: openrouter"):
        client.get("/x")


def test_another_host_is_not_asked(client: Client) -> None:
    with pytest.raises(SourceError, match=r"https://example.org/x is not on http://127"):
        client.get("https://example.org/x")


def test_a_redirect_to_another_host_carries_no_secret(server: LocalServer, make: Make) -> None:
    with LocalServer() as other:
        other.on("/moved", {"a": 1})
        server.on("/x", local.redirect(f"{other.url}/moved"))
        client = make(headers={"Authorization": f"Bearer {SECRET}", "X-Extra": "1"})
        assert client.get("/x").json() == {"a": 1}
        [seen] = other.requests
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert "authorization" not in seen.headers
    assert "x-extra" not in seen.headers
    assert seen.headers["user-agent"].startswith("faultline/")


def test_a_redirect_that_hands_our_key_to_another_host_is_not_followed(
    server: LocalServer, client: Client
) -> None:
    with LocalServer() as other:
        server.on("/x", lambda seen: local.redirect(f"{other.url}{seen.url}"))
        with pytest.raises(SourceError, match="with a secret of ours") as caught:
            client.get("/x", {"api_key": SECRET})
        assert other.requests == []
    assert SECRET not in str(caught.value)


def test_a_redirect_on_the_same_host_is_followed_but_not_for_ever(
    server: LocalServer, client: Client
) -> None:
    server.on("/to", {"a": 1})
    server.on("/from", local.redirect("/to"))
    server.on("/round", local.redirect("/round"))
    assert client.get("/from").json() == {"a": 1}
    with pytest.raises(SourceError, match="redirects too many times"):
        client.get("/round")
    server.on("/file", local.redirect("file:///etc/passwd"))
    with pytest.raises(SourceError, match="not safe to follow"):
        client.get("/file")


@pytest.mark.parametrize(
    "fault", [local.failing(503), local.reset(), local.html(), Reply(b"", 401), Reply(b"{}")]
)
def test_secrets_enter_no_message_log_or_archive(
    server: LocalServer,
    make: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: Reply,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("/x", fault, headers={"Set-Cookie": f"echo={SECRET}", "ETag": '"1"'})
    client = make(headers={"Authorization": f"Bearer {SECRET}"})
    told = ""
    try:
        answer = client.get("/x", {"api_key": "query secret/7", "page": 2})
        told += repr(answer)
        answer.json()
    except SourceError as error:
        told += f"{error} {error!r} {error.__cause__!r}"
    told += caplog.text + "".join(capfd.readouterr())
    told += " ".join(f"{record.__dict__}" for record in caplog.records)
    told += "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "page=2" in told
    for secret in (SECRET, "query secret/7", "query+secret%2F7"):
        assert secret not in told
    [sent, *_] = server.requests
    assert (sent.headers["authorization"], sent.query["api_key"]) == (
        f"Bearer {SECRET}",
        ["query secret/7"],
    )


def test_a_password_in_the_base_url_is_used_and_not_told(
    server: LocalServer, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = make(base_url=server.url.replace("http://", "http://user:pass-word-1@"))
    with pytest.raises(NotFoundError) as caught:
        client.get("/x")
    server.on("/x", {})
    told = f"{caught.value} {client.get('/x')!r} {caplog.text}"
    told += "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "pass-word-1" not in told
    assert "user:" not in told
    assert server.requests[0].headers["authorization"].startswith("Basic ")


def test_retries_are_not_shouted(
    server: LocalServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server.on("/x", {})
    server.on("/x", local.failing(503), times=1)
    client.get("/x")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_who_asks_is_said(server: LocalServer, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("/x", {})
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    make().get("/x")
    assert server.requests[0].headers["user-agent"].endswith("(+desk@example.org)")


def test_every_answer_is_kept_once(server: LocalServer, client: Client, tmp_path: Path) -> None:
    server.on("/x", {"a": 1})
    for page in (1, 2, 1):
        client.get("/x", {"page": page})
    entries = Archive(tmp_path, "openrouter").entries()
    assert [entry.url.partition("?")[2] for entry in entries] == ["page=1", "page=2", "page=1"]
    assert len({entry.sha256 for entry in entries}) == 1
    assert len([path for path in tmp_path.rglob("*") if len(path.name) == 64]) == 1
