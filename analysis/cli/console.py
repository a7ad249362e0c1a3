"""What the commands print: tables and JSON to standard output, sentences to standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.formatting import MINUS, MISSING
from analysis.json_values import jsonable
from analysis.plain_text import visible, visible_json
from analysis.redaction import redact, redactor

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STDERR = 2  # the last of the three numbers that every program expects to be open
_PIPED_WIDTH = 160  # a reader that is no terminal has no width; wide enough not to fold a row

_GAP = 3  # between two columns of a table
_PROSE_WIDTH = 24  # a narrow terminal still gets a column that can be read


@dataclass(frozen=True)
class Column:
    """Heading of a table's column, and to which side it is set."""

    heading: str
    justify: Literal["left", "right"] = "left"
    fold: bool = False


def print_err(message: str) -> None:
    """Write a sentence to standard error, on one line."""
    print(discreet(message), file=sys.stderr, flush=True)  # noqa: T201


def print_line(text: str = "") -> None:
    """Write one line of a result to standard output."""
    print(discreet(text), file=sys.stdout)  # noqa: T201


def print_raw(content: str) -> None:
    """Write our own lines to standard output as they are: a script."""
    print(content, file=sys.stdout)  # noqa: T201


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write one JSON document to standard output: no NaN, dates in ISO form."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    text = json.dumps(
        jsonable(document), indent=2, allow_nan=False, ensure_ascii=encoding != "utf8"
    )
    print(visible_json(redact(text)), file=sys.stdout)  # noqa: T201


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, title: str = ""
) -> None:
    """Write a table to standard output, in plain characters where that is no terminal."""
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    hide = redactor()
    cells = [[visible(hide(str(cell))) for cell in row] for row in rows]
    table = Table(
        title=visible(title) or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    needed = 0
    for place, column in enumerate(columns):
        # Half a figure is a wrong figure: only prose gives way on a narrow terminal.
        heading = visible(column.heading)
        texts = [heading, *(row[place] for row in cells)]
        widest = max(cell_len(text) for text in texts)
        narrowest = min(widest, _PROSE_WIDTH) if column.fold else widest
        needed += narrowest + _GAP
        table.add_column(
            heading,
            justify=column.justify,
            overflow="fold",
            no_wrap=not column.fold,
            min_width=narrowest,
        )
    for row in cells:
        table.add_row(*row)
    _print_uncut(table, needed)


def print_pairs(pairs: Iterable[tuple[str, str]], *, title: str) -> None:
    """Write names and values side by side to standard output."""
    from rich.table import Table

    table = Table(
        title=visible(title), title_justify="left", title_style="bold", box=None, show_header=False
    )
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(discreet(name), discreet(value))
    _print_uncut(table, 0)


def _print_uncut(table: Table, needed: int) -> None:
    """Print a table without cutting a cell, and without blanks at the ends of lines.

    On a terminal narrower than `needed` its lines run on instead.
    """
    target = rich_console()
    target.width = max(target.width, needed)
    with target.capture() as captured:
        target.print(table)
    for row in captured.get().splitlines():
        sys.stdout.write(f"{row.rstrip()}\n")


def rich_console(*, stderr: bool = False) -> Console:
    """Console on one of the streams as they are now, that does not read brackets as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else _PIPED_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def label(message: object) -> Text:
    """Foreign text for a bar or a spinner of rich, which reads markup in a plain string."""
    from rich.text import Text

    return Text(discreet(message))


def discreet(text: object) -> str:
    """Text without known secrets, on one line, with control characters shown as escapes."""
    return visible(redact(str(text)))


def percent(value: float | None, digits: int = 2) -> str:
    """Decimal return as per cent with a true minus; an en dash where there is none."""
    return number(None if value is None else value * 100, digits, "%")


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Figure with fixed decimals and a true minus; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}".replace("-", MINUS)
    return f"{text}\u202f{unit}" if unit else text


def p_value(value: float | None) -> str:
    """p-value to three decimals, with the customary stars behind the figure, never alone."""
    if value is None or not math.isfinite(value):
        return MISSING
    stars = "*" * sum(value < level for level in (0.10, 0.05, 0.01))
    return f"{'<0.001' if value < 0.001 else f'{value:.3f}'}{stars:<3}"


def prepare_streams() -> None:
    """Replace what a stream's encoding cannot carry, instead of failing on a minus sign.

    A stream that was closed before we began swallows what is written to it: the next file that
    is opened would have its number, and be written to.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def escape_foreign_output() -> None:
    """Let what other packages write to standard error in this process be shown as text, too.

    Their warnings, the records of loggers that nobody handles, and the errors of their threads
    may quote an answer.
    """
    import logging
    import threading
    import warnings

    spelled = warnings.formatwarning

    class Escaping(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return discreet(super().format(record))

    def of_thread(problem: threading.ExceptHookArgs) -> None:
        if problem.exc_type is not SystemExit:
            name = problem.thread.name if problem.thread else "a thread"
            kind = problem.exc_type.__name__
            print_err(f"faultline: {name}: {kind}: {discreet(problem.exc_value)}")

    unhandled = logging.StreamHandler()
    unhandled.setLevel(logging.WARNING)
    unhandled.setFormatter(Escaping())
    logging.lastResort = unhandled
    warnings.formatwarning = lambda message, *where: spelled(discreet(message), *where)
    threading.excepthook = of_thread
