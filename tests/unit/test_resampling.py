"""The permutation test against loops that do what its definition says, one date at a time."""

import numpy as np
import pandas as pd
import pytest

from analysis.eventstudy import FactorModel, MarketModel, MeanAdjusted, resampling
from tests.reference.panels import events, panel, study

ESTIMATION, WINDOW, LEAST = (-60, -11), (-3, 3), 20


def slow(returns, factors, columns, asked, window, calendars=None):
    """Mean SCAR on the real dates and on every admissible placebo date."""
    union = list(returns.index)
    y = {name: returns[name].to_numpy() for name in returns}
    x = np.column_stack([np.ones(len(union)), factors[columns]])
    own = {
        name: list(range(len(union)))
        if calendars is None
        else [union.index(date) for date in calendars[name]]
        for name in asked["security"]
    }
    places = [
        (name, union.index(date))
        for name, date in zip(asked["security"], asked["date"], strict=True)
    ]
    taken = {name: set() for name, _ in places}
    for name, day in places:
        taken[name] |= set(rows(own[name], own[name].index(day), WINDOW))
    anywhere = set().union(*taken.values())

    def scar(name, zero, cut):
        inside = rows(own[name], zero, window)
        before = [day for day in rows(own[name], zero, ESTIMATION) if day not in cut]
        before = [day for day in before if np.isfinite([y[name][day], *x[day]]).all()]
        whole = len(inside) == window[1] - window[0] + 1
        if not whole or len(before) < LEAST or not np.isfinite(y[name][inside]).all():
            return None
        if not np.isfinite(x[inside]).all():
            return None
        b, *_ = np.linalg.lstsq(x[before], y[name][before], rcond=None)
        s2 = ((y[name][before] - x[before] @ b) ** 2).sum() / (len(before) - x.shape[1])
        if s2 < 1e-25:
            return None
        g = x[inside].sum(axis=0)
        variance = s2 * (len(inside) + g @ np.linalg.inv(x[before].T @ x[before]) @ g)
        return (y[name][inside] - x[inside] @ b).sum() / np.sqrt(variance), set(inside)

    def mean(shift):
        scars = []
        for name, day in places:
            later = [at for at, session in enumerate(own[name]) if session >= day + shift]
            if day + shift < 0 or not later:
                return None
            cut = taken[name] - (set() if shift else set(rows(own[name], later[0], WINDOW)))
            placed = scar(name, later[0], cut)
            if placed is None or (shift and placed[1] & anywhere):
                return None
            scars.append(placed[0])
        return np.mean(scars)

    placed = [mean(shift) for shift in range(-len(union), len(union)) if shift]
    return mean(0), np.array([one for one in placed if one is not None])


def rows(sessions, zero, window):
    """Days of the sessions around a session, those that exist."""
    inside = range(zero + window[0], zero + window[1] + 1)
    return [sessions[at] for at in inside if 0 <= at < len(sessions)]


def agrees(row, observed, placed):
    """Whether a row of the table of tests says what the loops say."""
    expected = (1 + (np.abs(placed) >= abs(observed)).sum()) / (1 + len(placed))
    assert len(placed) >= 39
    assert row["statistic"] == pytest.approx(observed, rel=1e-9)
    assert row["p_value"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (MarketModel("F0"), ["F0"]),
        (MeanAdjusted(), []),
        (FactorModel(["F0", "F1"]), ["F0", "F1"]),
    ],
)
@pytest.mark.parametrize("rows", [[150, 150, 150], [150, 153, 158], [120, 121, 200]])
def test_it_is_what_the_loops_say(model, columns, rows):
    returns, factors = panel(3, 260, seed=11, factors=2)
    returns.iloc[[60, 61, 230], 1] = np.nan
    factors.iloc[[80], :] = np.nan
    if not columns:
        factors = factors.fillna(0.0)
    asked = events(returns, rows)
    results = study(returns, asked, factors, model=model).fit()
    table = results.tests([(0, 0), (-1, 2)], ["permutation"])
    for window, (_, row) in zip([(0, 0), (-1, 2)], table.iterrows(), strict=True):
        observed, placed = slow(returns, factors, columns, asked, window)
        agrees(row, observed, placed)
        assert (row["n"], row["reason"]) == (3, "")
        assert np.isnan(row["df"])


