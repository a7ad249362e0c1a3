"""Notebook files: text in, node out, and back."""

from __future__ import annotations

from typing import Any


def read(text: str) -> Any:
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


def write(notebook: Any) -> str:
    """Write a notebook as text, with a line break at its end."""
    import nbformat

    return f"{nbformat.writes(notebook)}\n"
