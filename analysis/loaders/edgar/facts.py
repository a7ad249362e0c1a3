"""Facts of one company as the SEC's ``companyfacts`` files give them.

Pure. A fact is a value for a span of days, as one filing gave it; later filings repeat it, or
give another value. `Series` puts the values of one tag in order of filing. Only periodic reports
restate a value: a proxy statement or a prospectus that repeats it in other units does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import isfinite
from statistics import median
from typing import Any

from analysis.errors import SourceError
from analysis.loaders.fields import require_list, require_object
from analysis.loaders.unit_errors import and_doubt, is_scale_error, nearer

Span = tuple[date, date]
_Filed = dict[date, list[tuple[float, str]]]  # day of filing to values and filings

PERIODIC = ("10-K", "10-Q", "10-KT", "10-QT", "20-F", "40-F", "6-K")
"""Forms of periodic reports; an amendment has ``/A`` behind the form."""

# Days in a period, both ends included: thirteen or fourteen weeks, or three calendar months;
# 52 or 53 weeks make a year. What lies between is a year that was cut short, and not used.
LENGTHS = {"Q": (80, 101), "H": (170, 195), "9M": (260, 290), "FY": (350, 380)}

# Filers do not always agree with themselves on the day on which a period begins and ends.
LOOSE = timedelta(days=3)

# Facts of one tag in one currency; sixty years of filings by the largest companies give some 400.
_MOST_FACTS = 5_000


@dataclass(frozen=True)
class Vintage:
    """A value from the first filing on that gave it."""

    value: float
    filed: date
    filing: str  # form and accession number
    remark: str = ""  # what was done to the value, such as a changed sign
    doubt: str | None = None  # what speaks against it


@dataclass
class Series:
    """Everything filed under one tag in one currency."""

    tag: str  # with its taxonomy: ``"us-gaap:Revenues"``
    currency: str
    # first and last day to the values filed for them, oldest first; a value that is merely repeated
    # adds nothing. Days that differ by less than `LOOSE` are one span.
    spans: dict[Span, list[Vintage]] = field(default_factory=dict)

    def of_length(self, frequency: str) -> dict[Span, list[Vintage]]:
        """Spans that are about as long as a quarter, half, nine months or year."""
        return {span: held for span, held in self.spans.items() if length(span) == frequency}


def length(span: Span) -> str | None:
    """Name the frequency of a span: ``"Q"``, ``"H"``, ``"9M"``, ``"FY"``; None for any other."""
    days = (span[1] - span[0]).days + 1
    return next((name for name, (low, high) in LENGTHS.items() if low <= days <= high), None)


def series_of(
    document: Mapping[str, Any], tags: Iterable[str], *, outflow: bool = False
) -> tuple[list[Series], list[str]]:
    """Read the facts of some tags (with their taxonomies, in the order in which they are believed).

    Payments (``outflow``) are positive whatever sign the filer gave them. Returns the series in the
    order of the tags, and what could not be read, in words; a `SourceError` where there are no
    facts at all, or they have changed their shape.
    """
    facts = document.get("facts")
    if not isinstance(facts, Mapping) or not facts:
        raise SourceError("the file of the SEC holds no facts: its shape has changed")
    where = "the file of the SEC"
    found: list[Series] = []
    complaints: list[str] = []
    for tag in tags:
        taxonomy, _, name = tag.partition(":")
        held: Any = facts
        for key in (taxonomy, name, "units"):
            held = require_object(held.get(key) or {}, f"{where} under {tag}")
        for currency, entries in held.items():
            if len(currency) != 3 or not currency.isupper():
                continue  # shares, or money per share
            if len(require_list(entries, f"{where} under {tag}")) > _MOST_FACTS:
                raise SourceError(
                    f"{where} holds {len(entries):,} facts of {tag} in {currency}, more than "
                    f"{_MOST_FACTS:,}: its shape has changed"
                )
            series, broken = _series(tag, currency, entries, outflow=outflow)
            if broken:
                complaints.append(
                    f"{len(broken)} of {len(entries)} facts of {tag} cannot be read ({broken[0]})"
                )
            if series.spans:
                found.append(series)
    return found, complaints


def _series(
    tag: str, currency: str, entries: Iterable[Any], *, outflow: bool
) -> tuple[Series, list[str]]:
    filed: dict[Span, _Filed] = {}
    broken = []
    for entry in entries:
        try:
            fact = _fact(entry)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            broken.append(f"{type(error).__name__}: {error}")
            continue
        if fact is not None:
            span, day, value, filing = fact
            filed.setdefault(span, {}).setdefault(day, []).append((value, filing))
    merged = dict(sorted(_merged(filed).items()))
    sizes = {
        span: median(abs(value) for given in days.values() for value, _ in given)
        for span, days in merged.items()
    }
    usual = _usual(sizes)
    spans = {span: _vintages(days, usual[span], outflow=outflow) for span, days in merged.items()}
    return Series(tag, currency, spans), broken


def _usual(sizes: Mapping[Span, float]) -> dict[Span, float | None]:
    """Give per span the median magnitude of the others of its length; None without any."""
    by_length: dict[str | None, list[float]] = {}
    for span, size in sizes.items():
        in_order = by_length.setdefault(length(span), [])
        if size:
            in_order.append(size)
    for in_order in by_length.values():
        in_order.sort()
    return {span: _median_of_others(by_length[length(span)], sizes[span]) for span in sizes}


def _median_of_others(in_order: Sequence[float], size: float) -> float | None:
    """Median of sorted figures without one of them; a zero is not among them."""
    own = bisect_left(in_order, size) if size else len(in_order)
    count = len(in_order) - bool(size)
    if not count:
        return None
    # Enough of the middle that the median is theirs, whichever one is left out.
    middle = [at + (at >= own) for at in {(count - 1) // 2, count // 2}]
    return median(in_order[at] for at in middle)


def _merged(filed: Mapping[Span, _Filed]) -> dict[Span, _Filed]:
    """One span for each period, that of its first filing, however later ones dated it."""
    merged: dict[Span, _Filed] = {}
    known = Periods()
    for span, days in sorted(filed.items(), key=lambda item: (min(item[1]), item[0])):
        held = merged.setdefault(known.first_like(span), {})
        for day, given in days.items():
            held.setdefault(day, []).extend(given)
    return merged


class Periods:
    """Fiscal periods, each under the first span that was given for it."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], list[tuple[int, Span]]] = {}
        self._count = 0

    def first_like(self, span: Span) -> Span:
        """The earliest span that is of one fiscal period with this one, perhaps itself."""
        kind = length(span)
        if kind is None:
            return span
        start, end = (day.toordinal() for day in span)
        like = [
            (place, other)
            for near in around(end)
            for place, other in self._held.get((kind, near), ())
            if abs(other[0].toordinal() - start) <= LOOSE.days
        ]
        if like:
            return min(like)[1]
        self._held.setdefault((kind, end), []).append((self._count, span))
        self._count += 1
        return span


