"""Where a briefing's numbers come from, in words; the manifest says the same to machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analysis.normal_returns import MODELS, MOVING_VARIANCE, READS_PEERS, READS_US_FACTORS
from analysis.reports import wording

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reports.study_report import Measurement

_COLLECTION = re.compile(r"[\w.-]+/[\w.-]+")  # owner/name, among days and remarks


def provenance(measured: Measurement) -> pd.DataFrame:
    """List tables, parameters, conventions and version.

    Returns
    -------
    pandas.DataFrame
        Columns ``fact`` and ``value``, in reading order.
    """
    import pandas as pd

    import analysis

    desk = measured.desk
    rows = [
        ("Read as of", measured.as_of_words),
        ("Prices", _price_sources(measured)),
    ]
    for name in _tables_used(measured):
        version = desk.versions()[name]
        rows.append(
            (
                f"Table {name}",
                f"{version['rows']:,} rows, observed to {str(version['observed_to'])[:10]}, "
                f"content {str(version['sha256'])[:12]}",
            )
        )
    rows.extend(
        [
            ("Model", MODELS[measured.model]),
            ("Benchmark", _benchmark(measured)),
            ("Estimation window", _sessions(measured.estimation)),
            ("Event window", _sessions(measured.window)),
            (
                "Standard errors",
                f"full forecast covariance; residual variance {_variance(measured)}",
            ),
            ("Dependence", "residual correlation weighted by shared event days"),
            ("Software", f"faultline {analysis.__version__}"),
        ]
    )
    return pd.DataFrame(rows, columns=["fact", "value"])


def _benchmark(measured: Measurement) -> str:
    if measured.model == "mean_adjusted":
        return "none"
    if measured.model in READS_US_FACTORS:
        return "US factors (Ken French data library)"
    if measured.model in READS_PEERS:
        return "equal-weight mean of other securities that trade at the same hours"
    return measured.benchmark or "each security's home index"


def _variance(measured: Measurement) -> str:
    if measured.model in MOVING_VARIANCE:
        return "forecast from the last estimation session"
    return "RSS/(T \u2212 k)"


def _tables_used(measured: Measurement) -> list[str]:
    return ["prices", "factors"] if measured.model in READS_US_FACTORS else ["prices"]


def _price_sources(measured: Measurement) -> str:
    """Vendors of the study's prices, and the public collections they came through, each once."""
    import polars as pl

    prices = measured.desk.table("prices")
    own = prices.filter(pl.col("ticker").is_in(list(measured.tickers)))["source"].unique()
    vendors, collections = set(), set()
    for source in own:
        vendor, _, way = str(source).partition(", by way of ")
        vendors.add(vendor)
        collections.update(_COLLECTION.findall(way))
    named = "; ".join(sorted(vendors))
    return named + (f", by way of {wording.listing(sorted(collections))}" if collections else "")


def _sessions(window: tuple[int, int]) -> str:
    first, last = (wording.number(end, 0, sign=True) for end in window)
    return f"sessions {first} to {last} relative to day 0, both included"
