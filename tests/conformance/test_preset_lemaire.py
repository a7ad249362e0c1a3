"""Apple around 9 January 2007 as Lemaire's `eventstudy` prints it, through the preset.

Where the figures come from: data/lemaire_iphone/README.md. They are printed to a few decimals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import EventStudy, MarketModel

DATA = Path(__file__).parent / "data" / "lemaire_iphone"
PRINTED = pd.read_csv(DATA / "printed.csv", index_col="day")


@pytest.fixture(scope="module")
def results():
    returns = pd.read_csv(DATA / "returns.csv", index_col="date", parse_dates=True)
    asked = pd.DataFrame({"event_id": ["iphone"], "security": "AAPL", "date": "2007-01-09"})
    # 300 rows and a buffer of 30 before the window.
    return EventStudy(
        returns[["AAPL"]],
        asked,
        model=MarketModel("SPY"),
        factors=returns[["SPY"]],
        estimation=(-332, -33),
        window=(-2, 10),
        preset="lemaire",
    ).fit()


def test_abnormal_returns_agree_to_the_printed_digits(results):
    np.testing.assert_allclose(results.abnormal.iloc[0], PRINTED["ar"], atol=0.000501)


@pytest.mark.parametrize("day", PRINTED.index)
def test_car_error_t_and_one_sided_p_agree_to_the_printed_digits(results, day):
    car = results.car((-2, day)).iloc[0]
    printed = PRINTED.loc[day]
    assert car["car"] == pytest.approx(printed["car"], abs=0.000501)
    assert car["se"] == pytest.approx(printed["se_car"], abs=0.00000501)
    assert car["t"] == pytest.approx(printed["t"], abs=0.00501)
    assert car["df"] == 299
    assert car["p_value"] == pytest.approx(printed["p"], abs=0.00501)


def test_of_one_event_the_average_is_its_car(results):
    for day in PRINTED.index:
        table = results.tests((-2, int(day)))
        car = results.car((-2, int(day))).iloc[0]
        assert table["test"].tolist() == ["aggregate_t"]
        assert table["statistic"].iloc[0] == pytest.approx(car["t"], rel=1e-12)
        assert table["p_value"].iloc[0] == pytest.approx(car["p_value"], rel=1e-12)
