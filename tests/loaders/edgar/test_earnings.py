"""The loader of releases of results: filings in, days and hours in New York out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from analysis.catalogue import Catalogue
from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.edgar.earnings import FOREIGN, EdgarEarnings, clocks
from analysis.loaders.edgar.filers import FILERS
from analysis.loaders.http.client import RetryPolicy
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import validate
from tests.servers.edgar import FILINGS, Filing, filing, page, submissions
from tests.servers.local import LocalServer, Reply, failing, html, rate_limited, reset, truncated

QUICK = RetryPolicy(connect=1, read=0.5, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
NVIDIA, AMD = "/submissions/CIK0001045810.json", "/submissions/CIK0000002488.json"
OLDER = "CIK0001045810-submissions-001.json"
COLUMNS = ("fiscal_period", "kind", "date", "timing")


@pytest.fixture(autouse=True)
def sec(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_EDGAR_URL", server.url)
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    server.on(NVIDIA, submissions(FILINGS))
    server.on(AMD, submissions(FILINGS, name="ADVANCED MICRO DEVICES INC", year_end="1227"))
    return server


def fetch(*names: str, **asked: Any) -> pl.DataFrame:
    return EdgarEarnings(QUICK, 1000, clock=lambda: NOW).fetch(Request(names=names, **asked))


def told(sec: LocalServer, *filings: Filing, year_end: str = "0125") -> pl.DataFrame:
    sec.on(NVIDIA, submissions(filings, year_end=year_end))
    return validate("earnings", fetch("NVDA")).sort("date")


def test_results_come_with_their_quarter_and_hour() -> None:
    frame = validate("earnings", fetch("NVDA")).sort("date")
    assert frame.select(COLUMNS).rows() == [
        ("Q4 FY2025", "results", date(2025, 2, 26), "after_us_close"),
        ("Q1 FY2026", "results", date(2025, 5, 28), "after_us_close"),
    ]
    assert frame["flag"].to_list() == [None, None]
    assert (
        frame["note"][1] == "8-K 0001045810-25-000000, accepted 2025-05-28 16:21:35 New York time"
    )
    shared = frame.select("ticker", "timezone", "source", "backfilled", "observed_at").unique()
    assert shared.rows() == [("NVDA", "America/New_York", "edgar_earnings", False, NOW)]


def test_a_store_holds_the_release_beside_the_collected_one(tmp_path: Any) -> None:
    """The keys are those of the bundled rows, and what was known before stays readable."""
    store = Store(tmp_path)
    added = store.append("earnings", fetch("NVDA"))
    assert (added.new, added.revised, added.rejected) == (0, 2, 0)
    where = {"ticker": "NVDA", "fiscal_period": "Q1 FY2026"}
    assert store.read("earnings", where=where)["source"].to_list() == ["edgar_earnings"]
    before = store.read("earnings", where=where, as_of=date(2025, 6, 1))
    assert before.select("date", "timing").rows() == [(date(2025, 5, 28), "after_us_close")]
    assert before["backfilled"].to_list() == [True]


EVENING = filing("4", "2025-03-21", "2025-03-24T22:30:00.000Z")  # only UTC can mean it
MORNING = filing("4", "2025-03-21", "2025-03-24T08:30:00.000Z")  # only New York's clock can


@pytest.mark.parametrize(
    ("accepted", "clue", "timing"),
    [
        ("2025-05-01T20:21:59.000Z", EVENING, "after_us_close"),
        ("2025-05-01T16:21:59.000Z", EVENING, "date_only"),  # 12:21, during the session
        ("2025-05-01T11:00:00.000Z", EVENING, "before_us_open"),
        ("2025-05-01T16:21:59.000Z", MORNING, "after_us_close"),
        ("2025-05-01T07:30:32.000Z", MORNING, "before_us_open"),
    ],
)
def test_the_clock_follows_from_the_hours_in_which_the_sec_accepts(
    sec: LocalServer, accepted: str, clue: Filing, timing: str
) -> None:
    frame = told(sec, filing("8-K", "2025-05-01", accepted, "2.02"), clue)
    assert frame["timing"].to_list() == [timing]
    assert frame["flag"].to_list() == [None]


@pytest.mark.parametrize(
    ("accepted", "timing", "doubt"),
    [
        ("2025-05-01T20:21:59.000Z", "after_us_close", None),  # 16:21 or 20:21
        ("2025-05-01T07:30:32.000Z", "before_us_open", None),  # 3:30 is no hour of the SEC
        ("2025-05-01T16:21:59.000Z", "date_only", "New York's or UTC is not known"),
    ],
)
def test_without_a_clue_only_what_both_clocks_agree_on_is_said(
    sec: LocalServer, accepted: str, timing: str, doubt: str | None
) -> None:
    frame = told(sec, filing("8-K", "2025-05-01", accepted, "2.02"))
    assert frame["timing"].to_list() == [timing]
    assert (doubt or "") in (frame["flag"][0] or "")
    assert (doubt is None) == (frame["flag"][0] is None)


def test_a_clock_must_explain_nearly_all_filings() -> None:
    new_york = ZoneInfo("America/New_York")
    evening, morning = datetime(2025, 3, 24, 22, 30), datetime(2025, 3, 24, 8, 30)
    assert clocks([evening] * 30 + [morning]) == (UTC,)
    assert clocks([evening] + [morning] * 30) == (new_york,)
    assert clocks([evening, morning]) == clocks([]) == (UTC, new_york)


def test_a_filing_after_the_release_has_the_day_of_the_release_and_no_hour(
    sec: LocalServer,
) -> None:
    frame = told(sec, filing("8-K", "2025-05-28", "2025-05-30T12:00:00.000Z", "2.02"), EVENING)
    assert frame.select("date", "timing").rows() == [(date(2025, 5, 28), "date_only")]
    assert frame["flag"][0] == "filed on 2025-05-30, after the release, whose hour is not known"


def test_an_event_date_that_is_the_quarters_end_is_no_day_of_release(sec: LocalServer) -> None:
    frame = told(sec, filing("8-K", "2025-04-27", "2025-05-28T20:21:35.000Z", "2.02"), EVENING)
    assert frame.select("date", "timing").rows() == [(date(2025, 5, 28), "after_us_close")]


def test_only_first_filings_on_results_count(sec: LocalServer) -> None:
    at = "2025-05-28T20:{}:00.000Z".format
    frame = told(
        sec,
        filing("8-K", "2025-05-28", at(40), "2.02,9.01"),  # the second of a day
        filing("8-K", "2025-05-28", at(21), "2.02,9.01"),
        filing("8-K/A", "2025-05-28", "2025-06-01T20:21:00.000Z", "2.02"),
        filing("8-K", "2025-05-29", "2025-05-29T20:21:00.000Z", "5.02,9.01"),
        filing("8-K", "2025-05-29", "2025-05-29T20:21:00.000Z", "12.02"),
        filing("6-K", "2025-05-29", "2025-05-29T20:21:00.000Z"),
        EVENING,
    )
    assert frame.height == 1
    assert "16:21:00" in frame["note"][0]


def test_preliminary_figures_are_told_from_results_and_flagged(sec: LocalServer) -> None:
    """As Nvidia in August 2022, and Tesla, which counts its cars on the second day."""
    frame = told(
        sec,
        filing("10-Q", "2022-07-31", "2022-08-31T20:30:00.000Z"),
        filing("8-K", "2022-08-24", "2022-08-24T20:20:00.000Z", "2.02"),
        filing("8-K", "2022-08-08", "2022-08-08T12:00:00.000Z", "2.02"),
        filing("10-Q", "2022-05-01", "2022-05-27T20:30:00.000Z"),
        filing("8-K", "2022-11-02", "2022-11-02T12:00:00.000Z", "2.02"),
        filing("8-K", "2022-10-20", "2022-10-20T12:00:00.000Z", "2.02"),
        EVENING,
    )
    assert frame.select(COLUMNS).rows() == [
        ("Q2 FY2023", "preannouncement", date(2022, 8, 8), "before_us_open"),
        ("Q2 FY2023", "results", date(2022, 8, 24), "after_us_close"),
        # After the report on the second quarter, so about the third; one row for both.
        ("Q3 FY2023", "preannouncement", date(2022, 10, 20), "before_us_open"),
    ]
    assert frame["flag"].to_list() == ["the kind is inferred", None, "the kind is inferred"]


FISCAL_YEARS = {
    "AAPL": "0928", "ADI": "1101", "AMAT": "1026", "AMD": "1227", "ARM": "0331", "AVGO": "1102",
    "CRDO": "0502", "INTC": "1227", "KLAC": "0630", "LRCX": "0628", "MRVL": "0131", "MSFT": "0630",
    "MU": "0903", "NVDA": "0125", "ORCL": "0531", "QCOM": "0928", "SMCI": "0630", "SNPS": "1031",
}  # fmt: skip


def test_quarters_are_named_as_in_the_bundled_rows(sec: LocalServer) -> None:
    """Each bundled release of a domestic company, as an 8-K, comes back under its own period."""
    kinds = pl.col("kind").is_in(["results", "preannouncement", "deliveries"])
    rows = pl.read_parquet(bundled("data/snapshot/earnings.parquet")).filter(kinds)
    domestic = rows.filter(pl.col("ticker").is_in(list(FILERS.keys() - FOREIGN)))
    assert domestic.height > 500
    for (ticker,), own in domestic.group_by("ticker"):
        cik, begins = FILERS[str(ticker)]
        released = [
            filing("8-K", day.isoformat(), f"{day.isoformat()}T20:30:00.000Z", "2.02")
            for day in own["date"]
        ]
        year_end = FISCAL_YEARS.get(str(ticker), "1231")
        document = submissions([*released, EVENING], name=begins, year_end=year_end)
        sec.on(f"/submissions/CIK{cik:010d}.json", document)
        both = fetch(str(ticker)).join(own, on=["ticker", "date"])
        assert both["fiscal_period"].to_list() == both["fiscal_period_right"].to_list()
        assert both.height > 0.7 * own.height
        named = own.filter(pl.col("kind") == "results")["fiscal_period"].unique()
        assert set(named) == set(both.filter(pl.col("kind") == "results")["fiscal_period"])


def test_every_filer_is_an_instrument_or_has_bundled_results() -> None:
    known = set(Catalogue(bundled("data/catalogue")).table("instruments")["ticker"])
    known |= set(pl.read_parquet(bundled("data/snapshot/earnings.parquet"))["ticker"])
    assert set(FILERS) <= known
    assert len({cik for cik, _ in FILERS.values()}) == len(FILERS)


def test_older_pages_are_read_as_far_as_they_are_asked_for(sec: LocalServer) -> None:
    old = filing("8-K", "2019-02-14", "2019-02-14T21:20:00.000Z", "2.02")
    pages = [(OLDER, "2019-12-31"), (OLDER.replace("001", "002"), "2009-12-31")]
    sec.on(NVIDIA, submissions(FILINGS, older=pages))
    sec.on(f"/submissions/{OLDER}", page([old]))
    assert fetch("NVDA", since=date(2020, 1, 1)).height == 2
    assert len(sec.requests) == 1
    frame = fetch("NVDA", since=date(2019, 1, 1)).sort("date")
    assert frame["fiscal_period"][0] == "Q4 FY2019"
    assert frame.height == 3


def test_days_outside_those_asked_for_are_left_out() -> None:
    frame = fetch("NVDA", since=date(2025, 3, 1), until=date(2025, 12, 31))
    assert frame["date"].to_list() == [date(2025, 5, 28)]


# What is not as it should be ----------------------------------------------------------------------


def test_without_a_contact_nothing_is_asked(
    sec: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAULTLINE_CONTACT")
    with pytest.raises(InputError, match="set FAULTLINE_CONTACT to your e-mail"):
        fetch("NVDA")
    with pytest.raises(InputError, match="Unknown ticker 'TSM'"):
        fetch("TSM")
    assert sec.requests == []


@pytest.mark.parametrize(
    "wrong", [rate_limited(0), failing(503), reset(), truncated(submissions(()))]
)
def test_a_fault_that_passes_costs_only_time(sec: LocalServer, wrong: Reply) -> None:
    sec.on(NVIDIA, wrong, times=1)
    assert set(fetch("NVDA", "AMD")["ticker"]) == {"NVDA", "AMD"}


def without(column: str) -> dict[str, Any]:
    document = submissions(FILINGS)
    del document["filings"]["recent"][column]
    return document


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (failing(403), "403"),
        (failing(404), "404"),
        (html(), "HTML"),
        ({}, "without the field 'name'"),
        ([], "where an object was expected"),
        (submissions(FILINGS, name="AMD"), "that of 'AMD', not of NVIDIA"),
        (submissions(FILINGS, year_end="never"), "ends on 'never', which is no day"),
        (submissions(FILINGS, older=[("../x.json", "2026-01-01")]), "names the page '../x.json'"),
        (without("items"), "without the field 'items'"),
        (without("acceptanceDateTime"), "without the field 'acceptanceDateTime'"),
        ({**submissions(()), "filings": {"recent": page(()) | {"form": ["4"]}, "files": []}},
         "columns of different lengths"),
    ],
)  # fmt: skip
def test_a_company_that_fails_is_named_and_the_others_come(
    sec: LocalServer, wrong: Any, says: str
) -> None:
    sec.on(NVIDIA, wrong)
    with pytest.raises(PartialFetchError, match=says) as error:
        fetch("NVDA", "AMD")
    assert "NVDA" in {**error.value.failures, **error.value.news}
    assert set(error.value.frame["ticker"]) == {"AMD"}


def test_a_page_that_fails_leaves_nothing_of_the_company(sec: LocalServer) -> None:
    sec.on(NVIDIA, submissions(FILINGS, older=[(OLDER, "2024-12-31")]))
    sec.on(f"/submissions/{OLDER}", failing(500))
    with pytest.raises(PartialFetchError) as error:
        fetch("NVDA", "AMD")
    assert set(error.value.frame["ticker"]) == {"AMD"}


@pytest.mark.parametrize(
    "bad",
    [
        filing("8-K", "2024-11-20", "yesterday", "2.02"),
        filing("8-K", "", "2024-11-20T21:20:00.000Z", "2.02"),
        ("8-K", "2.02", "2024-11-20", "2024-11-20T21:20:00.000Z", "20.11.2024"),
    ],
)
def test_a_filing_that_cannot_be_read_is_kept_apart(sec: LocalServer, bad: Filing) -> None:
    sec.on(NVIDIA, submissions([*FILINGS, bad]))
    with pytest.raises(PartialFetchError) as error:
        fetch("NVDA")
    assert (error.value.frame.height, len(error.value.unreadable)) == (2, 1)
    assert error.value.failures == {}


def test_a_block_is_not_answered_with_more_questions(sec: LocalServer) -> None:
    sec.on("/submissions/", failing(403))
    with pytest.raises(SourceError, match="403"):
        fetch()
    assert len(sec.requests) == 3
