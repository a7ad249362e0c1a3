"""One look at the estimation rows of a sample: all that its tests need of them.

The rows of a large study are made again whenever they are looked at, so every test of one
`tests()` call shares a single pass over blocks that stay in cache, and every rank test a
single sort of its rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.eventstudy.core.arrays import Floats, Ints, Rows
from analysis.eventstudy.core.fitted import Fitted, WindowSample, row_slices
from analysis.eventstudy.core.threads import map_ordered
from analysis.eventstudy.core.tolerances import ROUNDING
from analysis.eventstudy.dependence.mean_correlation import (
    mean_overlap,
    mean_paired,
    overlap_sums,
    rbar,
)
from analysis.eventstudy.dependence.overlap import Overlap
from analysis.eventstudy.inference.joint_ranks import JointRanks
from analysis.eventstudy.inference.test_result import spread

WITH_RBAR = frozenset({"adjusted_patell_z", "kolari_pynnonen_t", "grank_overlap"})
GENERALIZED = frozenset({"grank_t", "grank_z"})
OF_RESIDUALS = GENERALIZED | {
    "time_series_t",
    "generalized_sign",
    "corrado_rank",
    "corrado_zivney_rank",
    "grank_overlap",
}


@dataclass
class DayMeans:
    """Sums over events by relative day, and how many events have a value on it."""

    sums: Floats
    counts: Ints

    @classmethod
    def of(cls, days: int) -> DayMeans:
        """Start with no event."""
        return cls(np.zeros(days), np.zeros(days, dtype=np.int64))

    def add(self, sums: Floats, counts: Ints) -> None:
        """Add those of more events."""
        self.sums += sums
        self.counts += counts

    def means(self) -> Floats:
        """Mean over the events present; 0 on a day without any."""
        means: Floats = self.sums / np.maximum(self.counts, 1)
        return means


@dataclass
class GeneralizedRanks:
    """Generalized ranks of a sample: U of each SCAR* among the event's own residuals.

    Attributes
    ----------
    scale : float
        SCAR* = SCAR × scale.
    days : DayMeans
        Sums of U over the estimation rows.
    own : (N,) float
        U of SCAR*.
    counts : (N,) int
        Values ranked for each event, n_i.
    rbar : float
        Mean correlation of the estimation U, paired and weighted as r̄; where asked for.
    """

    scale: float
    days: DayMeans
    own: Floats
    counts: Ints
    rbar: float = math.nan


@dataclass
class EstimationStatistics:
    """What the tests of one sample need of its estimation rows; only what was asked for.

    Attributes
    ----------
    rbar : float
        Mean residual correlation.
    residuals : DayMeans
        Sums of residuals by estimation day.
    positive : (N,) float
        Share of strictly positive residuals of each event; NaN without any residual.
    counts : (N,) int
        Residuals of each event, where ranks were asked for.
    corrado, zivney : DayMeans or None
        Sums of U over the estimation days and then the days of the event window.
    generalized, overlapping : GeneralizedRanks or None
        For `grank_t` and `grank_z`, and for `grank_overlap`.
    """

    rbar: float
    residuals: DayMeans
    positive: Floats
    counts: Ints
    corrado: DayMeans | None = None
    zivney: DayMeans | None = None
    generalized: GeneralizedRanks | None = None
    overlapping: GeneralizedRanks | None = None
    sar_spread: Floats | None = None


def collect(
    sample: WindowSample, tests: Collection[str], mode: str = "overlap", mean: float | None = None
) -> EstimationStatistics:
    """Look at the estimation rows of a sample once, for some tests.

    Parameters
    ----------
    sample : WindowSample
    tests : collection of str
        Names of tests.
    mode : {"overlap", "calendar", "event"}
        How r̄ and r̄_U pair and weight the events, see `mean_correlation.rbar`.
    mean : float, optional
        r̄, where it is known already.

    Returns
    -------
    EstimationStatistics
    """
    wanted, fitted = set(tests), sample.fitted
    if mean is None:
        mean = rbar(sample, mode) if wanted & WITH_RBAR else math.nan
    width, size = len(fitted.estimation_offsets), sample.size
    positive, counts = np.full(size, np.nan), np.zeros(size, dtype=np.int64)
    history = EstimationStatistics(mean, DayMeans.of(width), positive, counts)
    _prepare_ranks(history, sample, wanted)
    sums = None
    if history.overlapping is not None and mode == "overlap":
        sums = overlap_sums(sample)
    if wanted & OF_RESIDUALS == {"time_series_t"} and (known := fitted.day_sums()) is not None:
        history.residuals.add(*known)
    elif wanted & OF_RESIDUALS:

        def look(rows: Rows) -> _Seen:
            return _look(history, sample, rows, wanted, sums)

        blocks = fitted.block_rows() if sums is None else sums.blocks(fitted.block_size)
        for seen in map_ordered(look, blocks):
            _take_in(history, seen)
            if sums is not None and seen.part is not None:
                sums.add(seen.part)
    if history.overlapping is not None:
        history.overlapping.rbar = _rank_correlation(sample, history.overlapping, sums, mode)
    return history


def _prepare_ranks(history: EstimationStatistics, sample: WindowSample, wanted: set[str]) -> None:
    """Make room for the ranks that are wanted and can be had."""
    size, width = sample.size, len(sample.fitted.estimation_offsets)
    days = width + len(sample.fitted.offsets)
    if "corrado_rank" in wanted and size:
        history.corrado = DayMeans.of(days)
    if size < 2:
        return
    if "corrado_zivney_rank" in wanted:
        history.zivney = DayMeans.of(days)
        history.sar_spread = daily_spread(sample.fitted)
    sd = spread(sample.scar)
    if wanted & GENERALIZED and sd > 0:
        history.generalized = _none_ranked(1.0 / sd, width, size)
    if "grank_overlap" in wanted and sd > 0 and history.rbar < 1.0:
        scale = math.sqrt(1.0 - history.rbar) / sd
        history.overlapping = _none_ranked(scale, width, size)


def daily_spread(fitted: Fitted) -> Floats:
    """Standard deviation of SAR across events (ddof 1) by day of the event window.

    NaN with fewer than 2 events, or where they differ by rounding alone. Slices of events are
    put together by Chan, Golub & LeVeque (1983), so that no table of SARs is ever held.
    """
    width = fitted.ar.shape[1]
    count, mean, squares, largest = (np.zeros(width) for _ in range(4))
    for own, own_mean, own_squares, own_largest in map_ordered(
        lambda rows: _moments(fitted.sar(rows)), row_slices(len(fitted))
    ):
        both, apart = count + own, own_mean - mean
        squares += own_squares + apart**2 * count * own / np.maximum(both, 1)
        mean += apart * own / np.maximum(both, 1)
        count, largest = both, np.maximum(largest, own_largest)
    sd = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.where((count > 1) & (sd > ROUNDING * largest), sd, np.nan)


def _moments(values: Floats) -> tuple[Ints, Floats, Floats, Floats]:
    """Count, mean, squares about it and largest size of each column, missing values left out.

    The values are written over.
    """
    sums = values.sum(axis=0)
    count = np.full(values.shape[1], len(values))
    known = None
    # A sum over a missing value is missing: most slices need no mask.
    if not np.isfinite(sums).all():
        known = np.isfinite(values)
        values[~known] = 0.0
        count, sums = known.sum(axis=0), values.sum(axis=0)
    largest = np.maximum(values.max(axis=0, initial=0.0), -values.min(axis=0, initial=0.0))
    mean = sums / np.maximum(count, 1)
    values -= mean
    if known is not None:
        values *= known
    values *= values
    return count, mean, values.sum(axis=0), largest


def _none_ranked(scale: float, width: int, size: int) -> GeneralizedRanks:
    return GeneralizedRanks(
        scale, DayMeans.of(width), np.full(size, np.nan), np.zeros(size, dtype=np.int64)
    )


@dataclass(frozen=True)
class _Seen:
    """What one block of events adds to `EstimationStatistics`."""

    rows: Rows
    residuals: tuple[Floats, Ints]
    positive: Floats | None = None
    corrado: tuple[Floats, Ints] | None = None
    zivney: tuple[Floats, Ints] | None = None
    generalized: tuple[Floats, Ints, Floats] | None = None
    overlapping: tuple[Floats, Ints, Floats] | None = None
    counts: Ints | None = None
    part: Any = None


def _look(
    history: EstimationStatistics,
    sample: WindowSample,
    rows: Rows,
    wanted: set[str],
    sums: Overlap | None,
) -> _Seen:
    """Look at one block of events."""
    fitted = sample.fitted
    residuals = fitted.residuals_of(rows)
    size, width = residuals.shape
    # A sum over a missing value is missing: most blocks need no mask.
    day_sums = residuals.sum(axis=0)
    whole = bool(np.isfinite(day_sums).all())
    counts, on_day = np.full(size, width), np.full(width, size)
    if not whole:
        present = np.isfinite(residuals)
        day_sums = np.where(present, residuals, 0.0).sum(axis=0)
        counts, on_day = np.count_nonzero(present, axis=1), present.sum(axis=0)
    if "time_series_t" not in wanted:
        day_sums = np.zeros(width)
    positive = None
    if "generalized_sign" in wanted:
        above = np.count_nonzero(residuals > 0, axis=1)
        positive = np.where(counts > 0, above / np.maximum(counts, 1), np.nan)
    seen = _Seen(rows, (day_sums, on_day), positive)
    if not (history.corrado or history.zivney or history.generalized or history.overlapping):
        return seen
    # Residuals are compared as they are; what is standardised is brought into their units.
    sigma, relative = fitted.sigma[rows], fitted.residual_relative_sd
    scar = sample.scar[rows] * sigma
    standardised: dict[str, Floats] = {}
    if history.sar_spread is not None:
        standardised["zivney"] = fitted.sar(rows, sigma=False) / history.sar_spread
    for name in ("generalized", "overlapping"):
        ranks: GeneralizedRanks | None = getattr(history, name)
        if ranks is not None:
            standardised[name] = (scar * ranks.scale)[:, None]
    raw = {} if history.corrado is None else {"corrado": fitted.ar[rows]}
    if relative is None:
        ranked = _rank(residuals, raw | standardised, whole=whole)
    else:
        # Each residual over its own standard deviation: another order.
        over = residuals / relative[rows]
        ranked = _rank(residuals, raw, whole=whole) | _rank(over, standardised)
    u = ranked.pop("u", None)
    part = None if sums is None or u is None else sums.part(rows, u)
    return replace(seen, counts=counts, part=part, **ranked)


def _rank(
    values: Floats, groups: dict[str, Floats], *, whole: bool | None = None
) -> dict[str, Any]:
    """Rank values together with each of some groups: what `_Seen` takes under their names.

    Also, for the overlapping correlations, the U of the values as ``"u"``.
    """
    if not groups:
        return {}
    joint = JointRanks(values, list(groups.values()), whole=whole)
    width = values.shape[1]
    found: dict[str, Any] = {}
    for number, name in enumerate(groups):
        sums, counts = joint.rank_sums(number)
        found[name] = sums, counts
        if name in ("generalized", "overlapping"):
            found[name] = sums[:width], counts[:width], joint.of_group(number)[:, 0]
        if name == "overlapping":
            found["u"] = joint.of_values(number)
    return found


def _take_in(history: EstimationStatistics, seen: _Seen) -> None:
    """Add what a block of events adds."""
    history.residuals.add(*seen.residuals)
    if seen.positive is not None:
        history.positive[seen.rows] = seen.positive
    if seen.counts is not None:
        history.counts[seen.rows] = seen.counts
    for days, more in ((history.corrado, seen.corrado), (history.zivney, seen.zivney)):
        if days is not None and more is not None:
            days.add(*more)
    for ranks, part in (
        (history.generalized, seen.generalized),
        (history.overlapping, seen.overlapping),
    ):
        if ranks is not None and part is not None and seen.counts is not None:
            ranks.days.add(part[0], part[1])
            ranks.own[seen.rows] = part[2]
            ranks.counts[seen.rows] = seen.counts + 1


def _rank_correlation(
    sample: WindowSample, ranks: GeneralizedRanks, sums: Overlap | None, mode: str
) -> float:
    """Mean correlation r̄_U of the estimation U, paired and weighted as r̄."""
    fitted = sample.fitted

    def values(rows: Ints) -> Floats:
        residuals = fitted.residuals_of(rows)
        if fitted.residual_relative_sd is not None:
            residuals = residuals / fitted.residual_relative_sd[rows]
        scar = sample.scar[rows] * fitted.sigma[rows] * ranks.scale
        return JointRanks(residuals, [scar[:, None]]).of_values(0)

    if sums is not None:
        return mean_overlap(sample, sums, values)
    return mean_paired(sample, values(np.arange(sample.size)), mode)
