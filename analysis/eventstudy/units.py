"""Returns in per cent where decimals are meant: detected and said before anything is computed.

`study` asks when a study is made. A t-statistic does not change with the unit, so nothing
else would ever show that a CAR is a hundred times too large, or that a market in decimals
was taken from returns in per cent. The rule must not fire on real decimals, however wild:

- No simple return is below −1, a loss of everything. A value below it is impossible and is
  refused. Daily returns in per cent nearly always hold one.
- Where half of a column's moves that are none of 0 are larger than 25 %, returns are
  possible but unlikely (crypto-currencies reach about 5 %), and prices are likelier: that
  is warned of.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy.fitted import Floats
from analysis.eventstudy.inputs import day, extremes
from analysis.eventstudy.models import Model, OnMarket, needs_of

UNITS = ("decimal", "any")

TOTAL_LOSS = -1.0
# Rounding of a loss of everything.
SLACK = 1e-9
# Half of a column's moves are larger than this: hardly a column of returns.
LARGE_MEDIAN = 0.25
# With fewer moves a median says nothing.
FEW = 20
# A rate of 1 % per session is no riskless one; a yearly rate, or one in per cent, is above it.
LARGE_RATE = 0.01

# Whoever makes the study: above the look, check_units, __post_init__ and __init__.
CALLER = 5

MEND = (
    "divide by 100 if they are in per cent; units='any' takes other measures (volumes, log "
    "returns) as they are"
)


def check_units(
    units: object,
    returns: pd.DataFrame,
    factors: pd.DataFrame | None,
    model: Model,
    securities: Sequence[Hashable],
    ends: tuple[Floats, Floats] | None = None,
) -> None:
    """Look whether returns, benchmarks and the risk-free rate can be decimals.

    Parameters
    ----------
    units : {"decimal", "any"}
        "any" looks at nothing.
    returns, factors : pandas.DataFrame
        From `inputs.check_table`.
    model : Model
        Its benchmark must be a return as well; other factors are only warned of.
    securities : sequence
        The securities of the events.
    ends : (S,) float, (S,) float, optional
        `inputs.extremes` of the returns, where they are known.

    Raises
    ------
    InputError
        Unknown units; a return or benchmark below −1.

    Warns
    -----
    SuspectReturnsWarning
        Possible, but hardly decimal returns.
    """
    if units not in UNITS:
        raise InputError(f"units must be one of {', '.join(map(repr, UNITS))}, not {units!r}.")
    if units == "any":
        return
    low, high = extremes(returns, "returns") if ends is None else ends
    _check_possible(returns, low, "returns")
    _warn_of_large(returns, low, high)
    if factors is not None:
        _check_factors(factors, extremes(factors, "factors")[0], model, securities)


def _check_possible(table: pd.DataFrame, low: Floats, name: str) -> None:
    found = np.flatnonzero(low < TOTAL_LOSS - SLACK)
    if len(found):
        at = int(found[0])
        raise InputError(
            f"Column {table.columns[at]!r} of {name} holds {low[at]:g} on {_when(table, at)}, a "
            "loss of more than everything: decimal returns are never below −1. "
            f"{MEND[0].upper()}{MEND[1:]}."
        )


def _warn_of_large(returns: pd.DataFrame, low: Floats, high: Floats) -> None:
    wild = np.flatnonzero((low < -LARGE_MEDIAN) | (high > LARGE_MEDIAN))
    values = returns.to_numpy()
    odd: list[tuple[int, float]] = []
    for at in wild:
        sizes = np.abs(values[:, at])
        moves = sizes[np.isfinite(sizes) & (sizes > 0)]
        large = int((moves > LARGE_MEDIAN).sum())
        if len(moves) >= FEW and 2 * large > len(moves):
            odd.append((int(at), large / len(moves)))
    if odd:
        first, share = odd[0]
        others = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        warnings.warn(
            f"Column {returns.columns[first]!r}{others} of returns: {share:.0%} of the moves are "
            f"larger than {LARGE_MEDIAN:.0%}. Prices, or returns in per cent? Take simple "
            f"returns; {MEND}.",
            SuspectReturnsWarning,
            stacklevel=CALLER,
        )


def _check_factors(
    factors: pd.DataFrame, low: Floats, model: Model, securities: Sequence[Hashable]
) -> None:
    needed = dict.fromkeys(needs_of(model, securities))
    used = pd.Index(dict.fromkeys(column for one in needed for column in one or ()))
    columns = factors.columns.get_indexer(used)
    chosen, lowest = factors.iloc[:, columns], low[columns]
    if isinstance(model, OnMarket):
        _check_possible(chosen, lowest, "factors")
    elif len(found := np.flatnonzero(lowest < TOTAL_LOSS - SLACK)):
        at = int(found[0])
        warnings.warn(
            f"The factor {used[at]!r} is {lowest[at]:g} on {_when(chosen, at)}, below −1: no "
            f"decimal return. Fama–French files are in per cent; {MEND}.",
            SuspectReturnsWarning,
            stacklevel=CALLER,
        )
    if model.rf is not None:
        rate = np.abs(factors[model.rf].dropna().to_numpy())
        if len(rate) and np.median(rate) > LARGE_RATE:
            warnings.warn(
                f"The risk-free rate {model.rf!r} is {np.median(rate):g} at its median: give it "
                "per session and as a decimal, not per year or in per cent.",
                SuspectReturnsWarning,
                stacklevel=CALLER,
            )


def _when(table: pd.DataFrame, at: int) -> str:
    """The day of a column's lowest value."""
    return day(table.index[int(np.nanargmin(table.to_numpy()[:, at]))])
