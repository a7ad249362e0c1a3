"""Other forms of a finished page: PDF and PNG by a local Chromium, XLSX, Markdown and JSON.

All are made from the page itself, so that no form says anything else than another.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.briefings.redaction import without_secret_variables
from analysis.errors import InputError, RenderError
from analysis.scratch import scratch_folder

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120
_WIDTH = 1000  # px of a picture
_DATA = re.compile(
    r'<script type="application/json" id="faultline-(results|manifest)">(.*?)</script>', re.S
)
_FIGURE = re.compile(r'<figure class="chart" id="([^"]+)".*?</figure>', re.S)
_FIRST = ("event_id", "security", "group", "test", "what")  # columns of a sheet
_SHEET, _CELL = 31, 32_767  # characters that Excel takes of a sheet's name, and of a cell


def browser() -> str:
    """Path of the Chromium that draws PDF and PNG.

    Raises
    ------
    InputError
        There is none.
    """
    chosen = os.environ.get("FAULTLINE_BROWSER")
    found = (
        shutil.which(chosen) if chosen else next(filter(None, map(shutil.which, BROWSERS)), None)
    )
    if found is None:
        what = (
            f"FAULTLINE_BROWSER is {chosen!r}, which cannot be run" if chosen else "none was found"
        )
        raise InputError(
            f"The formats pdf and png need Chromium, and {what}: install chromium, or name it in "
            "FAULTLINE_BROWSER. The HTML needs none."
        )
    return found


def documents(page: str) -> dict[str, Any]:
    """Results and manifest of a page, by name."""
    return {name: json.loads(text) for name, text in _DATA.findall(page)}


def to_json(page: str) -> bytes:
    """Every number of a page and where it came from, as one JSON document."""
    return (json.dumps(documents(page), indent=1, ensure_ascii=False) + "\n").encode()


def to_markdown(page: str) -> bytes:
    """Words and tables of a page; a chart is its title, its caption and its data."""
    from markdownify import markdownify

    body = page.partition('<main id="briefing"')[2].partition(">")[2].partition("</main>")[0]
    body = re.sub(r"<script.*?</script>|<p class=\"waiting\">.*?</p>", "", body, flags=re.S)
    text = markdownify(body, heading_style="ATX", escape_misc=False)
    return (re.sub(r"\n{3,}", "\n\n", text).strip() + "\n").encode()


def to_workbook(page: str) -> bytes:
    """One sheet per table of a page's results, and a sheet of sources."""
    found = documents(page)
    results = found.get("results", {})
    tables = {
        name: value
        for name, value in results.items()
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
    }
    rest = {name: value for name, value in results.items() if name not in tables and value != []}
    return workbook(tables, rest | found.get("manifest", {}))


def workbook(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], sources: Mapping[str, Any]
) -> bytes:
    """Write a workbook: a sheet per table, numbers as numbers, and a sheet of sources.

    Parameters
    ----------
    tables : mapping of str to sequence of mapping
        Rows of each sheet; nested values become columns such as ``car -1,1 p_value``.
    sources : mapping
        What the figures rest on, a line each.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    file = io.BytesIO()
    options = {
        "in_memory": True,
        "nan_inf_to_errors": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        bold = book.add_format({"bold": True})
        for name, rows in tables.items():
            _sheet(book, name, [_flat(row) for row in rows], bold)
        lines = [{"what": name, "value": _cell(value)} for name, value in _flat(sources).items()]
        _sheet(book, "sources", lines, bold)
    return file.getvalue()


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested values under names such as ``car -1,1 p_value``."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name} ")
        else:
            flat[f"{before}{name}"] = value
    return flat


def _sheet(book: Any, name: str, rows: Sequence[Mapping[str, Any]], bold: Any) -> None:
    taken = {sheet.get_name().casefold() for sheet in book.worksheets()}
    plain = re.sub(r"[\[\]:*?/\\']", " ", name)[:_SHEET].strip() or "table"
    names = (plain, *(f"{plain[: _SHEET - 4]} {turn}" for turn in range(2, 1000)))
    sheet = book.add_worksheet(next(one for one in names if one.casefold() not in taken))
    filled = (head for row in rows for head, value in row.items() if value is not None)
    heads = sorted(dict.fromkeys(filled), key=lambda head: head not in _FIRST)
    sheet.write_row(0, 0, heads, bold)
    sheet.freeze_panes(1, 0)
    for place, row in enumerate(rows, start=1):
        for column, head in enumerate(heads):
            value = _cell(row.get(head))
            if value is not None:
                sheet.write(place, column, value)
    sheet.autofit()


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    # A string cell is text, whatever it begins with: no apostrophe as in a CSV file.
    return value if len(value) <= _CELL else f"{value[: _CELL - 1]}\u2026"


def note_alone(page: str) -> str:
    """A page cut off after its note: what comes before the first heading of the appendix."""
    start = page.find('<h2 id="', page.find('<main id="briefing"'))
    end = page.find("</main>")
    return page if start < 0 else page[:start] + page[end:]


def to_pdf(page: str) -> bytes:
    """Print a page on A4."""
    with scratch_folder("print") as folder:
        target = folder / "page.pdf"
        _run(folder, page, "--no-pdf-header-footer", f"--print-to-pdf={target}")
        return _read(target)


def to_pictures(page: str) -> dict[str, bytes]:
    """PNG of the note and of each chart, by name: ``note``, ``chart-largest-moves``."""
    start = page.find(">", page.find('<main id="briefing"')) + 1
    end = page.find("</main>")
    pictures = {"note": note_alone(page)}
    for match in _FIGURE.finditer(page, start, end):
        pictures[match[1]] = page[:start] + match[0] + page[end:]
    found = {}
    with scratch_folder("print") as folder:
        for name, content in pictures.items():
            shown = _without_frame(content)
            dom = _run(folder, shown, "--dump-dom", f"--window-size={_WIDTH},800")
            height = re.search(r'<html[^>]* data-height="(\d+)"', dom)
            target = folder / f"{name}.png"
            size = f"--window-size={_WIDTH},{height[1] if height else 1400}"
            _run(folder, shown, size, "--hide-scrollbars", f"--screenshot={target}")
            found[name] = _read(target)
    return found


def _without_frame(page: str) -> str:
    """A page without contents and footer, which a picture does not need."""
    hidden = "<style>nav,footer,.data,.modebar-container{display:none!important}</style></head>"
    return page.replace("</head>", hidden, 1)


def _unpacked(page: str) -> str:
    """A page with plotly.js as it is: headless Chromium does not wait until it is unpacked.

    The page's policy names its hash, so that it may run.
    """
    from plotly.offline import get_plotlyjs

    source = f"<script>{get_plotlyjs()}</script>"
    packed = r'<script type="application/x-gzip-base85" id="plotly-packed">.*?</script>'
    return re.sub(packed, lambda _: source, page, flags=re.S)


def _run(folder: Path, page: str, *options: str) -> str:
    """Have Chromium open a page, with a profile of its own and no network."""
    source = folder / "page.html"
    source.write_text(_unpacked(page), encoding="utf-8")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        browser(), "--headless", *sandbox, "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--proxy-server=127.0.0.1:9",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", *options,
        source.as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - a browser that the user installed
            command,
            env=without_secret_variables(os.environ),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError(f"Chromium did not finish the page: {error}.") from error
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RenderError(f"Chromium failed with code {done.returncode}: {why[:200]}.")
    return done.stdout


def _read(target: Path) -> bytes:
    try:
        return target.read_bytes()
    except OSError as error:
        raise RenderError("Chromium wrote no file.") from error
