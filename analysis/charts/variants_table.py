"""One figure under other models, benchmarks and estimation windows, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.charts.frames import checked
from analysis.charts.markup import build
from analysis.charts.table import Table, nothing_to_tell
from analysis.formatting import p_value, percent, window_label

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("first", "last", "abnormal", "p_value")


def variants_table(variants: pd.DataFrame, security: str, names: Mapping[str, str]) -> Table:
    """Tabulate the abnormal return of one security under each choice, ours first.

    Parameters
    ----------
    variants : pandas.DataFrame
        model, benchmark (a ticker, or blank), first, last (sessions of the estimation window),
        abnormal (decimal), p_value, ours.
    security : str
        Its name, for the caption.
    names : mapping of str to str
        Names of benchmarks, by ticker.

    Returns
    -------
    Table
        Key ``variants-table``.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    caption = f"Abnormal return of {security} under other choices"
    frame = checked(variants, "variants", ("model", "benchmark", "ours", *_NUMBERS), _NUMBERS)
    if frame.empty:
        return nothing_to_tell("variants-table", "Other choices", "No security leads the note.")
    cells = pd.DataFrame(
        {
            "Model": frame["model"].str.replace("_", "-"),
            "Benchmark": [names.get(item, item) or "none" for item in frame["benchmark"]],
            "Estimation window": [
                window_label((int(first), int(last)))
                for first, last in zip(frame["first"], frame["last"], strict=True)
            ],
            "Abnormal return, %": frame["abnormal"].map(percent),
            "p": frame["p_value"].map(p_value),
            "": ["this page" if own else "" for own in frame["ours"]],
        }
    )
    markup = build(cells, caption, "variants-table", numbers=["Abnormal return, %", "p"])
    return Table("variants-table", caption, cells, markup)
