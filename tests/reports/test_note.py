"""Title, badges and figures of a note."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analysis.reports import note, wording
from analysis.reports.findings import Findings, GroupMove, Move
from tests.reports.note_checker import plain

EVENT = {
    "title": "A thing happened", "date": date(2025, 1, 27), "time_utc": None, "timing": "date_only",
    "status": "official",
}  # fmt: skip
LEAD = Move("NVDA", "Nvidia", "gpu", date(2025, 1, 27), -0.17, -0.13, 0.01, True, True, "", 0.07)
INTEL = Move("INTC", "Intel", "gpu", date(2025, 1, 27), 0.2, 0.19, 0.01, True, True, "results", 0.1)
AVERAGE = GroupMove("all", 2, 0.03, 0.02, 0.3, False)
FOUND = Findings("moved", LEAD, (LEAD, INTEL), (), (), AVERAGE)


def badges(closed: tuple[str, ...] = (), found: Findings = FOUND, **event: Any) -> list[str]:
    return [badge["text"] for badge in note.badges(EVENT | event, found, closed)]


def test_a_title_is_the_event_and_its_date() -> None:
    assert note.title(EVENT) == "A thing happened, 27 January 2025"
    long = "DeepSeek-V4 preview: V4-Pro 1.6T/49B active, V4-Flash 284B/13B; 1M context; MIT; text"
    assert wording.short_title(long, 10) == (
        "DeepSeek-V4 preview: V4-Pro 1.6T/49B active, V4-Flash 284B/13B"
    )
    assert wording.short_title("one two three four", 3) == "one two three \u2026"


@pytest.mark.parametrize(
    ("event", "words", "level"),
    [
        ({}, "Date only: day 0 ± one session", "warning"),
        ({"timing": "timestamp", "time_utc": "x"}, "Timed to the minute", "note"),
        ({"timing": "commit", "time_utc": "x"}, "Commit time: day 0 ± one session", "warning"),
        ({"timing": "after_us_close"}, "After the US close; hour assumed", "note"),
        ({"timing": "asia_hours", "time_utc": "x"}, "Timed to the minute", "note"),
    ],
)
def test_the_first_badge_says_how_sure_the_timing_is(
    event: dict[str, Any], words: str, level: str
) -> None:
    first = note.badges(EVENT | event, FOUND, ())[0]
    assert (first["text"], first["level"]) == (words, level)


def test_badges_name_status_own_news_and_closed_markets() -> None:
    assert badges(status="rumoured")[1] == "Rumour"
    assert badges()[2] == "Own news: Intel"
    assert badges(("Seoul", "Taipei"))[-1] == "Closed: Seoul and Taipei"
    texts = [one["text"] for one in note.badges(EVENT, FOUND, (), ("Cambricon",), noted=True)]
    assert texts[-1] == "Near the daily limit: Cambricon"
    quiet = Findings("moved", LEAD, (LEAD,), (), (), None)
    assert note.badges(EVENT, quiet, (), noted=True)[-1]["text"] == "Confounded: see the notes"
    assert len(badges(found=Findings("moved", LEAD, (LEAD,), (), (), None))) == 2


def test_three_figures_are_of_the_lead_the_count_and_the_value() -> None:
    cards = note.figures(FOUND, (-0.01, 0.07), -592e9)
    assert [plain(card["value"]) for card in cards] == ["-17.0 %", "2 of 2", "-$592 bn"]
    assert cards[0]["label"] == "Nvidia, 27 January"
    cards = note.figures(FOUND, (-0.01, 0.07))
    assert plain(cards[2]["value"]) == "+3.0 %"
    assert plain(cards[2]["window"]) == "95 % interval -1.0 % to +7.0 %"
    alone = Findings("moved", LEAD, (LEAD,), (), (), None)
    assert len(note.figures(alone, None)) == 1
    first = note.figures(
        Findings("none", None, (), (LEAD,), (), None), None, None, ("CSI 300", -0.05)
    )
    assert (plain(first[0]["value"]), first[0]["label"]) == ("-5.0 %", "CSI 300")
    assert note.figures(Findings("unmeasured", None, (), (), (), None), None) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(-592e9, "-$592 bn"), (1.234e12, "+$1.23 trillion"), (-5.5e6, "-$6 m"), (0.0, "+$0 m")],
)
def test_dollars(value: float, words: str) -> None:
    assert plain(wording.dollars(value)) == words
