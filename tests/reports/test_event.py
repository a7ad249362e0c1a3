"""One event's report: the numbers on the page are those of the study, from the bundled data."""

from __future__ import annotations

import json
import math
import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import Desk
from analysis.errors import InputError
from analysis.reports import context, frames
from analysis.reports.event import EventReport, event_report
from analysis.reports.provenance import _price_sources
from analysis.reports.study_report import StudyReport
from tests.reports.note_checker import plain

TICKERS = ["NVDA", "AVGO", "TSM", "^TWII", "MU", "000660.KS", "VST", "VRT", "MSFT", "META"]


@pytest.fixture(scope="module")
def report() -> EventReport:
    return event_report(Desk(), "ds-appstore-1", tickers=TICKERS)


def note(report: EventReport) -> dict[str, Any]:
    payload: dict[str, Any] = report.note().payload
    return payload


def test_the_headline_is_nvidia_with_its_move_and_what_is_not_explained(
    report: EventReport,
) -> None:
    text = plain(note(report)["headline"])
    assert text.startswith("Nvidia fell 17.0 % on 27 January, 13.0 points more than the market")


def test_three_figures_stand_under_it(report: EventReport) -> None:
    cards = [plain(card["value"]) for card in note(report)["figures"]]
    assert cards[0] == "-17.0 %"
    assert cards[2] == "-$592 bn"


@pytest.mark.parametrize(
    ("event", "start"),
    [
        ("ds-appstore-1", "Nvidia fell 17.0 % on 27 January, 13.0 points more than the market"),
        ("us-supermicro", "Super Micro Computer fell 33.3 % on 20 March"),
        ("ds-v31", "Cambricon rose 20.0 % on 22 August"),
        ("us-h20-resume", "AMD rose 6.4 % on 15 July"),
    ],
)
def test_known_days_lead_with_what_a_newspaper_reader_remembers(event: str, start: str) -> None:
    text = plain(note(event_report(Desk(), event))["headline"])
    assert text.startswith(start)


@pytest.mark.parametrize(
    ("event", "open_sessions"),
    [
        # A Saturday in California: no session was open, and Monday's is the first either way.
        ("peer-llama4", {}),
        # Noon of a day in Shanghai may stand for an evening, when only New York was to come.
        ("ds-v3-0324", {1: {"XHKG", "XSHG", "XSHE", "XTAI", "XKRX", "XTKS"}}),
        ("ds-r1", {}),
    ],
)
def test_only_sessions_that_the_hour_allows_are_open(
    event: str, open_sessions: dict[int, set[str]]
) -> None:
    assert event_report(Desk(), event).open_sessions == open_sessions


def test_intel_does_not_lead_the_release_on_the_day_after_its_results() -> None:
    v4 = event_report(Desk(), "ds-v4-preview")
    assert v4.findings.lead is not None
    assert v4.findings.lead.ticker != "INTC"
    assert "Own news: Intel" in [item["text"] for item in note(v4)["badges"]]
    chart = v4.moves()
    assert any("Intel †" in label for label in chart.figure.layout.yaxis.ticktext)


def test_one_listing_of_each_company_is_counted_and_the_others_are_shown() -> None:
    whole = event_report(Desk(), "ds-v31")
    assert {"0981.HK", "688981.SS"} <= set(whole.tickers)
    assert "0981.HK" in whole.counted
    assert "688981.SS" not in whole.counted
    rows = whole.securities.set_index("security")
    assert not rows.loc["688981.SS", "counted"]
    assert math.isfinite(rows.loc["688981.SS", "abnormal"])
    assert math.isnan(rows.loc["688981.SS", "p_bh"])
    average = whole.groups[(whole.groups["group"] == "all")].iloc[0]
    assert average["n"] == len(whole.findings.moves)
    assert average["caar"] == pytest.approx(rows.loc[rows["counted"], "abnormal"].mean())
    assert "688981.SS" in set(whole.security_table().frame["Ticker"])
    assert "688981.SS" not in set(whole.moves().table["Ticker"])
    assert "Second listings" in whole.context().text


def test_the_payload_holds_the_raw_and_the_model_adjusted_figures(report: EventReport) -> None:
    document = json.loads(json.dumps(report.payload().payload, allow_nan=False))
    assert document["units"] == "decimal"
    rows = {row["security"]: row for row in document["securities"]}
    nvidia = rows["NVDA"]
    assert nvidia["raw"] == pytest.approx(-0.1697, abs=5e-5)
    assert nvidia["abnormal"] == pytest.approx(-0.1297, abs=5e-5)
    assert nvidia["day0"] == "2025-01-27"
    assert nvidia["t"] == pytest.approx(nvidia["abnormal"] / nvidia["se"])
    car = report.results.car((-1, 1)).loc[("ds-appstore-1", "NVDA")]
    assert nvidia["car"]["-1,1"]["car"] == pytest.approx(car["car"])
    assert {row["test"] for row in document["tests"]} >= {"kolari_pynnonen_t", "permutation"}
    assert {row["security"] for row in document["skipped"]} == {"^TWII"}


