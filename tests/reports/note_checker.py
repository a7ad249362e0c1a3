"""Holds every sentence of a note against the numbers of its page.

It reads the sentences by itself and knows nothing of how they are made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

LEVEL = 0.05
MOST_WORDS, MOST_ON_SCREEN = 25, 120
KINDS = {
    "chip": "gpu", "foundry": "foundry", "memory": "memory", "chip-equipment": "equipment",
    "networking": "networking", "server": "servers", "cloud": "cloud", "software": "software",
    "consumer-internet": "consumer", "power": "power", "AI-model": "model_maker",
}  # fmt: skip
SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
UNGRAMMATICAL = (
    (r"\b(1|[Oo]ne) securities\b", "one securities"),
    (r"s's\b", "a second s after s'"),
    (r"  |\.\.|,,| \.", "doubled or stray punctuation"),
    (r"\b(rise|fall) of 0\.0", "a move of nothing"),
    (r"\bone were\b|\b([2-9]|two|three|four|five) was\b", "verb and number disagree"),
    (r"[Oo]f two \w+ moves all\b", "all of two"),
    (r"\bfactors explains\b|\bmarket explain\b", "verb and subject disagree"),
    (r"\bnan\b|None of their|\u2013 %", "a figure that is not there"),
)


@dataclass(frozen=True)
class Fact:
    """One security in one session."""

    ticker: str
    offset: int
    day: date
    raw: float
    abnormal: float
    significant: bool
    named: bool
    confounded: bool


def plain(text: str) -> str:
    """A text with ordinary spaces and minus signs."""
    return text.replace("\u202f", " ").replace("\u00a0", " ").replace("\u2212", "-")


def words(text: str) -> int:
    return len(re.sub(r"(\d) %|(\$[\d.]+) (bn|m|trillion)", r"\1%", plain(text)).split())


def facts(document: Mapping[str, Any]) -> list[Fact]:
    """Moves of day 0 and of the sessions that the timing leaves open."""
    own = {
        (row["security"], row["offset"]) for row in document["confounders"] if row["kind"] == "own"
    }
    sessions = {0: document["securities"]}
    sessions |= {int(key): rows for key, rows in document["neighbours"].items()}
    return [
        Fact(
            row["security"],
            offset,
            date.fromisoformat(row["day0"][:10]),
            row["raw"],
            row["abnormal"],
            row["p_adjusted"] is not None and row["p_adjusted"] < LEVEL,
            row["named"],
            (row["security"], offset) in own,
        )
        for offset, rows in sessions.items()
        for row in rows
        if row["abnormal"] is not None and row.get("counted", True)
    ]


def contradictions(
    note: Mapping[str, Any],
    document: Mapping[str, Any],
    names: Mapping[str, str],
    abnormal: Mapping[tuple[str, int], float] | None = None,
) -> list[str]:
    """Everything that a note says and its page does not.

    Parameters
    ----------
    note : mapping
        Payload of the note.
    document : mapping
        Results of the page.
    names : mapping of str to str
        Name of each company in prose, by ticker.
    abnormal : mapping of (str, int) to float, optional
        Abnormal returns of the event window by ticker and session, for the course.
    """
    known = facts(document)
    return [
        *_style(note),
        *_moves(note, known, names),
        *_headline(plain(note["headline"]), known, names),
        *_counts(note, known),
        *_groups(plain(note["headline"]), document, known),
        *_figures(note, document, known, names),
        *_surroundings(note, document, known, names),
        *_choices(plain(note["headline"]), document),
        *_course(note, known, names, abnormal or {}),
    ]


def _texts(note: Mapping[str, Any]) -> list[str]:
    return [note["headline"], *note["bullets"]]


def _style(note: Mapping[str, Any]) -> Iterator[str]:
    if words(note["headline"]) > MOST_WORDS:
        yield f"{words(note['headline'])} words in the headline"
    cards = [text for card in note["figures"] for text in card.values()]
    badges = [badge["text"] for badge in note["badges"]]
    total = sum(map(words, [note["title"], *_texts(note), *cards, *badges]))
    if total > MOST_ON_SCREEN:
        yield f"{total} words on the first screen"
    for text in map(plain, _texts(note)):
        if not text.endswith("."):
            yield f"no full stop: {text!r}"
        if text[:1].islower():
            yield f"no capital: {text!r}"
        for pattern, why in UNGRAMMATICAL:
            if re.search(pattern, text):
                yield f"{why}: {text!r}"


def _near(shown: str, value: float, decimals: int = 1) -> bool:
    """Whether a number as written is a value in per cent, rounded."""
    return abs(float(shown.replace(",", "")) - 100 * value) <= 0.5 * 10**-decimals + 1e-9


def _pattern(names: Mapping[str, str]) -> str:
    listed = sorted(set(names.values()), key=len, reverse=True)
    return "|".join(map(re.escape, listed)) or "(?!)"


def _moves(note: Mapping[str, Any], known: list[Fact], names: Mapping[str, str]) -> Iterator[str]:
    """Each "X fell 3.0 %", what is said to explain it, and the day."""
    one = (
        rf"(?P<name>{_pattern(names)}|\bit)(?:, not named by the event,)? (?P<verb>fell|rose) "
        r"(?P<raw>[\d.,]+) %(?: on (?P<day>\d+ \w+))?(?P<rest>[^.;:]*(?:\.\d[^.;:]*)*)"
    )
    for text in map(plain, _texts(note)):
        last = ""
        for match in re.finditer(one, text):
            name = last if match["name"] == "it" else match["name"]
            if match["name"] == "it":
                before = re.findall(_pattern(names), text[: match.start()])
                name = before[-1] if before else ""
            last = name
            sign = -1 if match["verb"] == "fell" else 1
            fits = [
                fact
                for fact in known
                if names.get(fact.ticker) == name
                and fact.raw * sign >= 0
                and _near(match["raw"], abs(fact.raw))
                and match["day"] in (None, f"{fact.day.day} {fact.day:%B}")
            ]
            if not fits:
                yield f"no session in which {match.group(0)[:60]!r}"
                continue
            fact = fits[0]
            expected = fact.raw - fact.abnormal
            more = re.match(r", ([\d.]+) points more than", match["rest"])
            if more and not (_near(more[1], abs(fact.abnormal)) and fact.raw * fact.abnormal > 0):
                yield f"not {more[1]} points more: {text!r}"
            moved = re.match(r" where [\w ]+ explains? a (rise|fall) of ([\d.]+) %", match["rest"])
            if moved and not (
                _near(moved[2], abs(expected)) and (expected > 0) == (moved[1] == "rise")
            ):
                yield f"not a {moved[1]} of {moved[2]} %: {text!r}"
            day = re.match(r", against ([+-]?[\d.]+) % on an average day", match["rest"])
            if day and not _near(day[1], expected):
                yield f"not {day[1]} % on an average day: {text!r}"
        for match in re.finditer(r"abnormal return ([+-]?[\d.]+) %\)", text):
            if not any(_near(match[1], fact.abnormal) for fact in known):
                yield f"nobody's abnormal return: {match[0]!r}"


def _headline(text: str, known: list[Fact], names: Mapping[str, str]) -> Iterator[str]:
    """What leads, and what must not stay unsaid."""
    zero = [fact for fact in known if fact.offset == 0]
    clean = [fact for fact in zero if fact.significant and not fact.confounded]
    mine = [fact for fact in clean if fact.named]
    found = re.match(rf"({_pattern(names)}) (?:fell|rose|was)", text)
    first = found[1] if found else ""
    if mine:
        most = max(abs(fact.abnormal) for fact in mine)
        wanted = next(fact for fact in mine if 2 * abs(fact.abnormal) >= most)
        if first != names[wanted.ticker]:
            yield f"{names[wanted.ticker]} should lead: {text!r}"
        if re.search(r"None of|not significant|No clear|no single", text):
            yield f"denies a move that there was: {text!r}"
    yield from _unsaid(text, first, known, clean, names)
    lead = next((fact for fact in zero if names[fact.ticker] == first and fact.named), None)
    if lead and lead.significant and f"{first} " in text:
        if re.match(rf"{re.escape(first)} .*?: not significant", text):
            yield f"{first} was significant: {text!r}"
        if lead.confounded and "news of its own" not in text:
            yield f"credits the event with {first}'s own news: {text!r}"
    if "None of" in text and any(fact.significant for fact in zero):
        yield f"some were significant: {text!r}"


def _unsaid(
    text: str, first: str, known: list[Fact], clean: list[Fact], names: Mapping[str, str]
) -> Iterator[str]:
    """Moves that a headline must mention."""
    mine = [fact for fact in clean if fact.named]
    beside = [
        fact
        for fact in known
        if fact.offset and fact.named and fact.significant and not fact.confounded
    ]
    if beside:
        largest = max(beside, key=lambda fact: abs(fact.abnormal))
        led = [abs(fact.abnormal) for fact in mine if names[fact.ticker] == first]
        said = f"{largest.day.day} {largest.day:%B}" in text
        if abs(largest.abnormal) > max(led, default=0.0) and not said:
            yield f"silent about {names[largest.ticker]} on {largest.day}: {text!r}"
    others = [fact for fact in clean if not fact.named]
    if others and not mine and not beside:
        largest = max(others, key=lambda fact: abs(fact.abnormal))
        if names[largest.ticker] not in text:
            yield f"silent about {names[largest.ticker]}: {text!r}"


def _number(word: str) -> int:
    lowered = word.lower()
    return SPELLED.index(lowered) if lowered in SPELLED else int(word)


def _counts(note: Mapping[str, Any], known: list[Fact]) -> Iterator[str]:
    """Counts of the figures, of the headline and of the bullets."""
    zero = [fact for fact in known if fact.offset == 0]
    moved = [fact for fact in zero if fact.significant]
    for card in note["figures"]:
        found = re.fullmatch(r"(\d+) of (\d+)", card["value"])
        if found and (int(found[1]), int(found[2])) != (len(moved), len(zero)):
            yield f"{card['value']} moved, but {len(moved)} of {len(zero)} did"
    for text in map(plain, _texts(note)):
        yield from _counted(text, zero, moved)


def _counted(text: str, zero: list[Fact], moved: list[Fact]) -> Iterator[str]:
    """How many a sentence says moved, and in which direction."""
    falls = sum(fact.abnormal < 0 for fact in moved)
    said = re.search(r"Of (\w+) significant moves, (\w+) (?:was|were) down", text)
    if said and (_number(said[1]), _number(said[2])) != (len(moved), falls):
        yield f"{len(moved)} moved, {falls} down: {text!r}"
    every = re.search(r"(?:All (\w+)|Both) significant moves were (down|up)", text)
    if every:
        total = _number(every[1]) if every[1] else 2
        if (total, total if every[2] == "down" else 0) != (len(moved), falls):
            yield f"{len(moved)} moved, {falls} down: {text!r}"
    average = re.search(
        r"return of (\d+) securities was ([+-]?[\d.]+) %; none moved significantly", text
    )
    mean = math.fsum(fact.abnormal for fact in zero) / max(len(zero), 1)
    if average and (moved or int(average[1]) != len(zero) or not _near(average[2], mean)):
        yield f"{len(moved)} of {len(zero)} moved, by {mean:.4f} on average: {text!r}"
    none = re.search(r"[Nn]one of (\d+) securities moved", text)
    if none and (moved or int(none[1]) != len(zero)):
        yield f"{len(moved)} of {len(zero)} moved: {text!r}"
    some = re.search(r"(\w+) of (\d+) securities( without news of their own)? moved s", text)
    if some and some[1].lower() != "none":
        right = sum(not (some[3] and fact.confounded) for fact in moved)
        if (_number(some[1]), int(some[2])) != (right, len(zero)):
            yield f"{right} of {len(zero)} moved: {text!r}"


def _groups(text: str, document: Mapping[str, Any], known: list[Fact]) -> Iterator[str]:
    """Kinds of stocks that are said to have moved did, in that direction."""
    roles = {row["security"]: row["role"] for row in document["securities"]}
    found = {
        row["group"]: row
        for row in document["groups"]
        if row["window_start"] == 0 == row["window_end"] and row["caar"] is not None
    }
    for listed, verb in re.findall(
        r"((?:[\w-]+, )*[\w-]+(?: and [\w-]+)?) stocks (fell|rose)( less than expected)?"
        .replace("( less", "(?: less"), text,
    ):  # fmt: skip
        for kind in re.split(r", | and ", listed):
            group = KINDS.get(kind, KINDS.get(kind[0].lower() + kind[1:], kind))
            row = found.get(group)
            raw = [
                fact.raw for fact in known if fact.offset == 0 and roles.get(fact.ticker) == group
            ]
            if row is None or row["p_holm"] is None or row["p_holm"] >= LEVEL:
                yield f"{kind} stocks did not move significantly: {text!r}"
            elif (sum(raw) < 0) != (verb == "fell"):
                yield f"{kind} stocks did not go that way: {text!r}"
    average = re.search(
        r"average abnormal return (?:of (\d+) securities )?was ([+-]?[\d.]+) %", text
    )
    if average and not _near(average[2], found["all"]["caar"]):
        yield f"the average was {found['all']['caar']:.4f}: {text!r}"


def _figures(
    note: Mapping[str, Any],
    document: Mapping[str, Any],
    known: list[Fact],
    names: Mapping[str, str],
) -> Iterator[str]:
    """The first figure is of the headline's security; the last is the page's."""
    for card in note["figures"]:
        value, label = plain(card["value"]), plain(card["label"])
        owner = re.match(rf"({_pattern(names)}), (\d+ \w+)", label)
        if owner:
            fits = [
                fact
                for fact in known
                if names.get(fact.ticker) == owner[1]
                and owner[2] == f"{fact.day.day} {fact.day:%B}"
                and _near(value.removesuffix(" %"), fact.raw)
            ]
            if not fits:
                yield f"{value} is not the move of {label}"
            if owner[1] not in note["headline"] and "average" not in note["headline"]:
                yield f"first figure is {owner[1]}'s, the headline another's"
        elif label.startswith("market value"):
            change = document["value_change"]
            shown = re.match(r"([+-])\$([\d.,]+) (\w+)", value)
            size = {"m": 1e6, "bn": 1e9, "trillion": 1e12}
            if not shown or change is None:
                yield f"no market value is known: {value}"
            else:
                told = float(shown[2].replace(",", "")) * size[shown[3]]
                if abs(told - abs(change)) > 0.01 * abs(change) + 0.5 * size[shown[3]] or (
                    (change < 0) != (shown[1] == "-")
                ):
                    yield f"market value changed by {change:.3g}, not {value}"


def _surroundings(
    note: Mapping[str, Any],
    document: Mapping[str, Any],
    known: list[Fact],
    names: Mapping[str, str],
) -> Iterator[str]:
    """Own news that is named is in the confounders, and what is denied is not."""
    zero = [fact for fact in known if fact.offset == 0]
    busy = [names[fact.ticker] for fact in zero if fact.confounded]
    for text in map(plain, note["bullets"]):
        said = re.search(r"Own news: (.*?)(?:; without|\.$|\. )", text)
        if said:
            for name in re.findall(_pattern(names), said[1]):
                if name not in busy:
                    yield f"{name} has no own news: {text!r}"
        if "hold no other news" in text and busy:
            yield f"{busy[0]} has own news: {text!r}"
        for title in [row["what"] for row in document["confounders"] if row["kind"] == "market"]:
            if "hold no other news" in text and _at_lead(note, document, title, names):
                yield f"{title!r} is news of the market: {text!r}"
        without = re.search(r"without (?:it|them) the average is ([+-]?[\d.]+) %", text)
        calm = [fact.abnormal for fact in zero if not fact.confounded]
        if without and not _near(without[1], math.fsum(calm) / len(calm)):
            yield f"the average without them is {math.fsum(calm) / len(calm):.4f}: {text!r}"
    warned = [plain(badge["text"]) for badge in note["badges"]]
    loud = [names[fact.ticker] for fact in zero if fact.confounded and fact.significant]
    if bool(loud) != any(text.startswith("Own news") for text in warned):
        yield f"own news of {loud} and badges {warned}"


def _at_lead(
    note: Mapping[str, Any], document: Mapping[str, Any], title: str, names: Mapping[str, str]
) -> bool:
    """Whether news of the market fell into the session of the security that leads."""
    first = re.match(rf"({_pattern(names)}) (?:fell|rose|was)", plain(note["headline"]))
    return bool(first) and any(
        row["what"] == title and row["offset"] == 0 and names.get(row["security"]) == first[1]
        for row in document["confounders"]
    )


def _choices(text: str, document: Mapping[str, Any]) -> Iterator[str]:
    """How many choices of model agree."""
    said = re.search(r"Significant in (\d+) of (\d+) model choices", text)
    tested = [row["p_value"] for row in document["variants"] if row["p_value"] is not None]
    count = sum(value < LEVEL for value in tested)
    if said and (int(said[1]), int(said[2])) != (count, len(tested)):
        yield f"significant in {count} of {len(tested)}: {text!r}"


def _course(
    note: Mapping[str, Any],
    known: list[Fact],
    names: Mapping[str, str],
    abnormal: Mapping[tuple[str, int], float],
) -> Iterator[str]:
    """The sum to the end of the window, and what is said of it."""
    for text in map(plain, note["bullets"]):
        said = re.match(
            rf"By \d+ \w+ ({_pattern(names)})'s? abnormal return summed to "
            r"([+-]?[\d.]+) %[:,] (.*)",
            text,
        )
        if not said or not abnormal:
            continue
        ticker = next(ticker for ticker, name in names.items() if name == said[1]
                      and any(key[0] == ticker for key in abnormal))  # fmt: skip
        starts = [fact for fact in known if fact.ticker == ticker]
        sums = {
            fact.offset: math.fsum(
                value
                for (who, day), value in abnormal.items()
                if who == ticker and day >= fact.offset
            )
            for fact in starts
        }
        fits = [fact for fact in starts if _near(said[2], sums[fact.offset])]
        if not fits:
            yield f"the sum was {sums}: {text!r}"
            continue
        ratio = sums[fits[0].offset] / fits[0].abnormal
        verdicts = {
            "grew": ratio > 1.25, "lasted": 0.8 <= ratio <= 1.25,
            "part of": 0.5 <= ratio < 0.8, "more than half": 0 < ratio < 0.5, "all of": ratio <= 0,
        }  # fmt: skip
        for word, holds in verdicts.items():
            if word in said[3] and not holds:
                yield f"the ratio is {ratio:.2f}: {text!r}"
