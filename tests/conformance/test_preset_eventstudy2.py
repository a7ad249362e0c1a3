"""Additions to the S&P 500 as `eventstudy2` for Stata prints them, through the preset.

Where the figures come from: data/sp500_additions/README.md.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import SuspectReturnsWarning
from analysis.eventstudy import EventStudy, MarketModel

DATA = Path(__file__).parent / "data" / "sp500_additions"
PRINTED = pd.read_csv(DATA / "printed.csv")


@pytest.fixture(scope="module")
def results():
    firms = pd.read_csv(DATA / "firms.csv", parse_dates=["date"])
    markets = pd.read_csv(DATA / "markets.csv", parse_dates=["date"])
    names = {"id_event": "event_id", "id_firm": "security", "id_group": "group"}
    # Four returns below -1, two years before the security's event: no window reads them.
    with pytest.warns(SuspectReturnsWarning, match="in column 'Office_Depot'"):
        study = EventStudy(
            firms.pivot(index="date", columns="id_firm", values="ret"),
            pd.read_csv(DATA / "events.csv").rename(columns=names),
            model=MarketModel("M1"),
            factors=markets.pivot(index="date", columns="id_market", values="ret_m"),
            estimation=(-120, -6),
            window=(-5, 5),
            preset="eventstudy2",
        )
    return study.fit()


@pytest.mark.parametrize(
    "row", list(PRINTED.itertuples(index=False)), ids=lambda row: "-".join(map(str, row[:4]))
)
def test_the_figure_agrees_to_the_printed_digits(results, row):
    window = (row.window_start, row.window_end)
    name, _, p = row.figure.partition(" ")
    if name in ("aar", "caar"):
        found = results.caar(window, row.group)["caar"]
    else:
        one = results.tests(window, [name]).set_index("group").loc[row.group]
        found = one["p_value" if p else "statistic"]
    assert round(found, row.digits) == row.value


def test_every_event_counts_and_t_has_the_sessions_of_the_estimation_window_less_two(results):
    table = results.tests((0, 1), ["kolari_pynnonen_t", "grank_t"]).set_index(["group", "test"])
    assert table["n"].groupby("group").first().to_dict() == {"G1": 16, "G2": 10, "all": 26}
    assert table["df"].tolist() == [113.0] * 6
