"""Where a briefing is put, and that it gets there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from analysis.briefings.forms import browser
from analysis.briefings.notebooks import NotebookInfo
from analysis.errors import InputError, RenderError
from analysis.files import (
    make_folder,
    remove_stale_files,
    sync_folder,
    temporary_path,
    write_atomic,
)

FORMATS = ("html", "ipynb", "pdf", "png", "xlsx", "md", "json")
# Bytes of a name in most file systems are 255; ".html" and temporary endings take some.
_LONGEST_NAME = 180
FAILED = "failed"
"""Folder within the output folder that keeps what failed runs computed."""


def check_formats(formats: Iterable[str] | str) -> tuple[str, ...]:
    """Read the formats, each once; a comma list is taken apart.

    Raises
    ------
    InputError
        One that there is not, or none at all; PDF or PNG without a browser.
    """
    parts = formats.split(",") if isinstance(formats, str) else list(formats)
    wanted = tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))
    for name in wanted:
        if name not in FORMATS:
            raise InputError(f"Unknown format {name!r}. Known: {', '.join(FORMATS)}.")
    if not wanted:
        raise InputError(f"No format was given. Known: {', '.join(FORMATS)}.")
    if {"pdf", "png"} & set(wanted):
        browser()
    return wanted


def briefing_name(info: NotebookInfo, parameters: Mapping[str, Any]) -> str:
    """Name of a briefing's files: ``NOTEBOOK--EVENT--NAME-VALUE--...``.

    Every other parameter that differs from its default is named, so that two briefings of one
    event do not overwrite each other. A name too long for a file system is cut and ends with a
    digest of the whole.
    """
    events, others = [], []
    for spec in info.parameters:
        value = parameters.get(spec.name, spec.default)
        if spec.kind in ("event", "events"):
            events.append(_slug(value))
        elif value is not None and value != spec.default:
            others.append(f"{spec.name}-{_slug(value)}")
    name = "--".join([info.name, *filter(None, events), *others])
    whole = name.encode()
    if len(whole) <= _LONGEST_NAME:
        return name
    cut = whole[: _LONGEST_NAME - 14].decode(errors="ignore").rstrip("-.")
    return f"{cut}--{hashlib.sha256(whole).hexdigest()[:12]}"


def _slug(value: Any) -> str:
    """A value as part of a file's name: letters, digits, ``_``, ``-`` and ``.`` alone."""
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    words = (re.sub(r"[^\w.-]+", "-", str(one)).strip("-.") for one in values)
    return "-".join(filter(None, words))


def check_output_folder(out: str | os.PathLike[str]) -> Path:
    """Make the output folder and try a file in it, before anything is computed.

    What killed publications left there under temporary names is removed.

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
        trial = temporary_path(folder / "trial")
        trial.write_bytes(b"")
        trial.unlink()
        for place in (folder, folder / FAILED):
            remove_stale_files(place)
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"The output folder {str(out)!r} cannot be written: {reason}. "
            "Choose another with --out."
        ) from error
    return folder


def write_file(path: Path, content: str) -> Path:
    """Write a file whole or not at all: an earlier one stays until the new one is complete.

    Raises
    ------
    RenderError
        It cannot be written; nothing was changed.
    """
    return write_files({path: content})[0]


def write_files(files: Mapping[Path, str | bytes]) -> list[Path]:
    """Write several files, all or none: when one cannot be placed, the earlier ones come back.

    Parameters
    ----------
    files : mapping of pathlib.Path to str or bytes
        Contents by place.

    Returns
    -------
    list of pathlib.Path
        The places, in their order.

    Raises
    ------
    RenderError
        One cannot be written; nothing was changed.
    """
    trials: dict[Path, Path] = {}
    earlier: dict[Path, Path] = {}
    placed: list[Path] = []
    path = Path()
    try:
        for path, content in files.items():
            trials[path] = temporary_path(path)
            write_atomic(trials[path], _encoded(content))
        for path in files:
            if path.exists():
                earlier[path] = temporary_path(path)
                _keep(path, earlier[path])
        for path, trial in trials.items():
            placed.append(path)  # before it is: an interrupt may come between the two
            trial.replace(path)
        for folder in dict.fromkeys(path.parent for path in files):
            sync_folder(folder)
    except BaseException as error:
        for done in placed:
            _put_back(done, trials[done], earlier.get(done))
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise RenderError(f"{path} cannot be written: {reason}.") from error
        raise
    finally:
        for rest in (*trials.values(), *earlier.values()):
            with suppress(OSError):
                rest.unlink()
    return list(files)


def _put_back(path: Path, trial: Path, earlier: Path | None) -> None:
    """Undo the placing of a file, whether it came about or not."""
    with suppress(OSError):
        if earlier is not None:
            earlier.replace(path)
        elif not trial.exists():
            path.unlink()


def _encoded(content: str | bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    # Half a surrogate pair, which UTF-8 cannot hold, is written as the escape that JSON has.
    return content.encode("utf-8", errors="backslashreplace")


def _keep(path: Path, second: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    try:
        os.link(path, second)
    except OSError:
        shutil.copy2(path, second)
