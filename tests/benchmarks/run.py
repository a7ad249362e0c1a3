"""How fast the engine is, beside plain ways to the same numbers, in one run.

``make bench`` runs it. The set is made up: 250 securities × 2,600 days and 4 events each,
250 days of estimation, a 21-day event window, a market model, CARs over (−1, 1). Every
contender computes abnormal returns, CARs and their standard errors from the same frames;
the last column says how far its CAAR is from ours.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.eventstudy import EventStudy, MarketModel
from analysis.eventstudy.battery import TEST_NAMES

ESTIMATION, WINDOW, CAR = (-260, -11), (-10, 10), (-1, 1)
CLOSED = [name for name in TEST_NAMES if name != "permutation"]


@dataclass(frozen=True)
class Case:
    returns: pd.DataFrame
    market: pd.DataFrame
    events: pd.DataFrame


def made_up(securities: int = 250, days: int = 2600, per_security: int = 4) -> Case:
    """Draw a panel that loads on one market, and events at least a window apart."""
    rng = np.random.default_rng(20250127)
    index = pd.bdate_range("2015-01-01", periods=days)
    market = rng.normal(0.0003, 0.01, days)
    values = market[:, None] * rng.uniform(0.5, 1.5, securities)
    values += rng.normal(0.0, 0.02, (days, securities))
    names = [f"S{number:04d}" for number in range(securities)]
    slots = np.arange(300, days - 30, 30)
    rows = np.stack([rng.choice(slots, per_security, replace=False) for _ in names]).ravel()
    events = pd.DataFrame(
        {
            "event_id": [f"E{number}" for number in range(len(rows))],
            "security": np.repeat(names, per_security),
            "date": index[rows],
        }
    )
    return Case(pd.DataFrame(values, index, names), pd.DataFrame({"market": market}, index), events)


def engine(case: Case) -> float:
    """Ours: fit, abnormal returns, CARs with the full forecast covariance."""
    return float(_fit(case).car(CAR)["car"].mean())


def engine_with_tests(case: Case) -> float:
    """Ours with every closed-form test of the battery, r̄ by overlap included."""
    results = _fit(case)
    results.tests([CAR], CLOSED)
    return float(results.car(CAR)["car"].mean())


def engine_with_permutation(case: Case) -> float:
    """Ours with the permutation test of the first 60 events moved to one day."""
    day = case.returns.index[1300]
    same = case.events.drop_duplicates("security").head(60).assign(date=day)
    results = EventStudy(
        case.returns.iloc[:1600], same, factors=case.market, estimation=ESTIMATION, window=WINDOW
    ).fit()
    return float(results.tests([CAR], ["permutation"])["p_value"].iloc[0])


def vectorised(case: Case) -> float:
    """A plain vectorised market model in NumPy, no missing data, no calendars."""
    y, x, own, row = _arrays(case)
    before = row[:, None] + np.arange(ESTIMATION[0], ESTIMATION[1] + 1)
    around = row[:, None] + np.arange(WINDOW[0], WINDOW[1] + 1)
    inside = slice(CAR[0] - WINDOW[0], CAR[1] - WINDOW[0] + 1)
    ye, xe = y[before, own[:, None]], x[before]
    xm, ym = xe.mean(axis=1, keepdims=True), ye.mean(axis=1, keepdims=True)
    sxx = ((xe - xm) ** 2).sum(axis=1)
    beta = ((xe - xm) * (ye - ym)).sum(axis=1) / sxx
    alpha = ym[:, 0] - beta * xm[:, 0]
    s2 = ((ye - alpha[:, None] - beta[:, None] * xe) ** 2).sum(axis=1) / (before.shape[1] - 2)
    ar = y[around, own[:, None]] - alpha[:, None] - beta[:, None] * x[around]
    length = CAR[1] - CAR[0] + 1
    reach = (x[around[:, inside]] - xm).sum(axis=1)
    se = np.sqrt(s2 * (length + length**2 / before.shape[1] + reach**2 / sxx))
    car = ar[:, inside].sum(axis=1)
    assert np.isfinite(car / se).all()
    return float(car.mean())


def numpy_loop(case: Case) -> float:
    """One event after the other with numpy.linalg.lstsq."""
    y, x, own, row = _arrays(case)
    cars = []
    for security, zero in zip(own, row, strict=True):
        before = slice(zero + ESTIMATION[0], zero + ESTIMATION[1] + 1)
        around = slice(zero + CAR[0], zero + CAR[1] + 1)
        design = np.column_stack([np.ones(before.stop - before.start), x[before]])
        b, rss, *_ = np.linalg.lstsq(design, y[before, security], rcond=None)
        ahead = np.column_stack([np.ones(around.stop - around.start), x[around]])
        g = ahead.sum(axis=0)
        spread = len(ahead) + g @ np.linalg.inv(design.T @ design) @ g
        se = np.sqrt(rss[0] / (len(design) - 2) * spread)
        cars.append((y[around, security] - ahead @ b).sum())
        assert se > 0
    return float(np.mean(cars))


def statsmodels_loop(case: Case) -> float:
    """One event after the other with statsmodels' OLS on labelled frames."""
    import statsmodels.api as sm

    design = sm.add_constant(case.market)
    cars = []
    for security, date in zip(case.events["security"], case.events["date"], strict=True):
        zero = case.returns.index.get_loc(date)
        before = slice(zero + ESTIMATION[0], zero + ESTIMATION[1] + 1)
        around = slice(zero + CAR[0], zero + CAR[1] + 1)
        fitted = sm.OLS(case.returns[security].iloc[before], design.iloc[before]).fit()
        ahead = design.iloc[around]
        g = ahead.sum().to_numpy()
        se = np.sqrt(fitted.mse_resid * len(ahead) + g @ fitted.cov_params().to_numpy() @ g)
        cars.append((case.returns[security].iloc[around] - fitted.predict(ahead)).sum())
        assert se > 0
    return float(np.mean(cars))


