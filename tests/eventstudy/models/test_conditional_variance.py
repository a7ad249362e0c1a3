"""EWMA and GARCH variances: against the package arch and against loops, end to end."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from arch.univariate import GARCH, EWMAVariance, ZeroMean
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy import (
    Dimson,
    Ewma,
    FactorModel,
    Garch,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.models import conditional_variance as rooms
from tests.reference.panels import events, panel, study

WIDE = {"estimation": (-230, -11), "window": (-3, 3), "min_observations": 60}


def restless(securities=3, days=320, *, seed=0, gaps=0.0):
    """Returns on a market with GARCH disturbances: omega 0.1, alpha 0.1, beta 0.8 of s²."""
    rng = np.random.default_rng(seed)
    returns, factors = panel(securities, days, seed=seed)
    z, v = rng.standard_normal((days, securities)), np.ones(securities)
    noise = np.empty((days, securities))
    for day in range(days):
        noise[day] = np.sqrt(v) * z[day]
        v = 0.1 + 0.1 * noise[day] ** 2 + 0.8 * v
    values = factors.to_numpy() + 0.015 * noise
    values[rng.random(values.shape) < gaps] = np.nan
    return pd.DataFrame(values, returns.index, returns.columns), factors


def residuals_of(results, at):
    e = results.fitted.residuals[at]
    return e - np.nanmean(e)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("decay", [0.94, 0.7])
def test_an_ewma_is_the_average_that_a_loop_makes(gaps, decay):
    returns, factors = restless(seed=1, gaps=gaps)
    asked = events(returns, [250, 280, 310])
    model = Ewma(MarketModel("F0"), decay=decay)
    results = study(returns, asked, factors, model=model, **WIDE).fit()
    plain = study(returns, asked, factors, model=MarketModel("F0"), **WIDE).fit()
    pd.testing.assert_frame_equal(results.abnormal, plain.abnormal)
    pd.testing.assert_frame_equal(results.parameters, plain.parameters)
    for at in range(3):
        sigma, v = results.fitted.sigma[at], results.fitted.sigma[at] ** 2
        path = []
        for e in residuals_of(results, at):
            path.append(v if np.isfinite(e) else np.nan)
            if np.isfinite(e):
                v = decay * v + (1 - decay) * e**2
        np.testing.assert_allclose(
            results.fitted.residual_relative_sd[at], np.sqrt(path) / sigma, rtol=1e-12
        )
        np.testing.assert_allclose(results.fitted.relative_sd[at], np.sqrt(v) / sigma, rtol=1e-12)
        se, leverage = car_of(plain, at)
        if np.isfinite(se):
            car = results.car((-1, 1)).loc[plain.index[at]]
            assert car["se"] == pytest.approx(np.sqrt(3 * v + sigma**2 * leverage), rel=1e-12)


def car_of(plain, at):
    """The plain model's standard error of CAR(−1, 1), and g'(X'X)⁻¹g out of it."""
    table = plain.car((-1, 1))
    if plain.index[at] not in table.index:
        return np.nan, np.nan
    se = table.loc[plain.index[at], "se"]
    return se, se**2 / plain.fitted.sigma[at] ** 2 - 3


def test_an_ewma_is_that_of_the_package_arch():
    returns, factors = restless(1, seed=2)
    model = Ewma(MarketModel("F0"))
    results = study(returns, events(returns, [280]), factors, model=model, **WIDE).fit()
    e, sigma = residuals_of(results, 0), results.fitted.sigma[0]
    theirs = ZeroMean(e / sigma, volatility=EWMAVariance(0.94), rescale=False)
    fitted = theirs.fit(disp="off", backcast=1.0)
    np.testing.assert_allclose(
        results.fitted.residual_relative_sd[0], fitted.conditional_volatility, rtol=1e-10
    )
    ahead = fitted.forecast(horizon=17, reindex=False).variance.to_numpy()[0]
    # From day −11, the last estimation row, to day −3 are eight sessions. Their forecast
    # starts from another variance, of which 0.94^220 is left: a millionth.
    np.testing.assert_allclose(results.fitted.relative_sd[0] ** 2, ahead[7:14], rtol=3e-6)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_a_garch_variance_is_that_of_the_package_arch(gaps):
    returns, factors = restless(seed=6, gaps=gaps)
    asked = events(returns, [250, 280, 310])
    results = study(returns, asked, factors, model=Garch(MarketModel("F0")), **WIDE).fit()
    plain = study(returns, asked, factors, model=MarketModel("F0"), **WIDE).fit()
    pd.testing.assert_frame_equal(results.abnormal, plain.abnormal.loc[results.index])
    for at, key in enumerate(results.index):
        every, sigma = residuals_of(results, at), results.fitted.sigma[at]
        rows = np.flatnonzero(np.isfinite(every))
        theirs = ZeroMean(every[rows] / sigma, volatility=GARCH(1, 0, 1), rescale=False)
        ours = results.parameters.loc[key]
        found = [ours["garch_omega"] / sigma**2, ours["garch_alpha"], ours["garch_beta"]]
        # At the same parameters everything is arithmetic. Their search may end below the best
        # likelihood, and elsewhere on another processor; ours must not.
        fitted = theirs.fix(found)
        best = theirs.fit(disp="off").loglikelihood
        assert fitted.loglikelihood >= best - 1e-3
        np.testing.assert_allclose(
            results.fitted.residual_relative_sd[at, rows], fitted.conditional_volatility, rtol=1e-9
        )
        assert np.isnan(results.fitted.residual_relative_sd[at]).sum() == 220 - len(rows)
        first = -3 - results.fitted.estimation_offsets[rows[-1]]
        ahead = fitted.forecast(horizon=int(first) + 6, reindex=False).variance.to_numpy()[0]
        np.testing.assert_allclose(
            results.fitted.relative_sd[at] ** 2, ahead[first - 1 :], rtol=1e-9
        )
        _, leverage = car_of(plain, list(plain.index).index(key))
        if np.isfinite(leverage):
            share = ahead[first + 1 : first + 4].sum()
            se = sigma * np.sqrt(share + leverage)
            assert results.car((-1, 1)).loc[key, "se"] == pytest.approx(se, rel=1e-9)


def test_a_garch_that_is_true_is_found():
    # Averaged over securities: alpha 0.1, beta 0.8 were put in.
    returns, factors = restless(8, 1300, seed=3)
    options = {**WIDE, "estimation": (-1230, -11)}
    asked = events(returns, [1280] * 8, list(returns.columns))
    results = study(returns, asked, factors, model=Garch(MarketModel("F0")), **options).fit()
    found = results.parameters[["garch_alpha", "garch_beta"]].mean()
    assert found.tolist() == pytest.approx([0.1, 0.8], abs=0.06)


def test_the_forecast_of_a_garch_goes_back_to_its_long_run_variance():
    found = np.array([0.1, 0.1, 0.8])
    ahead = rooms._forecast(found, variance=4.0, share=9.0, ahead=np.array([1, 2, 400]))
    assert ahead.tolist() == pytest.approx([0.1 + 0.9 + 3.2, 0.1 + 0.9 * 4.2, 1.0])


def test_a_garch_without_a_maximum_is_skipped_with_its_reason(monkeypatch):
    class Lost:
        params = np.array([0.1, 0.1, 0.8])
        conditional_volatility = np.ones(220)
        convergence_flag = 9

    tried = []

    class Never:
        def __init__(self, *arguments, **options): ...

        def fit(self, **options):
            tried.append(options["starting_values"])
            return Lost()

    monkeypatch.setattr(rooms, "arch_classes", lambda _: (Never, GARCH))
    returns, factors = restless(1, seed=4)
    model = Garch(MarketModel("F0"))
    results = study(returns, events(returns, [280]), factors, model=model, **WIDE).fit()
    reason = "the estimation did not converge in the estimation window (-230, -11)"
    assert results.skipped["reason"].tolist() == [reason]
    assert tried[0] is None
    assert tried[1].tolist() == [0.05, 0.05, 0.9]


def test_a_garch_without_a_long_run_variance_is_skipped_with_its_reason():
    # The disturbances' variance grows a thousandfold, and never comes back.
    returns, factors = restless(1, seed=5)
    grow = np.linspace(0, np.log(1000) / 2, len(returns))
    wild = factors["F0"] + (returns["S0"] - factors["F0"]) * np.exp(grow)
    results = study(
        wild.to_frame("S0"),
        events(returns, [280]),
        factors,
        model=Garch(MeanAdjusted()),
        units="any",
        **WIDE,
    ).fit()
    assert "GARCH variance is not stationary" in results.skipped["reason"].iloc[0]


def test_what_the_base_cannot_fit_keeps_its_own_reason():
    returns, factors = restless(1)
    for model in (Garch(MarketModel("F0")), Ewma(MarketModel("F0"))):
        results = study(
            returns, events(returns, [280]), factors * 0 + 0.01, model=model, **WIDE
        ).fit()
        assert "a factor does not vary" in results.skipped["reason"].iloc[0]
        gone = returns.copy()
        gone.iloc[:260] = np.nan
        results = study(gone, events(returns, [280]), factors, model=model, **WIDE).fit()
        assert "usable observations" in results.skipped["reason"].iloc[0]


def test_a_missing_package_is_named_before_anything_is_fitted(monkeypatch):
    monkeypatch.setitem(sys.modules, "arch.univariate", None)
    returns, factors = restless(1)
    with pytest.raises(InputError, match='pip install "arch>=8,<9"'):
        study(returns, events(returns, [280]), factors, model=Garch(MarketModel("F0")))


@pytest.mark.parametrize("wrapper", [Ewma, Garch])
@pytest.mark.parametrize(
    "base", [MeanAdjusted(), MarketAdjusted("F0"), FactorModel(["F0"]), Dimson("F0")]
)
def test_any_base_gets_a_moving_variance(wrapper, base):
    returns, factors = restless(2, seed=8, gaps=0.02)
    returns.iloc[270:290] = returns.iloc[270:290].fillna(0.001)
    asked = events(returns, [280, 280])
    model = wrapper(base)
    assert base.name in model.name
    results = study(returns, asked, factors, model=model, **WIDE).fit()
    plain = study(returns, asked, factors, model=base, **WIDE).fit()
    assert len(results.abnormal) == 2
    pd.testing.assert_frame_equal(results.abnormal, plain.abnormal)
    assert list(results.parameters)[: len(base.parameters)] == list(base.parameters)
    ours, theirs = results.car((-1, 1)), plain.car((-1, 1))
    moved = results.fitted.sigma**2 * ((results.fitted.relative_sd[:, 2:5] ** 2).sum(axis=1) - 3)
    np.testing.assert_allclose(ours["se"] ** 2, theirs["se"] ** 2 + moved, rtol=1e-9)
    np.testing.assert_array_equal(ours["df"], theirs["df"])
    assert pickle.loads(pickle.dumps(model)) == model


def test_the_battery_runs_on_a_moving_variance():
    returns, factors = restless(4, seed=9)
    asked = events(returns, [250, 260, 270, 280])
    results = study(returns, asked, factors, model=Ewma(MarketModel("F0")), **WIDE).fit()
    table = results.tests([(-1, 1)]).set_index("test")
    plain = study(returns, asked, factors, model=MarketModel("F0"), **WIDE).fit()
    scar = results.car((-1, 1))["scar"]
    bmp = scar.mean() / (scar.std() / 2)
    assert table.loc["bmp_t", "statistic"] == pytest.approx(bmp)
    assert table.loc["cross_sectional_t", "statistic"] == pytest.approx(
        plain.tests([(-1, 1)], ["cross_sectional_t"])["statistic"].iloc[0]
    )


def test_the_permutation_test_of_a_garch_is_that_of_an_ewma():
    returns, factors = restless(2, 400, seed=10)
    asked = events(returns, [300, 300])
    found = [
        study(returns, asked, factors, model=model, **WIDE).fit().tests([(-1, 1)], ["permutation"])
        for model in (Garch(MarketModel("F0")), Ewma(MarketModel("F0")))
    ]
    assert found[0]["n"].iloc[0] == 2
    pd.testing.assert_frame_equal(*found)
    garch = study(returns, asked, factors, model=Garch(MarketModel("F0")), **WIDE).fit()
    assert found[0]["statistic"].iloc[0] != garch.car((-1, 1))["scar"].mean()


@pytest.mark.parametrize("decay", [0, 1, -0.5, 2])
def test_a_decay_lies_between_0_and_1(decay):
    with pytest.raises(InputError, match="decay must lie between 0 and 1"):
        Ewma(decay=decay)


@pytest.mark.parametrize("wrapper", [Ewma, Garch])
def test_a_base_is_a_model_with_a_variance_at_rest(wrapper):
    with pytest.raises(InputError, match="has a moving variance itself"):
        wrapper(Ewma())
    with pytest.raises(InputError, match="must be a normal-return model"):
        wrapper("market")
    with pytest.raises(InputError, match="must be a normal-return model"):
        wrapper(MarketModel)


def fitted(seed, change=lambda returns, factors: (returns, factors)):
    returns, factors = change(*restless(2, 120, seed=seed, gaps=0.05))
    model = Ewma(MarketModel("F0"))
    return study(returns, events(returns, [70, 110]), factors, model=model, units="any").fit()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([-1.0, 1e-3, 100.0]))
def test_an_ewma_does_not_depend_on_unit_or_sign(seed, scale):
    one = fitted(seed)
    other = fitted(seed, lambda r, f: (r * scale, f * scale))
    np.testing.assert_allclose(other.fitted.relative_sd, one.fitted.relative_sd, rtol=1e-9)
    np.testing.assert_allclose(
        other.car((0, 0))["t"], one.car((0, 0))["t"] * np.sign(scale), rtol=1e-8
    )


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), lost=st.sets(st.integers(12, 57), max_size=20))
def test_an_ewma_passes_over_a_missing_row(seed, lost):
    returns, factors = restless(1, 120, seed=seed)
    asked = events(returns, [70])
    holed = returns.copy()
    holed.iloc[sorted(lost), 0] = np.nan
    one = study(holed, asked, factors, model=Ewma(MarketModel("F0"))).fit()
    without = study(
        returns.drop(returns.index[sorted(lost)]),
        asked,
        factors,
        model=Ewma(MarketModel("F0")),
        estimation=(-60 + len(lost), -11),
    ).fit()
    np.testing.assert_allclose(one.fitted.relative_sd, without.fitted.relative_sd, rtol=1e-9)
