"""What must hold for every model and every test, through the whole engine.

The pieces have properties of their own beside their tests (`test_models`, `test_battery`);
here a study is asked, fitted and answered, on panels with gaps, own calendars, repeated
events of one security and a hole in a window now and then.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.eventstudy import (
    CAPM,
    Dimson,
    EqualWeight,
    Ewma,
    FactorModel,
    MarketAdjusted,
    MarketModel,
    MeanAdjusted,
    QuantileModel,
    RobustModel,
    ScholesWilliams,
)
from tests.reference.panels import panel, study

DAYS = 170
WINDOWS = [(0, 0), (-1, 1)]
CLOSED = [
    MeanAdjusted(),
    MarketAdjusted("F0"),
    MarketModel("F0"),
    MarketModel(EqualWeight(minimum=2)),
    FactorModel(["F0", "F1"]),
    FactorModel(["F0"], rf="rf"),
    CAPM("F0", excess=False),
    ScholesWilliams("F0"),
    Dimson("F0"),
]
# Found by iteration, to fewer digits.
ITERATED = [
    Ewma(MarketModel("F0")),
    RobustModel(MarketModel("F0")),
    QuantileModel(MarketModel("F0")),
]
MODELS = st.sampled_from([*CLOSED, *ITERATED])
SEEDS = st.integers(0, 10**6)
quick = settings(max_examples=12, deadline=None)


def question(seed):
    """A panel and 3 to 7 events on nearby days, with groups, gaps and calendars."""
    rng = np.random.default_rng(seed)
    returns, factors = panel(5, DAYS, seed=seed, gaps=0.02, factors=2)
    factors["rf"] = 0.0001
    count = int(rng.integers(3, 8))
    rows = rng.integers(95, 100, count)
    names = [f"S{at % 5}" for at in range(count)]
    # The sixth and seventh event are second ones of S0 and S1, further on.
    rows[5:] += 30
    calendars = {
        name: returns.index[np.sort(rng.permutation(DAYS)[: DAYS - 4 * at])]
        for at, name in enumerate(returns)
    }
    dates = [
        calendars[name][min(calendars[name].searchsorted(returns.index[row]), 140)]
        for name, row in zip(names, rows, strict=True)
    ]
    asked = pd.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(count)],
            "security": names,
            "date": dates,
            "group": ["odd" if at % 2 else "even" for at in range(count)],
        }
    )
    return returns, asked, factors, calendars


def answers(returns, asked, factors, calendars, model, tests="all"):
    results = study(returns, asked, factors, model=model, calendars=calendars, units="any").fit()
    table = results.tests(WINDOWS, tests).set_index(["group", "window_start", "window_end", "test"])
    return results, table.sort_index()


def no_silent_nan(results, table):
    assert (table["p_value"].isna() == (table["reason"] != "")).all()
    beyond = table["reason"].str.contains("the smallest p this test can reach")
    assert (table["statistic"].isna() == (table["reason"] != "") & ~beyond).all()
    for window in WINDOWS:
        car = results.car(window)
        assert np.isfinite(car.to_numpy()).all()
        assert len(car) + len(results.skipped_in(window)) == len(results.events)


def assert_same(found, expected, *, sign=1.0, scale=1.0, rtol=1e-9):
    """The same answers but for the sign and the scale of returns."""
    one, first = found
    two, second = expected
    no_silent_nan(*found)
    pd.testing.assert_index_equal(first.index, second.index)
    turned = np.where(first.index.get_level_values("test") == "wilcoxon", 1.0, sign)
    np.testing.assert_allclose(
        first["statistic"], turned * second["statistic"], rtol=rtol, atol=rtol
    )
    np.testing.assert_allclose(first["p_value"], second["p_value"], rtol=100 * rtol, atol=rtol)
    np.testing.assert_array_equal(first["n"], second["n"])
    # A p-value in a reason may differ by rounding.
    reasons = [
        table["reason"].str.replace(r"[0-9.]+,", "", regex=True) for table in (first, second)
    ]
    assert reasons[0].tolist() == reasons[1].tolist()
    for window in WINDOWS:
        left, right = one.car(window).sort_index(), two.car(window).sort_index()
        pd.testing.assert_index_equal(left.index, right.index)
        np.testing.assert_allclose(left["car"], sign * scale * right["car"], rtol=rtol)
        np.testing.assert_allclose(left["se"], scale * right["se"], rtol=rtol)
        np.testing.assert_allclose(left["t"], sign * right["t"], rtol=rtol)
    np.testing.assert_allclose(
        one.abnormal.sort_index(), sign * scale * two.abnormal.sort_index(),
        rtol=rtol, atol=rtol * scale * 0.01,
    )  # fmt: skip


@quick
@given(seed=SEEDS, model=MODELS, scale=st.sampled_from([1e-6, 0.01, 100.0, 1e6]))
def test_the_unit_of_returns_scales_cars_and_leaves_every_statistic(seed, model, scale):
    returns, asked, factors, calendars = question(seed)
    expected = answers(returns, asked, factors, calendars, model)
    found = answers(returns * scale, asked, factors * scale, calendars, model)
    assert_same(found, expected, scale=scale)


@quick
@given(seed=SEEDS, model=MODELS)
def test_the_opposite_returns_turn_every_statistic_and_leave_every_p_value(seed, model):
    returns, asked, factors, calendars = question(seed)
    expected = answers(returns, asked, factors, calendars, model)
    found = answers(-returns, asked, -factors, calendars, model)
    if isinstance(model, QuantileModel):
        # It goes through some rows: the shares of residuals above and below are not 1 together.
        found, expected = (
            (results, table.drop("generalized_sign", level="test"))
            for results, table in (found, expected)
        )
    assert_same(found, expected, sign=-1.0)


@quick
@given(seed=SEEDS, model=MODELS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_events_securities_and_factors_changes_nothing(seed, model, shuffle):
    returns, asked, factors, calendars = question(seed)
    expected = answers(returns, asked, factors, calendars, model)

    def shuffled(items):
        return shuffle.sample(list(items), len(items))

    found = answers(
        returns[shuffled(returns.columns)],
        asked.iloc[shuffled(range(len(asked)))],
        factors[shuffled(factors.columns)],
        {name: calendars[name] for name in shuffled(calendars)},
        model,
    )
    assert_same(found, expected, rtol=1e-12)


@quick
@given(seed=SEEDS, model=MODELS)
def test_the_names_of_events_and_securities_do_not_matter(seed, model):
    returns, asked, factors, calendars = question(seed)
    expected = answers(returns, asked, factors, calendars, model)
    # Reversed, so that any sorting by name would turn the order round.
    new = {name: f"Z{9 - at}" for at, name in enumerate(returns)}
    renamed = asked.assign(security=asked["security"].map(new))
    _, table = answers(
        returns.rename(columns=new),
        renamed,
        factors,
        {new[name]: sessions for name, sessions in calendars.items()},
        model,
    )
    np.testing.assert_allclose(table["statistic"], expected[1]["statistic"], rtol=1e-12)
    np.testing.assert_allclose(table["p_value"], expected[1]["p_value"], rtol=1e-12)


@quick
@given(seed=SEEDS, model=MODELS, before=st.integers(0, 3), after=st.integers(0, 3))
def test_rows_that_are_all_missing_around_the_panel_change_nothing(seed, model, before, after):
    returns, asked, factors, _ = question(seed)
    asked["date"] = returns.index[np.random.default_rng(seed).integers(95, 100, len(asked))]
    asked = asked.iloc[:5]
    expected = answers(returns, asked, factors, None, model)
    index = pd.bdate_range(
        returns.index[0] - before * pd.offsets.BDay(), returns.index[-1] + after * pd.offsets.BDay()
    )
    assert_same(answers(returns.reindex(index), asked, factors, None, model), expected, rtol=1e-12)


@quick
@given(seed=SEEDS, model=MODELS)
def test_what_no_window_uses_changes_no_closed_form(seed, model):
    returns, asked, factors, _ = question(seed)
    asked = asked.iloc[:5].assign(date=returns.index[97])
    names = ["bmp_t", "kolari_pynnonen_t", "corrado_rank", "grank_overlap", "generalized_sign"]
    expected = answers(returns, asked, factors, None, model, names)
    other = returns.copy()
    # Estimation rows are 37 to 86, event rows 94 to 100.
    other.iloc[:37], other.iloc[87:94], other.iloc[101:] = np.nan, 0.5, np.nan
    assert_same(answers(other, asked, factors, None, model, names), expected, rtol=1e-12)


@quick
@given(seed=SEEDS, model=MODELS, share=st.floats(0.05, 0.9))
def test_lost_data_is_never_a_silent_nan(seed, model, share):
    returns, asked, factors, calendars = question(seed)
    rng = np.random.default_rng(seed)
    holed = returns.mask(rng.random(returns.shape) < share)
    fewer = factors.mask(rng.random(factors.shape) < share / 4)
    no_silent_nan(*answers(holed, asked, fewer, calendars, model))


@quick
@given(
    seed=SEEDS,
    model=MODELS.filter(lambda model: model.k > 0),
    constant=st.floats(-0.05, 0.05),
    slope=st.floats(-2, 2),
)
def test_what_the_model_explains_leaves_abnormal_returns_alone(seed, model, constant, slope):
    returns, asked, factors, calendars = question(seed)
    expected = answers(returns, asked, factors, calendars, model)
    moved = returns + constant
    if model.k > 1 and not isinstance(getattr(model, "market", None), EqualWeight):
        # A constant, and any multiple of the market, are fitted away (peers move with it too).
        moved = moved.add(slope * factors["F0"], axis=0)
    found = answers(moved, asked, factors, calendars, model)
    np.testing.assert_allclose(found[0].abnormal, expected[0].abnormal, rtol=1e-8, atol=1e-13)
    if isinstance(model, QuantileModel):
        # The bandwidth of its covariance follows the spread of the returns themselves.
        return
    # A calendar-time portfolio holds the returns themselves, the constant included.
    one, two = (table.drop("calendar_time_t", level="test") for _, table in (found, expected))
    np.testing.assert_allclose(one["statistic"], two["statistic"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("group", ["even", "odd"])
def test_a_group_is_answered_as_if_it_stood_alone(group):
    returns, asked, factors, calendars = question(3)
    asked = asked.iloc[:5]
    closed = ["cross_sectional_t", "patell_z", "kolari_pynnonen_t", "grank_overlap", "wilcoxon"]
    _, together = answers(returns, asked, factors, calendars, MarketModel("F0"), closed)
    alone = asked[asked["group"] == group]
    _, apart = answers(returns, alone, factors, calendars, MarketModel("F0"), closed)
    np.testing.assert_allclose(
        together.loc[group]["statistic"], apart.loc[group]["statistic"], rtol=1e-12
    )