def test_a_moved_event_reacts_on_its_next_session():
    returns, factors = panel(2, 260, seed=12)
    # S1 trades on four days out of five.
    own = returns.index[np.arange(260) % 5 != 2]
    calendars = {"S0": returns.index, "S1": own}
    asked = events(returns, [150, 150])
    results = study(returns, asked, factors, model=MarketModel("F0"), calendars=calendars).fit()
    row = results.tests((-1, 1), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (-1, 1), calendars)
    agrees(row, observed, placed)


def test_own_other_events_are_cut_and_met_by_no_placebo():
    returns, factors = panel(1, 300, seed=13)
    asked = events(returns, [120, 200], ["S0", "S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.tests((0, 1), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (0, 1))
    agrees(row, observed, placed)


def test_too_few_dates_are_said_and_give_no_number():
    returns, factors = panel(2, 125, seed=14)
    asked = events(returns, [100, 100])
    narrow = study(
        returns, asked, factors, model=MarketModel("F0"), estimation=(-60, -4), min_observations=57
    ).fit()
    row = narrow.tests((0, 0), ["permutation"]).iloc[0]
    assert np.isnan(row["statistic"])
    assert np.isnan(row["p_value"])
    assert row["reason"].endswith("admissible placebo dates, at least 39 are needed")


def test_more_dates_than_needed_are_drawn_with_the_seed(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_PLACEBOS", 60)
    returns, factors = panel(3, 260, seed=15)
    asked = events(returns, [150, 150, 150])

    def p_values(seed):
        question = study(returns, asked, factors, model=MarketModel("F0"), seed=seed)
        return question.fit().tests([(0, 0), (-1, 1)], ["permutation"])["p_value"].tolist()

    assert p_values(1) == p_values(1)
    assert len({tuple(p_values(seed)) for seed in range(6)}) > 1
    # 60 placebos: every p-value is a multiple of 1/61.
    assert np.array(p_values(1)) * 61 == pytest.approx(np.round(np.array(p_values(1)) * 61))


def test_a_strong_effect_has_the_smallest_p_value_there_is():
    returns, factors = panel(5, 260, seed=16)
    returns.iloc[150] -= 0.2
    asked = events(returns, [150] * 5)
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    _, placed = slow(returns, factors, ["F0"], asked, (0, 0))
    assert results.tests((0, 0), ["permutation"])["p_value"].iloc[0] == pytest.approx(
        1 / (1 + len(placed))
    )


def test_groups_and_windows_asked_together_are_as_asked_alone():
    returns, factors = panel(4, 260, seed=17)
    asked = events(returns, [150, 150, 152, 152]).assign(group=["a", "a", "b", "b"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    together = results.tests([(0, 0), (-2, 2)], ["permutation"])
    for window in [(0, 0), (-2, 2)]:
        alone = results.tests(window, ["permutation"])["p_value"].tolist()
        same = together[together["window_start"] == window[0]]["p_value"].tolist()
        assert same == alone


def test_a_flat_stretch_gives_no_placebo():
    returns, factors = panel(1, 300, seed=18)
    # Nothing moves on rows 0 to 119: a placebo estimated there has no residual variance.
    returns.iloc[:120, 0] = 0.0
    asked = events(returns, [200], ["S0"])
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    row = results.tests((0, 0), ["permutation"]).iloc[0]
    observed, placed = slow(returns, factors, ["F0"], asked, (0, 0))
    assert len(placed) < 300 - 60 - 7
    agrees(row, observed, placed)


def test_under_the_null_p_values_are_even():
    # 8 firms with a common shock on one day; 120 draws of fresh panels.
    rng = np.random.default_rng(19)
    index = pd.bdate_range("2024-01-01", periods=240)
    p = []
    for _ in range(120):
        values = rng.standard_normal((240, 8)) + rng.standard_normal((240, 1))
        returns = pd.DataFrame(values / 100, index, [f"S{number}" for number in range(8)])
        asked = events(returns, [150] * 8)
        question = study(returns, asked, model=MeanAdjusted())
        p.append(question.fit().tests((-1, 1), ["permutation"])["p_value"].iloc[0])
    counts, _ = np.histogram(p, bins=4, range=(0, 1))
    # 30 expected in each quarter, standard deviation 4.7.
    assert (np.abs(counts - 30) < 15).all()
    assert np.mean(np.array(p) <= 0.05) < 0.12
