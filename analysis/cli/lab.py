"""``faultline lab``: open JupyterLab on the notebooks."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.errors import InputError
from analysis.settings import bundled

_EXAMPLES = """Examples

faultline lab

faultline lab --no-browser --port 8890
    further options are JupyterLab's own
"""


def register(app: App) -> None:
    """Add the command."""
    app.command(lab, name="lab", help_epilogue=_EXAMPLES)


def lab(*options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> int:
    """Start JupyterLab on the notebooks.

    In a checkout it opens the project's own notebooks. Installed as a package it
    copies them into ./notebooks first and opens that working copy; a file that is
    already there is kept as it is.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise InputError(
            "JupyterLab is not installed: run make lab in a checkout, or pip install jupyterlab."
        )
    folder = working_copy(bundled("notebooks"), Path.cwd() / "notebooks")
    console.print_err(f"JupyterLab on {folder}")
    sys.stdout.flush()
    # -P: a json.py of the current folder is not the one that JupyterLab wants.
    command = [sys.executable, "-P", "-m", "jupyterlab", str(folder), *options]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


def working_copy(source: Path, target: Path) -> Path:
    """Folder of notebooks that can be edited.

    Parameters
    ----------
    source : pathlib.Path
        The notebooks that ship with Faultline.
    target : pathlib.Path
        Where a copy goes when they lie inside the installed package.

    Returns
    -------
    pathlib.Path
        `source` in a checkout; otherwise `target`, with what was missing there copied.

    Raises
    ------
    InputError
        The copy cannot be made.
    """
    if source.parent.name != "_bundled":
        return source
    try:
        target.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(source.glob("*.ipynb")):
            copy = target / notebook.name
            if not copy.exists():
                shutil.copyfile(notebook, copy)
    except OSError as error:
        raise InputError(
            f"The notebooks cannot be copied to {str(target)!r}: {error.strerror or error}. "
            "Start it in a folder you can write to."
        ) from None
    return target
