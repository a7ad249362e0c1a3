"""Names of models: the desk, the command and the prose know every one of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import Desk
from analysis.catalogue.selection import NEW_YORK, select_peers
from analysis.errors import InputError
from analysis.eventstudy import (
    CAPM,
    Dimson,
    EqualWeight,
    Ewma,
    FactorModel,
    Garch,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    QuantileModel,
    RobustModel,
    ScholesWilliams,
)
from analysis.normal_returns import (
    MODELS,
    READS_BENCHMARK,
    READS_PEERS,
    READS_US_FACTORS,
    choose_model,
)
from analysis.reports import caveats, narrative

TICKERS = ["NVDA", "TSM", "0981.HK"]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("name", MODELS)
def test_every_name_measures_bundled_data(desk: Desk, name: str) -> None:
    results = desk.study("ds-appstore-1", TICKERS, model=name)
    car = results.car((0, 0))
    nvidia = car.loc[("ds-appstore-1", "NVDA")]
    assert nvidia["se"] > 0
    assert -0.2 < nvidia["car"] < 0
    # Hong Kong is measured too, or the ledger says why not.
    ledger = set(results.skipped["security"])
    assert ("ds-appstore-1", "0981.HK") in car.index or "0981.HK" in ledger


def test_names_stand_for_these_models() -> None:
    benchmarks = {"NVDA": "^GSPC"}
    home = MarketModel(benchmarks)
    expected = {
        "market": home,
        "market_adjusted": MarketAdjusted(benchmarks),
        "mean_adjusted": MeanAdjusted(),
        "capm": CAPM("mkt_rf", "rf"),
        "ff3": FactorModel.ff3(),
        "ff5": FactorModel.ff5(),
        "carhart": FactorModel.carhart(),
        "scholes_williams": ScholesWilliams(benchmarks),
        "dimson": Dimson(benchmarks),
        "lagged": Dimson(benchmarks, lags=1, leads=0, contemporaneous=False),
        "ewma": Ewma(home),
        "garch": Garch(home),
        "quantile": QuantileModel(home),
        "robust": RobustModel(home),
    }
    for name, model in expected.items():
        chosen = choose_model(name, benchmarks)
        assert chosen.name == name
        assert chosen.model == model
        assert chosen.needs_benchmark == (name in READS_BENCHMARK)
        assert bool(chosen.factors) == (name in READS_US_FACTORS)
    assert {*expected, *READS_PEERS} == set(MODELS)
    assert {*READS_BENCHMARK, *READS_US_FACTORS, *READS_PEERS, "mean_adjusted"} == set(MODELS)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (ScholesWilliams("^GSPC"), "scholes_williams"),
        (Dimson({"NVDA": "^GSPC"}), "dimson"),
        (Ewma(MarketModel("^GSPC")), "ewma"),
        (Garch(MarketModel("^GSPC")), "garch"),
        (QuantileModel(MarketModel("^GSPC")), "quantile"),
        (RobustModel(MarketModel("^GSPC")), "robust"),
        (CAPM(), "capm"),
        (FactorModel.ff3(), "ff3"),
    ],
)
def test_every_model_of_the_engine_is_taken_as_it_is(desk: Desk, model: object, named: str) -> None:
    own = desk.study("ds-appstore-1", ["NVDA"], model=model)  # type: ignore[arg-type]
    by_name = desk.study("ds-appstore-1", ["NVDA"], model=named)
    pd.testing.assert_frame_equal(own.car((-1, 1)), by_name.car((-1, 1)))


def test_models_on_models_read_what_these_read(desk: Desk) -> None:
    options = {"model": Ewma(FactorModel.ff3())}
    assert len(desk.study("ds-appstore-1", ["NVDA"], **options).abnormal) == 1
    index = CAPM("^GSPC", "rf", excess=False)
    found = desk.study("ds-appstore-1", ["NVDA"], model=index).parameters.iloc[0]
    close = desk.study("ds-appstore-1", ["NVDA"], model="market").parameters.iloc[0]
    assert found["beta"] == pytest.approx(close["beta"], rel=1e-2)
    peers = MarketModel(EqualWeight(["AMD", "AVGO", "INTC", "MSFT", "META"]))
    assert len(desk.study("ds-appstore-1", ["NVDA"], model=peers).abnormal) == 1
    every = RobustModel(MarketModel(EqualWeight()))
    assert len(desk.study("ds-appstore-1", ["NVDA"], model=every).abnormal) == 1


def test_asia_answers_to_new_yorks_last_close(desk: Desk) -> None:
    asia = ["2330.TW", "000660.KS", "8035.T"]
    lagged = desk.study("ds-appstore-1", asia, model="lagged", benchmark="^GSPC")
    same_day = desk.study("ds-appstore-1", asia, model="market", benchmark="^GSPC")
    # A holiday of New York is a session like any other; on the same date it is missing.
    assert lagged.parameters["n"].tolist() == [220] * 3
    assert (same_day.parameters["n"] < 220).all()
    assert lagged.skipped.empty
    assert (lagged.parameters["beta"] > 1).all()
    assert (lagged.parameters["r2"] > 1.5 * same_day.parameters["r2"]).all()


def test_peers_trade_at_the_same_hours(desk: Desk) -> None:
    exchange = dict(desk.instruments().select("ticker", "exchange").iter_rows())
    peers = select_peers(desk.catalogue, ["NVDA", "0981.HK"])
    assert {"NVDA", "TSM", "META"} <= set(peers["NVDA"])
    assert not {"^GSPC", "SOXX"} & set(peers["NVDA"])
    assert all(exchange[ticker] in NEW_YORK for ticker in peers["NVDA"])
    assert {"000660.KS", "0700.HK"} <= set(peers["0981.HK"])
    assert not any(exchange[ticker] in NEW_YORK for ticker in peers["0981.HK"])


def test_the_mean_of_the_others_is_the_benchmark_of_equal_weight(desk: Desk) -> None:
    results = desk.study("ds-appstore-1", ["NVDA"], model="equal_weight")
    every = select_peers(desk.catalogue, ["NVDA"])["NVDA"]
    returns = desk.returns(every)
    others = returns.drop(columns="NVDA")
    mean = others.mean(axis=1).where(others.notna().sum(axis=1) >= 5)
    own = returns["NVDA"].dropna()
    day0 = own.index.get_loc(pd.Timestamp("2025-01-27"))
    rows = own.index[day0 - 250 : day0 - 30]
    slope, level = np.polyfit(mean[rows], own[rows], 1)
    expected = own.iloc[day0] - level - slope * mean["2025-01-27"]
    assert results.car((0, 0))["car"].iloc[0] == pytest.approx(expected, abs=1e-10)


def test_unshocked_compares_with_what_the_study_leaves_out(desk: Desk) -> None:
    chips = desk.members("gpu")
    outside = desk.study("ds-appstore-1", chips, model="unshocked").study.model
    inside = desk.study("ds-appstore-1", chips, model="equal_weight").study.model
    assert isinstance(outside, MarketModel)
    assert isinstance(inside, MarketModel)
    assert isinstance(outside.market, dict)
    assert isinstance(inside.market, dict)
    american = [item for item in chips if outside.market.get(item)]
    assert len({outside.market[item] for item in american if "." not in item}) == 1
    assert len({inside.market[item] for item in american if "." not in item}) > 1
    with pytest.raises(
        InputError, match=r"'unshocked' finds fewer than 5.*choose fewer securities"
    ):
        desk.study("ds-appstore-1", model="unshocked")


@pytest.mark.parametrize("name", MODELS)
def test_prose_has_words_for_every_model(name: str) -> None:
    assert narrative.explained_by(name)
    assert (caveats.peers(name) is not None) == (name == "equal_weight")


def test_the_notebook_offers_every_model() -> None:
    book = json.loads(Path("notebooks/event_briefing.ipynb").read_text(encoding="utf-8"))
    parameters = {one["name"]: one for one in book["metadata"]["faultline"]["parameters"]}
    assert parameters["model"]["choices"] == list(MODELS)
