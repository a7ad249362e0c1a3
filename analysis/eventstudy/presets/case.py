"""What a preset computes from: the events of one group that are whole in one window.

Packages disagree about divisors and reference distributions, hardly ever about the abnormal
returns themselves; those are the engine's. A `PresetSample` adds what some packages use besides:
the factors on every row of the estimation window, also where the firm did not trade.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inputs.frames import Window

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy
    from analysis.eventstudy.models.linear import Model


@dataclass(frozen=True, eq=False)
class PresetSample(WindowSample):
    """N events in a window of L days.

    Attributes
    ----------
    results : FittedStudy
        The study they are from.
    members : (N,) int
        Their rows in ``results.fitted``.
    """

    results: FittedStudy
    members: Ints

    @classmethod
    def of(cls, results: FittedStudy, window: Window, group: str | None = None) -> PresetSample:
        """Take the events of a group that are whole in a window."""
        sample, members = results.sample(window, group)
        return cls(**vars(sample), results=results, members=members)

    @property
    def model(self) -> Model:
        """The normal-return model."""
        return self.results.study.model

    @property
    def ar(self) -> Floats:
        """Abnormal returns on the days of the window, (N, L)."""
        return self.fitted.ar[:, self.columns]

    @cached_property
    def residuals(self) -> Floats:
        """Abnormal returns of the estimation window, (N, E), NaN where there is none.

        A large study makes them again whenever they are asked for: here once.
        """
        return self.fitted.residuals

    @property
    def n(self) -> Floats:
        """Usable estimation rows T of each event, (N,)."""
        return self.fitted.n.astype(np.float64)

    @property
    def dof(self) -> Floats:
        """Degrees of freedom T−k of the residual variance, (N,)."""
        return self.fitted.dof

    @property
    def sigma(self) -> Floats:
        """Residual standard deviation s with the divisor T−k, (N,)."""
        return self.fitted.sigma

    @property
    def rss(self) -> Floats:
        """Sum of squared residuals, for market-adjusted returns about their mean, (N,)."""
        return self.sigma**2 * self.dof

    @cached_property
    def estimation_aar(self) -> Floats:
        """Average of the residuals of every estimation day that has any."""
        present = np.isfinite(self.residuals)
        count = present.sum(axis=0)
        total = np.where(present, self.residuals, 0.0).sum(axis=0)
        return np.asarray(total[count > 0] / count[count > 0])

    @cached_property
    def rbar_event(self) -> float:
        """r̄ in event time: the mean pairwise correlation of the estimation residuals."""
        return rbar(self, "event")

    @cached_property
    def estimation_factors(self) -> Floats:
        """Factors on every session of the estimation window, used or not, (N, f, E)."""
        return self._factors(self.fitted.residual_days)

    @cached_property
    def window_factors(self) -> Floats:
        """Factors on the days of the window, (N, f, L)."""
        return self._factors(self.fitted.days[:, self.columns])

    def _factors(self, days: Ints) -> Floats:
        """Factors of each event on some days of the union of calendars, NaN where none."""
        study, dates = self.results.study, self.results.placing.dates
        if study.factors is None:
            return np.empty((self.size, 0, days.shape[1]))
        # One column more than there are days: position -1, no session, reads as missing.
        laid = np.full((len(study.factors.columns), len(dates) + 1), np.nan)
        source = pd.DatetimeIndex(study.factors.index).as_unit("ns").get_indexer(dates)
        present = np.flatnonzero(source >= 0)
        laid[:, present] = study.factors.to_numpy().T[:, source[present]]
        who, securities = pd.factorize(self.results.index.get_level_values("security"))
        needs = [
            study.factors.columns.get_indexer(pd.Index(study.model.needs(one) or ()))
            for one in securities
        ]
        wanted = np.array(needs)[who[self.members]]
        factors: Floats = laid[wanted[:, :, None], days[:, None, :]]
        return factors
