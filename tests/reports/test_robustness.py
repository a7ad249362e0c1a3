"""The lead under other choices: each figure is that of a study of its own."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import Desk
from analysis.reports import robustness

DESK = Desk()


def table(*rows: tuple[float, float, bool]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["abnormal", "p_value", "ours"])


def test_every_choice_is_a_study_of_its_own() -> None:
    found = robustness.variants(
        DESK, "ds-appstore-1", "NVDA", model="market", benchmark=None, estimation=(-250, -31),
        window=(-5, 5),
    )  # fmt: skip
    assert found["ours"].to_list() == [True] + [False] * (len(found) - 1)
    assert {"market", "market_adjusted", "mean_adjusted", "ff3"} <= set(found["model"])
    assert {"^GSPC", "^SOX", "^IXIC", ""} == set(found["benchmark"])
    row = found[(found["benchmark"] == "^SOX")].iloc[0]
    alone = DESK.study("ds-appstore-1", "NVDA", benchmark="^SOX").car((0, 0)).iloc[0]
    assert row["abnormal"] == pytest.approx(alone["car"])
    assert row["p_value"] == pytest.approx(alone["p_value"])
    assert robustness.dissent(found) == ""
    said = robustness.summary(found)
    assert f"over {len(found)} choices" in said
    assert "here" in said


def test_a_security_of_asia_is_not_held_against_new_york() -> None:
    found = robustness.variants(
        DESK, "ds-v31", "688256.SS", model="market", benchmark=None, estimation=(-250, -31),
        window=(-5, 5),
    )  # fmt: skip
    assert set(found["benchmark"]) == {"000300.SS", ""}
    assert "ff3" not in set(found["model"])


def test_sign_and_significance_that_depend_are_said() -> None:
    assert robustness.dissent(table((0.1, 0.01, True), (0.05, 0.02, False))) == ""
    half = "Significant in 1 of 2 model choices."
    assert robustness.dissent(table((0.1, 0.01, True), (0.05, 0.2, False))) == half
    assert robustness.dissent(table((0.1, 0.3, True), (0.2, 0.02, False))) == half
    flipped = robustness.dissent(table((0.1, 0.01, True), (-0.1, 0.01, False)))
    assert flipped == "Its sign depends on the model."
    assert robustness.dissent(table((0.1, 0.3, True), (-0.1, 0.4, False))) == ""
    assert robustness.dissent(robustness.empty().astype({"ours": bool})) == ""
    assert robustness.summary(table((0.1, 0.01, True))) == ""
