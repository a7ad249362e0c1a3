"""Every test by its name, run on one sample, and p-values adjusted for many.

`battery` calls `run_tests` once per window and group, and `adjust_p_values` once on all the
p-values of a `tests()` call. The names and their order are part of the public surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Floats
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.dependence.mean_correlation import check_mode
from analysis.eventstudy.inference import parametric, ranks, signs
from analysis.eventstudy.inference.estimation_pass import EstimationStatistics, collect
from analysis.eventstudy.inference.test_result import Outcome, undefined, within_reach

# A test that needs more of the study than the sample, given the sample.
StudyTest = Callable[[WindowSample], Outcome]

# Each by what it reads: the sample, and of its estimation rows the statistics or r̄ alone.
_TESTS: dict[str, Callable[[WindowSample, EstimationStatistics], Outcome]] = {
    "time_series_t": parametric.time_series_t,
    "cross_sectional_t": lambda sample, _: parametric.cross_sectional_t(sample),
    "skewness_adjusted_t": lambda sample, _: parametric.skewness_adjusted_t(sample),
    "patell_z": lambda sample, _: parametric.patell_z(sample),
    "adjusted_patell_z": lambda sample, rows: parametric.adjusted_patell_z(sample, rows.rbar),
    "bmp_t": lambda sample, _: parametric.bmp_t(sample),
    "kolari_pynnonen_t": lambda sample, rows: parametric.kolari_pynnonen_t(sample, rows.rbar),
    "corrado_rank": ranks.corrado_rank,
    "corrado_zivney_rank": ranks.corrado_zivney_rank,
    "grank_t": ranks.grank_t,
    "grank_z": ranks.grank_z,
    "grank_overlap": lambda sample, rows: ranks.grank_overlap(sample, rows.rbar, rows),
    "sign": lambda sample, _: signs.sign(sample),
    "generalized_sign": signs.generalized_sign,
    "wilcoxon": lambda sample, _: signs.wilcoxon(sample),
}

# What is run when it is named, and not with "all".
ON_REQUEST = ("permutation_mean",)
TEST_NAMES = (
    *(name for name in _TESTS if name not in ON_REQUEST), "calendar_time_t", "permutation",
)  # fmt: skip

# Kolari & Pynnönen (2010): holds its size when events share dates, which is the usual case.
LEADING_TEST = "kolari_pynnonen_t"

# The tests that summaries choose from, see `recommendation`: they allow for events that share
# dates.
RECOMMENDED = ("kolari_pynnonen_t", "permutation", "grank_overlap")

# Why a test that needs more of the study is not defined without it.
_UNAVAILABLE = {
    "calendar_time_t": "no calendar of returns was given",
    "permutation": "no placebo dates were given",
    "permutation_mean": "no placebo dates were given",
}


def run_tests(
    sample: WindowSample,
    names: Iterable[str] | Literal["all"] = "all",
    rbar_mode: str = "overlap",
    from_study: Mapping[str, StudyTest] | None = None,
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
    from_study : mapping, optional
        ``"calendar_time_t"``, ``"permutation"`` and ``"permutation_mean"`` -> the test of this
        study, given the sample; one without it is NaN with a reason.

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
    statistics, given = collect(sample, chosen, rbar_mode), from_study or {}
    found = []
    for name in chosen:
        if name in _TESTS:
            outcome = _TESTS[name](sample, statistics)
        elif name in given:
            outcome = given[name](sample)
        else:
            outcome = undefined(name, sample.size, _UNAVAILABLE[name])
        found.append(within_reach(outcome))
    return found


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
