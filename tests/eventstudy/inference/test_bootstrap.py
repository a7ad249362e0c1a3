"""The bootstraps against loops over draws, exact enumeration, and scipy."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.errors import InputError
from analysis.eventstudy import (
    MarketModel,
    MeanAdjusted,
)
from analysis.eventstudy.inference import bootstrap
from analysis.eventstudy.inference.bootstrap import (
    WEBB,
    WEIGHTS,
    BootstrapScheme,
    bootstrap_mean,
    draw_clusters,
    draw_weights,
)
from tests.reference.panels import events, panel, study

SPREAD = [80 + 10 * (at // 2) for at in range(24)]


def scheme(kind="wild", draws=999, weights="rademacher", level=0.95, seed=0):
    return BootstrapScheme(kind, draws, weights, level, seed)


@pytest.fixture(scope="module")
def results():
    """24 events on 12 dates, two a date, windows apart."""
    returns, factors = panel(24, 260, seed=31)
    asked = events(returns, SPREAD).assign(group=["a", "b"] * 12)
    return study(returns, asked, factors, model=MarketModel("F0")).fit()


@pytest.fixture(scope="module")
def one_date():
    returns, factors = panel(20, 200, seed=32)
    return study(returns, events(returns, [150] * 20), factors, model=MarketModel("F0")).fit()


def slow_t(values, clusters, about=0.0):
    """Mean less `about` over its cluster-robust error, by loops."""
    n, names = len(values), sorted(set(clusters))
    mean = math.fsum(values) / n
    squares = 0.0
    for name in names:
        score = math.fsum(v - mean for v, c in zip(values, clusters, strict=True) if c == name)
        squares += score**2
    g = len(names)
    return (mean - about) / (math.sqrt(g / (g - 1) * squares) / n)


@pytest.mark.parametrize("seed", range(3))
def test_every_pattern_of_signs_is_taken_once_where_they_are_few(seed):
    rng = np.random.default_rng(seed)
    clusters = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 6])
    values = rng.standard_normal(11) + 0.4
    observed, null, centred = slow_t(values, clusters), [], []
    for signs in itertools.product([-1.0, 1.0], repeat=7):
        v = np.array(signs)[clusters]
        null.append(slow_t(v * values, clusters))
        centred.append(slow_t(v * (values - values.mean()), clusters))
    found = bootstrap_mean(values, clusters, scheme("wild_cluster", 200))
    assert found.draws == 128
    assert found.statistic == pytest.approx(observed, rel=1e-12)
    reached = sum(1 for t in null if abs(t) >= abs(observed) * (1 - 1e-9))
    assert found.p_value == reached / 128
    se = values.mean() / observed
    tail = sorted(centred)[-3]  # 129 × 2.5 % is 3.2
    assert found.low == pytest.approx(values.mean() - tail * se, rel=1e-9)


def test_the_exact_wild_test_is_the_sign_flip_test_of_scipy():
    values = np.random.default_rng(4).standard_normal(10) + 0.5
    found = bootstrap_mean(values, np.arange(10), scheme(draws=9999))

    def statistic(x, axis):
        return np.mean(x, axis=axis) / np.std(x, axis=axis, ddof=1)

    theirs = stats.permutation_test(
        (values,), statistic, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert found.draws == 1024
    assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-12)
    assert found.statistic == pytest.approx(stats.ttest_1samp(values, 0).statistic, rel=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_drawn_weights_give_what_a_loop_over_the_draws_gives(weights):
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(15), 2)
    values = rng.standard_normal(30) + 0.2
    asked = scheme("wild_cluster", 150, weights, seed=9)
    found = bootstrap_mean(values, clusters, asked)
    drawn = np.concatenate(list(draw_weights(15, asked)))
    assert set(drawn.ravel()) == (set(WEBB) if weights == "webb" else {-1.0, 1.0})
    null = [slow_t(v[clusters] * values, clusters) for v in drawn]
    centred = [slow_t(v[clusters] * (values - values.mean()), clusters) for v in drawn]
    t = slow_t(values, clusters)
    assert found.p_value == (1 + sum(abs(one) >= abs(t) for one in null)) / 151
    se = values.mean() / t
    low = values.mean() - sorted(centred)[-3] * se
    high = values.mean() - sorted(centred)[2] * se
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))


def test_drawn_clusters_give_what_a_loop_over_the_draws_gives():
    rng = np.random.default_rng(6)
    clusters = np.sort(rng.integers(0, 12, 40))
    clusters = np.unique(clusters, return_inverse=True)[1]
    g = int(clusters.max()) + 1
    values = rng.standard_normal(40) ** 3 + 0.5
    found = bootstrap_mean(values, clusters, scheme("cluster", 120, seed=2))
    placed = []
    for chosen in np.concatenate(list(draw_clusters(g, scheme("cluster", 120, seed=2)))):
        again, names = [], []
        # A cluster that is drawn twice counts as two.
        for number, cluster in enumerate(chosen):
            again += list(values[clusters == cluster])
            names += [number] * int((clusters == cluster).sum())
        placed.append(slow_t(again, names, values.mean()))
    t = slow_t(values, clusters)
    assert found.p_value == (1 + sum(abs(one) >= abs(t) for one in placed)) / 121
    high = values.mean() - sorted(placed)[2] * values.mean() / t
    assert found.high == pytest.approx(high, rel=1e-9)


def test_webbs_weights_have_mean_zero_and_variance_one():
    assert WEBB.mean() == pytest.approx(0.0, abs=1e-15)
    assert (WEBB**2).mean() == pytest.approx(1.0)


def test_slices_of_draws_are_put_together(monkeypatch):
    values = np.random.default_rng(7).standard_normal(20)
    exact = bootstrap_mean(values[:9], np.arange(9), scheme())
    monkeypatch.setattr(bootstrap, "CELLS", 200)
    assert bootstrap_mean(values[:9], np.arange(9), scheme()) == exact
    for kind in ("wild", "cluster"):
        found = bootstrap_mean(values, np.arange(20), scheme(kind, 205))
        assert found.draws == 205


def test_the_table_is_tidy_and_its_wild_statistic_is_the_cross_sectional_t(results):
    table = results.bootstrap([(0, 0), (-1, 1)], draws=199)
    assert list(table.columns) == bootstrap.COLUMNS
    assert table["group"].tolist() == ["all", "all", "a", "a", "b", "b"]
    assert (table["kind"] == "wild").all()
    assert (table["reason"] == "").all()
    assert table["n"].tolist() == [24, 24, 12, 12, 12, 12]
    assert (table["clusters"] == 12).all()
    tests = results.tests([(0, 0), (-1, 1)], ["cross_sectional_t"])
    np.testing.assert_allclose(table["statistic"], tests["statistic"], rtol=1e-12)
    assert table["caar"].iloc[1] == pytest.approx(results.caar((-1, 1))["caar"])
    assert (table["low"] < table["caar"]).all()
    assert (table["caar"] < table["high"]).all()


def test_on_the_scar_the_wild_statistic_is_the_bmp_t_and_the_interval_stays_the_caars(results):
    on_car = results.bootstrap((-1, 1), draws=199, group="all").iloc[0]
    on_scar = results.bootstrap((-1, 1), draws=199, group="all", on="scar").iloc[0]
    assert on_scar["statistic"] == pytest.approx(
        results.tests((-1, 1), ["bmp_t"])["statistic"].iloc[0], rel=1e-12
    )
    assert (on_scar["low"], on_scar["high"]) == (on_car["low"], on_car["high"])


def test_the_seed_is_the_studys_unless_another_is_given_and_rows_do_not_share_it(results):
    together = results.bootstrap([(0, 0), (-1, 1)], draws=199)
    alone = results.bootstrap((-1, 1), draws=199, group="b")
    pd.testing.assert_frame_equal(together.iloc[[5]].reset_index(drop=True), alone)
    other = results.bootstrap((-1, 1), draws=199, group="b", seed=5)
    assert other["low"].iloc[0] != alone["low"].iloc[0]
    pd.testing.assert_frame_equal(results.bootstrap((-1, 1), draws=199, group="b", seed=0), alone)


@pytest.mark.parametrize("kind", ["wild_cluster", "cluster"])
@pytest.mark.parametrize("by", ["overlap", "date"])
def test_one_date_is_one_cluster_and_cannot_be_drawn_from(one_date, kind, by):
    row = one_date.bootstrap((-1, 1), kind=kind, by=by).iloc[0]
    assert row["reason"].startswith("all events fall into one cluster")
    assert np.isnan(row[["statistic", "p_value", "low", "high"]].to_numpy(dtype=float)).all()
    assert (row["n"], row["clusters"], row["draws"]) == (20, 1, 0)
    # The events taken for independent can be drawn; the count of clusters tells.
    assert one_date.bootstrap((-1, 1), draws=199).iloc[0]["clusters"] == 1


def test_windows_that_are_linked_make_one_cluster_and_dates_apart_two():
    returns, factors = panel(12, 260, seed=33)
    rows = [80, 82, 84, 100, 102, 120, 130, 140, 150, 160, 170, 180]
    results = study(returns, events(returns, rows), factors, model=MarketModel("F0")).fit()
    narrow = results.bootstrap((0, 0), kind="wild_cluster").iloc[0]
    linked = results.bootstrap((-1, 1), kind="wild_cluster").iloc[0]
    by_date = results.bootstrap((-1, 1), kind="wild_cluster", by="date").iloc[0]
    # 80–84 are linked by their windows, and so are 100 and 102: 12 − 2 − 1.
    assert (narrow["clusters"], linked["clusters"], by_date["clusters"]) == (12, 9, 12)
    assert linked["draws"] == 512
    assert linked["reason"] == ""
    few = results.bootstrap((-1, 1), kind="cluster").iloc[0]
    assert few["reason"] == "needs at least 10 clusters of events, has 9"


@pytest.mark.parametrize(
    ("events_", "kind", "weights", "reason"),
    [
        (5, "wild", "rademacher", "needs at least 6 events, has 5"),
        (4, "wild", "webb", "needs at least 5 events, has 4"),
        (5, "wild_cluster", "rademacher", "needs at least 6 clusters of events, has 5"),
        (5, "wild", "webb", ""),
        (6, "wild", "rademacher", ""),
    ],
)
def test_too_few_to_draw_from_are_said(events_, kind, weights, reason):
    returns, _ = panel(events_, 200, seed=34)
    asked = events(returns, [100 + 10 * at for at in range(events_)])
    results = study(returns, asked, model=MeanAdjusted()).fit()
    assert results.bootstrap((0, 0), kind=kind, weights=weights)["reason"].iloc[0] == reason


def test_equal_cars_and_an_empty_group_have_a_reason_and_no_warning():
    returns, _ = panel(8, 200, seed=35)
    returns.iloc[150] = np.nan
    asked = events(returns, [120] * 8).assign(group=["a"] * 8)
    asked.loc[:, "date"] = returns.index[150]
    results = study(returns, asked, model=MeanAdjusted()).fit()
    table = results.bootstrap((0, 0))
    assert table["reason"].tolist() == ["no event is whole in this window"] * 2
    same = study(
        returns.assign(**dict.fromkeys(returns, returns["S0"])),
        events(returns, [120] * 8),
        model=MeanAdjusted(),
    ).fit()
    assert same.bootstrap((0, 0))["reason"].tolist() == ["all events have the same CAR"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kind": "pairs"}, "Unknown kind of bootstrap 'pairs'"),
        ({"on": "sar"}, "Unknown variable to bootstrap 'sar'"),
        ({"weights": "mammen"}, "Unknown kind of weights 'mammen'"),
        ({"by": "year"}, "Unknown kind of clusters 'year'"),
        ({"level": 1.0}, "level must lie between 0 and 1"),
        ({"draws": 50}, "draws=50 is too few"),
        ({"draws": 1e4}, "draws must be a whole number"),
        ({"group": "c"}, "Unknown group 'c'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(results, options, match):
    with pytest.raises(InputError, match=match):
        results.bootstrap((0, 0), **options)


def test_clusters_hold_their_size_where_independence_does_not():
    # 30 events on 10 dates, residual correlation 0.5, 300 draws: 5 % ± 3 standard errors.
    rng = np.random.default_rng(36)
    clusters = np.repeat(np.arange(10), 3)
    rejected = {"wild": 0, "wild_cluster": 0, "cluster": 0}
    for _ in range(300):
        values = np.sqrt(0.5) * rng.standard_normal(10)[clusters]
        values = values + np.sqrt(0.5) * rng.standard_normal(30)
        for kind in rejected:
            own = np.arange(30) if kind == "wild" else clusters
            rejected[kind] += bootstrap_mean(values, own, scheme(kind, 1024)).p_value <= 0.05
    assert rejected["wild"] / 300 > 0.12
    assert rejected["wild_cluster"] / 300 < 0.09
    assert rejected["cluster"] / 300 < 0.12