def test_a_security_without_a_benchmark_is_still_shown_raw(report: EventReport) -> None:
    row = report.securities.set_index("security").loc["^TWII"]
    assert math.isfinite(row["raw"])
    assert math.isnan(row["abnormal"])
    assert math.isnan(row["market_adjusted"])


def test_market_adjusted_is_the_return_less_the_benchmark(report: EventReport) -> None:
    desk = report.desk
    frame = report.securities.set_index("security")
    market = desk.returns("^GSPC").loc["2025-01-27", "^GSPC"]
    assert frame.loc["VST", "market_adjusted"] == pytest.approx(frame.loc["VST", "raw"] - market)


def test_groups_are_averages_of_their_members(report: EventReport) -> None:
    power = report.groups[
        (report.groups["group"] == "power") & (report.groups["window_start"] == 0)
    ].iloc[0]
    cars = report.results.car((0, 0))["car"].droplevel("event_id")
    assert power["n"] == 2
    assert power["caar"] == pytest.approx((cars["VST"] + cars["VRT"]) / 2)
    # Half the interval is 1.96 standard deviations of the family's average residual.
    sample, _ = report.results.sample((0, 0), "power")
    deviation = np.nanmean(sample.fitted.residuals, axis=0).std(ddof=1)
    assert power["high"] - power["caar"] == pytest.approx(1.959964 * deviation, rel=1e-6)
    assert power["caar"] - power["low"] == pytest.approx(1.959964 * deviation, rel=1e-6)
    # The test that keeps its size with two members.
    lead = report.results.recommended((0, 0), "power").lead
    tested = report.results.tests((0, 0), [lead])
    assert power["test"] == lead == "kolari_pynnonen_t"
    assert power["p_value"] == tested.set_index("group").loc["power", "p_value"]
    alone = report.results.tests(report.windows)
    pd.testing.assert_frame_equal(report.tests, alone)
    assert power["p_holm"] >= power["p_value"]


def test_the_pooled_interval_belongs_to_the_recommended_test(report: EventReport) -> None:
    pooled = report.groups[report.groups["group"] == "all"].iloc[0]
    expected = report.results.caar((0, 0))
    assert pooled["test"] == "kolari_pynnonen_t"
    assert pooled["p_value"] == pytest.approx(expected["p_value"])
    assert pooled["caar"] == pytest.approx(expected["caar"])
    family = report.groups[report.groups["group"] == "power"].iloc[0]
    assert pooled["high"] - pooled["low"] > family["high"] - family["low"]


def test_paths_end_in_the_caar_of_the_whole_window(report: EventReport) -> None:
    path = report.paths().table
    assert len(path) > 0
    cars = report.results.car(report.window)["car"]
    measured = frames.paths_frame(report.results, report.window)
    end = measured[(measured["group"] == "all") & (measured["day"] == 5)].iloc[0]
    assert end["caar"] == pytest.approx(cars.mean())


def test_confounding_events_of_the_window_are_found(report: EventReport) -> None:
    assert "ds-r1" in report.others["id"].to_list()
    assert report.event not in report.others["id"].to_list()


def test_events_that_share_day_0_are_told_apart_from_those_of_the_window() -> None:
    shared = event_report(Desk(), "ds-v4-preview", tickers=["NVDA", "688256.SS"]).others
    same = shared[shared["same_day"]]["id"].to_list()
    assert "hw-v4-support" in same
    assert 0 < len(same) < len(shared)


def test_markets_that_were_closed_are_named(report: EventReport) -> None:
    text = report.caveats().text
    assert "Seoul on 31 January 2025" in text
    assert "How many tests were run" in text


def test_what_other_packages_would_have_concluded_is_said_where_it_differs(
    report: EventReport,
) -> None:
    compared = report.results.compare_presets(report.windows)
    assert set(zip(compared["window_start"], compared["window_end"], strict=True)) == set(
        report.windows
    )
    said = "Other packages would have concluded differently" in report.caveats().text
    assert said == bool(compared.attrs["differences"])


