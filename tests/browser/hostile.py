"""Strings that would like to be more than text, and pages that hold them wherever text can stand.

`strings` makes them, the same for the same seed; each calls a canary or a trap by its number.
`outputs_page` puts each into every kind of output that a notebook has, `report_page` into a
catalogue and prices on which a whole event is measured.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import cycle
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import plotly.graph_objects as go
import polars as pl

from analysis import Desk
from analysis.briefings.export import collect, to_page
from analysis.briefings.manifest import manifest
from analysis.briefings.notebooks import NotebookInfo
from analysis.catalogue import Catalogue
from analysis.charts import event_table, skipped_table
from analysis.charts.chart import CHART_MIME as CHART
from analysis.charts.chart import PLOTLY_MIME as PLOTLY
from analysis.charts.chart import Chart, nothing_to_show
from analysis.charts.markup import build
from analysis.charts.theme import new_figure
from analysis.formatting import safe
from analysis.reports.display import CAVEATS, FIGURES, LINES, NOTE, OPENING, RESULTS
from analysis.reports.event import event_report
from analysis.settings import bundled

EVENT = "ds-appstore-1"
DOUBT = "In doubt: "  # before the text that is said of the event's row
PLAIN_BLANKS = (" ", "/", "\u00a0", "\u1680", "\u2003", "\u202f", "\u3000", "\ufeff")
BLANKS = (*PLAIN_BLANKS, "\t", "\n", "\f", "\u2028")
HITS = ("__hit({})", "alert({})", "document.title='hit{}'")
# {hit} is JavaScript that leaves a trace, {url} an address of the trap, {b} a kind of blank.
TEMPLATES = (
    "<script>{hit}</script>",
    "</script><script>{hit}</script>",
    "<script{b}src={url}></script>",
    "<img{b}src={url}{b}onerror={hit}>",
    "<img src=x{b}onerror='{hit}'>",
    "<svg{b}onload={hit}>",
    "<svg><script>{hit}</script></svg>",
    "<svg><image href='{url}'/><use xlink:href='{url}'/></svg>",
    "<svg><animate onbegin={hit} attributeName=x dur=1s>",
    "<svg><style><img src=x onerror={hit}></style></svg>",
    "<meta{b}http-equiv=refresh{b}content=0;url={url}>",
    "<meta{b}http-equiv='refresh'{b}content='0;url={url}'>",
    "$\\text{<meta/http-equiv=refresh/content=0;url={url}?{b}a='b>}$",
    "$\\text{<meta http-equiv=refresh content='0;url={url}'>}$",
    "$\\text{<img src={url} onerror={hit}>}$",
    "$$\\href{javascript:{hit}}{x} \\text{</mtext></math><script>{hit}</script>}$$",
    "\\(\\text{<iframe src={url}>}\\)",
    "\\begin{equation}\\text{<script>{hit}</script>}\\end{equation}",
    "$\\unicode{x3c}img src=x onerror={hit}\\unicode{x3e}$",
    "<base href='{url}'>",
    "<link rel=stylesheet href='{url}'>",
    "<link rel=prefetch href='{url}'>",
    "<style>@import '{url}'; body{background:url({url})}</style>",
    "<p style='background:url({url})'>x",
    "<div style=\"background-image:image-set('{url}' 1x)\">x</div>",
    "<iframe{b}src='{url}'></iframe>",
    "<iframe srcdoc='<script>parent.{hit}</script>'></iframe>",
    "<object data='{url}'></object><embed src='{url}'>",
    "<video poster='{url}'><source src='{url}' onerror={hit}></video>",
    "<audio src='{url}' autoplay onerror={hit}>",
    "<input autofocus onfocus={hit}>",
    "<details open ontoggle={hit}>x",
    "<body onload={hit}>",
    "<form action='{url}'><button formaction='{url}'>x</form>",
    "<form id=chart-theme><input name=textContent>",
    "<p id=plotly-packed>x</p><p id=chart-theme>{}</p>",
    "<math><mtext><table><mglyph><style><img src=x onerror={hit}>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror={hit}></annotation-xml></math>",
    "<math><maction actiontype=statusline xlink:href='javascript:{hit}'>x</maction></math>",
    '<noscript><p title="</noscript><img src=x onerror={hit}>">',
    "<template><script>{hit}</script></template>",
    "<a{b}href='javascript:{hit}'>x</a>",
    "<a href='java\tscript:{hit}'>x</a>",
    '<a href="{url}" ping="{url}">x</a>',
    "<b onmouseover={hit}>x</b>",
    '" onmouseover="{hit}" autofocus onfocus="{hit}" x="',
    "' onmouseover='{hit}' x='",
    '"><script>{hit}</script>',
    "--><script>{hit}</script><!--",
    "<!-- <img src=x onerror={hit}>",
    "<!--><img src=x onerror={hit}>-->",
    "<![CDATA[<script>{hit}</script>]]>",
    "]]><script>{hit}</script>",
    "<?xml version='1.0'?><?php {hit} ?>",
    "</title><script>{hit}</script>",
    "</style><script>{hit}</script>",
    "</textarea></select></table><img src=x onerror={hit}>",
    "<plaintext>",
    "<xmp><script>{hit}</script></xmp>",
    "[x](javascript:{hit})",
    "[x](<java&#115;cript:{hit}>)",
    "![x]({url})",
    "![x](data:image/svg+xml,<svg onload={hit}>)",
    '[x]: {url} "t"\n![x][x]',
    "<{url}>",
    "`<img src=x onerror={hit}>`",
    "```\n</code></pre><script>{hit}</script>\n```",
    "| a |\n|---|\n| <img src=x onerror={hit}> |",
    "# <img src=x onerror={hit}>",
    "&lt;script&gt;{hit}&lt;/script&gt;",
    "&#60;img src=x onerror={hit}&#62;",
    "&amp;lt;script&amp;gt;{hit}&amp;lt;/script&amp;gt;",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}{{ config }}<script>{hit}</script>",
    "${{hit}}`${{hit}}`<%= {hit} %>#{{hit}}",
    "%{x}%{customdata}<extra><a href='javascript:{hit}'>x</a></extra>",
    "<b>x</b><a href='{url}' target=_self onclick={hit}>y</a><br>",
    "<span style='color:red;background:url({url})'>x</span>",
    "\\u003cscript\\u003e{hit}\\u003c/script\\u003e",
    "\x00<scr\x00ipt>{hit}</scr\x00ipt>",
    "\x1b]8;;{url}\x07x\x1b]8;;\x07\x1b[2J\x9b31m",
    "\u202e>tpircs<{hit}\u2066<img src=x onerror={hit}>\u2069",
    "＜script＞{hit}＜/script＞",
    "+ADw-script+AD4-{hit}+ADw-/script+AD4-",
    "\ud800<script>{hit}</script>",
)


def strings(seed: int, count: int, trap: str) -> list[str]:
    """Hostile texts with numbered canaries and addresses of a trap, some of them long."""
    chance = random.Random(seed)
    turn = cycle(TEMPLATES)
    made = []
    for number in range(count):
        hit = chance.choice(
            (f"__hit({number})", f"alert({number})", f"document.title='hit{number}'")
        )
        values = {
            "{hit}": hit,
            "{url}": f"{trap}/{number}",
            "{b}": chance.choice(BLANKS),
        }
        text = next(turn)
        if number >= len(TEMPLATES):
            text = chance.choice((text, text + chance.choice(TEMPLATES), _mixed(chance, text)))
        for name, value in values.items():
            text = text.replace(name, value)
        if number % 97 == 96:
            text = "A" * 5_000 + text
        made.append(text)
    return made


def _mixed(chance: random.Random, text: str) -> str:
    """Cut a text with a sign or a blank in it, or hide one in a name."""
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(("", "<", '"', "'", "`", "$", "<b>", *BLANKS)) + text[at:]


def catalogued(texts: Sequence[str]) -> list[str]:
    """The texts as a catalogue takes them: without control characters and blanks around."""
    blanks = str.maketrans({char: " " for char in BLANKS if char not in PLAIN_BLANKS})
    plain = [
        "".join(
            char for char in text.translate(blanks) if char.isprintable() or char in PLAIN_BLANKS
        )
        for text in texts
    ]
    return [f"x{text[-2000:].strip()}x".replace(";", ",") for text in plain]


def outputs_page(texts: Sequence[str], folder: Path) -> Path:
    """A page that shows every text in every kind of output, in prose, and in its own frame."""
    shown = [cell for number, text in enumerate(texts) for cell in _outputs(number, text)]
    cells = [
        _cell({OPENING: {"headline": texts[0], "lead": texts[-1]}}),
        *shown,
        *_tables(texts),
        *_charts(texts),
    ]
    return _written(cells, {f"p{i}": text for i, text in enumerate(texts)}, texts[0], folder)


def note(text: str) -> dict[str, Any]:
    return {
        "title": text,
        "headline": text,
        "badges": [{"text": text, "level": text}],
        "figures": [{"value": text, "label": text, "window": text}],
        "bullets": [text],
    }


def _outputs(number: int, text: str) -> Iterator[Any]:
    yield nbformat.from_dict({"cell_type": "markdown", "metadata": {}, "source": text})
    for data in (
        {OPENING: {"headline": text, "lead": text}},
        {NOTE: note(text)},
        {LINES: [{"term": text, "text": text}]},
        {FIGURES: [{"value": text, "label": text, "window": text}]},
        {CAVEATS: [{"title": text, "text": text, "level": text}]},
        {RESULTS: {f"r{number}": {"text": text}}},
        {"text/html": text},
        {"text/markdown": text},
        {"text/latex": text},
        {"text/plain": text},
        {"image/png": text},
        {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{text}</svg>"},
        {f"application/{text}": "1"},
    ):
        yield _cell(data)
    yield _cell({"image/png": "AAAA"}, {"image/png": {"alt": text}})
    for stream in ("stdout", "stderr"):
        yield _code({"output_type": "stream", "name": stream, "text": text})
    yield _code({"output_type": "error", "ename": text, "evalue": text, "traceback": [text]})


def _tables(texts: Sequence[str]) -> Iterator[Any]:
    """Tables whose cells, heads, captions and notes are the texts; half characters replaced."""
    whole = [text.encode(errors="replace").decode() for text in texts]
    frame = pd.DataFrame({whole[0]: whole, whole[1]: whole})
    skipped = pd.DataFrame(
        [dict.fromkeys(("event_id", "security", "reason"), text) for text in whole],
        columns=["event_id", "security", "window_start", "window_end", "reason"],
    )
    yield _cell({"text/html": build(frame, whole[0], "texts", groups=whole, notes=whole[:20])})
    yield _cell(_bundle(event_table({text: text for text in whole}, caption=whole[2])))
    yield _cell(_bundle(skipped_table(skipped)))


def _charts(texts: Sequence[str]) -> Iterator[Any]:
    """A chart of ours, whose labels are escaped, and a figure of a stranger, whose are not."""
    for escaped, kind in ((True, CHART), (False, PLOTLY)):
        # Charts clip names; drawing thousands of characters takes a browser long.
        labels = [safe(text[-150:]) if escaped else text[-150:] for text in texts]
        numbers = list(range(len(labels)))
        figure = new_figure(
            900,
            annotations=[{"text": label, "x": 0, "y": i} for i, label in enumerate(labels[:30])],
            xaxis={"title": {"text": labels[0]}},
            yaxis={"ticktext": labels, "tickvals": numbers, "automargin": False},
            showlegend=True,
        )
        figure.add_trace(
            go.Bar(
                x=numbers,
                y=numbers,
                orientation="h",
                hovertext=labels,
                hoverinfo="text",
                name=labels[0],
            )
        )
        figure.add_trace(
            go.Scatter(
                x=numbers,
                y=numbers,
                mode="markers",
                customdata=labels,
                hovertemplate="%{customdata}<extra>" + labels[-1] + "</extra>",
                name=labels[-1],
            )
        )
        table = pd.DataFrame({"Name": [text.encode(errors="replace").decode() for text in texts]})
        chart = Chart("names", texts[0], figure, texts[1], table, texts[-1])
        yield _cell({kind: _bundle(chart)[kind]})
    yield _cell(
        {CHART: nothing_to_show("none", texts[0], texts[1], texts[2])._repr_mimebundle_()[CHART]}
    )


def report_page(texts: Sequence[str], folder: Path, tickers: Sequence[str]) -> Path:
    """The briefing of one event, whose catalogue and prices say the texts wherever they can."""
    wanted = catalogued(texts)
    turn = cycle(wanted)
    desk = Desk(home=_prices(turn, folder / "home", tickers))
    desk.catalogue = Catalogue(_catalogue(turn, folder / "catalogue", tickers))
    report = event_report(desk, EVENT, group="some", window=(-2, 2))
    shown = [
        report.note(), report.moves(), report.context(), report.facts(), report.timeline(),
        report.abnormal_returns(), report.paths(), report.heat_map(), report.security_table(),
        report.group_table(), report.test_table(), report.other_tests(),
        report.robustness_table(),
        report.skipped(), report.caveats(), report.provenance(), report.payload(),
        report.manifest(),
    ]  # fmt: skip
    parameters = {"event": EVENT, "note": next(turn)}
    return _written([_cell(_bundle(item)) for item in shown], parameters, next(turn), folder)


def _catalogue(turn: Iterator[str], folder: Path, tickers: Sequence[str]) -> Path:
    shutil.copytree(bundled("data/catalogue"), folder)
    _changed(folder / "instruments.csv", turn, ["name"])
    _renamed_entities(folder, turn)
    for table in ("closures", "hours"):
        _changed(folder / f"{table}.csv", turn, ["reason", "source"])
    doubts = pl.read_csv(folder / "doubts.csv", infer_schema=False)
    doubt = {"table": "events", "key": EVENT, "doubt": DOUBT + next(turn), "source": next(turn)}
    pl.concat([doubts, pl.DataFrame([doubt])]).write_csv(folder / "doubts.csv")
    _changed(folder / "events.csv", turn, ["title", "source_title", "notes"], around="2025-01")
    path = folder / "events.csv"
    events = pl.read_csv(path, infer_schema=False)
    address = pl.col("source_url") + "?" + pl.lit("".join(next(turn).split()))
    events.with_columns(
        pl.when(pl.col("id") == EVENT).then(address).otherwise("source_url")
        .alias("source_url")
    ).write_csv(path)  # fmt: skip
    # The names of groups have a form of their own, which no such text has.
    pl.DataFrame({"name": "some", "ticker": sorted(tickers)}).write_csv(folder / "groups.csv")
    return folder


def _renamed_entities(folder: Path, turn: Iterator[str]) -> None:
    """Give entities hostile names, the same in both tables: what is the event's own stays so."""
    known = pl.read_csv(folder / "instruments.csv", infer_schema=False)["entity"]
    names = {
        name: f"{next(turn)} {number}"
        for number, name in enumerate(known.drop_nulls().unique(maintain_order=True))
    }
    for table, column in (("instruments", "entity"), ("events", "entities")):
        path = folder / f"{table}.csv"
        frame = pl.read_csv(path, infer_schema=False)
        cells = [
            cell and [names.get(one, one) for one in cell.split(";")] for cell in frame[column]
        ]
        renamed = pl.Series(column, [cell and ";".join(cell) for cell in cells])
        frame.with_columns(renamed).write_csv(path)


