"""The loader of counts of shares: covers of reports in, rows of the schema out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.edgar.shares import ADR_RATIOS, SEVERAL_CLASSES, EdgarShares
from analysis.loaders.http.client import RetryPolicy
from analysis.settings import bundled
from analysis.store import Store
from analysis.studies.market_value import value_change
from analysis.tables import validate
from tests.servers.edgar import COUNTS, companyconcept, count
from tests.servers.local import LocalServer, Reply, failing, html, rate_limited, reset, truncated

QUICK = RetryPolicy(connect=1, read=0.5, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
PATH = "/api/xbrl/companyconcept/CIK{:010d}/dei/EntityCommonStockSharesOutstanding.json"
NVIDIA, AMD, TSMC = PATH.format(1045810), PATH.format(2488), PATH.format(1046179)
NOVEMBER = "2024-11-15"


@pytest.fixture(autouse=True)
def sec(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_EDGAR_URL", server.url)
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    server.on(NVIDIA, companyconcept(COUNTS))
    server.on(AMD, companyconcept(COUNTS, name="ADVANCED MICRO DEVICES INC"))
    return server


def fetch(*names: str, **asked: Any) -> pl.DataFrame:
    return EdgarShares(QUICK, 1000, clock=lambda: NOW).fetch(Request(names=names, **asked))


def told(sec: LocalServer, *counts: dict[str, Any]) -> pl.DataFrame:
    sec.on(NVIDIA, companyconcept(counts))
    return validate("shares", fetch("NVDA")).sort("as_of", "observed_at")


def test_counts_come_with_their_day_and_the_day_of_filing() -> None:
    frame = validate("shares", fetch("NVDA")).sort("as_of")
    assert frame.select("as_of", "shares", "filed").rows() == [
        (date(2024, 5, 24), 2_460_000_000, date(2024, 5, 29)),
        (date(2024, 8, 23), 24_530_000_000, date(2024, 8, 28)),
        (date(2024, 11, 15), 24_490_000_000, date(2024, 11, 20)),
    ]
    assert frame["note"][0] == "10-Q 0000000000-24-052900"
    shared = frame.select("ticker", "adr_ratio", "basis", "assumed", "flag", "observed_at").unique()
    assert shared.rows() == [("NVDA", None, "cover_page", False, None, NOW)]


def test_counts_continue_the_bundled_ones(tmp_path: Any) -> None:
    store = Store(tmp_path)
    bundled_rows = pl.read_parquet(bundled("data/snapshot/shares.parquet"))
    both = fetch("NVDA").join(bundled_rows, on=["ticker", "as_of"])
    assert both["shares"].to_list() == both["shares_right"].to_list()
    assert both.height == 3
    assert store.append("shares", fetch("NVDA")).rejected == 0


def test_a_count_that_is_corrected_has_a_row_per_vintage(sec: LocalServer) -> None:
    frame = told(
        sec,
        count(NOVEMBER, 24_480_000_000, "2024-12-02", "10-Q/A"),
        count(NOVEMBER, 24_490_000_000, "2024-11-20"),
        count(NOVEMBER, 24_480_000_000, "2024-12-09", "10-Q/A"),
    )
    assert frame.select("shares", "filed", "observed_at").rows() == [
        (24_490_000_000, date(2024, 11, 20), NOW - MOMENT),
        (24_480_000_000, date(2024, 12, 2), NOW),
    ]


def test_several_counts_in_one_filing_are_never_added_up(sec: LocalServer) -> None:
    frame = told(sec, count(NOVEMBER, 4_000, "2024-11-20"), count(NOVEMBER, 6_000, "2024-11-20"))
    assert frame.select("shares", "flag").rows() == [
        (6_000, "one of several classes: 4,000, 6,000")
    ]


def test_a_count_in_thousands_is_flagged(sec: LocalServer) -> None:
    days = ("2024-02-16", "2024-05-24", "2024-08-23", NOVEMBER)
    frame = told(
        sec, *(count(day, 24_000_000 if day == days[1] else 24e9, "2025-01-02") for day in days)
    )
    assert frame["flag"].is_not_null().to_list() == [False, True, False, False]
    assert frame["flag"][1] == "the counts beside it are near 24,000,000,000"


def test_a_flagged_count_makes_no_market_value() -> None:
    """Not a part of the shares, nor a thousandth of them."""
    import pandas as pd

    shares = fetch("NVDA").filter(pl.col("as_of") == date(2024, 11, 15))
    closes = pd.Series([142.0, 118.0], pd.to_datetime(["2025-01-24", "2025-01-27"]))
    monday = date(2025, 1, 27)
    assert value_change(shares, closes, "NVDA", monday) == pytest.approx(-24 * 24.49e9)
    doubted = shares.with_columns(flag=pl.lit("one of several classes: 1, 2"))
    assert value_change(doubted, closes, "NVDA", monday) is None


def test_receipts_have_their_ratio(sec: LocalServer) -> None:
    taiwan = [count("2024-12-31", 25_932_733_242, "2025-04-17", "20-F")]
    sec.on(TSMC, companyconcept(taiwan, name="TAIWAN SEMICONDUCTOR MANUFACTURING CO LTD"))
    assert fetch("TSM")["adr_ratio"].to_list() == [5.0]
    bundled_rows = pl.read_parquet(bundled("data/snapshot/shares.parquet"))
    ratios = bundled_rows.filter(pl.col("ticker").is_in(list(ADR_RATIOS))).unique("ticker")
    assert dict(ratios.select("ticker", "adr_ratio").iter_rows()) == ADR_RATIOS


def test_a_company_of_several_classes_is_not_asked_for(sec: LocalServer) -> None:
    for ticker in SEVERAL_CLASSES:
        with pytest.raises(InputError, match=f"Unknown ticker '{ticker}'"):
            fetch(ticker)
    assert sec.requests == []


def test_without_a_contact_nothing_is_asked(
    sec: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAULTLINE_CONTACT")
    with pytest.raises(InputError, match="set FAULTLINE_CONTACT to your e-mail"):
        fetch("NVDA")
    assert sec.requests == []


def test_days_outside_those_asked_for_are_left_out() -> None:
    assert fetch("NVDA", since=date(2024, 9, 1))["as_of"].to_list() == [date(2024, 11, 15)]


# What is not as it should be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [rate_limited(0), failing(503), reset(), truncated(companyconcept(()))]
)
def test_a_fault_that_passes_costs_only_time(sec: LocalServer, wrong: Reply) -> None:
    sec.on(NVIDIA, wrong, times=1)
    assert set(fetch("NVDA", "AMD")["ticker"]) == {"NVDA", "AMD"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (failing(403), "403"),
        (failing(404), "404"),
        (html(), "HTML"),
        ({}, "without the field 'entityName'"),
        ([], "where an object was expected"),
        (companyconcept(COUNTS, name="AMD"), "that of 'AMD', not of NVIDIA"),
        ({**companyconcept(COUNTS), "units": {"pure": []}}, "without the field 'shares'"),
        ({**companyconcept(COUNTS), "units": []}, "where an object was expected"),
    ],
)
def test_a_company_that_fails_is_named_and_the_others_come(
    sec: LocalServer, wrong: Any, says: str
) -> None:
    sec.on(NVIDIA, wrong)
    with pytest.raises(PartialFetchError, match=says) as error:
        fetch("NVDA", "AMD")
    assert "NVDA" in {**error.value.failures, **error.value.news}
    assert set(error.value.frame["ticker"]) == {"AMD"}


@pytest.mark.parametrize(
    "bad",
    [
        count("never", 1, "2024-11-20"),
        count(NOVEMBER, "many", "2024-11-20"),
        count(NOVEMBER, 1, "20.11.2024"),
        {"end": NOVEMBER, "val": 1},
        7,
    ],
)
def test_a_count_that_cannot_be_read_is_kept_apart(sec: LocalServer, bad: Any) -> None:
    sec.on(NVIDIA, companyconcept([*COUNTS, bad]))
    with pytest.raises(PartialFetchError) as error:
        fetch("NVDA")
    assert (error.value.frame.height, len(error.value.unreadable)) == (3, 1)
    assert error.value.failures == {}


def test_a_count_that_no_company_has_goes_to_the_quarantine(
    sec: LocalServer, tmp_path: Any
) -> None:
    early = count("2024-11-25", 24_490_000_000, "2024-11-20")  # filed before its day
    sec.on(NVIDIA, companyconcept([*COUNTS, early, count("2024-11-14", 0, "2024-11-20")]))
    store = Store(tmp_path)
    assert store.append("shares", fetch("NVDA")).rejected == 2
    assert store.quarantined("shares").height == 2


def test_a_block_is_not_answered_with_more_questions(sec: LocalServer) -> None:
    sec.on("/api/xbrl/", failing(403))
    with pytest.raises(SourceError, match="403"):
        fetch()
    assert len(sec.requests) == 3
