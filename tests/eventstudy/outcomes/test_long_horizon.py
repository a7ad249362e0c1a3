import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.eventstudy import (
    MarketAdjusted,
    MarketModel,
    abnormal_volume,
    buy_and_hold,
    long_horizon,
)
from tests.reference import slow_outcomes
from tests.reference.panels import events, panel, study

PERIOD = {"date": "D", "month": "M", "quarter": "Q", "year": "Y"}


def months(seed=0, rows=(100, 103, 110, 117, 130, 131, 150, 170), last=39, **options):
    returns, factors = panel(securities=5, days=260, seed=seed)
    asked = events(returns, list(rows))
    model = options.pop("model", MarketModel("F0"))
    return study(returns, asked, factors, model=model, window=(-3, last), **options).fit()


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    by=st.sampled_from(
        ["date", "month", "quarter", ("security", "month"), ("event", "date"), "security"]
    ),
    outcome=st.sampled_from(["bhar", "car"]),
)
def test_errors_are_those_of_sums_by_cluster(seed, by, outcome):
    results = months(seed)
    found = long_horizon(results, (0, 39), outcome, by).iloc[0]
    figures, labels = [], []
    for (event_id, security), dates in results.dates.loc[:, 0:39].iterrows():
        held = results.study.returns.loc[dates, security].to_numpy()
        ar = results.abnormal.loc[(event_id, security), 0:39].to_numpy()
        own, other = np.cumprod(1 + held), np.cumprod(1 + held - ar)
        gained = np.diff(np.concatenate([[0.0], own - other]))
        figures += (ar if outcome == "car" else gained).tolist()
        for day in dates:
            names = {"security": security, "event": event_id}
            ways = (by,) if isinstance(by, str) else by
            labels.append(
                tuple(names[way] if way in names else day.to_period(PERIOD[way]) for way in ways)
            )
    variance = slow_outcomes.clustered_variance(figures, *zip(*labels, strict=True))
    if variance <= 0:
        assert "not positive" in found["reason"]
    else:
        assert found["se"] == pytest.approx(40 * np.sqrt(variance), rel=1e-9)
        assert found["t"] == pytest.approx(found["mean"] / found["se"])
        assert found["df"] == found["clusters"] - 1


def test_means_are_those_of_the_outcomes():
    results = months()
    bhar = buy_and_hold(results, (0, 39)).events["bhar"].mean()
    assert long_horizon(results, (0, 39))["mean"].iloc[0] == pytest.approx(bhar)
    car = results.car((0, 39))["car"].mean()
    assert long_horizon(results, (0, 39), "car")["mean"].iloc[0] == pytest.approx(car)


def test_the_same_firms_counted_twice_say_no_more_by_month_but_more_by_themselves():
    returns, factors = panel(securities=5, days=260, seed=3)
    asked = events(returns, [100, 110, 120, 130, 140])
    twins = returns.rename(columns=lambda name: f"{name}-twin")
    both = pd.concat([returns, twins], axis=1)
    again = asked.assign(security=asked["security"] + "-twin", event_id=asked["event_id"] + "-t")
    options = {"model": MarketAdjusted("F0"), "window": (0, 59)}
    one = study(returns, asked, factors, **options).fit()
    two = study(both, pd.concat([asked, again]), factors, **options).fit()
    month = [long_horizon(results, (0, 59))["se"].iloc[0] for results in (one, two)]
    assert month[1] == pytest.approx(month[0])
    alone = [long_horizon(results, (0, 59), by="event")["se"].iloc[0] for results in (one, two)]
    assert alone[1] < 0.8 * alone[0]


def test_overlap_is_the_share_of_pairs_with_a_common_day():
    # Windows of days 0..9 from rows 100, 105, 120: one pair of three.
    results = months(rows=(100, 105, 120), last=9)
    found = long_horizon(results, (0, 9), by="security")
    assert found["overlap"].iloc[0] == pytest.approx(1 / 3)
    assert "which these clusters do not allow for" in found["note"].iloc[0]
    # Rows 100..109 and 109..118 share a day, 110..119 would not.
    assert long_horizon(months(rows=(100, 109), last=9), (0, 9))["overlap"].iloc[0] == 1.0
    assert long_horizon(months(rows=(100, 110), last=9), (0, 9))["overlap"].iloc[0] == 0.0


