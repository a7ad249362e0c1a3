"""How unusual a day was, from returns made up and from the bundled ones."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from analysis import Desk
from analysis.reports import history
from analysis.reports.event import event_report
from analysis.reports.findings import Move


def move(raw: float) -> Move:
    return Move("NVDA", "Nvidia", "gpu", date(2025, 1, 27), raw, raw, 0.01, True, True, "", 0.07)


RETURNS = pd.Series(
    [0.01, -0.17, float("nan"), -0.2, 0.05, -0.01], pd.date_range("2025-01-26", periods=6)
)


def test_a_rank_counts_larger_moves_of_the_same_sign() -> None:
    found = history.rank(RETURNS, move(-0.2))
    assert found is not None
    assert (found.place, found.sessions, found.first) == (1, 5, date(2025, 1, 26))
    # A second place of five sessions is not rare; of a hundred it is.
    assert history.rank(RETURNS, move(-0.17)) is None
    calm = pd.Series(0.001, pd.date_range("2025-02-01", periods=100))
    second = history.rank(pd.concat([RETURNS, calm]), move(-0.17))
    assert str(second) == "second-largest fall of 105 sessions since January 2025"
    top = history.rank(RETURNS, move(0.05))
    assert str(top) == "largest rise of 5 sessions since January 2025"
    assert history.rank(RETURNS, move(0.0)) is None
    assert history.rank(RETURNS.iloc[:0], move(-0.1)) is None


@pytest.mark.parametrize(
    ("number", "words"), [(2, "second"), (11, "11th"), (21, "21st"), (42, "42nd"), (113, "113th")]
)
def test_ordinals(number: int, words: str) -> None:
    assert history.ordinal(number) == words


def test_similar_events_are_of_the_kind_and_the_nearest_in_size() -> None:
    desk = Desk()
    lead = event_report(desk, "us-h20-8k", tickers=["NVDA"]).findings.lead
    assert lead is not None
    found = history.similar_events(desk, "us-h20-8k", lead)
    assert len(found) == 2
    kinds = {desk.event(event)["category"] for event in found["event_id"]}
    directions = {desk.event(event)["direction"] for event in found["event_id"]}
    assert (kinds, directions) == ({"export_control"}, {"tightened"})
    returns = desk.returns(["NVDA", "^GSPC"])
    less = returns["NVDA"] - returns["^GSPC"]
    here = less[pd.Timestamp(lead.day)]
    placed = desk.placements(
        desk.events(category="export_control")["id"].to_list(), ["NVDA"]
    ).set_index("event_id")
    distances = [
        abs(less.get(placed.loc[event, "day0"], float("nan")) - here)
        for event in desk.events(category="export_control")["id"]
        if event != "us-h20-8k" and desk.event(event)["direction"] == "tightened"
        and placed.loc[event, "day0"] != pd.Timestamp(lead.day)
    ]  # fmt: skip
    nearest = min(value for value in distances if value == value)
    assert abs(found["less_benchmark"].iloc[0] - here) == pytest.approx(nearest)
    assert history.similar_sentence(found).startswith("Closest of ")
    assert history.similar_sentence(found.iloc[:0]) == ""
