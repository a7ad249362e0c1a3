import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.eventstudy import (
    MarketModel,
    MeanAdjusted,
    TimeOfDay,
    intraday_study,
)
from analysis.eventstudy.intraday import bars
from tests.reference.panels import half_hours

OPTIONS = {"estimation": (-260, -14), "window": (-2, 4), "min_observations": 150}


def quiet(days=60, securities=5, seed=0):
    """Half hours of New York from June 2024 on, wild at the open, quiet at noon."""
    index = half_hours("2024-06-03", days)
    minute = index.hour * 60 + index.minute
    shape = np.select([minute == 600, minute >= 900], [3.0, 1.5], 0.7)
    generator = np.random.default_rng(seed)
    market = 0.001 * shape * generator.standard_normal(len(index))
    own = 0.002 * shape[:, None] * generator.standard_normal((len(index), securities))
    names = list("ABCDEFGH"[:securities])
    return (
        pd.DataFrame(market[:, None] + own, index, names),
        pd.DataFrame({"market": market}, index),
    )


def news(*instants):
    return pd.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(len(instants))],
            "security": list("ABCDEFGH")[: len(instants)],
            "date": pd.to_datetime(list(instants), format="ISO8601"),
        }
    )


def test_news_at_noon_before_a_holiday_is_followed_across_the_early_close():
    returns, factors = quiet()
    returns.loc["2024-07-03 13:00", "A"] += 0.05
    results = intraday_study(returns, news("2024-07-03 12:47"), factors=factors, **OPTIONS)
    days = results.dates.iloc[0]
    assert [str(day) for day in days.loc[-1:1]] == [
        "2024-07-03 12:30:00",
        "2024-07-03 13:00:00",
        "2024-07-05 10:00:00",
    ]
    assert results.car((0, 0))["car"].iloc[0] == pytest.approx(0.05, abs=0.01)
    assert results.car((0, 0))["p_value"].iloc[0] < 1e-8
    assert results.fitted.n.tolist() == [247]


def test_bars_named_by_their_start_give_the_same_answers():
    returns, factors = quiet()
    asked = news("2024-07-03 12:30", "2024-07-08 11:11")
    ours = intraday_study(returns, asked, factors=factors, **OPTIONS)
    begun = [one.set_axis(one.index - pd.Timedelta("30min")) for one in (returns, factors)]
    theirs = intraday_study(begun[0], asked, factors=begun[1], label="start", **OPTIONS)
    pd.testing.assert_frame_equal(ours.abnormal, theirs.abnormal)
    pd.testing.assert_frame_equal(ours.dates, theirs.dates)


def test_windows_that_cross_into_another_session_may_be_refused():
    returns, factors = quiet()
    asked = news("2024-07-03 12:47", "2024-07-08 11:11", "2024-07-04 09:00", "2030-01-02 10:10")
    results = intraday_study(returns, asked, factors=factors, crossing=False, **OPTIONS)
    assert results.index.get_level_values("event_id").tolist() == ["e1"]
    reasons = results.skipped.set_index("event_id")["reason"]
    assert reasons["e0"] == (
        "the event window (-2, 4) reaches from the session 2024-07-03 into that of 2024-07-05"
    )
    assert "into that of 2024-07-05" in reasons["e2"]
    assert "no bar ends after 2030-01-02 10:10:00" in reasons["e3"]


def test_a_dropped_night_is_a_hole_and_no_observation():
    returns, factors = quiet()
    asked = news("2024-07-03 12:47", "2024-07-08 11:11")
    results = intraday_study(returns, asked, factors=factors, overnight="drop", **OPTIONS)
    assert results.car((0, 0)).index.get_level_values("event_id").tolist() == ["e0", "e1"]
    assert results.car((0, 1)).index.get_level_values("event_id").tolist() == ["e1"]
    assert results.skipped["reason"].tolist() == ["no return on day 1 (2024-07-05 10:00:00)"]
    kept = intraday_study(returns, asked, factors=factors, **OPTIONS)
    nights = bars.sessions(returns.index)["opening"]
    before = results.fitted.residual_days[1]
    assert kept.fitted.n[1] - results.fitted.n[1] == nights.to_numpy()[before].sum()
    assert np.isfinite(returns.to_numpy()).all()


def test_a_night_of_its_own_answers_what_happened_while_the_market_slept():
    index = half_hours("2024-06-03", 60)
    generator = np.random.default_rng(0)
    closes = pd.DataFrame({"A": 100 * np.exp(generator.normal(0, 0.002, len(index)).cumsum())})
    closes.index = index
    opens = closes.shift(1).bfill() * 1.001
    opens.loc["2024-07-05 10:00"] *= 1.04
    returns = bars.bar_returns(closes, opens, "own")
    results = intraday_study(
        returns, news("2024-07-04 09:00"), model=MeanAdjusted(), seasonality=None, **OPTIONS
    )
    assert results.dates.iloc[0].loc[0] == pd.Timestamp("2024-07-05 09:30")
    assert results.abnormal.iloc[0].loc[0] == pytest.approx(0.041, abs=0.002)


