"""How often each test rejects a true null at 5 %, by case: written by scripts/size_and_power.py.

Do not edit by hand; ``data/simulated/*.csv`` hold the results, and `recommendation` reads
this table because the engine reads no file.
"""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Lowest and highest share over the designs of a case, and the highest's standard error."""

    low: float
    high: float
    error: float


# None: the test is not defined there.
SIZES: dict[str, dict[str, Size | None]] = {
    "one_date": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "spread_dates": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "exchanges": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "events_3": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "events_5": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "events_10": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "raised_variance": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "common_shock": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
    "thin_trading": dict.fromkeys(['time_series_t', 'cross_sectional_t', 'skewness_adjusted_t', 'patell_z', 'adjusted_patell_z', 'bmp_t', 'kolari_pynnonen_t', 'corrado_rank', 'corrado_zivney_rank', 'grank_t', 'grank_z', 'grank_overlap', 'sign', 'generalized_sign', 'wilcoxon', 'calendar_time_t', 'permutation']),
}
