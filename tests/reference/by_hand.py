"""Samples small enough to work out on paper."""

from __future__ import annotations

import numpy as np

from analysis.eventstudy.core.fitted import Fitted, WindowSample, window_sample


def one_day_sample(scar, residuals=None, *, sigma=1.0, dof=100.0, day0=None) -> WindowSample:
    """Events with a one-day window, no estimated parameter, and these standardised CARs.

    With `sigma` 1 the CAR is its standardised self. `residuals` is (N, E); `day0` is where
    each event falls on the common time line, the estimation window ending the day before.
    """
    scar = np.asarray(scar, dtype=float)
    n = len(scar)
    if residuals is None:
        residuals = np.tile([-1.0, 0.0, 1.0, 0.5], (n, 1))
    residuals = np.asarray(residuals, dtype=float) if n else np.empty((0, 4))
    width = residuals.shape[1]
    day = np.full(n, width) if day0 is None else np.asarray(day0)
    estimation = np.arange(-width, 0)
    fitted = Fitted(
        offsets=np.array([0]),
        estimation_offsets=estimation,
        ar=(scar * sigma)[:, None],
        days=day[:, None],
        residuals=residuals,
        residual_days=day[:, None] + estimation,
        x=np.zeros((n, 1, 0)),
        xtx_inv=np.zeros((n, 0, 0)),
        sigma=np.full(n, sigma),
        dof=np.full(n, dof),
        n=np.isfinite(residuals).sum(axis=1),
    )
    return window_sample(fitted, (0, 0))[0]
