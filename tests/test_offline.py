"""The tests' own promise: nothing leaves this machine, nothing touches the user's home."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

# Reserved for documentation (RFC 5737, RFC 3849), so that even a broken guard reaches nobody.
OUTSIDE = [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")]


@pytest.mark.parametrize(("family", "host"), OUTSIDE)
@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_a_connection_to_another_machine_is_refused(
    family: socket.AddressFamily, host: str, call: str
) -> None:
    with (
        socket.socket(family, socket.SOCK_STREAM) as outside,
        pytest.raises(pytest.fail.Exception, match=f"reached for {host}"),
    ):
        getattr(outside, call)((host, 443))


@pytest.mark.parametrize("flags", [(), (0,)])
def test_a_datagram_to_another_machine_is_refused(flags: tuple[int, ...]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside,
        pytest.raises(pytest.fail.Exception, match="tests are offline"),
    ):
        outside.sendto(b"", *flags, ("192.0.2.1", 53))


@pytest.mark.parametrize("host", ["example.invalid", b"example.invalid", "192.0.2.1"])
def test_a_name_is_never_looked_up(host: str | bytes) -> None:
    with pytest.raises(pytest.fail.Exception, match="tests are offline"):
        socket.getaddrinfo(host, 443)


def test_no_handler_of_ordinary_exceptions_can_hide_a_refusal() -> None:
    assert not issubclass(pytest.fail.Exception, Exception)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_can_be_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].close())
        answer.start()
        with socket.create_connection((host, server.getsockname()[1]), timeout=5) as client:
            assert client.recv(1) == b""
        answer.join()


def test_a_unix_socket_can_be_reached(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


def test_the_users_store_and_jupyter_settings_are_out_of_sight(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert "FAULTLINE_HOME" not in os.environ
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        assert tmp_path_factory.getbasetemp() in Path(os.environ[name]).parents
