"""The prose follows the result; nothing is claimed that was not found."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.normal_returns import MODELS
from analysis.reports import caveats, narrative

NVIDIA = {
    "event_id": "e",
    "security": "NVDA",
    "name": "Nvidia",
    "role": "gpu",
    "bloc": "us",
    "exchange": "XNAS",
    "day0": pd.Timestamp("2025-01-27"),
    "benchmark": "^GSPC",
    "raw": -0.1697,
    "market_adjusted": -0.1551,
    "abnormal": -0.1310,
    "se": 0.0267,
    "t": -4.9,
    "df": 218.0,
    "p_value": 2e-6,
    "p_bh": 1e-5,
}
META = NVIDIA | {
    "security": "META",
    "name": "Meta",
    "role": "cloud",
    "raw": 0.0191,
    "market_adjusted": 0.0337,
    "abnormal": 0.0423,
    "t": 2.1,
    "p_value": 0.04,
    "p_bh": 0.09,
}


def securities(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def groups(**caars: tuple[float, float]) -> pd.DataFrame:
    """Day-0 rows: group=(caar, Holm p)."""
    return pd.DataFrame(
        [
            {
                "group": name,
                "window_start": 0,
                "window_end": 0,
                "n": 3,
                "caar": caar,
                "low": caar - 0.01,
                "high": caar + 0.01,
                "test": "kolari_pynnonen_t" if name == "all" else "permutation",
                "statistic": -4.0,
                "p_value": p,
                "p_holm": np.nan if name == "all" else p,
            }
            for name, (caar, p) in caars.items()
        ]
    )


def battery(**p_values: float) -> pd.DataFrame:
    return pd.DataFrame(
        [("all", 0, 0, name, value) for name, value in p_values.items()],
        columns=["group", "window_start", "window_end", "test", "p_value"],
    )


def test_the_headline_names_number_comparison_and_certainty() -> None:
    written = narrative.headline_and_lead(
        securities(NVIDIA, META),
        groups(all=(-0.05, 0.001), gpu=(-0.1, 0.0), power=(-0.23, 0.0), software=(-0.01, 0.7)),
        battery(kolari_pynnonen_t=0.01, permutation=0.002, grank_overlap=0.03),
        ["NVDA"],
        "market",
    )
    assert written.headline == (
        "Nvidia lost 17.0\u202f% on 27 January 2025, 13.1 points more than its market beta "
        "explains (t −4.9, p\u00a0<\u00a00.001); power fell with it, software showed no clear move."
    )
    assert "All three recommended tests distinguish it from ordinary days" in written.lead
    assert "1 of 2 securities" in written.lead


def test_where_nothing_is_significant_the_headline_says_so() -> None:
    calm = NVIDIA | {"raw": -0.004, "abnormal": -0.002, "t": -0.1, "p_value": 0.92, "p_bh": 0.95}
    written = narrative.headline_and_lead(
        securities(calm),
        groups(all=(-0.002, 0.9), gpu=(-0.002, 0.9)),
        battery(),
        ["NVDA"],
        "market",
    )
    assert written.headline.startswith("No clear abnormal move: Nvidia lost 0.4")
    assert "not clearly different from what its market beta explains" in written.headline
    assert "more than its market beta explains" not in written.headline


def test_disagreeing_robust_tests_leave_the_question_open() -> None:
    table = battery(kolari_pynnonen_t=0.2, permutation=0.01)
    text = narrative.lead(securities(NVIDIA, META), groups(all=(-0.05, 0.1)), table, "market")
    assert "One of the two recommended tests distinguishes it" in text


def test_robust_tests_above_the_level_do_not_set_the_average_apart() -> None:
    table = battery(kolari_pynnonen_t=0.2, permutation=0.4, grank_overlap=0.3)
    text = narrative.lead(securities(NVIDIA, META), groups(all=(-0.05, 0.1)), table, "market")
    assert "None of the three recommended tests distinguishes it" in text


def test_opposite_signs_of_raw_and_abnormal_are_spelled_out() -> None:
    row = NVIDIA | {"raw": -0.01, "abnormal": 0.05, "t": 3.0, "p_value": 0.003}
    written = narrative.headline_and_lead(
        securities(row), groups(all=(0.05, 0.01)), battery(), ["NVDA"], "market"
    )
    assert (
        "lost 1.0\u202f% on 27 January 2025; its abnormal return was +5.0\u202f%"
        in written.headline
    )


def test_without_a_named_entity_the_largest_mover_leads_and_pays_for_the_choice() -> None:
    focus = narrative.headline_security(securities(META, NVIDIA), ["TSM"])
    assert focus is not None
    assert focus.row["security"] == "NVDA"
    assert not focus.named
    assert focus.p_value == NVIDIA["p_bh"]
    lucky = NVIDIA | {"p_value": 0.02, "p_bh": 0.87}
    headline = narrative.headline_and_lead(
        securities(lucky, META | {"abnormal": 0.01}),
        groups(all=(-0.01, 0.8), gpu=(-0.01, 0.9)),
        battery(kolari_pynnonen_t=0.8),
        [],
        "market",
    ).headline
    assert headline.startswith("No clear abnormal move: Nvidia, the largest mover,")
    assert "p\u00a00.870 adjusted for the choice" in headline


def test_a_certain_average_leads_where_its_best_known_member_did_not_move() -> None:
    calm = NVIDIA | {"raw": -0.004, "abnormal": -0.002, "t": -0.1, "p_value": 0.92, "p_bh": 0.95}
    headline = narrative.headline_and_lead(
        securities(calm, META),
        groups(all=(-0.018, 0.019), gpu=(-0.002, 0.9)),
        battery(kolari_pynnonen_t=0.019),
        ["NVDA"],
        "market",
    ).headline
    assert headline.startswith("The average abnormal return of 3 securities was −1.8")
    assert "No clear abnormal move" not in headline


def test_a_family_that_moved_is_named_though_the_focus_belongs_to_it_and_did_not() -> None:
    calm = NVIDIA | {"raw": 0.02, "abnormal": 0.02, "t": 0.8, "p_value": 0.44, "p_bh": 0.6}
    headline = narrative.headline_and_lead(
        securities(calm, META),
        groups(all=(0.02, 0.3), gpu=(0.10, 0.001), power=(0.0, 0.8)),
        battery(kolari_pynnonen_t=0.3),
        ["NVDA"],
        "market",
    ).headline
    assert "chips and processors rose, power showed no clear move" in headline
    assert "with it" not in headline


def test_a_family_that_could_not_be_measured_is_not_called_calm() -> None:
    headline = narrative.headline_and_lead(
        securities(NVIDIA),
        groups(all=(-0.1, 0.01), power=(-0.2, 0.001), software=(float("nan"), float("nan"))),
        battery(kolari_pynnonen_t=0.01),
        ["NVDA"],
        "market",
    ).headline
    assert "power fell with it" in headline
    assert "software" not in headline


def test_interval_and_test_that_differ_are_explained() -> None:
    frame = groups(all=(0.015, 0.095))
    text = narrative.lead(securities(NVIDIA, META), frame, battery(), "market")
    assert "here the two disagree" in text
    agreed = narrative.lead(
        securities(NVIDIA, META), groups(all=(0.015, 0.04)), battery(), "market"
    )
    assert "here the two disagree" not in agreed


def test_a_study_without_any_abnormal_return_still_has_a_headline() -> None:
    bare = NVIDIA | {"abnormal": np.nan}
    written = narrative.headline_and_lead(securities(bare), groups(), battery(), [], "market")
    assert "No security had enough data" in written.headline


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_words(model: str) -> None:
    written = narrative.headline_and_lead(
        securities(NVIDIA), groups(all=(-0.1, 0.01)), battery(), [], model
    )
    assert "13.1 points more than its" in written.headline
    assert "does not explain" in written.lead


def test_the_clustering_caveat_sets_naive_tests_beside_robust_ones() -> None:
    table = battery(bmp_t=0.0001, patell_z=0.00001, kolari_pynnonen_t=0.03)
    box = caveats.clustering(securities(NVIDIA, META), table)
    assert box is not None
    assert "2 securities share 1 reaction day" in box.text
    assert "BMP t p\u00a0<\u00a00.001" in box.text
    assert "Kolari–Pynnönen p\u00a00.030" in box.text


def compared(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    """A comparison over day 0: preset, test, p, note."""
    return pd.DataFrame(
        [
            {
                "preset": preset,
                "test": test,
                "window_start": 0,
                "window_end": 0,
                "p_value": p,
                "significant": p < 0.05 if p == p else pd.NA,
                "note": note,
            }
            for preset, test, p, note in rows
        ]
    ).astype({"significant": "boolean"})


def test_packages_that_conclude_otherwise_are_counted() -> None:
    box = caveats.conventions(
        compared(
            ("faultline", "kolari_pynnonen_t", 0.2, ""),
            ("faultline", "bmp_t", 0.001, ""),
            ("estudy", "bmp_t", 0.001, ""),
            ("estudy", "grank_t", 0.3, ""),
            ("estudy", "", 0.0, "no signed-rank test"),
            ("estudy2", "", math.nan, ""),
            ("lemaire", "", 0.01, ""),
        )
    )
    assert box is not None
    assert "Kolari–Pynnönen finds no effect (p\u00a00.200)" in box.text
    assert (
        "one of the two tests of estudy (Stata) and the only test of eventstudy (Python) would "
        "have found one."
    ) in box.text
    assert "estudy2" not in box.text


def test_packages_that_agree_need_no_caveat() -> None:
    ours = ("faultline", "kolari_pynnonen_t", 0.01, "")
    assert caveats.conventions(compared(ours, ("lemaire", "", 0.02, ""))) is None
    unknown = ("faultline", "kolari_pynnonen_t", math.nan, "")
    assert caveats.conventions(compared(unknown, ("lemaire", "", 0.02, ""))) is None


def test_one_security_needs_no_clustering_caveat() -> None:
    assert caveats.clustering(securities(NVIDIA), battery()) is None


def test_the_benchmark_caveat_bounds_what_the_benchmark_absorbs() -> None:
    focus = narrative.HeadlineSecurity(pd.Series(NVIDIA), named=True)
    box = caveats.benchmark(focus, "market", -0.172, {"^GSPC": "S&P 500"})
    assert box is not None
    for text in ("S&P 500", "−17.0", "−15.5", "−13.1", "−17.2"):
        assert text in box.text
    assert caveats.benchmark(focus, "mean_adjusted", None, {}) is None
    bare = narrative.HeadlineSecurity(pd.Series(NVIDIA | {"benchmark": ""}), named=True)
    assert caveats.benchmark(bare, "market", None, {}) is None


def test_a_verdict_that_hangs_on_the_benchmark_is_a_warning() -> None:
    calm = NVIDIA | {"abnormal": 0.012, "t": 0.5, "p_value": 0.6}
    hanging = caveats.benchmark(
        narrative.HeadlineSecurity(pd.Series(calm), named=True), "market", -0.07, {}
    )
    firm = caveats.benchmark(
        narrative.HeadlineSecurity(pd.Series(NVIDIA), named=True), "market", -0.17, {}
    )
    assert hanging is not None
    assert firm is not None
    assert (hanging.level, firm.level) == ("warning", "note")


def test_us_factors_on_asian_exchanges_get_a_warning() -> None:
    assert caveats.us_factors("ff3", {"XNAS", "XSHG"}) is not None
    assert caveats.us_factors("ff3", {"XNAS", "XNYS"}) is None
    assert caveats.us_factors("market", {"XSHG"}) is None


def test_confounders_are_named_those_of_day_0_first() -> None:
    others = pd.DataFrame(
        [
            {"date": pd.Timestamp("2025-01-29"), "title": "Qwen2.5-Max", "same_day": False},
            {"date": pd.Timestamp("2025-01-26"), "title": "Other news", "same_day": True},
        ]
    )
    text = caveats.confounders(others, "Intel reported.").text
    assert text == (
        "On day 0 of at least one exchange: Other news (26 January 2025). Longer windows also hold "
        "Qwen2.5-Max (29 January 2025). The catalogue is a selection: AI models, chip rules, few "
        "macroeconomic dates and some results of companies. Other news of these days may be "
        "missing. The catalogue notes: Intel reported."
    )
    assert "no other event" in caveats.confounders(others.iloc[:0], "").text


def test_late_markets_are_named() -> None:
    late = META | {"exchange": "XKRX", "day0": pd.Timestamp("2025-01-31")}
    box = caveats.late_markets(securities(NVIDIA, late), {"XKRX": "Seoul"})
    assert box is not None
    assert "Seoul on 31 January 2025" in box.text
    assert caveats.late_markets(securities(NVIDIA, META), {}) is None


def test_uncertain_days_limits_and_gaps_are_said_only_when_there_are_any() -> None:
    placed = pd.DataFrame([{"uncertain": False, "note": ""}])
    assert caveats.uncertain_day(placed) is None
    box = caveats.uncertain_day(placed.assign(uncertain=True, note="Only the date is known."))
    assert box is not None
    assert "Only the date is known." in box.text
    assert caveats.doubtful_record(placed.assign(flag="")) is None
    record = caveats.doubtful_record(placed.assign(flag="The hour is not known."))
    assert record == caveats.Caveat(
        "The record of the event is doubtful", "The hour is not known.", "warning"
    )
    assert caveats.price_limits([]) is None
    near = caveats.price_limits(["Cambricon"])
    assert near is not None
    assert "Cambricon" in near.text
    skipped = pd.DataFrame([{"security": "8035.T", "reason": "no home benchmark"}])
    flagged = pd.DataFrame(
        [{"ticker": "0981.HK", "date": pd.Timestamp("2024-01-16"), "flag": "vendors differ"}]
    )
    gaps = caveats.gaps(skipped, flagged, "21 August 2026")
    assert gaps is not None
    assert "1 security could not be measured" in gaps.text
    assert "0981.HK on 16 January 2024 (vendors differ)" in gaps.text
    assert gaps.level == "note"
    days = pd.to_datetime(["2024-01-16", "2024-01-17", "2024-01-18"])
    run = pd.DataFrame({"ticker": "688041.SS", "date": days, "flag": "closes less 1"})
    broken = pd.DataFrame([{"ticker": "NVDA", "date": days[0], "flag": "price break: a split"}])
    gaps = caveats.gaps(skipped, pd.concat([run, broken]), "21 August 2026")
    assert gaps is not None
    assert (
        "688041.SS on 3 days from 16 January 2024 to 18 January 2024 (closes less 1) and NVDA on "
        "16 January 2024 (price break: a split). The return into a day with a price break is left "
        "out."
    ) in gaps.text
    assert gaps.level == "warning"


def test_the_number_of_tests_is_counted_from_the_finite_p_values() -> None:
    table = battery(bmp_t=0.5, patell_z=float("nan"), kolari_pynnonen_t=0.2)
    box = caveats.multiplicity(98, table)
    assert box is not None
    assert box.text.startswith("98 on single securities and 2 on groups.")
    assert "at least one in twenty, here about 5," in box.text
    assert caveats.multiplicity(0, battery()) is None
