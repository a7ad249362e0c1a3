"""`EventStudy`: the inputs of an event study, checked and fitted.

`fit` places the events, cuts them into chunks, fits each chunk (in this process or over an
executor) and hands what came out to `EventStudyResults`.
"""

from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.eventstudy import presets
from analysis.eventstudy.core.arrays import Bools
from analysis.eventstudy.dependence.mean_correlation import check_mode
from analysis.eventstudy.fitting import lazy_fit
from analysis.eventstudy.fitting.alignment import align_events
from analysis.eventstudy.fitting.chunks import FitPlan
from analysis.eventstudy.fitting.exchange_order import exchange_order
from analysis.eventstudy.fitting.skipped import unfit_reasons
from analysis.eventstudy.inputs.frames import (
    StudyInputs,
    check_calendars,
    check_events,
    check_factors,
    check_frame,
    check_options,
    check_span,
)
from analysis.eventstudy.inputs.numbers import check_finite
from analysis.eventstudy.inputs.options import check_count
from analysis.eventstudy.inputs.units import check_units, floor_of
from analysis.eventstudy.inputs.unused_cells import (
    BESIDE,
    Cleared,
    Reach,
    clear,
    factors_of,
    innermost,
    peers_of,
    warn_of,
)
from analysis.eventstudy.models.linear import BenchmarkModel, PreparedModel
from analysis.eventstudy.results import EventStudyResults