def main() -> None:
    """Time every contender and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the best counts")
    repeat = parser.parse_args().repeat
    case = made_up()
    numpy_loop(case), engine(case)  # what is imported late is imported now
    events = len(case.events)
    contenders: list[tuple[str, Callable[[Case], float]]] = [
        ("faultline", engine),
        ("faultline, 15 closed-form tests", engine_with_tests),
        ("plain vectorised NumPy", vectorised),
        ("NumPy, one event at a time", numpy_loop),
        ("statsmodels, one event at a time", statsmodels_loop),
    ]
    print(f"{events} events × 250 estimation days × 21 days, best of {repeat}")
    print(f"{'':34}{'seconds':>9}{'events/s':>11}{'ratio':>8}{'|CAAR − ours|':>15}")
    base, ours = 0.0, 0.0
    for name, run in contenders:
        seconds, caar = _best(run, case, repeat)
        base, ours = base or seconds, ours or caar
        print(
            f"{name:34}{seconds:9.4f}{events / seconds:11,.0f}{seconds / base:8.2f}"
            f"{abs(caar - ours):15.1e}"
        )
    seconds, p = _best(engine_with_permutation, case, 1)
    print(f"permutation test, 60 events on one day of 1,600: {seconds:.2f} s (p = {p:.3f})")


def _fit(case: Case):
    return EventStudy(
        case.returns,
        case.events,
        model=MarketModel(),
        factors=case.market,
        estimation=ESTIMATION,
        window=WINDOW,
        # The loops know nothing of own other events, so that all fit the same rows.
        exclude_own_events=False,
    ).fit()


def _arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    own = case.returns.columns.get_indexer(case.events["security"])
    row = case.returns.index.get_indexer(case.events["date"])
    return case.returns.to_numpy(), case.market["market"].to_numpy(), own, row


def _best(run: Callable[[Case], float], case: Case, repeat: int) -> tuple[float, float]:
    seconds, value = np.inf, np.nan
    for _ in range(repeat):
        start = time.perf_counter()
        value = run(case)
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, value


if __name__ == "__main__":
    main()
