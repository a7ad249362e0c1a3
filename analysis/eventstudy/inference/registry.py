"""The battery: every test by its name, run on one sample, and p-values adjusted for many.

`battery` calls `run_tests` once per window and group, and `adjust_p_values` once on all the
p-values of a `tests()` call. The names and their order are part of the public surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.dependence.mean_correlation import check_mode
from analysis.eventstudy.inference.estimation_pass import EstimationStatistics, collect
from analysis.eventstudy.inference.parametric import (
    adjusted_patell_z,
    bmp_t,
    cross_sectional_t,
    kolari_pynnonen_t,
    patell_z,
    skewness_adjusted_t,
    time_series_t,
)
from analysis.eventstudy.inference.ranks import (
    corrado_rank,
    corrado_zivney_rank,
    grank_overlap,
    grank_t,
    grank_z,
)
from analysis.eventstudy.inference.signs import generalized_sign, sign, wilcoxon
from analysis.eventstudy.inference.test_result import Outcome, undefined, within_reach

# A test that needs more of the study than the sample, given the sample.
FromStudy = Callable[[WindowSample], Outcome]

TEST_NAMES = (
    "time_series_t",
    "cross_sectional_t",
    "skewness_adjusted_t",
    "patell_z",
    "adjusted_patell_z",
    "bmp_t",
    "kolari_pynnonen_t",
    "corrado_rank",
    "corrado_zivney_rank",
    "grank_t",
    "grank_z",
    "grank_overlap",
    "sign",
    "generalized_sign",
    "wilcoxon",
    "calendar_time_t",
    "permutation",
)

# Kolari & Pynnönen (2010): holds its size when events share dates, which is the usual case.
LEADING_TEST = "kolari_pynnonen_t"

# What is run when it is named, and not with "all".
ON_REQUEST = ("permutation_mean",)

# The tests that summaries choose from, see `recommendation`: they allow for events that share
# dates.
RECOMMENDED = ("kolari_pynnonen_t", "permutation", "grank_overlap")

_ALONE: dict[str, Callable[[WindowSample], Outcome]] = {
    "cross_sectional_t": cross_sectional_t,
    "skewness_adjusted_t": skewness_adjusted_t,
    "patell_z": patell_z,
    "bmp_t": bmp_t,
    "sign": sign,
    "wilcoxon": wilcoxon,
}

_WITH_HISTORY: dict[str, Callable[[WindowSample, EstimationStatistics], Outcome]] = {
    "time_series_t": time_series_t,
    "corrado_rank": corrado_rank,
    "corrado_zivney_rank": corrado_zivney_rank,
    "grank_t": grank_t,
    "grank_z": grank_z,
    "generalized_sign": generalized_sign,
}

_WITH_RBAR: dict[str, Callable[[WindowSample, float], Outcome]] = {
    "adjusted_patell_z": adjusted_patell_z,
    "kolari_pynnonen_t": kolari_pynnonen_t,
}

_UNASKED = {
    "calendar_time_t": "no calendar of returns was given",
    "permutation": "no placebo dates were given",
    "permutation_mean": "no placebo dates were given",
}


def run_tests(
    sample: WindowSample,
    names: Iterable[str] | Literal["all"] = "all",
    rbar_mode: str = "overlap",
    placebos: FromStudy | None = None,
    portfolio: FromStudy | None = None,
    placebo_means: FromStudy | None = None,
) -> list[Outcome]:
    """Run tests on one sample.

    Parameters
    ----------
    sample : WindowSample
        The events that are whole in one window.
    names : iterable of str or "all"
        Names among `TEST_NAMES`, all of them in their order by default, or `ON_REQUEST`.
    rbar_mode : {"overlap", "calendar", "event"}
        How r̄ pairs and weights the events, see `mean_correlation.rbar`.
    placebos : callable, optional
        The permutation test of this study, given the sample; without it `permutation` is
        NaN with a reason.
    portfolio : callable, optional
        The calendar-time portfolio of this study, given the sample; without it
        `calendar_time_t` is NaN with a reason.
    placebo_means : callable, optional
        As `placebos`, for `permutation_mean`.

    Returns
    -------
    list of Outcome
        In the order of the names. A test that could not reach 5 % whatever happened has its
        statistic, no p-value and a reason.

    Raises
    ------
    InputError
        Unknown test or r̄ mode.
    """
    chosen = check_names(names)
    check_mode(rbar_mode)
    history = collect(sample, chosen, rbar_mode)
    from_study = {
        "calendar_time_t": portfolio,
        "permutation": placebos,
        "permutation_mean": placebo_means,
    }
    return [within_reach(_outcome(name, sample, history, from_study)) for name in chosen]


def check_names(names: Iterable[str] | Literal["all"]) -> tuple[str, ...]:
    """Check the names of tests; ``"all"``, or a single name, may stand without a list.

    Raises
    ------
    InputError
        Unknown test.
    """
    if isinstance(names, str):
        names = TEST_NAMES if names == "all" else (names,)
    if not isinstance(names, Iterable):
        raise InputError(f"tests must be 'all' or a list of names of tests, not {names!r}.")
    chosen = list(names)
    for name in chosen:
        if name not in TEST_NAMES + ON_REQUEST:
            raise unknown_name("test", str(name), TEST_NAMES + ON_REQUEST)
    return tuple(dict.fromkeys(chosen))


def adjust_p_values(p_values: Floats) -> tuple[Floats, Floats]:
    """Adjust p-values for their number, by Holm and by Benjamini–Hochberg.

    The family is all finite p-values given; NaN stays NaN. With the p-values in ascending
    order, holm_(i) = max_{j≤i} (m−j+1)·p_(j), which keeps the probability of any false
    rejection, and bh_(i) = min_{j≥i} m·p_(j)/j, which keeps the expected share of false ones
    among the rejections.

    Parameters
    ----------
    p_values : (m,) float

    Returns
    -------
    holm, bh : (m,) float
        At most 1.

    Source: Holm (1979, pp. 65–70), the sequentially rejective procedure; Benjamini & Hochberg
    (1995, section 3, procedure 1).
    """
    p = np.asarray(p_values, dtype=np.float64)
    holm, bh = np.full(p.shape, np.nan), np.full(p.shape, np.nan)
    family = np.flatnonzero(np.isfinite(p))
    order = family[np.argsort(p[family], kind="stable")]
    rank = np.arange(1, len(order) + 1)
    m = len(order)
    holm[order] = np.minimum(np.maximum.accumulate((m - rank + 1) * p[order]), 1.0)
    bh[order] = np.minimum(np.minimum.accumulate((m / rank * p[order])[::-1])[::-1], 1.0)
    return holm, bh


def _outcome(
    name: str,
    sample: WindowSample,
    history: EstimationStatistics,
    from_study: dict[str, FromStudy | None],
) -> Outcome:
    if name in _ALONE:
        return _ALONE[name](sample)
    if name in _WITH_HISTORY:
        return _WITH_HISTORY[name](sample, history)
    if name in _WITH_RBAR:
        return _WITH_RBAR[name](sample, history.rbar)
    if name == "grank_overlap":
        return grank_overlap(sample, history.rbar, history)
    test = from_study[name]
    return undefined(name, sample.size, _UNASKED[name]) if test is None else test(sample)
