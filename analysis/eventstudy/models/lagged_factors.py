"""Columns of factors that models make for themselves: lags, leads, excess returns.

A model's `prepare` calls these once, before a study places its events, on the checked
frames. Nothing is filled: a figure that is not there stays missing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy.core.arrays import Floats, Ints

# Longer than any holiday of an exchange; or so many of the factor's own usual steps, where it
# is weekly or monthly. A wider hole is a hole in the data, and no lag reaches across it.
LONGEST_CLOSURE = 15 * 86_400 * 10**9
USUAL_STEPS = 5


def lead_lag_name(column: str, step: int) -> str:
    """Name of a column moved by some sessions: ``"market[-1]"`` is its lag, 0 itself."""
    return f"{column}[{step:+d}]" if step else column


def with_steps(
    factors: pd.DataFrame | None,
    columns: Sequence[str],
    steps: Sequence[int],
    dates: pd.Index,
    model: str,
) -> pd.DataFrame:
    """Add lags and leads of some columns, each along the column's own sessions.

    A factor's sessions are the dates on which it has a figure. On any date, the j-th lag is
    its j-th last figure strictly before the date, the j-th lead its j-th next strictly
    after, whether or not the factor has a figure on the date itself. Across a hole longer
    than `LONGEST_CLOSURE` there is neither.

    Parameters
    ----------
    factors : pandas.DataFrame or None
    columns : sequence of str
    steps : sequence of int
        −1 is the first lag, 1 the first lead; 0 is passed over.
    dates : pandas.Index
        Dates of the returns: the lags are wanted there too, also where the factor has none.
    model : str
        Name of the model, for the message.

    Returns
    -------
    pandas.DataFrame
        The union of both dates × the factors and the columns named by `lead_lag_name`.

    Raises
    ------
    InputError
        A column is missing, or another of the name of a lag is there already.
    """
    import pandas as pd

    present = [known(factors, column, model) for column in columns]
    if factors is None:
        raise InputError(f"The {model} needs a benchmark for at least one security.")
    index = factors.index.union(dates)
    stamps = pd.DatetimeIndex(index).as_unit("ns").asi8
    made = {}
    for column, series in zip(columns, present, strict=True):
        figures = series.dropna()
        own = pd.DatetimeIndex(figures.index).as_unit("ns").asi8
        for step in steps:
            if step:
                made[lead_lag_name(column, step)] = _moved(figures.to_numpy(), own, stamps, step)
    return join_factors(factors, pd.DataFrame(made, index=index))


def excess(
    factors: pd.DataFrame | None, columns: Sequence[str], rf: str, model: str
) -> pd.DataFrame:
    """Add columns less the risk-free rate, named by `excess_name`."""
    import pandas as pd

    free = known(factors, rf, model)
    made = {excess_name(column, rf): known(factors, column, model) - free for column in columns}
    return join_factors(factors, pd.DataFrame(made, index=free.index))


def excess_name(column: str, rf: str) -> str:
    """Name of a column in excess of the risk-free rate."""
    return f"{column} less {rf}"


def known(factors: pd.DataFrame | None, column: str, model: str) -> pd.Series:
    """A column of factors; InputError where there is none."""
    if factors is None:
        raise InputError(
            f"The {model} needs the column {column!r} of factors; give factors=, a DataFrame "
            "of dates × factors."
        )
    if column not in factors.columns:
        raise unknown_name("column of factors", column, map(str, factors.columns))
    return factors[column]


def join_factors(factors: pd.DataFrame | None, made: pd.DataFrame) -> pd.DataFrame:
    """Put made columns beside the factors, on the union of their dates.

    InputError where the factors hold another column of the same name.
    """
    import pandas as pd

    if factors is None:
        return made
    index = factors.index.union(made.index)
    both = [name for name in made.columns if name in factors.columns]
    for name in both:
        # A study made from another one's factors finds its own columns again.
        there = factors[name].reindex(index).to_numpy()
        ours = made[name].reindex(index).to_numpy()
        if not np.array_equal(there, ours, equal_nan=True):
            raise InputError(
                f"factors has a column {name!r}, a name under which the model makes its own; "
                "rename it."
            )
    return pd.concat([factors.reindex(index), made.drop(columns=both).reindex(index)], axis=1)


def _moved(
    figures: NDArray[np.float64], own: NDArray[np.int64], stamps: NDArray[np.int64], step: int
) -> Floats:
    """Figures of the session that lies some steps from each date, NaN where there is none."""
    moved: Floats = np.full(len(stamps), np.nan)
    if not len(own):
        return moved
    first = _neighbour(own, stamps, step)
    at = first + step - (1 if step > 0 else -1)
    inside = (first >= 0) & (first < len(own)) & (at >= 0) & (at < len(own))
    first, at = np.where(inside, first, 0), np.where(inside, at, 0)
    gaps = np.diff(own)
    usual = int(np.median(gaps)) if len(gaps) else 0
    longest = max(LONGEST_CLOSURE, USUAL_STEPS * usual)
    stretch = np.concatenate([[0], np.cumsum(gaps > longest)])
    near = np.abs(stamps - own[first]) <= longest
    there = inside & near & (stretch[first] == stretch[at])
    moved[there] = figures[at[there]]
    return moved


def _neighbour(own: NDArray[np.int64], stamps: NDArray[np.int64], step: int) -> Ints:
    """Position of the last session before each date, or of the next after it."""
    if step < 0:
        return np.searchsorted(own, stamps, side="left").astype(np.int64) - 1
    return np.searchsorted(own, stamps, side="right").astype(np.int64)


def names(needed: Sequence[tuple[str, ...] | None]) -> list[str]:
    """Distinct columns in what some securities need, in order."""
    return list(dict.fromkeys(column for one in needed for column in one or ()))


def event_securities(events: pd.DataFrame) -> list[Hashable]:
    """Securities with an event, in the order of the events."""
    return list(dict.fromkeys(events["security"]))
