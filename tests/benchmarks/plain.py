"""The plain ways to a market model with CARs: whole arrays at once, or a loop over events.

`vectorised` is the yardstick of the benchmark: what somebody writes who knows NumPy well and
has no missing data, no calendars and no second look at the memory. The loops are what most
scripts do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.sets import CAR, ESTIMATION, WINDOW, Case


@dataclass(frozen=True)
class Answer:
    """Abnormal returns (events × event window), CARs and their standard errors."""

    ar: np.ndarray
    car: np.ndarray
    se: np.ndarray

    @property
    def caar(self) -> float:
        return float(self.car.mean())


def vectorised(case: Case) -> Answer:
    """Fit all events at once; the variance of a CAR is s²(L + L²/T + (Σx − L·x̄)²/Sxx)."""
    y, x, own, row = arrays(case)
    before = row[:, None] + np.arange(ESTIMATION[0], ESTIMATION[1] + 1)
    around = row[:, None] + np.arange(WINDOW[0], WINDOW[1] + 1)
    ye, xe = y[before, own[:, None]], x[before]
    ym, xm = ye.mean(axis=1), xe.mean(axis=1)
    dy, dx = ye - ym[:, None], xe - xm[:, None]
    sxx = (dx * dx).sum(axis=1)
    beta = (dx * dy).sum(axis=1) / sxx
    residuals = dy - beta[:, None] * dx
    days = before.shape[1]
    s2 = (residuals * residuals).sum(axis=1) / (days - 2)
    xw = x[around]
    ar = y[around, own[:, None]] - ym[:, None] - beta[:, None] * (xw - xm[:, None])
    inside = slice(CAR[0] - WINDOW[0], CAR[1] - WINDOW[0] + 1)
    length = CAR[1] - CAR[0] + 1
    reach = xw[:, inside].sum(axis=1) - length * xm
    se = np.sqrt(s2 * (length + length**2 / days + reach**2 / sxx))
    return Answer(ar, ar[:, inside].sum(axis=1), se)


def numpy_loop(case: Case) -> Answer:
    """One event after the other with numpy.linalg.lstsq."""
    y, x, own, row = arrays(case)
    found = []
    for security, zero in zip(own, row, strict=True):
        before = slice(zero + ESTIMATION[0], zero + ESTIMATION[1] + 1)
        around = slice(zero + WINDOW[0], zero + WINDOW[1] + 1)
        inside = slice(CAR[0] - WINDOW[0], CAR[1] - WINDOW[0] + 1)
        design = np.column_stack([np.ones(before.stop - before.start), x[before]])
        b, rss, *_ = np.linalg.lstsq(design, y[before, security], rcond=None)
        ahead = np.column_stack([np.ones(around.stop - around.start), x[around]])
        ar = y[around, security] - ahead @ b
        g = ahead[inside].sum(axis=0)
        spread = len(ahead[inside]) + g @ np.linalg.inv(design.T @ design) @ g
        found.append((ar, ar[inside].sum(), np.sqrt(rss[0] / (len(design) - 2) * spread)))
    return _together(found)


def statsmodels_loop(case: Case) -> Answer:
    """One event after the other with statsmodels' OLS on labelled frames."""
    import statsmodels.api as sm

    design = sm.add_constant(case.market)
    found = []
    for security, date in zip(case.events["security"], case.events["date"], strict=True):
        zero = case.returns.index.get_loc(date)
        before = slice(zero + ESTIMATION[0], zero + ESTIMATION[1] + 1)
        around = slice(zero + WINDOW[0], zero + WINDOW[1] + 1)
        inside = slice(CAR[0] - WINDOW[0], CAR[1] - WINDOW[0] + 1)
        fitted = sm.OLS(case.returns[security].iloc[before], design.iloc[before]).fit()
        ahead = design.iloc[around]
        ar = (case.returns[security].iloc[around] - fitted.predict(ahead)).to_numpy()
        g = ahead.iloc[inside].sum().to_numpy()
        length = len(ahead.iloc[inside])
        se = np.sqrt(fitted.mse_resid * length + g @ fitted.cov_params().to_numpy() @ g)
        found.append((ar, ar[inside].sum(), se))
    return _together(found)


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns, the market, and where each event lies, looked up in the labelled frames."""
    own = case.returns.columns.get_indexer(case.events["security"])
    row = case.returns.index.get_indexer(case.events["date"])
    return case.returns.to_numpy(), case.market["market"].to_numpy(), own, row


def _together(found: list[tuple[np.ndarray, float, float]]) -> Answer:
    ar, car, se = zip(*found, strict=True)
    return Answer(np.array(ar), np.array(car), np.array(se))
