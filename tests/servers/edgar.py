"""The SEC's files in their documented shape; the figures are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

REVENUES = "us-gaap:Revenues"
CONTRACTS = "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax"
CAPEX = "us-gaap:PaymentsToAcquirePropertyPlantAndEquipment"
ASSETS = "us-gaap:PaymentsToAcquireProductiveAssets"

Given = tuple[str, str, float, str]  # first day, last day, millions, day of filing


def fact(start: str, end: str, millions: float, filed: str, form: str = "10-Q") -> dict[str, Any]:
    """One entry of ``units``; the accession number follows from the day of filing."""
    return {
        "start": start,
        "end": end,
        "val": round(millions * 1e6),
        "accn": f"0000000000-{filed[2:4]}-{filed[5:7]}{filed[8:]}00",
        "fy": int(filed[:4]),
        "fp": "Q1",
        "form": form,
        "filed": filed,
    }


def companyfacts(
    tags: Mapping[str, Sequence[Given | dict[str, Any]]],
    *,
    name: str = "NVIDIA CORP",
    cik: int = 1045810,
    unit: str = "USD",
) -> dict[str, Any]:
    """A whole file: per tag its facts."""
    facts: dict[str, Any] = {}
    for tag, entries in tags.items():
        taxonomy, _, short = tag.partition(":")
        told = [entry if isinstance(entry, dict) else fact(*entry) for entry in entries]
        facts.setdefault(taxonomy, {})[short] = {
            "label": short,
            "description": "",
            "units": {unit: told},
        }
    return {"cik": cik, "entityName": name, "facts": facts}


# A year of thirteen-week quarters that ends on the last Sunday of January, as Nvidia's: revenue
# by quarter, capital expenditure from the year's beginning on; the fourth only within the year.
YEAR = (
    ("2022-01-31", "2022-05-01", 8288.0, "2022-05-27"),
    ("2022-05-02", "2022-07-31", 6704.0, "2022-08-31"),
    ("2022-08-01", "2022-10-30", 5931.0, "2022-11-18"),
    ("2022-01-31", "2022-10-30", 20923.0, "2022-11-18"),
    ("2022-01-31", "2023-01-29", 26974.0, "2023-02-24"),
)
SPENT = (
    ("2022-01-31", "2022-05-01", 361.0, "2022-05-27"),
    ("2022-01-31", "2022-07-31", 794.0, "2022-08-31"),
    ("2022-01-31", "2022-10-30", 1324.0, "2022-11-18"),
    ("2022-01-31", "2023-01-29", 1833.0, "2023-02-24"),
)
MAY = date(2022, 5, 1)
# The first quarter of `YEAR` as it was restated a year, and again two years later.
RESTATED = ("2022-01-31", "2022-05-01", 8200.0, "2023-05-26")
AGAIN = ("2022-01-31", "2022-05-01", 8100.0, "2024-05-29")


def nvidia() -> dict[str, Any]:
    """A file that holds one fiscal year of both metrics."""
    return companyfacts({REVENUES: YEAR, ASSETS: SPENT})


# Filings ----------------------------------------------------------------------------------------

Filing = tuple[str, str, str, str, str]  # form, items, event or period, acceptance, day of filing


def filing(form: str, reported: str, accepted: str, items: str = "") -> Filing:
    """One filing; it is filed on the day of its acceptance."""
    return form, items, reported, accepted, accepted[:10]


def page(filings: Sequence[Filing]) -> dict[str, Any]:
    """Columns of filings, as in ``filings.recent`` and in the older pages."""
    return {
        "accessionNumber": [f"0001045810-{one[3][2:4]}-{at:06}" for at, one in enumerate(filings)],
        "form": [one[0] for one in filings],
        "items": [one[1] for one in filings],
        "reportDate": [one[2] for one in filings],
        "acceptanceDateTime": [one[3] for one in filings],
        "filingDate": [one[4] for one in filings],
        "primaryDocument": ["x.htm"] * len(filings),
    }


def submissions(
    filings: Sequence[Filing],
    *,
    name: str = "NVIDIA CORP",
    year_end: str = "0125",
    older: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """``/submissions/CIK##########.json``, with names and last days of older pages."""
    files = [
        {"name": page, "filingCount": 1, "filingFrom": "2000-01-01", "filingTo": last}
        for page, last in older
    ]
    return {
        "cik": "1045810",
        "name": name,
        "fiscalYearEnd": year_end,
        "filings": {"recent": page(filings), "files": files},
    }


# Two quarters of Nvidia: released after the close, with the reports on the same evenings; a Form 4
# in the evening tells that the clock is UTC.
FILINGS = (
    filing("8-K", "2025-05-28", "2025-05-28T20:21:35.000Z", "2.02,9.01"),
    filing("10-Q", "2025-04-27", "2025-05-28T20:36:25.000Z"),
    filing("8-K", "2025-02-26", "2025-02-26T21:21:15.000Z", "2.02,9.01"),
    filing("10-K", "2025-01-26", "2025-02-26T21:48:33.000Z"),
    filing("4", "2025-03-21", "2025-03-24T22:30:00.000Z"),
)


# Counts of shares -------------------------------------------------------------------------------


def count(
    as_of: str, shares: Any, filed: str, form: str = "10-Q", number: str = ""
) -> dict[str, Any]:
    """One entry of ``units.shares``."""
    accn = number or f"0000000000-{filed[2:4]}-{filed[5:7]}{filed[8:]}00"
    return {"end": as_of, "val": shares, "accn": accn, "form": form, "filed": filed}


def companyconcept(
    counts: Sequence[dict[str, Any]], *, name: str = "NVIDIA CORP"
) -> dict[str, Any]:
    """``/api/xbrl/companyconcept/CIK##########/dei/EntityCommonStockSharesOutstanding.json``."""
    return {
        "cik": 1045810,
        "taxonomy": "dei",
        "tag": "EntityCommonStockSharesOutstanding",
        "entityName": name,
        "units": {"shares": list(counts)},
    }


COUNTS = (
    count("2024-05-24", 2_460_000_000, "2024-05-29"),
    count("2024-08-23", 24_530_000_000, "2024-08-28"),
    count("2024-11-15", 24_490_000_000, "2024-11-20"),
)