def test_shocks_of_the_month_that_all_firms_share_are_seen():
    # Every month a common shock moves all firms for its length: no event has an effect. Over
    # 400 studies errors by event reject 43 %, by date 58 %, by month 7 %, both ways 7.5 %.
    generator = np.random.default_rng(0)
    index = pd.bdate_range("2018-01-01", periods=1000)
    month = pd.factorize(index.to_period("M"))[0]
    hits = {"event": 0, "month": 0}
    for _ in range(40):
        common = generator.normal(0, 0.004, month.max() + 1)[month]
        returns = pd.DataFrame(
            common[:, None] + generator.normal(0, 0.01, (1000, 30)),
            index,
            [f"S{at}" for at in range(30)],
        )
        factors = pd.DataFrame({"F0": np.zeros(1000)}, index)
        asked = events(returns, generator.integers(100, 850, 30).tolist())
        asked["security"] = returns.columns
        results = study(returns, asked, factors, model=MarketAdjusted("F0"), window=(0, 120)).fit()
        for by in hits:
            hits[by] += long_horizon(results, (0, 120), "car", by)["p_value"].iloc[0] < 0.05
    assert hits["event"] >= 10
    assert hits["month"] <= 6


def test_groups_stand_with_their_windows_and_few_clusters_are_said():
    returns, factors = panel(securities=5, days=260)
    asked = events(returns, [100, 110, 120, 130])
    asked["group"] = ["a", "b"] * 2
    results = study(returns, asked, factors, model=MarketModel("F0"), window=(0, 39)).fit()
    found = long_horizon(results, [(0, 9), (0, 39)])
    assert found["group"].tolist() == ["all", "all", "a", "a", "b", "b"]
    assert found["n"].tolist() == [4, 4, 2, 2, 2, 2]
    assert "are few" in found["note"].iloc[0]


def test_one_cluster_or_no_event_is_a_reason():
    found = long_horizon(months(rows=(120,)), (0, 1)).iloc[0]
    assert found["reason"] == "all figures fall into one month: one cluster only"
    assert np.isnan(found["se"])
    assert not np.isnan(found["mean"])
    assert np.isnan(found["overlap"])
    returns, factors = panel(securities=5, days=260)
    returns.iloc[121, 0] = np.nan
    asked = events(returns, [120])
    gone = study(returns, asked, factors, model=MarketModel("F0"), window=(0, 9)).fit()
    assert long_horizon(gone, (0, 9))["reason"].iloc[0] == "needs at least 1 event, has 0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outcome": "sar"}, "Unknown outcome 'sar'"),
        ({"by": "mouth"}, "Did you mean 'month'"),
        ({"by": 3}, "Unknown cluster '3'"),
        ({"by": ("date", "month")}, "Every date lies inside one month"),
        ({"by": ("security", "security")}, "one cluster or two different ones"),
        ({"by": ("security", "event", "date")}, "one cluster or two"),
        ({"level": 0}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_asked_is_said(options, words):
    with pytest.raises(InputError, match=words):
        long_horizon(months(rows=(100, 120)), (0, 9), **options)


def test_cars_of_other_outcomes_have_clustered_errors_but_cannot_be_held():
    index = pd.bdate_range("2024-01-01", periods=260)
    shares = np.random.default_rng(0).lognormal(12, 0.4, (260, 3))
    volume = pd.DataFrame(shares, index, ["S0", "S1", "S2"])
    asked = events(volume, [150, 160, 170])
    options = {"estimation": (-120, -11), "window": (0, 59)}
    # The logarithm of a small turnover is far below −1, and no return at all.
    results = abnormal_volume(volume, asked, shares=dict.fromkeys(volume, 1e9), **options)
    found = long_horizon(results, (0, 59), "car").iloc[0]
    assert found["n"] == 3
    assert found["mean"] == pytest.approx(results.car((0, 59))["car"].mean())
    with pytest.raises(InputError, match="only returns can be bought and held"):
        long_horizon(results, (0, 59))
    with pytest.raises(InputError, match="only returns can be bought and held"):
        buy_and_hold(results, (0, 59))
