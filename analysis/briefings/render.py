"""One briefing from its name to its files; called by the command and by schedules."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from analysis.briefings import execution, ipynb, output_files
from analysis.briefings.confidential import refuse_secrets
from analysis.briefings.engine import Progress
from analysis.briefings.execution import Failure, Run
from analysis.briefings.layout import lay_out
from analysis.briefings.limits import Limits
from analysis.briefings.notebooks import NotebookInfo, find_notebook
from analysis.briefings.parameter_checks import check_together
from analysis.briefings.parameters import Vocabulary, needs_vocabulary, validate
from analysis.errors import NothingLeft, RenderError


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
    vocabulary: Vocabulary | None = None,
    limits: Limits | None = None,
) -> list[Path]:
    """Render a notebook with parameters into its published files.

    Everything that can be wrong with what was asked is found before a kernel starts. A failed
    run leaves earlier files as they are and keeps what it computed in ``out/failed``.

    Parameters
    ----------
    notebook : str
        Bare name of a notebook; see `analysis.briefings.list_notebooks`.
    parameters : mapping of str to object
        Strings as typed, or values; see `analysis.briefings.parameters.validate`.
    out : path
        Folder of the files; made when missing.
    as_of : str or datetime.date, optional
        The day of the data: sets the parameter ``as_of``.
    formats : iterable of str
        Of ``html`` and ``ipynb``.
    progress : callable, optional
        Called as ``progress(steps done, steps in all, what comes next)``.
    home : path, optional
        Folder of the tables; else ``FAULTLINE_HOME``, else the bundled snapshot.
    folder : pathlib.Path, optional
        Take the notebook from here instead of from the bundled ones.
    vocabulary : Vocabulary, optional
        Valid events, tickers and groups; else those of the bundled catalogue.
    limits : Limits, optional
        Of time, memory and size; those of the environment without it.

    Returns
    -------
    list of pathlib.Path
        Absolute paths in the order of ``formats``.

    Raises
    ------
    InputError
        Notebook, parameter, format or output folder cannot be used as given.
    DataError
        The notebook's file is damaged.
    RenderError
        A cell failed; the message names it, its cause and the partial notebook.
    NothingLeft
        The notebook ran but could measure nothing; it is kept as a partial one is, and an
        earlier good briefing stays.
    """
    limits = limits or Limits.of_environment()
    info = find_notebook(notebook, folder)
    asked = output_files.check_formats(formats)
    values = _checked(info, parameters, as_of, vocabulary)
    place = output_files.prepare(out)
    name = output_files.stem(info, values)
    started, began = datetime.now(UTC), monotonic()
    run = execution.execute(info, values, home=home, progress=progress, limits=limits)
    kept = place / output_files.FAILED / f"{name}.ipynb"
    if run.failure is not None:
        raise _failed(info, run, _words(run.failure), kept)
    try:
        left = limits.render - (monotonic() - began)
        html, record = lay_out(run.notebook, info, values, started, limits, left)
    except NothingLeft as error:
        raise NothingLeft(str(_failed(info, run, f"{error}.", kept))) from error
    except RenderError as error:
        raise _failed(info, run, str(error), kept) from error
    run.notebook.metadata.setdefault("faultline", {})["manifest"] = record
    files = {"html": html, "ipynb": ipynb.write(run.notebook)}
    paths = output_files.put_all({place / f"{name}.{kind}": files[kind] for kind in asked})
    if progress is not None:
        steps = len(run.notebook.cells)
        progress(steps, steps, "published")
    return paths


def _checked(
    info: NotebookInfo,
    given: Mapping[str, object],
    as_of: object,
    vocabulary: Vocabulary | None,
) -> dict[str, Any]:
    catalogue = None
    if vocabulary is None and needs_vocabulary(info):
        from analysis.catalogue import Catalogue
        from analysis.settings import bundled

        catalogue = Catalogue(bundled("data/catalogue"))
        vocabulary = Vocabulary.of(catalogue)
    values = validate(info, given, as_of, vocabulary)
    refuse_secrets(values)
    check_together(values, catalogue)
    return values


def _words(failure: Failure) -> str:
    where = f"cell {failure.cell} ({failure.label!r})" if failure.cell else "its start"
    return f"It failed in {where}: {failure.cause.rstrip('.')}."


def _failed(info: NotebookInfo, run: Run, why: str, kept: Path) -> RenderError:
    """Keep what was computed, and say where."""
    try:
        output_files.put(kept, ipynb.write(run.notebook))
        trace = f"The partial notebook is {kept}."
    except RenderError as error:
        trace = f"The partial notebook could not be kept: {error}"
    return RenderError(f"Notebook {info.name!r} produced no briefing. {why} {trace}")
