"""Small answers in the shapes that the sources document, for the local server."""

from __future__ import annotations

from typing import Any
from zlib import crc32


def hub_model(name: str, **further: Any) -> dict[str, Any]:
    """One model as ``GET /api/models?expand[]=...`` lists it (Hub API documentation)."""
    return {
        "_id": name,
        "id": name,
        "downloads": 1_234_567,
        "downloadsAllTime": 23_456_789,
        "likes": 4_321,
        "sha": "a" * 40,
        "createdAt": "2026-04-24T02:51:08.000Z",
        "tags": ["transformers", "safetensors", "license:mit", "region:us"],
        "inferenceProviderMapping": [
            {
                "provider": "novita",
                "providerId": name.lower(),
                "status": "live",
                "task": "conversational",
            },
            {
                "provider": "together",
                "providerId": name.lower(),
                "status": "error",
                "task": "conversational",
            },
        ],
        **further,
    }


def github_repository(name: str, **further: Any) -> dict[str, Any]:
    """One repository as ``GET /repos/{owner}/{repo}`` and the lists of owners give it."""
    owner, _, short = name.partition("/")
    return {
        "id": crc32(name.encode()),
        "name": short,
        "full_name": name,
        "owner": {"login": owner},
        "html_url": f"https://github.com/{name}",
        "created_at": "2024-12-26T11:01:57Z",
        "pushed_at": "2025-06-27T08:14:20Z",
        "stargazers_count": 102_728,
        "forks_count": 16_543,
        "archived": False,
        "license": {"spdx_id": "MIT"},
        **further,
    }


def github_release(name: str, tag: str, body: str | None = "", **further: Any) -> dict[str, Any]:
    """One release as ``GET /repos/{owner}/{repo}/releases`` lists it."""
    return {
        "id": crc32(f"{name}@{tag}".encode()),
        "tag_name": tag,
        "name": tag,
        "draft": False,
        "prerelease": False,
        "html_url": f"https://github.com/{name}/releases/tag/{tag}",
        "created_at": "2026-04-24T08:00:00Z",
        "published_at": "2026-04-24T09:30:00Z",
        "body": body,
        **further,
    }


def pypistats_overall(package: str, days: dict[str, int]) -> dict[str, Any]:
    """``GET /api/packages/{package}/overall?mirrors=false`` of pypistats.org."""
    return {
        "data": [
            {"category": "without_mirrors", "date": day, "downloads": count}
            for day, count in days.items()
        ],
        "package": package,
        "type": "overall_downloads",
    }


def openrouter_rankings(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """``GET /api/v1/datasets/rankings-daily`` of OpenRouter."""
    return {
        "data": [
            {"date": day, "model_permaslug": model, "total_tokens": tokens}
            for day, model, tokens in rows
        ],
        "meta": {
            "as_of": "2026-05-12T02:00:00Z",
            "start_date": "2026-04-12",
            "end_date": "2026-05-11",
            "version": "v1",
        },
    }
