"""The parts of a page that machines read: JSON in inert script tags, and the manifest.

A number in a briefing can be traced through them, and a briefing rendered again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from analysis import __version__
from analysis.briefings.notebooks import NotebookInfo
from analysis.errors import RenderError
from analysis.json_values import jsonable
from analysis.settings import bundled


def manifest(
    info: NotebookInfo,
    parameters: Mapping[str, Any],
    started: datetime,
    finished: datetime,
    reported: Mapping[str, Any],
) -> dict[str, Any]:
    """Say what a briefing was made from.

    Parameters
    ----------
    info : NotebookInfo
        The notebook.
    parameters : mapping
        As validated.
    started, finished : datetime.datetime
        Aware instants of the run; written in UTC.
    reported : mapping
        What the notebook itself reported: ``as_of``, ``tables`` with versions and hashes.

    Returns
    -------
    dict
        JSON values only.
    """
    return {
        "notebook": info.name,
        "title": info.title,
        "parameters": dict(parameters),
        "as_of": parameters.get("as_of"),
        "tables": {},
        **{key: value for key, value in reported.items() if value is not None},
        "version": __version__,
        "commit": commit(),
        "started": _instant(started),
        "finished": _instant(finished),
    }


def commit() -> str | None:
    """Commit of the checkout that the code runs from; None for an installed package."""
    git = shutil.which("git")
    root = bundled()
    if git is None or not (root / ".git").exists():
        return None
    try:
        finished = subprocess.run(  # noqa: S603 - fixed words, no shell
            [git, "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() or None if finished.returncode == 0 else None


def json_script(value: Any, *, name: str = "", css: str = "") -> str:
    """Embed a JSON value in a script tag that no content can break out of."""
    # Only strings hold these signs, so their escapes leave the value as it is.
    text = json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    marks = (f' id="{escape(name)}"' if name else "") + (f' class="{escape(css)}"' if css else "")
    return f'<script type="application/json"{marks}>{text}</script>'


def merge(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put what another output said into ``target``: lists grow, objects merge.

    Raises
    ------
    RenderError
        Two outputs give one name different values: a wrong number is worse than none.
    """
    for key, value in more.items():
        held = target.get(key)
        if held is None:
            target[key] = value
        elif isinstance(held, dict) and isinstance(value, Mapping):
            merge(held, value)
        elif isinstance(held, list) and isinstance(value, list):
            held.extend(value)
        elif held != value:
            raise RenderError(
                f"Two cells report {key!r} differently: {held!r} and {value!r}. "
                "Let one cell report it."
            )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
