"""The designs whose results are kept in the repository, shown in the docs and by the notebook.

Each set asks one question of every test, see the names in `STANDARD`.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.eventstudy.simulate.design import Design

WINDOWS = ((0, 0), (-1, 1), (-5, 5))
SPREADS = (1, 3, 10)
EFFECTS = (0.005, 0.01, 0.02, 0.03)

_THREE_DAYS = Design(window=(-1, 1))
_VARIATIONS = (
    _THREE_DAYS,
    replace(_THREE_DAYS, correlation=0.0),
    replace(_THREE_DAYS, correlation=0.5),
    replace(_THREE_DAYS, events=10),
    replace(_THREE_DAYS, events=100),
    replace(_THREE_DAYS, residuals="t"),
    replace(_THREE_DAYS, residuals="skewed"),
    replace(_THREE_DAYS, variance_increase=1.0),
    replace(_THREE_DAYS, untraded=0.2),
    replace(_THREE_DAYS, untraded=0.02, untraded_returns="missing"),
    replace(_THREE_DAYS, estimation=(-130, -11)),
)

STANDARD: dict[str, tuple[Design, ...]] = {
    "size": tuple(Design(window=window, spread=days) for days in SPREADS for window in WINDOWS),
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
