"""One thing that is worth telling, and the name that it keeps over restarts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from analysis.json_values import jsonable


@dataclass(frozen=True)
class Alert:
    """Something that a source showed for the first time."""

    id: str  # made from what the alert is about: the same in every pass and on every machine
    subject: str  # what was watched: ``"huggingface deepseek-ai"``
    # model, changed, model_gone, licence, repository, repository_gone, release, provider,
    # provider_gone, price, support or rule
    kind: str
    text: str  # one sentence
    url: str  # where to look; blank where there is no page
    observed_at: datetime  # when our clock saw it
    created_at: datetime | None = None  # when the source says that it was made
    name: str = ""  # what it is called: ``"deepseek-ai/DeepSeek-V4-Pro"``
    # figures for programs: prices before and after, dates of a rule, day 0 of a draft
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Everything, for JSON: instants in ISO form, UTC."""
        document: dict[str, Any] = jsonable(asdict(self))
        return document

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Alert:
        """Read back what `document` gave."""
        created = document["created_at"]
        return cls(
            **{
                **document,
                "observed_at": datetime.fromisoformat(document["observed_at"]),
                "created_at": datetime.fromisoformat(created) if created else None,
            }
        )


def alert_id(*parts: object) -> str:
    """Name an alert by what it is about."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
