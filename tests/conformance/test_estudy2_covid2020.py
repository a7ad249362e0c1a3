"""Seven firms in the week of 16 March 2020, as the R package estudy2 0.10.0 prints them.

Figures from the vignette ``estudy2-intro`` and the reference pages of that package
(numbers alone): log returns, single-index model on 2019-04-02 to 2020-03-13.

The conventions agree on abnormal returns (the daily means), on the cross-sectional t, on
``bw_1985`` (our `time_series_t`), on the sign test and on Wilcoxon's rank sums. They do not
on Patell and BMP (s with divisor T−1, market moments over days without a return), on
``lamb`` (a forecast correction of the portfolio), on the generalized sign test (p̂ pooled
over firm-days) and on the rank tests (other ranks, other S): the tests below show for those
that the stated difference is all of it, or that ours is another number.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import EventStudy, MarketModel

DATA = Path(__file__).parent / "data" / "estudy2_covid2020"
PRINTED = json.loads((DATA / "expected.json").read_text())
DAILY = PRINTED["daily"]
DAYS = [(day, day) for day in range(5)]
# Seven significant digits are printed.
DIGITS = 1e-6


@pytest.fixture(scope="module")
def results():
    returns = pd.read_csv(DATA / "rates.csv", index_col=0, parse_dates=True)
    market = pd.read_csv(DATA / "rates_indx.csv", index_col=0, parse_dates=True)
    day0 = pd.Timestamp("2020-03-16")
    rows = int(returns.index.get_loc(day0))
    asked = pd.DataFrame({"event_id": "covid", "security": returns.columns, "date": day0})
    return EventStudy(
        returns,
        asked,
        model=MarketModel("^GSPC"),
        factors=market,
        estimation=(-rows, -1),
        window=(0, 4),
    ).fit()


def statistics(results, test, windows=DAYS):
    return results.tests(windows, [test])["statistic"].to_numpy()


def test_day_by_day_the_dates_are_theirs(results):
    dates = results.dates.iloc[0].dt.strftime("%Y-%m-%d").tolist()
    assert dates == PRINTED["dates"]
    assert results.parameters["n"].tolist() == [240, 227, 212, 240, 240, 240, 240]


def test_mean_abnormal_returns_agree(results):
    assert results.abnormal.mean().to_numpy() == pytest.approx(DAILY["mean"], abs=1e-8)


def test_the_cross_sectional_t_agrees(results):
    assert statistics(results, "cross_sectional_t") == pytest.approx(DAILY["t_test"], rel=DIGITS)


def test_brown_and_warner_1985_agrees_daily_and_cumulated(results):
    assert statistics(results, "time_series_t") == pytest.approx(DAILY["bw_1985"], rel=DIGITS)
    week = statistics(results, "time_series_t", [(0, 4)])
    assert week == pytest.approx([PRINTED["car"]["car_bw1985"]], rel=DIGITS)


def test_the_sign_test_agrees(results):
    assert statistics(results, "sign") == pytest.approx(DAILY["sign"], rel=DIGITS)


def test_wilcoxon_ranks_agree(results):
    # They print the sum of the positive ranks, scipy the smaller of the two sums; 7·8/2 = 28.
    positive = np.array(DAILY["wilcoxon"])
    assert statistics(results, "wilcoxon").tolist() == np.minimum(positive, 28 - positive).tolist()


@pytest.mark.parametrize(("test", "theirs"), [("patell_z", "patell"), ("bmp_t", "boehmer")])
def test_their_divisor_and_market_moments_are_the_whole_difference(results, test, theirs):
    fitted = results.fitted
    market = results.study.factors["^GSPC"].to_numpy()
    rows = fitted.residuals.shape[1]
    before, during = market[:rows], market[rows : rows + 5]
    squares = ((before - before.mean()) ** 2).sum()
    n = fitted.n[:, None]
    s = fitted.sigma[:, None] * np.sqrt((n - 2) / (n - 1))
    c = 1 + 1 / n + (during - before.mean()) ** 2 / squares
    sar = fitted.ar / (s * np.sqrt(c))
    if test == "patell_z":
        again = sar.sum(axis=0) / np.sqrt(((fitted.n - 2) / (fitted.n - 4)).sum())
    else:
        again = sar.mean(axis=0) / sar.std(axis=0, ddof=1) * np.sqrt(7)
    assert again == pytest.approx(DAILY[theirs], rel=DIGITS)
    ours = statistics(results, test)
    assert ours == pytest.approx(DAILY[theirs], rel=0.03)
    assert ours != pytest.approx(DAILY[theirs], rel=1e-4)


def test_their_generalized_sign_pools_the_days_of_all_firms(results):
    residuals = results.fitted.residuals
    pooled = (residuals > 0).sum() / np.isfinite(residuals).sum()
    positive = (results.fitted.ar > 0).sum(axis=0)
    again = (positive - 7 * pooled) / np.sqrt(7 * pooled * (1 - pooled))
    assert again == pytest.approx(DAILY["gsign"], rel=DIGITS)
    assert statistics(results, "generalized_sign") == pytest.approx(DAILY["gsign"], abs=0.01)