def around(ordinal: int) -> range:
    """Days that may be the same as this one, as filers do not always agree."""
    return range(ordinal - LOOSE.days, ordinal + LOOSE.days + 1)


def _fact(entry: Mapping[str, Any]) -> tuple[Span, date, float, str] | None:
    """Read one fact; None for a null value or one at a single day."""
    if entry["val"] is None or "start" not in entry:
        return None
    value = float(entry["val"])
    if not isfinite(value):
        raise ValueError(f"val is {value}")
    span = (date.fromisoformat(entry["start"]), date.fromisoformat(entry["end"]))
    filing = f"{entry.get('form') or 'filing'} {entry.get('accn') or ''}".rstrip()
    return span, date.fromisoformat(entry["filed"]), value / 1e6, filing


def _vintages(
    days: Mapping[date, list[tuple[float, str]]], usual: float | None, *, outflow: bool
) -> list[Vintage]:
    """Values in order of filing, each from the day on which it was first given.

    A value that differs from the one before by a factor of a thousand or a million is an error
    of scale: the one nearer to the usual size is kept, without a usual size the earlier one.
    """
    first_report = min(
        (day for day, given in days.items() if any(_is_periodic(filing) for _, filing in given)),
        default=None,
    )
    held: list[Vintage] = []
    for day, given in sorted(days.items()):
        if first_report is not None and day >= first_report:
            given = [one for one in given if _is_periodic(one[1])]
        if not given:
            continue
        new = _of_one_day(day, given, usual, outflow=outflow)
        if first_report is None:
            new = replace(new, doubt=and_doubt(new.doubt, "no periodic report gives it"))
        if not held or not is_scale_error(held[-1].value, new.value):
            if not held or held[-1].value != new.value:
                held.append(new)
            continue
        old = held[-1]
        if usual is None or nearer(old.value, new.value, usual) == old.value:
            said = f"{new.filing} gives {new.value:g}, which looks like an error of scale"
            if said not in (old.doubt or ""):
                held[-1] = replace(old, doubt=and_doubt(old.doubt, said))
        else:
            held[-1] = replace(old, doubt=and_doubt(old.doubt, "looks like an error of scale"))
            held.append(new)
    return held


def _of_one_day(
    day: date, given: Iterable[tuple[float, str]], usual: float | None, *, outflow: bool
) -> Vintage:
    """The last value that was filed on a day, with what speaks against it."""
    in_order = sorted(set(given), key=lambda item: item[1].rpartition(" ")[2])
    values = [(abs(value) if outflow else value, filing) for value, filing in in_order]
    value, filing = values[-1]
    for other, other_filing in values[:-1]:
        if usual and is_scale_error(other, value) and nearer(other, value, usual) == other:
            value, filing = other, other_filing
    others = [other for other, _ in values if other != value]
    doubt = f"another value was filed on the same day: {others[0]:g}" if others else None
    negative = outflow and any(given < 0 for given, one in in_order if one == filing)
    return Vintage(value, day, filing, "filed as a negative number" if negative else "", doubt)


def _is_periodic(filing: str) -> bool:
    form, _, _ = filing.rpartition(" ")
    return (form or filing).removesuffix("/A") in (*PERIODIC, "filing")
