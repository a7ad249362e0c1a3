"""What the charts ask of the frames that they are given, and the order of their rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.charts.theme import Mark, role_mark, role_order
from analysis.errors import InputError
from analysis.formatting import short_labels, words

if TYPE_CHECKING:
    import pandas as pd

# What a browser draws in seconds, and what a reader scrolls through; the results hold the rest.
MOST_DRAWN, MOST_LISTED = 150, 200
DESCRIPTION = ("event_id", "security", "name", "role", "exchange", "day0")


@dataclass(frozen=True)
class Slot:
    """One line of a chart that lists securities: a security, or the heading of its role.

    Attributes
    ----------
    y : int
        Place from the top.
    label : str
        Plain text.
    row : int or None
        Position in the frame; None for a heading.
    mark : Mark
        Look of the role.
    """

    y: int
    label: str
    row: int | None
    mark: Mark


def checked(
    frame: pd.DataFrame, what: str, needed: Sequence[str], numeric: Sequence[str]
) -> pd.DataFrame:
    """Copy the columns that a chart needs, numbers as floats.

    Parameters
    ----------
    frame : pandas.DataFrame
        As given by the caller; never changed.
    what : str
        Name of the argument, for the message.
    needed : sequence of str
        Columns that must be there; other columns are kept as they are.
    numeric : sequence of str
        Those of ``needed`` that hold numbers. What is not finite becomes NaN.

    Returns
    -------
    pandas.DataFrame
        With a fresh index 0..n-1.

    Raises
    ------
    InputError
        When columns are missing or hold something else than numbers.
    """
    import numpy as np
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{what} is a {type(frame).__name__}; a pandas DataFrame is needed.")
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(
            f"{what} lacks the column(s) {', '.join(missing)}; it has "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    copy = frame.reset_index(drop=True)
    for name in numeric:
        try:
            values = pd.to_numeric(copy[name]).astype("float64")
        except (TypeError, ValueError):
            raise InputError(f"Column {name!r} of {what} does not hold numbers only.") from None
        copy[name] = values.where(np.isfinite(values))
    return copy


def security_labels(frame: pd.DataFrame) -> list[str]:
    """Short labels of securities; with several events each says which one it is of."""
    labels = short_labels(frame["name"], frame["security"])
    if frame["event_id"].nunique(dropna=False) < 2:
        return labels
    return [f"{label}, {words(event)}" for label, event in _zip(labels, frame["event_id"])]


def arrange(
    labels: Sequence[str], roles: Sequence[Any], values: Sequence[float], *, descending: bool
) -> list[Slot]:
    """Sort securities by value within their roles, and the roles by their median.

    Parameters
    ----------
    labels, roles, values : sequence
        One entry per security; values may be NaN and then come last.
    descending : bool
        Whether the largest value stands on top.

    Returns
    -------
    list of Slot
        From top to bottom. A heading precedes each role when there is more than one.
    """
    import pandas as pd

    table = pd.DataFrame(
        {"role": [words(role) for role in roles], "value": pd.array(values, dtype="Float64")}
    )
    supply_chain = role_order(table["role"].tolist())
    medians = table.groupby("role")["value"].median().reindex(supply_chain)
    order = medians.sort_values(ascending=not descending, kind="stable").index
    slots: list[Slot] = []
    for role in order:
        mark = role_mark(role)
        if len(order) > 1:
            slots.append(Slot(len(slots), mark.label, None, mark))
        own = table[table["role"] == role].sort_values(
            "value", ascending=not descending, kind="stable"
        )
        for row in own.index:
            slots.append(Slot(len(slots), labels[row], int(row), mark))
    return slots


def largest(
    values: Sequence[float], names: Sequence[Any], always: Collection[str], most: int
) -> list[int]:
    """Choose what a page shows of many securities: some by name, then the largest moves.

    Parameters
    ----------
    values : sequence of float
        One per security; those without a value come last.
    names : sequence
        What ``always`` refers to.
    always : collection of str
        Shown whatever their value, up to ``most``.
    most : int
        How many are shown.

    Returns
    -------
    list of int
        Positions in ascending order.
    """
    import numpy as np

    if len(values) <= most:
        return list(range(len(values)))
    size = np.nan_to_num(np.abs(np.asarray(values, dtype=np.float64)), nan=-1.0)
    named = np.isin(np.asarray(names, dtype=object).astype(str), list(always))
    order = np.lexsort((-size, ~named))
    return sorted(order[:most].tolist())


def chosen_sentence(shown: int, of: int, doing: str, always: Collection[str]) -> str:
    """Say that a page shows the largest moves alone; blank where it shows all."""
    if shown >= of:
        return ""
    what = "the event's own securities and the largest moves" if always else "the largest moves"
    return f"Of {of:,} securities {shown:,} are {doing}: {what}. {whole_table('securities')}"


def whole_table(name: str) -> str:
    """Say where a page's reader finds a table whole; its script puts the link there."""
    return f"To save all of them, use {name}.csv at the end of the page."


def direction(values: Sequence[float]) -> int:
    """Which way most values point: -1 or 1 when at least two thirds do, else 0."""
    import numpy as np

    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return 0
    falls, rises = float(np.mean(finite < 0)), float(np.mean(finite > 0))
    return -1 if falls >= 2 / 3 else 1 if rises >= 2 / 3 else 0


def day0_sentence(frame: pd.DataFrame) -> str:
    """Say which day is day 0, or that it differs between exchanges."""
    import pandas as pd

    from analysis.formatting import day

    days = pd.to_datetime(frame["day0"], errors="coerce", format="ISO8601").dropna()
    if days.empty:
        return ""
    if days.min() == days.max():
        return f"Day 0 is {day(days.iloc[0])}."
    return f"Day 0 lies between {day(days.min())} and {day(days.max())}, by exchange."


def _zip(left: Sequence[str], right: Any) -> Any:
    return zip(left, right, strict=True)
