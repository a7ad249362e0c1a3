"""Facts of one company as the SEC's ``companyfacts`` files give them.

Pure. A fact is a value for a span of days, as one filing gave it; later filings repeat it, or
give another value. `Series` puts the values of one tag in order of filing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from typing import Any

from analysis.errors import SourceError

Span = tuple[date, date]
_Filed = dict[date, list[tuple[float, str]]]  # day of filing to values and filings

# Days in a period, both ends included: thirteen or fourteen weeks, or three calendar months;
# 52 or 53 weeks make a year. What lies between is a year that was cut short, and not used.
LENGTHS = {"Q": (80, 101), "H": (170, 195), "9M": (260, 290), "FY": (350, 380)}

# Filers do not always agree with themselves on the day on which a period begins and ends.
LOOSE = timedelta(days=3)


@dataclass(frozen=True)
class Vintage:
    """A value from the first filing on that gave it.

    Attributes
    ----------
    value : float
        In millions.
    filed : datetime.date
    filing : str
        Form and accession number.
    rival : float or None
        Another value that was filed for the same span on the same day.
    """

    value: float
    filed: date
    filing: str
    rival: float | None = None


@dataclass
class Series:
    """Everything filed under one tag in one currency.

    Attributes
    ----------
    tag : str
        With its taxonomy: ``"us-gaap:Revenues"``.
    currency : str
    spans : dict
        First and last day to the values filed for them, oldest first; a value that is merely
        repeated adds nothing. Days that differ by less than `LOOSE` are one span.
    """

    tag: str
    currency: str
    spans: dict[Span, list[Vintage]] = field(default_factory=dict)

    def of_length(self, frequency: str) -> dict[Span, list[Vintage]]:
        """Spans that are about as long as a quarter, half, nine months or year."""
        return {span: held for span, held in self.spans.items() if length(span) == frequency}


def length(span: Span) -> str | None:
    """Name the frequency of a span: ``"Q"``, ``"H"``, ``"9M"``, ``"FY"``; None for any other."""
    days = (span[1] - span[0]).days + 1
    return next((name for name, (low, high) in LENGTHS.items() if low <= days <= high), None)


def series_of(document: Mapping[str, Any], tags: Iterable[str]) -> tuple[list[Series], list[str]]:
    """Read the facts of some tags.

    Parameters
    ----------
    document : mapping
        A ``companyfacts`` file.
    tags : iterable of str
        With their taxonomies, in the order in which they are to be believed.

    Returns
    -------
    series : list of Series
        In the order of the tags.
    complaints : list of str
        What could not be read, in words.

    Raises
    ------
    SourceError
        The file has no facts at all.
    """
    facts = document.get("facts")
    if not isinstance(facts, Mapping) or not facts:
        raise SourceError("the file of the SEC holds no facts: its shape has changed")
    found: list[Series] = []
    complaints: list[str] = []
    for tag in tags:
        taxonomy, _, name = tag.partition(":")
        units = ((facts.get(taxonomy) or {}).get(name) or {}).get("units") or {}
        for currency, entries in units.items():
            if len(currency) != 3 or not currency.isupper():
                continue  # shares, or money per share
            series, broken = _series(tag, currency, entries)
            if broken:
                complaints.append(
                    f"{len(broken)} of {len(entries)} facts of {tag} cannot be read ({broken[0]})"
                )
            if series.spans:
                found.append(series)
    return found, complaints


def _series(tag: str, currency: str, entries: Iterable[Any]) -> tuple[Series, list[str]]:
    filed: dict[Span, _Filed] = {}
    broken = []
    for entry in entries:
        try:
            fact = _fact(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            broken.append(f"{type(error).__name__}: {error}")
            continue
        if fact is not None:
            span, day, value, filing = fact
            filed.setdefault(span, {}).setdefault(day, []).append((value, filing))
    spans = {span: _vintages(days) for span, days in sorted(_merged(filed).items())}
    return Series(tag, currency, spans), broken


def _merged(filed: Mapping[Span, _Filed]) -> dict[Span, _Filed]:
    """One span for each period, that of its first filing, however later ones dated it."""
    merged: dict[Span, _Filed] = {}
    for span, days in sorted(filed.items(), key=lambda item: (min(item[1]), item[0])):
        period = next((first for first in merged if _same(first, span)), span)
        held = merged.setdefault(period, {})
        for day, given in days.items():
            held.setdefault(day, []).extend(given)
    return merged


def _same(one: Span, other: Span) -> bool:
    """Whether two spans are one fiscal period."""
    near = abs(one[0] - other[0]) <= LOOSE and abs(one[1] - other[1]) <= LOOSE
    return near and length(one) is not None and length(one) == length(other)


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


def _vintages(days: Mapping[date, list[tuple[float, str]]]) -> list[Vintage]:
    """Values in order of filing, each from the day on which it first stood."""
    held: list[Vintage] = []
    for day, given in sorted(days.items()):
        given = sorted(set(given), key=lambda item: item[1].rpartition(" ")[2])
        value, filing = given[-1]
        others = [other for other, _ in given if other != value]
        if not held or held[-1].value != value:
            held.append(Vintage(value, day, filing, others[0] if others else None))
    return held