def test_the_variance_is_that_of_the_time_of_day():
    returns, factors = quiet()
    asked = news("2024-07-08 11:11", "2024-07-09 09:00")
    scaled = intraday_study(returns, asked, factors=factors, **OPTIONS)
    plain = intraday_study(returns, asked, factors=factors, seasonality=None, **OPTIONS)
    pd.testing.assert_frame_equal(scaled.abnormal, plain.abnormal)
    for at, key in enumerate(scaled.index):
        residuals = scaled.fitted.residuals[at]
        times = returns.index[scaled.fitted.residual_days[at]].time
        variance = []
        n, nu = len(residuals), len(residuals) - 2
        for day in scaled.dates.loc[key].loc[-2:2]:
            own = residuals[times == day.time()]
            variance.append((own**2).mean() * n / nu)
        s, g = plain.parameters.loc[key, "sigma"], plain.car((-2, 2)).loc[key, "se"]
        share = g**2 - 5 * s**2
        assert scaled.car((-2, 2)).loc[key, "se"] == pytest.approx(np.sqrt(sum(variance) + share))
    # At noon the average of the day hides an effect, at the open it invents one.
    assert scaled.car((0, 0))["se"].iloc[0] < 0.7 * plain.car((0, 0))["se"].iloc[0]
    assert scaled.car((0, 0))["se"].iloc[1] > 1.7 * plain.car((0, 0))["se"].iloc[1]


def test_nothing_at_the_open_is_found_about_as_often_as_promised():
    # 96 firms at the open, no effect: the variance of the whole day rejects a third of them.
    hits = {"scale": 0, None: 0}
    for seed in range(12):
        returns, factors = quiet(securities=8, seed=seed)
        asked = news(*["2024-07-08 09:00"] * 8)
        for seasonality in hits:
            results = intraday_study(
                returns, asked, factors=factors, seasonality=seasonality, **OPTIONS
            )
            hits[seasonality] += (results.car((0, 0))["p_value"] < 0.05).sum()
    assert hits[None] > 20
    assert hits["scale"] <= 12


def test_a_time_of_day_that_is_too_rare_is_said():
    returns, factors = quiet()
    asked = news("2024-07-08 11:11", "2024-07-09 09:00")
    options = {**OPTIONS, "estimation": (-80, -14), "min_observations": 50}
    results = intraday_study(returns, asked, factors=factors, **options)
    assert results.index.empty
    assert "too rare for a variance of its own" in results.skipped["reason"].iloc[0]
    whole = intraday_study(
        returns,
        asked,
        factors=factors,
        model=TimeOfDay(MarketModel(), 3),
        seasonality=None,
        **options,
    )
    assert len(whole.index) == 2


def test_every_test_runs_on_bars_and_over_workers():
    returns, factors = quiet(securities=8)
    asked = news(
        *[f"2024-07-{day:02d} 1{hour}:05" for day, hour in zip(range(8, 13), "01234", strict=True)]
    )
    one = intraday_study(returns, asked, factors=factors, **OPTIONS)
    with ThreadPoolExecutor(2) as pool:
        two = intraday_study(returns, asked, factors=factors, executor=pool, **OPTIONS)
    found, again = (results.tests([(0, 0), (-1, 2)]) for results in (one, two))
    pd.testing.assert_frame_equal(found, again)
    named = found.set_index(["test", "window_end"])["p_value"]
    for name in ("kolari_pynnonen_t", "permutation", "grank_overlap", "patell_z"):
        assert 0 < named[name, 2] <= 1
    assert "variance by the time of day" in str(one.summary())


def test_exchanges_with_hours_of_their_own_count_their_own_bars():
    returns, factors = quiet()
    index = returns.index
    short = index[index.hour < 13]
    returns.loc[~index.isin(short), "B"] = np.nan
    calendars = {"A": index, "B": short}
    asked = news("2024-07-08 12:40", "2024-07-08 12:40")
    options = {**OPTIONS, "estimation": (-120, -14), "min_observations": 80}
    results = intraday_study(
        returns,
        asked,
        factors=factors,
        calendars=calendars,
        overnight="drop",
        seasonality=None,
        **options,
    )
    zero = results.dates[0].droplevel("event_id")
    assert str(zero["A"]) == "2024-07-08 13:00:00"
    assert str(zero["B"]) == "2024-07-09 10:00:00"
    assert np.isnan(results.abnormal.loc[("e1", "B"), 0])
    gone = intraday_study(
        returns, asked, factors=factors, calendars=calendars, crossing=False, **OPTIONS
    )
    assert gone.index.get_level_values("security").tolist() == ["A"]
    nowhere = intraday_study(
        returns, asked, factors=factors, calendars={"A": index}, crossing=False, **OPTIONS
    )
    assert nowhere.skipped["reason"].tolist() == ["no calendar for B"]


def test_blank_and_early_instants_have_their_reasons():
    returns, factors = quiet()
    asked = news("2024-07-08 12:40", None, "2020-01-01 10:00")
    reasons = intraday_study(returns, asked, factors=factors, **OPTIONS).skipped
    assert sorted(reasons["reason"]) == [
        "2020-01-01 10:00:00 is before the first bar 2024-06-03 10:00:00",
        "no day 0: the date is blank",
    ]


def test_the_model_pickles_and_asks_for_the_minute_beside_its_base():
    model = pickle.loads(pickle.dumps(TimeOfDay(MarketModel("m"))))
    assert model == TimeOfDay(MarketModel("m"))
    assert model.needs("A") == ("m", "minute of the day")
    assert TimeOfDay(MarketModel({"A": "m"})).needs("B") is None
    assert (model.k, model.rf) == (2, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"overnight": "own"}, "Unknown choice of overnight 'own'"),
        ({"seasonality": "fourier"}, "Unknown seasonality 'fourier'"),
        ({"label": "middle"}, "Unknown label 'middle'"),
        ({"window": (4, -2), "crossing": False}, "ends before it begins"),
        ({"model": MarketModel}, "must be a normal-return model"),
    ],
)
def test_what_cannot_be_asked_is_said(options, words):
    returns, factors = quiet(days=30)
    with pytest.raises(InputError, match=words):
        intraday_study(returns, news("2024-07-08 12:40"), factors=factors, **{**OPTIONS, **options})
    with pytest.raises(InputError, match="at least 2 rows"):
        TimeOfDay(MarketModel(), 1)
