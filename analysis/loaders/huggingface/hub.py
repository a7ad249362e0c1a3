"""The Hugging Face Hub, asked through huggingface_hub and our own HTTP client.

huggingface_hub knows the addresses, turns the pages and reads the responses. What it sends goes
through `analysis.loaders.http.client`, like all that we ask: by itself it waits without end for a
host that stalls, keeps nothing of what came, and asks huggingface.co for a list of its own,
whatever address is set. Called by the two loaders of the Hub.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import settings
from analysis.dates import utc_now
from analysis.errors import FaultlineError, InputError, SourceError
from analysis.loaders import fields
from analysis.loaders.base import Unreadable
from analysis.loaders.batch import split_rows
from analysis.loaders.http.archive import Archive
from analysis.loaders.http.limits import PAGES
from analysis.loaders.http.response import HTTPStatusError, NotFoundError

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi, ModelInfo

    from analysis.loaders.http.client import Client

_SOURCE = "huggingface"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)?")
_LOCK = threading.Lock()
_INSTALLED = threading.Event()


@dataclass
class Hub:
    """Answers of the Hub within one `hub_session` block."""

    api: HfApi
    client: Client
    archive: Archive | None
    fetched_at: datetime = field(default_factory=utc_now)
    pages: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)

    def models(
        self, name: str, properties: Sequence[str]
    ) -> Iterator[tuple[ModelInfo, datetime] | Unreadable]:
        """Models of an author (``Qwen``), or one model (``Qwen/Qwen3-8B``), and when each came.

        `NotFoundError` for a model that does not exist and for an author without any: a watched one
        has models.
        """
        wanted: list[Any] = list(properties)
        seen: set[str] = set()
        self.pages, self.unreadable = 0, []
        try:
            if "/" in name:
                yield self.api.model_info(name, expand=wanted), self.fetched_at
                return
            for model in self.api.list_models(author=name, expand=wanted):
                # A page that shifts while it is read brings a model twice.
                if model.id not in seen:
                    seen.add(model.id)
                    yield model, self.fetched_at
        except HTTPStatusError as problem:
            raise _gone(problem) or problem from None
        except FaultlineError:
            raise
        except Exception as problem:  # the library lets through whatever its parts raise
            raise SourceError(
                f"huggingface on {name} answered in a shape that huggingface_hub cannot read "
                f"({type(problem).__name__}: {problem})."
            ) from None
        yield from self.unreadable
        if not seen and not self.unreadable:
            raise NotFoundError(
                f"huggingface shows no model of {name}: it was renamed, or the response is empty."
            )


_CONTEXT: ContextVar[Hub | None] = ContextVar("_CONTEXT", default=None)


def _gone(problem: HTTPStatusError) -> NotFoundError | None:
    """The Hub answers 401 for a model that is not there, so as not to tell of private ones."""
    unknown = problem.headers.get("x-error-code", "") == "RepoNotFound"
    if problem.status != HTTPStatus.UNAUTHORIZED or not (unknown or not settings.token("HF_TOKEN")):
        return None
    return NotFoundError(str(problem), problem.status)


@contextmanager
def hub_session(archive: Path | None) -> Iterator[Hub]:
    """Ask the Hub within a block, keeping what it answers in ``archive``.

    Raises
    ------
    InputError
        When huggingface_hub's own switch ``HF_HUB_OFFLINE`` is set.
    """
    from huggingface_hub import HfApi, constants

    from analysis.loaders.http.client import Client

    if constants.is_offline_mode():
        raise InputError(
            "HF_HUB_OFFLINE is set: huggingface was not contacted. Unset it to fetch figures."
        )
    _install()
    token = settings.token("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # Without an archive of its own the client asks unconditionally: a response that nothing has
    # changed would come without the address of the next page.
    with Client(_SOURCE, headers=headers) as client:
        # The token goes with our client alone, and none that lies in the home is used.
        api = HfApi(endpoint=settings.base_url(_SOURCE), token=False)
        held = Hub(api, client, Archive(archive, _SOURCE) if archive else None)
        reset = _CONTEXT.set(held)
        try:
            yield held
        finally:
            _CONTEXT.reset(reset)


def check_repo_id(name: str) -> str:
    """Pass on the name of an author or model, or raise an `InputError`."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not an author or model on Hugging Face: write it as deepseek-ai or as "
            "deepseek-ai/DeepSeek-R1."
        )
    return name


def _install() -> None:
    """Let huggingface_hub send through us; what others ask in this process goes its own way."""
    with _LOCK:
        if _INSTALLED.is_set():
            return
        import httpx2
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils._http import default_client_factory

        class Through(httpx2.BaseTransport):
            """Hands a request to the client of the block that it was made in."""

            def __init__(self) -> None:
                self._others = httpx2.HTTPTransport()

            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                held = _CONTEXT.get()
                if held is None:
                    return self._others.handle_request(request)
                return _respond(held, request)

            def close(self) -> None:
                self._others.close()

        def factory() -> httpx2.Client:
            usual = default_client_factory()
            hooks = usual.event_hooks
            usual.close()
            return httpx2.Client(
                transport=Through(), event_hooks=hooks, follow_redirects=True, timeout=None
            )

        set_client_factory(factory)
        _INSTALLED.set()


def _checked(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    from huggingface_hub import ModelInfo

    fields.require_text(item, "id", "huggingface's list of models")
    ModelInfo(**item)  # type: ignore[no-untyped-call]
    yield item


def _respond(held: Hub, request: httpx2.Request) -> httpx2.Response:
    import httpx2

    url = str(request.url)
    if request.url.path.endswith("/api/agent-harnesses"):
        # The library's list of programs that call it: best effort there, nothing to us.
        raise httpx2.ConnectError("only models are asked for", request=request)
    held.pages += 1
    if held.pages > PAGES:
        raise SourceError(f"huggingface: the list does not end after {PAGES} pages.")
    response = held.client.get(url)
    held.fetched_at = response.fetched_at
    if held.archive is not None:
        held.archive.put(
            response.url, response.content, response.fetched_at, status=response.status
        )
    found = response.json()  # what is no JSON is said in our words
    content = response.content
    if request.url.path.endswith("/api/models"):
        # The library takes an empty object for an author without models, and one model that it
        # cannot read ends its list.
        if not isinstance(found, list):
            raise SourceError(f"huggingface: {response.url} answered without a list of models.")
        good, bad = split_rows(fields.read_records(found, "huggingface's list of models", _checked))
        held.unreadable += bad
        content = json.dumps(good).encode() if bad else content
    kept = {name: value for name, value in response.headers.items() if name == "link"}
    return httpx2.Response(
        response.status,
        content=content,
        headers={"content-type": "application/json", **kept},
        request=request,
    )
