"""The R package estudy2 through the preset: all 16 statistics of its vignette.

Where the figures come from, and the returns: test_estudy2_covid2020.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conformance.test_estudy2_covid2020 import DAILY, DAYS, PRINTED
from tests.conformance.test_estudy2_covid2020 import results as own  # noqa: F401 - a fixture

WEEK = (0, 4)
# The daily tables print seven or eight significant digits, the tests of the week seven.
DIGITS = 5.1e-7
TESTS = {
    "bw_1980": "bw_1980",
    "bw_1985": "time_series_t",
    "t_test": "cross_sectional_t",
    "patell": "patell_z",
    "boehmer": "bmp_t",
    "lamb": "lamb",
    "sign": "sign",
    "gsign": "generalized_sign",
    "corrado_sign": "corrado_sign",
    "rank": "corrado_rank",
    "modified_rank": "modified_rank",
    "wilcoxon": "wilcoxon",
}
OF_THE_WEEK = {"car_bw1985": "time_series_t", "car_lamb": "lamb", "car_rank": "corrado_rank"}


@pytest.fixture(scope="module")
def results(own):  # noqa: F811
    return replace(own.study, preset="estudy2").fit()


def test_all_sixteen_statistics_are_covered():
    assert {"mean", *TESTS} == set(DAILY)
    assert set(OF_THE_WEEK) == set(PRINTED["car"])


@pytest.mark.parametrize("test", TESTS)
def test_daily_statistics_are_the_printed_ones(results, test):
    found = results.tests(DAYS, [TESTS[test]])["statistic"].tolist()
    assert found == pytest.approx(DAILY[test], abs=DIGITS)


@pytest.mark.parametrize(
    ("test", "digits"), [*((t, DIGITS) for t in list(OF_THE_WEEK)[:2]), ("car_rank", 5e-5)]
)
def test_statistics_of_the_week_are_the_printed_ones(results, test, digits):
    found = results.tests(WEEK, [OF_THE_WEEK[test]])["statistic"].iloc[0]
    assert found == pytest.approx(PRINTED["car"][test], abs=digits)


def test_daily_means_are_the_printed_ones(results):
    means = [results.caar(day)["caar"] for day in DAYS]
    assert means == pytest.approx(DAILY["mean"], abs=5.1e-9)


def test_tests_of_single_days_say_so_for_a_week(results):
    table = results.tests(WEEK).set_index("test")
    without = table.index[table["reason"] != ""]
    assert set(without) == set(TESTS.values()) - set(OF_THE_WEEK.values())
    assert set(table.loc[without, "reason"]) == {"estudy2 has this test for single days only"}
