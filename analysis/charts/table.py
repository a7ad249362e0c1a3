"""A table as a whole: caption, cells as written, and the HTML that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from analysis.charts.markup import styled_box

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """A table to show: JupyterLab and the exporter take its HTML.

    Attributes
    ----------
    key : str
        Slug that stays the same from run to run.
    caption : str
        Plain text.
    frame : pandas.DataFrame
        The cells as written.
    markup : str
        The ``<table>`` alone, escaped, or a paragraph where there is nothing to tell.
    folded : str
        Words behind which the table stands folded; blank where it stands open.
    """

    key: str
    caption: str
    frame: pd.DataFrame
    markup: str
    folded: str = ""

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        box = styled_box(self.markup)
        if not self.folded:
            return box
        return f"<details><summary>{escape(self.folded)}</summary>{box}</details>"


def nothing_to_tell(key: str, caption: str, text: str) -> Table:
    """Build the table that stands where there are no rows: one plain sentence."""
    import pandas as pd

    return Table(key, caption, pd.DataFrame({caption: [text]}), f"<p>{escape(text)}</p>")
