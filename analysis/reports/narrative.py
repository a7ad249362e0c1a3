"""The sentences of a note, which follow the findings: no claim where there is none.

Pure: `findings.Findings` in, text out. Every sentence states figures of the page, so that a test
recomputes it from the page's results. Texts from the catalogue pass through unescaped; the page
escapes everything that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from analysis.formatting import listing as shortened
from analysis.reports import wording
from analysis.reports.frames import LEVEL
from analysis.reports.terms import phrases, stocks

if TYPE_CHECKING:
    from analysis.reports.findings import Findings, GroupMove, Move

MOST_WORDS = 25  # of a headline
_MARKET_MOVED = 0.03  # an index, so that it is the news
_UNCHANGED = 0.0005  # rounds to 0.0 %


def headline(
    findings: Findings, model: str, *, doubt: str = "", market: tuple[str, float] | None = None
) -> str:
    """Write what moved most among what the event is about, in at most 25 words.

    Parameters
    ----------
    findings : Findings
    model : str
        One of `analysis.studies.models.MODELS`.
    doubt : str
        Sentence on how far sign or significance hang on the choice of model; blank where not.
    market : (str, float), optional
        Name and return of the index of most securities, where the event names no security.
    """
    optional = []
    if findings.kind in ("moved", "neighbour") and findings.lead is not None:
        optional = _group_sentences(findings, findings.lead)
    if findings.kind == "none" and findings.lead is not None:
        least = wording.points(findings.lead.detectable)
        optional = [f"Only moves beyond {least} could be detected."]
    if market is not None and abs(market[1]) >= _MARKET_MOVED:
        return _beyond_the_market(findings, *market)
    whole = f"{_first_sentence(findings, model)} {doubt}".strip()
    brief = f"{_first_sentence(findings, '')} {doubt}".strip()
    # The fullest that fits; what the market explains also stands in the first figure.
    for text in [f"{whole} {sentence}" for sentence in optional] + [whole, brief]:
        if words(text) <= MOST_WORDS:
            return text
    return brief


def _beyond_the_market(findings: Findings, name: str, change: float) -> str:
    """A day on which the market itself moved: that comes first, a model takes it off."""
    verb = "fell" if change < 0 else "rose"
    first = f"The {name} {verb} {wording.per_cent(abs(change), sign=False)}"
    moved, count = findings.significant, len(findings.moves)
    if not moved:
        return f"{first}; none of {count} securities moved significantly beyond it."
    top = next((move for move in moved if not move.confounded), moved[0])
    return (
        f"{first}; {wording.spelled(len(moved))} of {count} securities moved significantly beyond "
        f"it, most of all {top.name} (abnormal return {wording.per_cent(top.abnormal)})."
    )


def words(text: str) -> int:
    """Words of a text; a number and its unit are one."""
    joined = text.replace(wording.NARROW, "").replace(wording.NBSP, "")
    return len(joined.split())


def _first_sentence(findings: Findings, model: str) -> str:
    lead = findings.lead
    match findings.kind:
        case "unmeasured":
            return "No security had enough prices for an abnormal return."
        case "moved" if lead is not None:
            return f"{_raw(lead)}{_against(lead, model)}.{_beside(findings, lead)}"
        case "neighbour" if lead is not None:
            day0 = next((move.day for move in findings.own if move.ticker == lead.ticker), None)
            before = f"No clear move on {short_day(day0)}; " if day0 else ""
            why = ", which the timing allows" if model else ""
            return f"{before}{_raw(lead)}, {_which(lead)}{why}."
        case "other" if findings.second is not None:
            return _other(findings, findings.second, model)
        case "group":
            return _of_groups(findings)
        case "confounded" if lead is not None:
            return _confounded(findings, lead)
        case _:
            return _none(findings, model)


def _beside(findings: Findings, lead: Move) -> str:
    """A larger move in a session that the timing leaves open; blank where there is none."""
    move = findings.second
    if move is None:
        return ""
    who = "it" if move.ticker == lead.ticker else move.name
    return f" On {short_day(move.day)}, {_which(move)}, {_did(move, who)}."


def _other(findings: Findings, second: Move, model: str) -> str:
    lead = findings.lead
    if lead is not None:
        aside = f"{second.name}, not named by the event," if model else f"Elsewhere {second.name}"
        also = _did(second, aside)
        if second.day != lead.day:
            also += f" on {short_day(second.day)}"
        if lead.significant:
            return f"{_raw(lead)}, a session with other news of its own. {also}."
        return f"{_raw(lead)}{_against(lead, model)}: not significant. {also}."
    clean = [move for move in findings.significant if not move.confounded]
    busy = len(clean) < len(findings.significant)
    which = " without news of their own" if busy else ""
    count = f"{len(findings.moves)} securities"
    if len(clean) == 1:
        also = _did(second, f"{second.name}, not named by the event,")
        return f"Of {count} only one{which.replace('their', 'its')} moved significantly: {also}."
    return (
        f"{_capital(wording.spelled(len(clean)))} of {count}{which} moved significantly, most of "
        f"all {second.name}: {_did(second, 'it')}{_against(second, model)}."
    )


def _confounded(findings: Findings, lead: Move) -> str:
    if len(findings.significant) == 1:
        return (
            f"Only {lead.name} moved significantly: {_did(lead, 'it')} on {short_day(lead.day)}, "
            "a session with other news of its own."
        )
    return (
        "Only securities with other news of their own moved significantly: "
        f"{_did(lead, lead.name)}."
    )


def _none(findings: Findings, model: str) -> str:
    lead, average = findings.lead, findings.average
    if lead is not None:
        return f"{_raw(lead)}{_against(lead, model)}: not significant."
    mean = "" if average is None else (
        f"; their average abnormal return was {wording.per_cent(average.average)}"
    )  # fmt: skip
    return f"None of {len(findings.moves)} securities moved significantly{mean}."


def _of_groups(findings: Findings) -> str:
    busy = bool(findings.significant)
    single = "security without news of its own" if busy else "single security"
    average = findings.average
    who = f"{average.n} securities" if average is not None else ""
    if average is None or not average.significant:
        average = next(group for group in findings.groups if group.significant)
        who = stocks([average.group])
    value = wording.per_cent(average.average)
    return f"The average abnormal return of {who} was {value}; no {single} moved significantly."


def _which(move: Move) -> str:
    return "the next session" if move.offset > 0 else "the session before"


def _did(move: Move, who: str) -> str:
    """``it fell 17.0 %``."""
    if abs(move.raw) < _UNCHANGED:
        return f"{who} was unchanged"
    verb = "fell" if move.raw < 0 else "rose"
    return f"{who} {verb} {wording.per_cent(abs(move.raw), sign=False)}"


def _raw(move: Move) -> str:
    """``Nvidia fell 17.0 % on 27 January``."""
    return f"{_did(move, move.name)} on {short_day(move.day)}"


def _against(move: Move, model: str) -> str:
    """What the model explains of a move, as the end of its sentence; blank without a model."""
    if not model:
        return ""
    by, expected = phrases(model), move.expected
    if by.nothing:
        return f", against {wording.per_cent(expected)} on an average day"
    if abs(move.raw) >= _UNCHANGED and move.raw * move.abnormal > 0 and move.raw * expected >= 0:
        if abs(expected) < min(0.005, 0.1 * abs(move.raw)):
            return f"; {by.subject} {by.explains} almost none of it"
        return f", {wording.points(move.abnormal)} more than {by.subject} {by.explains}"
    if abs(expected) < _UNCHANGED:
        return " where the model expects no move"
    change = f"a {'fall' if expected < 0 else 'rise'} of"
    return f" where the model expects {change} {wording.per_cent(abs(expected), sign=False)}"


def _group_sentences(findings: Findings, lead: Move) -> list[str]:
    """Which kinds of stocks moved too, from the fullest sentence to the shortest."""
    moved = [group for group in findings.groups if group.significant and group.group != lead.role]
    if not moved:
        return []
    found = []
    for most in (3, 2, 1):
        shown = moved[:most]
        verbs: dict[str, list[str]] = {}
        for group in shown:
            verbs.setdefault(_group_verb(group), []).append(group.group)
        down = "fell" if lead.raw < 0 else "rose"
        ordered = sorted(verbs, key=lambda verb: verb != down)
        parts = [
            f"{stocks(verbs[verb])} {verb}{' too' if verb == down else ''}" for verb in ordered
        ]
        found.append(f"{_capital('; '.join(parts))}.")
    return list(dict.fromkeys(found))


def _group_verb(group: GroupMove) -> str:
    """How a group moved: by its average return, and by its abnormal one where they differ."""
    if group.average < 0:
        return "fell" if group.raw < 0 else "rose less than expected"
    return "rose" if group.raw > 0 else "fell less than expected"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def short_day(value: date) -> str:
    """``27 January``, for a page whose title has the year."""
    return f"{value.day} {value:%B}"


@dataclass(frozen=True)
class Course:
    """Abnormal return of the lead summed to the end of the event window.

    Attributes
    ----------
    last : datetime.date
        The window's last session that has a price.
    car : float
        Decimal, from day 0 (or the lead's session) on.
    p_value : float
    """

    last: date
    car: float
    p_value: float


@dataclass(frozen=True)
class Surroundings:
    """What else moved or was announced in the session of the lead.

    Attributes
    ----------
    benchmark : str
        Name of the lead's benchmark; blank where the model reads none.
    benchmark_return : float
        Decimal.
    market : tuple of str
        Macroeconomic and other news of the whole market in that session.
    own : tuple of str
        News of measured companies in their session, the largest move first.
    others : tuple of str
        Other events of the catalogue with the same day 0.
    average_without : float
        Average abnormal return without them (decimal); NaN where none is left out.
    """

    benchmark: str
    benchmark_return: float
    market: tuple[str, ...]
    own: tuple[str, ...]
    others: tuple[str, ...]
    average_without: float


def bullets(findings: Findings, around: Surroundings, course: Course | None) -> list[str]:
    """Three sentences: what moved, whether it was the event, and whether it lasted."""
    if not findings.moves:
        return []
    found = [_what_moved(findings), _other_news(around)]
    return found if findings.lead is None else [*found, _lasted(findings.lead, course)]


def _what_moved(findings: Findings) -> str:
    moves, moved = findings.moves, findings.significant
    if len(moves) == 1:
        did = "did" if moved else "did not"
        return (
            f"The abnormal return of {moves[0].name} was {wording.per_cent(moves[0].abnormal)}; it "
            f"{did} differ significantly from zero."
        )
    if not moved:
        average = findings.average
        if average is None:
            return f"None of {len(moves)} securities moved significantly."
        return (
            f"The average abnormal return of {average.n} securities was "
            f"{wording.per_cent(average.average)}; none moved significantly."
        )
    first = next((move for move in moved if not move.confounded), moved[0])
    size = f"abnormal return {wording.per_cent(first.abnormal)}"
    if len(moved) == 1:
        return f"One of {len(moves)} securities moved significantly: {first.name} ({size})."
    falls = sum(move.abnormal < 0 for move in moved)
    rises = len(moved) - falls
    verb = "was" if falls == 1 else "were"
    split = f"{wording.spelled(falls)} {verb} down and {wording.spelled(rises)} up"
    text = f"Of {wording.spelled(len(moved))} significant moves, {split}"
    if not falls or not rises:
        every = "Both" if len(moved) == 2 else f"All {wording.spelled(len(moved))}"
        text = f"{every} significant moves were {'down' if falls else 'up'}"
    if first in (findings.lead, findings.second):  # the headline names it
        return f"{text}."
    largest = "the largest" if first is moved[0] else "the largest without own news"
    return f"{text}; {largest} was {possessive(first.name)} ({size})."


def possessive(name: str) -> str:
    """``Nvidia's``, ``Meta Platforms'``."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _other_news(around: Surroundings) -> str:
    parts = []
    if around.benchmark:
        change = around.benchmark_return
        verb = "fell" if change < 0 else "rose"
        did = f"{verb} {wording.per_cent(abs(change), sign=False)}"
        parts.append(
            f"The {around.benchmark} {'was unchanged' if abs(change) < _UNCHANGED else did}."
        )
    if around.market:
        parts.append(f"Market news: {_first_of(around.market)}.")
    if around.own:
        without = around.average_without
        rest = (
            f"; without {'it' if len(around.own) == 1 else 'them'} the average is "
            f"{wording.per_cent(without)}"
            if without == without
            else ""
        )
        parts.append(f"Own news: {shortened(around.own, most=2)}{rest}.")
    if around.others and not around.market and not around.own:
        parts.append(f"Same day: {_first_of(around.others)}.")
    if not (around.market or around.own or around.others):
        parts.append("Our tables hold no other news of that session.")
    return " ".join(parts)


def _first_of(titles: Sequence[str]) -> str:
    """``FOMC statement and two more``."""
    more = len(titles) - 1
    return f"{titles[0]} and {wording.spelled(more)} more" if more else titles[0]


def _lasted(lead: Move, course: Course | None) -> str:
    if course is None or course.car != course.car:
        return "Prices end before the event window does."
    total = wording.per_cent(course.car)
    first = f"By {short_day(course.last)} {possessive(lead.name)} abnormal return summed to {total}"
    if not lead.significant:
        clear = "a significant" if course.p_value < LEVEL else "no significant"
        return f"{first}, {clear} move."
    ratio = course.car / lead.abnormal
    down = "fall" if lead.abnormal < 0 else "rise"
    if ratio <= 0:
        return f"{first}: all of the {down} was reversed."
    if ratio < 0.5:
        return f"{first}: more than half of the {down} was reversed."
    if ratio < 0.8:
        return f"{first}: part of the {down} was reversed."
    if ratio > 1.25:
        return f"{first}: the {down} grew."
    return f"{first}: the {down} lasted."
