"""Median, quantile and M-regression: against statsmodels and the linear program, end to end."""

import pickle

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import norm
from statsmodels.regression.quantile_regression import hall_sheather, kernels

from analysis.errors import InputError
from analysis.eventstudy import (
    CAPM,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    QuantileModel,
    RobustModel,
)
from tests.reference.panels import events, panel, study

WIDE = {"estimation": (-130, -11), "window": (-3, 3), "min_observations": 60}
ROWS = [140, 160, 190, 220]
BASES = [MeanAdjusted(), MarketModel("F0"), FactorModel(["F0", "F1", "F2"])]


def heavy(seed, gaps=0.0):
    """Disturbances with the tails of Student's t(2.5)."""
    returns, factors = panel(4, 240, seed=seed, factors=3)
    rng = np.random.default_rng(seed)
    values = factors.sum(axis=1).to_numpy()[:, None] + 0.01 * rng.standard_t(2.5, returns.shape)
    values[rng.random(values.shape) < gaps] = np.nan
    return pd.DataFrame(values, returns.index, returns.columns), factors


def rows_of(returns, factors, base, at):
    columns = list(base.needs("S0"))
    design = sm.add_constant(factors[columns]) if columns else factors.assign(const=1.0)[["const"]]
    frame = design.assign(y=returns[f"S{at}"])
    row = ROWS[at]
    before, around = frame.iloc[row - 130 : row - 10].dropna(), frame.iloc[row - 3 : row + 4]
    return before["y"], before.drop(columns="y"), around


def check(results, at, params, covariance, y, x, around):
    """Coefficients, s², abnormal returns and the variance of a CAR, from any estimator."""
    ours, key = results.parameters.loc[(f"e{at}", f"S{at}")], (f"e{at}", f"S{at}")
    k = x.shape[1]
    e = (y - x @ params).to_numpy()
    sigma2 = ((e - e.mean()) ** 2).sum() / (len(y) - k)
    assert ours.iloc[:k].tolist() == pytest.approx(list(params), rel=1e-6, abs=1e-8)
    assert ours["sigma"] == pytest.approx(np.sqrt(sigma2), rel=1e-6)
    assert ours["r2"] == pytest.approx(1 - (e**2).sum() / ((y - y.mean()) ** 2).sum(), abs=1e-6)
    abnormal = around["y"] - around[x.columns] @ params
    np.testing.assert_allclose(results.abnormal.loc[key], abnormal, atol=1e-7)
    table = results.car((-1, 1))
    if key in table.index:
        total = around[x.columns].iloc[2:5].sum().to_numpy()
        variance = 3 * sigma2 + total @ np.asarray(covariance) @ total
        assert table.loc[key, "se"] == pytest.approx(np.sqrt(variance), rel=1e-5)
        assert table.loc[key, "df"] == len(y) - k


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("name", ["huber", "bisquare"])
def test_an_m_estimate_is_that_of_statsmodels(base, gaps, name):
    returns, factors = heavy(31, gaps)
    results = study(
        returns, events(returns, ROWS), factors, model=RobustModel(base, name), **WIDE
    ).fit()
    shape = {"huber": sm.robust.norms.HuberT(), "bisquare": sm.robust.norms.TukeyBiweight()}[name]
    for at in range(4):
        y, x, around = rows_of(returns, factors, base, at)
        theirs = sm.RLM(y, x, M=shape).fit(conv="coefs", tol=1e-13, maxiter=500)
        # A fixed point that was reached: by which path makes no difference then.
        assert theirs.fit_history["iteration"] < 500
        check(results, at, theirs.params, theirs.bcov_scaled, y, x, around)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("q", [0.5, 0.25, 0.9])
def test_a_quantile_regression_is_the_optimum_of_its_linear_programme(base, gaps, q):
    returns, factors = heavy(32, gaps)
    model = QuantileModel(base, q)
    results = study(returns, events(returns, ROWS), factors, model=model, **WIDE).fit()
    for at in range(4):
        y, x, around = rows_of(returns, factors, base, at)
        ours = results.parameters.loc[(f"e{at}", f"S{at}")].iloc[: x.shape[1]].to_numpy()
        # The exact optimum: where the iterations of QuantReg end depends on the processor.
        _, least = program(y.to_numpy(), x.to_numpy(), q)
        assert objective(y - x @ ours, q) == pytest.approx(least, rel=1e-9)
        check(results, at, ours, sandwich(y, x, ours, q), y, x, around)


def sandwich(y, x, params, q):
    """The formula of QuantReg, with statsmodels' bandwidth and kernel."""
    x = x.to_numpy()
    e = y.to_numpy() - x @ params
    e[np.abs(e) < 1e-12] = 0
    h = hall_sheather(len(y), q)
    iqr = np.percentile(e, 75) - np.percentile(e, 25)
    h = min(np.std(y.to_numpy()), iqr / 1.34) * (norm.ppf(q + h) - norm.ppf(q - h))
    density = kernels["epa"](e / h).sum() / (len(y) * h)
    weights = np.where(e > 0, (q / density) ** 2, ((1 - q) / density) ** 2)
    inverse = np.linalg.inv(x.T @ x)
    return inverse @ (x.T * weights) @ x @ inverse


