"""Documents of the Bureau of Industry and Security in the Federal Register, without a key.

A rule can be read at the public inspection desk a business day or more before it is published,
and that is the market's day. Three questions find both days: the documents published in the
period, those on inspection now, and when the published ones had been filed for inspection. A
document that was first seen on inspection keeps its number when it is published, so it becomes
another observation of the same row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analysis.errors import SourceError
from analysis.loaders import fields
from analysis.loaders.base import PartialFetchError, Request, Unreadable
from analysis.loaders.batch import split_rows
from analysis.loaders.frames import table_frame

if TYPE_CHECKING:
    import polars as pl

    from analysis.loaders.http.client import Client

BUREAU = "industry-and-security-bureau"
_DOCUMENTS = "/api/v1/documents.json"
_INSPECTION = "/api/v1/public-inspection-documents"
# Works for a document on inspection and for the published one.
_LINK = "https://www.federalregister.gov/d/"
_FIELDS = ("document_number", "title", "type", "agencies", "publication_date", "effective_on")
_PER_PAGE = 500
# The service shows no more than 10,000 documents per question.
_MOST_PAGES = 40
_AT_ONCE = 40  # numbers in one question; a URL has to stay short
_REQUESTS_PER_SECOND = 2.0  # questions: no limit is published, aggressive readers are shut out
_EASTERN = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Document:
    """One document as far as it is known; None where the source says null."""

    document_number: str | None
    title: str | None
    agency: str | None
    kind: str | None
    publication_date: date | None
    public_inspection_date: date | None = None
    effective_on: date | None = None
    flag: str | None = None


_Documents = dict[str | None, Document]  # by number
_Notes = dict[str, str]  # name to what is said of it


class FederalRegister:
    """Documents of agencies; `Request.names` are their slugs, without names the bureau's.

    ``since`` and ``until`` bound the day of publication.
    """

    name = "federal_register"
    table = "policy_documents"

    def fetch(self, request: Request) -> pl.DataFrame:
        """Ask the three questions, see `analysis.loaders.base.Loader`."""
        from analysis.loaders.http.client import Client

        request = replace(request, names=request.names or (BUREAU,))
        failures: dict[str, str] = {}
        unreadable: list[Unreadable] = []
        news: dict[str, str] = {}
        with Client(self.name, archive=request.archive, per_second=_REQUESTS_PER_SECOND) as client:
            inspected = _inspected(client, request, failures, unreadable)
            published = _published(client, request, failures, unreadable)
            filed = _filed(client, published.keys() - inspected.keys(), failures, unreadable)
        found = {**inspected, **_joined(published, inspected, filed, news)}
        now = datetime.now(UTC)
        rows = [
            {**vars(one), "url": number and _LINK + number, "observed_at": now}
            for number, one in found.items()
        ]
        frame = table_frame(self.table, self.name, rows)
        if failures or unreadable or news:
            raise PartialFetchError(self.name, frame, failures, unreadable, news)
        return frame


def parse_documents(document: Any, agencies: tuple[str, ...]) -> list[Document | Unreadable]:
    """Read a page of published documents.

    Of several agencies of a document, the row names the one asked for (``agencies`` are slugs). A
    `SourceError` where the shape has changed.
    """
    where = "federal_register's documents"
    page = fields.require_object(document, where)
    # A question without a response has no results at all, not an empty list.
    if "results" not in page and page.get("count") == 0:
        return []

    def read(item: Mapping[str, Any]) -> Iterator[Document]:
        found = _document(item, agencies, where)
        here = f"{where}, {found.document_number}"
        yield replace(found, effective_on=fields.parse_day(item, "effective_on", here))

    return list(fields.read_records(fields.require_field(page, "results", where), where, read))


def parse_inspection(document: Any, agencies: tuple[str, ...]) -> list[Document | Unreadable]:
    """Read a list of documents on public inspection; as `parse_documents`.

    The list holds the documents of all agencies: those of others are left out. Its
    ``publication_date`` is the day for which publication is planned.
    """
    where = "federal_register's public inspection"
    page = fields.require_object(document, where)

    def read(item: Mapping[str, Any]) -> Iterator[Document]:
        if not set(agencies) & set(_slugs(item, where)):
            return
        found = _document(item, agencies, where)
        day = filed_on(item, f"{where}, {found.document_number}")
        yield replace(found, public_inspection_date=day, flag=_note(item))

    return list(fields.read_records(fields.require_field(page, "results", where), where, read))


def _document(item: Mapping[str, Any], agencies: tuple[str, ...], where: str) -> Document:
    """Read what both lists say of a document."""
    number = _text(item, "document_number", where)
    return Document(
        number,
        _text(item, "title", where),
        _agency(item, agencies, f"{where}, {number}"),
        _text(item, "type", where),
        fields.parse_day(item, "publication_date", f"{where}, {number}"),
    )


def filed_on(item: Mapping[str, Any], where: str) -> date | None:
    """Day in Washington on which a document was filed for inspection."""
    at = fields.parse_instant(item, "filed_at", where)
    return None if at is None else at.astimezone(_EASTERN).date()


def _inspected(
    client: Client, request: Request, failures: _Notes, unreadable: list[Unreadable]
) -> _Documents:
    """Documents on inspection now."""
    try:
        document = client.get(f"{_INSPECTION}/current.json").json()
        found, bad = split_rows(parse_inspection(document, request.names))
        if bad and len(bad) == len(document["results"]):
            raise SourceError(bad[0].reason)  # noqa: TRY301
    except SourceError as error:
        failures["public inspection"] = str(error)
        return {}
    unreadable += bad
    last = request.until or date.max
    return {
        item.document_number: item
        for item in found
        if (item.public_inspection_date or date.min) <= last
    }


def _published(
    client: Client, request: Request, failures: _Notes, unreadable: list[Unreadable]
) -> _Documents:
    """Documents published in the period; pages that repeat documents do no harm."""
    found: _Documents = {}
    bad: list[Unreadable] = []
    count = 0
    try:
        for page in _pages(client, request):
            documents, others = split_rows(parse_documents(page, request.names))
            bad += others
            for item in documents:
                found.setdefault(item.document_number, item)
            said = fields.parse_count({"count": page.get("count")}, "count", _DOCUMENTS)
            count = max(count, int(said or 0))
    except SourceError as error:
        failures["documents"] = str(error)
    else:
        if bad and not found:
            failures["documents"] = bad[0].reason
        elif len(found) + len(bad) < count:
            failures["documents"] = f"only {len(found)} of {count} came"
    unreadable += bad
    return found


def _pages(client: Client, request: Request) -> Iterator[Any]:
    """Pages as each names the next one, until one names none, or one that was already read."""
    query: dict[str, str | int | Sequence[str]] = {
        "conditions[agencies][]": request.names,
        "fields[]": _FIELDS,
        "order": "newest",
        "per_page": _PER_PAGE,
    }
    for bound, day in (("gte", request.since), ("lte", request.until)):
        if day is not None:
            query[f"conditions[publication_date][{bound}]"] = day.isoformat()
    page = client.get(_DOCUMENTS, query).json()
    yield page
    seen: set[str] = set()
    while (following := page.get("next_page_url")) and following not in seen:
        if len(seen) == _MOST_PAGES:
            raise SourceError(f"federal_register's documents do not end after {_MOST_PAGES} pages.")
        seen.add(following)
        page = client.get(str(following)).json()
        yield page


def _filed(
    client: Client, numbers: set[str | None], failures: _Notes, unreadable: list[Unreadable]
) -> dict[str, date | None]:
    """When published documents had been filed for inspection; nothing for what is not known."""
    from analysis.loaders.http.response import NotFoundError

    known = sorted(number for number in numbers if number)
    found: dict[str, date | None] = {}
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        try:
            document = client.get(f"{_INSPECTION}/{','.join(some)}.json").json()
            days, lost, bad = _days(document)
            # A record without a legible number may be of any that is not in the response.
            unsaid = some if len(bad) == len(lost) else ()
            found |= dict.fromkeys(number for number in unsaid if number not in lost) | days
            unreadable += bad
        except NotFoundError:
            found |= dict.fromkeys(some)  # none of them was ever on inspection
        except SourceError as error:
            failures["public inspection"] = str(error)
    return found


def _days(document: Any) -> tuple[dict[str, date | None], set[str], list[Unreadable]]:
    """Read the response about several numbers, or about one: then it is the document itself.

    Returns the days by number, the numbers whose own record cannot be read, and such records.
    """
    where = "federal_register's public inspection"
    page = fields.require_object(document, where)
    results = [page] if "document_number" in page else fields.require_field(page, "results", where)
    lost: set[str] = set()

    def read(item: Mapping[str, Any]) -> Iterator[tuple[str, date | None]]:
        number = fields.require_text(item, "document_number", where)
        lost.add(number)
        day = filed_on(item, f"{where}, {number}")
        lost.remove(number)
        yield number, day

    days, bad = split_rows(fields.read_records(results, where, read))
    return dict(days), lost, bad


def _joined(
    published: _Documents, inspected: _Documents, filed: Mapping[str, date | None], news: _Notes
) -> _Documents:
    """Give published documents their day of inspection.

    A document whose day could not be asked for is left out: without it the row would take back
    a day that an earlier observation knew.
    """
    joined: _Documents = {}
    for number, item in published.items():
        if number in inspected:
            there = inspected[number]
            day = there.public_inspection_date
            joined[number] = replace(item, public_inspection_date=day, flag=there.flag)
        elif number is None or number in filed:
            joined[number] = replace(item, public_inspection_date=filed.get(number or ""))
        else:
            news[number] = "left out, as its day of inspection is not known."
    return joined


def _text(item: Mapping[str, Any], name: str, where: str) -> str | None:
    """Text without the blanks in which many titles end; an empty one is none."""
    value = fields.require_field(item, name, where)
    return None if value is None else str(value).strip() or None


def _slugs(item: Mapping[str, Any], where: str) -> list[str]:
    agencies = fields.require_objects(fields.require_field(item, "agencies", where), where)
    return [str(agency.get("slug")) for agency in agencies]


def _agency(item: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> str | None:
    """Name of the agency asked for; published documents list its department before it."""
    agencies = fields.require_objects(fields.require_field(item, "agencies", where), where)
    chosen = [agency for agency in agencies if agency.get("slug") in wanted] or agencies[-1:]
    for agency in chosen:
        name = agency.get("name") or agency.get("raw_name")
        if name:
            return str(name)
    return None


def _note(item: Mapping[str, Any]) -> str | None:
    """What the editors say about a filing: that it was withdrawn, or corrected."""
    note = str(item.get("editorial_note") or "").strip()
    return f"editorial note: {note}" if note else None
