"""Days on which companies gave their results to the SEC, table ``earnings``.

Results are an 8-K with item 2.02. The list of a company's filings has the second at which each was
accepted, and the day of the event. Foreign companies publish in a 6-K, which names no items: they
are not asked for here.

The acceptance times end in ``Z``, but for about one company in four they are New York's clock
(github.com/theOGognf/finagg/issues/64): which one a company has follows from the hours in which the
SEC accepts filings. Where that leaves both, only what both agree on is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from analysis.dates import utc_now
from analysis.errors import SourceError
from analysis.loaders import fields
from analysis.loaders.base import Request, Unreadable
from analysis.loaders.batch import fetch_each
from analysis.loaders.edgar.filers import FILERS, PER_SECOND, check_company, check_names
from analysis.loaders.edgar.fiscal_quarters import fiscal_label, quarter_end
from analysis.loaders.frames import table_frame
from analysis.loaders.http.client import Client, RetryPolicy
from analysis.loaders.http.limits import PAGES

if TYPE_CHECKING:
    import polars as pl

FOREIGN = frozenset({"ASML", "TSM"})
"""Filers of 20-F and 6-K."""

_RELEASE, _RESULTS = "8-K", "2.02"  # Results of Operations and Financial Condition
_REPORTS = ("10-Q", "10-K", "10-QT", "10-KT")
_PAGE = re.compile(r"CIK\d{10}-submissions-\d{3}\.json")
_COLUMNS = ("accessionNumber", "filingDate", "reportDate", "acceptanceDateTime", "form", "items")
_WHERE = "the SEC's list of filings"

_NEW_YORK = ZoneInfo("America/New_York")
_ACCEPTS = (time(6), time(22))  # in New York
_OPEN, _CLOSE = time(9, 30), time(16)
_AGREEING = 0.95  # share of a company's telling filings that one clock must explain
# From a quarter's end to its results. Oracle takes ten days; Tesla counts cars on day two.
_EARLIEST = timedelta(days=9)
_LATEST = timedelta(days=6)  # an 8-K is due four business days after the event
_INTO_NEXT = timedelta(days=120)


@dataclass(frozen=True)
class EdgarEarnings:
    """Releases of results by the 8-Ks of domestic companies: `Request.names` are tickers."""

    policy: RetryPolicy | None = None  # by default as ``FAULTLINE_PATIENCE`` says
    per_second: float = PER_SECOND  # requests
    clock: Callable[[], datetime] = utc_now

    name = "edgar_earnings"
    table = "earnings"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask for the filings of `FILERS`, see `analysis.loaders.base.Loader`."""
        domestic = tuple(ticker for ticker in FILERS if ticker not in FOREIGN)
        names = check_names(request.names, domestic, "ticker")
        with Client(
            "edgar", archive=request.archive, per_second=self.per_second, policy=self.policy
        ) as client:
            return fetch_each(
                self.name,
                names,
                lambda ticker: self._fetch_company(client, ticker, request),
                partial(table_frame, self.table, self.name),
            )

    def _fetch_company(
        self, client: Client, ticker: str, request: Request
    ) -> list[dict[str, Any] | Unreadable]:
        cik, begins = FILERS[ticker]
        observed_at = self.clock()
        document = client.get(f"/submissions/CIK{cik:010d}.json").json()
        company = check_company(document, "name", begins)
        year_end = _year_end(company)
        filings = fields.require_object(fields.require_field(company, "filings", _WHERE), _WHERE)
        pages = [fields.require_field(filings, "recent", _WHERE)]
        pages += [
            client.get(f"/submissions/{name}").json()
            for name in _older_pages(filings, request.since)
        ]
        found = releases([record for page in pages for record in _records(page)], year_end)
        return [
            row
            if isinstance(row, Unreadable)
            else {**row, "ticker": ticker, "observed_at": observed_at}
            for row in found
            if isinstance(row, Unreadable) or request.covers(row["date"])
        ]


