"""Files of foreign binary formats, read in a process of their own.

A kilobyte of Excel can name a cell so far away that the reader asks for all memory, and a reader
written in another language then ends its whole process. So Excel files and ZIPs are read by a
child with little memory and little time, which holds none of our secrets: a crash there is one
sentence here. Called by the loaders that get such files; run by itself as that child::

    python -P -m analysis.loaders.sandbox WHAT MOST ARGUMENT... < FILE

"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from analysis import settings
from analysis.errors import SourceError
from analysis.loaders.http.limits import CELLS, MEGABYTE, ZIP_ENTRIES, largest_answer

_MEMORY = 256 * MEGABYTE
"""What a child may need beyond the libraries that it has loaded; the monthly file of geopolitical
risk takes 40 MB."""

_SECONDS = 30.0
_LONGEST = 1_000  # characters of one cell; ours hold figures and days
# What a child needs of our environment; tokens are not among it.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


def read_sheet(content: bytes, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Read columns of the first sheet of an Excel file, old kind or new.

    Cells are numbers, texts, days in ISO form, and None where empty. A `SourceError` where the file
    cannot be read within the limits, or lacks a column.
    """
    most = largest_answer("gpr")
    found: dict[str, list[Any]] = _confined("Excel file", content, "sheet", most, *columns)
    return found


def read_zip(content: bytes, ending: str) -> str:
    """Unpack the one file of a ZIP whose name has an ending, as Latin-1 text.

    A `SourceError` where it cannot be read within the limits, or does not hold one such file.
    """
    text: str = _confined("ZIP", content, "zip", largest_answer("french"), ending)
    return text


def _confined(kind: str, content: bytes, what: str, most: int, *words: str) -> Any:
    """Have a child read a file; whatever becomes of the child is a sentence."""
    seconds = min(_SECONDS, settings.source_timeout())
    try:
        done = subprocess.run(  # noqa: S603 - this module, run by this Python
            # -P: modules of the current folder are not ours.
            [sys.executable, "-P", "-m", "analysis.loaders.sandbox", what, str(most), *words],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"not a readable {kind} (the reader did not finish within {seconds:g} seconds)"
        ) from None
    except OSError as error:
        raise SourceError(f"a reader for its {kind} could not be started ({error})") from None
    try:
        response = json.loads(done.stdout)
        problem, found = response["problem"], response["found"]
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"not a readable {kind} ({_end(done.returncode)})") from None
    if problem:
        raise SourceError(str(problem))
    return found


def environment(*more: str) -> dict[str, str]:
    """Variables for a child that is not trusted: none that holds a secret, unless it is named."""
    kept = {name: os.environ[name] for name in (*_ENVIRONMENT, *more) if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "POLARS_MAX_THREADS": "1",
    }


def limit_memory() -> None:
    """Take from this process the memory that nothing honest needs, and the right to dump it."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows has only the time-out of the parent
        return
    held = 2**30
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        held = int(file.read().split()[0]) * resource.getpagesize()
    for what, most in ((resource.RLIMIT_AS, held + _MEMORY), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a system may know a limit and refuse it
            resource.setrlimit(what, (most, most))


def _limit_time() -> None:
    """End this process when it has computed for too long: its parent may have been killed."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        seconds = int(_SECONDS) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _end(code: int) -> str:
    """Say how a reader ended that gave no response."""
    if code >= 0:
        return "the reader ended without a response"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"the reader crashed with {name}, as happens when a file needs too much memory"
    return f"the reader crashed with signal {-code}"


# In the child -------------------------------------------------------------------------------


def main(words: Sequence[str]) -> None:
    """Read a file from standard input and write what it holds, or what is wrong, as JSON."""
    what, most, *arguments = words
    room = int(most)
    _limit_time()
    content = sys.stdin.buffer.read()
    try:
        found = _sheet(content, arguments) if what == "sheet" else _zip(content, room, *arguments)
    except SourceError as problem:
        response: dict[str, Any] = {"problem": str(problem), "found": None}
    except MemoryError:
        response = {"problem": "a file that needs more memory than it may", "found": None}
    else:
        response = {"problem": "", "found": found}
    # The parent has no such limit of memory. What is escaped takes up to six times its size.
    text = json.dumps(response, ensure_ascii=False)
    if len(text) > 2 * room:
        text = json.dumps({"problem": _too_large("file", room), "found": None})
    sys.stdout.buffer.write(text.encode())


def _sheet(content: bytes, columns: Sequence[str]) -> dict[str, list[Any]]:
    import fastexcel
    import polars as pl

    limit_memory()
    there: list[str] = []

    def needed(column: Any) -> bool:
        there.append(column.name)
        return column.name in columns

    try:
        # Only what we need: their columns of notes have no type, of which fastexcel warns.
        sheet = fastexcel.read_excel(content).load_sheet(
            0, use_columns=needed, schema_sample_rows=None
        )
        if len(there) * sheet.total_height > CELLS:
            raise SourceError(f"an Excel file of more than {CELLS:,} cells")
        missing = [name for name in columns if name not in there]
        table = pl.DataFrame() if missing else sheet.to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"not a readable Excel file ({reason})") from None
    if missing:
        raise SourceError(
            f"no column {', '.join(missing)} (it has {', '.join(there[:12]) or 'none'}): its "
            "format has changed; the loader needs an update"
        )
    return {name: [_plain(cell) for cell in table[name]] for name in columns}


def _plain(cell: object) -> object:
    """Write a cell so that JSON can carry it."""
    if isinstance(cell, str) and len(cell) > _LONGEST:
        raise SourceError(f"an Excel file with a cell of more than {_LONGEST:,} characters")
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return cell if isinstance(cell, int | float | str | None) else str(cell)


def _zip(content: bytes, room: int, ending: str) -> str:
    limit_memory()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as packed,
            packed.open(_one_of(packed.namelist(), ending)) as file,
        ):
            text = file.read(room + 1)
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # each way of packing has errors of its own
        raise SourceError(f"not a readable ZIP ({error})") from None
    if len(text) > room:
        raise SourceError(_too_large("ZIP", room))
    return text.decode("latin-1")


def _too_large(kind: str, room: int) -> str:
    return f"a {kind} that unpacks to more than {room / MEGABYTE:g} MB"


def _one_of(names: Sequence[str], ending: str) -> str:
    """Name of the only file with an ending."""
    if len(names) > ZIP_ENTRIES:
        raise SourceError(f"a ZIP of more than {ZIP_ENTRIES} files")
    found = [name for name in names if name.lower().endswith(ending)]
    if len(found) != 1:
        kind = ending.removeprefix(".").upper()
        raise SourceError(f"a ZIP with {len(found)} {kind} files where one was expected")
    return found[0]


if __name__ == "__main__":
    main(sys.argv[1:])
