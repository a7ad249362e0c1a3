"""Shares outstanding by the covers of companies' reports to the SEC, table ``shares``.

One file per company, with the count of each cover and the day of its filing. A company with several
classes of shares states one count per class, which these files leave out: it is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.dates import utc_now
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.edgar.filers import FILERS, PER_SECOND, check_company, check_names
from analysis.loaders.frames import table_frame
from analysis.loaders.http.client import Client, RetryPolicy
from analysis.loaders.unit_errors import and_doubt, out_of_line

if TYPE_CHECKING:
    import polars as pl

SEVERAL_CLASSES = frozenset({"CRWV", "DELL", "GOOGL", "META", "PLTR"})

ADR_RATIOS = {"ARM": 1.0, "TSM": 5.0}
"""Ordinary shares per depositary receipt; covers count the ordinary ones."""

_TAG = "dei/EntityCommonStockSharesOutstanding"
_WHERE = "the SEC's file of shares"


@dataclass(frozen=True)
class EdgarShares:
    """Counts of shares on the covers of reports: `Request.names` are tickers."""

    policy: RetryPolicy | None = None  # by default as ``FAULTLINE_PATIENCE`` says
    per_second: float = PER_SECOND  # requests
    clock: Callable[[], datetime] = utc_now

    name = "edgar_shares"
    table = "shares"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the counts of `FILERS`, see `analysis.loaders.base.Loader`."""
        of_one_class = tuple(ticker for ticker in FILERS if ticker not in SEVERAL_CLASSES)
        names = check_names(request.names, of_one_class, "ticker")
        with Client(
            "edgar", archive=request.archive, per_second=self.per_second, policy=self.policy
        ) as client:

            def fetch_one(ticker: str) -> Iterator[dict[str, Any] | Unreadable]:
                cik, begins = FILERS[ticker]
                observed_at = self.clock()
                response = client.get(f"/api/xbrl/companyconcept/CIK{cik:010d}/{_TAG}.json")
                document = check_company(response.json(), "entityName", begins)
                for row in counts(document, observed_at):
                    if isinstance(row, Unreadable):
                        yield row
                    elif request.covers(row["as_of"]):
                        yield {**row, "ticker": ticker, "adr_ratio": ADR_RATIOS.get(ticker)}

            return fetch_each(
                self.name, names, fetch_one, partial(table_frame, self.table, self.name)
            )


class _Count(NamedTuple):
    """What one filing says of one day."""

    as_of: date
    filed: date
    filing: str  # form and accession number
    shares: int


def counts(
    document: Mapping[str, Any], observed_at: datetime
) -> Iterator[dict[str, Any] | Unreadable]:
    """Read the counts of a file.

    Yields
    ------
    dict or Unreadable
        Rows of the table ``shares`` without the ticker. Of a count that was corrected every vintage
        comes, the older ones observed a microsecond earlier each. Several counts in one filing are
        its classes: the largest is given and flagged, never their sum.
    """
    units = fields.require_object(fields.require_field(document, "units", _WHERE), _WHERE)
    found: list[_Count] = []
    entries = fields.require_field(units, "shares", _WHERE)
    for item in fields.read_records(entries, _WHERE, _count):
        if isinstance(item, Unreadable):
            yield item
        else:
            found.append(item)
    rows = [
        {**row, "as_of": day, "observed_at": observed_at - back * timedelta(microseconds=1)}
        for day, of_day in groupby(sorted(found), lambda one: one.as_of)
        for back, row in reversed([*enumerate(reversed(_vintages(of_day)))])
    ]
    for row, usual in zip(rows, out_of_line([row["shares"] for row in rows]), strict=True):
        if usual is not None:
            row["flag"] = and_doubt(row["flag"], f"the counts beside it are near {usual:,.0f}")
        yield row


def _vintages(of_day: Iterable[_Count]) -> list[dict[str, Any]]:
    """Counts of one day in order of filing; one that merely repeats the last adds nothing."""
    rows: list[dict[str, Any]] = []
    for (filed, filing), given in groupby(of_day, lambda one: (one.filed, one.filing)):
        classes = sorted({one.shares for one in given})
        if rows and rows[-1]["shares"] == classes[-1]:
            continue
        listed = ", ".join(f"{count:,}" for count in classes)
        rows.append(
            {
                "shares": classes[-1],
                "basis": "cover_page",
                "filed": filed,
                "assumed": False,
                "note": filing,
                "flag": f"one of several classes: {listed}" if len(classes) > 1 else None,
            }
        )
    return rows


def _count(entry: Mapping[str, Any]) -> Iterator[_Count]:
    shares = fields.parse_whole_count(entry, "val", _WHERE)
    if shares is not None:
        form, number = (fields.require_text(entry, name, _WHERE) for name in ("form", "accn"))
        as_of, filed = (fields.require_day(entry, name, _WHERE) for name in ("end", "filed"))
        yield _Count(as_of, filed, f"{form} {number}", shares)
