"""The prose follows the result; nothing is claimed that was not found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.briefings import caveats, narrative

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
                "statistic": -4.0,
                "p_value": p,
                "p_holm": p,
            }
            for name, (caar, p) in caars.items()
        ]
    )


def battery(**p_values: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"group": "all", "window_start": 0, "window_end": 0, "test": name, "p_value": value}
            for name, value in p_values.items()
        ]
    )


def test_the_headline_names_number_comparison_and_certainty() -> None:
    written = narrative.opening(
        securities(NVIDIA, META),
        groups(all=(-0.05, 0.001), gpu=(-0.1, 0.0), power=(-0.23, 0.0), software=(-0.01, 0.7)),
        battery(kolari_pynnonen_t=0.01, permutation=0.002, grank_overlap=0.03),
        ["NVDA"],
        "market",
    )
    assert written.headline == (
        "Nvidia lost 17.0\u202f% on 27 January 2025, 13.1 points more than its market beta "
        "explains (t −4.9, p\u00a0<\u00a00.001); power fell with it, software stayed within "
        "ordinary days."
    )
    assert "sets that average apart" in written.lead
    assert "1 of 2 securities" in written.lead


def test_where_nothing_is_significant_the_headline_says_so() -> None:
    calm = NVIDIA | {"raw": -0.004, "abnormal": -0.002, "t": -0.1, "p_value": 0.92, "p_bh": 0.95}
    written = narrative.opening(
        securities(calm),
        groups(all=(-0.002, 0.9), gpu=(-0.002, 0.9)),
        battery(),
        ["NVDA"],
        "market",
    )
    assert written.headline.startswith("Nothing stood out from ordinary days: Nvidia lost 0.4")
    assert "within its ordinary variation" in written.headline
    assert "more than its market beta explains" not in written.headline


def test_disagreeing_robust_tests_leave_the_question_open() -> None:
    table = battery(kolari_pynnonen_t=0.2, permutation=0.01)
    text = narrative.lead(securities(NVIDIA, META), groups(all=(-0.05, 0.1)), table, "market")
    assert "the tests disagree" in text


def test_robust_tests_above_the_level_do_not_set_the_average_apart() -> None:
    table = battery(kolari_pynnonen_t=0.2, permutation=0.4, grank_overlap=0.3)
    text = narrative.lead(securities(NVIDIA, META), groups(all=(-0.05, 0.1)), table, "market")
    assert "does not set that average apart" in text


def test_opposite_signs_of_raw_and_abnormal_are_spelled_out() -> None:
    row = NVIDIA | {"raw": -0.01, "abnormal": 0.05, "t": 3.0, "p_value": 0.003}
    written = narrative.opening(
        securities(row), groups(all=(0.05, 0.01)), battery(), ["NVDA"], "market"
    )
    assert (
        "lost 1.0\u202f% on 27 January 2025; its abnormal return was +5.0\u202f%"
        in written.headline
    )


def test_without_a_named_entity_the_largest_abnormal_return_leads() -> None:
    row = narrative.focus_row(securities(META, NVIDIA), ["TSM"])
    assert row is not None
    assert row["security"] == "NVDA"


def test_a_study_without_any_abnormal_return_still_has_a_headline() -> None:
    bare = NVIDIA | {"abnormal": np.nan}
    written = narrative.opening(securities(bare), groups(), battery(), [], "market")
    assert "No security had enough data" in written.headline


@pytest.mark.parametrize("model", ["market", "market_adjusted", "mean_adjusted", "ff3", "carhart"])
def test_every_model_has_its_words(model: str) -> None:
    written = narrative.opening(securities(NVIDIA), groups(all=(-0.1, 0.01)), battery(), [], model)
    assert "13.1 points more than its" in written.headline
    assert "is taken out" in written.lead


def test_the_clustering_caveat_sets_naive_tests_beside_robust_ones() -> None:
    table = battery(bmp_t=0.0001, patell_z=0.00001, kolari_pynnonen_t=0.03)
    box = caveats.clustering(securities(NVIDIA, META), table)
    assert box is not None
    assert "2 securities share 1 reaction day" in box.text
    assert "BMP t p\u00a0<\u00a00.001" in box.text
    assert "Kolari–Pynnönen p\u00a00.030" in box.text


def test_one_security_needs_no_clustering_caveat() -> None:
    assert caveats.clustering(securities(NVIDIA), battery()) is None


def test_the_benchmark_caveat_bounds_what_the_benchmark_absorbs() -> None:
    box = caveats.benchmark(pd.Series(NVIDIA), -0.172, {"^GSPC": "S&P 500"})
    assert box is not None
    for text in ("S&P 500", "−17.0", "−15.5", "−13.1", "−17.2"):
        assert text in box.text
    assert caveats.benchmark(pd.Series(NVIDIA | {"benchmark": ""}), None, {}) is None


def test_confounders_are_named_with_their_day() -> None:
    other = pd.DataFrame([{"date": pd.Timestamp("2025-01-29"), "title": "Qwen2.5-Max"}])
    assert "29 January 2025: Qwen2.5-Max" in caveats.confounders(other).text
    assert "no other event" in caveats.confounders(other.iloc[:0]).text


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


def test_the_number_of_tests_is_counted_from_the_finite_p_values() -> None:
    table = battery(bmp_t=0.5, patell_z=float("nan"), kolari_pynnonen_t=0.2)
    text = caveats.multiplicity(securities(NVIDIA, META), table).text
    assert text.startswith("2 on single securities and 2 on groups. Of 4 tests")
