"""The bootstrap: what the average CAR could have been by chance, drawn instead of assumed.

Wild bootstraps turn the signs (or sizes) of CARs, the pairs cluster bootstrap draws clusters
of events again. Both work on the sums of clusters, as matrix products over all draws at once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.arrays import Floats, Ints
from analysis.eventstudy.core.fitted import WindowSample
from analysis.eventstudy.inference.clusters import by_date, by_overlap
from analysis.eventstudy.inference.test_result import spread
from analysis.eventstudy.inputs.frames import Window
from analysis.eventstudy.inputs.options import check_level

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy

KINDS = ("wild", "wild_cluster", "cluster")
ON = ("car", "scar")
BY = ("overlap", "date")
# Webb (2023): six points, so that few clusters still give many different draws.
WEBB: Floats = np.concatenate([-np.sqrt([1.5, 1.0, 0.5]), np.sqrt([0.5, 1.0, 1.5])])
WEIGHTS = ("rademacher", "webb")
# With 5 clusters signs alone give no two-sided p-value below 2/32, so 5 % is out of reach.
LEAST = {"rademacher": 6, "webb": 5}
# Cameron, Gelbach & Miller (2008, table 2): with 5 clusters drawn pairs reject far too often.
LEAST_PAIRS = 10
LEAST_DRAWS = 99
# A drawn statistic that differs from the observed one by rounding alone has reached it.
ROUNDING = 1e-10
# Cells of one slice of draws × clusters.
CELLS = 1 << 20
COLUMNS = ["group", "window_start", "window_end", "kind", "caar", "statistic", "p_value"]
COLUMNS += ["low", "high", "n", "clusters", "draws", "reason"]


@dataclass(frozen=True)
class BootstrapScheme:
    """How to draw, see `EventStudyResults.bootstrap`."""

    kind: str
    draws: int
    weights: str
    level: float
    seed: int

    def every(self, clusters: int) -> bool:
        """Whether the patterns of signs are few enough to take each once."""
        return self.weights == "rademacher" and 2**clusters <= self.draws

    def enough(self, clusters: int) -> str:
        """Say why so few clusters cannot be drawn from; empty where they can."""
        least = LEAST_PAIRS if self.kind == "cluster" else LEAST[self.weights]
        if clusters >= least:
            return ""
        if self.kind == "wild":
            return f"needs at least {least} events, has {clusters}"
        if clusters == 1:
            return (
                "all events fall into one cluster (one date, or windows that overlap), and one "
                f"cluster cannot be drawn from; at least {least} are needed"
            )
        return f"needs at least {least} clusters of events, has {clusters}"


@dataclass(frozen=True)
class BootstrapResult:
    """What a bootstrap says of a mean: statistic, p-value, interval, draws behind them."""

    statistic: float
    p_value: float
    low: float
    high: float
    draws: int


def bootstrap_table(
    results: FittedStudy,
    windows: list[Window],
    groups: tuple[str, ...],
    *,
    kind: str = "wild",
    draws: int = 9999,
    on: str = "car",
    weights: str = "rademacher",
    by: str = "overlap",
    level: float = 0.95,
    seed: int | None = None,
) -> pd.DataFrame:
    """Bootstrap the mean CAR of every group and window.

    Parameters and columns are those of `EventStudyResults.bootstrap`; windows and groups are
    checked. With ``on="scar"`` the statistic of ``"wild"`` is the BMP t. Every row starts from
    the seed anew, so a figure does not depend on what else is asked. One cluster under
    ``"wild"`` says that the events are not independent.

    Raises
    ------
    InputError
        Unknown name, a level or a number of draws that cannot be.
    """
    for what, name, known in (
        ("kind of bootstrap", kind, KINDS),
        ("variable to bootstrap", on, ON),
        ("kind of weights", weights, WEIGHTS),
        ("kind of clusters", by, BY),
    ):
        if name not in known:
            raise unknown_name(what, str(name), known)
    check_level(level)
    chosen = results.study.seed if seed is None else seed
    scheme = BootstrapScheme(kind, _whole(draws), weights, level, chosen)
    rows = [
        (group, *window, kind, *_row(*results.sample(window, group), results, scheme, on, by))
        for group in groups
        for window in windows
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def bootstrap_mean(values: Floats, clusters: Ints, scheme: BootstrapScheme) -> BootstrapResult:
    """Bootstrap the mean of some values, t-statistic and all.

    The statistic is the mean over its cluster-robust standard error, with s_g the sum of the
    deviations from the mean in cluster g: se² = G/(G−1)·Σ s_g²/N² (with a cluster per
    event: sd²/N).

    Wild, p-value: under the null the deviations are the values themselves; each draw
    multiplies those of cluster g by a weight v_g and studentises the mean anew,
    p = #{|t*| ≥ |t|}/B. With Rademacher weights and 2^G ≤ `draws` all sign patterns are
    used instead, each once; it is then the exact test of symmetry about zero.
    Wild, interval: the same with deviations from the mean; mean − q(1−α/2)·se to
    mean − q(α/2)·se with q the quantiles of t* (percentile-t).
    Pairs: G clusters drawn with replacement, t* = (mean* − mean)/se*, p-value and interval
    from the same draws. p of drawn samples is (1 + #)/(1 + B).

    Parameters
    ----------
    values : (N,) float
    clusters : (N,) int
        Number of each value's cluster, 0 to G−1.
    scheme : BootstrapScheme

    Returns
    -------
    BootstrapResult

    Notes
    -----
    Source: Liu (1988) and Davidson & Flachaire (2008) for Rademacher weights and the null
    imposed; Cameron, Gelbach & Miller (2008, section III) for clusters; Webb (2023) for six
    points; Hall (1992b, chapter 3) for percentile-t.
    """
    sums = np.bincount(clusters, values).astype(np.float64)
    sizes = np.bincount(clusters).astype(np.float64)
    mean = float(values.mean())
    centred = sums - mean * sizes
    se = _error(float(centred @ centred), len(sums), len(values))
    statistic = mean / se
    if scheme.kind == "cluster":
        null = drawn = _pairs(sums, sizes, mean, scheme)
    else:
        null, drawn = _wild(sums, centred, sizes, scheme)
    exact = scheme.kind != "cluster" and scheme.every(len(sums))
    reached = int((np.abs(null) >= abs(statistic) * (1 - ROUNDING)).sum())
    p_value = reached / len(null) if exact else (1 + reached) / (1 + len(null))
    # Davison & Hinkley (1997, section 5.2): the (B+1)α-th smallest and largest, drawn values
    # and not values between two, for between infinite ones there are none.
    ordered = np.sort(drawn)
    tail = max(1, int((1 + len(drawn)) * (1 - scheme.level) / 2 + ROUNDING))
    lower, upper = float(ordered[tail - 1]), float(ordered[-tail])
    return BootstrapResult(statistic, p_value, mean - upper * se, mean - lower * se, len(null))


def _row(
    sample: WindowSample,
    members: Ints,
    results: FittedStudy,
    scheme: BootstrapScheme,
    on: str,
    by: str,
) -> tuple[object, ...]:
    n = sample.size
    if not n:
        return (*([math.nan] * 5), 0, 0, 0, "no event is whole in this window")
    clusters = by_overlap(sample) if by == "overlap" else by_date(results, members)
    count = int(clusters.max()) + 1
    drawn = np.arange(n) if scheme.kind == "wild" else clusters
    caar = float(sample.car.mean())
    reason = scheme.enough(int(drawn.max()) + 1)
    values = sample.car if on == "car" else sample.scar
    if not reason and (spread(values) == 0 or spread(sample.car) == 0):
        reason = "all events have the same CAR"
    if not reason and not _varies(sample.car, drawn) & _varies(values, drawn):
        reason = "the clusters do not differ"
    if reason:
        return (caar, *([math.nan] * 4), n, count, 0, reason)
    found = bootstrap_mean(values, drawn, scheme)
    range_ = found if on == "car" else bootstrap_mean(sample.car, drawn, scheme)
    if not math.isfinite(range_.low + range_.high):
        return (caar, *([math.nan] * 4), n, count, 0, "too many draws have no variance")
    figures = found.statistic, found.p_value, range_.low, range_.high
    return (caar, *figures, n, count, found.draws, "")


def _varies(values: Floats, clusters: Ints) -> bool:
    deviations = np.bincount(clusters, values - values.mean())
    return bool(np.abs(deviations).max() > ROUNDING * np.abs(values).max())


def _error(squares: float, clusters: int, n: float) -> float:
    return math.sqrt(clusters / (clusters - 1) * squares) / n


def _wild(
    sums: Floats, centred: Floats, sizes: Floats, scheme: BootstrapScheme
) -> tuple[Floats, Floats]:
    """Statistic of each wild draw, under the null and about the mean."""
    count, n = len(sums), float(sizes.sum())
    found: tuple[list[Floats], list[Floats]] = ([], [])
    pairs = np.column_stack([sums, sums * sizes, centred, centred * sizes])
    for v in every_sign(count) if scheme.every(count) else draw_weights(count, scheme):
        products = v @ pairs
        # Signs square to one; only Webb's points need their squares.
        own = None if scheme.weights == "rademacher" else v**2 @ pairs[:, ::2] ** 2
        for at, (s, parts) in enumerate(zip((sums, centred), found, strict=True)):
            mean = products[:, 2 * at] / n
            # Σ(v_g s_g − m_g mean)², multiplied out: no second array of draws × clusters.
            squares = float(s @ s) if own is None else own[:, at]
            squares = squares - 2 * mean * products[:, 2 * at + 1] + mean**2 * (sizes @ sizes)
            parts.append(_studentised(mean, squares, count, np.full(len(mean), n)))
    return np.concatenate(found[0]), np.concatenate(found[1])


def _pairs(sums: Floats, sizes: Floats, mean: float, scheme: BootstrapScheme) -> Floats:
    """Statistic of each draw of clusters."""
    parts = []
    for chosen in draw_clusters(len(sums), scheme):
        s, m = sums[chosen], sizes[chosen]
        n = m.sum(axis=1)
        again = s.sum(axis=1) / n
        s -= m * again[:, None]
        squares = np.einsum("bg,bg->b", s, s)
        parts.append(_studentised(again - mean, squares, len(sums), n))
    return np.concatenate(parts)


def _studentised(difference: Floats, squares: Floats, clusters: int, n: Floats) -> Floats:
    """Statistic of each draw; a draw without variance is beyond everything."""
    se = np.sqrt(clusters / (clusters - 1) * np.maximum(squares, 0.0)) / n
    beyond = np.copysign(np.inf, difference)
    t: Floats = np.divide(difference, se, out=beyond, where=se > 0)
    return t


def every_sign(clusters: int) -> Iterator[Floats]:
    """Every pattern of signs, in slices (b, G)."""
    start = 0
    for size in _steps(clusters, 2**clusters):
        pattern = np.arange(start, start + size)[:, None] >> np.arange(clusters)
        yield np.where(pattern & 1, 1.0, -1.0)
        start += size


def draw_weights(clusters: int, scheme: BootstrapScheme) -> Iterator[Floats]:
    """Drawn weights of the wild bootstraps, in slices (b, G)."""
    rng = np.random.default_rng(scheme.seed)
    for size in _steps(clusters, scheme.draws):
        if scheme.weights == "rademacher":
            cells = size * clusters
            packed = np.frombuffer(rng.bytes(-(-cells // 8)), dtype=np.uint8)
            bits = np.unpackbits(packed, count=cells).reshape(size, clusters)
            yield np.where(bits, 1.0, -1.0)
        else:
            drawn: Floats = WEBB[rng.integers(0, len(WEBB), (size, clusters), dtype=np.int8)]
            yield drawn


def draw_clusters(clusters: int, scheme: BootstrapScheme) -> Iterator[Ints]:
    """Clusters drawn with replacement, in slices (b, G)."""
    rng = np.random.default_rng(scheme.seed)
    for size in _steps(clusters, scheme.draws):
        yield rng.integers(0, clusters, (size, clusters))


def _steps(clusters: int, draws: int) -> list[int]:
    step = max(1, CELLS // clusters)
    return [min(step, draws - start) for start in range(0, draws, step)]


def _whole(draws: object) -> int:
    try:
        count = operator.index(draws)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"draws must be a whole number, not {draws!r}.") from None
    if count < LEAST_DRAWS:
        raise InputError(f"draws={count} is too few for a tail; take {LEAST_DRAWS} or more.")
    return count
