"""A notebook run from top to bottom through papermill, in a kernel of this very Python.

A machine may hold kernels of other environments under the usual names, and a home that cannot
be written. So the kernel is described in a temporary folder, started with this process's
interpreter, and every Jupyter and IPython path points into that folder. A supervisor keeps the
kernel within its limits and ends what it started. Variables of the
environment that look like secrets do not reach the kernel: a notebook reads tables at rest
and needs none, and papermill would write them into its output.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.briefings.engine import KERNEL, LOG, VERDICT, Progress, Session, cell_label, engine
from analysis.briefings.limits import Limits
from analysis.briefings.notebooks import NotebookInfo, notebook_text, parse_notebook
from analysis.briefings.redaction import redact_json, without_secret_variables
from analysis.briefings.supervisor import Supervision, end_carriers
from analysis.errors import DataError
from analysis.scratch import scratch_folder
from analysis.settings import store_home

_ENGINE = "faultline"
_OF_THE_RUN = "IPYTHONDIR"  # a folder that no other run has


@dataclass(frozen=True)
class CellFailure:
    """Where and why a run stopped."""

    cell: int  # its number in the notebook as published, from 1; 0 when no cell was reached
    label: str  # the cell's first heading or line
    cause: str  # exception type and message in one line


@dataclass
class NotebookRun:
    """A notebook after its run: complete, or as far as it came."""

    notebook: Any  # nbformat.NotebookNode with the outputs, without secrets
    failure: CellFailure | None  # None after a complete run


def execute(
    info: NotebookInfo,
    parameters: Mapping[str, Any],
    *,
    home: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> NotebookRun:
    """Run a notebook with parameters and return it with its outputs.

    Parameters
    ----------
    info : NotebookInfo
        The notebook.
    parameters : mapping of str to JSON value
        As `analysis.briefings.parameters.validate` returns them.
    home : path, optional
        Folder of the tables; the kernel sees it as ``FAULTLINE_HOME``.
    progress : callable, optional
        Called as ``progress(cells done, cells in all, first line of the next cell)``.
    limits : Limits, optional
        Those of the environment without it.

    Returns
    -------
    NotebookRun
        A failed cell is in `NotebookRun.failure`, never raised.

    Raises
    ------
    DataError
        The file is not a valid notebook.
    InputError
        A limit in the environment is not a number.
    """
    import papermill
    from papermill.engines import papermill_engines

    limits = limits or Limits.of_environment()
    notebook = _load(info)
    logging.getLogger("papermill").addHandler(logging.NullHandler())
    papermill_engines.register(_ENGINE, engine())
    with scratch_folder("render") as folder:
        session = Session(_environment(folder, home, limits), folder, limits, progress)
        try:
            finished = papermill.execute_notebook(
                notebook,
                None,
                parameters=dict(parameters),
                engine_name=_ENGINE,
                kernel_name=KERNEL,
                language="python",
                progress_bar=False,
                session=session,
            )
        except papermill.PapermillExecutionError as error:
            failure = CellFailure(*_failed_cell(session), _one_line(error.ename, error.evalue))
            return NotebookRun(_without_secrets(session.notebook), failure)
        # A kernel died, timed out or never started: each has an error of its own.
        except Exception as error:
            kept = notebook if session.notebook is None else session.notebook
            limit = session.exceeded(error)
            cause = (
                limits.exceeded(limit)
                if limit
                else _one_line(type(error).__name__, f"{error} {kernel_log_tail(folder / LOG)}")
            )
            return NotebookRun(_without_secrets(kept), CellFailure(*_failed_cell(session), cause))
        finally:
            end_carriers(_OF_THE_RUN, session.env[_OF_THE_RUN])
    return NotebookRun(_without_secrets(finished), None)


def _load(info: NotebookInfo) -> Any:
    try:
        notebook = parse_notebook(info.path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{info.path} is not a valid notebook: {error}") from error
    for number, cell in enumerate(notebook.cells, start=1):
        # Kept through papermill's own insertions, so that an error names the cell that a
        # reader of the notebook would count to.
        cell.metadata["faultline_cell"] = number
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _environment(
    folder: Path, home: str | os.PathLike[str] | None, limits: Limits
) -> dict[str, str]:
    """Environment of the kernel, and the folders it names."""
    _describe_kernel(folder, limits)
    (folder / "work").mkdir()
    env = without_secret_variables(os.environ, store_home(home))
    if "PYTHONPATH" in env:  # the kernel starts elsewhere
        parts = env["PYTHONPATH"].split(os.pathsep)
        env["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts if part)
    if home is not None:
        env["FAULTLINE_HOME"] = str(store_home(home))
    return env | {
        _OF_THE_RUN: str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        # Silences the debugger's remark on frozen modules, which would end in the page.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _describe_kernel(folder: Path, limits: Limits) -> None:
    spec = folder / "jupyter" / "kernels" / KERNEL
    spec.mkdir(parents=True)
    supervision = Supervision(
        parent=os.getpid(),
        seconds=limits.render,
        memory=limits.memory,
        processes=limits.processes,
        verdict=str(folder / VERDICT),
    )
    argv = supervision.command(
        [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    )
    content = {"argv": argv, "display_name": "Faultline", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(content), encoding="utf-8")


def _failed_cell(session: Session) -> tuple[int, str]:
    cell = session.cell
    return (int(cell.metadata.get("faultline_cell", 0)), cell_label(cell)) if cell else (0, "")


def kernel_log_tail(log: Path) -> str:
    """Last line of a kernel's log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _one_line(kind: str, message: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message or "")
    return redact_json(f"{kind}: {' '.join(plain.split())}")[:500].rstrip(": ")


def _without_secrets(notebook: Any) -> Any:
    return parse_notebook(redact_json(notebook_text(notebook)))
