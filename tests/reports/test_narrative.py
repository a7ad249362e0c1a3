"""Each kind of headline and bullet, word for word, from moves made up for it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analysis.reports import narrative, terms
from analysis.reports.findings import Findings, GroupMove, Move
from analysis.reports.narrative import Course, Surroundings
from analysis.studies.models import MODELS
from tests.reports.note_checker import plain

MONDAY, TUESDAY = date(2025, 1, 27), date(2025, 1, 28)


def move(
    name: str = "Nvidia", raw: float = -0.17, abnormal: float = -0.13, **other: object
) -> Move:
    values = {
        "ticker": name[:4].upper(), "role": "gpu", "day": MONDAY, "p_value": 0.001,
        "significant": True, "named": True, "confounded": "", "detectable": 0.074,
    } | other  # fmt: skip
    return Move(name=name, raw=raw, abnormal=abnormal, **values)  # type: ignore[arg-type]


def calm(
    name: str = "Nvidia", raw: float = 0.014, abnormal: float = 0.003, **other: object
) -> Move:
    return move(name, raw, abnormal, significant=False, p_value=0.6, **other)


def group(name: str, average: float, raw: float, p_value: float = 0.01) -> GroupMove:
    return GroupMove(name, 5, average, raw, p_value, p_value < 0.05)


NO_GROUPS: tuple[GroupMove, ...] = ()


DOUBT = "Significant in 7 of 8 model choices."


def said(found: Findings, model: str = "market", **other: Any) -> str:
    return plain(narrative.headline(found, model, **other))


def moved(lead: Move, *groups: GroupMove, second: Move | None = None) -> Findings:
    return Findings("moved", lead, (lead,), (), groups, None, second)


def test_a_move_is_told_with_its_day_and_what_the_market_does_not_explain() -> None:
    assert said(moved(move())) == (
        "Nvidia fell 17.0 % on 27 January, 13.0 points more than the market explains."
    )


def test_kinds_of_stocks_that_moved_too_are_named_by_their_direction() -> None:
    found = moved(
        move(),
        group("networking", -0.15, -0.19),
        group("power", -0.14, -0.16),
        group("gpu", -0.1, -0.12),  # the lead's own
        group("cloud", 0.04, 0.02),
        group("memory", -0.02, -0.03, p_value=0.3),
    )
    assert said(found) == (
        "Nvidia fell 17.0 % on 27 January, 13.0 points more than the market explains. Networking "
        "and power stocks fell too; cloud stocks rose."
    )


def test_a_group_that_fell_less_than_expected_did_not_rise() -> None:
    found = moved(move(raw=-0.06, abnormal=-0.05), group("power", 0.03, -0.02))
    assert said(found).endswith("Power stocks fell less than expected.")
    found = moved(move(raw=0.06, abnormal=0.05), group("power", -0.03, 0.02))
    assert said(found).endswith("Power stocks rose less than expected.")


@pytest.mark.parametrize(
    ("raw", "abnormal", "words"),
    [
        (-0.17, -0.13, "fell 17.0 % on 27 January, 13.0 points more than the market explains."),
        (0.064, 0.074, "rose 6.4 % on 27 January where the model expects a fall of 1.0 %."),
        (-0.01, 0.03, "fell 1.0 % on 27 January where the model expects a fall of 4.0 %."),
        (0.02, -0.02, "rose 2.0 % on 27 January where the model expects a rise of 4.0 %."),
        (-0.333, -0.331, "fell 33.3 % on 27 January; the market explains almost none of it."),
        (0.0001, -0.03, "was unchanged on 27 January where the model expects a rise of 3.0 %."),
        (-0.03, -0.0302, "fell 3.0 % on 27 January where the model expects no move."),
    ],
)
def test_every_relation_of_raw_and_abnormal_has_its_words(
    raw: float, abnormal: float, words: str
) -> None:
    assert said(moved(move(raw=raw, abnormal=abnormal))) == f"Nvidia {words}"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_words(model: str) -> None:
    text = said(moved(move()), model)
    assert text.startswith("Nvidia fell 17.0 % on 27 January, ")
    assert terms.explained_by(model)
    assert ("average day" in text) == (model == "mean_adjusted")
    assert ("the US factors explain." in text) == (terms.explained_by(model) == "the US factors")


def test_a_larger_move_in_a_session_that_is_open_is_mentioned() -> None:
    later = move(raw=-0.333, abnormal=-0.3, day=TUESDAY, offset=1)
    assert said(moved(move(raw=-0.03, abnormal=-0.025), second=later)).endswith(
        "On 28 January, the next session, it fell 33.3 %."
    )


def test_a_move_in_the_session_beside_day_0_is_no_silence() -> None:
    lead = move("Super Micro", -0.333, -0.3, day=TUESDAY, offset=1, ticker="SMCI")
    own = calm("Super Micro", ticker="SMCI")
    assert said(Findings("neighbour", lead, (own,), (), NO_GROUPS, None)) == (
        "No clear move on 27 January; Super Micro fell 33.3 % on 28 January, the next session, "
        "which the timing allows."
    )


def test_the_move_of_another_is_not_the_events() -> None:
    other = move("Apple", -0.032, -0.041, named=False)
    found = Findings("other", calm(), (calm(),), (other,), NO_GROUPS, None, other)
    assert said(found) == (
        "Nvidia rose 1.4 % on 27 January, 0.3 points more than the market explains: not "
        "significant. Apple, not named by the event, fell 3.2 %."
    )
    alone = Findings("other", None, (), (other, calm("Meta", named=False)), NO_GROUPS, None, other)
    assert said(alone) == (
        "Of 2 securities only one moved significantly: Apple, not named by the event, fell 3.2 %."
    )
    busy = move("Meta", 0.2, 0.19, named=False, confounded="results")
    two = Findings("other", None, (), (other, busy), NO_GROUPS, None, other)
    assert "only one without news of its own moved significantly: Apple" in said(two)
    third = move("Oracle", 0.05, 0.04, named=False)
    assert said(Findings("other", None, (), (other, third), NO_GROUPS, None, other)).startswith(
        "Two of 2 securities moved significantly, most of all Apple: it fell 3.2 % where"
    )


def test_a_company_with_its_own_news_is_not_credited() -> None:
    intel = move("Intel", 0.236, 0.218, confounded="results")
    assert said(Findings("confounded", intel, (intel,), (), NO_GROUPS, None)) == (
        "Only Intel moved significantly: it rose 23.6 % on 27 January, a session with other news "
        "of its own."
    )
    two = Findings("confounded", intel, (intel, move("Arm", confounded="results")), (), (), None)
    assert said(two) == (
        "Only securities with other news of their own moved significantly: Intel rose 23.6 %."
    )
    apple = move("Apple", -0.032, -0.041, named=False)
    assert "a session with other news of its own. Apple, not named" in said(
        Findings("other", intel, (intel,), (apple,), NO_GROUPS, None, apple)
    )


def test_a_day_on_which_the_market_itself_moved_says_so_first() -> None:
    intel = move("Intel", 0.02, 0.133, named=False)
    found = Findings("other", None, (), (intel, calm("Meta", named=False)), NO_GROUPS, None, intel)
    assert said(found, market=("S&P 500", -0.048)) == (
        "The S&P 500 fell 4.8 %; one of 2 securities moved significantly beyond it, most of all "
        "Intel (abnormal return +13.3 %)."
    )
    still = Findings("none", None, (), (calm("Meta", named=False),) * 2, NO_GROUPS, None)
    assert said(still, market=("S&P 500", 0.04)) == (
        "The S&P 500 rose 4.0 %; none of 2 securities moved significantly beyond it."
    )
    assert "S&P" not in said(found, market=("S&P 500", -0.01))


def test_an_average_that_moved_leads_where_no_security_did() -> None:
    average = GroupMove("all", 68, -0.017, -0.02, 0.01, True)
    assert said(Findings("group", calm(), (calm(),), (), NO_GROUPS, average)) == (
        "The average abnormal return of 68 securities was -1.7 %; no single security moved "
        "significantly."
    )
    power = Findings("group", calm(), (calm(),), (), (group("power", -0.04, -0.05),), None)
    assert said(power) == (
        "The average abnormal return of power stocks was -4.0 %; no single security moved "
        "significantly."
    )


def test_where_nothing_moved_the_detectable_move_is_named() -> None:
    assert said(Findings("none", calm(), (calm(),), (), NO_GROUPS, None)) == (
        "Nvidia rose 1.4 % on 27 January, 0.3 points more than the market explains: not "
        "significant. Only moves beyond 7.4 points could be detected."
    )
    average = GroupMove("all", 2, 0.004, 0.01, 0.4, False)
    nobody = Findings("none", None, (), (calm(named=False), calm("Meta")), NO_GROUPS, average)
    assert said(nobody) == (
        "None of 2 securities moved significantly; their average abnormal return was +0.4 %."
    )
    assert said(Findings("unmeasured", None, (), (), NO_GROUPS, None)).startswith("No security had")


def test_a_headline_has_at_most_25_words_and_says_that_others_disagree() -> None:
    groups = [group(name, -0.1, -0.1) for name in ("networking", "power", "memory")]
    text = narrative.headline(moved(move(), *groups), "market", doubt=DOUBT)
    assert narrative.words(text) <= narrative.MOST_WORDS
    assert DOUBT in text
    long = move("Hewlett Packard Enterprise", -0.1, -0.09, named=False)
    other = Findings("other", calm(), (calm(),), (long,), NO_GROUPS, None, long)
    text = narrative.headline(other, "market", doubt=DOUBT)
    assert narrative.words(text) <= narrative.MOST_WORDS
    assert "Elsewhere Hewlett Packard Enterprise fell" in text
    assert "not significant" in text


AROUND = Surroundings("S&P 500", -0.0146, (), (), (), float("nan"))


def bullets(
    found: Findings, around: Surroundings = AROUND, course: Course | None = None
) -> list[str]:
    return [plain(text) for text in narrative.bullets(found, around, course)]


def test_the_first_bullet_counts_moves_up_and_down() -> None:
    others = (move("Vertiv", -0.3, -0.26), move("Tesla", 0.05, 0.04), calm("Meta"))
    found = Findings("moved", move(), (move(),), others, NO_GROUPS, None)
    assert bullets(found)[0] == (
        "Of three significant moves, two were down and one up; the largest was Vertiv's (abnormal "
        "return -26.0 %)."
    )
    busy = Findings(
        "moved", move(), (move(),), (move("Arm", -0.3, -0.26, confounded="results"),), (), None
    )
    # The headline's own move is not told again.
    assert bullets(busy)[0] == "Both significant moves were down."
    split = Findings("moved", move(), (move(),), (move("Tesla", 0.05, 0.04),), (), None)
    assert bullets(split)[0] == "Of two significant moves, one was down and one up."
    assert bullets(moved(move()))[0] == (
        "The abnormal return of Nvidia was -13.0 %; it did differ significantly from zero."
    )
    one = Findings("moved", move(), (move(), calm("Meta")), (), NO_GROUPS, None)
    assert bullets(one)[0] == (
        "One of 2 securities moved significantly: Nvidia (abnormal return -13.0 %)."
    )


def test_where_nothing_moved_the_first_bullet_gives_the_average() -> None:
    average = GroupMove("all", 2, 0.008, 0.01, 0.4, False)
    still = Findings("none", calm(), (calm(), calm("Meta")), (), NO_GROUPS, average)
    assert bullets(still)[0] == (
        "The average abnormal return of 2 securities was +0.8 %; none moved significantly."
    )


def test_the_second_bullet_names_market_and_own_news() -> None:
    assert bullets(moved(move()))[1] == (
        "The S&P 500 fell 1.5 %. Our tables hold no other news of that session."
    )
    busy = Surroundings("S&P 500", 0.0001, ("FOMC statement",), ("ASML results",), (), 0.009)
    same = Surroundings("", float("nan"), (), (), ("An 8-K", "A rule", "A list"), float("nan"))
    assert bullets(moved(move()), same)[1] == "Same day: An 8-K and two more."
    assert bullets(moved(move()), busy)[1] == (
        "The S&P 500 was unchanged. Market news: FOMC statement. Own news: ASML results; "
        "without it the average is +0.9 %."
    )


@pytest.mark.parametrize(
    ("car", "words"),
    [
        (-0.138, "-13.8 %: the fall lasted."),
        (-0.08, "-8.0 %: part of the fall was reversed."),
        (-0.2, "-20.0 %: the fall grew."),
        (-0.05, "-5.0 %: more than half of the fall was reversed."),
        (0.02, "+2.0 %: all of the fall was reversed."),
    ],
)
def test_the_third_bullet_says_whether_it_lasted(car: float, words: str) -> None:
    course = Course(date(2025, 2, 3), car, 0.01)
    assert bullets(moved(move()), course=course)[2] == (
        f"By 3 February Nvidia's abnormal return summed to {words}"
    )
    still = bullets(Findings("none", calm(), (calm(),), (), (), None), course=course)[2]
    assert still.endswith("a significant move.")
    assert bullets(moved(move()))[2] == "Prices end before the event window does."
    plural = bullets(moved(move("Meta Platforms")), course=course)[2]
    assert "Meta Platforms' abnormal" in plural
