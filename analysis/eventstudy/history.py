"""One look at the estimation rows of a sample: all that its tests need of them.

The rows of a large study are made again whenever they are looked at, so every test of one
`tests()` call shares a single pass over blocks that stay in cache. A block is sorted once;
whatever is ranked among its rows (the event window's abnormal returns, a standardised CAR)
is placed by binary search, and the ranks of the rows follow by counting.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from analysis.eventstudy.dependence import (
    mean_correlation,
    mean_overlap,
    overlap_sums,
    rbar,
)
from analysis.eventstudy.fitted import Floats, Ints, Rows, Sample
from analysis.eventstudy.outcome import ROUNDING, spread
from analysis.eventstudy.overlap import OverlapSums
from analysis.eventstudy.ranking import SortedRows

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
        Overlap-weighted mean correlation of the estimation U, where it was asked for.
    """

    scale: float
    days: DayMeans
    own: Floats
    counts: Ints
    rbar: float = math.nan


@dataclass
class History:
    """What the tests of one sample need of its estimation rows; only what was asked for.

    Attributes
    ----------
    rbar : float
        Mean residual correlation.
    residuals : DayMeans
        Sums of residuals by estimation day.
    positive : (N,) float
        Share of strictly positive residuals of each event; NaN without any residual.
    corrado, zivney : DayMeans or None
        Sums of U over the estimation days and then the days of the event window.
    generalized, overlapping : GeneralizedRanks or None
        For `grank_t` and `grank_z`, and for `grank_overlap`.
    """

    rbar: float
    residuals: DayMeans
    positive: Floats
    corrado: DayMeans | None = None
    zivney: DayMeans | None = None
    generalized: GeneralizedRanks | None = None
    overlapping: GeneralizedRanks | None = None
    scaled_sar: Floats | None = None


def observe(
    sample: Sample, tests: Collection[str], mode: str = "overlap", mean: float | None = None
) -> History:
    """Look at the estimation rows of a sample once, for some tests.

    Parameters
    ----------
    sample : Sample
    tests : collection of str
        Names of tests.
    mode : {"overlap", "calendar", "event"}
        How r̄ pairs and weights the events, see `dependence.rbar`.
    mean : float, optional
        r̄, where it is known already.

    Returns
    -------
    History
    """
    wanted, fitted = set(tests), sample.fitted
    if mean is None:
        mean = rbar(sample, mode) if wanted & WITH_RBAR else math.nan
    width, size = len(fitted.estimation_offsets), sample.size
    days = width + len(fitted.offsets)
    history = History(mean, DayMeans.of(width), np.full(size, np.nan))
    sd = spread(sample.scar) if size > 1 else 0.0
    if "corrado_rank" in wanted and size:
        history.corrado = DayMeans.of(days)
    if "corrado_zivney_rank" in wanted and size > 1:
        history.zivney = DayMeans.of(days)
        history.scaled_sar = _scaled_sar(sample)
    if wanted & GENERALIZED and sd > 0:
        history.generalized = _none_ranked(1.0 / sd, width, size)
    sums = None
    if "grank_overlap" in wanted and sd > 0 and mean < 1.0:
        history.overlapping = _none_ranked(math.sqrt(1.0 - mean) / sd, width, size)
        sums = overlap_sums(sample)
    if wanted & OF_RESIDUALS:
        for rows, residuals in fitted.residual_blocks():
            _look(history, sample, rows, residuals, wanted, sums)
    if history.overlapping is not None:
        history.overlapping.rbar = _rank_correlation(sample, history.overlapping, sums)
    return history


def daily_spread(values: Floats) -> Floats:
    """Standard deviation across events (ddof 1) by day; NaN with fewer than 2, or where 0."""
    spreads = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        present = values[:, column]
        present = present[np.isfinite(present)]
        if len(present) > 1:
            sd = float(present.std(ddof=1))
            if sd > ROUNDING * np.abs(present).max():
                spreads[column] = sd
    return spreads


def _scaled_sar(sample: Sample) -> Floats:
    """SAR of the event window over its standard deviation across events, (N, W)."""
    scaled = sample.fitted.ar_variance()
    np.sqrt(scaled, out=scaled)
    np.divide(sample.fitted.ar, scaled, out=scaled)
    scaled /= daily_spread(scaled)
    return scaled


def _none_ranked(scale: float, width: int, size: int) -> GeneralizedRanks:
    return GeneralizedRanks(
        scale, DayMeans.of(width), np.full(size, np.nan), np.zeros(size, dtype=np.int64)
    )


def _look(
    history: History,
    sample: Sample,
    rows: Rows,
    residuals: Floats,
    wanted: set[str],
    sums: OverlapSums | None,
) -> None:
    """Take in one block of events."""
    fitted = sample.fitted
    present = np.isfinite(residuals)
    whole = bool(present.all())
    counts = np.full(len(residuals), residuals.shape[1]) if whole else present.sum(axis=1)
    history.residuals.counts += len(residuals) if whole else present.sum(axis=0)
    if "time_series_t" in wanted:
        known = residuals if whole else np.where(present, residuals, 0.0)
        history.residuals.sums += known.sum(axis=0)
    if "generalized_sign" in wanted:
        above = np.count_nonzero(residuals > 0, axis=1)
        history.positive[rows] = np.where(counts > 0, above / np.maximum(counts, 1), np.nan)
    if not (history.corrado or history.zivney or history.generalized or history.overlapping):
        return
    ar, sigma = fitted.ar[rows], fitted.sigma[rows, None]
    raw = ranked = SortedRows.of(residuals, counts)
    if fitted.residual_relative_sd is not None:
        # Each residual over its own standard deviation: another order.
        ranked = SortedRows.of(residuals / fitted.residual_relative_sd[rows], counts)
    if history.corrado:
        _add_days(history.corrado, *raw.with_days(ar))
    if history.zivney and history.scaled_sar is not None:
        # Residuals are compared as they are; SAR/sd is brought into their units instead.
        _add_days(history.zivney, *ranked.with_days(history.scaled_sar[rows] * sigma))
    scar = sample.scar[rows] * fitted.sigma[rows]
    for ranks in (history.generalized, history.overlapping):
        if ranks is not None:
            added, present_on, ranks.own[rows] = ranked.with_one(scar * ranks.scale)
            _add_days(ranks.days, added, present_on)
            ranks.counts[rows] = counts + 1
    if history.overlapping is not None and sums is not None:
        sums.add(rows, ranked.around_one(scar * history.overlapping.scale))


def _add_days(days: DayMeans, sums: Floats, counts: Ints) -> None:
    days.sums += sums
    days.counts += counts


def _rank_correlation(sample: Sample, ranks: GeneralizedRanks, sums: OverlapSums | None) -> float:
    """Overlap-weighted mean correlation of the estimation U."""
    fitted = sample.fitted

    def values(rows: Ints) -> Floats:
        residuals = fitted.residuals_of(rows)
        if fitted.residual_relative_sd is not None:
            residuals = residuals / fitted.residual_relative_sd[rows]
        ordered = SortedRows.of(residuals, np.isfinite(residuals).sum(axis=1))
        scar = sample.scar[rows] * fitted.sigma[rows] * ranks.scale
        return ordered.around_one(scar)

    if sums is not None:
        return mean_overlap(sample, sums, values)
    windows = fitted.days[:, sample.columns]
    every = values(np.arange(sample.size))
    return mean_correlation(every, fitted.residual_days, windows)
