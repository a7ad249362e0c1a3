"""Revenue and capital expenditure of companies that file with the SEC, table ``revenues``.

One ``companyfacts`` file per company, with every figure ever filed and the day of filing.
Quarters and fiscal years come out, fourth quarters and most quarters of capital expenditure as
differences (`analysis.loaders.edgar.periods`). Segments are not in these files: they stay with
the curated rows of the store, which are keyed by their own segment names and never touched.

``observed_at`` is the time of asking, also for figures filed years ago: that is when we learned
them. ``filed`` says when the public did. Of a restated figure every vintage comes, the older ones
a microsecond earlier each: the last one filed is the last one observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from analysis.dates import utc_now
from analysis.errors import SourceError
from analysis.loaders.base import PartialFetchError, Request
from analysis.loaders.batch import fetch_each
from analysis.loaders.edgar.facts import series_of
from analysis.loaders.edgar.filers import FILERS, PER_SECOND, check_names
from analysis.loaders.edgar.periods import Period, periods
from analysis.loaders.frames import table_frame
from analysis.loaders.http.client import Client, RetryPolicy
from analysis.loaders.http.response import NotFoundError
from analysis.loaders.wording import describe_error

if TYPE_CHECKING:
    import polars as pl

COMPANIES: Mapping[str, tuple[int, str]] = {
    "AMD": FILERS["AMD"],
    "ASML": FILERS["ASML"],
    "Alphabet": FILERS["GOOGL"],
    "Amazon": FILERS["AMZN"],
    "Apple": FILERS["AAPL"],
    "Arm": FILERS["ARM"],
    "Broadcom": FILERS["AVGO"],
    "Dell": FILERS["DELL"],
    "Intel": FILERS["INTC"],
    "Marvell": FILERS["MRVL"],
    "Meta": FILERS["META"],
    "Micron": FILERS["MU"],
    "Microsoft": FILERS["MSFT"],
    "Nvidia": FILERS["NVDA"],
    "Oracle": FILERS["ORCL"],
    "Qualcomm": FILERS["QCOM"],
    "Super Micro": FILERS["SMCI"],
    "TSMC": FILERS["TSM"],
}
"""Companies as the other tables name them."""

YEARS_ONLY = frozenset({"TSMC"})
"""Companies whose quarters `analysis.loaders.yahoo.statements` writes. The SEC has their years
alone; a quarter that was tagged some day would be one key with two sources, which revise each
other for ever."""

TAGS: Mapping[str, tuple[str, ...]] = {
    # The total goes before its largest part: Alphabet files both.
    "revenue": (
        "us-gaap:Revenues",
        "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax",
        "us-gaap:RevenueFromContractWithCustomerIncludingAssessedTax",
        "us-gaap:SalesRevenueNet",
        "us-gaap:SalesRevenueGoodsNet",
        "ifrs-full:Revenue",
        "ifrs-full:RevenueFromContractsWithCustomers",
    ),
    "capex": (
        "us-gaap:PaymentsToAcquirePropertyPlantAndEquipment",
        "us-gaap:PaymentsToAcquireProductiveAssets",
        "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities",
    ),
}
"""Tags of each metric, in the order in which they are believed."""

# One metric that ends so much earlier than the other has been given a tag that we do not know.
_LAGGING = timedelta(days=200)


@dataclass(frozen=True)
class Edgar:
    """Totals by fiscal quarter and year from the SEC, table ``revenues``."""

    policy: RetryPolicy | None = None  # by default as ``FAULTLINE_PATIENCE`` says
    per_second: float = PER_SECOND  # requests
    clock: Callable[[], datetime] = utc_now

    name = "edgar"
    table = "revenues"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the files of `COMPANIES`, see `analysis.loaders.base.Loader`.

        Without ``FAULTLINE_CONTACT`` nothing is asked: the SEC wants one. A company of which
        some facts cannot be read is named as failed, and its other rows come.
        """
        names = check_names(request.names, tuple(COMPANIES), "company")
        told: dict[str, str] = {}
        with Client(
            "edgar", archive=request.archive, per_second=self.per_second, policy=self.policy
        ) as client:
            try:
                frame = fetch_each(
                    self.name,
                    names,
                    lambda company: self._fetch_company(client, company, request, told),
                    partial(table_frame, self.table, self.name),
                )
            except PartialFetchError as found:
                failures = {
                    name: told.get(name) or found.failures[name]
                    for name in names
                    if name in told or name in found.failures
                }
                if found.failures.keys() >= set(names):
                    raise SourceError(_first(failures)) from None
                raise PartialFetchError(
                    self.name, found.frame, failures, found.unreadable, found.news
                ) from None
        if told:
            raise PartialFetchError(self.name, frame, told)
        return frame

    def _fetch_company(
        self, client: Client, company: str, request: Request, told: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Ask for one company; what is wrong with its file is told and fails no other."""
        cik, begins = COMPANIES[company]
        requested_at = self.clock()
        try:
            document = client.get(f"/api/xbrl/companyfacts/CIK{cik:010d}.json").json()
        except NotFoundError:
            raise NotFoundError(f"the SEC has no facts under CIK {cik}") from None
        try:
            found, complaints = read_company(document, begins)
        except Exception as error:  # a shape that nobody foresaw
            told[company] = describe_error(error)
            return []
        if complaints:
            told[company] = "; ".join(complaints)
        return [
            _row(company, metric, period, learned_at)
            for metric, figures in found.items()
            for period, learned_at in _stagger_vintages(figures, requested_at)
            if request.covers(period.span[1])
            and not (company in YEARS_ONLY and period.frequency == "Q")
        ]


def _stagger_vintages(
    figures: Iterable[Period], requested_at: datetime
) -> Iterator[tuple[Period, datetime]]:
    """Give each vintage of a figure an instant of its own, the last one that of asking."""
    for _, of_one in groupby(figures, lambda period: (period.span[1], period.frequency)):
        for back, period in enumerate(reversed(list(of_one))):
            yield period, requested_at - timedelta(microseconds=back)


def read_company(document: Any, begins: str) -> tuple[dict[str, list[Period]], list[str]]:
    """Read the figures of one company from its file, in which its name (in capitals) begins so.

    Returns
    -------
    figures : dict of str to list of Period
        By metric, as `analysis.loaders.edgar.periods.periods` gives them.
    complaints : list of str
        What is wrong with the file, in words; the figures can be used all the same.
    """
    if not isinstance(document, Mapping):
        raise SourceError("the SEC sent something other than a file of facts")
    named = str(document.get("entityName") or "")
    if not named.upper().startswith(begins):
        raise SourceError(f"the SEC's file is that of {named or 'nobody'!r}, not of {begins}")
    found: dict[str, list[Period]] = {}
    complaints: list[str] = []
    for metric, tags in TAGS.items():
        series, broken = series_of(document, tags, outflow=metric == "capex")
        complaints += broken
        found[metric] = periods(series, totals=metric == "revenue")
        if not found[metric]:
            complaints.append(f"no {metric} under any tag that is known: {', '.join(tags)}")
    ends = {metric: figures[-1].span[1] for metric, figures in found.items() if figures}
    for metric, end in ends.items():
        if max(ends.values()) - end > _LAGGING:
            complaints.append(f"{metric} ends on {end}: the company may file it under another tag")
    return found, complaints


def _row(company: str, metric: str, period: Period, learned_at: datetime) -> dict[str, Any]:
    return {
        **vars(period),
        "company": company,
        "period_end": period.span[1],
        "segment": "total",
        "metric": metric,
        "assumed": False,
        "observed_at": learned_at,
    }


def _first(failures: Mapping[str, str]) -> str:
    company, why = next(iter(failures.items()))
    others = f" The other {len(failures) - 1} failed too." if len(failures) > 1 else ""
    return f"{company}: {why.rstrip('.')}.{others}"
