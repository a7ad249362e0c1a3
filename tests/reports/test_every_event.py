"""Every catalogued event makes a study and a page's text; four securities each."""

from __future__ import annotations

import json

import pytest

from analysis import Desk
from analysis.reports.event import event_report

DESK = Desk()
EVENTS = DESK.events().filter(DESK.events()["timing"] != "private")
TICKERS = ["NVDA", "0981.HK", "688256.SS", "TSM"]
# One event of each kind and timing class; the study below takes all of them.
KINDS = EVENTS.unique(["category", "timing"], keep="first", maintain_order=True)["id"]


def test_every_event_with_a_day_0_is_studied_or_says_why_not() -> None:
    # Events of one security that follow each other closely would leave no estimation window.
    results = DESK.study(EVENTS["id"].to_list(), TICKERS, exclude_own_events=False)
    measured = set(results.abnormal.index.get_level_values("event_id"))
    skipped = set(results.skipped["event_id"])
    assert measured | skipped == set(EVENTS["id"])
    assert len(measured) > 200
    assert (results.skipped["reason"].str.len() > 0).all()


@pytest.mark.parametrize("event", KINDS)
def test_an_event_of_every_kind_makes_the_text_of_a_page(event: str) -> None:
    report = event_report(DESK, event, tickers=TICKERS)
    assert report.headline().payload["headline"]
    assert report.facts() is not None
    assert event in json.dumps(report.payload().payload, allow_nan=False)
    boxes = {box["title"]: box["text"] for box in report.caveats().payload}
    doubt = DESK.catalogue.doubt("events", event)
    assert boxes.get("The record of the event is doubtful") == doubt
    instant, _ = DESK.instant(event)
    assert instant is not None
    assert ("Day 0 is uncertain by one session" in boxes) is instant.uncertain
