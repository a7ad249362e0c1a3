"""A residual variance that depends on the time of day, over any normal-return model.

Markets are wild at the open and at the close and quiet at noon: against the average of the
whole day, an event at 9:30 looks significant when nothing happened, and one at 12:30 does not
when something did.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.models.least_squares import SPARSE, Fit, with_residuals
from analysis.eventstudy.models.on_base import OnBase

COLUMN = "minute of the day"


@dataclass(frozen=True)
class TimeOfDay(OnBase):
    """A base model's normal return; residual variance by the time of day.

    v_m = Σ û²/n_m · T/(T−k) over the n_m estimation rows whose bar ends at minute m of the
    day; Var(AR) = v_m + s²·x'(X'X)⁻¹x and Var(CAR) = Σ v_m + s²·g'(X'X)⁻¹g. sigma stays the
    base model's s, the root of the average. Coefficients are the base model's: least squares
    is still unbiased, and the error of its coefficients is small beside v_m when there are
    hundreds of bars.

    Parameters
    ----------
    base : Model
        The normal return, without a moving variance of its own.
    least : int
        Estimation rows that a time of day must have. An event with an abnormal return at a
        rarer one in its event window goes into the ledger.

    Raises
    ------
    InputError
        No model, or fewer than 2 rows.

    Notes
    -----
    Whatever divides by the forecast error knows the time of day: single CARs, Patell, BMP,
    Kolari–Pynnönen, generalized ranks, the permutation test. ``time_series_t``,
    ``cross_sectional_t`` and ``corrado_rank`` take abnormal returns as they are and do not.

    Source: Andersen & Bollerslev (1997, section 3): r = σ·s_m·Z; the estimator of s_m is that
    of Taylor & Xu (1997, eq. 7), from the residuals of each event's own estimation window.
    """

    least: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least < 2:
            raise InputError(f"least must be at least 2 rows per time of day, not {self.least!r}.")

    @property
    def name(self) -> str:
        """Name the base and the variance."""
        return f"{self.base.name} with variance by the time of day"

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """The base's columns, and the time of day."""
        columns = super().needs(security)
        return None if columns is None else (*columns, COLUMN)

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame]:
        """Put the time of day beside the factors."""
        model, factors = super().prepare(returns, events, factors)
        index = cast(pd.DatetimeIndex, returns.index)
        minute = pd.Series(
            (index - index.normalize()) / pd.Timedelta(minutes=1), index=index, name=COLUMN
        )
        if factors is None:
            return model, minute.to_frame()
        return model, factors.reindex(index).assign(**{COLUMN: minute})

    def fit(self, block: Block) -> Fit:
        """Fit the base, then the variance of every time of day."""
        minutes, window = block.estimation_factors[:, -1, :], block.factors[:, -1, :]
        inner = replace(
            with_residuals(block),
            factors=block.factors[:, :-1, :],
            estimation_factors=block.estimation_factors[:, :-1, :],
        )
        fit = self.base.fit(inner)
        if fit.fitted.relative_sd is not None:
            raise InputError(f"TimeOfDay needs a base without a moving variance: {self.base.name}.")
        before, during, rare = self._relative(fit, minutes, window)
        fitted = replace(fit.fitted, relative_sd=during, residual_relative_sd=before)
        flaws = np.where((fit.flaws == 0) & rare, SPARSE, fit.flaws).astype(np.int8)
        return Fit(fitted, fit.estimates, flaws)

    def _relative(
        self, fit: Fit, minutes: Floats, window: Floats
    ) -> tuple[Floats, Floats, np.ndarray]:
        """Standard deviations over s: of estimation rows, of event rows; who has rare ones."""
        residuals = fit.fitted.residuals
        known = np.isfinite(residuals)
        squares = np.where(known, residuals, 0.0) ** 2
        total = squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        total = np.where(total > 0, total, 1.0)
        before, during = np.ones_like(minutes), np.ones_like(window)
        rare = np.zeros(len(minutes), dtype=np.bool_)
        times = np.unique(np.concatenate([minutes.ravel(), window.ravel()]))
        for minute in times[np.isfinite(times)]:
            rows = known & (minutes == minute)
            n = rows.sum(axis=1)
            share = (squares * rows).sum(axis=1) / np.maximum(n, 1) / total
            enough = (n >= self.least) & (share > 0)
            sd = np.sqrt(np.where(enough, share, 1.0))[:, None]
            there = window == minute
            rare |= (there & np.isfinite(fit.fitted.ar)).any(axis=1) & ~enough
            before = np.where(minutes == minute, sd, before)
            during = np.where(there, sd, during)
        return np.where(known, before, np.nan), during, rare
