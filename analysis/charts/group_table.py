"""Families of securities as a table: CAAR, interval and test of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.charts.frames import checked
from analysis.charts.markup import build
from analysis.charts.table import Table, nothing_to_tell
from analysis.charts.theme import role_mark
from analysis.formatting import MISSING, number, p_value, percent, window_words, words

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("window_start", "window_end", "n", "caar", "low", "high", "p_value", "p_holm")


def family_table(groups: pd.DataFrame) -> Table:
    """Tabulate the families of securities, the hardest hit first, all securities on top.

    Parameters
    ----------
    groups : pandas.DataFrame
        group (a role, or ``all``), window_start, window_end, n, caar, low, high (decimal),
        p_value, p_holm.

    Returns
    -------
    Table
        Key ``family-table``, one section per window.

    Raises
    ------
    InputError
        When columns are missing or are not numeric.
    """
    import pandas as pd

    caption = "Average cumulative abnormal return (CAAR) of each group"
    frame = checked(groups, "groups", ("group", *_NUMBERS), _NUMBERS)
    frame = frame[frame["caar"].notna()]
    if frame.empty:
        return nothing_to_tell("family-table", caption, "No group could be measured.")
    windows = [window_words(row.window_start, row.window_end) for row in frame.itertuples()]
    turn = {words: turn for turn, words in enumerate(dict.fromkeys(windows))}
    frame = frame.assign(
        window=windows,
        turn=[turn[item] for item in windows],
        single=(frame["group"] != "all").astype(int),
    ).sort_values(["turn", "single", "caar"], ignore_index=True)
    cells = pd.DataFrame(
        {
            "Group": [_label(item) for item in frame["group"]],
            "n": frame["n"].map(lambda size: number(size, 0)),
            "CAAR, %": frame["caar"].map(percent),
            "95 % low, %": frame["low"].map(percent),
            "95 % high, %": frame["high"].map(percent),
            "p": frame["p_value"].map(p_value),
            "p Holm": frame["p_holm"].map(p_value),
        }
    )
    notes = [
        "Group: interval from the variation of its own average abnormal return in the "
        "estimation window (Brown and Warner 1985), which is too narrow when the event raises the "
        "variance; p from the test recommended for so few securities. All securities: the "
        "test recommended for this study. p Holm: over the groups of one window. "
        f"{MISSING} not computed."
    ]
    markup = build(
        cells,
        caption,
        "family-table",
        numbers=list(cells.columns[1:]),
        groups=[item[0].upper() + item[1:] for item in frame["window"]],
        notes=notes,
    )
    return Table("family-table", caption, cells, markup)


def _label(group: object) -> str:
    return "All securities" if group == "all" else role_mark(words(group)).label
