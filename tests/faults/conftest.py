"""What tests of faults share: sources, homes, clients, and children that count no lines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.catalogue import Catalogue
from analysis.loaders.http.client import Client
from analysis.settings import bundled
from tests.servers.clients import QUICK, Make
from tests.servers.local import LocalServer
from tests.servers.sources import Sources


@pytest.fixture(autouse=True)
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare child processes the counting of lines: one that is killed cannot tell any."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sources(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Sources:
    found = Sources(server)
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("HF_TOKEN", "GITHUB_TOKEN", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAULTLINE_PATIENCE", "20")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("FAULTLINE_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue with a handful of names, so that an update takes a second."""
    folder = tmp_path_factory.mktemp("few") / "catalogue"
    shutil.copytree(bundled("data/catalogue"), folder)
    for name, kept in {
        "instruments": ("ticker", "^GSPC,", "NVDA,", "0981.HK,", "^HSI,", "USDCNY,"),
        "watched": (
            *("platform", "github,deepseek-ai", "github,vllm-project/vllm-ascend"),
            *("github,DeepSeek-V4,", "huggingface,Qwen", "pypi,vllm,"),
            "openrouter,moonshotai",
        ),
        "groups": ("name",),
    }.items():
        path = folder / f"{name}.csv"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.startswith(kept)), encoding="utf-8")
    return Catalogue(folder)


@pytest.fixture
def make(server: LocalServer, tmp_path: Path) -> Iterator[Make]:
    made = []

    def build(**options: Any) -> Client:
        given = {"archive": tmp_path, "per_second": 1000.0, "base_url": server.url}
        made.append(Client("openrouter", **({"policy": QUICK} | given | options)))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(make: Make) -> Client:
    return make()
