"""Every catalogued event makes a study and a note that its page bears out.

Here one event of each kind, with few securities. Every event × every case, all securities:
``pytest tests/reports/test_every_event.py --whole-trials``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from analysis import Desk
from analysis.reports.event import event_report
from analysis.reports.findings import company
from tests.reports.note_checker import contradictions

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


CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "one": {"tickers": "own"},
    "group": {"group": "gpu"},
    "ff3": {"model": "ff3"},
    "mean_adjusted": {"model": "mean_adjusted"},
    "market_adjusted": {"model": "market_adjusted"},
}


def problems(desk: Desk, event: str, **options: Any) -> list[str]:
    """Contradictions of one note; none where the event cannot be studied."""
    if options.get("tickers") == "own":
        own = desk.catalogue.entities_to_tickers((desk.event(event)["entities"] or "").split(";"))
        options["tickers"] = own[:1] or ["NVDA"]
    report = event_report(desk, event, **options)
    document = json.loads(json.dumps(report.payload().payload, allow_nan=False))
    names = {ticker: company(report.names[ticker], ticker) for ticker in report.counted}
    abnormal = {
        (str(key[1]), int(day)): float(value)
        for key, row in report.results.abnormal.iterrows()
        for day, value in row.items()
    }
    return contradictions(report.note().payload, document, names, abnormal)


@pytest.mark.parametrize("event", KINDS[::2])
def test_an_event_of_every_kind_makes_a_note_that_its_page_bears_out(event: str) -> None:
    assert problems(DESK, event, tickers=TICKERS) == []
    report = event_report(DESK, event, tickers=TICKERS)
    assert report.facts() is not None
    boxes = {box["title"]: box["text"] for box in report.caveats().payload}
    doubt = DESK.catalogue.doubt("events", event)
    assert boxes.get("The record of the event is doubtful") == doubt
    instant, _ = DESK.instant(event)
    assert instant is not None
    assert ("Day 0 is uncertain by one session" in boxes) is instant.uncertain


@pytest.mark.parametrize("event", KINDS[::16])
@pytest.mark.parametrize("case", CASES)
def test_a_note_of_every_case_is_borne_out(event: str, case: str) -> None:
    assert problems(DESK, event, **CASES[case]) == []


@pytest.mark.parametrize("part", range(8))  # a test may take five minutes
@pytest.mark.parametrize("case", CASES)
def test_every_note_of_every_event_is_borne_out(
    case: str, part: int, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--whole-trials"):
        pytest.skip("takes minutes: --whole-trials")
    found = {event: problems(DESK, event, **CASES[case]) for event in EVENTS["id"][part::8]}
    assert {event: said for event, said in found.items() if said} == {}


@pytest.mark.parametrize("event", KINDS[::16])
def test_before_the_event_nothing_is_claimed(event: str) -> None:
    before = DESK.event(event)["date"] - timedelta(days=1)
    report = event_report(Desk(as_of=before), event)
    assert report.findings.kind == "unmeasured"
    assert report.note().payload["headline"].startswith("No security had enough prices")
