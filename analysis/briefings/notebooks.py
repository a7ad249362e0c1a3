"""The notebooks that can become briefings, their parameters and their files.

A notebook says so itself, in its metadata::

    {"faultline": {"title": ..., "summary": ...,
                   "parameters": [{"name": "event", "kind": "event", "required": true,
                                   "help": "..."}]}}

Read by the command's list, by the parameter checks and by the run. A notebook is named
without a folder, so that no name given on a command line can reach a file elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DataError, InputError, unknown_name
from analysis.settings import bundled
from analysis.studies.models import model_names

KINDS = (
    "event", "events", "tickers", "ticker", "group", "choice", "model", "window", "windows", "date",
    "text", "number",
)  # fmt: skip


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter as a notebook declares it."""

    name: str  # the Python name that the notebook's parameters cell assigns
    kind: str  # one of `KINDS`: how a string is read and what it is checked against
    default: Any = None  # JSON value used when the parameter is not given; None means "not set"
    required: bool = False  # whether a run without it is refused
    help: str = ""  # one sentence for the command's list
    choices: tuple[str, ...] = ()  # the valid values of ``choice`` and ``model``
    excludes: tuple[str, ...] = ()  # parameters that cannot be given together with this one
    minimum: float | None = None  # bounds of a number, both included; None: no bound
    maximum: float | None = None
    whole: bool = False  # whether the number has to be whole


@dataclass(frozen=True)
class NotebookInfo:
    """A notebook that can be rendered."""

    name: str  # without folder or ending, as the command takes it
    title: str  # from the metadata, else the notebook's first heading
    summary: str  # from the metadata, else the paragraph under it
    parameters: tuple[ParameterSpec, ...]  # in the notebook's own order
    path: Path


def list_notebooks(folder: Path | None = None) -> list[NotebookInfo]:
    """List the notebooks that ship with Faultline, or lie in another folder, by name.

    Raises
    ------
    DataError
        A notebook is not JSON or declares its parameters wrongly.
    """
    return [_read(path) for path in _files(folder)]


def find_notebook(name: str, folder: Path | None = None) -> NotebookInfo:
    """Find one notebook by its bare name; a trailing ``.ipynb`` is forgiven.

    Raises
    ------
    InputError
        The name is a path, or there is no such notebook (the nearest are named).
    DataError
        The notebook declares its parameters wrongly.
    """
    bare = name.removesuffix(".ipynb")
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", bare):
        raise InputError(
            f"{name!r} is not the name of a notebook: letters, digits, '_' and '-' only, "
            "no path. See: faultline briefing list"
        )
    found = {path.stem: path for path in _files(folder)}
    if bare not in found:
        raise unknown_name("notebook", bare, found, see="faultline briefing list")
    return _read(found[bare])


def parse_notebook(text: str) -> Any:
    """Parse and check a notebook of format 4.

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    ValueError
        It is no such notebook.
    """
    import nbformat

    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    except (AttributeError, TypeError, KeyError) as error:  # JSON, but no notebook
        raise ValueError(f"not a notebook ({error})") from error
    return notebook


def notebook_text(notebook: Any) -> str:
    """Write a notebook as text, with a line break at its end."""
    import nbformat

    return f"{nbformat.writes(notebook)}\n"


def _files(folder: Path | None) -> list[Path]:
    return sorted((folder or bundled("notebooks")).glob("[!.]*.ipynb"))


def _read(path: Path) -> NotebookInfo:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = list(content["cells"])
        declared = content["metadata"].get("faultline", {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a notebook that can be read: {error}.") from error
    title, summary = _first_words(cells)
    return NotebookInfo(
        name=path.stem,
        title=str(declared.get("title") or title or path.stem.replace("_", " ").capitalize()),
        summary=str(declared.get("summary") or summary),
        parameters=tuple(_spec(path, entry) for entry in declared.get("parameters", [])),
        path=path,
    )


def _spec(path: Path, entry: Mapping[str, Any]) -> ParameterSpec:
    name, kind = entry.get("name"), entry.get("kind")
    if not isinstance(name, str) or not name.isidentifier():
        raise DataError(f"{path}: the parameter name {name!r} is not a Python name.")
    if kind not in KINDS:
        raise DataError(
            f"{path}: parameter {name!r} has the kind {kind!r}; known: {', '.join(KINDS)}."
        )
    choices = tuple(str(choice) for choice in entry.get("choices", ()))
    if kind == "model":
        choices = model_names()
    if kind == "choice" and not choices:
        raise DataError(f"{path}: parameter {name!r} is a choice without choices.")
    return ParameterSpec(
        name=name,
        kind=kind,
        default=entry.get("default"),
        required=bool(entry.get("required", False)),
        help=str(entry.get("help", "")),
        choices=choices,
        excludes=tuple(str(other) for other in entry.get("excludes", ())),
        minimum=_bound(path, entry, "minimum"),
        maximum=_bound(path, entry, "maximum"),
        whole=bool(entry.get("whole", False)),
    )


def _bound(path: Path, entry: Mapping[str, Any], which: str) -> float | None:
    bound = entry.get(which)
    if bound is None or (isinstance(bound, int | float) and not isinstance(bound, bool)):
        return bound
    raise DataError(f"{path}: the {which} {bound!r} of {entry['name']!r} is not a number.")


def _first_words(cells: list[Mapping[str, Any]]) -> tuple[str, str]:
    """First heading and the paragraph under it, from the notebook's first prose cell."""
    for cell in cells:
        if cell.get("cell_type") != "markdown":
            continue
        paragraphs = [part.strip() for part in "".join(cell.get("source", "")).split("\n\n")]
        heading = paragraphs[0].lstrip("# ") if paragraphs[0].startswith("#") else ""
        prose = [part for part in paragraphs if part and not part.startswith("#")]
        return heading, " ".join(prose[0].split()) if prose else ""
    return "", ""
