"""Where a briefing's numbers come from, in words; the manifest says the same to machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analysis.reports import wording
from analysis.studies.models import model_spec

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reports.study_report import StudyReport

_COLLECTION = re.compile(r"[\w.-]+/[\w.-]+")  # owner/name, among days and remarks


def provenance(report: StudyReport) -> pd.DataFrame:
    """List tables, parameters, conventions and version.

    Returns
    -------
    pandas.DataFrame
        Columns ``fact`` and ``value``, in reading order.
    """
    import pandas as pd

    import analysis

    spec = model_spec(report.model)
    rows = [
        ("Read as of", report.as_of_words),
        ("Prices", _price_sources(report)),
    ]
    for name in _tables_used(report):
        version = report.versions[name]
        rows.append(
            (
                f"Table {name}",
                f"{version['rows']:,} rows, observed to {str(version['observed_to'])[:10]}, "
                f"content {str(version['sha256'])[:12]}",
            )
        )
    rows.extend(
        [
            ("Model", spec.description),
            ("Benchmark", _benchmark(report)),
            ("Estimation window", _sessions(report.estimation)),
            ("Event window", _sessions(report.window)),
            (
                "Standard errors",
                f"full forecast covariance; residual variance {spec.residual_variance}",
            ),
            ("Dependence", "residual correlation weighted by shared event days"),
            ("Software", f"faultline {analysis.__version__}"),
        ]
    )
    return pd.DataFrame(rows, columns=["fact", "value"])


def _benchmark(report: StudyReport) -> str:
    reads = model_spec(report.model).reads
    if reads == "nothing":
        return "none"
    if reads == "factors":
        return "US factors (Ken French data library)"
    if reads == "peers":
        return "equal-weight mean of other securities that trade at the same hours"
    return report.benchmark or "each security's home index"


def _tables_used(report: StudyReport) -> list[str]:
    return ["prices", "factors"] if model_spec(report.model).reads == "factors" else ["prices"]


def _price_sources(report: StudyReport) -> str:
    """Vendors of the study's prices, and the public collections they came through, each once."""
    vendors, collections = set(), set()
    for source in report.price_sources:
        vendor, _, way = source.partition(", by way of ")
        vendors.add(vendor)
        collections.update(_COLLECTION.findall(way))
    named = "; ".join(sorted(vendors))
    return named + (f", by way of {wording.listing(sorted(collections))}" if collections else "")


def _sessions(window: tuple[int, int]) -> str:
    first, last = (wording.number(end, 0, sign=True) for end in window)
    return f"sessions {first} to {last} relative to day 0, both included"
