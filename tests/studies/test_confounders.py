"""Other news in the session, from the bundled tables: whose it is, and where it counts."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import Desk
from analysis.errors import InputError

DESK = Desk()


def kinds(event: str, tickers: list[str], window: tuple[int, int] = (0, 0)) -> pd.DataFrame:
    return DESK.confounders(event, tickers, window=window)


def test_results_of_the_evening_before_are_own_news_of_the_next_session() -> None:
    found = kinds("ds-v4-preview", ["INTC", "AMD", "NVDA"])
    own = found[found["kind"] == "own"]
    assert set(own["security"]) == {"INTC"}
    row = own.iloc[0]
    assert row["category"] == "earnings"
    assert row["date"] == pd.Timestamp("2026-04-23")
    assert row["session"] == pd.Timestamp("2026-04-24")
    # For chip makers Intel's results are news of their sector.
    assert {"AMD", "NVDA"} <= set(found[found["kind"] == "sector"]["security"])


def test_results_that_come_after_the_session_are_found_one_later() -> None:
    assert kinds("ds-r1-0528", ["NVDA"]).query("kind == 'own'").empty
    later = kinds("ds-r1-0528", ["NVDA"], (-1, 1)).query("kind == 'own'")
    assert set(later["offset"]) == {1}
    assert set(later["session"]) == {pd.Timestamp("2025-05-29")}


def test_results_that_are_the_event_do_not_confound_it() -> None:
    assert kinds("nvda-q1fy26", ["NVDA"]).query("kind == 'own'").empty
    assert not kinds("msft-q1fy26", ["META"]).query("kind == 'own'").empty


def test_macroeconomic_releases_are_news_of_the_market() -> None:
    fomc = DESK.event("fomc-2025-01-29")
    found = kinds("msft-q2fy25", ["MSFT", "NVDA"], (-1, 1))
    market = found[found["kind"] == "market"]
    assert fomc["title"] in set(market["what"])
    assert set(market["security"]) == {"MSFT", "NVDA"}


def test_policy_that_names_the_company_is_no_news_of_its_own() -> None:
    # The 8-K and the rule that it is about.
    found = kinds("nvda-8k-2023-10", ["NVDA"], (-1, 1)).query("kind == 'own'")
    assert "export_control" not in set(found["category"])


def test_nothing_is_known_that_was_not_observed_by_the_day() -> None:
    early = Desk(as_of="2026-04-20")
    assert early.confounders("ds-v4-preview", ["INTC"]).query("kind == 'own'").empty


def test_confounded_securities_can_be_left_out_of_a_study() -> None:
    whole = DESK.study("ds-v4-preview", ["INTC", "AMD", "NVDA"])
    without = DESK.study("ds-v4-preview", ["INTC", "AMD", "NVDA"], exclude_confounded=True)
    left = set(without.abnormal.index.get_level_values("security"))
    assert left == {"AMD", "NVDA"}
    reason = without.skipped.set_index("security").loc["INTC", "reason"]
    assert reason.startswith("left out: own news on day 0 (Intel Q1 2026")
    cars = whole.car((0, 0))["car"].drop(("ds-v4-preview", "INTC"))
    assert without.car((0, 0))["car"].to_numpy() == pytest.approx(cars.to_numpy())


def test_a_study_of_confounded_securities_alone_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="Every security has news of its own on day 0"):
        DESK.study("ds-v4-preview", "INTC", exclude_confounded=True)
    with pytest.raises(InputError, match="window 1 0 ends before"):
        kinds("ds-v4-preview", ["INTC"], (1, 0))
