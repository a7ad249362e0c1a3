"""What the loaders of factors, risk, documents and prices make of sources that fail or change."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analysis.errors import InputError, SourceError
from analysis.loaders import Request
from analysis.loaders.base import Loader, PartialFetchError
from analysis.loaders.federal_register import FederalRegister
from analysis.loaders.french import French
from analysis.loaders.openrouter.prices import OpenrouterPrices
from analysis.loaders.risk_indexes import Fred, Gpr
from analysis.tables import TABLES
from tests.servers import figures, local
from tests.servers.local import LocalServer, Reply

INSPECTION = "/api/v1/public-inspection-documents"
LOADERS = (French, Gpr, Fred, FederalRegister, OpenrouterPrices)


@pytest.fixture(autouse=True)
def sources(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("FRENCH", "GPR", "FRED", "FEDERAL_REGISTER", "OPENROUTER"):
        monkeypatch.setenv(f"FAULTLINE_{source}_URL", server.url)
    monkeypatch.setenv("FAULTLINE_PACE", "1000")
    figures.serve(server)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (local.html(), "an HTML page"),
        (local.empty(), "an empty response"),
        (local.failing(503), "answered 503"),
        (local.stall(60), "sent nothing"),
        (local.reset(), "broke off"),
        (local.truncated(b"PK" + bytes(500)), "broke off"),
        (local.broken_gzip({"data": [1] * 500}), "gzip that breaks off"),
        (Reply(b'{"data": [', headers={"Content-Type": "application/json"}), "10 bytes of"),
    ],
    ids=["html", "empty", "503", "stall", "reset", "truncated", "torn gzip", "cut json"],
)
def test_a_broken_source_ends_in_a_sentence(
    loader: type[Loader],
    fault: Reply,
    words: str,
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAULTLINE_PATIENCE", "0.4")
    server.on("/", fault)
    with pytest.raises(SourceError) as caught:
        loader().fetch(Request())
    assert words in str(caught.value)
    assert server.url in str(caught.value)


@pytest.mark.parametrize("loader", LOADERS)
def test_offline_nothing_is_asked(
    loader: type[Loader], server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTLINE_OFFLINE", "1")
    with pytest.raises(InputError, match="FAULTLINE_OFFLINE is set"):
        loader().fetch(Request())
    assert server.requests == []


def test_one_file_that_fails_leaves_the_others(server: LocalServer) -> None:
    server.on(f"{figures.FRENCH}/F-F_Momentum", local.failing(404))
    with pytest.raises(
        PartialFetchError, match=r"F-F_Momentum_Factor_daily_CSV.zip: .*404"
    ) as caught:
        French().fetch(Request())
    assert "mom" not in caught.value.frame["factor"]
    assert caught.value.frame["factor"].n_unique() == 7
    assert caught.value.frame.columns == TABLES["factors"].column_names()


# Ken French -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "days", "words"),
    [
        (("Mom2",), {"20260930": ["1.0"]}, "no column Mom (it has Mom2)"),
        (("Mom",), {}, "no day below its header"),
        (("Mom",), {"20269930": ["1.0"]}, "'20269930' is no day"),
        (("Mom",), {"20260930": ["n/a"]}, "cannot be read"),
        (("Mom",), {"20260930": []}, "cannot be read"),
    ],
)
def test_a_changed_file_of_factors_is_named(
    server: LocalServer, columns: tuple[str, ...], days: dict[str, list[str]], words: str
) -> None:
    server.on(f"{figures.FRENCH}/F-F_Momentum", figures.french_zip(columns, days))
    with pytest.raises(PartialFetchError) as caught:
        French().fetch(Request(names=("mom",)))
    assert words in str(caught.value)
    assert "F-F_Momentum_Factor_daily_CSV.zip" in str(caught.value)


def test_a_day_that_stands_twice_stands_once(server: LocalServer) -> None:
    twice = figures.french_zip(("Mom",), {"20260930": ["1.0"]})
    server.on(f"{figures.FRENCH}/F-F_Momentum", twice)
    assert French().fetch(Request(names=("mom",))).height == 1


# Risk indexes -----------------------------------------------------------------------------


def test_a_renamed_column_of_risk_is_named(server: LocalServer) -> None:
    columns = ("DAY", "N10D", "GPR_DAILY", "GPRD_ACT", "GPRD_THREAT")
    sheet = figures.gpr_daily([[20260929, 400, 101.5, 99, 110]], columns)
    server.on("/gpr_files/data_gpr_daily_recent.xls", sheet)
    with pytest.raises(
        PartialFetchError, match=r"no column GPRD .it has DAY, N10D, GPR_DAILY"
    ) as caught:
        Gpr().fetch(Request())
    assert caught.value.frame["series"].unique().sort().to_list() == [
        "GPR", "GPRA", "GPRC_CHN", "GPRC_TWN", "GPRC_USA", "GPRT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([20260929, 400, None, 99, 110], "GPRD holds no figure"),
        ([20260929, 400, "high", 99, 110], "GPRD holds 'high'"),
        (["yesterday", 400, 1, 99, 110], "'yesterday' is no day"),
    ],
)
def test_an_unreadable_cell_of_risk_is_named(
    server: LocalServer, row: list[Any], words: str
) -> None:
    server.on("/gpr_files/data_gpr_daily_recent.xls", figures.gpr_daily([row]))
    with pytest.raises(PartialFetchError) as caught:
        Gpr().fetch(Request(names=("GPRD",)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("observation_date,VIX\n2026-09-29,16.1\n", "observation_date,VIXCLS was expected"),
        ("observation_date,VIXCLS\n2026-09", "'2026-09' cannot be read"),
        ("observation_date,VIXCLS\n29/09/2026,16.1\n", "cannot be read"),
    ],
)
def test_a_changed_file_of_fred_is_named(server: LocalServer, text: str, words: str) -> None:
    server.on(r"^/graph/fredgraph.csv\?id=VIX", figures.csv(text))
    with pytest.raises(PartialFetchError) as caught:
        Fred().fetch(Request())
    assert words in str(caught.value)
    assert caught.value.frame["series"].to_list() == ["USEPUINDXD"]


@pytest.mark.parametrize("line", ["2026-09", "0000-01-01,2", "2026-09-30,1e999", "a" * 200_000])
def test_a_line_of_fred_that_cannot_be_read_does_not_take_the_others_along(
    server: LocalServer, line: str
) -> None:
    text = f"observation_date,VIXCLS\n2026-09-29,16.1\n{line}\n2026-10-01,17.5\n"
    server.on(r"^/graph/fredgraph.csv\?id=VIX", figures.csv(text))
    with pytest.raises(PartialFetchError, match="1 records that cannot be read") as caught:
        Fred().fetch(Request(names=("VIXCLS",)))
    assert caught.value.frame["value"].to_list() == [16.1, 17.5]
    assert caught.value.failures == {}
    (one,) = caught.value.unreadable
    assert line[:100] in one.record
    assert len(one.record) < 400


# Federal Register -------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["document_number", "title", "agencies", "publication_date"])
def test_a_renamed_field_of_documents_is_named(server: LocalServer, field: str) -> None:
    document = figures.published("2026-1")
    document[field + "_new"] = document.pop(field)
    server.on("/api/v1/documents.json", figures.page([document]))
    with pytest.raises(PartialFetchError, match=f"without the field '{field}'"):
        FederalRegister().fetch(Request())


def test_a_null_field_is_left_to_the_store(server: LocalServer) -> None:
    document = figures.published("2026-00789", title=None, effective_on=None)
    server.on("/api/v1/documents.json", figures.page([document]))
    frame = FederalRegister().fetch(Request())
    assert (frame["title"].to_list(), frame["effective_on"].to_list()) == ([None], [None])


def test_missing_pages_are_told_and_the_rest_is_kept(server: LocalServer) -> None:
    shape = figures.page([figures.published("2026-00789")]) | {"count": 9}
    server.on("/api/v1/documents.json", shape)
    with pytest.raises(PartialFetchError, match="only 1 of 9 came") as caught:
        FederalRegister().fetch(Request())
    assert caught.value.frame["document_number"].to_list() == ["2026-00789"]


def test_a_second_page_that_fails_keeps_the_first(server: LocalServer) -> None:
    first = figures.page([figures.published("2026-00789")])
    link = f"{server.url}/api/v1/documents.json?page=2"
    server.on("/api/v1/documents.json", {**first, "count": 2, "next_page_url": link})
    server.on(r"^/api/v1/documents.json\?page=2", local.failing(400))
    with pytest.raises(PartialFetchError, match="page=2 answered 400") as caught:
        FederalRegister().fetch(Request())
    assert caught.value.frame.height == 1


def test_pages_without_end_are_cut(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.loaders.federal_register._MOST_PAGES", 3)
    page, asked = figures.page([figures.published("2026-00789")]), iter(range(2, 99))
    link = f"{server.url}/api/v1/documents.json?page="
    server.on("/api/v1/documents.json", lambda _: {**page, "next_page_url": f"{link}{next(asked)}"})
    with pytest.raises(PartialFetchError, match="documents do not end after 3 pages") as caught:
        FederalRegister().fetch(Request())
    assert caught.value.frame["document_number"].to_list() == ["2026-00789"]
    assert next(asked) == 6  # the first page and three that follow


def test_a_next_page_on_another_host_is_not_asked(server: LocalServer) -> None:
    first = figures.page([figures.published("2026-00789")])
    link = "https://example.org/api/v1/documents.json?page=2"
    server.on("/api/v1/documents.json", {**first, "next_page_url": link})
    with pytest.raises(PartialFetchError, match=r"example.org/.* is not on http://127"):
        FederalRegister().fetch(Request())


def test_a_day_of_inspection_is_never_taken_back_by_a_failure(server: LocalServer) -> None:
    server.on(f"{INSPECTION}/2026-00789.json", local.failing(400))
    with pytest.raises(PartialFetchError, match="2026-00789: left out") as caught:
        FederalRegister().fetch(Request())
    assert caught.value.frame.height == 0


def test_inspection_that_is_down_does_not_hide_what_was_published(server: LocalServer) -> None:
    server.on(f"{INSPECTION}/current.json", local.html())
    with pytest.raises(PartialFetchError, match="an HTML page instead of JSON") as caught:
        FederalRegister().fetch(Request())
    assert caught.value.frame["public_inspection_date"].to_list() == [date(2026, 1, 13)]


# Model prices -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pricing": {"prompt": "0.1"}}, "without the field 'completion'"),
        ({"pricing": {"prompt": None, "completion": "0"}}, "'prompt' holds None"),
        ({"pricing": {"prompt": "cheap", "completion": "0"}}, "'prompt' holds 'cheap'"),
        ({"pricing": {"prompt": "NaN", "completion": "0"}}, "'prompt' holds 'NaN'"),
        ({"pricing": []}, "a list where an object was expected"),
        ({"id": ""}, "the field 'id' holds ''"),
        ({"context_length": "long"}, "'context_length' holds 'long'"),
    ],
)
def test_a_changed_price_is_named(server: LocalServer, change: dict[str, Any], words: str) -> None:
    server.on("/api/v1/models", {"data": [figures.openrouter_model("a/b", **change)]})
    with pytest.raises(SourceError) as caught:
        OpenrouterPrices().fetch(Request())
    assert words in str(caught.value)


def test_a_model_that_is_gone_leaves_the_others(server: LocalServer) -> None:
    server.on(r"^/api/v1/models/gone/model/endpoints", local.failing(404))
    with pytest.raises(
        PartialFetchError, match=r"gone/model: .*404.* not on OpenRouter's list"
    ) as caught:
        OpenrouterPrices().fetch(Request(names=("gone/model", "deepseek/deepseek-v4")))
    assert caught.value.frame["provider"].to_list() == ["list", "deepinfra"]
