"""Presets: how they are asked, what they leave alone, and what no printed figure covers.

All statistics of `eventstudy2`, and what `lemaire` prints beyond single CARs, are held against
plain loops written from those packages' conventions (slow_presets.py). Printed figures are in
tests/conformance.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.errors import InputError
from analysis.eventstudy import FactorModel, MarketAdjusted, MarketModel, MeanAdjusted, presets
from analysis.eventstudy.presets.comparison import differences
from tests.reference.panels import events, panel, study
from tests.reference.slow_presets import eventstudy2, standardised, two_sided, unpacked

RETURNS, FACTORS = panel(6, 160, seed=3, gaps=0.02)
# Two of the six share a date.
ASKED = events(RETURNS, [80, 90, 90, 105, 120, 131])
WINDOWS = [(0, 0), (-1, 1), (-3, 3)]
MODELS = {
    "market": MarketModel("F0"),
    "adjusted": MarketAdjusted("F0"),
    "mean": MeanAdjusted(),
    "factors": FactorModel(("F0",)),
}


def fit(preset=None, model="market", returns=RETURNS, asked=ASKED, **options):
    return study(returns, asked, FACTORS, model=MODELS[model], preset=preset, **options).fit()


def values(table, test, column="statistic"):
    return table.loc[table["test"] == test, column].to_numpy()


class TestAsking:
    def test_an_unknown_preset_is_refused_with_a_suggestion(self):
        with pytest.raises(InputError, match=r"Unknown preset 'estudy3'. Did you mean 'estudy"):
            fit("estudy3")

    def test_what_is_no_name_is_refused(self):
        with pytest.raises(InputError, match=r"preset must be one of .*lemaire.*, not 3"):
            fit(3)

    def test_a_test_that_the_package_lacks_is_refused(self):
        with pytest.raises(InputError, match=r"Unknown test of .*estudy2.* 'permutation'"):
            fit("estudy2").tests((0, 0), ["permutation"])

    def test_a_single_name_may_stand_without_a_list(self):
        assert fit("estudy").tests((0, 0), "bmp_t")["test"].tolist() == ["bmp_t"]

    @pytest.mark.parametrize("name", presets.NAMES)
    def test_tests_come_in_the_shape_of_our_own(self, name):
        ours, theirs = fit().tests(WINDOWS, ["bmp_t"]), fit(name).tests(WINDOWS)
        assert list(theirs.columns) == list(ours.columns)
        assert theirs["test"].tolist() == [*presets.preset(name).names] * len(WINDOWS)
        undecided = theirs["p_value"].isna()
        assert (theirs.loc[undecided, "reason"] != "").all()
        assert (theirs.loc[~undecided, "reason"] == "").all()
        assert theirs.loc[~undecided, "p_holm"].notna().all()

    @pytest.mark.parametrize("name", presets.NAMES)
    def test_groups_are_answered_each_for_itself(self, name):
        grouped = ASKED.assign(group=["a", "b", "a", "b", "a", "b"])
        table = fit(name, asked=grouped).tests((0, 0))
        assert list(dict.fromkeys(table["group"])) == ["all", "a", "b"]
        alone = fit(name, asked=grouped[grouped["group"] == "b"].drop(columns="group"))
        part = table[table["group"] == "b"].set_index("test")["statistic"]
        pd.testing.assert_series_equal(
            part, alone.tests((0, 0)).set_index("test")["statistic"], rtol=1e-12
        )

    def test_a_model_that_the_package_lacks_is_a_reason_in_its_tests(self):
        table = fit("lemaire", "adjusted").tests((0, 0))
        assert table["reason"].tolist() == [
            "Lemaire's eventstudy for Python fits no market-adjusted returns"
        ]

    def test_a_model_that_the_package_lacks_has_no_standard_errors(self):
        results = fit("estudy2", "factors")
        with pytest.raises(InputError, match=r"estudy2 0\.10 for R fits no factor model; take"):
            results.car((0, 0))
        with pytest.raises(InputError, match="fits no factor model"):
            results.caar((0, 0))


class TestOurOwnFigures:
    @pytest.mark.parametrize("name", presets.NAMES)
    def test_abnormal_returns_parameters_and_ledger_stay_as_they_are(self, name):
        ours, theirs = fit(), fit(name)
        pd.testing.assert_frame_equal(ours.abnormal, theirs.abnormal)
        pd.testing.assert_frame_equal(ours.parameters, theirs.parameters)
        pd.testing.assert_frame_equal(ours.skipped, theirs.skipped)
        pd.testing.assert_series_equal(
            ours.car((-1, 1))["car"], theirs.car((-1, 1))["car"], check_exact=True
        )

    def test_the_summary_keeps_our_conventions_and_says_so(self):
        ours, theirs = fit().summary(), fit("estudy").summary()
        assert "follow those of the preset" in str(theirs)
        assert "preset" not in str(ours)
        for (caption, mine), (same, other) in zip(ours.tables, theirs.tables, strict=True):
            assert caption == same
            pd.testing.assert_frame_equal(mine, other)
        assert "<table" in fit("estudy")._repr_html_()

    def test_no_preset_is_the_default(self):
        results = fit()
        assert results.study.preset is None


# --- slow references, from the description of each package -----------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("window", WINDOWS)
def test_eventstudy2_is_what_its_description_says(model, window):
    results = fit("eventstudy2", model)
    found, _ = unpacked(results, window)
    table = results.tests(window).set_index("test")
    expected = eventstudy2(found)
    assert set(table.index) == set(expected)
    for test, (statistic, df) in expected.items():
        assert table.loc[test, "statistic"] == pytest.approx(statistic, rel=1e-9), test
        assert table.loc[test, "p_value"] == pytest.approx(two_sided(statistic, df), rel=1e-8)
        assert table.loc[test, "n"] == len(found)
        assert np.isnan(table.loc[test, "df"]) if df is None else table.loc[test, "df"] == df


@pytest.mark.parametrize("model", ["market", "mean", "factors"])
@pytest.mark.parametrize("window", WINDOWS)
def test_lemaire_is_what_its_description_says(model, window):
    results = fit("lemaire", model)
    found, sample = unpacked(results, window)
    length, variances = len(found[0].ar), []
    for event, whole in zip(found, sample.fitted.ar, strict=True):
        rows = [v for v in event.residuals if not math.isnan(v)]
        if model == "mean":
            rows += [float(v) for v in whole if not math.isnan(v)]
            variances.append(statistics.pvariance(rows))
        else:
            variances.append(math.fsum(v * v for v in rows) / len(rows))
    cars = results.car(window)
    for (_, car), event, variance in zip(cars.iterrows(), found, variances, strict=True):
        t = sum(event.ar) / math.sqrt(length * variance)
        assert car["t"] == pytest.approx(t, rel=1e-9)
        assert car["df"] == event.n - 1
        assert car["p_value"] == pytest.approx(stats.t.sf(abs(t), event.n - 1), rel=1e-8)
    caar = statistics.fmean(sum(event.ar) for event in found)
    t = caar / (math.sqrt(length * sum(variances)) / len(found))
    one = results.tests(window).iloc[0]
    assert one["statistic"] == pytest.approx(t, rel=1e-9)
    assert one["df"] == sum(event.n - 1 for event in found)
    assert one["p_value"] == pytest.approx(stats.t.sf(abs(t), one["df"]), rel=1e-8)
    assert results.caar(window)["caar"] == pytest.approx(caar, rel=1e-12)


def test_eventstudy2_takes_one_more_degree_of_freedom_for_each_further_factor():
    rng = np.random.default_rng(12)
    two = FACTORS.assign(SIZE=rng.normal(0.0, 0.01, len(FACTORS)))
    whole, _ = panel(6, 160, seed=3)
    asking = {"model": FactorModel(("F0", "SIZE")), "preset": "eventstudy2"}
    results = study(whole, ASKED, two, **asking).fit()
    table = results.tests((0, 0)).set_index("test")
    sample, _ = results.sample((0, 0))
    sessions = sample.fitted.residuals.shape[1]
    expected = {"bmp_t": sessions - 3, "kolari_pynnonen_t": sessions - 3, "grank_t": sessions - 2}
    assert table.loc[list(expected), "df"].to_dict() == expected
    scars = []
    for row, days, ar, day in zip(
        sample.fitted.residuals,
        sample.fitted.residual_days,
        sample.fitted.ar[:, sample.columns][:, 0],
        sample.fitted.days[:, sample.columns][:, 0],
        strict=True,
    ):
        x = np.column_stack([np.ones(sessions), two.to_numpy()[days]])
        now = np.append(1.0, two.to_numpy()[day])
        s = math.sqrt(row @ row / (sessions - 3))
        scars.append(ar / (s * (1 + now @ np.linalg.inv(x.T @ x) @ now) ** 0.25))
    patell = sum(scars) / math.sqrt(6 * (sessions - 3) / (sessions - 5))
    assert table.loc["patell_z", "statistic"] == pytest.approx(patell, rel=1e-9)
    bmp = statistics.fmean(scars) / (statistics.stdev(scars) / math.sqrt(6))
    assert table.loc["bmp_t", "statistic"] == pytest.approx(bmp, rel=1e-9)


def test_eventstudy2_leaves_pairs_that_correlate_perfectly_out():
    # The same event twice, under two names: the pair has no part in r̄.
    twice = pd.concat([ASKED, ASKED.iloc[[0]].assign(event_id="again")], ignore_index=True)
    doubled = fit("eventstudy2", asked=twice)
    found, _ = unpacked(doubled, (0, 0))
    v = pd.DataFrame(
        [
            [
                standardised(e, ar, h)
                for ar, h in zip(e.residuals, e.estimation_leverage, strict=True)
            ]
            for e in found
        ]
    ).T
    r = v.corr().to_numpy()
    pairs = [r[i, j] for i in range(7) for j in range(7) if i != j and {i, j} != {0, 6}]
    mean = statistics.fmean(pairs)
    factor = math.sqrt((1 - mean) / (1 + 6 * mean))
    table = doubled.tests((0, 0)).set_index("test")["statistic"]
    assert table["kolari_pynnonen_t"] == pytest.approx(table["bmp_t"] * factor, rel=1e-9)


def test_eventstudy2s_single_cars_keep_the_forecast_error():
    pd.testing.assert_frame_equal(fit("eventstudy2").car((-1, 1)), fit().car((-1, 1)))


# --- properties ------------------------------------------------------------------------------

# estudy pools through exponentials, which know no scale; raw rank sums and signs of zeros no sign.
SCALE_FREE = [name for name in presets.NAMES if name != "estudy"]


@settings(max_examples=5, deadline=None)
@given(scale=st.floats(0.1, 3.0), name=st.sampled_from(SCALE_FREE))
def test_the_scale_of_returns_leaves_every_statistic_alone(scale, name):
    scaled = study(RETURNS * scale, ASKED, FACTORS * scale, preset=name, model=MODELS["market"])
    ours, theirs = fit(name).tests(WINDOWS), scaled.fit().tests(WINDOWS)
    np.testing.assert_allclose(theirs["statistic"], ours["statistic"], rtol=1e-7)


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(6)), name=st.sampled_from(presets.NAMES))
def test_the_order_of_events_leaves_every_statistic_alone(order, name):
    ours = fit(name).tests(WINDOWS)
    theirs = fit(name, asked=ASKED.iloc[list(order)]).tests(WINDOWS)
    np.testing.assert_allclose(theirs["statistic"], ours["statistic"], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", presets.NAMES)
def test_turned_signs_turn_every_parametric_statistic(name):
    turned = study(-RETURNS, ASKED, -FACTORS, preset=name, model=MODELS["market"]).fit()
    ours, theirs = fit(name).tests(WINDOWS), turned.tests(WINDOWS)
    for test in ("patell_z", "bmp_t", "cross_sectional_t", "bw_1980", "aggregate_t"):
        np.testing.assert_allclose(values(theirs, test), -values(ours, test), rtol=1e-8)


@pytest.mark.parametrize("name", presets.NAMES)
@pytest.mark.parametrize("rows", [[80], [80, 90]])
def test_one_event_or_two_give_figures_or_reasons(name, rows):
    table = fit(name, asked=events(RETURNS, rows)).tests(WINDOWS)
    assert ((table["reason"] == "") == table["statistic"].notna()).all()


@pytest.mark.parametrize("name", presets.NAMES)
@pytest.mark.parametrize("days", [4, 5, 6])
def test_a_handful_of_estimation_days_gives_figures_or_reasons(name, days):
    short = fit(name, returns=RETURNS.fillna(0.0), estimation=(-days - 10, -11), min_observations=4)
    table = short.tests(WINDOWS)
    assert ((table["reason"] == "") == table["statistic"].notna()).all()
    assert ((table["reason"] == "") == table["p_value"].notna()).all()
    assert len(short.car((0, 0))) == 6
    if days == 4 and name in ("estudy", "estudy2"):
        # (T−2)/(T−4) has no value: a figure of 0 would be none.
        reason = table.loc[table["test"] == "patell_z", "reason"].iloc[0]
        assert reason == "an event has no more than 4 estimation days"


@pytest.mark.parametrize("name", presets.NAMES)
def test_events_that_are_all_alike_give_figures_or_reasons(name):
    alike = pd.DataFrame({f"S{number}": RETURNS["S0"].fillna(0.0) for number in range(6)})
    table = fit(name, returns=alike, asked=events(alike, [90] * 6)).tests(WINDOWS)
    assert ((table["reason"] == "") == table["statistic"].notna()).all()


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_study_without_a_whole_event_gives_reasons(name):
    emptied = RETURNS.copy()
    emptied.iloc[[79, 81]] = np.nan
    results = fit(name, returns=emptied, asked=ASKED.iloc[:1])
    table = results.tests((-1, 1))
    assert table["statistic"].isna().all()
    assert (table["n"] == 0).all()
    assert np.isnan(results.caar((-1, 1))["caar"])
    assert results.car((-1, 1)).empty


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_study_without_a_fitted_event_has_an_empty_table_of_cars(name):
    results = fit(name, returns=RETURNS * np.nan, asked=ASKED.iloc[:1])
    assert len(results.fitted) == 0
    assert results.car((-1, 1)).empty
    assert (results.tests((-1, 1))["reason"] != "").all()


@pytest.mark.parametrize("name", presets.NAMES)
def test_differences_to_the_market_of_one_sign_give_figures_or_reasons(name):
    above = RETURNS.abs() + 0.001
    above = above.add(FACTORS["F0"], axis=0)
    table = fit(name, "adjusted", above).tests((0, 0))
    assert ((table["reason"] == "") == table["statistic"].notna()).all()


# --- beside each other -----------------------------------------------------------------------


class TestComparison:
    def test_every_preset_and_ours_answer_in_every_window(self):
        table = fit().compare_presets(WINDOWS)
        assert list(dict.fromkeys(table["preset"])) == ["faultline", *presets.NAMES]
        together = table.groupby(["window_start", "window_end"])["preset"].nunique()
        assert together.tolist() == [6, 6, 6]

    @pytest.mark.parametrize("name", presets.NAMES)
    def test_its_rows_are_the_tests_of_the_preset(self, name):
        rows = fit().compare_presets((-1, 1)).query("preset == @name")
        alone = fit(name).tests((-1, 1))
        for column in ("statistic", "df", "p_value", "n", "reason"):
            assert rows[column].tolist() == pytest.approx(alone[column].tolist(), nan_ok=True)
        decided = rows["p_value"].notna()
        assert rows.loc[~decided, "significant"].isna().all()
        assert (rows.loc[decided, "significant"] == (rows.loc[decided, "p_value"] < 0.05)).all()

    def test_our_rows_are_our_tests_also_under_a_preset(self):
        ours = fit().compare_presets(WINDOWS)
        pd.testing.assert_frame_equal(ours, fit("estudy").compare_presets(WINDOWS))
        leading = ours.query("preset == 'faultline' and test == 'kolari_pynnonen_t'")
        expected = fit().tests(WINDOWS, ["kolari_pynnonen_t"])["statistic"]
        assert leading["statistic"].tolist() == pytest.approx(expected.tolist())

    def test_a_package_that_lacks_the_model_has_one_row_with_the_reason(self):
        table = fit(model="factors").compare_presets((0, 0))
        row = table.query("preset == 'estudy2'")
        assert row["reason"].tolist() == ["estudy2 0.10 for R fits no factor model"]
        assert row["package_test"].tolist() == [""]

    def test_known_errors_carry_a_note(self):
        table = fit().compare_presets((0, 0)).set_index(["preset", "package_test"])
        assert "no signed-rank test" in table.loc[("estudy", "Wilcoxon"), "note"]
        assert "event time" in table.loc[("eventstudy_r", "CalendarTimePortfolioTest"), "note"]
        assert table.loc[("lemaire", "T-stat"), "note"].startswith("the p-value is one-sided")

    def test_one_group_may_be_asked_for(self):
        grouped = ASKED.assign(group=["a", "b", "a", "b", "a", "b"])
        table = fit(asked=grouped).compare_presets((0, 0), "b")
        assert set(table["n"]) == {3}
        with pytest.raises(InputError, match="Unknown group 'c'"):
            fit(asked=grouped).compare_presets((0, 0), "c")

    def test_firms_that_move_together_part_the_packages(self):
        # One shock to all on one day, no effect: tests that take events for independent reject.
        rng = np.random.default_rng(5)
        common = rng.normal(0, 0.01, (160, 1))
        common[100] = 0.015
        together = pd.DataFrame(
            common + rng.normal(0, 0.008, (160, 20)),
            index=RETURNS.index,
            columns=[f"S{number}" for number in range(20)],
        )
        asked = events(together, [100] * 20, list(together.columns))
        results = fit(returns=together, asked=asked)
        table = results.compare_presets((0, 0))
        (sentence,) = table.attrs["differences"]
        assert sentence.startswith(
            "In the window (0, 0) kolari_pynnonen_t finds no effect at 5 % (p 0."
        )
        assert "; estudy (Norm, Patell, BMP, signrank)" in sentence
        assert "lemaire (T-stat)" in sentence
        assert "Wilcoxon" not in sentence.split("estudy (")[1].split(")")[0]

    def test_agreement_is_silent_and_one_dissent_is_named(self):
        table = fit().compare_presets((0, 0))
        table["significant"] = table["significant"].where(table["significant"].isna(), True)
        assert differences(table) == ()
        dissent = (table["preset"] == "estudy") & (table["package_test"] == "BMP")
        table.loc[dissent, "significant"] = False
        (sentence,) = differences(table)
        assert "finds an effect at 5 %" in sentence
        assert sentence.endswith("there would have been none: estudy (BMP).")

    def test_one_event_has_no_leading_test_and_so_no_difference(self):
        assert fit(asked=ASKED.iloc[:1]).compare_presets(WINDOWS).attrs["differences"] == ()


def test_a_prepared_study_is_not_prepared_again():
    results = fit("estudy")
    assert replace(results.study, preset=None).fit().study.preset is None
    assert results.study.preset == "estudy"
