"""The loader of what companies filed with the SEC: rows, vintages in a store, and complaints."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.edgar.loader import COMPANIES, YEARS_ONLY, Edgar, read_company
from analysis.loaders.http.client import RetryPolicy
from analysis.loaders.yahoo.statements import COMPANIES as BY_YAHOO
from analysis.settings import bundled
from analysis.store import Store
from analysis.tables import TABLES
from tests.servers.edgar import (
    AGAIN,
    ASSETS,
    CAPEX,
    CONTRACTS,
    MAY,
    RESTATED,
    REVENUES,
    SPENT,
    YEAR,
    companyfacts,
    fact,
    nvidia,
)
from tests.servers.local import LocalServer

QUICK = RetryPolicy(connect=1, read=1, total=5, attempts=2, first_wait=0.01, longest_wait=1)
NOW = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def sec(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setenv("FAULTLINE_EDGAR_URL", server.url)
    monkeypatch.setenv("FAULTLINE_CONTACT", "desk@example.org")
    return server


def fetch(*names: str, at: datetime = NOW, **asked: Any) -> pl.DataFrame:
    return Edgar(QUICK, 1000, clock=lambda: at).fetch(Request(names=names, **asked))


def filing(sec: LocalServer, *entries: Any) -> None:
    """Let the SEC serve these facts besides those of the year."""
    sec.on("/api/", companyfacts({REVENUES: [*YEAR, *entries], ASSETS: SPENT}))


def of_may(frame: pl.DataFrame) -> list[tuple[float, date, datetime]]:
    chosen = frame.filter(pl.col("period_end") == MAY, pl.col("metric") == "revenue")
    return list(chosen.select("value", "filed", "observed_at").sort("observed_at").iter_rows())


def test_a_year_becomes_four_quarters(sec: LocalServer) -> None:
    sec.on("/api/xbrl/companyfacts/CIK0001045810.json", nvidia())
    frame = fetch("Nvidia")
    shown = frame.select("period_end", "frequency", "metric", "value", "basis", "filed")
    assert shown.sort("metric", "period_end", "frequency").rows() == [
        (date(2022, 5, 1), "Q", "capex", 361.0, "reported", date(2022, 5, 27)),
        (date(2022, 7, 31), "Q", "capex", 433.0, "derived", date(2022, 8, 31)),
        (date(2022, 10, 30), "Q", "capex", 530.0, "derived", date(2022, 11, 18)),
        (date(2023, 1, 29), "FY", "capex", 1833.0, "reported", date(2023, 2, 24)),
        (date(2023, 1, 29), "Q", "capex", 509.0, "derived", date(2023, 2, 24)),
        (date(2022, 5, 1), "Q", "revenue", 8288.0, "reported", date(2022, 5, 27)),
        (date(2022, 7, 31), "Q", "revenue", 6704.0, "reported", date(2022, 8, 31)),
        (date(2022, 10, 30), "Q", "revenue", 5931.0, "reported", date(2022, 11, 18)),
        (date(2023, 1, 29), "FY", "revenue", 26974.0, "reported", date(2023, 2, 24)),
        (date(2023, 1, 29), "Q", "revenue", 6051.0, "derived", date(2023, 2, 24)),
    ]
    assert frame.select("company", "segment", "currency", "assumed", "source").unique().rows() == [
        ("Nvidia", "total", "USD", False, "edgar")
    ]
    assert frame["observed_at"].unique().to_list() == [NOW]
    assert TABLES["revenues"].is_valid(frame)
    notes = frame.filter(pl.col("basis") == "derived", pl.col("metric") == "revenue")["note"]
    assert notes.to_list() == ["us-gaap:Revenues, the year less 9 months"]


def test_rows_continue_the_keys_of_the_bundled_table(sec: LocalServer) -> None:
    sec.on("/api/xbrl/companyfacts/CIK0001045810.json", nvidia())
    bundled_rows = pl.read_parquet(bundled("data/snapshot/revenues.parquet"))
    key = ["company", "period_end", "frequency", "segment", "metric", "currency"]
    quarters = fetch("Nvidia").filter(pl.col("frequency") == "Q")
    both = quarters.join(bundled_rows, on=key, suffix="_bundled")
    assert both.group_by("metric").len().sort("metric").rows() == [("capex", 4), ("revenue", 4)]
    assert (both["value"] - both["value_bundled"]).abs().max() < 1
    assert set(COMPANIES) - set(bundled_rows["company"]) == {"Apple", "Super Micro"}
    # Curated segments have names of their own, so that a total never stands beside or for one.
    spelled = {name for name in bundled_rows["segment"] if name.strip().casefold() == "total"}
    assert spelled == set(quarters["segment"]) == {"total"}


def test_a_contact_is_wanted_before_anything_is_asked(
    sec: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for contact in ("", "  "):
        monkeypatch.setenv("FAULTLINE_CONTACT", contact)
        with pytest.raises(InputError, match="set FAULTLINE_CONTACT to your e-mail"):
            fetch("Nvidia")
    assert not sec.requests


def test_a_contact_that_is_no_address_is_shown(
    sec: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_CONTACT", "nobody")
    with pytest.raises(InputError, match="FAULTLINE_CONTACT is 'nobody', which is not an e-mail"):
        fetch("Nvidia")
    assert sec.requests == []


def test_the_contact_is_in_the_user_agent(sec: LocalServer) -> None:
    sec.on("/api/", nvidia())
    fetch("Nvidia")
    assert "desk@example.org" in sec.requests[0].headers["user-agent"]


def test_offline_no_socket_is_opened(sec: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE"):
        fetch("Nvidia")
    assert not sec.requests


def test_an_unknown_company_is_refused_with_the_nearest(sec: LocalServer) -> None:
    with pytest.raises(InputError, match=r"Unknown company 'Nvdia'.*'Nvidia'"):
        fetch("Nvdia")
    assert not sec.requests


def test_a_file_that_has_not_changed_is_not_sent_again(sec: LocalServer, tmp_path: Path) -> None:
    sec.on("/api/", nvidia(), headers={"ETag": '"one"'})
    first, second = fetch("Nvidia", archive=tmp_path), fetch("Nvidia", archive=tmp_path)
    assert first.equals(second)
    assert sec.requests[1].headers["if-none-match"] == '"one"'


def test_first_and_last_day_bound_the_ends_of_periods(sec: LocalServer) -> None:
    sec.on("/api/", nvidia())
    frame = fetch("Nvidia", since=date(2022, 7, 1), until=date(2022, 10, 30))
    assert set(frame["period_end"]) == {date(2022, 7, 31), date(2022, 10, 30)}


def test_every_value_that_was_filed_comes_the_last_one_observed_last(sec: LocalServer) -> None:
    filing(sec, RESTATED, AGAIN)
    frame = fetch("Nvidia")
    assert of_may(frame) == [
        (8288.0, date(2022, 5, 27), NOW - 2 * MOMENT),
        (8200.0, date(2023, 5, 26), NOW - MOMENT),
        (8100.0, date(2024, 5, 29), NOW),
    ]
    assert TABLES["revenues"].is_valid(frame)


def test_what_the_public_knew_on_a_day_is_read_by_the_day_of_filing(
    sec: LocalServer, tmp_path: Path
) -> None:
    filing(sec, RESTATED, AGAIN)
    store = Store(tmp_path / "live", seed=None)
    done = store.append("revenues", fetch("Nvidia"))
    assert (done.rejected, done.alerts) == (0, ())
    known = {
        day: [value for value, *_ in of_may(store.read("revenues", where={"filed": (None, day)}))]
        for day in (date(2022, 5, 26), date(2022, 12, 31), date(2023, 12, 31), date(2024, 12, 31))
    }
    assert list(known.values()) == [[], [8288.0], [8200.0], [8100.0]]
    assert [value for value, *_ in of_may(store.read("revenues"))] == [8100.0]


def test_a_fourth_quarter_is_public_from_the_annual_report_whatever_tag_it_used(
    sec: LocalServer, tmp_path: Path
) -> None:
    year = ("2022-01-31", "2023-01-29", 26974.0, "2023-02-24")
    repeated = (*year[:3], "2024-02-21")
    sec.on(
        "/api/", companyfacts({REVENUES: [*YEAR[:4], repeated], CONTRACTS: [year], CAPEX: SPENT})
    )
    store = Store(tmp_path / "live", seed=None)
    store.append("revenues", fetch("Nvidia"))
    fourth = {"metric": ["revenue"], "frequency": ["Q"], "period_end": [date(2023, 1, 29)]}
    public = store.read("revenues", where={**fourth, "filed": (None, date(2023, 6, 30))})
    assert public["value"].to_list() == [6051.0]


def test_vintages_that_are_fetched_again_add_nothing(sec: LocalServer, tmp_path: Path) -> None:
    store = Store(tmp_path / "live", seed=None)
    filing(sec, RESTATED)
    first = store.append("revenues", fetch("Nvidia"))
    assert (first.new, first.revised) == (10, 1)
    for day in range(1, 4):
        done = store.append("revenues", fetch("Nvidia", at=NOW + timedelta(days=day)))
        assert (done.new, done.revised, done.unchanged) == (0, 0, 11)
    filing(sec, RESTATED, AGAIN)
    done = store.append("revenues", fetch("Nvidia", at=NOW + timedelta(days=9)))
    assert (done.new, done.revised, done.unchanged) == (0, 1, 11)
    assert [alert.days for alert in done.alerts] == [1]
    assert [value for value, *_ in of_may(store.read("revenues"))] == [8100.0]
    assert store.history("revenues", "Nvidia").height == 12


def test_a_vintage_that_comes_to_light_late_does_not_become_the_last(
    sec: LocalServer, tmp_path: Path
) -> None:
    store = Store(tmp_path / "live", seed=None)
    filing(sec, RESTATED)
    frame = fetch("Nvidia")
    store.append("revenues", frame.filter(pl.col("value") != 8288.0))
    later = NOW + timedelta(days=1)
    store.append("revenues", fetch("Nvidia", at=later))
    assert of_may(store.read("revenues")) == [(8200.0, date(2023, 5, 26), later)]
    assert store.append("revenues", fetch("Nvidia", at=later + timedelta(days=1))).revised == 0


def test_quarters_of_a_company_whose_quarters_yahoo_gives_are_left_to_it(sec: LocalServer) -> None:
    facts = {"ifrs-full:Revenue": YEAR, "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassified"
             "AsInvestingActivities": SPENT}  # fmt: skip
    name = "TAIWAN SEMICONDUCTOR MANUFACTURING CO LTD"
    sec.on("/api/", companyfacts(facts, name=name, cik=1046179, unit="TWD"))
    assert set(fetch("TSMC")["frequency"]) == {"FY"}
    assert set(COMPANIES) & set(BY_YAHOO) == YEARS_ONLY


def test_a_filer_of_another_currency_and_taxonomy_keeps_its_own() -> None:
    document = companyfacts(
        {
            "ifrs-full:Revenue": [("2023-01-01", "2023-12-31", 2_161_736.0, "2024-04-18")],
            "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities": [
                ("2023-01-01", "2023-12-31", 949_817.0, "2024-04-18"),
                ("2022-01-01", "2022-12-31", 1_082_672.0, "2024-04-18"),
            ],
        },
        name="TAIWAN SEMICONDUCTOR MANUFACTURING CO LTD",
        unit="TWD",
    )
    revenues = document["facts"]["ifrs-full"]["Revenue"]["units"]
    revenues["TWD"].append(fact("2022-01-01", "2022-12-31", 2_263_891.0, "2024-04-18", "20-F"))
    # The convenience translation of the last year.
    revenues["USD"] = [fact("2023-01-01", "2023-12-31", 70_599.0, "2024-04-18", "20-F")]
    found, complaints = read_company(document, "TAIWAN SEMICONDUCTOR")
    assert [(one.currency, one.value) for one in found["revenue"]] == [
        ("TWD", 2_263_891.0), ("TWD", 2_161_736.0),
    ]  # fmt: skip
    assert [one.frequency for one in found["capex"]] == ["FY", "FY"]
    assert not complaints


def test_another_companys_file_is_refused() -> None:
    with pytest.raises(SourceError, match="is that of 'NVIDIA CORP', not of ADVANCED MICRO"):
        read_company(nvidia(), "ADVANCED MICRO DEVICES")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "something other than a file of facts"),
        ({}, "is that of 'nobody'"),
        ({"entityName": "NVIDIA CORP"}, "holds no facts"),
        ({"entityName": "NVIDIA CORP", "facts": None}, "holds no facts"),
    ],
)
def test_a_file_of_another_shape_is_refused(document: Any, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_company(document, "NVIDIA")


def test_facts_that_cannot_be_read_are_told_and_the_others_taken(sec: LocalServer) -> None:
    broken = fact("2022-01-31", "2022-05-01", 1.0, "2022-06-01")
    del broken["filed"]
    endless = fact("2022-01-31", "2022-05-01", 1.0, "2022-06-01") | {"end": "May"}
    sec.on("/api/", companyfacts({REVENUES: [*YEAR, broken, endless], CAPEX: SPENT}))
    with pytest.raises(
        PartialFetchError, match="2 of 7 facts of us-gaap:Revenues cannot be read"
    ) as error:
        fetch("Nvidia")
    assert error.value.frame.height == 10


def test_a_metric_without_a_known_tag_is_told() -> None:
    _, complaints = read_company(companyfacts({REVENUES: YEAR}), "NVIDIA")
    assert [complaint[:32] for complaint in complaints] == ["no capex under any tag that is k"]


def test_a_metric_that_lags_behind_is_told() -> None:
    later = ("2024-01-29", "2024-04-28", 26_044.0, "2024-05-29")
    _, complaints = read_company(companyfacts({REVENUES: [*YEAR, later], ASSETS: SPENT}), "NVIDIA")
    assert complaints == ["capex ends on 2023-01-29: the company may file it under another tag"]