def objective(e, q):
    return float(np.where(e < 0, (q - 1) * e, q * e).sum())


def program(y, x, q):
    n, k = x.shape
    cost = np.concatenate([np.zeros(k), np.full(n, q), np.full(n, 1 - q)])
    found = linprog(
        cost,
        A_eq=np.hstack([x, np.eye(n), -np.eye(n)]),
        b_eq=y,
        bounds=[(None, None)] * k + [(0, None)] * 2 * n,
        method="highs",
    )
    return found.x[:k], found.fun


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    q=st.sampled_from([0.5, 0.1, 0.77]),
    digits=st.sampled_from([1, 2, 12]),
    base=st.sampled_from(BASES),
)
def test_returns_that_tie_have_an_exact_quantile_too(seed, q, digits, base):
    # Rounded to a tenth or a hundredth of their spread, many rows lie on one plane.
    rng = np.random.default_rng(seed)
    returns, factors = panel(1, 120, seed=seed, factors=3)
    factors[:] = rng.normal(size=factors.shape).round(digits)
    returns[:] = (factors.sum(axis=1).to_numpy()[:, None] + rng.normal(size=(120, 1))).round(digits)
    options = {"estimation": (-60, -11), "window": (-3, 3), "min_observations": 20}
    results = study(
        returns,
        events(returns, [80]),
        factors,
        model=QuantileModel(base, q),
        units="any",
        **options,
    ).fit()
    x = np.column_stack([np.ones(50), factors[list(base.needs("S0"))].iloc[20:70]])
    y = returns["S0"].iloc[20:70].to_numpy()
    ours = results.parameters.iloc[0, : x.shape[1]].to_numpy()
    assert objective(y - x @ ours, q) == pytest.approx(program(y, x, q)[1], rel=1e-8)


def test_the_median_of_a_constant_is_the_median():
    returns, _ = heavy(33)
    results = study(
        returns, events(returns, ROWS), model=QuantileModel(MeanAdjusted()), **WIDE
    ).fit()
    for at, row in enumerate(ROWS):
        y = np.sort(returns[f"S{at}"].iloc[row - 130 : row - 10])
        assert y[59] - 1e-12 <= results.parameters["alpha"].iloc[at] <= y[60] + 1e-12


@pytest.mark.parametrize("model", [QuantileModel, RobustModel])
def test_one_wild_day_bends_least_squares_and_not_these(model):
    returns, factors = panel(1, 240, seed=34)
    asked = events(returns, [200])
    wild = returns.copy()
    wild.iloc[100, 0] += 2.0
    bent, straight = (
        abs(
            study(wild, asked, factors, model=one, **WIDE).fit().parameters["beta"].iloc[0]
            - study(returns, asked, factors, model=one, **WIDE).fit().parameters["beta"].iloc[0]
        )
        for one in (MarketModel("F0"), model(MarketModel("F0")))
    )
    assert straight < 0.1 * bent


def test_the_risk_free_rate_goes_with_the_base():
    returns, factors = heavy(35)
    factors["rf"] = 0.0001
    asked = events(returns, ROWS)
    one = study(returns, asked, factors, model=RobustModel(CAPM("F0", "rf")), **WIDE).fit()
    other = study(returns - 0.0001, asked, factors, model=RobustModel(MarketModel("F0")), **WIDE)
    pd.testing.assert_frame_equal(one.parameters, other.fit().parameters, rtol=1e-8)


@pytest.mark.parametrize(
    "model", [QuantileModel(MarketModel("F0")), RobustModel(MarketModel("F0"))]
)
def test_half_the_days_without_a_move_have_no_middle(model):
    returns, factors = panel(2, 160, seed=36)
    returns["S0"] = 0.0
    returns.iloc[::10, 0] = 0.01
    results = study(returns, events(returns, [100, 120]), factors, model=model).fit()
    assert list(results.abnormal.index) == [("e1", "S1")]
    assert "the middle half of the residuals does not vary" in results.skipped["reason"].iloc[0]


def test_a_quantile_far_out_needs_observations():
    returns, factors = panel(1, 120, seed=37)
    model = QuantileModel(MarketModel("F0"), 0.99)
    results = study(returns, events(returns, [100]), factors, model=model).fit()
    assert "too few observations for a quantile so far out" in results.skipped["reason"].iloc[0]