def _changed(path: Path, turn: Iterator[str], columns: list[str], around: str = "") -> None:
    """Replace the texts of a file; of events only those near the one that is measured."""
    frame = pl.read_csv(path, infer_schema=False)
    near = [not around or row["date"].startswith(around) for row in frame.iter_rows(named=True)]
    frame.with_columns(
        pl.Series(
            name, [next(turn) if hit else old for hit, old in zip(near, frame[name], strict=True)]
        )
        for name in columns
    ).write_csv(path)


def _prices(turn: Iterator[str], home: Path, tickers: Sequence[str]) -> Path:
    """Prices whose sources and flags are the texts."""
    shutil.copytree(bundled("data/snapshot"), home)
    path = home / "prices.parquet"
    frame = pl.read_parquet(path)
    sources = {ticker: next(turn) for ticker in sorted(set(frame["ticker"]))}
    flags = {ticker: next(turn) for ticker in sorted(tickers)}
    day = datetime(2025, 1, 27, tzinfo=UTC).date()
    frame.with_columns(
        source=pl.col("ticker").replace_strict(sources),
        flag=pl.when(pl.col("date") == day)
        .then(pl.col("ticker").replace_strict(flags, default=None))
        .otherwise(None),
    ).write_parquet(path)
    return home


def _bundle(item: Any) -> dict[str, Any]:
    if hasattr(item, "_repr_mimebundle_"):
        return dict(item._repr_mimebundle_())
    return {"text/html": item._repr_html_(), "text/plain": repr(item)}