def _year_end(company: Mapping[str, Any]) -> date:
    """Last day of a fiscal year, of which the list gives month and day."""
    text = fields.require_text(company, "fiscalYearEnd", _WHERE)
    try:
        return date(2000, int(text[:2]), min(int(text[2:]), 28))
    except ValueError:
        shown = fields.describe_value(text)
        raise SourceError(f"{_WHERE}: the fiscal year ends on {shown}, which is no day") from None


def _older_pages(filings: Mapping[str, Any], since: date | None) -> Iterator[str]:
    """Names of the pages that hold filings of the days asked for."""
    listed = fields.require_objects(fields.require_field(filings, "files", _WHERE), _WHERE)
    for page in listed[:PAGES]:
        name = fields.require_text(page, "name", _WHERE)
        if not _PAGE.fullmatch(name):
            raise SourceError(f"{_WHERE} names the page {name[:60]!r}: its format has changed")
        if since is None or fields.require_day(page, "filingTo", _WHERE) >= since:
            yield name


def _records(page: Any) -> list[dict[str, Any]]:
    """Filings of a page, which holds a list per column."""
    held = fields.require_object(page, _WHERE)
    columns = [
        fields.require_list(fields.require_field(held, key, _WHERE), _WHERE) for key in _COLUMNS
    ]
    if len({len(column) for column in columns}) > 1:
        raise SourceError(f"{_WHERE} has columns of different lengths: its format has changed")
    return [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class _Filing:
    """A release of results (8-K), or a periodic report."""

    form: str
    number: str
    accepted: datetime  # without a time zone: it follows from the company's other filings
    filed: date
    reported: date  # day of the event, or last day of the period


def releases(
    records: Sequence[Mapping[str, Any]], year_end: date
) -> Iterator[dict[str, Any] | Unreadable]:
    """Find the releases of results among a company's filings.

    The results of a quarter are the last release before its 10-Q or 10-K, and at least nine days
    after its end. Any other is taken for preliminary figures and flagged: what an 8-K says is not
    in the list.

    Parameters
    ----------
    records : sequence of mapping
        All filings, in any order.
    year_end : datetime.date
        About the last day of a fiscal year.

    Yields
    ------
    dict or Unreadable
        Rows of the table ``earnings`` without ticker and time of observation: the first of each
        quarter and kind.
    """
    filings: list[_Filing] = []
    for item in fields.read_records([one for one in records if _is_wanted(one)], _WHERE, _filing):
        if isinstance(item, Unreadable):
            yield item
        else:
            filings.append(item)
    reports: dict[date, date] = {}
    for one in filings:
        if one.form in _REPORTS:
            reports[one.reported] = min(one.filed, reports.get(one.reported, one.filed))
    zones = clocks(_acceptance_times(records))
    by_day: dict[date, _Release] = {}  # the first of each
    for one in sorted(filings, key=lambda filing: filing.accepted):
        if one.form == _RELEASE:
            release = _placed(one, zones)
            by_day.setdefault(release.date, release)
    found = [by_day[day] for day in sorted(by_day)]
    ends = sorted(reports) or [year_end]
    given: dict[tuple[str, str], dict[str, Any]] = {}
    for end, kind, release in _kinds(found, ends, reports):
        period = fiscal_label(end, year_end)
        given.setdefault((period, kind), _row(release, period, kind))
    yield from given.values()


def clocks(accepted: Iterable[datetime]) -> tuple[tzinfo, ...]:
    """Clocks by which a company's acceptance times can be meant: UTC, New York's, or either.

    Parameters
    ----------
    accepted : iterable of datetime
        As the list gives them, without a time zone.
    """
    both = (UTC, _NEW_YORK)
    telling: Counter[tzinfo] = Counter()
    for moment in accepted:
        possible = [zone for zone in both if _is_accepting(moment, zone)]
        telling.update(possible if len(possible) == 1 else ())
    most = _AGREEING * max(telling.total(), 1)
    return tuple(zone for zone in both if telling[zone] >= most) or both


class _Release(NamedTuple):
    """When results came out, as far as it is known."""

    date: date
    number: str
    timing: str
    note: str
    flag: str | None


def _placed(filing: _Filing, zones: Sequence[tzinfo]) -> _Release:
    local = [
        filing.accepted.replace(tzinfo=zone).astimezone(_NEW_YORK)
        for zone in zones
        if len(zones) == 1 or _is_accepting(filing.accepted, zone)
    ] or [filing.accepted.replace(tzinfo=UTC).astimezone(_NEW_YORK)]
    day = local[0].date()
    timings = {_timing(moment) for moment in local}
    clock = " or ".join(f"{moment:%H:%M:%S}" for moment in local)
    note = f"8-K {filing.number}, accepted {day} {clock} New York time"
    if timedelta() < day - filing.reported <= _LATEST:
        late = f"filed on {day}, after the release, whose hour is not known"
        return _Release(filing.reported, filing.number, "date_only", note, late)
    if len(timings) > 1:
        unknown = "whether the SEC's clock is New York's or UTC is not known"
        return _Release(day, filing.number, "date_only", note, unknown)
    return _Release(day, filing.number, timings.pop(), note, None)


def _kinds(
    found: Iterable[_Release], ends: Sequence[date], reports: Mapping[date, date]
) -> Iterator[tuple[date, str, _Release]]:
    """End of the quarter and kind of each release."""
    for end, of_quarter in groupby(found, lambda release: quarter_end(release.date, ends)):
        reported = reports.get(end, date.max)
        given = list(of_quarter)
        before = [one for one in given if one.date <= reported]
        after = given[len(before) :]
        if before and before[-1].date - end >= _EARLIEST:
            yield end, "results", before.pop()
        for release in before:
            yield end, "preannouncement", release
        for release in after:
            yield quarter_end(end + _INTO_NEXT, ends), "preannouncement", release


def _row(release: _Release, period: str, kind: str) -> dict[str, Any]:
    doubts = [release.flag, None if kind == "results" else "the kind is inferred"]
    return {
        "fiscal_period": period,
        "kind": kind,
        "date": release.date,
        "timing": release.timing,
        "timezone": _NEW_YORK.key,
        "note": release.note,
        "flag": "; ".join(filter(None, doubts)) or None,
    }


def _timing(local: datetime) -> str:
    """Part of the day; the table has no word for the session, whose own day reacts."""
    if local.time() < _OPEN:
        return "before_us_open"
    return "after_us_close" if local.time() >= _CLOSE else "date_only"


def _is_accepting(moment: datetime, zone: tzinfo) -> bool:
    """Whether the SEC accepts filings then, if the moment is meant by a clock."""
    local = moment.replace(tzinfo=zone).astimezone(_NEW_YORK)
    return _ACCEPTS[0] <= local.time() < _ACCEPTS[1]


def _acceptance_times(records: Iterable[Mapping[str, Any]]) -> Iterator[datetime]:
    for record in records:
        with suppress(SourceError):
            moment = fields.parse_instant(record, "acceptanceDateTime", _WHERE)
            if moment is not None:
                yield moment.replace(tzinfo=None)


def _is_wanted(record: Mapping[str, Any]) -> bool:
    """Whether a filing is a periodic report or a first 8-K on results; amendments are neither."""
    items = str(record["items"] or "").split(",")
    return record["form"] in _REPORTS or (record["form"] == _RELEASE and _RESULTS in items)


def _filing(record: Mapping[str, Any]) -> Iterator[_Filing]:
    accepted = fields.parse_instant(record, "acceptanceDateTime", _WHERE)
    if accepted is None:
        raise SourceError(f"{_WHERE}: the field 'acceptanceDateTime' is null")
    yield _Filing(
        record["form"],
        fields.require_text(record, "accessionNumber", _WHERE),
        accepted.replace(tzinfo=None),
        fields.require_day(record, "filingDate", _WHERE),
        fields.require_day(record, "reportDate", _WHERE),
    )
