"""Returns in per cent where decimals are meant: noticed before anything is computed.

`study` asks when a study is made. A t-statistic does not change with the unit, so nothing
else would ever show that a CAR is a hundred times too large, or that a market in decimals
was taken from returns in per cent. A study is refused only for what no decimal return can be:

- A simple return below −1, a loss of more than 100 %.
- Half of all sessions with moves above 10 %, in most columns that the study reads. Of the
  bundled assets with a year of sessions the wildest moves by 4.2 % at the median (Nebius; the VIX
  3.9 %), a crypto-currency by about 5 %. Per cent of bonds and currencies, which seldom fall
  below −1, move by 0.1 to 0.3.

What is possible but unlikely is warned of: moves of more than 5 % at the median, in most columns
or in one over a year of sessions (shares in their first months move by 8 %; of one column with
fewer rows, 10 %); a column of whole hundredths only, as per cent with two decimals are; a security
that moves with its benchmark, but at a hundred times or a hundredth of its size; a riskless rate
above 250 % a year. The bounds are for daily returns and grow with the square root of the step.

Per cent of a series that moves by less than 0.05 a day (money funds, pegged currencies) look
like decimals of a stock and pass, unless the benchmark or the rounding shows it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import InputError, SuspectReturnsWarning
from analysis.eventstudy.core.arrays import Bools, Floats, Ints
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.numbers import TILE, column_range
from analysis.eventstudy.inputs.unused_cells import innermost
from analysis.eventstudy.models.linear import (
    BenchmarkModel,
    FactorModel,
    Model,
    benchmark,
    required_factors,
)
from analysis.eventstudy.models.peers import EqualWeight

UNITS = ("decimal", "any")

TOTAL_LOSS = -1.0
# Rounding of a loss of everything.
SLACK = 1e-9
# Median daily moves that are hardly, and not at all, those of decimal returns.
DOUBTFUL, IMPOSSIBLE = 0.05, 0.10
# With fewer moves a median says nothing; with fewer rows it refuses nothing.
FEW, MANY = 20, 60
YEAR = 250
# Different moves that all lie on hundredths by chance: never so many.
DISTINCT = 5
# A slope beyond this is a mismatch of units where the two move together at all: betas between
# 0.15 and 1.5 are 15 to 150 with the security in per cent, 0.0015 to 0.015 with the benchmark.
STEEP, FLAT, TOGETHER = 15.0, 0.015, 0.3
# A riskless rate of so much a year is a yearly rate, or one in per cent, taken for a session's.
# 1 % per session.
LARGE_RATE = 2.52
SESSIONS, HOURS = 252.0, 6.5
# Columns whose every figure is looked at: a wrong unit is wrong in all of them.
SAMPLE = 50
# Rows of a first look, evenly spread. A column with so many moves in it, not a quarter of them
# large, has no large median: with half of its moves large, chance hides it once in a thousand.
GLANCE, SEEN, SUSPECT = 128, 32, 0.25

# Whoever makes the study: above check_units, __post_init__ and __init__.
CALLER = 4

REMEDY = (
    "divide by 100 if they are in per cent; units='any' takes other measures (volumes, log "
    "returns) as they are"
)


def floor_of(units: object) -> float:
    """Lowest possible return in these units; InputError where they are unknown."""
    if units not in UNITS:
        raise InputError(f"units must be one of {', '.join(map(repr, UNITS))}, not {units!r}.")
    return -np.inf if units == "any" else TOTAL_LOSS - SLACK


def check_units(
    units: object,
    returns: pd.DataFrame,
    factors: pd.DataFrame | None,
    model: Model,
    securities: Sequence[Hashable],
    ends: tuple[Floats, Floats] | None = None,
    peers: Collection[Hashable] = (),
) -> None:
    """Look whether returns, benchmarks and the risk-free rate can be decimals.

    Parameters
    ----------
    units : {"decimal", "any"}
        "any" looks at nothing.
    returns, factors : pandas.DataFrame
        From `frames.check_table`; of ``factors`` the columns that were given.
    model : Model
        Its benchmark must be a return as well; other factors are only warned of.
    securities : sequence
        The securities of the events.
    ends : (S,) float, (S,) float, optional
        `numbers.column_range` of the returns, where it is known.
    peers : collection, optional
        Columns of returns that the model reads besides.

    Raises
    ------
    InputError
        Unknown units; a return or benchmark below −1, or moves that no decimals make.

    Warns
    -----
    SuspectReturnsWarning
        Possible, but hardly decimal returns.
    """
    if floor_of(units) == -np.inf:
        return
    step = _sessions_apart(pd.DatetimeIndex(returns.index))
    used = returns.columns.get_indexer(pd.Index([*securities, *peers]).unique())
    used = used[used >= 0].astype(np.int64)
    ends = column_range(returns) if ends is None else ends
    doubts = _check_moves(returns, "returns", used, ends, step)
    if factors is not None:
        doubts += _check_factors(returns, factors, model, securities, step)
    for doubt in doubts:
        warnings.warn(doubt, SuspectReturnsWarning, stacklevel=CALLER)


def _check_moves(
    table: pd.DataFrame, name: str, used: Ints, ends: tuple[Floats, Floats], step: float
) -> list[str]:
    """Refuse columns that cannot be decimal returns; a sentence on those that hardly can."""
    low, high = ends
    _check_possible(table, name, used, low)
    largest = np.fmax(np.abs(low[used]), np.abs(high[used]))
    wild = _suspects(table, used[largest > DOUBTFUL * step], DOUBTFUL * step)
    above, rows, _ = _count(table, wild, IMPOSSIBLE * step)
    beyond = (2 * above > rows) & (rows >= MANY)
    # A single column may be a share that moves by ticks: its median says little.
    if 2 * beyond.sum() > np.isfinite(largest).sum():
        first = int(wild[np.flatnonzero(beyond)[0]])
        moves = np.abs(table.iloc[:, first].to_numpy())
        others = f" and {beyond.sum() - 1} more" if beyond.sum() > 1 else ""
        raise InputError(
            f"Column {table.columns[first]!r}{others} of {name} moves by "
            f"{np.nanmedian(moves):.3g} at the median, which no decimal returns do: prices, or "
            f"returns in per cent? Take simple returns; {REMEDY}."
        )
    doubt = _doubt_of_size(table, wild, len(used), step) or _doubt_of_rounding(table, used)
    return [f"{doubt.format(name=name)}; {REMEDY}."] if doubt else []


def _check_possible(table: pd.DataFrame, name: str, used: Ints, low: Floats) -> None:
    found = used[low[used] < TOTAL_LOSS - SLACK]
    if len(found):
        at = int(found[0])
        raise InputError(
            f"Column {table.columns[at]!r} of {name} holds {low[at]:g} on {_when(table, at)}, a "
            "loss of more than 100 %: decimal returns are never below −1. "
            f"{REMEDY[0].upper()}{REMEDY[1:]}."
        )


def _suspects(table: pd.DataFrame, columns: Ints, bound: float) -> Ints:
    """Columns whose median move a first look does not show to be below a bound."""
    values = table.to_numpy()
    if len(values) <= 2 * GLANCE:
        return columns
    rows = np.linspace(0, len(values) - 1, GLANCE).astype(np.int64)
    seen = np.abs(values[rows][:, columns])
    moves = (seen > 0).sum(axis=0)
    large = (seen > bound).sum(axis=0)
    doubtful: Bools = (moves < SEEN) | (large >= SUSPECT * moves)
    return columns[doubtful]


def _count(table: pd.DataFrame, columns: Ints, bound: float) -> tuple[Ints, Ints, Ints]:
    """How many figures of each column are larger than a bound, there, and other than 0."""
    values = table.to_numpy()
    counts = np.zeros((3, len(columns)), dtype=np.int64)
    for start in range(0, len(columns), TILE):
        part = np.abs(values[:, columns[start : start + TILE]])
        each = (part > bound, np.isfinite(part), part > 0)
        counts[:, start : start + part.shape[1]] = [one.sum(axis=0) for one in each]
    return counts[0], counts[1], counts[2]


def _doubt_of_size(table: pd.DataFrame, wild: Ints, used: int, step: float) -> str:
    above, _, moves = _count(table, wild, DOUBTFUL * step)
    odd = np.flatnonzero((2 * above > moves) & (moves >= FEW))
    if len(odd) < 2 or 2 * len(odd) <= used:
        # Shares in their first months do move by 8 % at the median.
        far, _, _ = _count(table, wild[odd], IMPOSSIBLE * step)
        odd = odd[(moves[odd] >= YEAR) | (2 * far > moves[odd])]
    if not len(odd):
        return ""
    first = odd[0]
    others = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    return (
        f"Column {table.columns[wild[first]]!r}{others} of {{name}}: "
        f"{above[first] / moves[first]:.0%} of the moves are larger than {DOUBTFUL * step:.2g}. "
        "Prices, or returns in per cent? Take simple returns"
    )


def _doubt_of_rounding(table: pd.DataFrame, used: Ints) -> str:
    for at in _some(used):
        column = table.iloc[:, int(at)].to_numpy()
        moves = column[np.isfinite(column) & (column != 0)]
        # Most columns end at their first figure.
        if len(moves) < FEW or not _on_hundredths(moves[:1]) or not _on_hundredths(moves):
            continue
        sizes = np.unique(np.abs(moves.round(2)))
        if len(sizes) >= DISTINCT:
            return (
                f"Column {table.columns[at]!r} of {{name}} holds whole hundredths only, such as "
                f"{moves[0]:g} and {moves[-1]:g}. Returns in per cent with two decimals"
            )
    return ""


def _on_hundredths(moves: Floats) -> bool:
    return bool((np.abs(100 * moves - np.round(100 * moves)) < 1e-7).all())


def _some(columns: Ints) -> Ints:
    """No more than a sample of the columns, evenly spread."""
    if len(columns) <= SAMPLE:
        return columns
    return columns[np.linspace(0, len(columns) - 1, SAMPLE).astype(np.int64)]


def _check_factors(
    returns: pd.DataFrame,
    factors: pd.DataFrame,
    model: Model,
    securities: Sequence[Hashable],
    step: float,
) -> list[str]:
    needed = dict.fromkeys(required_factors(model, securities))
    named = pd.Index(dict.fromkeys(column for one in needed for column in one or ()))
    # Columns that the model made itself come from what was looked at already.
    used = factors.columns.get_indexer(named)
    used = used[used >= 0].astype(np.int64)
    ends = column_range(factors)
    doubts = []
    if isinstance(innermost(model), BenchmarkModel):
        doubts += _check_moves(factors, "factors", used, ends, step)
        doubts += _doubt_of_pairs(returns, factors, model, securities)
    elif len(found := used[ends[0][used] < TOTAL_LOSS - SLACK]):
        at = int(found[0])
        doubts.append(
            f"The factor {factors.columns[at]!r} is {ends[0][at]:g} on {_when(factors, at)}, below "
            f"−1: no decimal return. Fama–French files are in per cent; {REMEDY}."
        )
    elif doubt := _doubt_of_size(factors, used, len(used), step) or _doubt_of_rounding(
        factors, used
    ):
        doubts.append(
            f"{doubt.format(name='factors')}. Fama–French files are in per cent; {REMEDY}."
        )
    else:
        doubts += _doubt_of_pairs(returns, factors, model, securities)
    if model.rf is not None and model.rf in factors.columns:
        rate = np.abs(factors[model.rf].dropna().to_numpy())
        if len(rate) and np.median(rate) * SESSIONS / step**2 > LARGE_RATE:
            doubts.append(
                f"The risk-free rate {model.rf!r} is {np.median(rate):g} at its median: give it "
                "per session and as a decimal, not per year or in per cent."
            )
    return doubts


def _doubt_of_pairs(
    returns: pd.DataFrame, factors: pd.DataFrame, model: Model, securities: Sequence[Hashable]
) -> list[str]:
    """A sentence where most securities move with their benchmark, but in another unit."""
    index = pd.DatetimeIndex(factors.index).get_indexer(pd.DatetimeIndex(returns.index))
    there = index >= 0
    at = returns.columns.get_indexer(pd.Index(securities))
    judged, odd = 0, []
    first_factor = isinstance(innermost(model), FactorModel)
    for number in _some(np.flatnonzero(at >= 0).astype(np.int64)):
        market = _market_of(model, securities[number])
        if market not in factors.columns:
            continue
        slope, correlation = _slope(
            returns.iloc[:, int(at[number])].to_numpy()[there],
            factors[market].to_numpy()[index[there]],
        )
        # A factor that falls where returns rise, such as a volatility index, may be any measure.
        if (correlation if first_factor else abs(correlation)) >= TOGETHER:
            judged += 1
            if not FLAT < abs(slope) < STEEP:
                odd.append((securities[number], market, slope, correlation))
    if 2 * len(odd) <= judged:
        return []
    security, market, slope, correlation = odd[0]
    return [
        f"{security!r} moves by {slope:.3g} for a move of 1 in its benchmark {market!r} "
        f"(correlation {correlation:.2f}): is one of the two in per cent? "
        f"{REMEDY[0].upper()}{REMEDY[1:]}."
    ]


def _market_of(model: Model, security: Hashable) -> str | None:
    """The column that a model takes for the market of a security; None for one it makes."""
    inner = innermost(model)
    if isinstance(inner, FactorModel):
        return inner.columns[0]
    market = getattr(inner, "market", None)
    return (
        None if market is None or isinstance(market, EqualWeight) else benchmark(market, security)
    )


def _slope(y: Floats, x: Floats) -> tuple[float, float]:
    """Slope of y on x and their correlation, 0 where they say nothing."""
    both = np.isfinite(y) & np.isfinite(x)
    if both.sum() < MANY:
        return 0.0, 0.0
    y, x = y[both] - y[both].mean(), x[both] - x[both].mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return (float(x @ y) / float(x @ x), float(x @ y) / scale) if scale > 0 else (0.0, 0.0)


def _sessions_apart(index: pd.DatetimeIndex) -> float:
    """Root of the number of sessions from one row to the next, the unit of a usual move."""
    if len(index) < 2:
        return 1.0
    apart: Any = np.median(np.diff(index.to_numpy(dtype="datetime64[ns]")).astype(np.int64))
    days = float(apart) / 86_400e9
    sessions = max(1.0, days * SESSIONS / 365) if days >= 1 else min(1.0, 24 * days / HOURS)
    return float(np.sqrt(sessions))


def _when(table: pd.DataFrame, at: int) -> str:
    """The day of a column's lowest value."""
    return day(table.index[int(np.nanargmin(table.to_numpy()[:, at]))])
