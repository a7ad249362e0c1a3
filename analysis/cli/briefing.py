"""``faultline briefing``: render notebooks into briefings, and list what can be rendered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from analysis.cli import console
from analysis.cli.console import Column, discreet
from analysis.errors import InputError

if TYPE_CHECKING:
    from analysis.briefings.engine import Progress
    from analysis.briefings.notebooks import NotebookInfo, ParameterSpec

_EXAMPLES = """Examples

faultline briefing event_briefing -p event ds-appstore-1
    writes reports/event_briefing--ds-appstore-1.html and prints its path

faultline briefing event_briefing -p event ds-r1 -p group gpu --out r1
    chips and processors only, as r1/event_briefing--ds-r1--group-gpu.html

faultline briefing event_briefing -p event ds-r1 --format html,ipynb
    the notebook with its outputs beside the page

faultline briefing event_briefing -p event ds-r1 --format pdf --note
    the note on paper; --format xlsx has every table as a sheet

faultline briefing list
    the notebooks and the parameters of each
"""
_LIST_EXAMPLES = """Examples

faultline briefing list

faultline briefing list --json
"""
_PARAMETER_FIELDS = ("name", "kind", "default", "required", "help", "choices")


def register(app: App) -> None:
    """Add the commands."""
    group = App(
        name="briefing",
        help="Render a notebook into a self-contained briefing.",
        help_epilogue=_EXAMPLES,
    )
    group.default(briefing)
    group.command(list_briefings, name="list", help_epilogue=_LIST_EXAMPLES)
    app.command(group)


def briefing(
    notebook: str,
    /,
    *,
    parameter: Annotated[
        list[tuple[str, str]] | None,
        Parameter(name=("--parameter", "-p"), allow_leading_hyphen=True, metavar="NAME VALUE"),
    ] = None,
    as_of: str | None = None,
    out: str = "reports",
    format: str = "html",
    note: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Render a notebook into a briefing: one HTML file that needs nothing else.

    Prints the absolute path of each file that it wrote. A failed run keeps its
    notebook in the folder failed/ of --out and leaves an earlier briefing in place.
    Several formats are written all or none.

    A notebook that takes too long, holds too much memory or puts out too much is
    stopped, with every process it started. These variables raise the limits:
    FAULTLINE_RENDER_SECONDS (1800), FAULTLINE_CELL_SECONDS (600),
    FAULTLINE_KERNEL_MB (4000), FAULTLINE_KERNEL_PROCESSES (64),
    FAULTLINE_OUTPUTS_MB (128) and FAULTLINE_PAGE_MB (64).

    Parameters
    ----------
    notebook
        Name of a notebook; see faultline briefing list.
    parameter
        Name and value of one of its parameters; may be repeated.
    as_of
        Use only what was known on this day: sets the parameter as_of.
    out
        Folder of the files; made when missing.
    format
        One or several, separated by commas: html, ipynb, pdf, png (the note and each
        chart), xlsx, md, json. Chromium draws pdf and png.
    note
        The note alone, without the appendix.
    """
    from analysis.briefings.render import render

    with _progress(notebook) as progress:
        paths = render(
            notebook,
            _gather(parameter or [], as_of),
            out,
            as_of=as_of,
            formats=[item.strip() for item in format.split(",") if item.strip()],
            progress=progress,
            note_only=note,
        )
    for path in paths:
        console.print_line(str(path))
    return 0


def _gather(pairs: list[tuple[str, str]], as_of: str | None) -> dict[str, str]:
    """Make one mapping of the repeated option; a name given twice with two values is refused."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if given.setdefault(name, value) != value:
            raise InputError(
                f"Parameter {name!r} is given twice, as {given[name]!r} and as {value!r}: "
                "give it once."
            )
    if as_of is not None and given.get("as_of", as_of) != as_of:
        raise InputError(
            f"as_of is given twice, as --as-of {as_of} and as -p as_of {given['as_of']}: "
            "give it once."
        )
    return given


@contextmanager
def _progress(notebook: str) -> Iterator[Progress]:
    """Show a bar on a terminal, and plain lines where standard error is none."""
    if not sys.stderr.isatty():
        yield lambda done, total, what: console.print_err(f"{notebook}: {done}/{total} {what}")
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.fields[notebook]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console.rich_console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, notebook=discreet(notebook))

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=discreet(what))

        yield show


def list_briefings(*, json: Annotated[bool, Parameter(show_default=False)] = False) -> int:
    """List the notebooks that can be rendered, with the parameters of each.

    Parameters
    ----------
    json
        One JSON document on standard output, nothing else.
    """
    from analysis.briefings.notebooks import list_notebooks

    notebooks = list_notebooks()
    if json:
        console.print_json({"notebooks": [_as_document(item) for item in notebooks]})
        return 0
    for item in notebooks:
        console.print_line(f"{item.name}: {item.title}")
        if item.summary:
            console.print_line(f"  {item.summary}")
        columns = [Column("parameter"), Column("kind"), Column("default"), Column("", fold=True)]
        console.print_table(columns, [_row(parameter) for parameter in item.parameters])
    return 0


def _row(parameter: ParameterSpec) -> tuple[str, str, str, str]:
    default = "required" if parameter.required else _spell(parameter.default)
    choices = f" One of: {', '.join(parameter.choices)}." if parameter.choices else ""
    return parameter.name, parameter.kind, default, f"{parameter.help}{choices}"


def _spell(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, list):
        return " ".join(_spell(item) for item in default)
    return str(default)


def _as_document(item: NotebookInfo) -> dict[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "summary": item.summary,
        "parameters": [
            {name: getattr(parameter, name) for name in _PARAMETER_FIELDS}
            for parameter in item.parameters
        ],
    }
