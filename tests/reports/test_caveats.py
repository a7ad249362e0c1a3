"""Caveats are said where they apply, with their figures, and nowhere else."""

from __future__ import annotations

import math

import pandas as pd

from analysis.reports import caveats

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


def battery(**p_values: float) -> pd.DataFrame:
    return pd.DataFrame(
        [("all", 0, 0, name, value) for name, value in p_values.items()],
        columns=["group", "window_start", "window_end", "test", "p_value"],
    )


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
