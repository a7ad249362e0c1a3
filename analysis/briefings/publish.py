"""Where a briefing is put, and that it gets there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.briefings.notebooks import NotebookInfo
from analysis.errors import InputError, RenderError
from analysis.files import beside, make_folder, write_whole

FORMATS = ("html", "ipynb")
_LATER = ("pdf",)


def check_formats(formats: Iterable[str] | str) -> tuple[str, ...]:
    """Read the formats asked for, each once; a comma list is taken apart.

    Raises
    ------
    InputError
        One that there is not, or none at all.
    """
    parts = formats.split(",") if isinstance(formats, str) else list(formats)
    asked = tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))
    for name in asked:
        if name in _LATER:
            raise InputError(
                f"The format {name!r} comes later; for now print the HTML from a browser, or "
                f"take one of: {', '.join(FORMATS)}."
            )
        if name not in FORMATS:
            raise InputError(f"Unknown format {name!r}. Known: {', '.join(FORMATS)}.")
    if not asked:
        raise InputError(f"No format is asked for. Known: {', '.join(FORMATS)}.")
    return asked


def stem(info: NotebookInfo, parameters: Mapping[str, Any]) -> str:
    """Name of a briefing's files: ``NOTEBOOK--EVENT``, without an event ``NOTEBOOK``."""
    events = [parameters.get(spec.name) for spec in info.parameters if spec.kind == "event"]
    slugs = [re.sub(r"[^\w.-]+", "-", str(event)).strip("-.") for event in events if event]
    return "--".join([info.name, *filter(None, slugs)])


def prepare(out: str | os.PathLike[str]) -> Path:
    """Make the output folder and try a file in it, before anything is computed.

    Returns
    -------
    pathlib.Path
        Absolute.

    Raises
    ------
    InputError
        It cannot be made or written.
    """
    try:
        folder = Path(out).expanduser().absolute()
        make_folder(folder)
        trial = beside(folder / "trial")
        trial.write_bytes(b"")
        trial.unlink()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"The output folder {str(out)!r} cannot be written: {reason}. "
            "Choose another with --out."
        ) from error
    return folder


def put(path: Path, content: str) -> Path:
    """Write a file whole or not at all: what stood there stays until the new one is complete.

    Raises
    ------
    RenderError
        It cannot be written; nothing was changed.
    """
    try:
        # Half a surrogate pair, which UTF-8 cannot hold, is written as the escape that JSON has.
        write_whole(path, content.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise RenderError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
