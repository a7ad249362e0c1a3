"""Fiscal quarters and years from what was filed: reported, or derived from longer periods.

Pure. A quarter that nobody filed is the difference of two periods that begin together: six
months less three, nine less six, a year less nine months; or a year less its three quarters.
Both sides of a difference must be of one vintage: a year that was restated, less nine months
that were not, is no quarter.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain, islice
from operator import itemgetter
from typing import TypeVar

from analysis.loaders.edgar.facts import LOOSE, Periods, Series, Span, Vintage, around, length
from analysis.loaders.unit_errors import and_doubt, out_of_line

_NEXT = timedelta(days=1)
# Losses on hedges can take a total a little below the revenue from contracts, no more.
_BELOW_PART = 0.05
_WORDS = {"Q": "3 months", "H": "6 months", "9M": "9 months", "FY": "the year"}


@dataclass(frozen=True)
class Period:
    """One figure of one fiscal period."""

    span: Span  # first and last day
    frequency: str  # ``"Q"`` or ``"FY"``
    currency: str
    value: float
    filed: date  # when this value became known
    basis: str  # ``"reported"`` or ``"derived"``
    note: str  # where it comes from
    flag: str | None = None  # what speaks against it


Vintages = list[Period]
"""What one tag, or one difference of a tag's spans, gave for one period: every value, oldest
first."""

_Dated = TypeVar("_Dated", Period, Vintage)


def periods(series: Sequence[Series], *, totals: bool = False) -> list[Period]:
    """Quarters and years of one metric, each with every value that was given for it.

    Parameters
    ----------
    series : sequence of Series
        In the order in which their tags are to be believed. Per period a reported figure goes
        before a derived one, then the earlier tag; the filer's usual currency before others.
    totals : bool
        The earlier tags are totals of the later ones: one that is clearly less than a later one
        is not believed.

    Returns
    -------
    list of Period
        By last day; of one period what was known from each day of filing on, the last counts now.
    """
    lines: list[Vintages] = []
    for of_one in _by_currency(series):
        found = [*_reported(of_one), *chain.from_iterable(map(_differences, of_one))]
        lines += found + _derived_across(of_one, found)
    chosen = [_vintage_history(rivals, totals=totals) for rivals in _same_period(lines)]
    reported: dict[str, list[date]] = {}
    for end, frequency in sorted(
        (line[-1].span[1], line[-1].frequency) for line in chosen if line[-1].basis == "reported"
    ):
        reported.setdefault(frequency, []).append(end)
    kept = [
        line
        for line in chosen
        if line[-1].basis == "reported"
        or not _beside(line[-1].span[1], reported.get(line[-1].frequency, []))
    ]
    return sorted(
        (period for line in _compared(kept) for period in line),
        key=lambda period: (period.span[1], period.frequency, period.filed),
    )


def _compared(lines: Sequence[Vintages]) -> list[Vintages]:
    """Flag last values that are negative, or a thousand times their neighbours."""
    found: list[Vintages] = []
    for frequency in ("Q", "FY"):
        chosen = sorted(
            (line for line in lines if line[0].frequency == frequency), key=lambda one: one[-1].span
        )
        doubts = out_of_line([line[-1].value for line in chosen])
        for line, usual in zip(chosen, doubts, strict=True):
            last = line[-1]
            if usual is not None:
                last = _doubted(last, f"the periods beside it are near {usual:g}")
            if last.value < 0:
                last = _doubted(last, "a negative figure")
            found.append([*line[:-1], last])
    return found


def _doubted(period: Period, why: str) -> Period:
    return replace(period, flag=and_doubt(period.flag, why))


def _same_period(lines: Iterable[Vintages]) -> list[list[Vintages]]:
    """Put together what is about one period; what comes first is believed first."""
    groups: list[list[Vintages]] = []
    places: dict[tuple[str, int], int] = {}
    for line in lines:
        frequency, end = line[0].frequency, line[0].span[1].toordinal()
        near = [places[frequency, day] for day in around(end) if (frequency, day) in places]
        if near:
            groups[min(near)].append(line)
        else:
            places[frequency, end] = len(groups)
            groups.append([line])
    return groups


def _beside(end: date, reported: Sequence[date]) -> bool:
    """Whether a derived quarter is one that was reported, to end on another day."""
    before, after = bisect_left(reported, end), bisect_right(reported, end)
    beside = (*reported[max(before - 1, 0) : before], *reported[after : after + 1])
    return any(abs(end - other) < timedelta(days=40) for other in beside)


def _vintage_history(rivals: list[Vintages], *, totals: bool) -> Vintages:
    """What was known of a period from each day on which something was filed.

    A value is known from the first day on which it could be: that a later filing repeats it,
    or reports what was derived before, moves nothing.
    """
    rivals = [line for line in rivals if line[0].currency == rivals[0][0].currency]
    # The span of the first filing stays, so that later ones continue the same figure.
    first = min(rivals, key=lambda line: (line[0].filed, line[0].basis != "reported"))[0]
    known: list[tuple[Period, list[Period]]] = []
    for day in sorted({period.filed for line in rivals for period in line}):
        beside = [_last(line, day) for line in rivals if line[0].filed <= day]
        best = replace(_best(beside, totals=totals), span=first.span)
        if known and math.isclose(best.value, known[-1][0].value, rel_tol=1e-9, abs_tol=1e-6):
            before = known[-1][0]
            if best.basis != before.basis == "derived":
                note = f"{best.note}; derived from the filing of {before.filed}"
                before = replace(best, filed=before.filed, note=note)
            known[-1] = before, beside
        else:
            known.append((best, beside))
    told: Vintages = []
    for period, beside in known:
        other = next((one for one in told if one.value != period.value), None)
        told.append(replace(period, note=_note(period, other, beside)))
    return told


def _best(beside: Sequence[Period], *, totals: bool) -> Period:
    """Choose among figures of one period: the reported before the derived, the total first."""
    reported = [one for one in beside if one.basis == "reported"]
    if not reported:
        return next((one for one in beside if one.value >= 0), beside[0])
    best = reported[0]
    largest = max(reported, key=lambda one: one.value)
    if totals and largest.value > best.value * (1 + _BELOW_PART):
        return _doubted(largest, f"{_tag(best)} says {best.value:g}, less than its part")
    return best


def _tag(period: Period) -> str:
    return period.note.partition(",")[0]


def _note(period: Period, before: Period | None, beside: Iterable[Period]) -> str:
    """Say where a value comes from, what stood in its place, and which tag differs."""
    note = period.note
    if before is not None:
        note += f"; restated, {before.value:g} as filed on {before.filed}"
    for other in beside:
        far = abs(other.value - period.value) > 0.005 * abs(period.value)
        if far and other.basis == period.basis == "reported":
            return f"{note}; {_tag(other)} says {other.value:g}"
    return note


def _last(line: Sequence[_Dated], day: date) -> _Dated:
    """State of a day, of a line that is in order of filing."""
    return line[bisect_right(line, day, key=lambda one: one.filed) - 1]


def _by_currency(series: Iterable[Series]) -> list[list[Series]]:
    """Series of each currency, the most used first: others are translations, or older."""
    held: dict[str, list[Series]] = {}
    for one in series:
        held.setdefault(one.currency, []).append(one)
    return sorted(held.values(), key=lambda own: -sum(len(one.spans) for one in own))


def _reported(series: Iterable[Series]) -> Iterator[Vintages]:
    for held in series:
        for frequency in ("Q", "FY"):
            for span, vintages in held.of_length(frequency).items():
                yield [_as_filed(held, span, frequency, vintage) for vintage in vintages]


def _as_filed(series: Series, span: Span, frequency: str, vintage: Vintage) -> Period:
    note = f"{series.tag}, {vintage.filing}"
    if vintage.remark:
        note += f", {vintage.remark}"
    return Period(
        span, frequency, series.currency, vintage.value, vintage.filed, "reported", note,
        vintage.doubt,
    )  # fmt: skip


def _differences(series: Series) -> Iterator[Vintages]:
    """Quarters as differences of periods that begin together, within one tag."""
    by_quarters = []
    cumulated = [
        (place, span, kind, vintages)
        for place, (span, vintages) in enumerate(series.spans.items())
        if (kind := length(span)) is not None
    ]
    by_start: dict[int, list[tuple[int, Span, str, list[Vintage]]]] = {}
    for one in cumulated:
        by_start.setdefault(one[1][0].toordinal(), []).append(one)
    for _, long_span, long_kind, long in cumulated:
        shorter = sorted(
            (
                one
                for start in around(long_span[0].toordinal())
                for one in by_start.get(start, ())
                if one[1][1] < long_span[1] and length((one[1][1] + _NEXT, long_span[1])) == "Q"
            ),
            key=itemgetter(0),
        )
        for _, span, kind, short in shorter:
            rest = (span[1] + _NEXT, long_span[1])
            said = f"{series.tag}, {_WORDS[long_kind]} less {_WORDS[kind]}"
            yield _difference(rest, series.currency, said, long, short)
        if long_kind == "FY" and not shorter:
            by_quarters.append((long_span, long))
    in_order = sorted(series.of_length("Q").items(), key=itemgetter(0)) if by_quarters else []
    for span, year in by_quarters:
        quarters = list(islice(_consecutive_quarters(in_order, span[0]), 3))
        rest = (quarters[-1][0][1] + _NEXT, span[1]) if quarters else span
        if len(quarters) == 3 and length(rest) == "Q":
            said = f"{series.tag}, the year less three quarters"
            yield _difference(rest, series.currency, said, year, *(held for _, held in quarters))


def _consecutive_quarters(
    in_order: Sequence[tuple[Span, list[Vintage]]], begin: date
) -> Iterator[tuple[Span, list[Vintage]]]:
    """Quarters that follow each other from a day on."""
    earliest = begin.toordinal() - LOOSE.days
    first = bisect_left(in_order, earliest, key=lambda one: one[0][0].toordinal())
    for span, vintages in islice(in_order, first, None):
        if span[0] - begin > LOOSE:
            return
        if abs(span[0] - begin) <= LOOSE:
            yield span, vintages
            begin = span[1] + _NEXT


def _difference(
    span: Span, currency: str, said: str, whole: list[Vintage], *parts: list[Vintage]
) -> Vintages:
    """A period less parts of it, all of one vintage.

    The first state in which all were known counts, and from then on every one in which the
    whole and a part have changed; a change of one side alone is told in the flag.
    """
    sides = (whole, *parts)
    moments = sorted({vintage.filed for side in sides for vintage in side})
    states = [
        (moment, tuple(_last(side, moment).value for side in sides))
        for moment in moments
        if all(side[0].filed <= moment for side in sides)
    ]
    chosen = states[:1]
    for moment, state in states[1:]:
        before = chosen[-1][1]
        if state[0] != before[0] and state[1:] != before[1:]:
            chosen.append((moment, state))
    # Filed in whole units of money: what lies beyond a millionth of a million is the machine's.
    line = []
    for moment, state in chosen:
        value = round(state[0] - sum(state[1:]), 6)
        given = [_last(side, moment) for side in sides]
        remarks = dict.fromkeys(one.remark for one in given if one.remark)
        doubts = dict.fromkeys(one.doubt for one in given if one.doubt)
        note, flag = ", ".join((said, *remarks)), "; ".join(doubts) or None
        line.append(Period(span, "Q", currency, value, moment, "derived", note, flag))
    if states[-1][1] != chosen[-1][1]:
        told = "one side of the difference was restated later and the other was not"
        line[-1] = _doubted(line[-1], told)
    return line


def _derived_across(series: Sequence[Series], found: Sequence[Vintages]) -> list[Vintages]:
    """Quarters of which two tags together had both sides of the difference first.

    Also where one tag has both sides by now: a year that a filing gave under another tag than
    the nine months was known from that filing on, not from the next one, which repeats it under
    the first tag. Tags that contradict each other are not mixed.
    """
    since: dict[int, date] = {}
    for line in found:
        if line[0].frequency == "Q":
            end = line[0].span[1].toordinal()
            since[end] = min(line[0].filed, since.get(end, date.max))
    known = Periods()
    merged = Series("several tags", series[0].currency)
    tags: list[Series] = []
    for held in series:
        if all(_agree(held, other) for other in tags):
            tags.append(held)
            for span, vintages in held.spans.items():
                at = known.first_like(span)
                if at not in merged.spans or vintages[0].filed < merged.spans[at][0].filed:
                    merged.spans[at] = vintages[:1]
    told = "the two sides carry different tags"
    return [
        [_doubted(line[0], told)]
        for line in _differences(merged)
        if not any(
            since.get(end, date.max) <= line[0].filed for end in around(line[0].span[1].toordinal())
        )
    ]


def _agree(one: Series, other: Series) -> bool:
    """Whether two tags give the same values for the periods that both have."""
    return all(
        math.isclose(vintages[0].value, other.spans[span][0].value, rel_tol=0.005)
        for span, vintages in one.spans.items()
        if span in other.spans
    )
