"""Cells and outputs of a run notebook as pieces of a page.

Every kind of output that a notebook of ours produces has its own rendering here, and one that
has none is named in the page instead of vanishing, which is what stock exports do to charts. The
MIME types of our own are those of `analysis.reports.display` and of a chart.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from analysis.briefings.allow_list import RESERVED_IDS, sanitized
from analysis.briefings.html_template import macros
from analysis.briefings.manifest import json_script, merge
from analysis.briefings.markdown import plain, to_html
from analysis.charts.chart import CHART_MIME, PLOTLY_MIME
from analysis.formatting import inert
from analysis.json_values import jsonable
from analysis.reports.display import CAVEATS, FIGURES, LINES, MANIFEST, NOTE, OPENING, RESULTS

_LEVELS = {
    "note": "Note",
    "info": "Note",
    "warning": "Caution",
    "caution": "Caution",
    "serious": "Serious",
    "error": "Serious",
}
_WIDTHS = ((7, "narrow"), (12, "broad"), (18, "wide"), (10_000, "wide huge"))
_SHORT = 14  # rows
_RESERVED_HEIGHT = 420  # px, for a figure that states none


@dataclass
class Page:
    """A page under construction: its outline, its body and what machines read."""

    body: list[str] = field(default_factory=list)  # pieces of HTML in order
    origins: list[str] = field(default_factory=list)  # where each piece came from, in words
    # id and words of every second-level heading
    contents: list[tuple[str, str]] = field(default_factory=list)
    headline: str = ""  # words of the one first-level heading; empty until it came
    results: dict[str, Any] = field(default_factory=dict)  # merged from the outputs
    manifest: dict[str, Any] = field(default_factory=dict)  # merged from the outputs
    charts: int = 0
    _level: int = 0
    _tables: int = 0
    _latest: str = ""
    _ids: set[str] = field(default_factory=lambda: set(RESERVED_IDS))

    def add_cell(self, cell: Any) -> None:
        """Add a notebook's cell: prose, or the outputs of code (its source stays out)."""
        if cell.cell_type == "markdown":
            self.body.append(_wrap_tables(self, to_html(cell.source, self.heading)))
        elif cell.cell_type == "code":
            for output in cell.outputs:
                self.add_output(output)

    def add_output(self, output: Any) -> None:
        """Add one output of a code cell."""
        if output.output_type == "stream":
            self.body.append(_stream(output.name, output.text))
        elif output.output_type == "error":
            self.body.append(_preformatted("\n".join(output.traceback), "problem"))
        else:
            self.body.append(self._render_output(output.data, output.get("metadata", {})))

    def heading(self, level: int, html: str) -> tuple[int, str]:
        """Place a heading: one of the first level, none skipped, ids unique."""
        final = min(max(level, 2), self._level + 1) if self.headline else 1
        words = plain(html)
        anchor = self.unique(words)
        self._level, self._latest = final, words
        if final == 1:
            self.headline = words
        elif final == 2:
            self.contents.append((anchor, words))
        return final, anchor

    def unique(self, words: str) -> str:
        """Make an id out of words, the same for the same page."""
        stem = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60] or "part"
        name, number = stem, 2
        while name in self._ids:
            name, number = f"{stem}-{number}", number + 1
        self._ids.add(name)
        return name

    def table_label(self, words: str = "") -> str:
        """Label of the next table, for screen readers."""
        self._tables += 1
        return f"Table {self._tables}: {words or self._latest}".rstrip(": ")

    def chart_level(self) -> int:
        """Level of a chart's heading: one under the heading it stands under."""
        return min(max(self._level, 1) + 1, 6)

    def _render_output(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
        for kind, target in ((RESULTS, self.results), (MANIFEST, self.manifest)):
            if kind in data:
                merge(target, jsonable(data[kind]))
        for kind, render in _RENDERERS.items():
            if kind in data:
                return render(self, data[kind], metadata.get(kind, {}))
        if RESULTS in data or MANIFEST in data or not data:
            return ""  # their plain text is a word for those who run the notebook by hand
        if "text/plain" in data:
            return _preformatted("".join(data["text/plain"]), "output")
        return str(macros().unknown(", ".join(sorted(data))))


def _opening(page: Page, opening: Mapping[str, Any], _: Any) -> str:
    headline = str(opening["headline"])
    level, anchor = page.heading(1, escape(headline))
    return str(macros().opening(level, anchor, headline, opening["lead"]))


def _note(page: Page, note: Mapping[str, Any], _: Any) -> str:
    title = str(note["title"])
    level, anchor = page.heading(1, escape(title))
    badges = [
        (_LEVELS.get(str(badge.get("level")).lower(), "Note"), badge["text"])
        for badge in note["badges"]
    ]
    cards = _cards(note["figures"])
    return str(
        macros().note(level, anchor, title, note["headline"], badges, cards, note["bullets"])
    )


def _lines(_: Page, lines: list[Mapping[str, Any]], __: Any) -> str:
    return str(macros().lines([(line["term"], line["text"]) for line in lines]))


def _chart(page: Page, chart: Mapping[str, Any], _: Any) -> str:
    figure = inert(jsonable(chart["figure"]))
    layout = figure.setdefault("layout", {})
    layout.pop("title", None)  # stands above the chart as a heading
    page.charts += 1
    title = str(chart["title"])
    level = page.chart_level()
    name = page.unique(f"chart-{chart.get('key') or page.charts}")
    table = sanitized(str(chart.get("table") or ""))
    return str(
        macros().chart(
            level,
            name,
            title,
            alt=chart.get("alt") or title,
            height=int(layout.get("height") or _RESERVED_HEIGHT),
            script=json_script(figure, css="figure"),
            caption=chart.get("caption"),
            table=_wrap_tables(page, table, title) if table else "",
        )
    )


def _plotly(page: Page, figure: Mapping[str, Any], _: Any) -> str:
    """Show a bare plotly figure, which has neither caption nor table of its own."""
    given = figure.get("layout", {}).get("title", {})
    title = given.get("text") if isinstance(given, Mapping) else given
    clear = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    bare = {"data": figure.get("data", []), "layout": {**figure.get("layout", {}), **clear}}
    return _chart(page, {"title": plain(str(title or "Chart")), "figure": bare}, None)


def _figures(_: Page, figures: list[Mapping[str, Any]], __: Any) -> str:
    return str(macros().figures(_cards(figures)))


def _cards(figures: list[Mapping[str, Any]]) -> list[tuple[Any, Any, Any]]:
    return [(card["value"], card["label"], card.get("window")) for card in figures]


def _caveats(_: Page, caveats: list[Mapping[str, Any]], __: Any) -> str:
    boxes = [
        (_LEVELS.get(str(box.get("level")).lower(), "Note"), box["title"], box["text"])
        for box in caveats
    ]
    return str(macros().caveats(boxes)) if boxes else ""


def _html(page: Page, html: str, _: Any) -> str:
    return _wrap_tables(page, sanitized("".join(html)))


def _markdown(page: Page, source: str, _: Any) -> str:
    return _wrap_tables(page, to_html("".join(source), page.heading, formulas=False))


def _latex(_: Page, source: str, __: Any) -> str:
    return str(macros().formula("".join(source).strip()))


def _svg(_: Page, source: str, metadata: Any) -> str:
    # As an image an SVG cannot run scripts or fetch anything.
    packed = base64.b64encode("".join(source).encode()).decode()
    return _image("image/svg+xml", packed, metadata)


def _raster(kind: str) -> Callable[[Page, str, Any], str]:
    return lambda _, packed, metadata: _image(kind, "".join(packed.split()), metadata)


def _image(kind: str, packed: str, metadata: Any) -> str:
    alt = metadata.get("alt", "") if isinstance(metadata, Mapping) else ""
    return sanitized(str(macros().image(kind, packed, alt)))


# Where in whose files a warning was raised is nothing to a reader: file, line and source go.
_WARNING = re.compile(r"^\S[^\n]*?:\d+: \w*Warning: ([^\n]*\n?)(?:  [^\n]*\n?)?", re.MULTILINE)


def _stream(name: str, text: str) -> str:
    if name == "stdout":
        return _preformatted(text, "output")
    return str(macros().messages(_WARNING.sub(r"\1", _without_colours(text))))


def _preformatted(text: str, css: str) -> str:
    return str(macros().preformatted(_without_colours(text), css))


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _wrap_tables(page: Page, html: str, label: str = "") -> str:
    """Wrap every table in a region that scrolls, takes the keyboard and knows its width."""
    from selectolax.lexbor import LexborHTMLParser

    parsed = LexborHTMLParser(html, is_fragment=True)
    for table in parsed.css("table"):
        if any(above.tag == "table" for above in _ancestors(table)):
            continue
        rows = table.css("tr")
        columns = max((len(row.css("th, td")) for row in rows), default=0)
        # Print has no scroll bars: type shrinks as columns grow, and a short table stays whole.
        width = next(word for most, word in _WIDTHS if columns <= most)
        caption = table.css_first("caption")
        box = parsed.create_node("div")
        box.attrs["class"] = f"scroll {width} short" if len(rows) <= _SHORT else f"scroll {width}"
        box.attrs["role"] = "region"
        name = plain(caption.inner_html or "") if caption is not None else label
        box.attrs["aria-label"] = page.table_label(name)
        box.attrs["tabindex"] = "0"
        box.insert_child(table)
        table.replace_with(box)
    return str(parsed.html or "")


def _ancestors(node: Any) -> Iterator[Any]:
    while (node := node.parent) is not None:
        yield node


_RENDERERS: dict[str, Callable[[Page, Any, Any], str]] = {
    OPENING: _opening,
    NOTE: _note,
    LINES: _lines,
    CHART_MIME: _chart,
    FIGURES: _figures,
    CAVEATS: _caveats,
    PLOTLY_MIME: _plotly,
    "text/html": _html,
    "text/markdown": _markdown,
    "text/latex": _latex,
    "image/svg+xml": _svg,
    "image/png": _raster("image/png"),
    "image/jpeg": _raster("image/jpeg"),
}