@pytest.mark.parametrize("model", [QuantileModel, RobustModel])
def test_what_least_squares_cannot_fit_keeps_its_reason(model):
    returns, factors = panel(2, 120, factors=2)
    asked = events(returns, [90, 90])
    for spoiled, reason in [
        (factors * 0 + 0.01, "a factor does not vary"),
        (factors.assign(F1=2 * factors["F0"]), "the factors are collinear"),
    ]:
        results = study(returns, asked, spoiled, model=model(FactorModel(["F0", "F1"]))).fit()
        assert reason in results.skipped["reason"].iloc[0]
    few = returns.copy()
    few.iloc[:78] = np.nan
    results = study(few, asked, factors, model=model(MarketModel("F0"))).fit()
    assert "2 usable observations" in results.skipped["reason"].iloc[0]


@pytest.mark.parametrize("model", [QuantileModel, RobustModel])
def test_each_security_has_its_own_benchmark_and_the_model_pickles(model):
    returns, factors = heavy(38)
    asked = events(returns, ROWS)
    each = model(MarketModel({"S0": "F0", "S1": "F1", "S2": None, "S3": "F2"}))
    both = study(returns, asked, factors, model=pickle.loads(pickle.dumps(each)), **WIDE).fit()
    assert both.skipped["reason"].tolist() == ["no benchmark for S2"]
    one = study(returns, asked.iloc[[1]], factors, model=model(MarketModel("F1")), **WIDE).fit()
    np.testing.assert_allclose(both.parameters.iloc[1], one.parameters.iloc[0], rtol=1e-12)


@pytest.mark.parametrize("model", [QuantileModel, RobustModel])
def test_what_is_no_regression_is_no_base(model):
    with pytest.raises(InputError, match=r"must be one of MeanAdjusted\(\), MarketModel\(\)"):
        model(MarketAdjusted())
    with pytest.raises(InputError, match="q must lie between 0 and 1"):
        QuantileModel(q=1)
    with pytest.raises(InputError, match=r"Unknown norm 'hubr'\. Did you mean 'huber'"):
        RobustModel(norm="hubr")


MODELS = st.sampled_from(
    [
        QuantileModel(MarketModel("F0")),
        QuantileModel(FactorModel(["F0", "F1"]), 0.3),
        RobustModel(MarketModel("F0")),
        RobustModel(FactorModel(["F0", "F1"]), "bisquare"),
    ]
)


def fitted(seed, model, change=lambda returns, factors: (returns, factors)):
    returns, factors = change(*panel(3, 120, seed=seed, gaps=0.05, factors=2))
    return study(returns, events(returns, [70, 90, 110]), factors, model=model, units="any").fit()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), model=MODELS, scale=st.sampled_from([1e-3, 100.0]))
def test_t_does_not_depend_on_the_unit_of_returns(seed, model, scale):
    one = fitted(seed, model).car((0, 0))
    other = fitted(seed, model, lambda r, f: (r * scale, f * scale)).car((0, 0))
    np.testing.assert_allclose(other["car"], one["car"] * scale, rtol=1e-6)
    np.testing.assert_allclose(other["t"], one["t"], rtol=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(3)), model=MODELS)
def test_an_event_does_not_depend_on_its_neighbours(seed, order, model):
    returns, factors = panel(3, 120, seed=seed, gaps=0.05, factors=2)
    asked = events(returns, [70, 90, 110])
    one = study(returns, asked, factors, model=model).fit()
    other = study(returns, asked.iloc[list(order)[:2]], factors, model=model).fit()
    common = other.abnormal.index
    pd.testing.assert_frame_equal(other.abnormal, one.abnormal.loc[common], rtol=1e-10)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), model=MODELS, lost=st.sets(st.integers(10, 59), max_size=20))
def test_a_missing_row_is_as_good_as_a_session_less(seed, model, lost):
    returns, factors = panel(1, 120, seed=seed, factors=2)
    asked = events(returns, [70])
    holed = returns.copy()
    holed.iloc[sorted(lost), 0] = np.nan
    one = study(holed, asked, factors, model=model).fit()
    without = study(
        returns.drop(returns.index[sorted(lost)]),
        asked,
        factors,
        model=model,
        estimation=(-60 + len(lost), -11),
    ).fit()
    np.testing.assert_allclose(one.parameters, without.parameters, rtol=1e-7, atol=1e-10)


def test_rows_that_all_lose_their_weight_are_no_traceback():
    # Two wild days alone carry the second factor: the bisquare leaves both out, and nothing
    # tells its coefficient any more.
    returns, factors = panel(2, 160, seed=38)
    factors["F1"] = 0.0
    factors.iloc[[60, 70], 1] = 1.0
    returns.iloc[[60, 70], 0] = [0.5, -0.5]
    asked = events(returns, [100, 120])
    model = RobustModel(FactorModel(["F0", "F1"]), "bisquare")
    results = study(returns, asked, factors, model=model).fit()
    assert results.skipped["security"].tolist() == ["S0"]
    assert "did not converge" in results.skipped["reason"].iloc[0]
    assert list(results.abnormal.index) == [("e1", "S1")]
