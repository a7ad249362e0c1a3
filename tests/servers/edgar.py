"""The SEC's ``companyfacts`` files, in their documented shape; the figures are made up."""

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
