"""Small answers of the sources of factors, risk indexes, documents and prices of models."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.local import LocalServer, Reply
from tests.servers.xls import Cell, workbook

FRENCH = "/pages/faculty/ken.french/ftp"
FIVE = ("Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF")
THREE = ("Mkt-RF", "SMB", "HML", "RF")
BUREAU = {
    "raw_name": "Bureau of Industry and Security",
    "name": "Industry and Security Bureau",
    "id": 241,
    "parent_id": 54,
    "slug": "industry-and-security-bureau",
}
DEPARTMENT = {
    "raw_name": "DEPARTMENT OF COMMERCE",
    "name": "Commerce Department",
    "id": 54,
    "parent_id": None,
    "slug": "commerce-department",
}


def french_zip(columns: Sequence[str], days: Mapping[str, Sequence[str]]) -> bytes:
    """A file of French's library: prose, the daily table, yearly figures, the copyright."""
    lines = [
        "This file was created by CMPT_ME_BEME_OP_INV_RETS_DAILY using the 202609 CRSP database.",
        "The 1-month TBill return is from Ibbotson and Associates, Inc.",
        "Missing data are indicated by -99.99 or -999.",
        "",
        "," + ",".join(f"{name}   " for name in columns),
        *(f"{day}," + ",".join(f"   {value}" for value in row) for day, row in days.items()),
        "",
        " Annual Factors: January-December ",
        "," + ",".join(columns),
        "2026," + ",".join("12.00" for _ in columns),
        "",
        "Copyright 2026 Eugene F. Fama and Kenneth R. French",
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("F-F_Factors_daily.csv", "\r\n".join(lines))
    return packed.getvalue()


def gpr_daily(days: Sequence[Sequence[Cell]], columns: Sequence[str] | None = None) -> bytes:
    """``data_gpr_daily_recent.xls``; a day is DAY, N10D, GPRD, GPRD_ACT, GPRD_THREAT."""
    header = columns or ("DAY", "N10D", "GPRD", "GPRD_ACT", "GPRD_THREAT")
    return workbook([[*header, "event", "var_name"], *[[*day, None, "note"] for day in days]])


def gpr_monthly(months: Sequence[Sequence[Cell]]) -> bytes:
    """``data_gpr_export.xls``; a month is Excel's count of days and six figures."""
    header = ("month", "GPR", "GPRT", "GPRA", "GPRC_CHN", "GPRC_TWN", "GPRC_USA", "GPRH")
    return workbook([header, *[[*month, 1.0] for month in months]])


def published(number: str, **further: Any) -> dict[str, Any]:
    """One document as ``/api/v1/documents.json`` lists it with the fields we ask for."""
    return {
        "document_number": number,
        "title": "Revision to License Review Policy for Advanced Computing Commodities ",
        "type": "Rule",
        "agencies": [DEPARTMENT, BUREAU],
        "publication_date": "2026-01-15",
        "effective_on": "2026-01-15",
        **further,
    }


def inspected(number: str, **further: Any) -> dict[str, Any]:
    """One document as the lists of public inspection give it."""
    return {
        "document_number": number,
        "title": "Revision to License Review Policy for Advanced Computing Commodities",
        "type": "Rule",
        "agencies": [BUREAU],
        "editorial_note": None,
        "filed_at": "2026-01-13T16:15:00.000-05:00",
        "filing_type": "special",
        "publication_date": "2026-01-15",
        "html_url": f"https://www.federalregister.gov/public-inspection/{number}/revision",
        **further,
    }


def page(results: Sequence[dict[str, Any]], **further: Any) -> dict[str, Any]:
    return {"count": len(results), "results": list(results), **further}


def openrouter_model(name: str, **further: Any) -> dict[str, Any]:
    """One model as ``/api/v1/models`` lists it."""
    return {
        "id": name,
        "canonical_slug": name,
        "name": name,
        "created": 1777000000,
        "context_length": 163840,
        "pricing": {"prompt": "0.00000028", "completion": "0.00000042", "request": "0"},
        **further,
    }


def openrouter_endpoint(provider: str, **further: Any) -> dict[str, Any]:
    """One provider as ``/api/v1/models/{author}/{slug}/endpoints`` lists it."""
    return {
        "name": f"{provider} | model",
        "provider_name": provider,
        "tag": provider.lower(),
        "quantization": "fp8",
        "context_length": 131072,
        "pricing": {"prompt": "0.0000003", "completion": "0.0000012"},
        "status": 0,
        **further,
    }


def csv(text: str) -> Reply:
    return Reply(text.encode(), headers={"Content-Type": "application/csv"})


def serve(server: LocalServer) -> None:
    """Let a server answer as all of these sources do, with a few figures each."""
    days = {"20260929": ["0.57"] * 6, "20260930": ["-1.41"] * 6}
    server.on(f"{FRENCH}/F-F_Research_Data_5_Factors_2x3_daily", french_zip(FIVE, days))
    server.on(f"{FRENCH}/F-F_Research_Data_Factors_daily", french_zip(THREE, days))
    server.on(f"{FRENCH}/F-F_Momentum_Factor_daily", french_zip(("Mom",), days))
    recent = [[20260929, 400, 101.5, 99.0, 110.25], [20260930, 380, 120.5, 98.0, 130.75]]
    server.on("/gpr_files/data_gpr_daily_recent.xls", gpr_daily(recent))
    server.on("/gpr_files/data_gpr_export.xls", gpr_monthly([[46266, 150.5, 1, 2, 0.9, 0.2, 3]]))
    for series in ("USEPUINDXD", "VIXCLS"):
        text = f"observation_date,{series}\n2026-09-29,16.1\n2026-09-30,.\n"
        server.on(rf"^/graph/fredgraph\.csv\?id={series}", csv(text))
    server.on("/api/v1/documents.json", page([published("2026-00789")]))
    server.on("/api/v1/public-inspection-documents/2026-00789.json", inspected("2026-00789"))
    server.on("/api/v1/public-inspection-documents/current.json", page([]))
    server.on("/api/v1/models", {"data": [openrouter_model("deepseek/deepseek-v4")]})
    server.on(
        r"^/api/v1/models/.+/endpoints",
        {"data": {"id": "m", "endpoints": [openrouter_endpoint("DeepInfra")]}},
    )
