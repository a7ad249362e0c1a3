"""What holds for every test: no network, no traces in the user's home, one browser or a reason."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.servers.local import LocalServer

if TYPE_CHECKING:
    from tests.servers.watched import Passes, World

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# A test that is slow on a loaded machine is not wrong; in CI the same examples run every time,
# by hand fewer, and others each time.
hypothesis.settings.register_profile("local", deadline=None, max_examples=40)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


# A shell lets what it starts in the background ignore Ctrl-C, and so would the children of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--whole-trials``: the full number of hostile strings, power cuts and flipped bits."""
    parser.addoption("--whole-trials", action="store_true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files with slow tests go first: begun last, one would keep everybody waiting for it."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def is_local(host: object) -> bool:
    """Tell whether ``host`` is this machine: loopback, a wildcard or nothing at all."""
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse(host: object) -> None:
    """Fail the test that reached for ``host``; no ``except Exception`` can swallow it."""
    pytest.fail(f"This test reached for {host}: tests are offline, only loopback is allowed.")


@pytest.fixture(autouse=True, scope="session")
def offline() -> Iterator[None]:
    """Refuse every socket and every name look-up that would leave this machine."""
    patch = pytest.MonkeyPatch()

    def guard(name: str) -> None:
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, *arguments: Any) -> Any:
            # sendto takes flags in the middle; the address always comes last.
            address = arguments[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
                refuse(address[0])
            return original(self, *arguments)

        patch.setattr(socket.socket, name, guarded)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name)

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if not is_local(host):
            refuse(host)
        return look_up(host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def homeless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point Jupyter and IPython at an empty folder and forget the user's own settings."""
    home = tmp_path_factory.mktemp("jupyter")
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("FAULTLINE_", "JUPYTER_"))]:
        if name != "FAULTLINE_REQUIRE_BROWSER":
            patch.delenv(name)
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "PATH"):
        patch.setenv(f"JUPYTER_{name}", str(home / name.lower()))
    patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    patch.setenv("IPYTHONDIR", str(home / "ipython"))
    yield
    patch.undo()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A real HTTP server on this machine, for what the loaders ask."""
    with LocalServer() as local:
        yield local


@pytest.fixture
def world(server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A small world to watch, with its sources in the environment."""
    from tests.servers.watched import World

    for name in ("HF_TOKEN", "GITHUB_TOKEN", "FAULTLINE_NOTIFY"):
        monkeypatch.delenv(name, raising=False)
    made = World(server)
    for name, value in made.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def passes(world: World, tmp_path: Path) -> Passes:
    """Passes of a watch over the world, with a home of their own."""
    from tests.servers.watched import Passes

    return Passes(tmp_path / "home")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of the Chromium that the browser tests drive; without one they are skipped."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"No browser found ({', '.join(BROWSERS)}): install chromium to run this test."
        if os.environ.get("FAULTLINE_REQUIRE_BROWSER", "") not in ("", "0"):
            pytest.fail(f"{reason} FAULTLINE_REQUIRE_BROWSER demands it.")
        pytest.skip(reason)
    return Path(found)