def _cell(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> Any:
    return _code({"output_type": "display_data", "data": data, "metadata": metadata or {}})


def _code(output: dict[str, Any]) -> Any:
    """A cell as a run leaves it; not validated, which would take most of the time."""
    return nbformat.from_dict(
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [output],
            "source": "show()",
        }
    )


def _written(cells: list[Any], parameters: dict[str, Any], title: str, folder: Path) -> Path:
    notebook = nbformat.v4.new_notebook(nbformat_minor=4)  # whose cells need no ids
    notebook.cells = cells
    info = NotebookInfo(name="trial", title=title, summary=title, parameters=(), path=folder)
    page = collect(notebook, title)
    now = datetime(2025, 2, 3, 12, tzinfo=UTC)
    record = manifest(info, parameters, now, now, page.manifest)
    path = folder / "page.html"
    path.write_text(to_page(notebook, page, record), encoding="utf-8", errors="backslashreplace")
    return path


def raw_page(texts: Sequence[str], folder: Path) -> Path:
    """The texts as a page that escapes nothing would hold them: the trap has to notice."""
    frames = "".join(f'<iframe srcdoc="{escape(text)}"></iframe>' for text in texts)
    path = folder / "raw.html"
    path.write_text(
        f"<!doctype html><html data-ready><meta charset=utf-8>{frames}", "utf-8", "replace"
    )
    return path
