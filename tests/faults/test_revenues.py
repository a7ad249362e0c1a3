"""What the loaders of revenues make of an SEC and a Yahoo that refuse or break off."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.edgar.loader import Edgar
from analysis.loaders.http.client import RetryPolicy
from analysis.loaders.yahoo.statements import YahooRevenues
from tests.servers.edgar import ASSETS, REVENUES, SPENT, YEAR, companyfacts, nvidia
from tests.servers.local import (
    LocalServer,
    Reply,
    broken_gzip,
    empty,
    failing,
    html,
    rate_limited,
    reset,
    stall,
    truncated,
)
from tests.servers.yahoo import quarters, serve

QUICK = RetryPolicy(connect=1, read=0.3, total=5, attempts=3, first_wait=0.01, longest_wait=1)
NVIDIA, AMD = "/api/xbrl/companyfacts/CIK0001045810", "/api/xbrl/companyfacts/CIK0000002488"


@pytest.fixture
def sec(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_EDGAR_URL", server.url)
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    advanced = companyfacts({REVENUES: YEAR, ASSETS: SPENT}, name="ADVANCED MICRO DEVICES INC")
    server.on(NVIDIA, nvidia())
    server.on(AMD, advanced)
    return server


def fetch(*names: str, **asked: Any) -> pl.DataFrame:
    loader = Edgar(QUICK, 1000, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    return loader.fetch(Request(names=names, **asked))


@pytest.mark.parametrize(
    "wrong",
    [rate_limited(), rate_limited(0), failing(503), reset(), stall(5), truncated(nvidia()),
     broken_gzip(nvidia())],
    ids=["429", "429-retry-after", "503", "reset", "stall", "truncated", "gzip"],
)  # fmt: skip
def test_a_fault_that_passes_costs_only_time(sec: LocalServer, wrong: Reply) -> None:
    sec.on(NVIDIA, wrong, times=1)
    assert set(fetch("Nvidia", "AMD")["company"]) == {"Nvidia", "AMD"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (failing(403), "403"),
        (failing(503), "503"),
        (html(), "HTML"),
        (empty(), "empty"),
        (Reply(b"[]", 200), "something other than a file of facts"),
        (failing(404), "no facts under CIK 1045810"),
    ],
    ids=["403", "503", "html", "empty", "list", "404"],
)
def test_a_company_that_fails_is_named_and_the_others_come(
    sec: LocalServer, wrong: Reply, says: str
) -> None:
    sec.on(NVIDIA, wrong)
    with pytest.raises(PartialFetchError, match=says) as error:
        fetch("Nvidia", "AMD")
    assert set(error.value.failures) == {"Nvidia"}
    assert set(error.value.frame["company"]) == {"AMD"}


def test_a_block_is_not_answered_with_more_questions(sec: LocalServer) -> None:
    sec.on("/api/", failing(403))
    with pytest.raises(SourceError, match="403") as error:
        fetch()
    assert not isinstance(error.value, PartialFetchError)
    assert len(sec.requests) == 3


def test_without_a_contact_nothing_is_asked(
    sec: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAULTLINE_CONTACT")
    with pytest.raises(InputError, match="set FAULTLINE_CONTACT to your e-mail"):
        fetch("Nvidia")
    assert sec.requests == []


@pytest.mark.parametrize("field", ["start", "end", "val", "filed"])
def test_a_field_that_is_renamed_makes_no_figure(sec: LocalServer, field: str) -> None:
    """A fact without a first day is one of a single day, such as a balance, and none of ours."""
    document = nvidia()
    for tag in document["facts"]["us-gaap"].values():
        for fact in tag["units"]["USD"]:
            fact[f"{field}_new"] = fact.pop(field)
    sec.on(NVIDIA, document)
    with pytest.raises(PartialFetchError, match=r"Nvidia: .*no revenue under any tag") as error:
        fetch("Nvidia", "AMD")
    assert set(error.value.frame["company"]) == {"AMD"}


@pytest.mark.parametrize("field", ["end", "val", "filed"])
def test_a_null_field_makes_no_figure_and_spoils_no_other(sec: LocalServer, field: str) -> None:
    document = nvidia()
    whole = fetch("Nvidia")
    document["facts"]["us-gaap"]["Revenues"]["units"]["USD"][0][field] = None
    sec.on(NVIDIA, document)
    try:
        frame = fetch("Nvidia")
    except PartialFetchError as error:
        frame = error.frame
    lost = whole.join(frame, on=["period_end", "frequency", "metric"], how="anti")
    assert set(lost["period_end"]) <= {date(2022, 5, 1), date(2023, 1, 29)}
    kept = frame.join(whole, on=["period_end", "frequency", "metric"])
    assert kept["value"].to_list() == kept["value_right"].to_list()


def test_figures_in_another_currency_do_not_take_the_place_of_held_ones(sec: LocalServer) -> None:
    sec.on(NVIDIA, companyfacts({REVENUES: YEAR, ASSETS: SPENT}, unit="TWD"))
    assert set(fetch("Nvidia")["currency"]) == {"TWD"}  # a key of its own, beside USD


# Yahoo's statements ----------------------------------------------------------------------------

MARCH = date(2024, 3, 31)
REVENUE = {"quarterlyTotalRevenue": {MARCH: 2e6}}
WHOLE = quarters({**REVENUE, "quarterlyCapitalExpenditure": {MARCH: -1e6}})


def statements(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, cambricon: dict[str, Any]
) -> pl.DataFrame:
    """Fetch two companies, of which Yahoo gives this of Cambricon and all of Hygon."""
    monkeypatch.setenv("FAULTLINE_YAHOO_URL", server.url)
    serve(server, {}, {"688256.SS": cambricon, "688041.SS": WHOLE})
    loader = YahooRevenues(QUICK, 1000, clock=lambda: datetime(2024, 5, 10, tzinfo=UTC))
    return loader.fetch(Request(names=("Cambricon", "Hygon")))


@pytest.mark.parametrize(
    ("sent", "statement", "row", "kept"),
    [
        (
            {**REVENUE, "quarterlyFreeCashFlow": {MARCH: 1e6}},
            "cash-flow statement",
            "CapitalExpenditure",
            ["revenue"],
        ),
        (
            {
                "quarterlyOperatingRevenue": {MARCH: 2e6},
                "quarterlyCapitalExpenditure": {MARCH: -1e6},
            },
            "income statement",
            "TotalRevenue",
            ["capex"],
        ),
    ],
    ids=["capex", "revenue"],
)
def test_a_row_that_is_renamed_is_named_with_its_ticker_and_the_others_come(
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    sent: dict[str, Any],
    statement: str,
    row: str,
    kept: list[str],
) -> None:
    with pytest.raises(PartialFetchError) as error:
        statements(server, monkeypatch, quarters(sent))
    assert set(error.value.failures) == {"Cambricon"}
    assert f"{statement} of 688256.SS has no row {row}" in error.value.failures["Cambricon"]
    frame = error.value.frame
    assert frame.filter(company="Cambricon")["metric"].to_list() == kept
    assert set(frame.filter(company="Hygon")["metric"]) == {"revenue", "capex"}


def test_both_rows_renamed_leave_nothing_of_the_company(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"quarterlyOperatingRevenue": {MARCH: 2e6}, "quarterlyFreeCashFlow": {MARCH: 1e6}}
    with pytest.raises(
        PartialFetchError, match="neither TotalRevenue nor CapitalExpenditure"
    ) as error:
        statements(server, monkeypatch, quarters(sent))
    assert set(error.value.frame["company"]) == {"Hygon"}


def test_a_company_without_a_cash_flow_statement_does_not_fail(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = statements(server, monkeypatch, quarters(REVENUE))
    assert frame.filter(company="Cambricon")["metric"].to_list() == ["revenue"]
