import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy import (
    EventStudy,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    abnormal_volatility,
    volatility_multiples,
)
from analysis.eventstudy.outcomes.volatility import INLIER, Volatility
from tests.reference.panels import events, panel, study

SHORT = {"estimation": (-60, -11), "window": (-3, 3), "min_observations": 20}


def asked_of(seed=0, gaps=0.0, **options):
    returns, factors = panel(seed=seed, gaps=gaps)
    asked = events(returns, [80, 100, 120, 140])
    results = abnormal_volatility(
        returns, asked, base="F0", factors=factors, **{**SHORT, **options}
    )
    return results, study(returns, asked, factors, model=MarketModel("F0")).fit()


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.05]))
def test_the_ratio_is_the_square_over_its_forecast_variance(seed, gaps):
    results, base = asked_of(seed, gaps, measure="ratio")
    for key in results.index:
        n = base.parameters.loc[key, "n"]
        nu = n - 2
        se = base.abnormal_se.loc[key]
        expected = (base.abnormal.loc[key] / se) ** 2 * (nu - 2) / nu - 1
        assert results.abnormal.loc[key].to_numpy() == pytest.approx(
            expected.to_numpy(), rel=1e-9, abs=1e-12, nan_ok=True
        )
        residuals = base.fitted.residuals[base.index.get_loc(key)]
        e = residuals[np.isfinite(residuals)]
        before = e**2 / (e**2).mean() - 1
        assert results.parameters.loc[key, "sigma"] == pytest.approx(before.std(ddof=1))
        assert results.parameters.loc[key, "variance"] == pytest.approx((e**2).sum() / nu)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.05]))
