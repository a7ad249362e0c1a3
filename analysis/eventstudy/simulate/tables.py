"""Shares of rejections for reading: tests down, designs across."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.simulate.design import PANEL, Design

WINDOWS = ("window", "estimation", "event_window")
DESIGN = tuple(
    name
    for one in fields(Design)
    for name in ((f"{one.name}_start", f"{one.name}_end") if one.name in WINDOWS else (one.name,))
)


def table(
    results: pd.DataFrame,
    across: Sequence[str] | None = None,
    values: str = "share",
    level: float = 0.05,
) -> pd.DataFrame:
    """Lay results out with a row per test and a column per design.

    Parameters
    ----------
    results : pandas.DataFrame
        From `size_and_power`.
    across : sequence of str, optional
        Columns of designs that name the columns; those in which the designs differ by
        default. ``"window"`` stands for both its ends, written (−1, 1).
    values : str
        Which column fills the cells: share, standard_error, defined, rejections, ...
    level : float
        The nominal level.

    Returns
    -------
    pandas.DataFrame
        Tests in their usual order.

    Raises
    ------
    InputError
        Unknown column or level, or several designs in one column.
    """
    for name in (values, *(one for one in across or () if one not in WINDOWS)):
        if name not in results.columns:
            raise unknown_name("column of results", name, map(str, results.columns))
    kept = results[np.isclose(results["level"], level)]
    if kept.empty:
        held = ", ".join(f"{one:g}" for one in sorted(results["level"].unique()))
        raise InputError(f"results has no level {level:g}; it has: {held or 'none'}.")
    kept = kept.assign(
        **{
            name: [
                f"({first}, {last})".replace("-", "−")
                for first, last in zip(kept[f"{name}_start"], kept[f"{name}_end"], strict=True)
            ]
            for name in WINDOWS
        }
    )
    names = list(_differing(kept) if across is None else across)
    if kept.duplicated(["test", *names]).any():
        raise InputError(
            f"Several designs share the columns {names}; name in across= what tells them apart: "
            f"{_differing(kept)}."
        )
    order = list(dict.fromkeys(kept["test"]))
    if not names:
        return kept.set_index("test")[[values]]
    laid = kept.pivot(index="test", columns=names, values=values)
    heads = kept[names].drop_duplicates()
    wanted = list(heads[names[0]]) if len(names) == 1 else list(map(tuple, heads.to_numpy()))
    return laid.loc[order, wanted]


def _differing(results: pd.DataFrame) -> list[str]:
    """Columns of the designs that are not the same throughout, windows as one."""
    names = [*WINDOWS, *(one for one in DESIGN if not one.endswith(("_start", "_end")))]
    found = [name for name in names if len(results[name].drop_duplicates()) > 1]
    return found or ["window"]


def cases(results: pd.DataFrame) -> pd.Series:
    """Say in words in what the design of each row departs from the usual one.

    Parameters
    ----------
    results : pandas.DataFrame
        From `size_and_power`.

    Returns
    -------
    pandas.Series
        For instance ``"N = 100"`` or ``"ρ = 0.5"``; ``"as usual"`` for the usual design.
        Window, spread and effect are left to their own columns.
    """
    usual = Design().columns(panel=False)
    return pd.Series([_case(row, usual) for row in results.to_dict("records")], results.index)


ORDERS = {
    "together": "else on New York's date",
    "behind": "else a session later",
    "late": "from the session after on",
}
_WORDS: dict[str, Callable[[Any], str]] = {
    "events": lambda n: f"N = {n}",
    # A panel leaves the correlation blank: it is its own.
    "correlation": lambda rho: "" if np.isnan(rho) else f"ρ = {rho:g}",
    "residuals": lambda kind: "" if kind == PANEL else f"{kind} residuals",
    "exchanges": lambda count: f"{count} exchanges",
    "apart": lambda sessions: f"dates {sessions} sessions apart",
    "closure": lambda order: f"Asia closed, {ORDERS[order]}",
    "closed_days": lambda days: f"for {days} days",
    "untraded": lambda share: f"{share:.0%} of days untraded",
    "untraded_returns": lambda how: f"returns {how}",
    "model": str,
}


def _case(row: dict[Hashable, Any], usual: dict[str, object]) -> str:
    parts = [say(row[name]) for name, say in _WORDS.items() if row[name] != usual[name]]
    if theta := row["variance_increase"]:
        whose = "" if row["raised"] == "all" else f"{row['raised']} "
        parts.append(f"{whose}variance × {1 + theta:g}")
    ends = ("estimation_start", "estimation_end")
    if any(row[end] != usual[end] for end in ends):
        parts.append("estimation ({}, {})".format(*(row[end] for end in ends)).replace("-", "−"))
    return ", ".join(filter(None, parts)) or "as usual"
