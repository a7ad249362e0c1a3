"""Names of models: the desk, the command and the prose know every one of them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from analysis import Desk
from analysis.briefings.notebooks import find_notebook
from analysis.briefings.parameters import KnownNames, validate
from analysis.catalogue.selection import NEW_YORK, select_peers
from analysis.cli import main
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
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.models.least_squares import Fit, least_squares
from analysis.reports import caveats, terms
from analysis.studies import models
from analysis.studies.models import (
    MODELS,
    ModelSpec,
    choose_model,
    model_names,
    model_spec,
    register_model,
)
from tests.reference.panels import events, panel, study

EVENTS = KnownNames(events=("ds-r1",))
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
        assert chosen.needs_benchmark == (MODELS[name].reads == "benchmark")
        assert bool(chosen.factors) == (MODELS[name].reads == "factors")
    on_peers = {name for name, spec in MODELS.items() if spec.reads == "peers"}
    assert on_peers == {"equal_weight", "unshocked"} == set(MODELS) - set(expected)
    assert [name for name, spec in MODELS.items() if spec.reads == "nothing"] == ["mean_adjusted"]


@dataclass(frozen=True)
class UnitBeta(MarketAdjusted):
    """The return on a constant and the benchmark with a beta of 1."""

    name: ClassVar[str] = "market model with a beta of 1"
    k: ClassVar[int] = 1
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "sigma", "n", "r2")

    def fit(self, block: Block) -> Fit:
        less = replace(
            block,
            returns=block.returns - block.factors[:, 0],
            estimation_returns=block.estimation_returns - block.estimation_factors[:, 0],
            factors=block.factors[:, :0],
            estimation_factors=block.estimation_factors[:, :0],
        )
        return replace(least_squares(less), centre=None)


@dataclass(frozen=True)
class ForgottenCentre(UnitBeta):
    """The same, with means of factors that are not those of the block."""

    factors: int = 0

    def fit(self, block: Block) -> Fit:
        fit = super().fit(block)
        return replace(fit, centre=np.zeros((len(fit.estimates), self.factors)))


@pytest.mark.parametrize("factors", [0, 1])
def test_a_model_that_changes_its_block_must_say_so(factors: int) -> None:
    returns, common = panel()
    asked = study(returns, events(returns, [120]), common, model=ForgottenCentre("F0", factors))
    with pytest.raises(InputError, match="other factors than those of its block; return"):
        asked.fit()


@pytest.fixture
def unit_beta(monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    monkeypatch.setattr(models, "MODELS", MODELS.copy())
    spec = ModelSpec("market model with a beta of 1", UnitBeta)
    register_model("unit_beta", spec)
    return spec


@pytest.mark.usefixtures("unit_beta")
def test_a_model_of_ones_own_is_studied_by_its_name(desk: Desk) -> None:
    own = desk.study("ds-appstore-1", TICKERS, model="unit_beta")
    adjusted = desk.study("ds-appstore-1", TICKERS, model="market_adjusted")
    assert "market model with a beta of 1" in repr(own)
    difference = adjusted.abnormal.sub(own.parameters["alpha"], axis=0)
    pd.testing.assert_frame_equal(own.abnormal, difference)


@pytest.mark.usefixtures("unit_beta")
def test_the_command_knows_a_model_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["study", "ds-appstore-1", "--tickers", "NVDA", "--model"]
    assert main([*command, "unit_beta", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "unit_beta"
    assert main([*command, "unit_beta"]) == 0
    assert "model unit_beta, home benchmarks" in capsys.readouterr().out
    assert main([*command, "zzz"]) == 2
    assert "unit_beta" in capsys.readouterr().err


def test_prose_speaks_of_a_model_of_ones_own(unit_beta: ModelSpec) -> None:
    assert unit_beta.reads == "benchmark"
    assert unit_beta.residual_variance == MODELS["market"].residual_variance
    assert terms.explained_by("unit_beta") == terms.explained_by("market")


@pytest.mark.usefixtures("unit_beta")
def test_a_name_of_a_model_is_given_once() -> None:
    with pytest.raises(InputError, match="There is a model 'market' already"):
        register_model("market", ModelSpec("another", UnitBeta))


def test_installed_packages_bring_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_model.py").write_text(
        "from analysis.eventstudy import MarketModel\n"
        "from analysis.studies.models import ModelSpec\n"
        "SPEC = ModelSpec('a model of another package', MarketModel)\n"
    )
    installed = tmp_path / "a_model-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: a-model\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[faultline.models]\ninstalled = a_model:SPEC\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(models, "MODELS", MODELS.copy())
    assert model_names() == (*MODELS, "installed")
    assert main(["study", "--help"]) == 0
    assert "unshocked, installed." in " ".join(capsys.readouterr().out.split())
    info = find_notebook("event_briefing")
    assert validate(info, {"event": "ds-r1", "model": "installed"}, known_names=EVENTS)["model"]
    with pytest.raises(InputError, match=r"Unknown model 'zzz'.*installed"):
        validate(info, {"event": "ds-r1", "model": "zzz"}, known_names=EVENTS)
    assert model_spec("installed").description == "a model of another package"
    assert choose_model("installed", {"NVDA": "^GSPC"}).model == MarketModel({"NVDA": "^GSPC"})


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
    assert terms.explained_by(name)
    assert (caveats.peers(name) is not None) == (name == "equal_weight")
