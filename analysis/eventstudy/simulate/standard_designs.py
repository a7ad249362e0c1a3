"""The designs whose results are kept in the repository, shown in the docs and by the notebook.

Each set asks one question of every test, see the names in `STANDARD`. What summaries say of
the tests follows from the stored results, see `analysis.eventstudy.inference.conditions`.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.eventstudy.models.linear import Model
from analysis.eventstudy.models.thin_trading import Dimson, ScholesWilliams
from analysis.eventstudy.simulate.design import Design

WINDOWS = ((0, 0), (-1, 1), (-5, 5))
SPREADS = (1, 3, 10)
EFFECTS = (0.005, 0.01, 0.02, 0.03)
FEW = (3, 5, 10)
# Days for which Asia was closed, and numbers of events, by the exchanges' order.
CLOSED = {"together": ((1, 30), (4, 30)), "behind": ((1, 10), (2, 30)), "late": ((1, 30), (4, 30))}
# Whose variance rises at the event, and by how much: twice, and four times for the record.
RISES = (("own", 1.0), ("all", 1.0), ("common", 3.0))
THIN_MODELS: tuple[Model, ...] = (Dimson(), ScholesWilliams())

_THREE_DAYS = Design(window=(-1, 1))
_VARIATIONS = (
    _THREE_DAYS,
    replace(_THREE_DAYS, correlation=0.0),
    replace(_THREE_DAYS, correlation=0.5),
    replace(_THREE_DAYS, events=100),
    replace(_THREE_DAYS, residuals="t"),
    replace(_THREE_DAYS, residuals="skewed"),
    replace(_THREE_DAYS, untraded=0.02, untraded_returns="missing"),
    replace(_THREE_DAYS, estimation=(-130, -11)),
)

STANDARD: dict[str, tuple[Design, ...]] = {
    "size": tuple(Design(window=window, spread=days) for days in SPREADS for window in WINDOWS),
    # New York reacts on one session, Asia on the next.
    "exchanges": tuple(
        Design(window=window, exchanges=2, events=events)
        for events in (30, 10)
        for window in WINDOWS
    ),
    "exchanges_raised": tuple(
        Design(window=window, exchanges=2, variance_increase=theta, raised=part)
        for part, theta in RISES[:2]
        for window in WINDOWS
    ),
    # Asia was closed from New York's day 0 on, where it reacts on its date as a rule or a day
    # later, or from the day after on.
    "closure": tuple(
        Design(window=window, exchanges=2, closure=order, closed_days=days, events=events)
        for order, cases in CLOSED.items()
        for days, events in cases
        for window in WINDOWS
    ),
    "separate": tuple(Design(window=window, apart=60) for window in WINDOWS),
    "variance": tuple(
        Design(window=window, variance_increase=theta, raised=part)
        for part, theta in RISES
        for window in WINDOWS
    ),
    "few": tuple(Design(window=window, events=events) for events in FEW for window in WINDOWS),
    "thin": tuple(Design(window=window, untraded=0.2) for window in WINDOWS),
    "thin_betas": tuple(
        Design(window=window, untraded=0.2, model=model)
        for model in THIN_MODELS
        for window in WINDOWS
    ),
    "robustness": tuple(
        replace(design, spread=days) for design in _VARIATIONS for days in SPREADS[:2]
    ),
    "power": tuple(
        replace(_THREE_DAYS, spread=days, effect=effect) for days in SPREADS for effect in EFFECTS
    ),
    # Drawn from a panel of real returns, whose correlation and distribution they take.
    "panel": tuple(
        Design(window=window, spread=days, events=20) for days in SPREADS for window in WINDOWS
    ),
}
