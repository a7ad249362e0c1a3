"""What is measured of the engine: the calls that an analyst makes, from frames to frames."""

from __future__ import annotations

from analysis.eventstudy import EventStudy, MarketModel
from analysis.eventstudy.inference.registry import TEST_NAMES
from analysis.eventstudy.results import EventStudyResults
from tests.benchmarks.sets import CAR, ESTIMATION, TESTED, WINDOW, Case

PARAMETRIC = (
    "time_series_t",
    "cross_sectional_t",
    "skewness_adjusted_t",
    "patell_z",
    "bmp_t",
)
WITH_RBAR = (*PARAMETRIC, "adjusted_patell_z", "kolari_pynnonen_t")
# Everything that has a formula: no permutation, no bootstrap.
CLOSED_FORMS = tuple(
    name for name in TEST_NAMES if name != "permutation" and "bootstrap" not in name
)


def fit(case: Case, *, exclude_own_events: bool = False) -> EventStudyResults:
    """Ask and fit. The plain ways know nothing of own other events, so neither does this."""
    return EventStudy(
        case.returns,
        case.events,
        model=MarketModel(),
        factors=case.market,
        estimation=ESTIMATION,
        window=WINDOW,
        exclude_own_events=exclude_own_events,
    ).fit()


def answer(
    case: Case,
    tests: tuple[str, ...],
    window: tuple[int, int] = CAR,
    *,
    exclude_own_events: bool = False,
) -> float:
    """Abnormal returns, CARs with the full forecast covariance, tests of a window; the CAAR."""
    results = fit(case, exclude_own_events=exclude_own_events)
    abnormal, cars = results.abnormal, results.car(CAR)
    table = results.tests([window], tests) if tests else None
    missing = table is not None and table["statistic"].isna().any()
    if missing or len(abnormal) != case.size or len(cars) != case.size:
        raise AssertionError(f"Not everything was answered:\n{table}")
    return float(cars["car"].mean())


def battery(case: Case, window: tuple[int, int] = TESTED, **options: bool) -> float:
    """Everything that has a formula, on one window."""
    return answer(case, CLOSED_FORMS, window, **options)


def permutation(case: Case) -> tuple[int, float]:
    """The permutation test of 60 events on one day: how many events, and the p-value."""
    day = case.returns.index[1300]
    same = case.events.drop_duplicates("security").head(60).assign(date=day)
    results = EventStudy(
        case.returns.iloc[:1600], same, factors=case.market, estimation=ESTIMATION, window=WINDOW
    ).fit()
    return len(same), float(results.tests([CAR], ["permutation"])["p_value"].iloc[0])
