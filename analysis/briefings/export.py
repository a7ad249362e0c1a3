"""A run notebook as one page that needs nothing else.

Stock templates ask other hosts for their scripts, lose plotly's charts without a word and
clip what is left in print; so this is a template of our own on nbconvert's exporter. The page
carries plotly.js once, compressed, in an inert tag; its own script unpacks it and adds it as
an element whose hash the page's policy names. Nothing else may run, and nothing may be
fetched. The same run gives the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from analysis.briefings.engine import cell_label
from analysis.briefings.html_template import TEMPLATE, exporter
from analysis.briefings.limits import Limits, encoded_size
from analysis.briefings.manifest import json_script
from analysis.briefings.page import Page
from analysis.briefings.page_inspection import Template, inspect_page
from analysis.charts.markup import TABLE_CSS
from analysis.errors import RenderError

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {}; "
    "base-uri 'none'; form-action 'none'"
)
# Cells so tagged speak to those who open the notebook, not to readers of the briefing.
NOTEBOOK_ONLY = "remove-cell"
NO_OUTPUT = "remove-output"


def collect(notebook: Any, title: str, limits: Limits | None = None) -> Page:
    """Turn the cells of a run notebook into the pieces of a page.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs.
    title : str
        The page's headline where the notebook has no heading.
    limits : Limits, optional
        What the page may hold.

    Raises
    ------
    RenderError
        An output cannot be laid out, two report one name differently, or the page grows
        beyond its limit.
    """
    from nbconvert.preprocessors import TagRemovePreprocessor

    removal = TagRemovePreprocessor(
        enabled=True, remove_cell_tags={NOTEBOOK_ONLY}, remove_all_outputs_tags={NO_OUTPUT}
    )
    kept, _ = removal.preprocess(_copied(notebook), {})
    limits = limits or Limits()
    page = _laid_out(kept.cells, Page(), limits)
    if page.headline:
        return page
    words, page = escape(title), Page()
    _, anchor = page.heading(1, words)
    page.body.append(f'<h1 id="{anchor}">{words}</h1>')
    page.origins.append("the notebook's title")
    return _laid_out(kept.cells, page, limits)


def _copied(notebook: Any) -> Any:
    """Copy a notebook; half a surrogate pair, which no page can hold, becomes a question mark."""
    import nbformat

    text = json.dumps(notebook, ensure_ascii=False).encode("utf-8", "replace")
    return nbformat.from_dict(json.loads(text))


def _laid_out(cells: list[Any], page: Page, limits: Limits) -> Page:
    size = 0
    for cell in cells:
        origin = f"cell {cell.metadata.get('faultline_cell', 0)} ({cell_label(cell)!r})"
        try:
            page.add_cell(cell)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise RenderError(
                f"An output of {origin} cannot be laid out: {type(error).__name__}: {error}."
            ) from error
        size += sum(map(encoded_size, page.body[len(page.origins) :]))
        if size > limits.page:
            raise RenderError(f"It was stopped at {origin}: {limits.exceeded('page')}.")
        page.origins += [origin] * (len(page.body) - len(page.origins))
    return page


def to_page(notebook: Any, page: Page, manifest: Mapping[str, Any]) -> str:
    """Lay the pieces out as one HTML document.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The run notebook, for nbconvert.
    page : Page
        Its pieces, from `collect`.
    manifest : mapping
        Provenance, as `analysis.briefings.manifest.manifest` returns it.

    Returns
    -------
    str
        The document, UTF-8 when written.

    Raises
    ------
    RenderError
        It holds what no briefing may hold.
    """
    script = _text("page.js")
    policy = [_hash(script)]
    charts: dict[str, Any] = {}
    if page.charts:
        packed, plotly_hash = _plotly()
        policy.append(plotly_hash)
        charts = {"packed": packed, "theme": json_script(_theme(), name="chart-theme")}
    template = Template(
        policy=_POLICY.format(" ".join(policy)),
        version=str(manifest.get("version", "")),
        script=script,
        style=f"\n{_text('page.css')}{TABLE_CSS}",
    )
    context = {
        "template": template,
        "charts": charts,
        "page": page,
        "body": "\n".join(page.body),
        "manifest": manifest,
        "manifest_script": json_script(manifest, name="faultline-manifest"),
        "results_script": json_script(page.results, name="faultline-results"),
    }
    html, _ = exporter().from_notebook_node(notebook, resources={"briefing": context})
    inspect_page(str(html), template, list(zip(page.origins, page.body, strict=True)))
    return str(html)


@cache
def _plotly() -> tuple[str, str]:
    """plotly.js packed for an inert tag, and the hash of what comes out of it."""
    from plotly.offline import get_plotlyjs

    source = get_plotlyjs()
    packed = gzip.compress(source.encode("utf-8"), compresslevel=9, mtime=0)
    return base64.b85encode(packed).decode("ascii"), _hash(source)


def _theme() -> dict[str, Any]:
    from analysis.charts.theme import CONFIG, THEMES

    return {"light": THEMES["light"], "dark": THEMES["dark"], "config": CONFIG}


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _text(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")
