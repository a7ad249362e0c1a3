"""Briefings: a parameterised notebook in, one self-contained page out.

``notebooks``   which notebooks there are and what parameters they take
``parameters``  what was asked for, checked before anything starts
``limits``      how long a run may take, how much it may hold and put out
``execution``   the notebook run in a kernel of this very Python, through papermill
``export``      the run notebook turned into a page, through nbconvert
``layout``      the same in a supervised process, within the limits of the render
``publish``     the page put in its place in one step
``rendering``   all of them in their order

Used by the command and by schedules; a notebook itself never imports this package's
machinery. Nothing heavy is imported until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.briefings.notebooks import NotebookInfo, list_notebooks
    from analysis.briefings.rendering import render

__all__ = ["NotebookInfo", "list_notebooks", "render"]

_HOMES = {
    "NotebookInfo": "analysis.briefings.notebooks",
    "list_notebooks": "analysis.briefings.notebooks",
    "render": "analysis.briefings.rendering",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
