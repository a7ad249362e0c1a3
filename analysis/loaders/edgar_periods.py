"""Fiscal quarters and years from what was filed: reported, or derived from longer periods.

Pure. A quarter that nobody filed is the difference of two periods that begin together: six
months less three, nine less six, a year less nine months; or a year less its three quarters.
Both sides of a difference must be of one vintage: a year that was restated, less nine months
that were not, is no quarter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from analysis.loaders.edgar_facts import Series, Span, Vintage, length

# Filers do not always agree with themselves on the day after a quarter's end.
_LOOSE = timedelta(days=3)
_NEXT = timedelta(days=1)
_WORDS = {"Q": "3 months", "H": "6 months", "9M": "9 months", "FY": "the year"}


@dataclass(frozen=True)
class Period:
    """One figure of one fiscal period.

    Attributes
    ----------
    span : tuple of datetime.date
        First and last day.
    frequency : str
        ``"Q"`` or ``"FY"``.
    currency : str
    value : float
        In millions.
    filed : datetime.date
        When this value became known.
    basis : str
        ``"reported"`` or ``"derived"``.
    note : str
        Where it comes from.
    flag : str or None
        What speaks against it.
    """

    span: Span
    frequency: str
    currency: str
    value: float
    filed: date
    basis: str
    note: str
    flag: str | None = None


def periods(series: Sequence[Series]) -> list[Period]:
    """Quarters and years of one metric, one figure for each.

    Parameters
    ----------
    series : sequence of Series
        In the order in which their tags are to be believed. Per period a reported figure goes
        before a derived one, then the earlier tag; the filer's usual currency before others.

    Returns
    -------
    list of Period
        By last day.
    """
    candidates: dict[tuple[str, date], list[Period]] = {}
    usual = _usual_currencies(series)
    for currency in usual:
        of_one = [held for held in series if held.currency == currency]
        found = [period for held in of_one for period in _reported(held)]
        found += [period for held in of_one for period in _derived(held)]
        found += _derived_across(of_one, found)
        for period in found:
            candidates.setdefault((period.frequency, period.span[1]), []).append(period)
    # Sorting is stable: what comes first of the reported is the best tag in the usual currency.
    chosen = [_best(rivals) for rivals in candidates.values()]
    reported = [period for period in chosen if period.basis == "reported"]
    kept = [
        period
        for period in chosen
        if period.basis == "reported" or not any(_overlap(period, other) for other in reported)
    ]
    return sorted(kept, key=lambda period: (period.span[1], period.frequency))


def _overlap(derived: Period, reported: Period) -> bool:
    """Whether a derived quarter is one that was reported, to end on another day."""
    if derived.frequency != reported.frequency:
        return False
    apart = abs(derived.span[1] - reported.span[1])
    return timedelta() < apart < timedelta(days=40)


def _best(rivals: list[Period]) -> Period:
    first = rivals[0].currency
    best = next(
        (one for one in rivals if one.currency == first and one.basis == "reported"), rivals[0]
    )
    for other in rivals:
        same = other.currency == best.currency and other.basis == best.basis == "reported"
        if same and abs(other.value - best.value) > 0.005 * abs(best.value):
            said = other.note.partition(",")[0]
            return replace(best, note=f"{best.note}; {said} says {other.value:g}")
    return best


def _usual_currencies(series: Iterable[Series]) -> list[str]:
    """Currencies, the most used first: others are convenience translations, or older."""
    counted: Counter[str] = Counter()
    for held in series:
        counted[held.currency] += len(held.spans)
    return [currency for currency, _ in counted.most_common()]


def _reported(series: Series) -> Iterator[Period]:
    for frequency in ("Q", "FY"):
        for span, vintages in series.of_length(frequency).items():
            last = vintages[-1]
            note = f"{series.tag}, {last.filing}"
            if len(vintages) > 1:
                first = vintages[0]
                note += f"; restated, {first.value:g} as filed on {first.filed}"
            flag = None
            if last.rival is not None:
                flag = f"another value was filed on the same day: {last.rival:g}"
            yield Period(
                span, frequency, series.currency, last.value, last.filed, "reported", note, flag
            )


def _derived(series: Series) -> Iterator[Period]:
    """Quarters as differences of periods that begin together, within one tag."""
    by_quarters = []
    cumulated = [
        (span, kind, vintages)
        for span, vintages in series.spans.items()
        if (kind := length(span)) is not None
    ]
    for long_span, long_kind, long in cumulated:
        shorter = [
            (span, kind, vintages)
            for span, kind, vintages in cumulated
            if abs(span[0] - long_span[0]) <= _LOOSE
            and span[1] < long_span[1]
            and length((span[1] + _NEXT, long_span[1])) == "Q"
        ]
        for span, kind, short in shorter:
            rest = (span[1] + _NEXT, long_span[1])
            said = f"{series.tag}, {_WORDS[long_kind]} less {_WORDS[kind]}"
            yield _difference(rest, series.currency, said, long, short)
        if long_kind == "FY" and not shorter:
            by_quarters.append((long_span, long))
    for span, year in by_quarters:
        yield from _year_less_quarters(series, span, year)


def _year_less_quarters(series: Series, span: Span, year: list[Vintage]) -> Iterator[Period]:
    quarters = list(_chain(series.of_length("Q"), span[0]))
    if len(quarters) < 3:
        return
    rest = (quarters[2][0][1] + _NEXT, span[1])
    if length(rest) != "Q":
        return
    said = f"{series.tag}, the year less three quarters"
    yield _difference(rest, series.currency, said, year, *(held for _, held in quarters[:3]))


def _chain(
    quarters: dict[Span, list[Vintage]], begin: date
) -> Iterator[tuple[Span, list[Vintage]]]:
    """Quarters that follow each other from a day on."""
    for span, vintages in sorted(quarters.items()):
        if abs(span[0] - begin) <= _LOOSE:
            yield span, vintages
            begin = span[1] + _NEXT


def _difference(
    span: Span, currency: str, said: str, whole: list[Vintage], *parts: list[Vintage]
) -> Period:
    """A period less parts of it, all of one vintage.

    The first state in which all were known counts, and from then on every one in which the
    whole and a part have changed; a change of one side alone is told in the flag.
    """
    sides = (whole, *parts)
    moments = sorted({vintage.filed for side in sides for vintage in side})
    states = [
        (moment, tuple(_known(side, moment) for side in sides))
        for moment in moments
        if all(side[0].filed <= moment for side in sides)
    ]
    chosen_at, chosen = states[0]
    for moment, state in states[1:]:
        if state[0] != chosen[0] and state[1:] != chosen[1:]:
            chosen_at, chosen = moment, state
    last = states[-1][1]
    flag = None
    if last != chosen:
        flag = "one side of the difference was restated later and the other was not"
    # Filed in whole units of money: what lies beyond a millionth of a million is the machine's.
    value = round(chosen[0] - sum(chosen[1:]), 6)
    return Period(span, "Q", currency, value, chosen_at, "derived", said, flag)


def _known(vintages: list[Vintage], moment: date) -> float:
    return [vintage.value for vintage in vintages if vintage.filed <= moment][-1]


def _derived_across(series: Sequence[Series], found: Sequence[Period]) -> list[Period]:
    """Quarters for which only two tags together have both sides of the difference."""
    known = {period.span[1] for period in found if period.frequency == "Q"}
    years = [period.span[1] for period in found if period.frequency == "FY"]
    if all(end in known for end in years):
        return []
    merged = Series("several tags", series[0].currency)
    for held in series:
        for span, vintages in held.spans.items():
            merged.spans.setdefault(span, vintages)
    told = "the two sides carry different tags"
    return [
        replace(period, flag=f"{period.flag}; {told}" if period.flag else told)
        for period in _derived(merged)
        if period.span[1] not in known
    ]