@dataclass(frozen=True, eq=False)
class EventStudy(StudyInputs):
    """An event study: what happened to returns around some events, beyond the normal.

    Parameters
    ----------
    returns : pandas.DataFrame
        Dates × securities, simple decimal returns, NaN where missing; the index ascending
        dates without time zone.
    events : pandas.DataFrame
        Columns event_id, security, date (day 0, a session of the security) and optionally
        group. One row per event and security.
    model : Model
        The normal-return model: one of those that `analysis.eventstudy` exports, or your own.
    factors : pandas.DataFrame, optional
        Dates × factors, decimal; whatever the model needs.
    estimation, window : (int, int)
        Relative days of the estimation and of the event window, both ends included,
        counted in sessions of the security's own calendar.
    min_observations : int
        Complete rows (return and factors) that the estimation window must have.
    calendars : mapping, optional
        Security -> its sessions (DatetimeIndex). A session without a return is missing
        data, a day that is no session does not count. Without it every row of ``returns``
        is a session of all.
    exclude_own_events : bool
        Leave rows in the event window of the same security's other events out of its
        estimation window.
    rbar : {"overlap", "calendar", "event"}
        How the mean residual correlation r̄ is taken, see `mean_correlation.rbar`. Give all
        securities that one instant moved the same event_id: with "overlap" New York's day d
        then meets Asia's day d+1, see `exchange_order`.
    preset : {"eventstudy2", "estudy", "estudy2", "lemaire", "eventstudy_r"}, optional
        Another package's conventions for `tests`, `car` and `caar`, see `presets`; without
        it our own.
    seed : int
        Of the draws of the permutation test.
    units : {"decimal", "any"}
        "decimal" refuses returns that no decimal return can be and warns of unlikely ones,
        see `units.check_units`; "any" takes other measures (volumes, log returns) as they
        are.

    Raises
    ------
    InputError
        Frames, windows or names that cannot be used; one sentence says which and why.

    Examples
    --------
    >>> results = EventStudy(returns, events, factors=market).fit()  # doctest: +SKIP
    >>> results.car((-1, 1))  # doctest: +SKIP
    """

    def __post_init__(self) -> None:
        _check_model(self.model)
        check_mode(self.rbar)
        presets.check(self.preset)
        events = check_events(self.events)
        securities = pd.unique(events["security"]).tolist()
        check_calendars(self.calendars)
        check_count(self.seed, "seed", 0)
        returns, given, peers = self._cleared(events, securities)
        check_finite(returns.table, returns.ends, "returns")
        model, factors = self.model, None if given is None else given.table
        if isinstance(model, PreparedModel):
            model, factors = model.prepare(returns.table, events, factors)
        factors = check_factors(factors, model, securities)
        known = None if given is None else given.table
        check_units(self.units, returns.table, known, model, securities, returns.ends, peers)
        warn_of((*returns.left_out, *(() if given is None else given.left_out)))
        estimation, window = check_options(
            self.estimation, self.window, self.min_observations, model
        )
        for name, value in {
            "returns": returns.table,
            "events": events,
            "model": model,
            "factors": factors,
            "estimation": estimation,
            "window": window,
        }.items():
            object.__setattr__(self, name, value)

    def _cleared(
        self, events: pd.DataFrame, securities: list[Hashable]
    ) -> tuple[Cleared, Cleared | None, frozenset[Hashable]]:
        """Returns and factors without what no window reads, and the peers that the model reads."""
        spans = check_span(self.estimation, "estimation"), check_span(self.window, "window")
        index = pd.DatetimeIndex(check_frame(self.returns, "returns").index)
        reach = Reach(events, index, self.calendars, *spans)
        own, peers = frozenset(securities), peers_of(self.model, self.returns, events)
        floor = floor_of(self.units)

        def returns_read(column: Hashable, dates: pd.DatetimeIndex) -> Bools:
            if column in peers:
                return reach.of_any(dates)
            return reach.of(column, dates) if column in own else np.zeros(len(dates), np.bool_)

        returns = clear(self.returns, "returns", returns_read, floor)
        if self.factors is None:
            return returns, None, peers
        named = factors_of(self.model, securities)

        def factors_read(column: Hashable, dates: pd.DatetimeIndex) -> Bools:
            read = column in named
            return reach.of_any(dates, BESIDE) if read else np.zeros(len(dates), np.bool_)

        # Other factors than a benchmark may be any measure.
        lowest = floor if isinstance(innermost(self.model), BenchmarkModel) else -np.inf
        return returns, clear(self.factors, "factors", factors_read, lowest), peers

    def fit(self, executor: Executor | None = None) -> EventStudyResults:
        """Fit every event that can be fitted.

        Parameters
        ----------
        executor : concurrent.futures.Executor, optional
            Chunks of events are mapped over it: threads, processes, or a cluster's
            ``get_executor()``. The results are the same to the last bit.

        Returns
        -------
        EventStudyResults
            With the events that were skipped and why; it may be all of them.
        """
        placing = align_events(self.events, self.returns, self.factors, self.calendars, self.model)
        order = np.lexsort((placing.places.position, placing.places.security))
        recipe = FitPlan(
            placing,
            placing.places.take(order),
            self.model,
            self.estimation,
            self.window,
            spare=self.exclude_own_events,
        )
        keep = (
            len(order) * (self.estimation[1] - self.estimation[0] + 1)
            <= lazy_fit.MAX_STORED_RESIDUALS
        )
        fit = lazy_fit.fit_plan(recipe, executor, keep=keep)
        reasons = unfit_reasons(
            placing, order, fit, self.estimation, self.window, self.min_observations
        )
        fits = np.ones(len(order), dtype=np.bool_)
        fits[list(reasons)] = False
        numbers = np.flatnonzero(fits)
        fit = lazy_fit.in_order(fit, np.argsort(order, kind="stable")[numbers])
        reacting = exchange_order(
            self.events["event_id"], placing, calendars_given=self.calendars is not None
        )
        if reacting is not None:
            fit = replace(fit, fitted=fit.fitted.ordered(reacting.take(numbers)))
        return EventStudyResults(self, placing, numbers, fit, reasons)


def _check_model(model: object) -> None:
    if isinstance(model, type) or not all(hasattr(model, face) for face in ("needs", "fit", "k")):
        name = model.__name__ if isinstance(model, type) else repr(model)
        raise InputError(f"model must be a normal-return model such as MarketModel(), not {name}.")
