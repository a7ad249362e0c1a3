"""One briefing from its name to its files; called by the command and by schedules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from analysis.briefings import execution, forms, output_files
from analysis.briefings.engine import Progress
from analysis.briefings.execution import CellFailure, NotebookRun
from analysis.briefings.layout import lay_out
from analysis.briefings.limits import Limits
from analysis.briefings.notebooks import NotebookInfo, find_notebook, notebook_text
from analysis.briefings.parameter_checks import check_combination
from analysis.briefings.parameters import KnownNames, needs_known_names, validate
from analysis.briefings.redaction import reject_secret_parameters
from analysis.errors import EmptyStudyError, RenderError


def render(
    notebook: str,
    parameters: Mapping[str, object],
    out: str | os.PathLike[str],
    as_of: object = None,
    formats: Iterable[str] | str = ("html",),
    progress: Progress | None = None,
    home: str | os.PathLike[str] | None = None,
    *,
    folder: Path | None = None,
    known_names: KnownNames | None = None,
    limits: Limits | None = None,
    note_only: bool = False,
) -> list[Path]:
    """Render a notebook with parameters into its published files.

    Every wrong parameter is found before a kernel starts. A failed
    run leaves earlier files as they are and keeps what it computed in ``out/failed``.

    Parameters
    ----------
    notebook : str
        Bare name of a notebook; see `analysis.briefings.notebooks.list_notebooks`.
    parameters : mapping of str to object
        Strings as typed, or values; see `analysis.briefings.parameters.validate`.
    out : path
        Folder of the files; made when missing.
    as_of : str or datetime.date, optional
        The day of the data: sets the parameter ``as_of``.
    formats : iterable of str
        Of ``html``, ``ipynb``, ``pdf``, ``png`` (the note and each chart), ``xlsx``, ``md`` and
        ``json``.
    progress : callable, optional
        Called as ``progress(steps done, steps in all, what comes next)``.
    home : path, optional
        Folder of the tables; else ``FAULTLINE_HOME``, else the bundled snapshot.
    folder : pathlib.Path, optional
        Take the notebook from here instead of from the bundled ones.
    known_names : KnownNames, optional
        Valid events, tickers and groups; else those of the bundled catalogue.
    limits : Limits, optional
        Of time, memory and size; those of the environment without it.
    note_only : bool
        Leave out the appendix.

    Returns
    -------
    list of pathlib.Path
        Absolute paths in the order of ``formats``; of ``png`` several.

    Raises
    ------
    InputError
        Notebook, parameter, format or output folder cannot be used as given.
    DataError
        The notebook's file is damaged.
    RenderError
        A cell failed; the message names it, its cause and the partial notebook.
    EmptyStudyError
        The notebook ran but could measure nothing; it is kept as a partial one is, and an
        earlier good briefing stays.
    """
    limits = limits or Limits.of_environment()
    info = find_notebook(notebook, folder)
    wanted = output_files.check_formats(formats)
    values = _checked(info, parameters, as_of, known_names)
    place = output_files.check_output_folder(out)
    name = output_files.briefing_name(info, values)
    started, began = datetime.now(UTC), monotonic()
    run = execution.execute(info, values, home=home, progress=progress, limits=limits)
    kept = place / output_files.FAILED / f"{name}.ipynb"
    if run.failure is not None:
        raise _failed(info, run, _words(run.failure), kept)
    try:
        left = limits.render - (monotonic() - began)
        html, record = lay_out(run.notebook, info, values, started, limits, left)
    except EmptyStudyError as error:
        raise EmptyStudyError(str(_failed(info, run, f"{error}.", kept))) from error
    except RenderError as error:
        raise _failed(info, run, str(error), kept) from error
    run.notebook.metadata.setdefault("faultline", {})["manifest"] = record
    files: dict[Path, str | bytes] = {}
    for kind in wanted:
        files |= {
            place / f"{name}{ending}": content
            for ending, content in _forms(kind, html, run.notebook, note_only=note_only).items()
        }
    paths = output_files.write_files(files)
    if progress is not None:
        steps = len(run.notebook.cells)
        progress(steps, steps, "published")
    return paths


def _forms(kind: str, page: str, notebook: Any, *, note_only: bool) -> dict[str, str | bytes]:
    """Files of one format, by the ending of their names."""
    if kind == "ipynb":
        return {".ipynb": notebook_text(notebook)}
    if kind == "png":
        pictures = forms.to_pictures(page)
        return {f"--{name}.png": content for name, content in pictures.items()}
    shown = forms.note_alone(page) if note_only else page
    makers: dict[str, Callable[[str], str | bytes]] = {
        "html": str,
        "pdf": forms.to_pdf,
        "xlsx": forms.to_workbook,
        "md": forms.to_markdown,
        "json": forms.to_json,
    }
    return {f".{kind}": makers[kind](shown)}


def _checked(
    info: NotebookInfo, given: Mapping[str, object], as_of: object, known_names: KnownNames | None
) -> dict[str, Any]:
    catalogue = None
    if known_names is None and needs_known_names(info):
        from analysis.catalogue import Catalogue
        from analysis.settings import bundled

        catalogue = Catalogue(bundled("data/catalogue"))
        known_names = KnownNames.of(catalogue)
    values = validate(info, given, as_of, known_names)
    reject_secret_parameters(values)
    check_combination(values, catalogue)
    return values


def _words(failure: CellFailure) -> str:
    where = f"cell {failure.cell} ({failure.label!r})" if failure.cell else "its start"
    return f"It failed in {where}: {failure.cause.rstrip('.')}."


def _failed(info: NotebookInfo, run: NotebookRun, why: str, kept: Path) -> RenderError:
    """Keep what was computed, and say where."""
    try:
        output_files.write_file(kept, notebook_text(run.notebook))
        trace = f"The partial notebook is {kept}."
    except RenderError as error:
        trace = f"The partial notebook could not be kept: {error}"
    return RenderError(f"Notebook {info.name!r} produced no briefing. {why} {trace}")
