"""What the loaders of factors, risk indexes, documents and model prices read from good answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from analysis.errors import InputError
from analysis.loaders import Request
from analysis.loaders.federal_register import FederalRegister
from analysis.loaders.french import French
from analysis.loaders.openrouter.prices import OpenrouterPrices
from analysis.loaders.risk_indexes import Fred, Gpr
from analysis.tables import validate
from tests.servers import figures
from tests.servers.local import LocalServer
from tests.servers.xls import Cell

LOADERS = (French, Gpr, Fred, FederalRegister, OpenrouterPrices)


@pytest.fixture(autouse=True)
def sources(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("FRENCH", "GPR", "FRED", "FEDERAL_REGISTER", "OPENROUTER"):
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    monkeypatch.setenv("FAULTLINE_PACE", "1000")
    figures.serve(server)


@pytest.mark.parametrize("loader", LOADERS)
def test_rows_keep_the_schema_and_say_when_they_were_asked_for(
    loader: type[French], tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    frame = loader().fetch(Request(archive=tmp_path))
    validate(loader.table, frame)
    assert frame.height > 0
    assert frame["source"].unique().to_list() == [loader.name]
    assert not frame["backfilled"].any()
    assert before <= frame["observed_at"].min() <= frame["observed_at"].max() <= datetime.now(UTC)
    assert list(tmp_path.glob("*/index.jsonl"))


@pytest.mark.parametrize("loader", [French, Gpr, Fred])
def test_an_unknown_name_is_refused_before_anything_is_asked(
    loader: type[French], server: LocalServer
) -> None:
    with pytest.raises(InputError, match=r"Unknown .* 'umd'"):
        loader().fetch(Request(names=("umd",)))
    assert server.requests == []


# French -----------------------------------------------------------------------------------


def test_factors_come_from_their_own_files_as_decimals(server: LocalServer) -> None:
    five = {"20260930": ["0.57", "-1.41", "-99.99", "-999", "0.00", "0.016"]}
    server.on(f"{figures.FRENCH}/F-F_Research_Data_5", figures.french_zip(figures.FIVE, five))
    three = {"20260930": ["0.58", "2.00", "0.10", "0.016"]}
    server.on(f"{figures.FRENCH}/F-F_Research_Data_F", figures.french_zip(figures.THREE, three))
    frame = French().fetch(Request(since=date(2026, 9, 30)))
    assert dict(frame.select("factor", "value").iter_rows()) == {
        "mkt_rf": 0.0057,
        "smb": -0.0141,
        "cma": 0.0,
        "rf": 0.00016,
        "smb_ff3": 0.02,
        "mom": -0.0141,
    }


def test_only_the_files_of_the_factors_asked_for_are_fetched(server: LocalServer) -> None:
    frame = French().fetch(Request(names=("mom",), until=date(2026, 9, 29)))
    assert frame.select("date", "factor", "value").rows() == [(date(2026, 9, 29), "mom", 0.0057)]
    assert server.paths() == [f"{figures.FRENCH}/F-F_Momentum_Factor_daily_CSV.zip"]


# Risk indexes -----------------------------------------------------------------------------


def test_daily_and_monthly_risk_stand_on_their_days(server: LocalServer) -> None:
    # 46266 is 2026-09-01; single precision leaves 77.41870117, the table says 77.418701.
    server.on(
        "/gpr_files/data_gpr_export.xls",
        figures.gpr_monthly([[46280, 77.41870117, 1.5, 2, 0.9, 0.2, 3]]),
    )
    frame = Gpr().fetch(Request()).sort("series", "date")
    monthly = frame.filter(~pl.col("series").str.starts_with("GPRD"))
    assert monthly.select("date", "series", "value").rows()[:2] == [
        (date(2026, 9, 1), "GPR", 77.418701),
        (date(2026, 9, 1), "GPRA", 2.0),
    ]
    daily = frame.filter(pl.col("series") == "GPRD_THREAT")
    assert daily["value"].to_list() == [110.25, 130.75]
    assert daily["date"].to_list() == [date(2026, 9, 29), date(2026, 9, 30)]


def test_an_empty_cell_of_risk_is_no_row(server: LocalServer) -> None:
    rows = [[20260929, 400, None, 99.0, 110.0], [20260930, 380, 120.5, None, 130.0]]
    server.on("/gpr_files/data_gpr_daily_recent.xls", figures.gpr_daily(rows))
    frame = Gpr().fetch(Request(names=("GPRD", "GPRD_ACT")))
    assert frame.select("date", "series", "value").rows() == [
        (date(2026, 9, 30), "GPRD", 120.5),
        (date(2026, 9, 29), "GPRD_ACT", 99.0),
    ]


@pytest.mark.parametrize("cell", [date(2026, 9, 1), "2026M9", "2026-09-01", 20260901.0])
def test_other_ways_to_write_a_month_are_read(server: LocalServer, cell: Cell) -> None:
    months = [[cell, 150.5, 1, 2, 0.9, 0.2, 3]]
    server.on("/gpr_files/data_gpr_export.xls", figures.gpr_monthly(months))
    frame = Gpr().fetch(Request(names=("GPRC_CHN",)))
    assert frame.select("date", "value").rows() == [(date(2026, 9, 1), 0.9)]


def test_a_missing_value_of_fred_is_no_row(server: LocalServer) -> None:
    text = "observation_date,VIXCLS\r\n2026-09-29,16.1\r\n2026-09-30,.\r\n2026-10-01,\r\n"
    server.on(r"^/graph/fredgraph.csv\?id=VIX", figures.csv(text))
    request = Request(("VIXCLS",), since=date(2026, 9, 1), until=date(2026, 10, 1))
    assert Fred().fetch(request).select("date", "series", "value").rows() == [
        (date(2026, 9, 29), "VIXCLS", 16.1)
    ]
    [seen] = server.requests
    assert (seen.query["cosd"], seen.query["coed"]) == (["2026-09-01"], ["2026-10-01"])


def test_the_older_header_of_fred_is_read(server: LocalServer) -> None:
    server.on(r"^/graph/fredgraph.csv\?id=VIX", figures.csv("DATE,VIXCLS\n2026-09-29,16.1\n"))
    assert Fred().fetch(Request(("VIXCLS",))).height == 1


# Federal Register -------------------------------------------------------------------------


def test_a_published_document_carries_the_day_of_its_inspection(server: LocalServer) -> None:
    frame = FederalRegister().fetch(Request(since=date(2026, 1, 1), until=date(2026, 1, 31)))
    assert frame.drop("observed_at").row(0, named=True) == {
        "document_number": "2026-00789",
        "title": "Revision to License Review Policy for Advanced Computing Commodities",
        "agency": "Industry and Security Bureau",
        "kind": "Rule",
        "publication_date": date(2026, 1, 15),
        "public_inspection_date": date(2026, 1, 13),
        "effective_on": date(2026, 1, 15),
        "url": "https://www.federalregister.gov/d/2026-00789",
        "source": "federal_register",
        "backfilled": False,
        "flag": None,
    }
    asked = next(seen for seen in server.requests if seen.path == "/api/v1/documents.json").query
    assert asked["conditions[agencies][]"] == ["industry-and-security-bureau"]
    assert asked["conditions[publication_date][gte]"] == ["2026-01-01"]
    assert asked["conditions[publication_date][lte]"] == ["2026-01-31"]


def test_inspection_then_publication_is_one_document_seen_twice(server: LocalServer) -> None:
    number = "2026-00789"
    current = "/api/v1/public-inspection-documents/current.json"
    others = figures.inspected("2026-00001", agencies=[figures.DEPARTMENT])
    server.on("/api/v1/documents.json", {"description": "Documents", "count": 0})
    server.on(current, figures.page([figures.inspected(number), others]))
    early = FederalRegister().fetch(Request())
    server.on("/api/v1/documents.json", figures.page([figures.published(number)]))
    server.on(current, figures.page([]))
    late = FederalRegister().fetch(Request())
    kept = [column for column in early.columns if column not in ("effective_on", "observed_at")]
    assert early.select(kept).equals(late.select(kept))
    assert early["effective_on"].to_list() == [None]
    assert late["effective_on"].to_list() == [date(2026, 1, 15)]
    assert early["observed_at"][0] < late["observed_at"][0]


def test_a_filing_late_at_night_is_of_its_washington_day(server: LocalServer) -> None:
    filed = figures.inspected("2026-00789", filed_at="2026-01-14T02:00:00Z")
    server.on("/api/v1/public-inspection-documents/2026-00789.json", filed)
    frame = FederalRegister().fetch(Request())
    assert frame["public_inspection_date"].to_list() == [date(2026, 1, 13)]


def test_pages_are_followed_and_repeated_documents_stand_once(server: LocalServer) -> None:
    pages = {
        "1": [figures.published("2026-1"), figures.published("2026-2")],
        "2": [figures.published("2026-2"), figures.published("2026-3")],
    }
    for number, following in (("1", "2"), ("2", "1")):
        link = f"{server.url}/api/v1/documents.json?page={following}"
        shape = figures.page(pages[number]) | {"count": 3, "next_page_url": link}
        server.on(rf"^/api/v1/documents.json\?.*page={number}$", shape)
    first = figures.page(pages["1"]) | {
        "count": 3, "next_page_url": f"{server.url}/api/v1/documents.json?page=2",
    }  # fmt: skip
    server.on(r"^/api/v1/documents.json\?conditions", first)
    three = [figures.inspected(f"2026-{n}") for n in (1, 2, 3)]
    server.on("/api/v1/public-inspection-documents/2026-1,2026-2,2026-3", figures.page(three))
    server.on("/api/v1/public-inspection-documents/2026-1%2C", figures.page(three))
    frame = FederalRegister().fetch(Request())
    assert sorted(frame["document_number"]) == ["2026-1", "2026-2", "2026-3"]
    assert frame["public_inspection_date"].unique().to_list() == [date(2026, 1, 13)]


def test_a_document_that_was_never_on_inspection_has_no_such_day(server: LocalServer) -> None:
    server.on("/api/v1/documents.json", figures.page([figures.published("2010-13877")]))
    frame = FederalRegister().fetch(Request())
    assert frame["public_inspection_date"].to_list() == [None]


def test_a_withdrawn_filing_is_flagged(server: LocalServer) -> None:
    note = "An agency letter requesting withdrawal of this document was received."
    filed = figures.inspected("2026-00790", editorial_note=note)
    server.on("/api/v1/public-inspection-documents/current.json", figures.page([filed]))
    frame = FederalRegister().fetch(Request()).filter(pl.col("document_number") == "2026-00790")
    assert frame["flag"].to_list() == [f"editorial note: {note}"]


# Model prices -----------------------------------------------------------------------------


def test_prices_are_exact_per_million_tokens(server: LocalServer) -> None:
    cents = {"prompt": "0.00000029", "completion": 1.1e-06}
    server.on(
        "/api/v1/models",
        {
            "data": [
                figures.openrouter_model("a/b", pricing=cents, context_length=None),
                figures.openrouter_model("a/free:free", pricing={"prompt": "0", "completion": "0"}),
                figures.openrouter_model(
                    "openrouter/auto", pricing={"prompt": "-1", "completion": "-1"}
                ),
            ]
        },
    )
    frame = OpenrouterPrices().fetch(Request())
    assert frame.select("model", "provider", "prompt", "completion", "context_length").rows() == [
        ("a/b", "list", 0.29, 1.1, None),
        ("a/free:free", "list", 0.0, 0.0, 163840),
    ]
    assert server.paths() == ["/api/v1/models"]


def test_providers_of_watched_models_are_asked_for(server: LocalServer) -> None:
    endpoints = [
        figures.openrouter_endpoint("DeepInfra", tag="deepinfra/fp4"),
        figures.openrouter_endpoint("DeepInfra", tag="deepinfra/bf16"),
        figures.openrouter_endpoint("Novita", tag=None),
    ]
    server.on(r"^/api/v1/models/deepseek/deepseek-v4/endpoints", {"data": {"endpoints": endpoints}})
    frame = OpenrouterPrices().fetch(Request(names=("deepseek/deepseek-v4",)))
    assert frame["provider"].to_list() == ["list", "deepinfra/fp4", "deepinfra/bf16", "Novita"]
    assert frame["prompt"].to_list() == [0.28, 0.3, 0.3, 0.3]
