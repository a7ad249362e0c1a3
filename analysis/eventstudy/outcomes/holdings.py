"""What holding a security through a window brought, and what its benchmark did meanwhile.

`buy_and_hold` compounds these rows, `long_horizon` cuts the result into days again.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.inputs.dates import day
from analysis.eventstudy.inputs.frames import Window, check_inside
from analysis.eventstudy.models.intraday_variance import COLUMN

if TYPE_CHECKING:
    from analysis.eventstudy.results import EventStudyResults

NORMAL, MARKET = "normal", "market"
LEDGER = ["event_id", "security", "window_start", "window_end", "reason"]


@dataclass(frozen=True)
class HoldingReturns:
    """Daily returns of n events in a window of L days, without a hole.

    Attributes
    ----------
    sample : WindowSample
        The arrays of these events.
    members : (n,) int
        Their rows among the fitted events.
    held, benchmark : (n, L) float
        Simple decimal returns of the security and of what it is compared with.
    dates : (n, L) datetime64[ns]
    refused : pandas.DataFrame
        event_id, security, window_start, window_end, reason: events that are whole in the
        window but cannot be compounded.
    """

    sample: WindowSample
    members: Ints
    held: Floats
    benchmark: Floats
    dates: np.ndarray
    refused: pd.DataFrame

    @property
    def bhar(self) -> Floats:
        """Buy-and-hold abnormal returns, see `increments`."""
        held, other = (1.0 + self.held).prod(axis=1), (1.0 + self.benchmark).prod(axis=1)
        return np.asarray(held - other)

    @property
    def increments(self) -> Floats:
        """What every day adds to the buy-and-hold abnormal return, (n, L).

        BHAR = Σ_t [(V_t − V_{t−1}) − (W_t − W_{t−1})], V and W the values of one unit held in
        the security and in the benchmark.
        """
        value, other = (1.0 + self.held).cumprod(axis=1), (1.0 + self.benchmark).cumprod(axis=1)
        gained: Floats = np.diff(value - other, axis=1, prepend=0.0)
        return gained

    def take(self, rows: np.ndarray) -> HoldingReturns:
        """Keep some of the events; what was refused stays."""
        part = self.sample
        return replace(
            self,
            sample=replace(
                part,
                fitted=part.fitted.take(rows),
                car=part.car[rows],
                se=part.se[rows],
                scar=part.scar[rows],
            ),
            members=self.members[rows],
            held=self.held[rows],
            benchmark=self.benchmark[rows],
            dates=self.dates[rows],
        )


def hold(
    results: EventStudyResults, window: Window, benchmark: str = NORMAL, *, compound: bool = True
) -> HoldingReturns:
    """Look up what every event that is whole in a window was held at.

    Parameters
    ----------
    results : EventStudyResults
    window : (int, int)
        Relative days, both ends included.
    benchmark : str
        ``"normal"``: the return that the fitted model expects, R − AR. ``"market"``: the one
        column of factors that the model reads for the security (plus the risk-free rate
        where the model subtracts one). Or the name of a column of factors, a return.
    compound : bool
        Whether the returns will be compounded, which not all can be.

    Returns
    -------
    HoldingReturns
        An event with a return below −1, its own or the benchmark's, or without a figure of
        the benchmark, is refused with its reason.

    Raises
    ------
    InputError
        A window outside the event window, a benchmark that is not there, or an outcome that
        cannot be held.
    """
    if compound:
        _check_outcome(results)
    asked = check_inside(window, results.study.window)
    sample, members = results.sample(asked)
    dates = results.dates.to_numpy()[members][:, sample.columns]
    securities = results.index.get_level_values("security")[members]
    held = _look_up(results.study.returns, dates, securities)
    if benchmark == NORMAL:
        other = held - sample.fitted.ar[:, sample.columns]
    else:
        other = _columns(results, benchmark, dates, list(securities))
    whole = HoldingReturns(sample, members, held, other, dates, pd.DataFrame(columns=LEDGER))
    return _compoundable(whole, results.index[members], benchmark) if compound else whole


def _check_outcome(results: EventStudyResults) -> None:
    """Refuse volume and volatility: nobody holds them."""
    from analysis.eventstudy.outcomes.volatility import Volatility
    from analysis.eventstudy.outcomes.volume import MeanVolume, VolumeMarketModel

    if isinstance(results.study.model, Volatility | MeanVolume | VolumeMarketModel):
        raise InputError(
            f"These are results of {results.study.model.name}; only returns can be bought and "
            "held, so fit an EventStudy of returns."
        )


def _look_up(
    table: pd.DataFrame, dates: np.ndarray, columns: Sequence[Hashable] | pd.Index
) -> Floats:
    """Figures of a frame on some dates, one column for each row of dates; NaN where absent."""
    index = pd.DatetimeIndex(table.index).as_unit("ns")
    row = index.get_indexer(pd.DatetimeIndex(dates.ravel())).reshape(dates.shape)
    column = table.columns.get_indexer(pd.Index(columns))[:, None]
    found: Floats = table.to_numpy()[row, column]
    return np.where(row >= 0, found, np.nan)


def _columns(
    results: EventStudyResults, benchmark: str, dates: np.ndarray, securities: list[Hashable]
) -> Floats:
    study = results.study
    if study.factors is None:
        raise InputError(
            f"benchmark={benchmark!r} needs factors, and the study has none; take "
            f"benchmark={NORMAL!r}, the return that the fitted model expects."
        )
    if benchmark != MARKET:
        if benchmark not in study.factors.columns:
            raise unknown_name("benchmark", benchmark, [NORMAL, MARKET, *map(str, study.factors)])
        return _look_up(study.factors, dates, [benchmark] * len(dates))
    needs = {
        one: [column for column in study.model.needs(one) or () if column != COLUMN]
        for one in dict.fromkeys(securities)
    }
    for security, columns in needs.items():
        if len(columns) != 1:
            raise InputError(
                f"The {study.model.name} reads {len(columns)} columns of factors for "
                f"{security!r}, so none is the market; name it: benchmark='column'."
            )
    market = _look_up(study.factors, dates, [needs[one][0] for one in securities])
    if study.model.rf:
        market += _look_up(study.factors, dates, [study.model.rf] * len(dates))
    return market


def _compoundable(whole: HoldingReturns, index: pd.MultiIndex, benchmark: str) -> HoldingReturns:
    """Leave out what cannot be compounded, and say why."""
    own, missing = whole.held < -1.0, np.isnan(whole.benchmark)
    bad = own | missing | (whole.benchmark < -1.0)
    kept = np.asarray(~bad.any(axis=1))
    rows = []
    for at in np.flatnonzero(~kept):
        column = int(np.flatnonzero(bad[at])[0])
        relative = whole.sample.window[0] + column
        when = f"on day {relative} ({day(pd.Timestamp(whole.dates[at, column]))})"
        if own[at, column]:
            why = f"the return {whole.held[at, column]:.4g} {when} is below -1, which is impossible"
        elif missing[at, column]:
            why = f"no figure of the benchmark {benchmark!r} {when}"
        else:
            value = whole.benchmark[at, column]
            why = f"the benchmark's return {value:.4g} {when} is below -1, which is impossible"
        rows.append((*index[int(at)], *whole.sample.window, why))
    part = whole if kept.all() else whole.take(kept)
    return replace(part, refused=pd.DataFrame(rows, columns=LEDGER))
