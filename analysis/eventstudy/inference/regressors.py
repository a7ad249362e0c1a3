"""What a cross-section regression may use: the formula's names, and figures for every event.

`explain` calls these in their order. The caller's frame is brought to one row an event and
laid beside what the study knows; an event without a figure is left out with its reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

KEYS = ["event_id", "security"]
LEFT = ("car", "scar")
# What the study itself knows of an event, and a formula may use.
KNOWN = ("event_id", "security", "group", "date")
# Contrasts that a formula names without calling them, and what is no name.
NO_COLUMNS = {"Treatment", "Sum", "Helmert", "Diff", "Poly", "True", "False", "None", "np"}
# Columns of our own beside the caller's.
DAY0, ROW = "_day0", "_row"


def read(formula: object) -> tuple[str, list[str]]:
    """Take the left side, and the names of columns on the right, out of a formula."""
    if not isinstance(formula, str) or formula.count("~") != 1:
        raise InputError(
            f"A formula reads 'car ~ china_share + log(cap)', with one ~; this is {formula!r}."
        )
    left, right = formula.split("~")
    found = [name for name in _names(left) if name in LEFT]
    if len(found) != 1 or len(_names(left)) != 1:
        raise InputError(f"The left side of a formula is car or scar, not {left.strip()!r}.")
    names = _names(right)
    if not right.strip():
        raise InputError(f"The formula {formula!r} has nothing on its right side.")
    for name in (*LEFT, "se"):
        if name in names:
            raise InputError(f"{name} cannot explain a CAR; leave it out of {right.strip()!r}.")
    return found[0], names


def _names(side: str) -> list[str]:
    """Names that stand for columns: not called, no attribute, no keyword, no contrast."""
    quoted = re.findall(r"\bQ\(\s*['\"]([^'\"]+)['\"]\s*\)", side)
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", " ", side)
    plain = re.findall(r"(?<![\w.])([^\W\d]\w*)(?!\w|\s*\(|\s*=(?!=)|\.\w)", bare)
    return list(dict.fromkeys(name for name in [*quoted, *plain] if name not in NO_COLUMNS))


def keyed(data: object) -> tuple[pd.DataFrame, list[str]]:
    """Bring the keys of `data` into columns; its own columns, and which keys it has."""
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data must be a pandas DataFrame, not {type(data).__name__}.")
    levels = [name for name in data.index.names if name in KEYS]
    table = data.reset_index(levels) if levels else data
    keys = [name for name in KEYS if name in table.columns]
    if not keys:
        raise InputError(
            "data does not say which event or security each row belongs to: name a column or the "
            "index event_id or security."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(f"data has two columns named {twice!r}; keep one.")
    for name in (*LEFT, "se"):
        if name in table.columns:
            raise InputError(f"data has a column {name!r}, which the study gives; rename it.")
    table = table.dropna(subset=keys).reset_index(drop=True)
    again = table.duplicated(keys)
    if again.any():
        first = " and ".join(map(repr, table.loc[again, keys].to_numpy()[0]))
        raise InputError(f"data has two rows for {first}; keep one.")
    return table, keys


def own(results: FittedStudy, window: Window) -> pd.DataFrame:
    """What the study itself knows of the events that are whole in the window."""
    sample, members = results.sample(window)
    if not sample.size:
        raise InputError(f"No event is whole in the window {window}, so there is no CAR.")
    asked = results.study.events.iloc[results.placing.rows[results.numbers[members]]]
    own = asked[list(KNOWN)].reset_index(drop=True).assign(**{DAY0: asked["date"].to_numpy()})
    return own.assign(car=sample.car, scar=sample.scar, se=sample.se)


def needed(
    names: list[str], cluster: str | None, own: pd.DataFrame, keyed: pd.DataFrame
) -> list[str]:
    """Check the names that are asked for, those of `data` before those of the study."""
    known = list(dict.fromkeys([*map(str, keyed.columns), *KNOWN]))
    wanted = list(dict.fromkeys([*names, *([cluster] if cluster else [])]))
    for name in wanted:
        if name not in known and name not in own:
            raise unknown_name("column of data", name, known)
    return wanted


def beside(own: pd.DataFrame, keyed: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Lay `data` beside the CARs, one row an event; `ROW` says whether it has one."""
    theirs = [name for name in KNOWN if name in keyed and name not in keys]
    try:
        table = own.drop(columns=theirs).merge(keyed, on=keys, how="left", indicator=ROW)
    except ValueError:  # text on one side, numbers on the other
        raise _strangers(own, keyed, keys[0]) from None
    if (table[ROW] == "left_only").all():
        raise _strangers(own, keyed, keys[0])
    return table


def _strangers(own: pd.DataFrame, keyed: pd.DataFrame, key: str) -> InputError:
    ours, theirs = (", ".join(map(repr, frame[key].iloc[:2])) for frame in (own, keyed))
    return InputError(
        f"No event has a row in data: {key} is {ours}... in the study and "
        f"{theirs or 'nothing'}... in data; write them alike."
    )


def complete(table: pd.DataFrame, needed: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the events that have every figure from those that have not, with reasons."""
    gaps = pd.DataFrame({name: table[name].isna() for name in needed}, index=table.index)
    absent = table[ROW] == "left_only"
    lost = absent | gaps.any(axis=1)
    reasons = [
        "no row in data"
        if gone
        else " and ".join(f"no {name}" for name, gap in zip(gaps, missing, strict=True) if gap)
        for gone, missing in zip(absent[lost], gaps[lost].to_numpy(), strict=True)
    ]
    return table[~lost].reset_index(drop=True), table.loc[lost, KEYS].assign(reason=reasons)
