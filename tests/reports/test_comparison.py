"""Events side by side: each figure is that of a study of its own, the average that of all."""

from __future__ import annotations

import json

import pytest

from analysis import Desk
from analysis.errors import InputError
from analysis.eventstudy.dependence.mean_correlation import rbar
from analysis.eventstudy.inference.intervals import caar_interval
from analysis.reports.comparison import ComparisonReport, comparison_report
from analysis.reports.event import event_report
from tests.reports.note_checker import plain

DESK = Desk()
RELEASES = ["ds-r1", "ds-v3-0324", "ds-r1-0528", "ds-v31", "ds-v32", "ds-v4-preview"]


@pytest.fixture(scope="module")
def report() -> ComparisonReport:
    return comparison_report(DESK, RELEASES)


def test_the_pooled_figures_are_those_of_one_study(report: ComparisonReport) -> None:
    study = DESK.study(RELEASES, list(report.pooled.tickers))
    expected = study.caar((0, 0))
    pairs, caar, low, high, p = report.average
    assert caar == pytest.approx(expected["caar"], abs=1e-12)
    sample, _ = study.sample((0, 0), "all")
    _, *interval = caar_interval(sample, rbar(sample, study.study.rbar), 0.95)
    assert (low, high) == pytest.approx(tuple(interval), abs=1e-12)
    lead = study.recommended((0, 0)).lead
    assert lead is not None
    row = study.tests((0, 0), [lead]).set_index("group").loc["all"]
    assert p == pytest.approx(row["p_value"], abs=1e-12)
    assert pairs == row["n"]
    note = report.note().payload
    assert f"{100 * caar:+.1f} %" in plain(note["headline"])
    assert plain(note["figures"][0]["value"]) == f"{100 * caar:+.1f} %"
    assert ("is significant" in note["headline"]) == (p < 0.05)


def test_the_same_securities_stand_in_every_event(report: ComparisonReport) -> None:
    assert {one.tickers for one in report.reports} == {report.pooled.tickers}
    assert {"NVDA", "688256.SS", "0981.HK"} <= set(report.pooled.tickers)
    assert "688981.SS" not in report.pooled.tickers
    alone = event_report(DESK, "ds-v31", tickers=list(report.pooled.tickers))
    row = report.summary.set_index("event_id").loc["ds-v31"]
    assert row["moved"] == len(alone.findings.significant)
    assert row["lead"] == "Cambricon"
    assert row["raw"] == pytest.approx(0.2, abs=0.001)


def test_every_part_of_the_page_can_be_shown(report: ComparisonReport) -> None:
    chart = report.chart()
    assert [trace.name for trace in chart.figure.data][
        1
    ] == "DeepSeek-V3-0324 weights and API upgrade"
    assert chart.table.set_index("Ticker").loc["688256.SS"].str.contains("16.4").any()
    for part in (report.events_table, report.security_table, report.test_table, report.skipped,
                 report.provenance):  # fmt: skip
        assert "<table" in part()._repr_html_()
    document = json.loads(json.dumps(report.payload().payload, allow_nan=False))
    assert [row["event_id"] for row in document["events"]] == RELEASES
    assert report.manifest().payload["tables"]


def test_windows_that_overlap_are_told() -> None:
    close = comparison_report(DESK, ["ds-r1", "ds-appstore-1"], tickers=["NVDA", "AMD"])
    assert len(close.overlapping) == 1
    assert any("Windows overlap" in badge["text"] for badge in close.note().payload["badges"])


def test_opposite_directions_are_not_pooled_without_a_choice() -> None:
    rules = ["us-h20-8k", "us-h20-resume", "us-ifr-2023"]
    with pytest.raises(
        InputError, match=r"opposite directions \(relaxed: us-h20-resume; tightened"
    ):
        comparison_report(DESK, rules, tickers=["NVDA", "AMD"])
    kept = comparison_report(DESK, rules, tickers=["NVDA", "AMD"], direction="tightened")
    assert [one.event for one in kept.reports] == ["us-h20-8k", "us-ifr-2023"]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (["ds-r1"], "1 events were given: compare 2 to 12"),
        (["ds-r1", "ds-r11"], "Did you mean"),
        (["ds-r1", "us-h20-notice"], "cannot be studied"),
    ],
)
def test_events_that_cannot_be_compared_are_refused(events: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        comparison_report(DESK, events)
