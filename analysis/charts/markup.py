"""Frames of text -> accessible HTML tables, built by great-tables.

great-tables writes the markup: escaped cells, ``scope`` on every heading. Its own style sheet
stays out, since it fixes light colours, reaches every table of the page and weighs 9 kB a table;
ours has no colours of its own, so that it suits dark pages, and no specificity, so that a page's
own rules win.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.formatting import words

if TYPE_CHECKING:
    import pandas as pd

# What great-tables writes into every cell without need, most of a table's bytes: ``scope`` says
# what ``headers`` would, and our style sheet asks for no other class.
_WEIGHT = re.compile(
    r' (row|col)span="1"| (headers|id)="[^"]*"| class=""'
    r"|\b(gt_row|gt_col_headings?|gt_columns_bottom_border)\b ?"
)
# Zero specificity through :where(), currentColor instead of colours.
TABLE_CSS = """
:where(.faultline-box){overflow-x:auto;max-width:100%;margin:1em 0}
:where(.faultline-table){border-collapse:collapse;font-size:.9em;line-height:1.35;
font-variant-numeric:tabular-nums;color:inherit;background:none}
:where(.faultline-table caption){caption-side:top;text-align:left;font-weight:600;padding:0 0 .4em}
:where(.faultline-table th,.faultline-table td){padding:.28em .5em;text-align:left;
vertical-align:top;font-weight:400;border:0;
border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent)}
:where(.faultline-table thead th){font-weight:600;vertical-align:bottom;
border-bottom:1px solid color-mix(in srgb,currentColor 55%,transparent)}
:where(.faultline-table .gt_group_heading){font-weight:600;padding-top:.8em}
:where(.faultline-table .gt_right){text-align:right;white-space:nowrap}
:where(.faultline-table thead .gt_right){white-space:normal}
:where(.faultline-table .gt_column_spanner_outer){text-align:center}
:where(.faultline-table tfoot td){border:0;font-size:.92em;padding-top:.6em}
@media print{:where(.faultline-box){overflow:visible}
:where(.faultline-table){font-size:.78em}:where(.faultline-table tr){break-inside:avoid}}
"""


def styled_box(table: str) -> str:
    """Put a table into a box that scrolls on phones and prints whole, with its style."""
    return f'<div class="faultline-box"><style>{TABLE_CSS}</style>{table}</div>'


def plain_table(frame: pd.DataFrame, caption: str, key: str) -> str:
    """Write a chart's data as a bare ``<table>``; numbers to the right.

    Parameters
    ----------
    frame : pandas.DataFrame
        Text only; the first column names the rows.
    caption : str
        Plain text.
    key : str
        Slug, unique within the page.
    """
    numbers = [str(name) for name in frame.columns if _is_number(frame[name])]
    return build(frame, caption, key, numbers=numbers)


def build(
    frame: pd.DataFrame,
    caption: str,
    key: str,
    *,
    numbers: Sequence[str] = (),
    groups: Sequence[str] | None = None,
    spanners: Mapping[str, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> str:
    """Write a frame of text as an accessible ``<table>``, escaped, without style.

    Parameters
    ----------
    frame : pandas.DataFrame
        Text; the first column becomes the row headings.
    caption : str
        Plain text.
    key : str
        Slug, for great-tables.
    numbers : sequence of str
        Columns that are set to the right.
    groups : sequence of str, optional
        For each row the heading under which it stands; rows of one heading are neighbours.
    spanners : mapping of str to sequence of str, optional
        Heading over neighbouring columns.
    notes : sequence of str
        Plain text under the table.
    labels : mapping of str to str, optional
        What a column's head says instead of its name (names are unique, heads need not be).

    Returns
    -------
    str
        The same bytes for the same frame.

    Raises
    ------
    InputError
        When the key is no slug.
    """
    import great_tables as gt

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key):
        raise InputError(f"Table key {key!r} is not a slug; use a form like 'day-heatmap'.")
    # Names of our own in place of the frame's: they become ids and must be unique and harmless.
    places = {name: f"c{place}" for place, name in enumerate(frame.columns)}
    stub = next(iter(places.values()))
    cells = frame.rename(columns=places).map(words)
    if groups is not None:
        cells["under"] = [words(group) for group in groups]
    table = gt.GT(
        cells,
        rowname_col=stub,
        groupname_col="under" if groups is not None else None,
        id=key,
    )
    heads = {name: (labels or {}).get(name, name) for name in frame.columns}
    table = table.tab_stubhead(heads[frame.columns[0]]).cols_label(
        {places[name]: head for name, head in heads.items() if places[name] != stub}
    )
    for place, (head, under) in enumerate((spanners or {}).items()):
        table = table.tab_spanner(head, [places[name] for name in under], id=f"s{place}")
    right = [places[name] for name in numbers if places[name] != stub]
    left = [name for name in places.values() if name not in right and name != stub]
    table = table.cols_align("left", left) if left else table
    table = table.cols_align("right", right) if right else table
    for note in notes:
        table = table.tab_source_note(note)
    return _with_caption(table.as_raw_html(), caption)


def _with_caption(html: str, caption: str) -> str:
    """Take the table out of great-tables' wrapper and give it a caption of its own."""
    found = re.search(r"<table\b[^>]*>(.*?)</table>", html, re.DOTALL)
    if found is None:
        raise InputError("great-tables wrote no table; this release is not supported.")
    body = re.sub(r"\n\s*", "\n", found[1]).strip()
    body = re.sub(_WEIGHT, "", body)
    return f'<table class="faultline-table"><caption>{escape(caption)}</caption>\n{body}\n</table>'


def _is_number(column: pd.Series) -> bool:
    """Whether every entry is a number as we write them, and one at least is none missing."""
    texts = column.map(words)
    # A date or a ticker that starts with digits is none.
    is_number = texts.str.fullmatch(r"(< )?[+\u2212]?[\d,]+(\.\d+)?|\u2013|")
    return bool(is_number.all() and texts.str.contains(r"\d").any())
