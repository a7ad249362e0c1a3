"""Event studies fitted the slow, obvious way: one event after the other, by least squares.

The engine's arrays are checked against these loops, and the statistics take their samples
from them, so that a test of a statistic does not rest on the engine's models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import Fitted, WindowSample, window_sample


def fit(
    returns: Floats,
    factors: Floats,
    events: Sequence[tuple[int, int]],
    model: str,
    estimation: tuple[int, int],
    window: tuple[int, int],
    sessions: Sequence[np.ndarray] | None = None,
    *,
    spare: bool = False,
) -> Fitted:
    """Fit each event.

    `returns` is (securities, D) and `factors` (D, f), both on the union of all calendars; an
    event is (security, day 0 on the union); `sessions` lists each security's own days. With
    `spare`, days in the event window of another event of the security are not estimated on.
    """
    estimation_offsets = np.arange(estimation[0], estimation[1] + 1)
    offsets = np.arange(window[0], window[1] + 1)
    fits = []
    near = {}
    for security, day0 in events:
        own = np.arange(returns.shape[1]) if sessions is None else sessions[security]
        near.setdefault(security, []).append(_days(own, int(np.searchsorted(own, day0)), offsets))
    for security, day0 in events:
        own = np.arange(returns.shape[1]) if sessions is None else sessions[security]
        zero = int(np.searchsorted(own, day0))
        assert own[zero] == day0
        before = _days(own, zero, estimation_offsets)
        around = _days(own, zero, offsets)
        taken = {day for days in near[security] for day in days} if spare else set()
        fits.append(_fit_one(returns[security], factors, before, around, model, taken))
    parts = [np.array(part) for part in zip(*fits, strict=True)]
    ar, days, residuals, residual_days, x, inverse, sigma, dof, n = parts
    return Fitted(
        offsets, estimation_offsets, ar, days, residuals, residual_days, x, inverse, sigma, dof, n
    )


def _days(own, zero, offsets):
    return [int(own[zero + offset]) if 0 <= zero + offset < len(own) else -1 for offset in offsets]


def _fit_one(returns, factors, before, around, model, taken=frozenset()):
    rows, columns = [], []
    for column, day in enumerate(before):
        if day in taken:
            continue
        if day >= 0 and np.isfinite(returns[day]) and np.isfinite(factors[day]).all():
            rows.append(day)
            columns.append(column)
    residuals = np.full(len(before), np.nan)
    ar = np.full(len(around), np.nan)
    n = len(rows)
    if model == "adjusted":
        difference = [returns[day] - factors[day, 0] for day in rows]
        residuals[columns] = difference
        sigma, dof = float(np.std(difference, ddof=1)), n - 1
        x, inverse = np.zeros((len(around), 0)), np.zeros((0, 0))
        for column, day in enumerate(around):
            if day >= 0:
                ar[column] = returns[day] - factors[day, 0]
    else:
        width = {"mean": 0, "market": 1, "factors": factors.shape[1]}[model]
        design = np.array([[1.0, *factors[day, :width]] for day in rows])
        beta, *_ = np.linalg.lstsq(design, returns[rows], rcond=None)
        residuals[columns] = returns[rows] - design @ beta
        dof = n - width - 1
        sigma = float(np.sqrt((residuals[columns] ** 2).sum() / dof)) if dof > 0 else np.nan
        inverse = np.linalg.inv(design.T @ design)
        x = np.zeros((len(around), width + 1))
        for column, day in enumerate(around):
            if day >= 0:
                x[column] = [1.0, *factors[day, :width]]
                ar[column] = returns[day] - x[column] @ beta
    return ar, around, residuals, before, x, inverse, sigma, float(dof), n


def sample(
    fitted: Fitted, window: tuple[int, int], more: Sequence[int] | None = None
) -> tuple[WindowSample, list[int]]:
    """Events that are whole in a window, and which they are, by adding up day after day.

    `more` counts the days before each day 0 that its return holds as well.
    """
    columns = [at for at, day in enumerate(fitted.offsets) if window[0] <= day <= window[1]]
    kept, car, se = [], [], []
    for i in range(len(fitted)):
        days = [float(fitted.ar[i, column]) for column in columns]
        if any(np.isnan(days)):
            continue
        total = sum(fitted.x[i, column] for column in columns)
        held = 0 if more is None or not window[0] <= 0 <= window[1] else more[i]
        spread = len(columns) + held + float(total @ fitted.xtx_inv[i] @ total)
        kept.append(i)
        car.append(sum(days))
        se.append(float(fitted.sigma[i]) * float(np.sqrt(spread)))
    arrays = np.array(car), np.array(se)
    whole = fitted.take(np.array(kept, dtype=np.int64))
    return WindowSample(whole, window, np.array(columns), *arrays, arrays[0] / arrays[1]), kept


def random_fitted(
    seed: int,
    events: int = 12,
    *,
    estimation: int = 40,
    window: tuple[int, int] = (-3, 3),
    spread: int = 6,
    missing: float = 0.05,
    holidays: float = 0.05,
    correlation: float = 0.3,
    model: str = "market",
) -> Fitted:
    """Events of random securities with calendars of their own, holes, and common shocks.

    Day 0 falls on the first day after the estimation window that is a session, moved by up
    to `spread` days; rows of the event window are missing half as often as others.
    """
    rng = np.random.default_rng(seed)
    total = 2 * (estimation + spread) + window[1] - window[0] + 40
    market = rng.standard_normal((total, 2)) * 0.01
    common = rng.standard_normal(total) * np.sqrt(correlation)
    noise = rng.standard_normal((events, total)) * np.sqrt(1 - correlation)
    returns = market[:, 0] * rng.uniform(0.5, 1.5, events)[:, None] + 0.02 * (common + noise)
    returns += 0.004
    sessions = [np.flatnonzero(rng.random(total) >= holidays) for _ in range(events)]
    chosen = []
    for security in range(events):
        own = sessions[security]
        earliest = np.searchsorted(own, total - (2 * spread + window[1] + 20))
        chosen.append((security, int(own[earliest + rng.integers(0, spread + 1)])))
    holes = rng.random(returns.shape) < missing
    for security, day0 in chosen:
        near = slice(day0 - 3, day0 + 4)
        holes[security, near] &= rng.random(7) < 0.5
    returns[holes] = np.nan
    return fit(returns, market, chosen, model, (-estimation - 10, -11), window, sessions)


def random_sample(seed: int, events: int = 12, *, car=(-1, 1), **options) -> WindowSample:
    """WindowSample of a random study: the events that are whole in `car`."""
    return window_sample(random_fitted(seed, events, **options), car)[0]
