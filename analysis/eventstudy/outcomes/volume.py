"""Abnormal volume: a panel of shares traded in, the results of an event study out.

Volume is taken as a logarithm, since the raw figures are far too skewed for a mean, and goes
through the same engine as returns do: "abnormal return" reads as abnormal log volume there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import check_events, check_frame, check_table
from analysis.eventstudy.inputs.numbers import check_finite
from analysis.eventstudy.inputs.unused_cells import clear, peers_of, warn_of
from analysis.eventstudy.models.linear import MarketModel, MeanAdjusted, Model

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

MARKET = "market"
# Per cent of the shares outstanding, so that a day without trade has a logarithm: Campbell &
# Wasley (1996), after Cready & Ramanan (1991).
SMALLEST_TURNOVER = 0.000255


@dataclass(frozen=True)
class MeanVolume(MeanAdjusted):
    """Normal volume: the mean logarithm in the estimation window, see `MeanAdjusted`."""

    name: ClassVar[str] = "mean-adjusted log volume"


@dataclass(frozen=True)
class VolumeMarketModel(MarketModel):
    """Normal volume: α + β·log market volume by least squares, see `MarketModel`."""

    name: ClassVar[str] = "market model of log volume"


def abnormal_volume(
    volume: pd.DataFrame,
    events: pd.DataFrame,
    *,
    shares: pd.DataFrame | Mapping[Hashable, float] | None = None,
    market: pd.Series | None = None,
    model: Model | None = None,
    executor: Executor | None = None,
    **options: Any,
) -> EventStudyResults:
    """Study the volume of trade around events.

    The outcome is log(V + 1), or log turnover where the shares outstanding are given, less
    what the model expects: its mean in the estimation window, or a market model.

    Parameters
    ----------
    volume : pandas.DataFrame
        Dates × securities, shares (or money) traded; 0 is a day without trade, NaN a day of
        which nothing is known, which is never filled.
    events : pandas.DataFrame
        As for `EventStudy`.
    shares : pandas.DataFrame or mapping, optional
        Shares outstanding, on the same dates × securities, or one number per security. Then
        the outcome is log(100·V/shares + 0.000255): Campbell & Wasley (1996).
    market : pandas.Series, optional
        Volume of the market on the same dates, as shares are counted; with `shares` the
        market's turnover in per cent. Makes the model a market model of the logarithms.
    model : Model, optional
        Another normal model, fitted to the logarithms; give its ``factors`` as they are to be
        used. With `market` its column is called ``"market"``.
    executor : concurrent.futures.Executor, optional
        As for `EventStudy.fit`.
    **options
        As for `EventStudy`: estimation, window, factors, calendars and so on.

    Returns
    -------
    EventStudyResults
        Of logarithms: an AR of 0.66 is 94 per cent more volume than normal, e^0.66 − 1.

    Raises
    ------
    InputError
        A negative volume, shares that are not positive, or whatever `EventStudy` refuses.

    Notes
    -----
    Volume is autocorrelated, so the t of a single CAR, ``patell_z`` and their like, which
    take the days for independent, reject too often over several days; use
    `residual_autocorrelation` to see how much. Tests by the spread across events (BMP,
    Kolari–Pynnönen), ranks over one day, and the permutation test have it in them. Ajinkya &
    Jain (1989) weigh it by generalised least squares instead.

    A day without trade is a figure, log 1 = 0: a security that often has none belongs out of
    the panel, or into it as turnover.

    Source: Ajinkya & Jain (1989); Campbell & Wasley (1996).
    """
    from analysis.eventstudy.study import EventStudy

    logs = _log_volume(_read(volume, events, model), shares)
    factors = options.pop("factors", None)
    if market is not None:
        factors = _with_market(factors, market, logs.index, turnover=shares is not None)
        model = model or VolumeMarketModel(MARKET)
    chosen = model or MeanVolume()
    # Logarithms of volumes are no returns: nothing is to be looked for in their size.
    options = {"units": "any", **options}
    return EventStudy(logs, events, model=chosen, factors=factors, **options).fit(executor)


def residual_autocorrelation(results: EventStudyResults) -> pd.Series:
    """First-order autocorrelation of the estimation residuals of every event.

    r = Σ e_t·e_{t−1} / Σ e_t², over the rows in which both are known, each sum over its
    number of rows.

    Returns
    -------
    pandas.Series
        (event_id, security) -> r; NaN where fewer than 3 consecutive pairs are known.

    Notes
    -----
    A CAR over L days of residuals with autocorrelation r has about (1+r)/(1−r) times the
    variance that independent days have, for L large.
    """
    found = np.full(len(results.fitted), np.nan)
    for rows, residuals in results.fitted.residual_blocks():
        found[rows] = _lag_one(residuals)
    return pd.Series(found, index=results.index, name="autocorrelation")


def _lag_one(residuals: Floats) -> Floats:
    known = np.isfinite(residuals)
    pairs = known[:, 1:] & known[:, :-1]
    e = np.where(known, residuals, 0.0)
    n, m = known.sum(axis=1), pairs.sum(axis=1)
    products = (e[:, 1:] * e[:, :-1] * pairs).sum(axis=1) / np.maximum(m, 1)
    squares = (e**2).sum(axis=1) / np.maximum(n, 1)
    some = (m >= 3) & (squares > 0)
    return np.where(some, products / np.where(some, squares, 1.0), np.nan)


def _read(volume: pd.DataFrame, events: pd.DataFrame, model: Model | None) -> pd.DataFrame:
    """The volume without negative and infinite figures of securities that nobody asks for."""
    asked, frame = check_events(events), check_frame(volume, "volume")
    read = set(asked["security"])
    read |= set() if model is None else peers_of(model, frame, asked)
    cleared = clear(frame, "volume", lambda one, dates: np.full(len(dates), one in read), 0.0)
    check_finite(cleared.table, cleared.ends, "volume")
    # Whoever asks for the volume: above this and `abnormal_volume`.
    warn_of(cleared.left_out, stacklevel=4)
    return cleared.table


def _log_volume(
    table: pd.DataFrame, shares: pd.DataFrame | Mapping[Hashable, float] | None
) -> pd.DataFrame:
    values = table.to_numpy()
    _refuse(table, values < 0, "volume", "is negative", "shares traded cannot be")
    if shares is None:
        return pd.DataFrame(np.log1p(values), index=table.index, columns=table.columns)
    outstanding = _outstanding(table, shares)
    _refuse(table, outstanding <= 0, "shares", "is not positive", "leave it blank if unknown")
    logs = np.log(100.0 * values / outstanding + SMALLEST_TURNOVER)
    return pd.DataFrame(logs, index=table.index, columns=table.columns)


def _outstanding(table: pd.DataFrame, shares: pd.DataFrame | Mapping[Hashable, float]) -> Floats:
    if isinstance(shares, pd.DataFrame):
        checked = check_table(shares, "shares").reindex(index=table.index, columns=table.columns)
        return checked.to_numpy()
    if not isinstance(shares, Mapping):
        raise InputError(
            "shares must be a DataFrame of dates × securities or a mapping of securities to "
            f"numbers, not {type(shares).__name__}."
        )
    try:
        row = np.array([shares.get(one, np.nan) for one in table.columns], dtype=np.float64)
    except (TypeError, ValueError):
        message = "shares holds something that is not a number; give shares as floats."
        raise InputError(message) from None
    return np.broadcast_to(row, table.shape)


def _refuse(table: pd.DataFrame, bad: np.ndarray, name: str, what: str, mend: str) -> None:
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{name} {what} on {day(table.index[row])} in column {table.columns[column]!r}; {mend}."
        )


def _with_market(
    factors: pd.DataFrame | None, market: pd.Series, index: pd.Index, *, turnover: bool
) -> pd.DataFrame:
    """Put the market's log volume beside the other factors."""
    if not isinstance(market, pd.Series):
        raise InputError(
            f"market must be a Series of dates -> volume, not {type(market).__name__}."
        )
    table = check_table(market.to_frame(MARKET), "market")
    _refuse(table, table.to_numpy() < 0, "market", "is negative", "volume cannot be")
    values = table[MARKET].to_numpy()
    logs = np.log(values + SMALLEST_TURNOVER) if turnover else np.log1p(values)
    column = pd.Series(logs, index=table.index, name=MARKET)
    if factors is None:
        return column.reindex(index).to_frame()
    given = check_table(factors, "factors")
    if MARKET in given.columns:
        raise InputError(
            f"factors has a column {MARKET!r} already; rename it or leave market= out."
        )
    return given.join(column, how="outer")
