"""A small world to watch, on a local server: what is in it may change between two passes."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from analysis.desk import Desk
from analysis.store import Store
from analysis.watch import Result, Watch
from analysis.watch.notifications import addresses
from tests.servers.figures import openrouter_endpoint, openrouter_model, page, published
from tests.servers.local import LocalServer, Reply, Seen
from tests.servers.shapes import github_release, github_repository, hub_model

# A watched author has something: an empty answer is a fault of the source.
STANDING = ("deepseek-ai/DeepSeek-R1", "Qwen/Qwen3", "moonshotai/Kimi-K2", "zai-org/GLM-4.5")
REPOSITORIES = ("deepseek-ai/DeepSeek-V3", "QwenLM/Qwen3", "MoonshotAI/K2", "zai-org/GLM-4.5")
SOURCES = ("HUGGINGFACE", "GITHUB", "OPENROUTER", "FEDERAL_REGISTER")


@dataclass
class World:
    """What the sources show now; change it and look again."""

    server: LocalServer
    models: dict[str, str] = field(default_factory=lambda: dict.fromkeys(STANDING, "a" * 40))
    licences: dict[str, str] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    providers: list[str] = field(default_factory=lambda: ["novita"])
    repositories: list[str] = field(default_factory=lambda: list(REPOSITORIES))
    releases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=lambda: [published("2026-00789")])
    offers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # instead of `prices`
    prices: dict[str, str] = field(default_factory=lambda: {"DeepInfra": "0.0000003"})
    broken: dict[str, Reply] = field(default_factory=dict)  # prefix of a path to what comes instead
    notices: list[dict[str, Any]] = field(default_factory=list)
    deaf: bool = False  # whether notices are refused

    def __post_init__(self) -> None:
        self.server.on("/", self._answer)

    def environment(self, home: Path) -> dict[str, str]:
        """Variables that let ``faultline watch`` look at this world."""
        urls = {f"FAULTLINE_{source}_URL": self.server.url for source in SOURCES}
        quick = {"FAULTLINE_PATIENCE": "3", "FAULTLINE_PACE": "1000"}
        return {**urls, **quick, "FAULTLINE_HOME": str(home)}

    @property
    def notify(self) -> str:
        return self.server.url.replace("http://", "json://") + "/notices/t0psecret"

    def release(self, name: str, tag: str, body: str = "", **further: Any) -> None:
        self.releases.setdefault(name, []).append(github_release(name, tag, body, **further))

    def _answer(self, seen: Seen) -> Any:
        for prefix, reply in self.broken.items():
            if seen.path.startswith(prefix):
                return reply
        for pattern, answer in _ROUTES.items():
            found = re.fullmatch(pattern, seen.path)
            if found:
                return answer(self, seen, found)
        return Reply(b"nothing here", 404)

    def _model(self, name: str) -> dict[str, Any]:
        mapping = {
            item: {"providerId": "x", "status": "live", "task": "conversational"}
            for item in self.providers
        }
        created = self.created.get(name, "2025-01-20T03:46:07.000Z")
        sha = self.models.get(name, "f" * 40)
        tags = ["transformers", f"license:{self.licences.get(name, 'mit')}"]
        return hub_model(
            name, sha=sha, createdAt=created, tags=tags, inferenceProviderMapping=mapping
        )

    def list_models(self, seen: Seen, _found: re.Match[str]) -> Any:
        author = seen.query["author"][0]
        return [self._model(name) for name in self.models if name.startswith(f"{author}/")]

    def list_prices(self, _seen: Seen, _found: re.Match[str]) -> Any:
        return {"data": [openrouter_model("deepseek/deepseek-v4-pro")]}

    def one_model(self, _seen: Seen, found: re.Match[str]) -> Any:
        return self._model(found[1])

    def endpoints(self, _seen: Seen, found: re.Match[str]) -> Any:
        listed = self.offers.get(found[1]) or [
            openrouter_endpoint(name, pricing={"prompt": price, "completion": "0.0000012"})
            for name, price in self.prices.items()
        ]
        return {"data": {"id": "m", "endpoints": listed}}

    def list_repositories(self, _seen: Seen, found: re.Match[str]) -> Any:
        return [
            github_repository(name) for name in self.repositories if name.startswith(f"{found[1]}/")
        ]

    def list_releases(self, _seen: Seen, found: re.Match[str]) -> Any:
        return self.releases.get(found[1], [])

    def documents(self, _seen: Seen, _found: re.Match[str]) -> Any:
        return page(self.rules)

    def inspection(self, _seen: Seen, _found: re.Match[str]) -> Any:
        return page([])

    def notice(self, seen: Seen, _found: re.Match[str]) -> Any:
        if self.deaf:
            return Reply(b"no", 500)
        self.notices.append(json.loads(seen.body))
        return {}


class Passes:
    """Passes of a watch over a world, each by a watch that was started anew."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.printed: list[dict[str, Any]] = []
        self.said: list[str] = []

    def __call__(self, *urls: str, since: date | None = None) -> Result:
        desk = Desk(home=self.home)
        watch = Watch(
            Store(self.home),
            desk.catalogue,
            desk.calendars,
            emit=self.printed.append,
            say=self.said.append,
            addresses=addresses(urls),
            since=since,
        )
        return watch.once()

    def drafts(self) -> list[dict[str, str]]:
        with (self.home / "drafts" / "events.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


_ROUTES = {
    r"/api/v1/models": World.list_prices,
    r"/api/models": World.list_models,
    r"/api/models/(.+)": World.one_model,
    r"/api/v1/models/(.+)/endpoints": World.endpoints,
    r"/orgs/([^/]+)/repos": World.list_repositories,
    r"/repos/([^/]+/[^/]+)/releases": World.list_releases,
    r"/api/v1/documents.json": World.documents,
    r"/api/v1/public-inspection-documents/.*": World.inspection,
    r"/notices/.*": World.notice,
}