def test_the_facts_name_three_zones_and_every_day_0(report: EventReport) -> None:
    facts = context.event_facts(report.desk, report.event, report.placements)
    labels = facts["fact"].to_list()
    assert {"Instant, UTC", "Instant, New York", "Instant, Shanghai"} <= set(labels)
    shanghai = facts.set_index("fact").loc["Instant, Shanghai", "value"]
    assert shanghai == "27 January 2025, 10:00"
    assert "Day 0: Monday 27 January 2025" in labels


def test_the_session_line_marks_one_day_0_per_exchange(report: EventReport) -> None:
    rows = context.session_rows(report.desk, report.event, ["XNAS", "XSHG", "XKRX"])
    zero = rows[rows["is_day0"]]
    assert sorted(zero["exchange"]) == ["XKRX", "XNAS", "XSHG"]
    assert (zero["close_utc"] > zero["open_utc"]).all()


def test_only_an_exchange_that_missed_a_weekday_is_called_closed(report: EventReport) -> None:
    closed = context.session_rows(report.desk, "ds-appstore-1", ["XNAS", "XSHG", "XKRX", "XTAI"])
    assert sorted(closed[closed["open_utc"].isna()]["exchange"]) == ["XKRX", "XTAI"]
    # Friday noon in New York: Asia had closed for the day and comes next on Monday.
    evening = context.session_rows(report.desk, "ds-v4-discount", ["XNAS", "XSHG"])
    assert evening["open_utc"].notna().all()


def test_a_source_without_an_address_stands_alone(report: EventReport) -> None:
    desk = report.desk
    bare = desk.events().filter(desk.events()["source_url"].is_null())["id"][0]
    facts = context.event_facts(desk, bare, desk.placements(bare, ["NVDA"]))
    assert "None" not in facts.set_index("fact").loc["Source", "value"]


def test_every_part_of_the_page_can_be_shown(report: EventReport) -> None:
    charts = [
        report.timeline,
        report.abnormal_returns,
        report.moves,
        report.paths,
        report.heat_map,
    ]
    keys = [part().key for part in charts]
    assert len(set(keys)) == 5
    tables = [report.facts, report.security_table, report.group_table, report.test_table,
              report.robustness_table, report.skipped, report.provenance]  # fmt: skip
    for part in tables:
        assert "<table" in part()._repr_html_()


def test_the_manifest_names_tables_and_day() -> None:
    early = event_report(Desk(as_of=date(2025, 2, 20)), "ds-appstore-1", tickers=["NVDA"])
    document = early.manifest().payload
    assert document["as_of"] == "2025-02-20"
    assert "prices" in document["tables"]
    assert early.results.abnormal.loc[("ds-appstore-1", "NVDA"), 0] < -0.12


def test_the_source_of_prices_is_named_without_days_and_remarks() -> None:
    said = _price_sources(StudyReport.of(Desk(), "ds-appstore-1", "9988.HK"))
    assert said.startswith("mostly Yahoo Finance, by way of ")
    assert all("/" in word for word in re.split(", by way of |, | and ", said)[1:])


def test_one_security_makes_a_whole_report() -> None:
    alone = event_report(Desk(), "ds-appstore-1", tickers="META")
    assert "Meta" in note(alone)["headline"]
    # Without others there is no average, and so no test of one.
    labels = [card["label"] for card in note(alone)["figures"]]
    assert labels == ["Meta Platforms, 27 January", "market value of Meta Platforms"]
    alone.payload()


def test_nothing_measured_is_said_and_does_not_fail() -> None:
    none = event_report(Desk(), "ds-appstore-1", tickers=["^TWII"])
    assert note(none)["headline"] == "No security had enough prices for an abnormal return."
    assert none.results.recommended().sentence.startswith("No event could be measured")
    for part in (none.moves, none.abnormal_returns, none.paths, none.heat_map, none.caveats,
                 none.payload, none.security_table, none.group_table, none.context,
                 none.robustness_table):  # fmt: skip
        part()


def test_an_unremarkable_event_claims_nothing() -> None:
    calm = event_report(Desk(), "ds-app")
    # The event names nobody with prices, and nothing moved.
    assert (calm.findings.kind, calm.findings.significant) == ("none", ())
    assert note(calm)["headline"].startswith("None of ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"event": "ds-r11"}, "Did you mean"),
        ({"event": "ds-r1", "window": [1, 5]}, "leaves out day 0"),
        ({"event": "ds-r1", "cars": [[0]]}, "is not a pair of days"),
        ({"event": "us-h20-notice"}, "cannot be studied"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_one_sentence(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        event_report(Desk(), **options)  # type: ignore[arg-type]
