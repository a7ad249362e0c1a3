"""The checker of notes finds contradictions that were planted, one of each kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.reports.note_checker import contradictions

NAMES = {"NVDA": "Nvidia", "AMD": "AMD", "INTC": "Intel", "VST": "Vistra"}
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def security(ticker: str, raw: float, abnormal: float, p: float, **other: Any) -> dict[str, Any]:
    return {
        "security": ticker, "day0": "2025-01-27", "role": "gpu", "raw": raw, "abnormal": abnormal,
        "p_adjusted": p, "named": True,
    } | other  # fmt: skip


NOTE = {
    "title": "An event, 27 January 2025",
    "headline": "Nvidia fell 17.0 % on 27 January, 13.0 points more than the market explains. "
    "Power stocks fell too.",
    "badges": [{"text": "Own news: Intel", "level": "warning"}],
    "figures": [
        {"value": "\u221217.0\u202f%", "label": "Nvidia, 27 January", "window": ""},
        {"value": "3 of 4", "label": "securities moved significantly", "window": ""},
        {"value": "\u2212$592 bn", "label": "market value of Nvidia", "window": ""},
    ],
    "bullets": [
        "Of three significant moves, two were down and one up; the largest was Vistra's (abnormal "
        "return \u221225.7 %).",
        "The S&P 500 fell 1.5 %. Own news: Intel results; without it the average is \u221212.6 %.",
        "By 3 February Nvidia's abnormal return summed to \u221213.8 %: the fall lasted.",
    ],
}
DOCUMENT = {
    "securities": [
        security("NVDA", -0.1697, -0.1297, 0.0001),
        security("AMD", 0.02, 0.01, 0.4),
        security("INTC", 0.2, 0.19, 0.0001),
        security("VST", -0.2827, -0.2570, 0.0001, named=False, role="power"),
    ],
    "neighbours": {},
    "variants": [{"p_value": 0.01}, {"p_value": 0.2}],
    "confounders": [{"security": "INTC", "offset": 0, "kind": "own"}],
    "groups": [
        {"group": "all", "window_start": 0, "window_end": 0, "caar": -0.0467, "p_holm": None},
        {"group": "power", "window_start": 0, "window_end": 0, "caar": -0.257, "p_holm": 0.01},
    ],
    "value_change": -592e9,
}
ABNORMAL = {("NVDA", 0): -0.1297, ("NVDA", 1): -0.0083, ("NVDA", -1): 0.5}


def found(change: Change | None = None) -> list[str]:
    note, document = copy.deepcopy(NOTE), copy.deepcopy(DOCUMENT)
    if change:
        change(note, document)
    return contradictions(note, document, NAMES, ABNORMAL)


def headline(text: str) -> Change:
    return lambda note, _: note.update(headline=text)


def bullet(place: int, old: str, new: str) -> Change:
    def change(note: dict[str, Any], _: dict[str, Any]) -> None:
        assert old in note["bullets"][place]
        note["bullets"][place] = note["bullets"][place].replace(old, new)

    return change


def figure(place: int, value: str) -> Change:
    return lambda note, _: note["figures"][place].update(value=value)


def test_a_note_that_says_what_its_page_says_passes() -> None:
    assert found() == []


MORE = ", 13.0 points more than the market explains."


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (headline(f"Nvidia fell 16.0 % on 27 January{MORE}"), "no session in which"),
        (headline(f"Nvidia rose 17.0 % on 27 January{MORE}"), "no session in which"),
        (headline(f"Nvidia fell 17.0 % on 28 January{MORE}"), "no session in which"),
        (headline("Nvidia fell 17.0 % on 27 January, 12.0 points more than x."), "not 12.0 points"),
        (
            headline("Nvidia fell 17.0 % on 27 January where the market explains a rise of 1.0 %."),
            "not a rise",
        ),
        (headline("Nvidia fell 17.0 % on 27 January: not significant."), "was significant"),
        (headline("Nvidia fell 17.0 % on 27 January: not significant."), "denies a move"),
        (headline("None of 4 securities moved significantly."), "some were significant"),
        (headline("Vistra fell 28.3 % on 27 January."), "Nvidia should lead"),
        (headline("Intel rose 20.0 % on 27 January."), "own news"),
        (
            headline("Nvidia fell 17.0 % on 27 January. Cloud stocks fell too."),
            "Cloud stocks did not",
        ),
        (headline("Nvidia fell 17.0 % on 27 January. Power stocks rose."), "did not go that way"),
        (headline("Nvidia fell 17.0 % on 27 January " + "and so on " * 9 + "."), "in the headline"),
        (headline("Nvidia fell 17.0 % on 27 January"), "no full stop"),
        (headline("Nvidia fell 17.0 % on 27 January, as one securities."), "one securities"),
        (bullet(0, "three", "four"), "3 moved"),
        (
            headline("Nvidia fell 17.0 % on 27 January. Significant in 2 of 2 model choices."),
            "significant in 1 of 2",
        ),
        (bullet(0, "two were down", "one were down"), "3 moved"),
        (bullet(0, "two were down", "two was down"), "verb and number"),
        (headline("Two of 4 securities moved significantly, most of all Nvidia."), "3 of 4 moved"),
        (headline("3 of 4 securities without news of their own moved significantly."), "2 of 4"),
        (bullet(0, "25.7", "24.7"), "nobody's abnormal return"),
        (bullet(1, "Intel", "AMD"), "AMD has no own news"),
        (bullet(1, "12.6", "11.6"), "the average without them"),
        (
            lambda note, _: note["bullets"].__setitem__(
                1, "Our tables hold no other news of that session."
            ),
            "Intel has own news",
        ),
        (bullet(2, "13.8", "14.8"), "the sum was"),
        (bullet(2, "lasted", "grew"), "the ratio is"),
        (figure(0, "\u221216.0\u202f%"), "is not the move of"),
        (figure(1, "2 of 4"), "3 of 4 did"),
        (figure(2, "\u2212$492 bn"), "market value changed"),
        (figure(2, "+$592 bn"), "market value changed"),
        (lambda note, _: note.update(badges=[]), "own news of"),
        (lambda note, _: note.update(title="word " * 120), "on the first screen"),
        (
            lambda _, document: document["neighbours"].update(
                {"1": [security("AMD", -0.3, -0.29, 0.001, day0="2025-01-28")]}
            ),
            "silent about AMD",
        ),
    ],
)
def test_a_planted_contradiction_is_found(change: Change, why: str) -> None:
    assert any(why in problem for problem in found(change)), found(change)


def test_a_move_of_another_that_is_not_mentioned_is_found() -> None:
    def change(note: dict[str, Any], document: dict[str, Any]) -> None:
        document["securities"][0]["p_adjusted"] = 0.3
        note["headline"] = "Nvidia fell 17.0 % on 27 January: not significant."

    assert any("silent about Vistra" in problem for problem in found(change))