def test_the_logarithm_is_less_its_mean_in_the_estimation_window(seed, gaps):
    def tamed(u):
        return np.log(u + INLIER) - INLIER / (u + INLIER)

    results, base = asked_of(seed, gaps)
    for key in results.index:
        residuals = base.fitted.residuals[base.index.get_loc(key)]
        e = residuals[np.isfinite(residuals)]
        usual = tamed(e**2 / (e**2).mean())
        expected = tamed((base.abnormal.loc[key] / base.abnormal_se.loc[key]) ** 2) - usual.mean()
        assert results.abnormal.loc[key].to_numpy() == pytest.approx(
            expected.to_numpy(), rel=1e-9, abs=1e-12, nan_ok=True
        )
        sd = usual.std(ddof=1)
        assert results.parameters.loc[key, "sigma"] == pytest.approx(sd)
        # The estimated level is an error that all days of a window share.
        if np.isfinite(expected.loc[0:2]).all():
            se = sd * np.sqrt(3 + 9 / len(e))
            assert results.car((0, 2)).loc[key, "se"] == pytest.approx(se)


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_units_of_returns_do_not_matter(seed, scale):
    returns, factors = panel(seed=seed)
    asked = events(returns, [80, 100])
    for measure in ("ratio", "log"):
        one, two = (
            abnormal_volatility(
                returns * by,
                asked,
                base="F0",
                measure=measure,
                factors=factors * by,
                units="any",
                **SHORT,
            )
            for by in (1.0, scale)
        )
        pd.testing.assert_frame_equal(one.abnormal, two.abnormal, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("measure", ["ratio", "log"])
def test_a_variance_four_times_the_usual_one_is_found_as_four(measure):
    generator = np.random.default_rng(1)
    index = pd.bdate_range("2024-01-01", periods=200)
    returns = pd.DataFrame(generator.normal(0, 0.01, (200, 400)), index)
    returns.columns = [f"S{at}" for at in range(400)]
    returns.iloc[150:153] *= 2
    asked = events(returns, [150] * 400)
    results = abnormal_volatility(
        returns, asked, base=MeanAdjusted(), measure=measure, estimation=(-140, -11), window=(-3, 3)
    )
    found = volatility_multiples(results, [(0, 2), (-3, -1)])
    assert found["multiple"].tolist() == pytest.approx([4.0, 1.0], rel=0.12)
    assert found["low"].iloc[0] < 4 < found["high"].iloc[0]
    assert found["p_value"].iloc[0] < 1e-10
    assert found["p_value"].iloc[1] > 0.05
    assert (found["low"] < found["multiple"]).all()
    assert found["test"].tolist() == ["kolari_pynnonen_t"] * 2


def test_returns_of_nothing_at_all_have_a_logarithm():
    returns, _ = panel(seed=3)
    asked = events(returns, [80])
    returns.iloc[80, 0] = 0.0
    results = abnormal_volatility(returns, asked, base=None, **SHORT)
    squares = returns["S0"].to_numpy()[20:70] ** 2 / returns["S0"].iloc[20:70].var()
    usual = (np.log(squares + INLIER) - INLIER / (squares + INLIER)).mean()
    assert results.abnormal.loc[("e0", "S0"), 0] == pytest.approx(np.log(INLIER) - 1 - usual)


def test_events_on_one_date_keep_their_size_with_the_recommended_tests():
    # 30 firms, residual correlation 0.2; over 600 studies kolari_pynnonen_t rejects 5.5 % and
    # bmp_t 11 % of true hypotheses.
    generator = np.random.default_rng(7)
    index = pd.bdate_range("2024-01-01", periods=140)
    names = [f"S{at}" for at in range(30)]
    hits = {"kolari_pynnonen_t": 0, "grank_overlap": 0}
    for _ in range(60):
        shared = generator.standard_normal((140, 1))
        own = generator.standard_normal((140, 30))
        returns = pd.DataFrame(0.02 * (0.2**0.5 * shared + 0.8**0.5 * own), index, names)
        asked = events(returns, [130] * 30)
        results = abnormal_volatility(
            returns, asked, base=MeanAdjusted(), estimation=(-120, -11), window=(0, 0)
        )
        for name, p in results.tests([(0, 0)], list(hits)).set_index("test")["p_value"].items():
            hits[name] += p < 0.05
    assert hits["kolari_pynnonen_t"] <= 8
    assert hits["grank_overlap"] <= 8


def test_a_hole_leaves_the_event_out_of_the_window():
    returns, factors = panel(seed=3)
    returns.iloc[81, 0] = np.nan
    asked = events(returns, [80, 100])
    results = abnormal_volatility(returns, asked, base="F0", factors=factors, **SHORT)
    assert len(results.car((0, 1))) == 1
    assert "no return on day 1" in results.skipped["reason"].iloc[0]


def test_flaws_of_the_base_stay_in_the_ledger():
    returns, _ = panel(seed=3)
    returns["S0"] = 0.01
    asked = events(returns, [80, 100])
    for base in (MeanAdjusted(), None):
        results = abnormal_volatility(returns, asked, base=base, **SHORT)
        assert results.index.get_level_values("security").tolist() == ["S1"]
        assert "the residual variance is zero" in results.skipped["reason"].iloc[0]


def test_three_rows_are_too_few_for_a_ratio_to_a_line():
    returns, factors = panel(seed=3)
    asked = events(returns, [80])
    options = {"estimation": (-14, -11), "window": (0, 0), "min_observations": 3}
    results = abnormal_volatility(returns, asked, base="F0", factors=factors, **options)
    assert results.index.empty
    assert "more than 2 degrees of freedom" in results.skipped["reason"].iloc[0]


def test_the_model_pickles_and_asks_what_its_base_asks():
    model = pickle.loads(pickle.dumps(Volatility(MarketAdjusted("F0"), "ratio")))
    assert model == Volatility(MarketAdjusted("F0"), "ratio")
    assert (model.k, model.rf, model.needs("S0")) == (0, None, ("F0",))
    assert model.name == "abnormal volatility (market-adjusted returns)"
    assert Volatility(None).needs("S0") == ()


def test_a_base_that_prepares_columns_may_do_so():
    class Prepares(MarketModel):
        def prepare(self, returns, events, factors):
            return MarketModel("mean"), returns.mean(axis=1).to_frame("mean")

    returns, _ = panel(seed=3)
    asked = events(returns, [80, 100])
    results = EventStudy(returns, asked, model=Volatility(Prepares()), **SHORT).fit()
    assert results.study.model.base == MarketModel("mean")
    assert len(results.index) == 2


def test_what_cannot_be_asked_is_said():
    returns, factors = panel(seed=3)
    asked = events(returns, [80])
    with pytest.raises(InputError, match=r"Unknown measure 'ratios'\. Did you mean 'ratio'"):
        abnormal_volatility(returns, asked, base=None, measure="ratios", **SHORT)
    with pytest.raises(InputError, match="must be a normal-return model"):
        abnormal_volatility(returns, asked, base=MarketModel, **SHORT)
    other = study(returns, asked, factors, model=MarketModel("F0")).fit()
    with pytest.raises(InputError, match="These are results of market model"):
        volatility_multiples(other, (0, 0))
